"""Status of every card, in shards of 2^18: indices drawn at random, statuses that only get worse, lists signed anew.

A SQLite file in the authority's home (WAL, synchronous=FULL). What must never happen is forbidden by the database
itself, not only by the code above it: no status leaves INVALID, no entry disappears, no index is given out twice.

A counter refuses a card whose list it does not have. So the next shard is opened, and published, when half of the last
one is given: 131,072 cards before the first card is in it.

A backup brings an older file back. Its statuses are then merged with the lists as published and never go below them;
and because nobody can tell which indices were given out since (a valid card leaves no trace in a list), a shard whose
published list is newer than the file knows is closed: no index in it is given out any more, a fresh shard is opened.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec

from .. import status_list
from ..envelopes import cose
from ..status_list import SHARD_ENTRIES, Place, Status, StatusList
from . import status_schema

__all__ = ["FILE_NAME", "Absorbed", "ListSigner", "Place", "ShardError", "ShardReason", "ShardStore"]

FILE_NAME = "status.db"
BUSY_TIMEOUT = 10.0  # seconds to wait for another process
_TRIES = 64


class ShardReason(StrEnum):
    """Why the store refuses."""

    FINAL = "final"
    """A status would leave INVALID."""
    UNKNOWN = "unknown"
    """There is no such shard, or no such index in it."""
    CLOCK = "clock"
    """The clock stands before what was signed last."""
    DAMAGED = "damaged"


class ShardError(Exception):
    """The store refuses, for `reason`."""

    def __init__(self, message: str, *, reason: ShardReason) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Absorbed:
    """What a published list taught the store."""

    raised: int
    """Statuses that were worse in the list."""
    closed: bool
    """The list is newer than the store knows: a backup was restored, and the shard gives out no more indices."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListSigner:
    """The status signer: how a list is signed, and the public key that it must verify under before it leaves."""

    kid: bytes
    sign: cose.RawSign
    public_key: ec.EllipticCurvePublicKey


class ShardStore:
    """The statuses of all cards of an authority.

    `uri` is that of the first shard. When it ends in a number, the others lie beside it and go on counting; otherwise
    they lie below it, from 2 on. `size` is for new shards.
    """

    def __init__(
        self,
        path: str,
        *,
        uri: str,
        random: Callable[[int], bytes] = os.urandom,
        size: int = SHARD_ENTRIES,
    ) -> None:
        self._base, _, number = uri.rpartition("/")
        self._first, self._named = 1, uri
        if _is_number(number):
            self._first, self._named = int(number), ""
        self._random, self._size = random, size
        self._database = sqlite3.connect(path, timeout=BUSY_TIMEOUT, isolation_level=None)
        try:
            self._prepare()
        except sqlite3.OperationalError:  # locked for too long, or not to be opened at all
            self._database.close()
            raise
        except sqlite3.DatabaseError as error:
            self._database.close()
            raise ShardError(f"{path}: {error}", reason=ShardReason.DAMAGED) from error

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def __enter__(self) -> ShardStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- indices ---------------------------------------------------------------------------------------------------

    def allocate(self) -> Place:
        """A place for a new card, drawn at random among the free ones of the open shard; durable when this returns."""
        with self._transaction():
            number = self._current()
            size, given, free = self._database.execute(
                "SELECT size, given, free FROM shards WHERE number = ?", (number,)
            ).fetchone()
            bits = bytearray(given)
            index = self._draw(bits, size, free)
            bits[index >> 3] |= 1 << (index & 7)
            self._database.execute(
                "UPDATE shards SET given = ?, free = free - 1 WHERE number = ?", (bytes(bits), number)
            )
            if 2 * (free - 1) <= size and not self._has_room(besides=number):
                self._open_shard()
        return Place(uri=self.uri(number), index=index)

    def next_uri(self) -> str:
        """The shard that the next card will be in, unless many others come before it. Opens one where none is open."""
        number = self._with_room()
        if number is None:
            with self._transaction():
                number = self._current()
        return self.uri(number)

    def mark_given(self, places: Iterable[Place]) -> None:
        """Take indices out of the draw that cards carry already, as the issuance records know them."""
        by_shard: dict[int, set[int]] = {}
        with self._transaction():
            for place in places:
                by_shard.setdefault(self._shard(place)[0], set()).add(place.index)
            for number, indices in by_shard.items():
                size, given = self._database.execute(
                    "SELECT size, given FROM shards WHERE number = ?", (number,)
                ).fetchone()
                bits = bytearray(given)
                for index in indices:
                    bits[index >> 3] |= 1 << (index & 7)
                self._database.execute(
                    "UPDATE shards SET given = ?, free = ? WHERE number = ?",
                    (bytes(bits), size - int.from_bytes(bits).bit_count(), number),
                )

    def close_shards(self) -> None:
        """No index of any shard is given out any more: this file comes from a backup, and which ones were given since
        nobody can tell."""
        with self._transaction():
            self._database.execute("UPDATE shards SET open = 0")

    # --- statuses --------------------------------------------------------------------------------------------------

    def set(self, changes: Mapping[Place, Status], *, final_stays: bool = False) -> None:
        """Set statuses, all or none; ShardError FINAL or UNKNOWN. With `final_stays`, INVALID ones are passed over."""
        with self._transaction():
            for place, status in changes.items():
                number, _ = self._shard(place)
                known = self._status(number, place.index)
                if known is Status.INVALID and status is not Status.INVALID:
                    if final_stays:
                        continue
                    raise ShardError(f"{place.uri} {place.index} is INVALID for good", reason=ShardReason.FINAL)
                if known is not status:
                    self._write(number, {place.index: status})

    def status(self, place: Place) -> Status:
        """The status of one card; ShardError UNKNOWN."""
        return self._status(self._shard(place)[0], place.index)

    def absorb(self, published: StatusList) -> Absorbed:
        """Merge a verified list as published: nothing here may stay better than it. Opens the shard if it is new."""
        number = self._number(published.uri)
        with self._transaction():
            row = self._database.execute("SELECT size, iat FROM shards WHERE number = ?", (number,)).fetchone()
            if row is None:
                self._open_shard(number, len(published))
                row = (len(published), 0)
            size, iat = row
            if size != len(published):
                raise ShardError(f"{published.uri} has {len(published)} entries", reason=ShardReason.DAMAGED)
            # INVALID outweighs everything. SUSPENDED outweighs VALID only in a list newer than what we know: else a
            # suspension lifted since would come back.
            newer = int(published.iat.timestamp()) > iat
            worse = {
                index: status
                for index, status in published.exceptions().items()
                if (known := self._status(number, index)) is not status
                and (status is Status.INVALID or (newer and known is Status.VALID))
            }
            self._write(number, worse)
            if newer:
                self._database.execute(
                    "UPDATE shards SET open = 0, iat = ?, revision = revision + 1 WHERE number = ?",
                    (int(published.iat.timestamp()), number),
                )
        return Absorbed(raised=len(worse), closed=newer)

    # --- lists -----------------------------------------------------------------------------------------------------

    def uri(self, number: int) -> str:
        """The URI of a shard."""
        if self._named:
            return self._named if number == self._first else f"{self._named}/{number}"
        return f"{self._base}/{number}"

    def shards(self) -> tuple[int, ...]:
        """The numbers of all shards."""
        return tuple(number for (number,) in self._database.execute("SELECT number FROM shards ORDER BY number"))

    def digests(self) -> dict[str, bytes]:
        """SHA-256 of the list that was signed last, by URI: from such a list there is nothing to learn."""
        rows = self._database.execute("SELECT number, digest FROM shards")
        return {self.uri(number): digest for number, digest in rows}

    def unsigned(self) -> tuple[str, ...]:
        """Shards that were never signed: no counter can have their lists."""
        rows = self._database.execute("SELECT number FROM shards WHERE signed_revision = 0 ORDER BY number")
        return tuple(self.uri(number) for (number,) in rows)

    def signed_at(self, uri: str) -> datetime | None:
        """When the shard's newest list was issued; None before the first, or without such a shard."""
        row = self._database.execute("SELECT iat FROM shards WHERE number = ?", (self._number(uri),)).fetchone()
        return datetime.fromtimestamp(row[0], UTC) if row and row[0] else None

    def due(self, *, now: datetime, renew: timedelta, kid: bytes | None = None) -> tuple[int, ...]:
        """Shards that must be signed: changed since they were, expiring within `renew`, or (with `kid`) signed by
        another key."""
        rows = self._database.execute(
            "SELECT number FROM shards WHERE revision <> signed_revision OR exp <= :soon OR kid <> coalesce(:kid, kid) "
            "ORDER BY number",
            {"soon": int((now + renew).timestamp()), "kid": kid},
        )
        return tuple(number for (number,) in rows)

    def sign(
        self, number: int, *, signer: ListSigner, now: datetime, life: timedelta, ttl: timedelta
    ) -> tuple[bytes, Callable[[], None]]:
        """The signed list of a shard, verified; and what to call once it is durably in its place.

        Killed in between, the shard is still due. What is about to be put there is noted first, so that the list, when
        it is seen again, is not taken for one that a backup has forgotten. ShardError CLOCK when `now` is before the
        last signature.
        """
        size, iat, revision = self._database.execute(
            "SELECT size, iat, revision FROM shards WHERE number = ?", (number,)
        ).fetchone()
        if int(now.timestamp()) < iat:
            raise ShardError("the clock is behind the list signed last", reason=ShardReason.CLOCK)
        entries = {
            index: Status(status)
            for index, status in self._database.execute(
                "SELECT entry, status FROM statuses WHERE shard = ? AND status <> 0", (number,)
            )
        }
        raw = status_list.build(
            entries,
            uri=self.uri(number),
            iat=now,
            exp=now + life,
            ttl=int(ttl.total_seconds()),
            aggregation_uri=self._base,
            kid=signer.kid,
            sign=signer.sign,
            size=size,
        )
        verified = status_list.verify(raw, signer.public_key, self.uri(number))
        if verified.exceptions() != entries:
            raise ShardError("the list signed is not the list meant", reason=ShardReason.DAMAGED)
        self._database.execute(
            "UPDATE shards SET iat = ?, digest = ? WHERE number = ?",
            (int(now.timestamp()), sha256(raw).digest(), number),
        )

        def done() -> None:
            self._database.execute(
                "UPDATE shards SET signed_revision = ?, exp = ?, kid = ? WHERE number = ? AND digest = ?",
                (revision, int(verified.exp.timestamp()), signer.kid, number, sha256(raw).digest()),
            )

        return raw, done

    # --- inside ----------------------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = FULL")
        if not status_schema.is_current(self._database):
            with self._transaction():
                status_schema.bring_up_to_date(self._database)

    def _current(self) -> int:
        """The shard to draw from."""
        number = self._with_room()
        return self._open_shard() if number is None else number

    def _with_room(self) -> int | None:
        number: int | None
        (number,) = self._database.execute("SELECT min(number) FROM shards WHERE open AND free > 0").fetchone()
        return number

    def _has_room(self, *, besides: int) -> bool:
        query = "SELECT 1 FROM shards WHERE open AND free > 0 AND number <> ?"
        return self._database.execute(query, (besides,)).fetchone() is not None

    def _open_shard(self, number: int | None = None, size: int | None = None) -> int:
        if number is None:
            (last,) = self._database.execute("SELECT max(number) FROM shards").fetchone()
            number = self._first if last is None else last + 1
        size = size or self._size
        self._database.execute(
            "INSERT INTO shards (number, size, given, free) VALUES (?, ?, ?, ?)",
            (number, size, bytes((size + 7) // 8), size),
        )
        return number

    def _draw(self, given: bytearray, size: int, free: int) -> int:
        """One of the free indices, each as likely as any other."""
        for _ in range(_TRIES):
            index = self._below(size)
            if not given[index >> 3] >> (index & 7) & 1:
                return index
        nth = self._below(free)
        for index in range(size):
            if not given[index >> 3] >> (index & 7) & 1:
                if nth == 0:
                    return index
                nth -= 1
        raise ShardError("the shard counts its free places wrongly", reason=ShardReason.DAMAGED)

    def _below(self, limit: int) -> int:
        """A random number below `limit`, without bias."""
        bits = (limit - 1).bit_length()
        while True:
            value = int.from_bytes(self._random((bits + 7) // 8 or 1)) & ((1 << bits) - 1)
            if value < limit:
                return value

    def _shard(self, place: Place) -> tuple[int, int]:
        number = self._number(place.uri)
        row = self._database.execute("SELECT size FROM shards WHERE number = ?", (number,)).fetchone()
        if row is None or not 0 <= place.index < row[0]:
            raise ShardError(f"no status {place.index} of {place.uri}", reason=ShardReason.UNKNOWN)
        return number, row[0]

    def _number(self, uri: str) -> int:
        if uri == self._named:
            return self._first
        base, _, number = uri.rpartition("/")
        if base != (self._named or self._base) or not _is_number(number):
            raise ShardError(f"{uri} is no shard of {self._base}", reason=ShardReason.UNKNOWN)
        return int(number)

    def _status(self, number: int, index: int) -> Status:
        row = self._database.execute(
            "SELECT status FROM statuses WHERE shard = ? AND entry = ?", (number, index)
        ).fetchone()
        return Status(row[0]) if row else Status.VALID

    def _write(self, number: int, statuses: Mapping[int, Status]) -> None:
        if not statuses:
            return
        self._database.executemany(
            "INSERT INTO statuses VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET status = excluded.status",
            ((number, index, int(status)) for index, status in statuses.items()),
        )
        self._database.execute("UPDATE shards SET revision = revision + 1 WHERE number = ?", (number,))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self._database.execute("ROLLBACK")
            raise
        self._database.execute("COMMIT")


def _is_number(text: str) -> bool:
    """A number as URIs have it: one way of writing only."""
    return text.isascii() and text.isdigit() and len(text) < 10 and str(int(text)) == text
