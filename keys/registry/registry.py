"""The registry of an authority: its settings, its keys and their lives, and everything that was ever done to them.

SQLite in the authority's home (WAL, synchronous=FULL), without secrets. Signatures are counted here before they are
made: a run that is killed in between has counted one too many, never one too few. Events are appended and chained by
SHA-256, so that signed minutes, which quote the last digest, witness all that came before.
"""

from __future__ import annotations

import json
import os
import sqlite3
import threading
import weakref
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

from ..algorithms import Purpose
from ..authority import file as authority_file
from ..authority.errors import AuthorityError, AuthorityReason
from ..authority.file import AuthoritySettings
from ..authority.home_lock import locked
from ..errors import DecodeError
from . import schema as registry_schema
from .lifecycle import ROLE_RULES, RULES, KeyEvent, KeyState
from .records import Actor, Event, Intent, KeyRecord, key_name, require_may_sign

__all__ = [
    "Actor",
    "AuthorityError",
    "AuthorityReason",
    "Event",
    "Intent",
    "KeyRecord",
    "Registry",
    "key_name",
    "load",
    "locked",
    "require_may_sign",
]

FILE_NAME = "registry.db"
RESTORED = "restored"
"""High-water mark: when this registry was put in the place of a newer one. What was done in between is not in it."""
ACTORS_MAX = 200


_MOMENTS = (
    "generated_at",
    "staged_at",
    "published_at",
    "activated_at",
    "retired_at",
    "destroyed_at",
    "compromised_at",
    "active_from",
    "active_until",
    "expires_at",
)
_COLUMNS = ("purpose", "generation", "kid", "state", "uri", "certificate", "serial", *_MOMENTS, "cap", "signatures")


class Registry:
    """An opened registry. Safe for threads; other processes see each change when it is committed."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._lock = threading.RLock()
        self._depth = 0
        self._database = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        self.close = weakref.finalize(self, self._database.close)
        """Closes the file; happens by itself with the object's end."""
        try:
            self._database.execute("PRAGMA journal_mode = WAL")
            self._database.execute("PRAGMA synchronous = FULL")
            self._database.execute("PRAGMA foreign_keys = ON")
            version = self._database.execute("PRAGMA user_version").fetchone()[0]
            if version not in range(registry_schema.VERSION + 1):
                raise DecodeError(f"version {version} is not known", path="user_version")
            if version == 1:
                self._upgrade()
            if version:
                row = self._database.execute("SELECT settings, own_transport_keys FROM authority").fetchone()
                self.settings: AuthoritySettings = authority_file.from_members(json.loads(row[0]))
                self.own_transport_keys = bool(row[1])
                """Whether custody keeps transport keys; without, blanks carry the GlobalPlatform test key."""
        except (sqlite3.DatabaseError, ValueError, TypeError, DecodeError) as error:
            self.close()
            raise AuthorityError(f"{path}: {error}", reason=AuthorityReason.DAMAGED, detail=path) from error

    @classmethod
    def create(cls, path: str, settings: AuthoritySettings, *, own_transport_keys: bool) -> Registry:
        """A new registry without keys at `path`."""
        registry = cls(path)
        with registry.transaction():
            registry_schema.create(registry._database)
            registry._database.execute(
                "INSERT INTO authority VALUES (1, ?, ?)",
                (json.dumps(settings.public(), ensure_ascii=False), int(own_transport_keys)),
            )
        registry.settings, registry.own_transport_keys = settings, own_transport_keys
        return registry

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing, durable when it ends; one inside another is part of it."""
        with self._lock:
            if self._depth:
                yield
                return
            try:
                self._database.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                raise AuthorityError(f"{self.path}: {error}", reason=AuthorityReason.BUSY, detail=self.path) from error
            self._depth += 1
            try:
                yield
            except BaseException:
                self._database.execute("ROLLBACK")
                raise
            else:
                self._database.execute("COMMIT")
            finally:
                self._depth -= 1

    def _upgrade(self) -> None:
        with self.transaction():
            # Somebody else may have been faster.
            if self._database.execute("PRAGMA user_version").fetchone()[0] == 1:
                registry_schema.upgrade(self._database)

    # --- keys ------------------------------------------------------------------------------------------------------

    @property
    def keys(self) -> tuple[KeyRecord, ...]:
        """Every key there ever was, by purpose and generation."""
        order = {purpose.value: place for place, purpose in enumerate((*RULES, *ROLE_RULES))}
        found = self._select("")
        return tuple(sorted(found, key=lambda key: (order[key.purpose], key.generation)))

    def find(self, purpose: Purpose, generation: int) -> KeyRecord | None:
        """One key, if there is such."""
        found = self._select("WHERE purpose = ? AND generation = ?", purpose.value, generation)
        return found[0] if found else None

    def by_name(self, name: str) -> KeyRecord:
        """The key that people call `name`, or whose kid is `name` in hex; `AuthorityError` (NO_KEY)."""
        for key in self._select(""):
            if name.upper() == key.name or name.lower() == key.kid.hex():
                return key
        raise AuthorityError(f"no key {name!r:.40}", reason=AuthorityReason.NO_KEY, detail=name[:40])

    def active(self, purpose: Purpose) -> KeyRecord:
        """The key of a purpose that is in use; `AuthorityError` (NO_ACTIVE_KEY)."""
        found = self._select("WHERE purpose = ? AND state = 'active'", purpose.value)
        if not found:
            raise AuthorityError(f"no active {purpose}", reason=AuthorityReason.NO_ACTIVE_KEY, detail=purpose)
        return found[0]

    def in_state(self, purpose: Purpose, state: KeyState) -> tuple[KeyRecord, ...]:
        """Keys of a purpose in one state, oldest first."""
        return self._select("WHERE purpose = ? AND state = ? ORDER BY generation", purpose.value, state.value)

    def add(
        self, purpose: Purpose, generation: int, *, uri: str, kid: bytes, at: datetime, cap: int | None, actor: Actor
    ) -> KeyRecord:
        """Take up a key that custody has just made."""
        with self.transaction():
            self._database.execute(
                "INSERT INTO keys (purpose, generation, kid, state, uri, generated_at, cap) "
                "VALUES (?, ?, ?, ?, ?, ?, ?)",
                (purpose.value, generation, kid, KeyState.GENERATED.value, uri, _seconds(at), cap),
            )
            self.note(KeyEvent.GENERATE, key=key_name(purpose, generation), at=at, actor=actor, kid=kid.hex(), uri=uri)
        added = self.find(purpose, generation)
        assert added is not None
        return added

    def move(
        self,
        key: KeyRecord,
        event: KeyEvent,
        state: KeyState,
        *,
        at: datetime,
        actor: Actor,
        detail: Mapping[str, Any] | None = None,
        **values: datetime | str | None,
    ) -> None:
        """Set a key's state and other columns, with the event. The life cycle's table decides whether that can be."""
        columns: dict[str, int | str | None] = {"state": state.value}
        columns |= {name: _seconds(value) if isinstance(value, datetime) else value for name, value in values.items()}
        if set(columns) - {"state", "certificate", "serial", *_MOMENTS}:
            raise ValueError("no such column")
        assignments = ", ".join(f"{name} = ?" for name in columns)
        with self.transaction():
            self._database.execute(
                f"UPDATE keys SET {assignments} WHERE purpose = ? AND generation = ?",  # noqa: S608 - names as above
                (*columns.values(), key.purpose.value, key.generation),
            )
            self.note(event, key=key.name, at=at, actor=actor, **dict(detail or {}))

    def note_published(self, certificates: Collection[str], *, at: datetime, release: int) -> tuple[KeyRecord, ...]:
        """A release carries these certificates (files within `trust/`): the keys that it is the first for."""
        with self.transaction():
            fresh = tuple(key for key in self.keys if key.published_at is None and key.certificate in certificates)
            for key in fresh:
                self._database.execute(
                    "UPDATE keys SET published_at = ? WHERE purpose = ? AND generation = ?",
                    (_seconds(at), key.purpose.value, key.generation),
                )
                self.note("publish", key=key.name, at=at, actor=Actor(), release=release)
        return fresh

    def spend(self, key: KeyRecord, count: int, *, now: datetime, own_certificate: bool = False) -> None:
        """Count `count` signatures of a key before they are made; `AuthorityError` when it may not make them.

        Refused outside of its period, in another state than active, and beyond its cap, as it stands in the database
        now. `own_certificate` is for a CSCA key that has just been made.
        """
        with self.transaction():
            current = self.find(key.purpose, key.generation)
            if current is None:
                raise AuthorityError(f"no key {key.name}", reason=AuthorityReason.NO_KEY, detail=key.name)
            if not (own_certificate and current.state is KeyState.GENERATED):
                require_may_sign(current, now=now, count=count)
            self._database.execute(
                "UPDATE keys SET signatures = signatures + ? WHERE purpose = ? AND generation = ?",
                (count, key.purpose.value, key.generation),
            )

    def raise_signatures(self, key: KeyRecord, signatures: int) -> None:
        """What is seen of a key elsewhere: it has signed so often at least."""
        with self.transaction():
            self._database.execute(
                "UPDATE keys SET signatures = ? WHERE purpose = ? AND generation = ? AND signatures < ?",
                (signatures, key.purpose.value, key.generation, signatures),
            )

    # --- revocations and high-water marks --------------------------------------------------------------------------

    def revocations(self) -> dict[int, datetime]:
        """Dates of revocation by the certificate's serial number."""
        rows = self._database.execute("SELECT serial, revoked_at FROM revocations")
        return {int(serial, 16): _moment(revoked_at) for serial, revoked_at in rows}

    def add_revocation(self, serial: int, revoked_at: datetime) -> bool:
        """Take up a revocation, for good; whether that changed anything. An earlier date replaces a later one."""
        with self.transaction():
            known = self.revocations().get(serial)
            if known is not None and known <= revoked_at:
                return False
            self._database.execute(
                "INSERT INTO revocations VALUES (?, ?) ON CONFLICT DO UPDATE SET revoked_at = excluded.revoked_at",
                (f"{serial:x}", _seconds(revoked_at)),
            )
        return True

    def high_water(self, name: str) -> int:
        """The highest value of a number that only rises, such as the CRL's; 0 for none yet."""
        row = self._database.execute("SELECT value FROM high_water WHERE name = ?", (name,)).fetchone()
        return int(row[0]) if row else 0

    def raise_high_water(self, name: str, value: int) -> None:
        """Take up a value; a lower one than known changes nothing."""
        with self.transaction():
            self._database.execute(
                "INSERT INTO high_water VALUES (?, ?) "
                "ON CONFLICT DO UPDATE SET value = excluded.value WHERE excluded.value > value",
                (name, value),
            )

    # --- intents ---------------------------------------------------------------------------------------------------

    def begin(self, command: str, arguments: Mapping[str, Any], *, at: datetime) -> Intent:
        """Write down a command before its first step. There is at most one open intent."""
        with self.transaction():
            cursor = self._database.execute(
                "INSERT INTO intents (command, arguments, begun) VALUES (?, ?, ?)",
                (command, json.dumps(arguments, ensure_ascii=False), _seconds(at)),
            )
            assert cursor.lastrowid is not None
            return Intent(number=cursor.lastrowid, command=command, arguments=dict(arguments))

    def finish(self, intent: Intent, outcome: str = "done") -> None:
        """The command's last step is done, or it can never be."""
        with self.transaction():
            self._database.execute("UPDATE intents SET outcome = ? WHERE number = ?", (outcome, intent.number))

    def open_intent(self) -> Intent | None:
        """What a killed run left unfinished."""
        row = self._database.execute("SELECT number, command, arguments FROM intents WHERE outcome IS NULL").fetchone()
        return Intent(number=row[0], command=row[1], arguments=json.loads(row[2])) if row else None

    # --- history ---------------------------------------------------------------------------------------------------

    def note(self, kind: str, *, at: datetime, actor: Actor, key: str = "", **detail: Any) -> None:
        """Append an event."""
        with self.transaction():
            last = self._database.execute("SELECT number, digest FROM events ORDER BY number DESC LIMIT 1").fetchone()
            number, before = (last[0] + 1, last[1]) if last else (1, b"")
            text = json.dumps(detail, ensure_ascii=False, sort_keys=True)
            operator, witness = actor.operator[:ACTORS_MAX], actor.witness[:ACTORS_MAX]
            row = (number, _seconds(at), key, str(kind), operator, witness, text)
            self._database.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _event_digest(before, row))
            )

    def events(self, *, after: int = 0) -> tuple[Event, ...]:
        """The history after event number `after`; `AuthorityError` (DAMAGED) when the chain of digests is broken."""
        found: list[Event] = []
        before = b""
        for *row, digest in self._database.execute("SELECT * FROM events ORDER BY number"):
            if _event_digest(before, tuple(row)) != digest:
                raise AuthorityError(
                    f"event {row[0]} was changed", reason=AuthorityReason.DAMAGED, detail=f"{self.path} #{row[0]}"
                )
            before = digest
            number, at, key, kind, operator, witness, detail = row
            if number > after:
                found.append(
                    Event(
                        number=number,
                        at=_moment(at),
                        key=key,
                        kind=kind,
                        actor=Actor(operator=operator, witness=witness),
                        detail=json.loads(detail),
                        digest=digest,
                    )
                )
        return tuple(found)

    def snapshot(self, path: str) -> None:
        """Copy the registry as it stands to a new file, complete in itself."""
        with self._lock:
            target = sqlite3.connect(path)
            try:
                self._database.backup(target)
                target.execute("PRAGMA journal_mode = DELETE")
            finally:
                target.close()

    def _select(self, where: str, *values: Any) -> tuple[KeyRecord, ...]:
        with self._lock:
            rows = self._database.execute(
                f"SELECT {', '.join(_COLUMNS)} FROM keys {where}",  # noqa: S608 - our own text
                values,
            ).fetchall()
        return tuple(_record(row) for row in rows)


def load(home: str) -> Registry:
    """Open the registry of the authority at `home`; `AuthorityError` (NOT_FOUND, DAMAGED) otherwise."""
    path = os.path.join(home, FILE_NAME)
    if not os.path.lexists(path):
        raise AuthorityError(f"no authority at {home}", reason=AuthorityReason.NOT_FOUND, detail=home)
    if os.path.islink(path) or not os.path.isfile(path):
        raise AuthorityError(f"{path} is no file", reason=AuthorityReason.DAMAGED, detail=path)
    registry = Registry(path)
    try:
        if not hasattr(registry, "settings") or not any(key.purpose is Purpose.CSCA for key in registry.keys):
            raise DecodeError("no CSCA", path="keys")
    except (sqlite3.DatabaseError, ValueError, DecodeError) as error:
        registry.close()
        raise AuthorityError(f"{path}: {error}", reason=AuthorityReason.DAMAGED, detail=path) from error
    return registry


def _record(row: tuple[Any, ...]) -> KeyRecord:
    values = dict(zip(_COLUMNS, row, strict=True))
    values |= {name: None if values[name] is None else _moment(values[name]) for name in _MOMENTS}
    return KeyRecord(**{**values, "purpose": Purpose(values["purpose"]), "state": KeyState(values["state"])})


def _event_digest(before: bytes, row: tuple[Any, ...]) -> bytes:
    return sha256(before + json.dumps(row, ensure_ascii=False).encode()).digest()


def _seconds(moment: datetime) -> int:
    return int(moment.timestamp())


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
