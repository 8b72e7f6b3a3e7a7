"""The desk agent: the program beside a reader that lends it to the service, and nothing else of its machine."""
