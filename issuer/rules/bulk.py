"""Many holders against one or several rule sets on one day, without explanations: class and services only.

Every way of every set is one bit. For each fact a table maps the stored form of its value to the bits that it leaves
standing, so a holder costs one look-up and one AND for each fact; what the bits mean is worked out once for each
pattern. Tables fill as values occur, through the same `needs.days` as `evaluate`, and are bounded.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import partial, reduce
from itertools import islice
from operator import and_
from typing import TypeVar

from . import days as calendar
from . import needs
from .facts import FACTS, Fact, Kind, Row, decode
from .faults import Fault, Mistake, RulesRefused
from .model import CLASSES
from .needs import Children, Need, Window
from .normal import class_goal
from .rule_set import RuleSet, is_service

MAX_ENTRIES = 65_536  # of a table; it is emptied when it is full
CHUNK = 10_000  # holders between two reports of progress

Id = TypeVar("Id")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a holder has: the best certain class (None: not eligible, or not known to be) and the granted services."""

    permit_class: int | None
    services: frozenset[str]


class Table:
    """`rule_sets` on `today`. Not for several threads at once: its tables fill while it works."""

    def __init__(self, rule_sets: Sequence[RuleSet], today: date) -> None:
        bits: dict[tuple[tuple[int, Need], ...], int] = {}
        self._goals: list[dict[str, int]] = []
        for rule_set in rule_sets:
            routes: dict[str, int] = {}
            for goal, route in rule_set.routes.items():
                paths = [tuple(rule_set.questions[at] for at in rule_set.paths[path]) for path in route]
                routes[goal] = reduce(int.__or__, (1 << bits.setdefault(path, len(bits)) for path in paths), 0)
            self._goals.append(routes)
        self._outcomes: dict[int, tuple[Outcome, ...]] = {}
        self._columns = tuple(_column(at, bits, today.toordinal()) for at in range(len(FACTS)))

    def patterns(self, rows: Iterable[Row]) -> Iterator[int]:
        """The ways that certainly hold for each holder, as bits, in the order of `rows`.

        Works through the rows fact by fact. Raises ValueError for a cell that is no stored form, and for a row that
        has not a cell for each of `FACTS`: a fact left out must not count as met.
        """
        facts = tuple(zip(*rows, strict=True))
        if facts and len(facts) != len(self._columns):
            raise ValueError(f"a row has {len(facts)} cells, there are {len(self._columns)} facts")
        looked_up = (map(column.__getitem__, cells) for column, cells in zip(self._columns, facts, strict=False))
        return reduce(partial(map, and_), looked_up) if facts else iter(())

    def outcomes(self, pattern: int) -> tuple[Outcome, ...]:
        """What a pattern means under each of the rule sets."""
        found = self._outcomes.get(pattern)
        if found is None:
            if len(self._outcomes) >= MAX_ENTRIES:
                self._outcomes.clear()
            found = self._outcomes[pattern] = tuple(_outcome(routes, pattern) for routes in self._goals)
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
            patterns = list(table.patterns(rows))
        except ValueError as error:
            raise RulesRefused(tuple(_wrong_rows(table, chunk))) from error
        yield ids, patterns


def _wrong_rows(table: Table, chunk: tuple[tuple[Id, Row], ...]) -> Iterator[Mistake]:
    for holder, row in chunk:
        try:
            list(table.patterns([row]))
        except ValueError as error:
            yield Mistake(path=str(holder), fault=Fault.WRONG_FORMAT, details={"value": str(error), "known": "-"})


def _outcome(routes: Mapping[str, int], pattern: int) -> Outcome:
    return Outcome(
        permit_class=next((number for number in CLASSES if pattern & routes[class_goal(number)]), None),
        services=frozenset(goal for goal, bits in routes.items() if bits & pattern and is_service(goal)),
    )


# --- the table of one fact


class _Column(dict[str | int | None, int]):
    """Stored form → bits. `always`: ways that do not ask for the fact; they stand also where it is not known."""

    def __init__(self, fact: Fact, always: int, asked: Mapping[Need, int], day: int) -> None:
        super().__init__({None: always})
        self._fact = fact
        self._always = always
        self._asked = tuple(asked.items())
        self._day = day

    def __missing__(self, cell: str | int | None) -> int:
        if len(self) >= MAX_ENTRIES:
            self.clear()
            self[None] = self._always
            if cell is None:
                return self._always
        found = self[cell] = self._bits(cell)
        return found

    def _bits(self, cell: str | int | None) -> int:
        value = decode(self._fact, cell)
        bits = self._always
        for need, ways in self._asked:
            if calendar.holds(needs.days(self._fact, need, value), self._day):
                bits |= ways
        return bits


class _Births(_Column):
    """Families are too many for a table: each birth date has its windows, and each set of windows its bits."""

    def __init__(self, fact: Fact, always: int, asked: Mapping[Need, int], day: int) -> None:
        super().__init__(fact, always, asked, day)
        wanted = [need for need in asked if isinstance(need, Children)]
        self._windows: list[Window] = sorted({window for need in wanted for window in need.some | need.none})
        self._of_birth: dict[str, int] = {}
        self._of_windows: dict[int, int] = {}

    def __missing__(self, cell: str | int | None) -> int:
        if not isinstance(cell, str) or len(cell) <= 10:  # one child or none
            return super().__missing__(cell)
        births = cell.split(",")
        inside = 0
        before = ""
        for birth in births:
            if birth < before:
                raise ValueError(f"{self._fact.name}: {cell!r}")
            before = birth
            windows = self._of_birth.get(birth)
            inside |= self._birth(birth) if windows is None else windows
        bits = self._of_windows.get(inside)
        if bits is None:
            if len(self._of_windows) >= MAX_ENTRIES:
                self._of_windows.clear()
            bits = self._of_windows[inside] = self._bits(cell)
        return bits

    def _birth(self, birth: str) -> int:
        value = decode(self._fact, birth)
        if not birth:
            raise ValueError(f"{self._fact.name}: an empty birth date")
        if len(self._of_birth) >= MAX_ENTRIES:
            self._of_birth.clear()
        found = 0
        for at, window in enumerate(self._windows):
            if calendar.holds(needs.days(self._fact, Children(some=frozenset({window})), value), self._day):
                found |= 1 << at
        self._of_birth[birth] = found
        return found


def _column(place: int, bits: Mapping[tuple[tuple[int, Need], ...], int], day: int) -> _Column:
    always = 0
    asked: dict[Need, int] = {}
    for path, bit in bits.items():
        need = next((need for fact, need in path if fact == place), None)
        if need is None:
            always |= 1 << bit
        else:
            asked[need] = asked.get(need, 0) | 1 << bit
    fact = FACTS[place]
    return (_Births if fact.kind is Kind.BIRTHS else _Column)(fact, always, asked, day)
