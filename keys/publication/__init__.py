"""What an authority publishes: a TUF repository of plain files for its counters, a master list for other readers."""
