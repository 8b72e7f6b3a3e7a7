"""Whether a rule set makes sense: what the parser cannot see, because each line by itself is right.

Nothing here is heuristic but in one direction: a finding compares ways one by one, so two rules that only together make
a third needless are not found, and a service that loses one way while it gains another at once is taken for one that
falls.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from card_profiles.entitlements.catalogue import Catalogue, ServiceStatus

from . import normal
from .facts import FACTS, Kind
from .model import CLASSES, AllOf, AnyOf, Comparison, Node, Not, Rules
from .needs import Months, Need, Range
from .normal import ELIGIBLE, EVERYONE, Condition, Way, Ways, class_goal
from .rule_set import RuleSet

_COUNTED = (Kind.PERIOD, Kind.NUMBER, Kind.LEVEL)


class Severity(StrEnum):
    ERROR = "error"  # must not be activated
    WARNING = "warning"


class Flaw(StrEnum):
    """One kind of finding. `issuer.rules.texts` holds a line in each language for each of them."""

    NO_RULE = "no-rule"  # a service in force that the set does not know
    UNKNOWN_SERVICE = "unknown-service"  # a rule for a code that the catalogue does not have
    NOT_IN_FORCE = "not-in-force"  # a rule for a service that is only proposed
    NEVER_GRANTED = "never-granted"  # no holder whatever can have it
    CONTRADICTION = "contradiction"  # thresholds that no holder can meet together
    NO_EFFECT = "no-effect"  # without it, the same holders have the same
    CLASS_UNREACHABLE = "class-unreachable"  # everybody in it is in a better class already
    WITHOUT_CLASS = "without-class"  # somebody eligible has no class
    FALLS = "falls"  # more of a fact may lose it, and that is not declared
    FALLING_NEEDLESS = "falling-needless"  # declared, but it never happens
    UNUSED_DEFINITION = "unused-definition"


_WARNINGS = frozenset({Flaw.NO_EFFECT, Flaw.FALLING_NEEDLESS, Flaw.UNUSED_DEFINITION})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Where (a path in the file), what, and the service code or fact that it is about."""

    path: str
    flaw: Flaw
    subject: str

    @property
    def severity(self) -> Severity:
        return Severity.WARNING if self.flaw in _WARNINGS else Severity.ERROR


class Unsound(Exception):
    """A rule set with errors; `findings` are all that the linter found."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(", ".join(f"{finding.path}: {finding.flaw}" for finding in findings[:5]))
        self.findings = findings


def require_sound(rule_set: RuleSet, known: Catalogue) -> None:
    """To be called before a version is activated. Raises Unsound if there is any error; warnings pass."""
    findings = lint(rule_set, known)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise Unsound(findings)


def lint(rule_set: RuleSet, known: Catalogue) -> tuple[Finding, ...]:
    """Everything that is found, errors first, then by path."""
    found = [
        *_catalogue(rule_set, known),
        *_classes(rule_set),
        *_goals(rule_set),
        *_falls(rule_set),
        *_definitions(rule_set.rules),
        *_nodes(rule_set),
    ]
    return tuple(sorted(set(found), key=lambda item: (item.severity, item.path, item.flaw, item.subject)))


def _catalogue(rule_set: RuleSet, known: Catalogue) -> Iterator[Finding]:
    for code, service in known.services.items():
        if service.status is ServiceStatus.IN_FORCE and code not in rule_set.services:
            yield Finding(path="services", flaw=Flaw.NO_RULE, subject=code)
    for code in rule_set.services:
        if code not in known.services:
            yield Finding(path=f"services/{code}", flaw=Flaw.UNKNOWN_SERVICE, subject=code)
        elif known.services[code].status is not ServiceStatus.IN_FORCE:
            yield Finding(path=f"services/{code}", flaw=Flaw.NOT_IN_FORCE, subject=code)


def _classes(rule_set: RuleSet) -> Iterator[Finding]:
    for worse in CLASSES[1:]:
        if normal.same(rule_set.goals[class_goal(worse)], rule_set.goals[class_goal(worse - 1)]):
            yield Finding(path=f"classes/{worse}", flaw=Flaw.CLASS_UNREACHABLE, subject=str(worse))
    if not normal.same(rule_set.goals[class_goal(CLASSES[-1])], rule_set.goals[ELIGIBLE]):
        yield Finding(path="classes", flaw=Flaw.WITHOUT_CLASS, subject=str(CLASSES[-1]))


def _goals(rule_set: RuleSet) -> Iterator[Finding]:
    for goal, ways in rule_set.goals.items():
        if not ways:
            path = f"services/{goal}" if goal in rule_set.services else goal
            yield Finding(path=path, flaw=Flaw.NEVER_GRANTED, subject=goal)


# --- more never loses a service, unless declared


def falling(ways: Ways) -> frozenset[str]:
    """Facts of which more (months, a higher number or level) may end what `ways` lead to."""
    return frozenset(
        FACTS[condition.fact].name
        for way in ways
        for condition in way
        if (lifted := _lifted(condition)) is not None
        and not any(normal.covers(wide, _with(way, condition, lifted)) for wide in ways)
    )


def _lifted(condition: Condition) -> Need | None:
    """What lies above the need's upper bound; None where it has none."""
    need = condition.need
    if FACTS[condition.fact].kind in _COUNTED and isinstance(need, Months | Range) and need.high is not None:
        return replace(need, low=need.high + 1, high=None)
    return None


def _with(way: Way, condition: Condition, need: Need) -> Way:
    return tuple(replace(other, need=need) if other is condition else other for other in way)


def _falls(rule_set: RuleSet) -> Iterator[Finding]:
    for permit_class in CLASSES:
        for name in falling(rule_set.goals[class_goal(permit_class)]):
            yield Finding(path=f"classes/{permit_class}", flaw=Flaw.FALLS, subject=name)
    for name in falling(rule_set.goals[ELIGIBLE]):
        yield Finding(path="eligibility", flaw=Flaw.FALLS, subject=name)
    for code, service in rule_set.rules.services.items():
        falls = falling(rule_set.goals[code])
        for name in falls - service.falling:
            yield Finding(path=f"services/{code}", flaw=Flaw.FALLS, subject=name)
        for name in service.falling - falls:
            yield Finding(path=f"services/{code}/falling", flaw=Flaw.FALLING_NEEDLESS, subject=name)


# --- parts that do nothing


def _definitions(rules: Rules) -> Iterator[Finding]:
    trees = [rules.eligibility, *rules.classes.values(), *(service.when for service in rules.services.values())]
    used = {node.path for tree in trees for node in walk(tree)}
    for name, node in rules.definitions.items():
        if node.path not in used:
            yield Finding(path=f"definitions/{name}", flaw=Flaw.UNUSED_DEFINITION, subject=name)


def _nodes(rule_set: RuleSet) -> Iterator[Finding]:
    """Each node in turn is left out; a node whose absence changes nothing does nothing.

    A definition is looked at where it stands, as a whole: a part that one service does not need, another may.
    """
    rules = rule_set.rules
    better: dict[int, Ways] = {}
    for permit_class in CLASSES:
        better[permit_class] = normal.distinct(
            (*better.get(permit_class - 1, ()), *normal.ways(rules.classes[permit_class], {}))
        )
    eligible = normal.ways(rules.eligibility, {})
    yield from _parts(rules.eligibility, "eligibility", EVERYONE, better, rule_set.goals[ELIGIBLE])
    for code, service in rules.services.items():
        yield from _parts(service.when, f"services/{code}", eligible, better, rule_set.goals[code])
    for permit_class, node in rules.classes.items():
        goal = normal.both(eligible, normal.ways(node, {}))
        yield from _parts(node, f"classes/{permit_class}", eligible, better, goal)


def _parts(tree: Node, place: str, context: Ways, better: dict[int, Ways], whole: Ways) -> Iterator[Finding]:
    for node in walk(tree):
        if isinstance(node, AllOf | Comparison | AnyOf | Not) and not normal.ways(node, better):
            # Only the innermost contradiction is told; what is around it follows from it.
            inner = [*getattr(node, "items", ()), *([node.item] if isinstance(node, Not) else [])]
            if all(normal.ways(item, better) for item in inner):
                yield Finding(path=node.path, flaw=Flaw.CONTRADICTION, subject=place)
    for parent in walk(tree):
        if not isinstance(parent, AllOf | AnyOf) or not parent.path.startswith(place):
            continue
        for at, item in enumerate(parent.items):
            rest = replace(parent, items=(*parent.items[:at], *parent.items[at + 1 :]))
            try:
                left = normal.both(context, normal.ways(_replaced(tree, parent, rest), better))
            except normal.TooComplex:  # then it does have an effect
                continue
            if normal.same(left, whole):
                yield Finding(path=f"{parent.path}/{at}", flaw=Flaw.NO_EFFECT, subject=_short(item, place))


def _short(item: Node, place: str) -> str:
    """The definition that stands there, or the path itself."""
    return item.path if item.path.startswith(place) else "/".join(item.path.split("/")[:2])


def walk(node: Node) -> Iterator[Node]:
    """The node and all below it."""
    yield node
    if isinstance(node, AllOf | AnyOf):
        for item in node.items:
            yield from walk(item)
    elif isinstance(node, Not):
        yield from walk(node.item)


def _replaced(tree: Node, old: Node, new: Node) -> Node:
    if tree is old:
        return new
    if isinstance(tree, AllOf | AnyOf):
        return replace(tree, items=tuple(_replaced(item, old, new) for item in tree.items))
    if isinstance(tree, Not):
        return replace(tree, item=_replaced(tree.item, old, new))
    return tree
