"""The journal: its rules hold in the database too, and choosing an index tells nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.errors import Refusal, Refused
from issuer.journal import (
    NEXT,
    Binding,
    CardState,
    EventKind,
    IntentKind,
    choose_index,
)
from issuer.journal_sqlite import SqliteJournal

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
SERIAL, OTHER = bytes(range(10)), bytes(range(10, 20))
URI = "https://permits.utopia.example/status/1"


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
        status_uri=URI,
        valid_from=date(2026, 11, 21),
        endorsed_until=date(2027, 11, 21),
    )


def bind(journal: SqliteJournal, serial: bytes = SERIAL, permit: str = "RP00000017", index: int = 7) -> int:
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    journal.identify(intent, serial)
    journal.bind(intent, serial, binding(permit), lambda used: index)
    return intent


def reason(call: object, *values: object, **named: object) -> Refusal:
    with pytest.raises(Refused) as refused:
        call(*values, **named)  # type: ignore[operator]
    return refused.value.reason


def test_the_whole_way(journal: SqliteJournal) -> None:
    intent = bind(journal)
    assert journal.live_card("RP00000017") == journal.card(SERIAL)
    journal.verified(SERIAL)
    journal.activated(intent, SERIAL)
    card = journal.card(SERIAL)
    assert card is not None
    assert (card.state, card.status_index, card.unresolved) == (CardState.ACTIVATED, 7, False)
    assert journal.open_intents() == ()
    kinds = [event.kind for event in journal.events(SERIAL)]
    assert kinds == [EventKind.BOUND, EventKind.VERIFIED, EventKind.ACTIVATED]


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


def test_one_live_card_for_a_permit(journal: SqliteJournal) -> None:
    intent = bind(journal)
    second = journal.begin(IntentKind.ISSUE, permit_number="RP00000017", reader="r")
    assert reason(journal.bind, second, OTHER, binding(), lambda used: 8) is Refusal.PERMIT_UNRESOLVED
    journal.verified(SERIAL)
    journal.activated(intent, SERIAL)
    assert reason(journal.bind, second, OTHER, binding(), lambda used: 8) is Refusal.PERMIT_HAS_CARD
    journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    journal.bind(second, OTHER, binding(), lambda used: 8)
    live = journal.live_card("RP00000017")
    assert live is not None
    assert live.serial == OTHER


def test_one_permit_for_a_card(journal: SqliteJournal) -> None:
    bind(journal)
    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000018", reader="r")
    assert reason(journal.bind, intent, SERIAL, binding("RP00000018"), lambda used: 8) is Refusal.CARD_RESERVED


def test_a_resume_keeps_the_index(journal: SqliteJournal) -> None:
    bind(journal, index=7)
    bind(journal, index=9)
    card = journal.card(SERIAL)
    assert card is not None
    assert card.status_index == 7
    assert len(journal.open_intents()) == 1


def test_an_index_is_given_once(journal: SqliteJournal) -> None:
    bind(journal, index=7)
    seen: list[frozenset[int]] = []

    def choose(used: frozenset[int]) -> int:
        seen.append(used)
        return 8

    journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000017", reader="r")
    journal.bind(intent, OTHER, binding(), choose)
    assert seen == [frozenset({7})]  # a void card keeps its index for ever


@pytest.mark.parametrize("source", CardState)
@pytest.mark.parametrize("target", [CardState.WRITING, CardState.VERIFIED, CardState.ACTIVATED])
def test_states_follow_the_table(journal: SqliteJournal, source: CardState, target: CardState) -> None:
    intent = bind(journal)
    if source in (CardState.VERIFIED, CardState.ACTIVATED):
        journal.verified(SERIAL)
    if source is CardState.ACTIVATED:
        journal.activated(intent, SERIAL)
    if source is CardState.VOID:
        journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    before = journal.events()

    def move() -> None:
        if target is CardState.WRITING:
            journal.bind(intent, SERIAL, binding(), lambda used: 8)
        elif target is CardState.VERIFIED:
            journal.verified(SERIAL)
        else:
            journal.activated(intent, SERIAL)

    if target in NEXT[source]:
        move()
        card = journal.card(SERIAL)
        assert card is not None
        assert card.state is target
    else:
        expected = Refusal.CARD_VOID if source is CardState.VOID else Refusal.ALREADY_PERSONALISED
        assert reason(move) is expected
        assert journal.events() == before


def test_a_void_card_owes_its_publication(journal: SqliteJournal) -> None:
    bind(journal)
    assert journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32)).revocation_due
    journal.status_published(SERIAL)
    assert not journal.void(None, SERIAL, reason="again", profile_digest=bytes(32)).revocation_due
    card = journal.card(SERIAL)
    assert card is not None
    assert card.reason == "lost"


def test_a_spoiled_blank_is_accounted_for(journal: SqliteJournal) -> None:
    journal.receive(3, note="delivery")
    journal.receive(-1, note="to the next desk")
    card = journal.void(None, OTHER, reason="bent", profile_digest=bytes(32))
    assert not card.revocation_due
    bind(journal)
    balance = journal.balance()
    assert (balance.received, balance.void, balance.unresolved, balance.remaining) == (2, 1, 1, 0)


def test_a_withdrawn_intent_leaves_nothing(journal: SqliteJournal) -> None:
    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000017", reader="r")
    journal.identify(intent, SERIAL)
    journal.withdraw(intent)
    assert (journal.cards(), journal.events(), journal.open_intents()) == ((), (), ())


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


def test_a_failure_inside_a_transaction_undoes_it(journal: SqliteJournal) -> None:
    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000017", reader="r")

    def full(used: frozenset[int]) -> int:
        raise Refused(Refusal.NO_STATUS_INDEX, size=0)

    assert reason(journal.bind, intent, SERIAL, binding(), full) is Refusal.NO_STATUS_INDEX
    assert journal.card(SERIAL) is None
    assert journal.events() == ()


def test_a_newer_schema(journal: SqliteJournal, path: Path) -> None:
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA user_version = 2")
    database.close()
    assert reason(SqliteJournal, path, clock=lambda: NOW) is Refusal.JOURNAL_UNUSABLE


@pytest.mark.parametrize("content", [b"not a database at all, but long enough to look like one " * 20, b"\0" * 4096])
def test_no_database(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    assert reason(SqliteJournal, path, clock=lambda: NOW) is Refusal.JOURNAL_UNUSABLE


@given(st.sets(st.integers(0, 31), max_size=32), st.randoms(use_true_random=False))
def test_an_index_is_free_and_in_the_shard(used: set[int], random: object) -> None:
    below = random.randrange  # type: ignore[attr-defined]
    if len(used) == 32:
        assert reason(choose_index, frozenset(used), size=32, below=below) is Refusal.NO_STATUS_INDEX
    else:
        index = choose_index(frozenset(used), size=32, below=below)
        assert 0 <= index < 32
        assert index not in used


def test_every_free_index_can_come() -> None:
    """Also when few are left: each by its own draw."""
    used = frozenset(range(32)) - {3, 30}
    assert {choose_index(used, size=32, below=lambda n, at=at: at) for at in (0, 1)} == {3, 30}
