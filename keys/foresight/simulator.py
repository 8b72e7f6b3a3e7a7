"""The rotation simulator: what happens if a staged key is put into use now, and from when on nothing would.

A counter knows a key once it has synced after the key was published. It does not tell the authority when it will sync
next; but its last sync and the rhythm of its channel say when it should. So there is a curve, the share of counters
that know the key by a date, and the *safe date* is when the curve reaches the threshold. A counter that has missed
several of its turns is *silent*: nobody may hope for it, somebody should go there.

Pure: facts in, a forecast out.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from ..errors import DecodeError
from ..rotation.issued_cards import IssuedCard

DEFAULT_THRESHOLD = 0.95
SILENT_TURNS = 3
"""A counter that is this many turns behind is silent."""
_MAX_COUNTERS = 1_000_000


class Channel(StrEnum):
    """How a counter gets its data."""

    WEB = "web"
    STICK = "stick"


RHYTHM: Mapping[Channel, timedelta] = {Channel.WEB: timedelta(days=1), Channel.STICK: timedelta(days=7)}
"""How often a counter syncs unless its line says otherwise: a timestamp lasts 1 to 3 days, 7 for sites by stick."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CounterSync:
    """A counter as the authority last heard of it."""

    counter: str
    last_sync: datetime | None
    """None for a counter that was set up and never synced."""
    channel: Channel = Channel.WEB
    every: timedelta | None = None
    """Its own rhythm, where it differs from its channel's."""

    @property
    def rhythm(self) -> timedelta:
        return self.every or RHYTHM[self.channel]

    def knows(self, published: datetime) -> bool:
        """Whether it has synced since."""
        return self.last_sync is not None and self.last_sync >= published

    def is_silent(self, now: datetime) -> bool:
        """Whether it has missed so many turns that it is not to be expected."""
        return self.last_sync is None or now - self.last_sync > SILENT_TURNS * self.rhythm

    def expected(self, published: datetime, now: datetime) -> datetime | None:
        """When a counter that does not know it yet should know what was published then; None for a silent one."""
        if self.last_sync is None or self.is_silent(now):
            return None
        turns = max(0, math.floor((max(published, now) - self.last_sync) / self.rhythm)) + 1
        return self.last_sync + turns * self.rhythm


@dataclass(frozen=True, slots=True, kw_only=True)
class CardsOfKey:
    """Cards in force that one key signed last, and the last day on which one of them counts."""

    kid: bytes
    cards: int
    until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What activating a key at `now` would mean."""

    kid: bytes
    published: datetime
    now: datetime
    threshold: float
    cards_on_other_keys: tuple[CardsOfKey, ...]
    """Cards in force that know nothing of the key: they count on those that signed them, until the day told."""
    counters: int
    unaware: tuple[CounterSync, ...]
    """Counters that do not know the key now."""
    silent: tuple[CounterSync, ...]
    """Those of them that nobody may hope for."""
    curve: tuple[tuple[datetime, float], ...]
    """Steps: from that moment on this share of the counters knows the key."""
    safe_date: datetime | None
    """When the curve reaches the threshold; None when it never does by itself."""

    @property
    def cards_unaware(self) -> int:
        """How many cards do not know the key."""
        return sum(one.cards for one in self.cards_on_other_keys)

    @property
    def coverage(self) -> float:
        """Share of the counters that know the key now; 1.0 where there is no counter yet."""
        return 1.0 if not self.counters else 1 - len(self.unaware) / self.counters

    @property
    def is_safe(self) -> bool:
        """Whether enough counters know the key."""
        return self.coverage >= self.threshold

    @property
    def needed_until(self) -> date | None:
        """Until when the earlier keys' certificates must stay published."""
        return max((one.until for one in self.cards_on_other_keys if one.until), default=None)


def simulate(
    *,
    kid: bytes,
    published: datetime,
    now: datetime,
    counters: Iterable[CounterSync],
    cards: Iterable[CardsOfKey] = (),
    threshold: float = DEFAULT_THRESHOLD,
) -> Forecast:
    """What activating the key `kid`, published since `published`, would mean now. `threshold` is 0 to 1."""
    if not 0 <= threshold <= 1:
        raise ValueError("the threshold is a share from 0 to 1")
    known = tuple(counters)
    unaware = tuple(counter for counter in known if not counter.knows(published))
    curve = _curve(known, published, now)
    return Forecast(
        kid=kid,
        published=published,
        now=now,
        threshold=threshold,
        cards_on_other_keys=tuple(one for one in cards if one.kid != kid and one.cards),
        counters=len(known),
        unaware=unaware,
        silent=tuple(counter for counter in unaware if counter.is_silent(now)),
        curve=curve,
        safe_date=next((moment for moment, share in curve if share >= threshold), None),
    )


def population(cards: Iterable[IssuedCard], kids: Iterable[bytes]) -> tuple[CardsOfKey, ...]:
    """Cards in force by the one of `kids` that signed them last, from an export of the journal, in the order of kids.

    Cards of which the journal names no such key come last, under an empty kid.
    """
    order = {kid: place for place, kid in enumerate(kids)}
    counts: dict[bytes, tuple[int, date | None]] = {}
    for card in cards:
        if card.is_void:
            continue
        signed = [one for one in card.signatures if one.kid in order]
        kid = max(signed, key=lambda one: one.at).kid if signed else b""
        count, until = counts.get(kid, (0, None))
        days = [day for day in (until, card.endorsed_until) if day is not None]
        counts[kid] = count + 1, max(days, default=None)
    rows = sorted(counts.items(), key=lambda row: order.get(row[0], len(order)))
    return tuple(CardsOfKey(kid=kid, cards=count, until=until) for kid, (count, until) in rows)


def read_counters(text: str) -> tuple[CounterSync, ...]:
    """Counters from CSV (`counter,last_sync,channel[,every_days]`) or a JSON array of such objects; `DecodeError`."""
    rows: Iterable[Mapping[str, Any]]
    if text.lstrip().startswith("["):
        try:
            rows = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DecodeError("not JSON") from error
    else:
        reader = csv.DictReader(text.removeprefix("\ufeff").splitlines(), strict=True)
        rows = reader
        if not {"counter", "last_sync"} <= set(reader.fieldnames or ()):
            raise DecodeError("columns counter, last_sync, channel are wanted", path="line 1")
    found: dict[str, CounterSync] = {}
    try:
        for number, row in enumerate(rows, 1):
            counter = _counter(row, number)
            if counter.counter in found:
                raise DecodeError(f"counter {counter.counter!r:.40} twice", path=f"row {number}")
            found[counter.counter] = counter
            if number > _MAX_COUNTERS:
                raise DecodeError("too many", path=f"row {number}")
    except csv.Error as error:
        raise DecodeError("not CSV") from error
    return tuple(found.values())


def _counter(row: Mapping[str, Any], number: int) -> CounterSync:
    try:
        name, last = str(row["counter"]).strip(), row["last_sync"]
        moment = datetime.fromisoformat(last) if last else None
        days = row.get("every_days")
        every = timedelta(days=float(days)) if days not in {None, ""} else None
        channel = Channel(row.get("channel") or Channel.WEB)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise DecodeError(f"not a counter: {error}", path=f"row {number}") from error
    if not name or (moment is not None and moment.tzinfo is None) or (every is not None and every <= timedelta(0)):
        raise DecodeError("a counter has a name, a time with a zone and a rhythm", path=f"row {number}")
    return CounterSync(counter=name, last_sync=moment, channel=channel, every=every)


def _curve(counters: Sequence[CounterSync], published: datetime, now: datetime) -> tuple[tuple[datetime, float], ...]:
    """Shares by the moment from which they hold; what has been is told by the syncs, what comes by the rhythms."""
    if not counters:
        return ((published, 1.0),)
    moments: list[datetime] = []
    for counter in counters:
        if counter.last_sync is not None and counter.knows(published):
            moments.append(min(counter.last_sync, now))  # at the latest: it may have synced before
        elif (expected := counter.expected(published, now)) is not None:
            moments.append(max(expected, now))
    steps: dict[datetime, int] = {published: 0}
    for moment in sorted(moments):
        steps[moment] = steps.get(moment, 0) + 1
    known, curve = 0, []
    for moment, more in sorted(steps.items()):
        known += more
        curve.append((moment, known / len(counters)))
    return tuple(curve)
