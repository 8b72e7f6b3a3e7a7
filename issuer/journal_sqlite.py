"""The personalisation journal in one SQLite file: WAL and synchronous=FULL, so that committed means on the disk.

The rules stand in the database too, where no program can forget them: one live card for a permit, a void card stays
void, cards and events are never deleted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any

from keys.status_list import Place

from .errors import Refusal, Refused
from .journal import (
    NEXT,
    SERIAL_LENGTH,
    UNRESOLVED,
    Allocate,
    Balance,
    Binding,
    CardRecord,
    CardState,
    Event,
    EventKind,
    Intent,
    IntentKind,
    SignedBy,
    allotted,
)

SCHEMA_VERSION = 1
BUSY_TIMEOUT = 10.0  # seconds to wait for another process

_SCHEMA = (
    f"""
CREATE TABLE cards (
    serial TEXT PRIMARY KEY CHECK (length(serial) = {2 * SERIAL_LENGTH}),
    state TEXT NOT NULL CHECK (state IN ({", ".join(f"'{state}'" for state in CardState)})),
    permit_number TEXT NOT NULL,
    profile_digest TEXT NOT NULL,
    status_uri TEXT NOT NULL,
    status_index INTEGER,
    valid_from TEXT,
    endorsed_until TEXT,
    reason TEXT NOT NULL DEFAULT '',
    revocation_due INTEGER NOT NULL DEFAULT 0,
    updated_at TEXT NOT NULL,
    UNIQUE (status_uri, status_index)
) STRICT
""",
    """
CREATE UNIQUE INDEX one_live_card_per_permit ON cards (permit_number) WHERE state <> 'void' AND permit_number <> ''
""",
    """
CREATE TRIGGER void_is_final BEFORE UPDATE OF state ON cards WHEN OLD.state = 'void' AND NEW.state <> 'void'
    BEGIN SELECT RAISE(ABORT, 'a void card stays void'); END
""",
    """
CREATE TRIGGER cards_stay BEFORE DELETE ON cards BEGIN SELECT RAISE(ABORT, 'a card is never forgotten'); END
""",
    """
CREATE TABLE intents (
    number INTEGER PRIMARY KEY,
    kind TEXT NOT NULL,
    permit_number TEXT NOT NULL,
    reader TEXT NOT NULL,
    serial TEXT,
    opened_at TEXT NOT NULL
) STRICT
""",
    """
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    kind TEXT NOT NULL,
    serial TEXT NOT NULL,
    permit_number TEXT NOT NULL,
    detail TEXT NOT NULL,
    count INTEGER NOT NULL
) STRICT
""",
    "CREATE INDEX events_by_serial ON events (serial)",
    """
CREATE TRIGGER events_stay_1 BEFORE UPDATE ON events BEGIN SELECT RAISE(ABORT, 'events are only appended'); END
""",
    """
CREATE TRIGGER events_stay_2 BEFORE DELETE ON events BEGIN SELECT RAISE(ABORT, 'events are only appended'); END
""",
    f"PRAGMA user_version = {SCHEMA_VERSION}",
)


class SqliteJournal:
    """The journal in one file. Raises Refused(JOURNAL_UNUSABLE) when the file is not ours, or stays locked."""

    def __init__(self, path: Path, *, clock: Callable[[], datetime]) -> None:
        """`path` is made if there is none; `clock` gives an aware time."""
        self._path = path
        self._clock = clock
        try:
            path.touch(mode=0o600)
            self._database = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
            try:
                self._open()
            except BaseException:
                self._database.close()
                raise
        except (sqlite3.Error, OSError) as error:
            raise Refused(Refusal.JOURNAL_UNUSABLE, path=path, error=error) from error

    def _open(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        version = self._one("PRAGMA user_version")[0]
        if version == 0:
            self._create()
            version = SCHEMA_VERSION
        if version != SCHEMA_VERSION:
            raise Refused(Refusal.JOURNAL_UNUSABLE, path=self._path, error=f"schema {version}")

    def _create(self) -> None:
        """The tables, unless another process has just made them; in a file that has others, refuse."""
        self._database.execute("BEGIN EXCLUSIVE")
        try:
            if self._one("PRAGMA user_version")[0] == 0:
                if self._one("SELECT count(*) FROM sqlite_master")[0]:
                    raise Refused(Refusal.JOURNAL_UNUSABLE, path=self._path, error="another database")
                for statement in _SCHEMA:
                    self._database.execute(statement)
            self._database.execute("COMMIT")
        except BaseException:
            self._database.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Checkpoints and closes."""
        self._database.close()

    # --- reading

    def card(self, serial: bytes) -> CardRecord | None:
        """The card's row."""
        row = self._one("SELECT * FROM cards WHERE serial = ?", serial.hex())
        return None if row is None else _card(row)

    def live_card(self, permit_number: str) -> CardRecord | None:
        """The one card of the permit that is not void."""
        row = self._one("SELECT * FROM cards WHERE permit_number = ? AND state <> 'void'", permit_number)
        return None if row is None else _card(row)

    def cards(self) -> tuple[CardRecord, ...]:
        """All of them, the last changed first."""
        return tuple(_card(row) for row in self._all("SELECT * FROM cards ORDER BY updated_at DESC, serial"))

    def revocations_due(self) -> tuple[CardRecord, ...]:
        """Void, and the status list does not say so yet."""
        return tuple(_card(row) for row in self._all("SELECT * FROM cards WHERE revocation_due ORDER BY serial"))

    def open_intents(self) -> tuple[Intent, ...]:
        """What was begun and did not end."""
        rows = self._all("SELECT number, kind, permit_number, reader, serial, opened_at FROM intents ORDER BY number")
        return tuple(
            Intent(
                number=row[0],
                kind=IntentKind(row[1]),
                permit_number=row[2],
                reader=row[3],
                serial=None if row[4] is None else bytes.fromhex(row[4]),
                opened_at=datetime.fromisoformat(row[5]),
            )
            for row in rows
        )

    def events(self, serial: bytes | None = None) -> tuple[Event, ...]:
        """The history, oldest first; of one card, or of all."""
        everything = "SELECT at, kind, serial, permit_number, detail, count FROM events "
        if serial is None:
            rows = self._all(everything + "ORDER BY number")
        else:
            rows = self._all(everything + "WHERE serial = ? ORDER BY number", serial.hex())
        return tuple(
            Event(
                at=datetime.fromisoformat(row[0]),
                kind=EventKind(row[1]),
                serial=bytes.fromhex(row[2]),
                permit_number=row[3],
                detail=row[4],
                count=row[5],
            )
            for row in rows
        )

    def balance(self) -> Balance:
        """Counted anew from the rows."""
        received = self._one("SELECT coalesce(sum(count), 0) FROM events WHERE kind = ?", EventKind.STOCK_RECEIVED)[0]
        counts: dict[str, int] = dict(self._all("SELECT state, count(*) FROM cards GROUP BY state"))
        return Balance(
            received=received,
            activated=counts.get(CardState.ACTIVATED, 0),
            void=counts.get(CardState.VOID, 0),
            unresolved=sum(counts.get(state, 0) for state in UNRESOLVED),
        )

    def _taken(self, place: Place) -> bool:
        query = "SELECT 1 FROM cards WHERE status_uri = ? AND status_index = ?"
        return self._one(query, place.uri, place.index) is not None

    # --- writing

    def begin(self, kind: IntentKind, *, permit_number: str, reader: str) -> int:
        """Record an intent; returns its number. One left there by a killed run that saw no card is taken up by it."""
        with self._transaction():
            # Whoever begins holds the reader: nobody else is at work there. Without a serial, nothing was changed.
            self._database.execute("DELETE FROM intents WHERE reader = ? AND serial IS NULL", (reader,))
            cursor = self._database.execute(
                "INSERT INTO intents (kind, permit_number, reader, opened_at) VALUES (?, ?, ?, ?)",
                (kind, permit_number, reader, self._now()),
            )
            return int(cursor.lastrowid or 0)

    def identify(self, intent: int, serial: bytes) -> None:
        """Complete the intent with the serial of the card that answered."""
        with self._transaction():
            self._database.execute("UPDATE intents SET serial = ? WHERE number = ?", (serial.hex(), intent))

    def withdraw(self, intent: int) -> None:
        """Forget an intent that changed nothing."""
        with self._transaction():
            self._database.execute("DELETE FROM intents WHERE number = ?", (intent,))

    def bind(self, intent: int, serial: bytes, binding: Binding, allocate: Allocate) -> CardRecord:
        """Bind a card to a permit, or take up an unresolved binding again; see `Journal.bind`."""
        with self._transaction():
            known = self.card(serial)
            live = self.live_card(binding.permit_number)
            if live is not None and live.serial != serial:
                reason = Refusal.PERMIT_UNRESOLVED if live.unresolved else Refusal.PERMIT_HAS_CARD
                raise Refused(reason, permit=binding.permit_number, serial=live.serial.hex())
            if known is None:
                self._insert(serial, CardState.WRITING, binding, allotted(allocate, self._taken))
                self._event(EventKind.BOUND, serial, binding.permit_number, detail=binding.profile_digest.hex())
            else:
                self._may(known, CardState.WRITING)
                if known.permit_number != binding.permit_number:
                    raise Refused(Refusal.CARD_RESERVED, serial=serial.hex(), permit=known.permit_number)
                self._database.execute(
                    "UPDATE cards SET state = ?, profile_digest = ?, valid_from = ?, endorsed_until = ?, updated_at = ?"
                    " WHERE serial = ?",
                    (
                        CardState.WRITING,
                        binding.profile_digest.hex(),
                        binding.valid_from.isoformat(),
                        binding.endorsed_until.isoformat(),
                        self._now(),
                        serial.hex(),
                    ),
                )
                self._event(EventKind.RESUMED, serial, binding.permit_number)
            # Earlier attempts for this permit or with this card are taken up by this one.
            self._database.execute(
                "DELETE FROM intents WHERE number <> ? AND kind = ? AND (serial = ? OR permit_number = ?)",
                (intent, IntentKind.ISSUE, serial.hex(), binding.permit_number),
            )
            return self._known(serial)

    def signed(self, serial: bytes, signatures: Sequence[SignedBy]) -> None:
        """Note signatures before they are made."""
        with self._transaction():
            card = self._known(serial)
            for one in signatures:
                self._event(EventKind.SIGNED, serial, card.permit_number, detail=str(one))

    def putting_keys(self, serial: bytes, *, old: int, new: int) -> None:
        """Note a PUT KEY before it is sent."""
        with self._transaction():
            card = self._known(serial)
            self._event(EventKind.KEYS_PUT, serial, card.permit_number, detail=f"{old:02X} {new:02X}")

    def verified(self, serial: bytes) -> None:
        """The card was read back as a counter would, and everything agreed."""
        self._move(None, serial, CardState.VERIFIED, EventKind.VERIFIED)

    def activated(self, intent: int, serial: bytes) -> None:
        """The card is in force."""
        self._move(intent, serial, CardState.ACTIVATED, EventKind.ACTIVATED)

    def endorsed(self, intent: int, serial: bytes, *, until: date, counter: int) -> None:
        """The other slot counts; `counter` is that of EF.Active."""
        with self._transaction():
            card = self._known(serial)
            self._may(card, CardState.ACTIVATED)
            self._database.execute(
                "UPDATE cards SET endorsed_until = ?, updated_at = ? WHERE serial = ?",
                (until.isoformat(), self._now(), serial.hex()),
            )
            self._event(EventKind.ENDORSED, serial, card.permit_number, detail=until.isoformat(), count=counter)
            self._end(intent, serial)

    def void(self, intent: int | None, serial: bytes, *, reason: str, profile_digest: bytes) -> CardRecord:
        """For good; a card that the journal did not know is entered as spoiled."""
        with self._transaction():
            card = self.card(serial)
            if card is None:
                self._database.execute(
                    "INSERT INTO cards (serial, state, permit_number, profile_digest, status_uri, reason, updated_at)"
                    " VALUES (?, ?, '', ?, '', ?, ?)",
                    (serial.hex(), CardState.VOID, profile_digest.hex(), reason, self._now()),
                )
                self._event(EventKind.VOIDED, serial, "", detail=reason)
            elif card.state is not CardState.VOID:
                self._database.execute(
                    "UPDATE cards SET state = ?, reason = ?, revocation_due = status_index IS NOT NULL, updated_at = ?"
                    " WHERE serial = ?",
                    (CardState.VOID, reason, self._now(), serial.hex()),
                )
                self._event(EventKind.VOIDED, serial, card.permit_number, detail=reason)
            self._end(intent, serial)
            return self._known(serial)

    def status_published(self, serial: bytes) -> None:
        """The status list says INVALID."""
        with self._transaction():
            card = self._known(serial)
            self._database.execute("UPDATE cards SET revocation_due = 0 WHERE serial = ?", (serial.hex(),))
            self._event(EventKind.STATUS_PUBLISHED, serial, card.permit_number)

    def receive(self, count: int, *, note: str) -> None:
        """`count` blanks came into stock (negative: handed on)."""
        with self._transaction():
            self._event(EventKind.STOCK_RECEIVED, b"", "", detail=note, count=count)

    # --- inside

    def _move(self, intent: int | None, serial: bytes, state: CardState, kind: EventKind) -> None:
        with self._transaction():
            card = self._known(serial)
            self._may(card, state)
            self._database.execute(
                "UPDATE cards SET state = ?, updated_at = ? WHERE serial = ?", (state, self._now(), serial.hex())
            )
            self._event(kind, serial, card.permit_number)
            if intent is not None:
                self._end(intent, serial)

    def _end(self, intent: int | None, serial: bytes) -> None:
        self._database.execute("DELETE FROM intents WHERE number = ? OR serial = ?", (intent, serial.hex()))

    def _may(self, card: CardRecord, state: CardState) -> None:
        if state not in NEXT[card.state]:
            void = card.state is CardState.VOID
            reason = Refusal.CARD_VOID if void else Refusal.ALREADY_PERSONALISED
            raise Refused(reason, serial=card.serial.hex(), permit=card.permit_number, why=card.reason)

    def _known(self, serial: bytes) -> CardRecord:
        card = self.card(serial)
        if card is None:
            raise Refused(Refusal.CARD_NOT_IN_JOURNAL, serial=serial.hex())
        return card

    def _insert(self, serial: bytes, state: CardState, binding: Binding, place: Place) -> None:
        self._database.execute(
            "INSERT INTO cards VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', 0, ?)",
            (
                serial.hex(),
                state,
                binding.permit_number,
                binding.profile_digest.hex(),
                place.uri,
                place.index,
                binding.valid_from.isoformat(),
                binding.endorsed_until.isoformat(),
                self._now(),
            ),
        )

    def _event(self, kind: EventKind, serial: bytes, permit: str, *, detail: str = "", count: int = 0) -> None:
        self._database.execute(
            "INSERT INTO events (at, kind, serial, permit_number, detail, count) VALUES (?, ?, ?, ?, ?, ?)",
            (self._now(), kind, serial.hex(), permit, detail, count),
        )

    def _now(self) -> str:
        return self._clock().isoformat()

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._database.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise Refused(Refusal.JOURNAL_UNUSABLE, path=self._path, error=error) from error

    def _one(self, query: str, *values: str | int) -> Any:
        rows = self._all(query, *values)
        return rows[0] if rows else None

    def _all(self, query: str, *values: str | int) -> list[Any]:
        try:
            return self._database.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise Refused(Refusal.JOURNAL_UNUSABLE, path=self._path, error=error) from error


def _card(row: Any) -> CardRecord:
    return CardRecord(
        serial=bytes.fromhex(row[0]),
        state=CardState(row[1]),
        permit_number=row[2],
        profile_digest=bytes.fromhex(row[3]),
        status_uri=row[4],
        status_index=-1 if row[5] is None else row[5],
        valid_from=_date(row[6]),
        endorsed_until=_date(row[7]),
        reason=row[8],
        revocation_due=bool(row[9]),
        updated_at=datetime.fromisoformat(row[10]),
    )


def _date(text: str | None) -> date | None:
    return None if text is None else date.fromisoformat(text)
