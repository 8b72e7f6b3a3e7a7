"""Cards' places in the status lists, and what the lists do not say yet: an outbox that whoever publishes empties, shard
by shard.

Places are given out by the authority, which has a memory of its own; here stands what became of them. Each guards the
other: a place that a card has or had is drawn again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session as Transaction

from keys.status_list import Place, Status

from ..domain.roles import Act, Actor
from ..journal import Allocate, allotted
from .ledger import status_entry
from .models.stock import StatusEntry
from .unit import Receipt, Store, Unit


def give_place(unit: Unit, serial: str, allocate: Allocate) -> StatusEntry:
    """The card's place in a status list, from `allocate` if it has none. Raises Refused(NO_STATUS_INDEX).

    Two acts that come by the same place at the same moment (machines with a copy each of the authority's home) meet in
    the primary key, and the second is refused.
    """
    entry = status_entry(unit.transaction, serial)
    if entry is not None:
        return entry

    def taken(place: Place) -> bool:
        return unit.transaction.get(StatusEntry, (place.uri, place.index)) is not None

    place = allotted(allocate, taken)
    entry = StatusEntry(
        uri=place.uri,
        index=place.index,
        serial=serial,
        status=Status.VALID,
        published=Status.VALID,
        changed_at=unit.now,
    )
    unit.transaction.add(entry)
    return entry


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """What a shard must say, oldest change first; `since` is when the oldest was made."""

    uri: str
    changes: Mapping[int, Status]
    since: datetime


def pending(transaction: Transaction, *, limit: int = 10_000) -> tuple[Pending, ...]:
    """What is to be published, at most `limit` changes."""
    rows = transaction.execute(
        select(StatusEntry.uri, StatusEntry.index.label("entry"), StatusEntry.status, StatusEntry.changed_at)
        .where(StatusEntry.status != StatusEntry.published)
        .order_by(StatusEntry.changed_at, StatusEntry.uri, StatusEntry.index)
        .limit(limit)
    ).all()
    shards: dict[str, dict[int, Status]] = {}
    since: dict[str, datetime] = {}
    for row in rows:
        shards.setdefault(row.uri, {})[row.entry] = Status(row.status)
        since.setdefault(row.uri, row.changed_at)
    return tuple(Pending(uri=uri, changes=changes, since=since[uri]) for uri, changes in shards.items())


def standing(transaction: Transaction, uri: str, listed: Mapping[int, Status]) -> dict[int, Status]:
    """What a list must say of its shard, given what it says that is not VALID: everything that is not, and what is
    VALID again.

    The whole of it and not the changes: whichever machine signs, its list lacks nothing that another one published.
    """
    place = (StatusEntry.index.label("entry"), StatusEntry.status)
    rows = transaction.execute(select(*place).where(StatusEntry.uri == uri, StatusEntry.status != int(Status.VALID)))
    said = {row.entry: Status(row.status) for row in rows}
    lifted = sorted(index for index, status in listed.items() if status is Status.SUSPENDED and index not in said)
    for start in range(0, len(lifted), _PIECE):
        piece = StatusEntry.index.in_(lifted[start : start + _PIECE])
        rows = transaction.execute(select(*place).where(StatusEntry.uri == uri, piece))
        said |= {row.entry: Status(row.status) for row in rows}
    return said


def published(store: Store, actor: Actor, done: Pending) -> Receipt:
    """The list of this shard says so now, durably. What changed again meanwhile stays to be published."""

    def work(unit: Unit) -> Receipt:
        count = 0
        for status in Status:
            indices = sorted(index for index, said in done.changes.items() if said is status)
            for start in range(0, len(indices), _PIECE):
                piece = indices[start : start + _PIECE]
                query = update(StatusEntry).where(StatusEntry.uri == done.uri, StatusEntry.index.in_(piece))
                # INVALID was said before and is for good, whoever said it.
                query = query.where(StatusEntry.published != int(Status.INVALID))
                unit.transaction.execute(query.values(published=int(status)))
                count += len(piece)
        unit.record(Act.STATUS_PUBLISHED, f"shard:{done.uri}"[:64], count=count)
        return Receipt(act=Act.STATUS_PUBLISHED, subject=f"shard:{done.uri}", data={"count": count})

    return store.perform(actor, Act.STATUS_PUBLISHED, work)


def oldest_pending(transaction: Transaction) -> datetime | None:
    """Since when the lists are behind; the law wants less than 18 hours."""
    found: datetime | None = transaction.scalars(
        select(func.min(StatusEntry.changed_at)).where(StatusEntry.status != StatusEntry.published)
    ).one()
    return found


_PIECE = 500  # parameters of one statement
