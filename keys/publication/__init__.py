"""What an authority publishes for its counters: a TUF repository of plain files, and a master list for other readers."""
