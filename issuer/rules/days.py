"""Sets of days: when a condition holds, if the recorded facts stay as they are and only time passes.

A set is a tuple of `Span`, sorted, disjoint and not adjacent; both ends are proleptic Gregorian ordinals and belong to
it. `EVER` (0) and `AFTER_ALL` (the ordinal after 9999-12-31) stand for no beginning and no end.
"""

from __future__ import annotations

from datetime import date
from typing import TypeAlias

Span: TypeAlias = tuple[int, int]
Days: TypeAlias = tuple[Span, ...]

EVER = 0
AFTER_ALL = date.max.toordinal() + 1
ALWAYS: Days = ((EVER, AFTER_ALL),)
NEVER: Days = ()


def later(start: int, months: int) -> int:
    """The ordinal `months` months after `start`, the last day of the month where that is too short; capped."""
    day = date.fromordinal(start)
    total = day.year * 12 + day.month - 1 + months
    year, month = divmod(total, 12)
    if year > date.max.year:
        return AFTER_ALL
    if year < 1:
        return EVER
    first = date(year, month + 1, 1).toordinal()
    length = _month_length(year, month + 1)
    return first + min(day.day, length) - 1


def full_months(start: int, end: int) -> int:
    """The greatest n with ``later(start, n) <= end``; 0 where `end` is before `start`."""
    if end <= start:
        return 0
    first, last = date.fromordinal(start), date.fromordinal(min(end, AFTER_ALL - 1))
    months = (last.year - first.year) * 12 + last.month - first.month
    return months if later(start, months) <= end else months - 1


def between(first: int, last: int) -> Days:
    """The days from `first` to `last`; none where they are the wrong way round."""
    return ((first, last),) if first <= last else NEVER


def union(*sets: Days) -> Days:
    """Days that are in any of `sets`; spans that touch become one."""
    merged: list[Span] = []
    for first, last in sorted(span for days in sets for span in days):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return tuple(merged)


def common(one: Days, other: Days) -> Days:
    """Days that are in both sets."""
    if one == ALWAYS:
        return other
    if other == ALWAYS:
        return one
    found: list[Span] = []
    for first, last in one:
        for begin, end in other:
            if max(first, begin) <= min(last, end):
                found.append((max(first, begin), min(last, end)))
    return tuple(sorted(found))


def others(days: Days) -> Days:
    """Every day that is not in the set."""
    found: list[Span] = []
    free = EVER
    for first, last in days:
        if free < first:
            found.append((free, first - 1))
        free = last + 1
    if free <= AFTER_ALL:
        found.append((free, AFTER_ALL))
    return tuple(found)


def holds(days: Days, day: int) -> bool:
    """Whether `day` is in the set."""
    return any(first <= day <= last for first, last in days)


def last_from(days: Days, day: int) -> int | None:
    """The last day of the span that `day` is in; None where it is in none."""
    return next((last for first, last in days if first <= day <= last), None)


def next_from(days: Days, day: int) -> int | None:
    """The first day of the set that is not before `day`; None also where it lies beyond the calendar."""
    found = next((max(first, day) for first, last in days if last >= day), AFTER_ALL)
    return found if found < AFTER_ALL else None


def _month_length(year: int, month: int) -> int:
    if month == 12:
        return 31
    return (date(year, month + 1, 1) - date(year, month, 1)).days
