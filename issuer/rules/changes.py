"""What one version of the rules says otherwise than another: rule by rule, as the rules are written.

A rule is a tree of conditions; at its top it asks for all of some conditions. Two rules are compared by these, however
they are ordered. A service whose own rule is the same may still be granted to others, where a class that it names, or
eligibility, has changed: `indirect`.
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
    other: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A goal whose rule differs, with the conditions before and after. One that was added has none before."""

    goal: str
    kind: Kind
    before: tuple[Condition, ...]
    after: tuple[Condition, ...]


def changes(old: RuleSet, new: RuleSet) -> tuple[Changed, ...]:
    """The rules that differ: eligibility, the classes, then services by code."""
    return tuple(_changes(old, new))


def conditions(rules: RuleSet) -> dict[str, tuple[Node, ...]]:
    """The rule of each goal: all of these conditions."""
    trees = {ELIGIBLE: rules.rules.eligibility}
    trees |= {class_goal(number): rules.rules.classes[number] for number in sorted(rules.rules.classes)}
    trees |= {code: rules.rules.services[code].when for code in rules.services}
    return {goal: tree.items if isinstance(tree, AllOf) else (tree,) for goal, tree in trees.items()}


def _changes(old: RuleSet, new: RuleSet) -> Iterator[Changed]:
    before, after = conditions(old), conditions(new)
    services = sorted({*old.services, *new.services})
    for goal in (*(goal for goal in after if goal not in new.services), *services):
        was, becomes = before.get(goal, ()), after.get(goal, ())
        known, wanted = {_meaning(node) for node in was}, {_meaning(node) for node in becomes}
        if goal not in after:
            kind = Kind.REMOVED
        elif goal not in before:
            kind = Kind.ADDED
        elif known != wanted:
            kind = Kind.CHANGED
        elif not normal.same(old.goals[goal], new.goals[goal]):
            kind = Kind.INDIRECT
        else:
            continue
        yield Changed(
            goal=goal,
            kind=kind,
            before=tuple(Condition(node=node, other=_meaning(node) not in wanted) for node in was),
            after=tuple(Condition(node=node, other=_meaning(node) not in known) for node in becomes),
        )


def _meaning(node: Node) -> Hashable:
    """The same for conditions that differ in nothing but their place and their order."""
    match node:
        case Everyone():
            return ("everyone",)
        case Comparison(fact=fact, need=need):
            return ("comparison", fact, need)
        case ClassOrBetter(worst=worst):
            return ("class", worst)
        case AllOf(items=items):
            return ("all", frozenset(map(_meaning, items)))
        case AnyOf(items=items):
            return ("any", frozenset(map(_meaning, items)))
        case Not(item=item):
            return ("not", _meaning(item))
