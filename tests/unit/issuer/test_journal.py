"""The journal in a file: what is its own. What every journal promises: tests/store/test_both_journals.py."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from issuer.errors import Refusal, Refused
from issuer.journal import Binding, IntentKind
from issuer.journal_sqlite import SqliteJournal
from tests.status_places import at

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
SERIAL, OTHER = bytes(range(10)), bytes(range(10, 20))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


@pytest.fixture
def journal(path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(path, clock=lambda: NOW)
    yield opened
    opened.close()


def binding(permit: str = "RP00000017") -> Binding:
    return Binding(
        permit_number=permit,
        profile_digest=bytes(32),
        valid_from=date(2026, 11, 21),
        endorsed_until=date(2027, 11, 21),
    )


def bind(journal: SqliteJournal, serial: bytes = SERIAL, permit: str = "RP00000017", index: int = 7) -> int:
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    journal.identify(intent, serial)
    journal.bind(intent, serial, binding(permit), at(index))
    return intent


def reason(call: object, *values: object, **named: object) -> Refusal:
    with pytest.raises(Refused) as refused:
        call(*values, **named)  # type: ignore[operator]
    return refused.value.reason


def test_it_is_on_the_disk(journal: SqliteJournal, path: Path) -> None:
    """Another connection sees what was committed, and commits wait for the disk."""
    bind(journal)
    again = SqliteJournal(path, clock=lambda: NOW)
    assert again.card(SERIAL) == journal.card(SERIAL)
    (synchronous,) = again._all("PRAGMA synchronous")[0]
    (mode,) = again._all("PRAGMA journal_mode")[0]
    assert (synchronous, mode) == (2, "wal")
    again.close()
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE cards SET state = 'activated'",
        "DELETE FROM cards",
        "UPDATE events SET detail = ''",
        "DELETE FROM events",
        "INSERT INTO cards SELECT '00010203040506070810', 'writing', 'RP00000018', '', '', 1, '', '', '', 0, ''"
        " UNION ALL SELECT '00010203040506070811', 'writing', 'RP00000018', '', '', 2, '', '', '', 0, ''",
        "UPDATE cards SET state = 'blank'",
    ],
)
def test_the_database_itself_says_no(journal: SqliteJournal, path: Path, statement: str) -> None:
    bind(journal)
    journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    database = sqlite3.connect(path, isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError):
        database.execute(statement)
    database.close()


def test_another_process_holds_it(journal: SqliteJournal, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("issuer.journal_sqlite.BUSY_TIMEOUT", 0.01)
    waiting = SqliteJournal(path, clock=lambda: NOW)
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("BEGIN IMMEDIATE")
    named = {"permit_number": "", "reader": ""}
    assert reason(waiting.begin, IntentKind.VOID, **named) is Refusal.JOURNAL_UNUSABLE
    database.execute("ROLLBACK")
    database.close()
    waiting.close()


def test_a_newer_schema(journal: SqliteJournal, path: Path) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA user_version = 2")
    database.close()
    assert reason(SqliteJournal, path, clock=lambda: NOW) is Refusal.JOURNAL_UNUSABLE


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look like one " * 20, b"\0" * 4096])
def test_no_database(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert reason(SqliteJournal, path, clock=lambda: NOW) is Refusal.JOURNAL_UNUSABLE
