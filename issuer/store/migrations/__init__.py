"""Alembic's migrations. A version that was released is never edited; `store.migrate` runs them."""
