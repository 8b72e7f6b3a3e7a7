"""Every act, in a chain that nobody can change without being found out: records, checkpoints, verification, export."""
