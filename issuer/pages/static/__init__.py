"""Style sheet, scripts, and the mark."""
