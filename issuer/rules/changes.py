"""What one version of the rules says otherwise than another: rule by rule, as the rules are written.

A rule is a tree of conditions; at its top it asks for all of some conditions, or for one of them. Two rules are
compared by these, however they are ordered. A service whose own rule is the same may still be granted to others, where
a class that it names, or eligibility, has changed: `indirect`.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from . import normal
from .model import AllOf, AnyOf, ClassOrBetter, Comparison, Everyone, Node, Not
from .normal import ELIGIBLE, class_goal
from .rule_set import RuleSet


class Kind(StrEnum):
    """How a rule differs."""

    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"
    INDIRECT = "indirect"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One of the conditions at the top of a rule; `other`: the other version's rule does not have it."""

    node: Node
    other: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """All of the conditions, or one of them (`one_of`)."""

    one_of: bool
    conditions: tuple[Condition, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A goal whose rule differs, before and after. One that was added has none before."""

    goal: str
    kind: Kind
    before: Rule | None
    after: Rule | None


def changes(old: RuleSet, new: RuleSet) -> tuple[Changed, ...]:
    """The rules that differ: eligibility, the classes, then services by code."""
    return tuple(_changes(old, new))


def written(rules: RuleSet) -> dict[str, Rule]:
    """The rule of each goal, as it is written."""
    return {goal: _rule(node) for goal, node in _trees(rules).items()}


def _trees(rules: RuleSet) -> dict[str, Node]:
    trees = {ELIGIBLE: rules.rules.eligibility}
    trees |= {class_goal(number): rules.rules.classes[number] for number in sorted(rules.rules.classes)}
    return trees | {code: rules.rules.services[code].when for code in rules.services}


def _changes(old: RuleSet, new: RuleSet) -> Iterator[Changed]:
    before, after = _trees(old), _trees(new)
    services = sorted({*old.services, *new.services})
    for goal in (*(goal for goal in after if goal not in new.services), *services):
        was, becomes = before.get(goal), after.get(goal)
        if becomes is None:
            kind = Kind.REMOVED
        elif was is None:
            kind = Kind.ADDED
        elif _meaning(was) != _meaning(becomes):
            kind = Kind.CHANGED
        elif not normal.same(old.goals[goal], new.goals[goal]):
            kind = Kind.INDIRECT
        else:
            continue
        yield Changed(
            goal=goal,
            kind=kind,
            before=None if was is None else _rule(was, beside=becomes),
            after=None if becomes is None else _rule(becomes, beside=was),
        )


def _rule(node: Node, beside: Node | None = None) -> Rule:
    known = None if beside is None else {_meaning(item) for item in _top(beside)}
    conditions = (Condition(node=item, other=known is not None and _meaning(item) not in known) for item in _top(node))
    return Rule(one_of=isinstance(node, AnyOf), conditions=tuple(conditions))


def _top(node: Node) -> tuple[Node, ...]:
    return node.items if isinstance(node, AllOf | AnyOf) else (node,)


def _meaning(node: Node) -> Hashable:
    """The same for conditions that differ in nothing but their place and their order."""
    match node:
        case Everyone():
            return ("everyone",)
        case Comparison(fact=fact, need=need):
            return ("comparison", fact, need)
        case ClassOrBetter(worst=worst):
            return ("class", worst)
        case AllOf(items=[item]) | AnyOf(items=[item]):
            return _meaning(item)
        case AllOf(items=items):
            return ("all", frozenset(map(_meaning, items)))
        case AnyOf(items=items):
            return ("any", frozenset(map(_meaning, items)))
        case Not(item=item):
            return ("not", _meaning(item))
