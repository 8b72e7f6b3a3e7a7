"""From trees to ways: a goal is reached if all conditions of at least one of its ways hold.

A *way* has at most one condition on each fact: thresholds on the same fact are merged, ways that contradict themselves
vanish, and a way that asks more than another is dropped. What is left answers everything: whether a goal is reached, on
which days, what is short, what a node of the tree contributes, and whether a goal can ever be reached at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from . import needs
from .facts import FACTS
from .model import CLASSES, AllOf, AnyOf, ClassOrBetter, Comparison, Everyone, Node, Not, Rules
from .needs import Need

MAX_WAYS = 128
_MAX_PRODUCTS = 32 * MAX_WAYS  # of two sides of an all_of, before needless ways are dropped
ELIGIBLE = "eligible"


class TooComplex(Exception):
    """More than `MAX_WAYS` ways lead to one goal."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A need of one fact, and the paths of the comparisons that it was merged from."""

    fact: int
    need: Need
    origins: tuple[str, ...]


Way: TypeAlias = tuple[Condition, ...]  # by fact, each fact once
Ways: TypeAlias = tuple[Way, ...]
EVERYONE: Ways = ((),)
NOBODY: Ways = ()


def class_goal(permit_class: int) -> str:
    """The name of the goal "class `permit_class` or better"."""
    return f"class-{permit_class}"


def goals(rules: Rules) -> dict[str, Ways]:
    """Ways to each goal: `ELIGIBLE`, ``class-1`` to ``class-3`` (or better), and the service codes.

    Every goal but the first is reached by the eligible only. Raises TooComplex.
    """
    eligible = ways(rules.eligibility, {})
    classes: dict[int, Ways] = {}
    for permit_class in CLASSES:
        classes[permit_class] = distinct((*classes.get(permit_class - 1, ()), *ways(rules.classes[permit_class], {})))
    found = {ELIGIBLE: eligible}
    found |= {class_goal(permit_class): both(eligible, found_ways) for permit_class, found_ways in classes.items()}
    for code, service in rules.services.items():
        found[code] = both(eligible, ways(service.when, classes))
    return found


def ways(node: Node, classes: Mapping[int, Ways]) -> Ways:
    """The ways through one tree. `classes`: the ways to each class or a better one. Raises TooComplex."""
    match node:
        case Everyone():
            return EVERYONE
        case Comparison(path=path, fact=fact, need=need):
            return ((Condition(fact, need, (path,)),),)
        case ClassOrBetter(worst=worst):
            return classes[worst]
        case AllOf(items=items):
            return _all(ways(item, classes) for item in items)
        case AnyOf(items=items):
            return distinct([way for item in items for way in ways(item, classes)])
        case Not(item=item):
            return _negated(item, classes)


def _negated(node: Node, classes: Mapping[int, Ways]) -> Ways:
    match node:
        case Everyone():
            return NOBODY
        case Comparison(path=path, fact=fact, need=need):
            return distinct([(Condition(fact, other, (path,)),) for other in needs.negated(FACTS[fact], need)])
        case AllOf(items=items):
            return distinct([way for item in items for way in _negated(item, classes)])
        case AnyOf(items=items):
            return _all(_negated(item, classes) for item in items)
        case Not(item=item):
            return ways(item, classes)
        case ClassOrBetter():  # the parser refuses it: a better class never costs a service
            raise TooComplex(node.path)


def _all(parts: Iterable[Ways]) -> Ways:
    found = EVERYONE
    for part in parts:
        found = both(found, part)
    return found


def both(one: Ways, other: Ways) -> Ways:
    """The ways that go through both."""
    if len(one) * len(other) > _MAX_PRODUCTS:
        raise TooComplex(f"{len(one)} by {len(other)} ways")
    return distinct([way for left in one for right in other if (way := _join(left, right)) is not None])


def _join(one: Way, other: Way) -> Way | None:
    conditions = {condition.fact: condition for condition in one}
    for condition in other:
        known = conditions.get(condition.fact)
        if known is None:
            conditions[condition.fact] = condition
            continue
        need = needs.meet(known.need, condition.need)
        if need is None:
            return None
        # The origin of a threshold that the other one swallows would mislead whoever reads the explanation.
        if need == known.need:
            continue
        origins = condition.origins if need == condition.need else (*known.origins, *condition.origins)
        conditions[condition.fact] = Condition(condition.fact, need, tuple(dict.fromkeys(origins)))
    return tuple(conditions[fact] for fact in sorted(conditions))


def distinct(found: Sequence[Way]) -> Ways:
    """Without the ways that another one makes needless, in an order that does not depend on how rules are written."""
    kept: list[Way] = []
    for way in found:
        if any(covers(other, way) for other in kept):
            continue
        kept = [other for other in kept if not covers(way, other)]
        kept.append(way)
        if len(kept) > 2 * MAX_WAYS:
            raise TooComplex(f"{len(kept)} ways")
    if len(kept) > MAX_WAYS:
        raise TooComplex(f"{len(kept)} ways")
    return tuple(sorted(kept, key=_order))


def covers(wide: Way, narrow: Way) -> bool:
    """Whether whoever goes the way `narrow` goes `wide` too."""
    if len(wide) > len(narrow):
        return False
    conditions = {condition.fact: condition.need for condition in narrow}
    return all(
        condition.fact in conditions and needs.implies(conditions[condition.fact], condition.need) for condition in wide
    )


def same(one: Ways, other: Ways) -> bool:
    """Whether two goals are reached by the same holders, as far as single ways tell."""
    return all(any(covers(wide, narrow) for wide in other) for narrow in one) and all(
        any(covers(wide, narrow) for wide in one) for narrow in other
    )


def _order(way: Way) -> tuple[int, str]:
    return len(way), str([(item.fact, needs.record(FACTS[item.fact], item.need)) for item in way])
