"""Alembic's entry: migrations run on the connection that `store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from issuer.store import models  # noqa: F401 - the metadata is complete once they are imported
from issuer.store.base import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
