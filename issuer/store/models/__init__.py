"""The tables, by aggregate. Importing this package knows them all: `Base.metadata` is complete."""

from . import operations, people, permits, stock

__all__ = ["operations", "people", "permits", "stock"]
