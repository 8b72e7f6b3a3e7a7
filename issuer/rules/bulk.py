"""Many holders against one or several rule sets on one day, without explanations: class and services only.

Every way of every set is one bit. For each fact a table maps the stored form of its value to the bits that it leaves
standing, so a holder costs one look-up and one AND for each fact; what the bits mean is worked out once for each
pattern. Tables (`issuer.rules.columns`) fill as values occur and are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from itertools import islice
from operator import and_
from typing import TypeVar

from .columns import MAX_ENTRIES, column
from .facts import FACTS, Row
from .faults import Fault, Mistake, RulesRefused
from .model import CLASSES
from .needs import Need
from .normal import class_goal
from .rule_set import RuleSet

CHUNK = 10_000  # holders between two reports of progress

Id = TypeVar("Id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The best certain class (None: not eligible, or not known to be) and the granted services, in order."""

    permit_class: int | None
    services: tuple[str, ...]


class Table:
    """`rule_sets` on `today`. Not for several threads at once: its tables fill while it works."""

    def __init__(self, rule_sets: Sequence[RuleSet], today: date) -> None:
        bits: dict[tuple[tuple[int, Need], ...], int] = {}
        self._goals: list[tuple[tuple[tuple[int, int], ...], tuple[tuple[str, int], ...]]] = []
        for rule_set in rule_sets:
            routes: dict[str, int] = {}
            for goal, route in rule_set.routes.items():
                paths = [tuple(rule_set.questions[at] for at in rule_set.paths[path]) for path in route]
                routes[goal] = reduce(int.__or__, (1 << bits.setdefault(path, len(bits)) for path in paths), 0)
            classes = tuple((number, routes[class_goal(number)]) for number in CLASSES)
            self._goals.append((classes, tuple((code, routes[code]) for code in rule_set.services)))
        self._outcomes: dict[int, tuple[Outcome, ...]] = {}
        self._columns = tuple(column(at, bits, today.toordinal()) for at in range(len(FACTS)))

    def patterns(self, rows: Sequence[Row]) -> list[int]:
        """The ways that certainly hold for each holder, as bits, in the order of `rows`.

        Works through the rows fact by fact. Raises ValueError for a cell that is no stored form, and for a row that
        has not a cell for each of `FACTS`: a fact left out must not count as met.
        """
        if not rows:
            return []
        found: list[int] = []
        facts = tuple(zip(*rows, strict=True))
        for table, cells in zip(self._columns, facts, strict=True):
            looked_up = map(table.__getitem__, cells)
            found = list(map(and_, found, looked_up)) if found else list(looked_up)
        return found

    def outcomes(self, pattern: int) -> tuple[Outcome, ...]:
        """What a pattern means under each of the rule sets."""
        found = self._outcomes.get(pattern)
        if found is None:
            if len(self._outcomes) >= MAX_ENTRIES:
                self._outcomes.clear()
            found = self._outcomes[pattern] = tuple(_outcome(*goals, pattern) for goals in self._goals)
        return found


def scan(rule_set: RuleSet, holders: Iterable[tuple[Id, Row]], today: date) -> Iterator[tuple[Id, Outcome]]:
    """Class and services of each holder, one after the other. Raises RulesRefused for a row with a wrong cell."""
    table = Table([rule_set], today)
    for ids, patterns in chunks(table, holders):
        for holder, pattern in zip(ids, patterns, strict=True):
            yield holder, table.outcomes(pattern)[0]


def chunks(table: Table, holders: Iterable[tuple[Id, Row]]) -> Iterator[tuple[tuple[Id, ...], list[int]]]:
    """Ids and patterns, `CHUNK` holders at a time. Raises RulesRefused, which names the holder and the fact."""
    source = iter(holders)
    while chunk := tuple(islice(source, CHUNK)):
        ids, rows = zip(*chunk, strict=True)
        try:
            patterns = table.patterns(rows)
        except ValueError as error:
            raise RulesRefused(tuple(_wrong_rows(table, chunk))) from error
        yield ids, patterns


def _wrong_rows(table: Table, chunk: tuple[tuple[Id, Row], ...]) -> Iterator[Mistake]:
    for holder, row in chunk:
        try:
            table.patterns([row])
        except ValueError as error:
            yield Mistake(path=str(holder), fault=Fault.WRONG_FORMAT, details={"value": str(error), "known": "-"})


def _outcome(classes: Iterable[tuple[int, int]], services: Iterable[tuple[str, int]], pattern: int) -> Outcome:
    return Outcome(
        permit_class=next((number for number, bits in classes if bits & pattern), None),
        services=tuple([code for code, bits in services if bits & pattern]),
    )
