"""Dates of the law: months, the deadline of an application, the yearly endorsement, the years that count.

Decree 663 art. 10: an endorsement each year, in the month before the full year. Missed, the use of the permit stops; a
late endorsement restores it, and the years count on from that day. What becomes of years after a gap differs from city
to city (`lifecycle.yaml`), so it is a setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

DEADLINE_DAYS = 15
"""From acceptance to a card that can be collected."""
EXTENDED_DEADLINE_DAYS = 30
MINIMUM_RESIDENCE_MONTHS = 6  # Decree 663 art. 2
ENDORSEMENT_MONTHS = 12
WINDOW_MONTHS = 1
ADDRESS_REPORT_DAYS = 10


def add_months(day: date, months: int) -> date:
    """`months` after `day` (or before); where a month is too short, its last day. Raises OverflowError."""
    month = day.year * 12 + day.month - 1 + months
    first = date_of(month // 12, month % 12 + 1)
    following = date_of((month + 1) // 12, (month + 1) % 12 + 1)
    return first + timedelta(days=min(day.day, (following - first).days) - 1)


def date_of(year: int, month: int) -> date:
    """The first of a month. Raises OverflowError beyond the calendar."""
    if not date.min.year <= year <= date.max.year:
        raise OverflowError(f"year {year}")
    return date(year, month, 1)


def full_months(start: date, day: date) -> int:
    """Months that are over on `day`; negative before `start`."""
    count = (day.year - start.year) * 12 + day.month - start.month
    return count if add_months(start, count) <= day else count - 1


def eligible_from(residence_since: date) -> date:
    """The first day on which somebody who came on `residence_since` may be accepted."""
    return add_months(residence_since, MINIMUM_RESIDENCE_MONTHS)


class Endorsement(StrEnum):
    """Where a permit stands with its yearly endorsement."""

    TOO_EARLY = "too-early"
    OPEN = "open"  # within the month before the full year
    LATE = "late"  # missed: suspended by itself
    RE_REGISTER = "re-register"  # so late that the years start from a new registration


class Beyond(StrEnum):
    """What happens to the years when the gap is longer than the grace."""

    CONTINUE = "continue"  # Decree 663: the years go on, without the gap
    RESTART = "restart"  # Wuxi, after 30 days
    RE_REGISTER = "re-register"  # Xuchang, after 6 months


@dataclass(frozen=True, slots=True, kw_only=True)
class YearsRule:
    """How a city counts years after a missed endorsement: within `grace_days` they run on as if nothing had happened
    (0: never); later, `beyond` decides."""

    grace_days: int
    beyond: Beyond


DECREE_663 = YearsRule(grace_days=0, beyond=Beyond.CONTINUE)
WUXI = YearsRule(grace_days=30, beyond=Beyond.RESTART)
XUCHANG = YearsRule(grace_days=183, beyond=Beyond.RE_REGISTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsed:
    """What an endorsement leads to. `years_since`: the day from which whole years count."""

    until: date
    years_since: date


def endorsement(*, until: date, today: date, rule: YearsRule = DECREE_663) -> Endorsement:
    """Where a permit endorsed until (and including) `until` stands today."""
    if today > until:
        gap = (today - until).days
        return (
            Endorsement.RE_REGISTER if gap > rule.grace_days and rule.beyond is Beyond.RE_REGISTER else Endorsement.LATE
        )
    return Endorsement.OPEN if today >= window_opens(until) else Endorsement.TOO_EARLY


def window_opens(until: date) -> date:
    """The first day on which a permit endorsed until `until` may be endorsed again."""
    return add_months(until, -WINDOW_MONTHS)


def endorsed(*, until: date, years_since: date, expires: date, today: date, rule: YearsRule = DECREE_663) -> Endorsed:
    """The next endorsement, granted today. In time it counts from the last one's end, late from today."""
    following = min(add_months(max(until, today), ENDORSEMENT_MONTHS), expires)
    gap = today - until
    if gap <= timedelta(days=rule.grace_days):
        return Endorsed(until=following, years_since=years_since)
    if rule.beyond is Beyond.RESTART:
        return Endorsed(until=following, years_since=today)
    # What was held before the gap, in months and days: so that two years stay two years over a leap day.
    months = max(0, full_months(years_since, until))
    since = add_months(today, -months) - (until - add_months(years_since, months))
    return Endorsed(until=following, years_since=min(today, max(years_since, since)))


def years(years_since: date, day: date) -> int:
    """Whole years that count on `day`."""
    return max(0, full_months(years_since, day) // 12)
