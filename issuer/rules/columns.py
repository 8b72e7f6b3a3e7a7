"""The tables of `issuer.rules.bulk`: for each fact, stored form → its kind; of each kind, the ways that it leaves
standing, as bits.

A cell is first put into a bucket, in which all values answer all thresholds of one day alike: full years of an age,
full months of a period and whether it goes on, the thresholds that a number has passed, the windows that children are
in. The bits of a bucket are worked out once, by `needs.days`, so that a table has no meaning of its own. Buckets of the
same bits are one kind: a fact has no more kinds than its thresholds tell apart, which is a handful.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Hashable, Mapping, Sequence
from datetime import date
from functools import reduce
from operator import and_
from typing import TypeAlias

from . import days as calendar
from . import needs
from .facts import FACTS, MAX_NUMBER, Fact, Kind, decode, parse_date
from .needs import Children, Need, Range

MAX_ENTRIES = 65_536  # of a table; it is emptied when it is full
Cell: TypeAlias = str | int | None


class Column(dict[Cell, int]):
    """The table of one fact on one day, cell → kind. `ways` are the bits of each kind; kind 0 is *not known*, which
    leaves standing only what does not ask for the fact (`always`)."""

    def __init__(self, fact: Fact, always: int, asked: Mapping[Need, int], day: int) -> None:
        super().__init__({None: 0})
        self.ways = [always]
        self._fact = fact
        self._always = always
        self._kinds = {always: 0}
        self._asked = tuple(asked.items())
        self._day = day
        self._of_bucket: dict[Hashable, int] = {}

    def __missing__(self, cell: Cell) -> int:
        """Raises ValueError where `cell` is no stored form of the fact."""
        if cell is None:
            return 0
        bucket = self._bucket(cell)
        kind = self._of_bucket.get(bucket)
        if kind is None:
            kind = self._kind(cell)
            _put(self._of_bucket, bucket, kind)
        if self._keeps(cell):
            _put(self, cell, kind)
        return kind

    def _bucket(self, cell: str | int) -> Hashable:
        return cell

    def _keeps(self, cell: str | int) -> bool:
        """Whether the value comes often enough for the table; those that seldom come twice would only crowd it."""
        return True

    def _kind(self, cell: str | int) -> int:
        value = decode(self._fact, cell)
        bits = self._always
        for need, ways in self._asked:
            if calendar.holds(needs.days(self._fact, need, value), self._day):
                bits |= ways
        kind = self._kinds.setdefault(bits, len(self.ways))
        if kind == len(self.ways):
            self.ways.append(bits)
        return kind

    def _wrong(self, cell: str | int) -> ValueError:
        return ValueError(f"{self._fact.name}: {cell!r}")


class _Periods(Column):
    def __init__(self, fact: Fact, always: int, asked: Mapping[Need, int], day: int) -> None:
        super().__init__(fact, always, asked, day)
        self._today = str(date.fromordinal(day))
        self._now = _end_code(day)
        self._since = _Codes(_code)
        self._until = _Codes(lambda last: _end_code(last.toordinal() + 1))
        self._running = _Codes(lambda since: self[f"{since}/.."])
        self._ended: dict[int, int] = {}

    def __missing__(self, cell: Cell) -> int:
        if type(cell) is not str or len(cell) != 21 or cell[10] != "/":
            return super().__missing__(cell)
        # Pairs of dates seldom come twice. One that goes on today counts as if it had no end; one that has ended, by
        # its full months.
        since, until = cell[:10], cell[11:]
        end = self._until[until]
        if until < since:
            raise self._wrong(cell)
        if until >= self._today:
            return self._running[since]
        months = end - self._since[since] >> _DAY_BITS
        kind = self._ended.get(months)
        if kind is None:
            kind = self._ended[months] = self._kind(cell)
        return kind

    def _bucket(self, cell: str | int) -> Hashable:
        if isinstance(cell, str) and len(cell) == 13 and cell.endswith("/.."):
            since = cell[:10]
            return self._now - self._since[since] >> _DAY_BITS if since <= self._today else "to come"
        return cell  # never, or wrong


class _Birth(Column):
    def __init__(self, fact: Fact, always: int, asked: Mapping[Need, int], day: int) -> None:
        super().__init__(fact, always, asked, day)
        self._now = _end_code(day)

    def _bucket(self, cell: str | int) -> Hashable:
        if not isinstance(cell, str):
            raise self._wrong(cell)
        return (self._now - _code(parse_date(cell)) >> _DAY_BITS) // 12


class _Numbers(Column):
    def __init__(self, fact: Fact, always: int, asked: Mapping[Need, int], day: int) -> None:
        super().__init__(fact, always, asked, day)
        ranges = [need for need in asked if isinstance(need, Range)]
        steps = {need.low for need in ranges} | {need.high + 1 for need in ranges if need.high is not None}
        self._steps = sorted(step for step in steps if step is not None)

    def _bucket(self, cell: str | int) -> Hashable:
        if type(cell) is not int or not 0 <= cell <= MAX_NUMBER:
            raise self._wrong(cell)
        return bisect_right(self._steps, cell)


class _Births(Column):
    def __init__(self, fact: Fact, always: int, asked: Mapping[Need, int], day: int) -> None:
        super().__init__(fact, always, asked, day)
        self._now = _end_code(day)
        wanted = [need for need in asked if isinstance(need, Children)]
        windows = sorted({window for need in wanted for window in need.some | need.none})
        self._windows = [(low, high, 1 << at) for at, (low, high) in enumerate(windows)]
        self._inside = _Codes(self._windows_of)

    def _windows_of(self, birth: date) -> int:
        age = (self._now - _code(birth) >> _DAY_BITS) // 12
        return sum(bit for low, high, bit in self._windows if low <= age <= high)

    def _bucket(self, cell: str | int) -> Hashable:
        if not isinstance(cell, str):
            raise self._wrong(cell)
        if not cell:
            return cell
        inside = 0
        births = cell.split(",")
        for birth in births:
            inside |= self._inside[birth]
        if births != sorted(births):
            raise self._wrong(cell)
        return inside

    def _keeps(self, cell: str | int) -> bool:
        return isinstance(cell, str) and len(cell) <= 10


class Group(dict[tuple[int, ...], int]):
    """Some facts together: their kinds → the ways that all of them leave standing. Few facts have few combinations, so
    that almost every holder is one that was seen before."""

    def __init__(self, columns: Sequence[Column]) -> None:
        super().__init__()
        self.columns = columns

    def __missing__(self, kinds: tuple[int, ...]) -> int:
        bits = reduce(and_, (column.ways[kind] for column, kind in zip(self.columns, kinds, strict=True)))
        if len(self) >= MAX_ENTRIES:
            self.clear()
        self[kinds] = bits
        return bits


def column(place: int, paths: Mapping[tuple[tuple[int, Need], ...], int], day: int) -> Column:
    """The table of the fact at `place`. `paths`: the conditions of each way → the place of its bit."""
    always = 0
    asked: dict[Need, int] = {}
    for path, bit in paths.items():
        need = next((need for fact, need in path if fact == place), None)
        if need is None:
            always |= 1 << bit
        else:
            asked[need] = asked.get(need, 0) | 1 << bit
    return _COLUMNS.get(FACTS[place].kind, Column)(FACTS[place], always, asked, day)


_COLUMNS: Mapping[Kind, type[Column]] = {
    Kind.PERIOD: _Periods,
    Kind.BIRTH: _Birth,
    Kind.NUMBER: _Numbers,
    Kind.BIRTHS: _Births,
}

# --- dates as numbers of which a difference, shifted by _DAY_BITS, is in full months

_DAY_BITS = 5


def _code(day: date) -> int:
    return (day.year * 12 + day.month << _DAY_BITS) + day.day


def _end_code(ordinal: int) -> int:
    """As `_code`; but the last day of a month completes a month that began on a later day of some month before."""
    ordinal = min(ordinal, calendar.AFTER_ALL - 1)
    day, following = date.fromordinal(ordinal), date.fromordinal(min(ordinal + 1, calendar.AFTER_ALL - 1))
    return _code(day) + (31 - day.day if following.month != day.month else 0)


class _Codes(dict[str, int]):
    """ISO date → number."""

    def __init__(self, code: Callable[[date], int]) -> None:
        super().__init__()
        self._code = code

    def __missing__(self, text: str) -> int:
        found = self._code(parse_date(text))
        _put(self, text, found)
        return found


def _put(table: dict[Cell, int] | dict[str, int] | dict[Hashable, int], key: str | int | Hashable, value: int) -> None:
    if len(table) >= MAX_ENTRIES:
        table.clear()
    table[key] = value  # type: ignore[index]
