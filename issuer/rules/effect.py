"""What a new version of the rules would change, over all holders, before it is activated.

One pass, whatever the number of holders; memory is bounded by the number of different outcomes, not of holders.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

from .bulk import Outcome, Table, chunks
from .columns import MAX_ENTRIES
from .facts import Row
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
    """One service: who gains it, who loses it, who has it before and after."""

    gained: Change
    lost: Change
    kept: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """The effect of `new` in place of `old` on `today`. `classes` holds the moves, not those who stay.

    `affected`: holders whose class or any service changes. `services` names every service of either version.
    """

    old: str
    new: str
    today: date
    holders: int
    affected: Change
    classes: Mapping[ClassMove, Change]
    services: Mapping[str, ServiceEffect]


@dataclass(slots=True)
class _Tally:
    count: int = 0
    examples: list[Any] = field(default_factory=list)

    def add(self, count: int, examples: Iterable[Any]) -> None:
        self.count += count
        if len(self.examples) < MAX_EXAMPLES:
            self.examples = [*self.examples, *examples][:MAX_EXAMPLES]

    def change(self) -> Change:
        return Change(count=self.count, examples=tuple(self.examples))


class _Sum:
    """Tallies of everything that an `Effect` holds."""

    def __init__(self, table: Table) -> None:
        self._table = table
        self.holders = 0
        self.affected = _Tally()
        self.classes: dict[ClassMove, _Tally] = {}
        self.gained: dict[str, _Tally] = {}
        self.lost: dict[str, _Tally] = {}
        self.kept: Counter[str] = Counter()

    def add(self, pattern: int, count: int, examples: Iterable[Any]) -> None:
        """`count` holders of one pattern."""
        old, new = self._table.outcomes(pattern)
        self.holders += count
        before, after = frozenset(old.services), frozenset(new.services)
        for code in before & after:
            self.kept[code] += count
        if old == new:
            return
        self.affected.add(count, examples)
        for code in after - before:
            self.gained.setdefault(code, _Tally()).add(count, examples)
        for code in before - after:
            self.lost.setdefault(code, _Tally()).add(count, examples)
        if old.permit_class != new.permit_class:
            self.classes.setdefault((old.permit_class, new.permit_class), _Tally()).add(count, examples)


def effect(
    old_set: RuleSet,
    new_set: RuleSet,
    holders: Iterable[tuple[Any, Row]],
    today: date,
    progress: Progress | None = None,
) -> Effect:
    """Compare two versions over `holders`: an id each, and the facts as stored (`Facts.row()`).

    `progress` is called with the number of holders done, after every `bulk.CHUNK` and at the end. Raises RulesRefused
    for a row with a cell that is not the stored form of its fact; its mistakes name the holders.
    """
    table = Table([old_set, new_set], today)
    total = _Sum(table)
    counts: Counter[int] = Counter()
    examples: dict[int, list[Any]] = {}
    done = 0
    for ids, patterns in chunks(table, holders):
        counts.update(patterns)
        for holder, pattern in zip(ids, patterns, strict=True):
            seen = examples.get(pattern)
            if seen is None:
                examples[pattern] = [holder] if _changes(table.outcomes(pattern)) else _ENOUGH
            elif len(seen) < MAX_EXAMPLES:
                seen.append(holder)
        done += len(ids)
        if len(counts) > MAX_ENTRIES:
            _settle(total, counts, examples)
        if progress is not None:
            progress(done)
    _settle(total, counts, examples)
    if progress is not None:
        progress(done)
    none = _Tally()
    return Effect(
        old=old_set.version,
        new=new_set.version,
        today=today,
        holders=total.holders,
        affected=total.affected.change(),
        classes={move: tally.change() for move, tally in sorted(total.classes.items(), key=lambda item: str(item[0]))},
        services={
            code: ServiceEffect(
                gained=total.gained.get(code, none).change(),
                lost=total.lost.get(code, none).change(),
                kept=total.kept[code],
            )
            for code in sorted({*old_set.services, *new_set.services})
        },
    )


def record(found: Effect) -> dict[str, Any]:
    """For JSON."""

    def change(part: Change) -> dict[str, Any]:
        return {"count": part.count, "examples": list(part.examples)}

    return {
        "old": found.old,
        "new": found.new,
        "today": str(found.today),
        "holders": found.holders,
        "affected": change(found.affected),
        "classes": [{"from": old, "to": new} | change(part) for (old, new), part in found.classes.items()],
        "services": {
            code: {"gained": change(part.gained), "lost": change(part.lost), "kept": part.kept}
            for code, part in found.services.items()
        },
    }


_ENOUGH: list[Any] = [None] * MAX_EXAMPLES  # of a pattern that changes nothing: never shown, never extended


def _changes(outcomes: tuple[Outcome, ...]) -> bool:
    return outcomes[0] != outcomes[1]


def _settle(total: _Sum, counts: Counter[int], examples: dict[int, list[Any]]) -> None:
    for pattern, count in counts.items():
        total.add(pattern, count, examples[pattern])
    counts.clear()
    examples.clear()
