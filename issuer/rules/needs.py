"""What a rule needs of one fact, as a set of values: the normal form of comparisons.

Four shapes: `Range` (ages in years, numbers, places in a level's order), `Months` (periods), `OneOf` (choices and
codes), `Children` (births). They meet, imply one another and are negated without looking at a holder; `days` says on
which days a holder's value satisfies one. That function is the only meaning that a comparison has.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

from . import days as calendar
from .days import ALWAYS, NEVER, Days
from .facts import Fact, Kind, Period, Value

Window: TypeAlias = tuple[int, int]  # ages in full years, both included
MAX_AGE = 150
MAX_MONTHS = 1200


@dataclass(frozen=True, slots=True)
class Range:
    """From `low` to `high`, both included; None: no bound."""

    low: int | None = None
    high: int | None = None


@dataclass(frozen=True, slots=True)
class Months:
    """Full months of a period, from `low` to `high`; `running`: whether it goes on that day (None: no matter)."""

    low: int = 0
    high: int | None = None
    running: bool | None = None


@dataclass(frozen=True, slots=True)
class OneOf:
    """One of `names`, or with `among` False any other."""

    names: frozenset[str]
    among: bool = True


@dataclass(frozen=True, slots=True)
class Children:
    """A child in each window of `some`, no child in any window of `none`."""

    some: frozenset[Window] = frozenset()
    none: frozenset[Window] = frozenset()


Need: TypeAlias = Range | Months | OneOf | Children


def days(fact: Fact, need: Need, value: Value) -> Days:
    """The days on which `value` satisfies `need` if nothing but time changes it."""
    match need:
        case Months() if isinstance(value, Period):
            return _months(need, value)
        case Range() if isinstance(value, date):
            return _age(need, value.toordinal())
        case Range():
            place = fact.choices.index(value) if isinstance(value, str) else value
            return ALWAYS if isinstance(place, int) and _within(place, need.low, need.high) else NEVER
        case OneOf():
            return ALWAYS if (value in need.names) is need.among else NEVER
        case Children() if isinstance(value, tuple):
            return _children(need, value)
    raise TypeError(f"{fact.name}: {need} cannot be asked of {value!r}")


def meet(one: Need, other: Need) -> Need | None:
    """What satisfies both; None where nothing can. Both are of the same fact."""
    match one, other:
        case Range(), Range():
            low = _tighter(max, one.low, other.low)
            high = _tighter(min, one.high, other.high)
            return None if low is not None and high is not None and low > high else Range(low, high)
        case Months(), Months():
            low, high = max(one.low, other.low), _tighter(min, one.high, other.high)
            if (high is not None and low > high) or (None not in (one.running, other.running)) & (
                one.running is not other.running
            ):
                return None
            return Months(low, high, other.running if one.running is None else one.running)
        case OneOf(), OneOf():
            if one.among and other.among:
                names = one.names & other.names
            elif one.among or other.among:
                names = one.names - other.names if one.among else other.names - one.names
            else:
                return OneOf(one.names | other.names, among=False)
            return OneOf(names) if names else None
        case Children(), Children():
            return _meet_children(one, other)
    raise TypeError(f"{one} and {other} are of different facts")


def implies(one: Need, other: Need) -> bool:
    """Whether whatever satisfies `one` satisfies `other`. Both are of the same fact."""
    match one, other:
        case Range(), Range():
            return _at_least(one.low, other.low) and _at_most(one.high, other.high)
        case Months(), Months():
            bounds = one.low >= other.low and _at_most(one.high, other.high)
            return bounds and other.running in (None, one.running)
        case OneOf(), OneOf():
            if one.among:
                return one.names <= other.names if other.among else not one.names & other.names
            return not other.among and other.names <= one.names
        case Children(), Children():
            return all(any(_inside(narrow, wide) for narrow in one.some) for wide in other.some) and all(
                any(_inside(narrow, wide) for wide in one.none) for narrow in other.none
            )
    raise TypeError(f"{one} and {other} are of different facts")


def negated(fact: Fact, need: Need) -> tuple[Need, ...]:
    """Needs of which one holds exactly where `need` does not."""
    match need:
        case Range(low, high):
            below = () if low is None or (low <= 0 and fact.kind is not Kind.BIRTH) else (Range(None, low - 1),)
            top = len(fact.choices) - 1 if fact.kind is Kind.LEVEL else None
            above = () if high is None or high == top else (Range(high + 1, None),)
            return (*below, *above)
        case Months(low, high, running):
            short: tuple[Need, ...] = () if low <= 0 else (Months(0, low - 1),)
            long: tuple[Need, ...] = () if high is None else (Months(high + 1),)
            state: tuple[Need, ...] = () if running is None else (Months(running=not running),)
            return (*short, *long, *state)
        case OneOf(names, among):
            if fact.kind is Kind.CODE:
                return (OneOf(names, among=not among),)
            rest = frozenset(fact.choices) - names if among else names
            return (OneOf(rest),) if rest else ()
        case Children(some, none):
            return (
                *(Children(none=frozenset({window})) for window in sorted(some)),
                *(Children(some=frozenset({window})) for window in sorted(none)),
            )


def record(fact: Fact, need: Need) -> dict[str, Any]:
    """For JSON and for ordering: the comparisons by name, as a rule set writes them."""
    match need:
        case Range(low, high) | Months(low, high):
            names: tuple[Any, ...] = fact.choices if fact.kind is Kind.LEVEL else ()
            found: dict[str, Any] = {}
            if low not in (None, 0) or (low == 0 and isinstance(need, Range)):
                found["at_least"] = names[low] if names and low is not None else low
            if high is not None:
                found["at_most"] = names[high] if names else high
            if isinstance(need, Months) and need.running is not None:
                found["running"] = need.running
            return found
        case OneOf(names=chosen, among=among):
            return {"in" if among else "not_in": sorted(chosen)}
        case Children(some, none):
            asked = {"any_aged": sorted(map(list, some)), "none_aged": sorted(map(list, none))}
            return {name: windows for name, windows in asked.items() if windows}


def _months(need: Months, value: Period) -> Days:
    if value.since is None:
        return ALWAYS if need.low <= 0 and need.running is not True else NEVER
    since = value.since.toordinal()
    # The last day belongs to the period: whoever worked from 1 January to 30 June has six months on 1 July.
    stop = calendar.AFTER_ALL if value.until is None else value.until.toordinal() + 1
    found = ALWAYS
    if need.low > 0:
        reached = calendar.later(since, need.low)
        found = calendar.between(reached, calendar.AFTER_ALL) if reached <= stop else NEVER
    if need.high is not None:
        passed = calendar.later(since, need.high + 1)
        if passed <= stop:
            found = calendar.common(found, calendar.between(calendar.EVER, passed - 1))
    if need.running is not None:
        running = calendar.between(since, stop if value.until is None else stop - 1)
        found = calendar.common(found, running if need.running else calendar.others(running))
    return found


def _age(need: Range, birth: int) -> Days:
    first = calendar.EVER if need.low is None else calendar.later(birth, 12 * need.low)
    last = calendar.AFTER_ALL if need.high is None else calendar.later(birth, 12 * (need.high + 1)) - 1
    return calendar.between(first, last)


def _children(need: Children, births: tuple[date, ...]) -> Days:
    def aged(window: Window) -> Days:
        return calendar.union(*(_age(Range(*window), birth.toordinal()) for birth in births))

    found = ALWAYS
    for window in need.some:
        found = calendar.common(found, aged(window))
    for window in need.none:
        found = calendar.common(found, calendar.others(aged(window)))
    return found


def _meet_children(one: Children, other: Children) -> Children | None:
    some, none = one.some | other.some, one.none | other.none
    for low, high in some:
        if all(any(first <= age <= last for first, last in none) for age in range(low, high + 1)):
            return None
    # A window around another asks nothing more.
    some = frozenset(wide for wide in some if not any(w != wide and _inside(w, wide) for w in some))
    none = frozenset(narrow for narrow in none if not any(w != narrow and _inside(narrow, w) for w in none))
    return Children(some, none)


def _inside(narrow: Window, wide: Window) -> bool:
    return wide[0] <= narrow[0] and narrow[1] <= wide[1]


def _within(value: int, low: int | None, high: int | None) -> bool:
    return (low is None or value >= low) and (high is None or value <= high)


def _tighter(choose: Callable[[int, int], int], one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return one if other is None else other
    return choose(one, other)


def _at_least(low: int | None, bound: int | None) -> bool:
    return bound is None or (low is not None and low >= bound)


def _at_most(high: int | None, bound: int | None) -> bool:
    return bound is None or (high is not None and high <= bound)
