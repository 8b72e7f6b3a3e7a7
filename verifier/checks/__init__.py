"""One module per numbered step of docs/VERIFICATION.md. Each takes bytes and settings and returns its step; no I/O."""
