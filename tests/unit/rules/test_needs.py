"""Needs as sets of values: meeting, implying and negating them agrees with the days on which they hold."""

from __future__ import annotations

from datetime import date
from itertools import product

import pytest

from issuer.rules import days as calendar
from issuer.rules import needs
from issuer.rules.days import ALWAYS, NEVER
from issuer.rules.facts import FACTS, INDEX, Fact, Period, Value
from issuer.rules.needs import Children, Months, Need, OneOf, Range


def fact(name: str) -> Fact:
    return FACTS[INDEX[name]]


def windows(*pairs: tuple[int, int]) -> frozenset[tuple[int, int]]:
    return frozenset(pairs)


NEEDS: dict[str, list[Need]] = {
    "points": [Range(low, high) for low, high in ((1, None), (None, 5), (3, 5), (5, 5), (6, 9), (None, 0))],
    "birth": [Range(low, high) for low, high in ((18, None), (None, 17), (0, 6), (7, 18), (6, 7))],
    "education": [Range(low, high) for low, high in ((1, None), (None, 6), (2, 4), (7, None))],
    "residence": [
        Months(low, high, running)
        for low, high in ((0, None), (6, None), (0, 5), (6, 12), (13, None))
        for running in (None, True, False)
        if (low, high, running) != (0, None, None)
    ],
    "home_kind": [OneOf(frozenset(names)) for names in (("owned",), ("owned", "rented"), ("school", "public"))],
    "district": [
        OneOf(frozenset(names), among) for names in (("A",), ("A", "B"), ("B", "C")) for among in (True, False)
    ],
    "children": [
        Children(some=windows((0, 6))),
        Children(some=windows((5, 15))),
        Children(some=windows((5, 6))),
        Children(none=windows((0, 6))),
        Children(none=windows((5, 15))),
        Children(some=windows((0, 2)), none=windows((5, 15))),
    ],
}
D = date
VALUES: dict[str, list[Value]] = {
    "points": [0, 1, 2, 3, 5, 6, 9, 10],
    "birth": [D(2000, 2, 29), D(2008, 11, 21), D(2019, 11, 22)],
    "education": list(fact("education").choices),
    "residence": [
        Period(since=None),
        Period(since=D(2024, 1, 31)),
        Period(since=D(2025, 1, 1), until=D(2025, 6, 30)),
        Period(since=D(2025, 1, 1), until=D(2025, 6, 29)),
        Period(since=D(2025, 1, 1), until=D(2026, 1, 31)),
        Period(since=D(2025, 1, 1), until=D(2025, 1, 1)),
        Period(since=D(2024, 8, 31), until=D(2026, 2, 27)),
    ],
    "home_kind": list(fact("home_kind").choices),
    "district": ["A", "B", "C", "D"],
    "children": [
        (),
        (D(2020, 3, 1),),
        (D(2012, 2, 29), D(2024, 5, 5)),
        (D(2023, 1, 1),),
        (D(2021, 1, 1), D(2024, 1, 1)),
    ],
}
PAIRS = [(name, one, other) for name, listed in NEEDS.items() for one, other in product(listed, listed)]


@pytest.mark.parametrize(("name", "one", "other"), PAIRS)
def test_meet_and_implies_agree_with_days(name: str, one: Need, other: Need) -> None:
    met = needs.meet(one, other)
    assert (met is None) is (needs.meet(other, one) is None)
    for value in VALUES[name]:
        left, right = (needs.days(fact(name), need, value) for need in (one, other))
        wanted = calendar.common(left, right)
        assert (NEVER if met is None else needs.days(fact(name), met, value)) == wanted
        if needs.implies(one, other):
            assert wanted == left
    if met is not None:
        assert needs.implies(met, one)
        assert needs.implies(met, other)


def test_implies_is_not_shy() -> None:
    """Where it may say yes, it does: what it misses, the normal form keeps as a needless way."""
    assert needs.implies(OneOf(frozenset("A")), OneOf(frozenset("B"), among=False))
    assert not needs.implies(OneOf(frozenset("A")), OneOf(frozenset("A"), among=False))
    assert needs.implies(OneOf(frozenset("AB"), among=False), OneOf(frozenset("A"), among=False))
    assert needs.implies(Children(some=windows((5, 6))), Children(some=windows((0, 6))))
    assert needs.implies(Children(none=windows((0, 9))), Children(none=windows((5, 6))))
    assert needs.implies(Months(6, 12, True), Months(6))
    assert not needs.implies(Months(6), Months(6, running=True))


@pytest.mark.parametrize(("name", "need"), [(name, need) for name, listed in NEEDS.items() for need in listed])
def test_negated_is_the_complement(name: str, need: Need) -> None:
    for value in VALUES[name]:
        holds = needs.days(fact(name), need, value)
        fails = calendar.union(*(needs.days(fact(name), other, value) for other in needs.negated(fact(name), need)))
        assert fails == calendar.others(holds)


@pytest.mark.parametrize(
    ("value", "need", "wanted"),
    [
        # Six full months end with 30 June; from 1 July on there are six, before there were fewer.
        (VALUES["residence"][2], Months(6), ((D(2025, 7, 1), None),)),
        (VALUES["residence"][2], Months(0, 5), ((None, D(2025, 6, 30)),)),
        (VALUES["residence"][3], Months(6), ()),
        (VALUES["residence"][3], Months(0, 5), ((None, None),)),
        (VALUES["residence"][2], Months(running=True), ((D(2025, 1, 1), D(2025, 6, 30)),)),
        (VALUES["residence"][1], Months(1), ((D(2024, 2, 29), None),)),
        (VALUES["residence"][0], Months(0, 5), ((None, None),)),
        (VALUES["residence"][0], Months(running=False), ((None, None),)),
        (VALUES["residence"][0], Months(1), ()),
    ],
)
def test_periods(value: Period, need: Months, wanted: tuple[tuple[date | None, date | None], ...]) -> None:
    spans = tuple(
        (
            calendar.EVER if first is None else first.toordinal(),
            calendar.AFTER_ALL if last is None else last.toordinal(),
        )
        for first, last in wanted
    )
    assert needs.days(fact("residence"), need, value) == spans


def test_windows_that_together_forbid_another_meet_in_nothing() -> None:
    forbidden = Children(none=windows((0, 3), (4, 9)))
    assert needs.meet(Children(some=windows((2, 6))), forbidden) is None
    assert needs.meet(Children(some=windows((2, 10))), forbidden) is not None


def test_days_at_the_ends_of_the_calendar() -> None:
    assert calendar.others(ALWAYS) == NEVER
    assert calendar.others(NEVER) == ALWAYS
    assert calendar.later(D(9999, 12, 1).toordinal(), 1) == calendar.AFTER_ALL
    assert calendar.later(D(1, 1, 1).toordinal(), -1) == calendar.EVER
    assert calendar.full_months(D(2025, 1, 1).toordinal(), calendar.AFTER_ALL) == (9999 - 2025) * 12 + 11
    assert calendar.union(((1, 3),), ((4, 5),), ((7, 9),)) == ((1, 5), (7, 9))
    assert needs.days(fact("birth"), Range(18, None), D(9990, 1, 1)) == ((calendar.AFTER_ALL, calendar.AFTER_ALL),)
