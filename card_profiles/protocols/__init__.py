"""Access and authentication protocols, sans-I/O: PACE, BAC, Chip Authentication, SCP03."""
