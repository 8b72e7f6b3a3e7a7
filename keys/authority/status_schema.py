"""The tables of `status.db`: shards, and what is not VALID in them; what must never happen is said to the database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

VERSION = 2

_SCHEMA = """
CREATE TABLE shards (
    number INTEGER PRIMARY KEY CHECK (number >= 0),
    size INTEGER NOT NULL CHECK (size > 0 AND size % 4 = 0),
    given BLOB NOT NULL,
    free INTEGER NOT NULL CHECK (free >= 0),
    open INTEGER NOT NULL DEFAULT 1,
    revision INTEGER NOT NULL DEFAULT 1,
    signed_revision INTEGER NOT NULL DEFAULT 0,
    iat INTEGER NOT NULL DEFAULT 0,
    exp INTEGER NOT NULL DEFAULT 0,
    kid BLOB NOT NULL DEFAULT x'',
    digest BLOB NOT NULL DEFAULT x''
) STRICT;
CREATE TABLE statuses (
    shard INTEGER NOT NULL REFERENCES shards,
    entry INTEGER NOT NULL CHECK (entry >= 0),
    status INTEGER NOT NULL CHECK (status IN (0, 1, 2)),
    PRIMARY KEY (shard, entry)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER invalid_for_good BEFORE UPDATE ON statuses WHEN OLD.status = 1 AND NEW.status <> 1
    BEGIN SELECT RAISE(ABORT, 'a status left INVALID'); END;
CREATE TRIGGER no_entry_disappears BEFORE DELETE ON statuses
    BEGIN SELECT RAISE(ABORT, 'a status disappeared'); END;
CREATE TRIGGER no_shard_disappears BEFORE DELETE ON shards
    BEGIN SELECT RAISE(ABORT, 'a shard disappeared'); END;
"""

_SINCE_1 = (
    "ALTER TABLE shards ADD COLUMN kid BLOB NOT NULL DEFAULT x''",
    "ALTER TABLE shards ADD COLUMN digest BLOB NOT NULL DEFAULT x''",
)
"""Who signed a list, and the SHA-256 of it."""


def is_current(database: sqlite3.Connection) -> bool:
    """Whether the tables are of this version; asks for no lock."""
    return bool(database.execute("PRAGMA user_version").fetchone()[0] == VERSION)


def bring_up_to_date(database: sqlite3.Connection) -> None:
    """Make the tables, or add what came since; within a transaction of the caller. `sqlite3.DatabaseError` for a
    version that is not known."""
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version not in {0, 1, VERSION}:
        raise sqlite3.DatabaseError(f"version {version} is not known")
    if version < VERSION:
        for statement in _statements(_SCHEMA) if version == 0 else _SINCE_1:
            database.execute(statement)
        database.execute(f"PRAGMA user_version = {VERSION}")


def _statements(script: str) -> Iterator[str]:
    """`executescript` commits first: statements one by one stay in the transaction."""
    statement = ""
    for line in script.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
