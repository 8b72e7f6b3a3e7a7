"""Tables of the key registry. What must never happen is refused by the database, whatever the code does."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from .lifecycle import TRANSITIONS

VERSION = 2

_SCHEMA = """
CREATE TABLE authority (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    settings TEXT NOT NULL,
    own_transport_keys INTEGER NOT NULL
) STRICT;
CREATE TABLE transitions (source TEXT NOT NULL, target TEXT NOT NULL, PRIMARY KEY (source, target)) STRICT;
CREATE TABLE keys (
    id INTEGER PRIMARY KEY,
    purpose TEXT NOT NULL,
    generation INTEGER NOT NULL CHECK (generation > 0),
    kid BLOB NOT NULL,
    state TEXT NOT NULL,
    uri TEXT NOT NULL UNIQUE,
    certificate TEXT NOT NULL DEFAULT '',
    serial TEXT NOT NULL DEFAULT '',
    generated_at INTEGER NOT NULL,
    staged_at INTEGER,
    published_at INTEGER,
    activated_at INTEGER,
    retired_at INTEGER,
    destroyed_at INTEGER,
    compromised_at INTEGER,
    active_from INTEGER,
    active_until INTEGER,
    expires_at INTEGER,
    cap INTEGER,
    signatures INTEGER NOT NULL DEFAULT 0 CHECK (cap IS NULL OR signatures <= cap),
    UNIQUE (purpose, generation)
) STRICT;
CREATE UNIQUE INDEX one_active_key_per_purpose ON keys (purpose)
    WHERE state = 'active' AND purpose NOT LIKE 'publication-%';
CREATE UNIQUE INDEX one_key_per_kid ON keys (kid) WHERE kid <> x'';
CREATE TABLE revocations (serial TEXT PRIMARY KEY, revoked_at INTEGER NOT NULL) STRICT;
CREATE TABLE high_water (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
CREATE TABLE intents (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    command TEXT NOT NULL,
    arguments TEXT NOT NULL,
    begun INTEGER NOT NULL,
    outcome TEXT
) STRICT;
CREATE UNIQUE INDEX one_open_intent ON intents (outcome IS NULL) WHERE outcome IS NULL;
CREATE TABLE events (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL,
    key TEXT NOT NULL,
    kind TEXT NOT NULL,
    operator TEXT NOT NULL,
    witness TEXT NOT NULL,
    detail TEXT NOT NULL,
    digest BLOB NOT NULL
) STRICT;
CREATE TRIGGER life_cycle BEFORE UPDATE OF state ON keys WHEN NOT EXISTS
    (SELECT 1 FROM transitions WHERE source = OLD.state AND target = NEW.state) AND NEW.state <> OLD.state
    BEGIN SELECT RAISE(ABORT, 'no such step in the life of a key'); END;
CREATE TRIGGER life_begins BEFORE INSERT ON keys WHEN NEW.state <> 'generated'
    BEGIN SELECT RAISE(ABORT, 'a key begins as generated'); END;
CREATE TRIGGER identity_stays BEFORE UPDATE ON keys WHEN OLD.purpose <> NEW.purpose OR OLD.kid <> NEW.kid
    OR OLD.generation <> NEW.generation OR OLD.uri <> NEW.uri
    BEGIN SELECT RAISE(ABORT, 'a key stays what it is'); END;
CREATE TRIGGER signatures_rise BEFORE UPDATE ON keys WHEN NEW.signatures < OLD.signatures
    BEGIN SELECT RAISE(ABORT, 'signatures are never uncounted'); END;
CREATE TRIGGER compromised_for_good BEFORE UPDATE ON keys
    WHEN OLD.compromised_at IS NOT NULL AND (NEW.compromised_at IS NULL OR NEW.compromised_at > OLD.compromised_at)
    BEGIN SELECT RAISE(ABORT, 'a compromise is never taken back'); END;
CREATE TRIGGER keys_stay BEFORE DELETE ON keys BEGIN SELECT RAISE(ABORT, 'a key is never forgotten'); END;
CREATE TRIGGER revocations_stay BEFORE DELETE ON revocations
    BEGIN SELECT RAISE(ABORT, 'a revocation is never removed'); END;
CREATE TRIGGER revocations_only_earlier BEFORE UPDATE ON revocations
    WHEN NEW.serial <> OLD.serial OR NEW.revoked_at > OLD.revoked_at
    BEGIN SELECT RAISE(ABORT, 'a revocation never moves to a later date'); END;
CREATE TRIGGER high_water_rises BEFORE UPDATE ON high_water WHEN NEW.name <> OLD.name OR NEW.value < OLD.value
    BEGIN SELECT RAISE(ABORT, 'a high-water mark never falls'); END;
CREATE TRIGGER high_water_stays BEFORE DELETE ON high_water
    BEGIN SELECT RAISE(ABORT, 'a high-water mark never falls'); END;
CREATE TRIGGER events_stand BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only appended'); END;
CREATE TRIGGER events_stay BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only appended'); END;
"""


def create(database: sqlite3.Connection) -> None:
    """Make the tables; the caller holds the transaction."""
    for statement in _statements():
        database.execute(statement)
    steps = sorted({(row.source.value, row.target.value) for row in TRANSITIONS if row.source is not row.target})
    database.executemany("INSERT INTO transitions VALUES (?, ?)", steps)
    database.execute(f"PRAGMA user_version = {VERSION}")


def upgrade(database: sqlite3.Connection) -> None:
    """From version 1, which knew no date of publication and no keys of the publication; the caller holds the
    transaction."""
    database.execute("ALTER TABLE keys ADD COLUMN published_at INTEGER")
    database.execute("DROP INDEX one_active_key_per_purpose")
    for statement in _statements():
        if "one_active_key_per_purpose" in statement:
            database.execute(statement)
    database.execute(f"PRAGMA user_version = {VERSION}")


def _statements() -> Iterator[str]:
    # `executescript` would commit first: statements one by one stay in the transaction.
    statement = ""
    for line in _SCHEMA.splitlines():
        statement += f"{line}\n"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
