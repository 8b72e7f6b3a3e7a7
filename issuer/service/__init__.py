"""The issuing service: the acts of an office over HTTP, for desks, for scripts, and for whoever supervises it."""
