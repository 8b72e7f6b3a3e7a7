"""Tables: a value's bucket says the same as the value itself, also on the days around each threshold."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import pytest

from issuer.rules import days as calendar
from issuer.rules import needs
from issuer.rules.columns import column
from issuer.rules.facts import FACTS, INDEX, decode
from issuer.rules.needs import Children, Months, Need, Range

DAYS = [
    date(2026, 11, 21),
    date(2026, 2, 28),
    date(2024, 2, 29),
    date(2026, 11, 30),
    date(2026, 1, 31),
    date(2026, 3, 1),
]
NEAR = range(-2, 3)
MONTHS: list[Need] = [
    Months(6),
    Months(12, running=True),
    Months(0, 5),
    Months(7, 11),
    Months(0, 5, running=False),
    Months(running=True),
]
AGES: list[Need] = [Range(18, None), Range(None, 6), Range(7, 17)]
CHILDREN: list[Need] = [
    Children(some=frozenset({(0, 6)})),
    Children(none=frozenset({(0, 6)})),
    Children(some=frozenset({(7, 9)}), none=frozenset({(0, 0)})),
]
NUMBERS: list[Need] = [Range(1, None), Range(None, 5), Range(3, 9), Range(10, 10)]


def around(today: date, *months: int) -> Iterator[date]:
    for count, shift in ((count, shift) for count in months for shift in NEAR):
        yield date.fromordinal(calendar.later(today.toordinal(), -count)) + timedelta(days=shift)


def check(name: str, asked: list[Need], today: date, cells: set[str | int]) -> None:
    place = INDEX[name]
    paths: dict[tuple[tuple[int, Need], ...], int] = {((place, need),): bit for bit, need in enumerate(asked)}
    table = column(place, paths, today.toordinal())
    assert table[None] == 0
    for cell in sorted(cells, key=str):
        value = decode(FACTS[place], cell)
        wanted = sum(
            1 << bit
            for bit, need in enumerate(asked)
            if calendar.holds(needs.days(FACTS[place], need, value), today.toordinal())
        )
        assert table.ways[table[cell]] == wanted, (cell, today)
        assert table.ways[table[cell]] == wanted, "the second look-up"


@pytest.mark.parametrize("today", DAYS)
def test_periods(today: date) -> None:
    begun = set(around(today, 0, 5, 6, 7, 8, 11, 12, 13, 24))
    cells: set[str | int] = {"never", *(f"{since}/.." for since in begun)}
    for since in begun:
        ends = {*around(today, 0, 1, 6), *around(since, -5, -6, -7, -8, -11, -12, -13)}
        cells |= {f"{since}/{until}" for until in ends if until >= since}
    check("residence", MONTHS, today, cells)


@pytest.mark.parametrize("today", DAYS)
def test_ages(today: date) -> None:
    births = {str(day) for day in around(today, 0, 12, 84, 96, 17 * 12, 18 * 12, 19 * 12)}
    check("birth", AGES, today, set(births))


@pytest.mark.parametrize("today", DAYS)
def test_children(today: date) -> None:
    births = sorted({str(day) for day in around(today, 0, 12, 84, 96, 120)})
    pairs = {f"{one},{other}" for one in births for other in births if one <= other}
    check("children", CHILDREN, today, {"", *births, *pairs})


def test_numbers() -> None:
    check("points", NUMBERS, DAYS[0], set(range(13)))
