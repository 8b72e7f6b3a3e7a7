"""The tables, by aggregate. Importing this package knows them all: `Base.metadata` is complete."""

from . import desks, operations, people, permits, stock

__all__ = ["desks", "operations", "people", "permits", "stock"]
