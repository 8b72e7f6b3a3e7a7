"""Many holders against one or several rule sets on one day, without explanations: class and services only.

Every way of every set is one bit. For each fact a table maps the stored form of its value to its kind, of which there
are a handful (`issuer.rules.columns`); the kinds of a few facts together are looked up as the bits that they leave
standing, and the bits of all facts are ANDed into the holder's pattern. What a pattern means is worked out once. The
work goes through a batch fact by fact, so that a holder costs a look-up for each fact and none of Python's own steps.
Tables fill as values occur and are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from itertools import islice
from operator import and_
from typing import Any, TypeAlias

from .columns import MAX_ENTRIES, Cell, Group, column
from .facts import FACTS, INDEX, Row
from .faults import Fault, Mistake, RulesRefused
from .model import CLASSES
from .needs import Need
from .normal import class_goal
from .rule_set import RuleSet

CHUNK = 10_000  # holders of a batch that is made here
_TOGETHER = 4  # facts whose kinds are looked up together
_DISTRICT = INDEX["district"]

Holders: TypeAlias = Iterable[tuple[Any, Row]]
_Goals: TypeAlias = tuple[tuple[tuple[int, int], ...], Mapping[str, int]]  # classes and services, with their ways


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Some holders, as columns of one length: an id and a place each, and the cells of each of `FACTS`, in order."""

    ids: Sequence[Any]
    places: Sequence[Any]
    facts: Sequence[Sequence[Cell]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The best certain class (None: not eligible, or not known to be) and the granted services, in order."""

    permit_class: int | None
    services: tuple[str, ...]


class Table:
    """`rule_sets` on `today`. Not for several threads at once: its tables fill while it works."""

    def __init__(self, rule_sets: Sequence[RuleSet], today: date) -> None:
        bits: dict[tuple[tuple[int, Need], ...], int] = {}
        self._goals: list[_Goals] = []
        for rule_set in rule_sets:
            routes: dict[str, int] = {}
            for goal, route in rule_set.routes.items():
                paths = [tuple(rule_set.questions[at] for at in rule_set.paths[path]) for path in route]
                routes[goal] = reduce(int.__or__, (1 << bits.setdefault(path, len(bits)) for path in paths), 0)
            classes = tuple((number, routes[class_goal(number)]) for number in CLASSES)
            self._goals.append((classes, {code: routes[code] for code in rule_set.services}))
        self._outcomes: dict[int, tuple[Outcome, ...]] = {}
        columns = [column(at, bits, today.toordinal()) for at in range(len(FACTS))]
        self._groups = [Group(columns[at : at + _TOGETHER]) for at in range(0, len(columns), _TOGETHER)]

    def patterns(self, facts: Sequence[Sequence[Cell]]) -> list[int]:
        """The ways that certainly hold for each holder, as bits, in the order of the columns.

        Raises ValueError for a cell that is no stored form, for columns of different lengths, and where there is not
        a column for each of `FACTS`: a fact left out must not count as met.
        """
        if len(facts) != len(FACTS):
            raise ValueError(f"{len(facts)} facts, not {len(FACTS)}")
        found: list[int] = []
        cells = iter(facts)
        for group in self._groups:
            kinds = [map(table.__getitem__, next(cells)) for table in group.columns]
            looked_up = map(group.__getitem__, zip(*kinds, strict=True))
            found = list(map(and_, found, looked_up)) if found else list(looked_up)
        return found

    @property
    def differing(self) -> int:
        """The bits of the ways on which it turns whether the rule sets differ: those of classes and services to which
        not all have the same ways."""
        first = self._goals[0]
        mask = 0
        for classes, services in self._goals[1:]:
            if classes != first[0]:
                mask = reduce(int.__or__, (bits for _, bits in (*classes, *first[0])), mask)
            for code in services.keys() | first[1].keys():
                if services.get(code) != first[1].get(code):
                    mask |= services.get(code, 0) | first[1].get(code, 0)
        return mask

    @property
    def kept(self) -> list[tuple[list[str], tuple[int, ...]]]:
        """The services that all have, and the ways to them of each, as bits; those with the same ways together."""
        _, first = self._goals[0]
        found: dict[tuple[int, ...], list[str]] = {}
        for code in first:
            if all(code in services for _, services in self._goals):
                ways = dict.fromkeys(services[code] for _, services in self._goals)
                found.setdefault(tuple(ways), []).append(code)
        return [(codes, ways) for ways, codes in found.items()]

    def outcomes(self, pattern: int) -> tuple[Outcome, ...]:
        """What a pattern means under each of the rule sets."""
        found = self._outcomes.get(pattern)
        if found is None:
            if len(self._outcomes) >= MAX_ENTRIES:
                self._outcomes.clear()
            found = self._outcomes[pattern] = tuple(_outcome(*goals, pattern) for goals in self._goals)
        return found


def batches(holders: Holders) -> Iterator[Batch]:
    """Rows as columns, `CHUNK` holders at a time; a place is the district of the facts. Raises RulesRefused for a row
    that has not a cell for each of `FACTS`."""
    source = iter(holders)
    while chunk := tuple(islice(source, CHUNK)):
        wrong = tuple(_mistake(holder, f"{len(row)} cells") for holder, row in chunk if len(row) != len(FACTS))
        if wrong:
            raise RulesRefused(wrong)
        ids, rows = zip(*chunk, strict=True)
        facts = tuple(zip(*rows, strict=True))
        yield Batch(ids=ids, places=facts[_DISTRICT], facts=facts)


def evaluated(table: Table, holders: Iterable[Batch]) -> Iterator[tuple[Batch, list[int]]]:
    """The pattern of each holder, batch by batch. Raises RulesRefused, which names the holder and the fact."""
    for batch in holders:
        try:
            patterns = table.patterns(batch.facts)
        except ValueError as error:
            raise RulesRefused(tuple(_wrong_rows(table, batch))) from error
        yield batch, patterns


def scan(rule_set: RuleSet, holders: Holders, today: date) -> Iterator[tuple[Any, Outcome]]:
    """Class and services of each holder, one after the other. Raises RulesRefused for a row with a wrong cell."""
    table = Table([rule_set], today)
    for batch, patterns in evaluated(table, batches(holders)):
        for holder, pattern in zip(batch.ids, patterns, strict=True):
            yield holder, table.outcomes(pattern)[0]


def _wrong_rows(table: Table, batch: Batch) -> Iterator[Mistake]:
    for holder, *row in zip(batch.ids, *batch.facts, strict=True):
        try:
            table.patterns([[cell] for cell in row])
        except ValueError as error:
            yield _mistake(holder, str(error))


def _mistake(holder: object, what: str) -> Mistake:
    return Mistake(path=str(holder), fault=Fault.WRONG_FORMAT, details={"value": what, "known": "-"})


def _outcome(classes: Iterable[tuple[int, int]], services: Mapping[str, int], pattern: int) -> Outcome:
    return Outcome(
        permit_class=next((number for number, bits in classes if bits & pattern), None),
        services=tuple([code for code, bits in services.items() if bits & pattern]),
    )
