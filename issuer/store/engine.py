"""A database by its URL: SQLite in a file, durable at every commit, or PostgreSQL.

SQLite: WAL, synchronous=FULL, foreign keys enforced, and BEGIN IMMEDIATE, so that who writes has the only pen from the
start and never finds out at the end. PostgreSQL: READ COMMITTED; versions and unique indexes decide who was first.
"""

from __future__ import annotations

import os
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url

BUSY_TIMEOUT = 10.0  # seconds that SQLite waits for another writer
STATEMENT_TIMEOUT = 30_000  # milliseconds that PostgreSQL gives a statement of the service
READ_ONLY = "read_only"
"""Execution option of a connection that only reads: on SQLite it takes no pen."""


def open_engine(url: str | URL, *, pool_size: int = 10) -> Engine:
    """The engine. A bare path, or ``sqlite:///path``, is a file; ``postgresql://…`` a server (by psycopg)."""
    parsed = make_url(url) if isinstance(url, URL) or "://" in url else URL.create("sqlite", database=url)
    if parsed.get_backend_name() == "sqlite":
        return _sqlite(parsed, pool_size)
    if parsed.get_backend_name() == "postgresql":
        return _postgresql(parsed, pool_size)
    raise ValueError(f"neither SQLite nor PostgreSQL: {parsed.get_backend_name()}")


def _sqlite(url: URL, pool_size: int) -> Engine:
    if url.database in (None, "", ":memory:"):
        raise ValueError("an authority needs a file")
    assert url.database is not None
    os.close(os.open(url.database, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600))
    engine = create_engine(
        url.set(drivername="sqlite+pysqlite"),
        connect_args={"timeout": BUSY_TIMEOUT, "check_same_thread": False},
        pool_size=pool_size,
    )

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver would begin by itself, and too late
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON", "temp_store = MEMORY"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def began(connection: Connection) -> None:
        reading = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


def _postgresql(url: URL, pool_size: int) -> Engine:
    return create_engine(
        url.set(drivername="postgresql+psycopg"),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        connect_args={"options": f"-c statement_timeout={STATEMENT_TIMEOUT} -c timezone=UTC"},
    )
