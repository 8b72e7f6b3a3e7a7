"""The linter: every flaw is found where it is, and the sample set has none."""

from __future__ import annotations

from typing import Any

import pytest

from card_profiles.entitlements import catalogue
from issuer.rules import rule_set
from issuer.rules.lint import Flaw, Severity, Unsound, lint, require_sound

from .material import parsed, sample, service, small

KNOWN = catalogue.load()


def flaws(tree: dict[str, Any]) -> set[tuple[str, Flaw, str]]:
    """Everything but the services that the small set leaves out."""
    found = lint(parsed(tree), KNOWN)
    return {(item.path, item.flaw, item.subject) for item in found if item.flaw is not Flaw.NO_RULE}


@pytest.mark.parametrize("version", rule_set.versions())
def test_bundled_sets_are_clean(version: str) -> None:
    assert lint(rule_set.load(version), KNOWN) == ()
    require_sound(rule_set.load(version), KNOWN)


def test_the_small_set_is_clean() -> None:
    assert flaws(small()) == set()


def test_services_and_catalogue() -> None:
    tree = sample()
    del tree["services"]["E02"]
    tree["services"]["H08"] = tree["services"]["H99"] = {"when": {"everyone": True}}
    assert flaws(tree) == {
        ("services/H08", Flaw.NOT_IN_FORCE, "H08"),
        ("services/H99", Flaw.UNKNOWN_SERVICE, "H99"),
    }
    missing = [item.subject for item in lint(parsed(tree), KNOWN) if item.flaw is Flaw.NO_RULE]
    assert missing == ["E02"]
    with pytest.raises(Unsound):
        require_sound(parsed(tree), KNOWN)


WHEN = "services/H01/when"
CONDITIONS: list[tuple[dict[str, Any], set[tuple[str, Flaw, str]]]] = [
    (  # nobody
        {"all_of": [{"points": {"at_least": 60}}, {"points": {"at_most": 59}}]},
        {(f"{WHEN}/all_of", Flaw.CONTRADICTION, "services/H01"), ("services/H01", Flaw.NEVER_GRANTED, "H01")},
    ),
    (  # an alternative that nobody can take
        {
            "any_of": [
                {"all_of": [{"birth": {"at_least": 60}}, {"birth": {"at_most": 50}}]},
                {"points": {"at_least": 5}},
            ]
        },
        {
            (f"{WHEN}/any_of/0/all_of", Flaw.CONTRADICTION, "services/H01"),
            (f"{WHEN}/any_of/0", Flaw.NO_EFFECT, f"{WHEN}/any_of/0/all_of"),
        },
    ),
    (  # an alternative that another one includes
        {"any_of": [{"points": {"at_least": 60}}, {"points": {"at_least": 40}}]},
        {(f"{WHEN}/any_of/0", Flaw.NO_EFFECT, f"{WHEN}/any_of/0/points/at_least")},
    ),
    (  # what eligibility asks already
        {"all_of": [{"residence": {"at_least": 6}}, {"points": {"at_least": 40}}]},
        {(f"{WHEN}/all_of/0", Flaw.NO_EFFECT, f"{WHEN}/all_of/0/residence/at_least")},
    ),
    (  # more months lose it
        {"employment": {"at_most": 12}},
        {("services/H01", Flaw.FALLS, "employment")},
    ),
    (  # ... unless another way takes over
        {"any_of": [{"points": {"at_most": 12}}, {"points": {"at_least": 1}}]},
        set(),
    ),
    (  # an age may pass without being declared
        {"birth": {"at_most": 59}},
        set(),
    ),
    ({"not": {"points": {"at_least": 10}}}, {("services/H01", Flaw.FALLS, "points")}),
    (
        {"not": {"any_of": [{"home_kind": {"in": ["owned"]}}, {"home_kind": {"in": ["owned", "rented"]}}]}},
        {(f"{WHEN}/not/any_of/0", Flaw.NO_EFFECT, f"{WHEN}/not/any_of/0/home_kind/in")},
    ),
]


@pytest.mark.parametrize(("when", "wanted"), CONDITIONS)
def test_conditions(when: dict[str, Any], wanted: set[tuple[str, Flaw, str]]) -> None:
    assert flaws(service(when)) == wanted


def test_falling_is_declared_or_needless() -> None:
    falls = {"points": {"at_most": 12}}
    assert flaws(service(falls, falling=["points"])) == set()
    needless = flaws(service({"points": {"at_least": 12}}, falling=["points"]))
    assert needless == {("services/H01/falling", Flaw.FALLING_NEEDLESS, "points")}


def test_a_class_that_falls_is_told_too() -> None:
    tree = small(classes=small()["classes"] | {"1": {"points": {"at_most": 5}}})
    assert ("classes/1", Flaw.FALLS, "points") in flaws(tree)


def test_classes() -> None:
    better = {"residence": {"at_least": 12}}
    same = small(classes={"1": better, "2": {"residence": {"at_least": 36}}, "3": {"everyone": True}})
    assert flaws(same) == {("classes/2", Flaw.CLASS_UNREACHABLE, "2")}
    gap = small(classes={"1": {"points": {"at_least": 60}}, "2": better, "3": {"points": {"at_least": 1}}})
    assert flaws(gap) == {("classes", Flaw.WITHOUT_CLASS, "3")}


def test_unused_definition() -> None:
    tree = service({"see": "used"})
    tree["definitions"] = {"used": {"points": {"at_least": 1}}, "idle": {"points": {"at_least": 2}}}
    assert flaws(tree) == {("definitions/idle", Flaw.UNUSED_DEFINITION, "idle")}


def test_warnings_do_not_stop_an_activation() -> None:
    tree = sample()
    tree["definitions"]["idle"] = {"points": {"at_least": 2}}
    rules = parsed(tree)
    assert {item.severity for item in lint(rules, KNOWN)} == {Severity.WARNING}
    require_sound(rules, KNOWN)
