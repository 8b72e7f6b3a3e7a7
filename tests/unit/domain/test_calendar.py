"""Months, deadlines, endorsements and years."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from issuer.domain.calendar import (
    DECREE_663,
    WUXI,
    XUCHANG,
    Endorsement,
    YearsRule,
    add_months,
    eligible_from,
    endorsed,
    endorsement,
    full_months,
    window_opens,
    years,
)
from issuer.domain.permit_life import PermitState, Standing, Suspension, standing

DAYS = st.dates(date(1950, 1, 1), date(2100, 1, 1))
UNTIL = date(2027, 3, 31)


@pytest.mark.parametrize(
    ("day", "months", "expected"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 11, 21), 2, date(2027, 1, 21)),
        (date(2026, 12, 31), 0, date(2026, 12, 31)),
    ],
)
def test_months(day: date, months: int, expected: date) -> None:
    assert add_months(day, months) == expected


def test_beyond_the_calendar() -> None:
    with pytest.raises(OverflowError):
        add_months(date(9999, 12, 1), 1)


@given(DAYS, st.integers(-600, 600))
def test_full_months_undo_add_months(day: date, months: int) -> None:
    later = add_months(day, months)
    assert full_months(day, later) == months
    assert full_months(day, later - timedelta(days=1)) == months - 1


@given(DAYS)
def test_six_months(day: date) -> None:
    assert full_months(day, eligible_from(day)) == 6


def test_the_window_is_the_month_before() -> None:
    opens = window_opens(UNTIL)
    assert opens == date(2027, 2, 28)
    assert endorsement(until=UNTIL, today=opens - timedelta(days=1)) is Endorsement.TOO_EARLY
    assert endorsement(until=UNTIL, today=opens) is Endorsement.OPEN
    assert endorsement(until=UNTIL, today=UNTIL) is Endorsement.OPEN
    assert endorsement(until=UNTIL, today=UNTIL + timedelta(days=1)) is Endorsement.LATE


@pytest.mark.parametrize(
    ("rule", "gap", "expected"),
    [
        (DECREE_663, 4000, Endorsement.LATE),
        (WUXI, 400, Endorsement.LATE),
        (XUCHANG, 183, Endorsement.LATE),
        (XUCHANG, 184, Endorsement.RE_REGISTER),
    ],
)
def test_how_late_is_too_late(rule: YearsRule, gap: int, expected: Endorsement) -> None:
    assert endorsement(until=UNTIL, today=UNTIL + timedelta(days=gap), rule=rule) is expected


@pytest.mark.parametrize(
    ("rule", "gap", "until", "counted"),
    [
        (DECREE_663, 0, date(2028, 3, 31), 3),
        (DECREE_663, -20, date(2028, 3, 31), 3),
        (DECREE_663, 365, date(2029, 3, 30), 3),  # a year's gap counts for nothing, what was before it stays
        (WUXI, 30, date(2028, 4, 30), 3),
        (WUXI, 31, date(2028, 5, 1), 1),
        (XUCHANG, 183, date(2028, 9, 30), 3),
    ],
)
def test_years_after_a_gap(rule: YearsRule, gap: int, until: date, counted: int) -> None:
    """A permit since three years, endorsed with a gap, then looked at on the last day of the new endorsement."""
    since, expires = date(2025, 3, 31), date(2035, 1, 1)
    new = endorsed(until=UNTIL, years_since=since, expires=expires, today=UNTIL + timedelta(days=gap), rule=rule)
    assert new.until == until
    assert years(new.years_since, new.until) == counted


def test_no_endorsement_beyond_the_expiry() -> None:
    new = endorsed(until=UNTIL, years_since=UNTIL, expires=date(2027, 9, 1), today=UNTIL)
    assert new.until == date(2027, 9, 1)


@given(DAYS, st.integers(0, 3000), st.integers(-30, 3000), st.sampled_from([DECREE_663, WUXI, XUCHANG]))
def test_years_never_come_from_a_gap(start: date, held: int, gap: int, rule: YearsRule) -> None:
    until = start + timedelta(days=held)
    today = until + timedelta(days=gap)
    new = endorsed(until=until, years_since=start, expires=date(2200, 1, 1), today=today, rule=rule)
    assert start <= new.years_since or gap < 0
    assert new.years_since <= max(today, start)
    assert new.until > max(until, today)


STANDINGS = [
    (PermitState.ACTIVE, UNTIL, None, Standing.IN_FORCE),
    (PermitState.ACTIVE, UNTIL + timedelta(days=1), None, Standing.ENDORSEMENT_MISSED),
    (PermitState.ACTIVE, date(2031, 1, 2), None, Standing.EXPIRED),
    (PermitState.SUSPENDED, UNTIL, Suspension.LOST, Standing.LOST),
    (PermitState.SUSPENDED, UNTIL, Suspension.ORDER, Standing.SUSPENDED),
    (PermitState.REVOKED, UNTIL, None, Standing.REVOKED),
    (PermitState.TERMINATED, UNTIL, None, Standing.TERMINATED),
    (PermitState.PENDING, UNTIL, None, Standing.PENDING),
]


@pytest.mark.parametrize(("state", "today", "suspension", "expected"), STANDINGS)
def test_standing(state: PermitState, today: date, suspension: Suspension | None, expected: Standing) -> None:
    found = standing(state, endorsed_until=UNTIL, expires=date(2031, 1, 1), today=today, suspension=suspension)
    assert found is expected
