"""What a version says otherwise: by meaning, not by how it is written."""

from __future__ import annotations

from typing import Any

from issuer.rules import rule_set, texts
from issuer.rules.changes import Changed, Kind, changes, written
from issuer.rules.normal import ELIGIBLE
from issuer.texts import Language

from .material import parsed, sample

SAMPLE = rule_set.load("2026-1")


def _against(tree: dict[str, Any]) -> dict[str, Changed]:
    return {item.goal: item for item in changes(SAMPLE, parsed(tree | {"version": "2027-1"}))}


def test_nothing_changes_where_only_order_and_brackets_do() -> None:
    tree = sample()
    tree["classes"]["2"]["all_of"].reverse()
    tree["services"]["E03"]["when"] = {"all_of": [tree["services"]["E03"]["when"]]}
    assert _against(tree) == {}


def test_a_threshold_is_told_beside_what_stays() -> None:
    tree = sample()
    tree["services"]["C03"]["when"] = {"all_of": [{"see": "adult"}, {"residence": {"at_least": 36}}]}
    found = _against(tree)
    assert found.keys() == {"C03"}
    changed = found["C03"]
    assert changed.kind is Kind.CHANGED
    assert changed.before is not None
    assert changed.after is not None
    assert [item.other for item in changed.before.conditions] == [False, True]
    assert [item.other for item in changed.after.conditions] == [False, True]
    assert texts.condition_text(changed.after.conditions[1].node, Language.ZH) == "居住时间：36个月以上"


def test_a_rule_that_comes_or_goes() -> None:
    tree = sample()
    del tree["services"]["C03"]
    assert {goal: item.kind for goal, item in _against(tree).items()} == {"C03": Kind.REMOVED}
    assert _against(tree)["C03"].after is None
    without = parsed(tree)
    [added] = changes(without, SAMPLE)
    assert (added.goal, added.kind, added.before) == ("C03", Kind.ADDED, None)


def test_all_of_is_not_one_of() -> None:
    tree = sample()
    first, second = {"points": {"at_least": 5}}, {"residence": {"at_least": 9}}
    tree["services"]["C03"]["when"] = {"any_of": [first, second]}
    other = sample()
    other["services"]["C03"]["when"] = {"all_of": [first, second]}
    [changed] = changes(parsed(tree), parsed(other))
    assert changed.before is not None
    assert changed.after is not None
    assert (changed.before.one_of, changed.after.one_of) == (True, False)


def test_services_that_rest_on_a_class_are_told_of() -> None:
    tree = sample()
    tree["classes"]["2"]["all_of"][0] = {"residence": {"at_least": 24}}
    found = _against(tree)
    assert found.pop("class-2").kind is Kind.CHANGED
    assert found.keys() == {"H06", "J06", "R01"}
    assert {item.kind for item in found.values()} == {Kind.INDIRECT}


def test_every_rule_can_be_said_in_words() -> None:
    found = written(SAMPLE)
    assert found.keys() == {ELIGIBLE, "class-1", "class-2", "class-3", *SAMPLE.services}
    for rule in found.values():
        for condition in rule.conditions:
            for lang in Language:
                line = texts.condition_text(condition.node, lang)
                assert line.strip()
                assert "{" not in line
