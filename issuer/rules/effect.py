"""What a new version of the rules would change, over all holders, before it is activated: for everybody and by place.

One pass, whatever the number of holders; memory is bounded by the number of places and of different changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import compress
from typing import Any, TypeAlias

from .bulk import Batch, Outcome, Table, evaluated
from .columns import MAX_ENTRIES
from .rule_set import RuleSet

MAX_EXAMPLES = 5
Progress: TypeAlias = Callable[[int], None]
ClassMove: TypeAlias = tuple[int | None, int | None]  # from, to; None: not eligible


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """How many holders, and a few of them."""

    count: int = 0
    examples: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceEffect:
    """One service: who gains it, who loses it."""

    gained: Change
    lost: Change


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """The effect on some of the holders. `classes` holds the moves, not those who stay.

    `gaining`: those who get a service or a better class; `losing`: those who lose a service or get a worse class, or
    none. Who is `affected` is in one of the two, or in both. `services` names those that somebody gains or loses, and
    of everybody's part every service of either version.
    """

    holders: int
    affected: Change
    gaining: int
    losing: int
    classes: Mapping[ClassMove, Change]
    services: Mapping[str, ServiceEffect]

    @property
    def both(self) -> int:
        """Those who gain something and lose something."""
        return self.gaining + self.losing - self.affected.count


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The effect of `new` in place of `old` on `today`: on everybody (`whole`), and on those of each place by itself.

    `kept`: how many have a service before and after. The places are those of the batches; the parts add up to the
    whole.
    """

    old: str
    new: str
    today: date
    whole: Part
    kept: Mapping[str, int]
    places: Mapping[Any, Part]


def effect(
    old_set: RuleSet,
    new_set: RuleSet,
    holders: Iterable[Batch],
    today: date,
    progress: Progress | None = None,
) -> Effect:
    """Compare two versions over `holders` (`bulk.batches` makes them of rows).

    `progress` is called with the number of holders done, after every batch and at the end; what it raises ends the
    pass. Raises RulesRefused for a cell that is not the stored form of its fact; its mistakes name the holders.
    """
    table = Table([old_set, new_set], today)
    codes = sorted({*old_set.services, *new_set.services})
    counting = _Counting(table)
    done = 0
    for batch, patterns in evaluated(table, holders):
        counting.add(batch, patterns)
        done += len(patterns)
        if progress is not None:
            progress(done)
    counting.settle()
    if progress is not None:
        progress(done)
    places = {place: found.part() for place, found in counting.places.items()}
    return Effect(
        old=old_set.version,
        new=new_set.version,
        today=today,
        whole=together(places.values(), codes),
        kept={code: counting.kept[code] for code in codes},
        places=places,
    )


def together(parts: Iterable[Part], codes: Iterable[str] = ()) -> Part:
    """The sum of parts without a holder in common. `codes`: services to name though nobody gains or loses them."""
    total = _Sum()
    for part in parts:
        total.join(part)
    return total.part(codes)


def ranked(parts: Mapping[Any, Part]) -> list[Any]:
    """The places, those with the most affected holders first."""
    return sorted(parts, key=lambda place: (-parts[place].affected.count, str(place)))


def record(found: Effect) -> dict[str, Any]:
    """For JSON: the effect on everybody."""
    services = part_record(found.whole)["services"]
    return {
        "old": found.old,
        "new": found.new,
        "today": str(found.today),
        **part_record(found.whole),
        "services": {code: services[code] | {"kept": found.kept[code]} for code in services},
    }


def part_record(part: Part) -> dict[str, Any]:
    """For JSON: the effect on some."""

    def change(found: Change) -> dict[str, Any]:
        return {"count": found.count, "examples": list(found.examples)}

    return {
        "holders": part.holders,
        "affected": change(part.affected),
        "gaining": part.gaining,
        "losing": part.losing,
        "classes": [{"from": old, "to": new} | change(found) for (old, new), found in part.classes.items()],
        "services": {
            code: {"gained": change(found.gained), "lost": change(found.lost)} for code, found in part.services.items()
        },
    }


@dataclass(frozen=True, slots=True)
class _Difference:
    """What may change for a holder: services gained and lost, and the move between classes (None: none)."""

    gained: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()
    move: ClassMove | None = None

    @property
    def better(self) -> bool:
        return bool(self.gained) or (self.move is not None and _rank(self.move[1]) < _rank(self.move[0]))

    @property
    def worse(self) -> bool:
        return bool(self.lost) or (self.move is not None and _rank(self.move[1]) > _rank(self.move[0]))


_NONE = _Difference()


@dataclass(slots=True)
class _Tally:
    count: int = 0
    examples: tuple[Any, ...] = ()

    def add(self, count: int, examples: tuple[Any, ...]) -> None:
        self.count += count
        if len(self.examples) < MAX_EXAMPLES:
            self.examples = (*self.examples, *examples)[:MAX_EXAMPLES]

    def change(self) -> Change:
        return Change(count=self.count, examples=self.examples)


@dataclass(slots=True)
class _Sum:
    """A `Part` that grows."""

    holders: int = 0
    affected: _Tally = field(default_factory=_Tally)
    gaining: int = 0
    losing: int = 0
    classes: dict[ClassMove, _Tally] = field(default_factory=dict)
    gained: dict[str, _Tally] = field(default_factory=dict)
    lost: dict[str, _Tally] = field(default_factory=dict)

    def add(self, difference: _Difference, count: int, examples: tuple[Any, ...]) -> None:
        """`count` holders to whom one thing happens."""
        self.holders += count
        if difference is _NONE:
            return
        self.affected.add(count, examples)
        self.gaining += count if difference.better else 0
        self.losing += count if difference.worse else 0
        for codes, tallies in ((difference.gained, self.gained), (difference.lost, self.lost)):
            for code in codes:
                tallies.setdefault(code, _Tally()).add(count, examples)
        if difference.move is not None:
            self.classes.setdefault(difference.move, _Tally()).add(count, examples)

    def join(self, part: Part) -> None:
        """Other holders."""
        self.holders += part.holders
        self.affected.add(part.affected.count, part.affected.examples)
        self.gaining += part.gaining
        self.losing += part.losing
        for code, service in part.services.items():
            for change, tallies in ((service.gained, self.gained), (service.lost, self.lost)):
                if change.count:
                    tallies.setdefault(code, _Tally()).add(change.count, change.examples)
        for move, change in part.classes.items():
            self.classes.setdefault(move, _Tally()).add(change.count, change.examples)

    def part(self, codes: Iterable[str] = ()) -> Part:
        none = _Tally()
        return Part(
            holders=self.holders,
            affected=self.affected.change(),
            gaining=self.gaining,
            losing=self.losing,
            classes={move: self.classes[move].change() for move in sorted(self.classes, key=str)},
            services={
                code: ServiceEffect(
                    gained=self.gained.get(code, none).change(), lost=self.lost.get(code, none).change()
                )
                for code in sorted({*codes, *self.gained, *self.lost})
            },
        )


class _Differences(dict[int, int]):
    """Pattern → the place of its difference in `known`; 0: nothing changes."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table
        self._differing = table.differing
        self._of_ways: dict[int, int] = {}
        self._places: dict[_Difference, int] = {_NONE: 0}
        self.known = [_NONE]

    def __missing__(self, pattern: int) -> int:
        # Most of a pattern says nothing about what differs: what is left of it has been seen before.
        ways = pattern & self._differing
        place = self._of_ways.get(ways)
        if place is None:
            difference = _difference(*self._table.outcomes(ways))
            place = self._of_ways[ways] = self._places.setdefault(difference, len(self.known))
            if place == len(self.known):
                self.known.append(difference)
        self[pattern] = place
        return place


class _Counting:
    """The pass: holders are counted by place and by what changes for them, without a step of Python for each of those
    for whom nothing does. Whenever that has come to many entries, it is folded into the sums of the places."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.places: dict[Hashable, _Sum] = {}
        self.kept: Counter[str] = Counter()
        self._begin()

    def _begin(self) -> None:
        self._differences = _Differences(self._table)
        self._patterns: Counter[int] = Counter()
        self._counts: Counter[tuple[Hashable, int]] = Counter()
        self._examples: dict[tuple[Hashable, int], list[Any]] = {}

    def add(self, batch: Batch, patterns: list[int]) -> None:
        changes = list(map(self._differences.__getitem__, patterns))
        keys = list(zip(batch.places, changes, strict=True))
        self._patterns.update(patterns)
        self._counts.update(keys)
        for key, holder in compress(zip(keys, batch.ids, strict=True), changes):
            seen = self._examples.setdefault(key, [])
            if len(seen) < MAX_EXAMPLES:
                seen.append(holder)
        if max(len(self._patterns), len(self._counts)) > MAX_ENTRIES:
            self.settle()

    def settle(self) -> None:
        for codes, ways in self._table.kept:
            kept: Iterable[tuple[int, int]] = self._patterns.items()
            for bits in ways:
                kept = [item for item in kept if item[0] & bits]
            count = sum([count for _, count in kept])
            self.kept.update(dict.fromkeys(codes, count))
        for key, count in self._counts.items():
            place, change = key
            total = self.places.get(place)
            if total is None:
                total = self.places[place] = _Sum()
            total.add(self._differences.known[change], count, tuple(self._examples.get(key, ())))
        self._begin()


def _difference(old: Outcome, new: Outcome) -> _Difference:
    if old == new:
        return _NONE
    before, after = frozenset(old.services), frozenset(new.services)
    move = (old.permit_class, new.permit_class) if old.permit_class != new.permit_class else None
    return _Difference(gained=after - before, lost=before - after, move=move)


def _rank(permit_class: int | None) -> int:
    """Class 1 is the best; none comes last."""
    return 9 if permit_class is None else permit_class
