"""The rule-set parser: strict, and every mistake at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from time import monotonic
from typing import Any

import pytest

from issuer.rules import rule_set
from issuer.rules.facts import FACTS, forbidden
from issuer.rules.faults import Fault, RulesRefused
from issuer.rules.parser import MAX_SIZE

from .material import parsed, sample, service, small

Tree = dict[str, Any]


def mistakes(tree: Tree) -> set[tuple[str, Fault]]:
    with pytest.raises(RulesRefused) as caught:
        parsed(tree)
    return {(mistake.path, mistake.fault) for mistake in caught.value.mistakes}


def without(name: str) -> Tree:
    tree = small()
    del tree[name]
    return tree


def deep(levels: int) -> Tree:
    inner: Tree = {"points": {"at_least": 1}}
    for _ in range(levels):
        inner = {"all_of": [inner]}
    return inner


WHEN = "services/H01/when"
WRONG_CONDITIONS: list[tuple[Any, str, Fault]] = [
    (None, "", Fault.NOT_AN_OBJECT),
    ([], "", Fault.NOT_AN_OBJECT),
    ({}, "", Fault.NOT_ONE_KEY),
    ({"points": {"at_least": 1}, "age": {"at_least": 1}}, "", Fault.NOT_ONE_KEY),
    ({"everyone": False}, "/everyone", Fault.OUT_OF_RANGE),
    ({"everyone": 1}, "/everyone", Fault.OUT_OF_RANGE),
    ({"all_of": []}, "/all_of", Fault.EMPTY),
    ({"any_of": {}}, "/any_of", Fault.NOT_A_LIST),
    ({"see": "nothing"}, "/see", Fault.UNKNOWN_DEFINITION),
    ({"see": 1}, "/see", Fault.NOT_TEXT),
    ({"income": {"at_least": 1}}, "/income", Fault.UNKNOWN_FACT),
    ({"points": 60}, "/points", Fault.NOT_AN_OBJECT),
    ({"points": {"at_least": 1, "at_most": 2}}, "/points", Fault.NOT_ONE_KEY),
    ({"points": {"running": True}}, "/points/running", Fault.UNKNOWN_COMPARISON),
    ({"points": {"at_least": "60"}}, "/points/at_least", Fault.NOT_A_NUMBER),
    ({"points": {"at_least": True}}, "/points/at_least", Fault.NOT_A_NUMBER),
    ({"points": {"at_least": 1.5}}, "/points/at_least", Fault.NOT_A_NUMBER),
    ({"points": {"at_least": 0}}, "/points/at_least", Fault.OUT_OF_RANGE),
    ({"points": {"at_most": -1}}, "/points/at_most", Fault.OUT_OF_RANGE),
    ({"points": {"between": [5, 4]}}, "/points/between", Fault.OUT_OF_RANGE),
    ({"points": {"between": [1, 2, 3]}}, "/points/between", Fault.OUT_OF_RANGE),
    ({"residence": {"at_least": 1201}}, "/residence/at_least", Fault.OUT_OF_RANGE),
    ({"residence": {"running": "yes"}}, "/residence/running", Fault.OUT_OF_RANGE),
    ({"birth": {"at_least": 151}}, "/birth/at_least", Fault.OUT_OF_RANGE),
    ({"education": {"at_least": "genius"}}, "/education/at_least", Fault.UNKNOWN_CHOICE),
    ({"education": {"at_least": "none"}}, "/education/at_least", Fault.OUT_OF_RANGE),
    ({"education": {"at_most": "doctor"}}, "/education/at_most", Fault.OUT_OF_RANGE),
    ({"education": {"between": ["master", "senior"]}}, "/education/between", Fault.OUT_OF_RANGE),
    ({"children": {"at_least": 1}}, "/children/at_least", Fault.UNKNOWN_COMPARISON),
    ({"children": {"any_aged": [7, 0]}}, "/children/any_aged", Fault.OUT_OF_RANGE),
    ({"home_kind": {"in": ["castle"]}}, "/home_kind/in/0", Fault.UNKNOWN_CHOICE),
    ({"home_kind": {"in": ["owned", "owned"]}}, "/home_kind/in/1", Fault.DUPLICATE),
    ({"home_kind": {"in": [1]}}, "/home_kind/in/0", Fault.NOT_TEXT),
    ({"home_kind": {"in": list(FACTS[5].choices)}}, "/home_kind/in", Fault.OUT_OF_RANGE),
    ({"district": {"in": ["lower case"]}}, "/district/in/0", Fault.NOT_A_CODE),
    ({"permit_class": {"at_most": 3}}, "/permit_class", Fault.OUT_OF_RANGE),
    ({"permit_class": {"at_least": 2}}, "/permit_class", Fault.OUT_OF_RANGE),
    ({"not": {"permit_class": {"at_most": 2}}}, "/not/permit_class", Fault.CLASS_HERE),
    ({"criminal_record": {"at_most": 0}}, "/criminal_record", Fault.FORBIDDEN_FACT),
    ({"marital_status": {"in": ["single"]}}, "/marital_status", Fault.FORBIDDEN_FACT),
    ({"pregnant": {"running": True}}, "/pregnant", Fault.FORBIDDEN_FACT),
    ({"policing_tag": {"in": ["A"]}}, "/policing_tag", Fault.FORBIDDEN_FACT),
    ({"婚姻": {"in": ["A"]}}, "/婚姻", Fault.FORBIDDEN_FACT),
]


@pytest.mark.parametrize(("when", "path", "fault"), WRONG_CONDITIONS)
def test_a_wrong_condition_is_told_with_its_path(when: Any, path: str, fault: Fault) -> None:
    assert mistakes(service(when)) == {(WHEN + path, fault)}


WRONG_SETS: list[tuple[Tree, str, Fault]] = [
    (without("version"), "version", Fault.MISSING),
    (without("eligibility"), "eligibility", Fault.MISSING),
    (without("classes"), "classes", Fault.MISSING),
    (small(services=[]), "services", Fault.NOT_AN_OBJECT),
    (small(more=1), "more", Fault.UNKNOWN_FIELD),
    (small(format="rules"), "format", Fault.WRONG_FORMAT),
    (small(version="2026.1"), "version", Fault.NOT_A_VERSION),
    (small(version=1), "version", Fault.NOT_TEXT),
    (small(effective_from="1 May"), "effective_from", Fault.NOT_A_DATE),
    (small(zh=""), "zh", Fault.NOT_TEXT),
    (small(en="a\nb"), "en", Fault.NOT_TEXT),
    (small(classes={"1": {"everyone": True}, "2": {"everyone": True}}), "classes/3", Fault.MISSING),
    (small(services={"X99": {"when": {"everyone": True}}}), "services/X99", Fault.NOT_A_CODE),
    (small(services={"H01": {}}), "services/H01/when", Fault.MISSING),
    (service({"everyone": True}, because="x"), "services/H01/because", Fault.UNKNOWN_FIELD),
    (service({"everyone": True}, falling=["wage"]), "services/H01/falling/0", Fault.UNKNOWN_FACT),
    (service({"everyone": True}, falling="points"), "services/H01/falling", Fault.NOT_A_LIST),
    (small(definitions={"points": {"everyone": True}}), "definitions/points", Fault.UNKNOWN_FIELD),
    (small(definitions={"a": {"see": "a"}}), "definitions/a/see", Fault.CIRCULAR),
    (small(definitions={"a": {"permit_class": {"at_most": 1}}}), "definitions/a/permit_class", Fault.CLASS_HERE),
    (small(eligibility={"permit_class": {"at_most": 1}}), "eligibility/permit_class", Fault.CLASS_HERE),
]


@pytest.mark.parametrize(("tree", "path", "fault"), WRONG_SETS)
def test_a_wrong_set_is_told_with_its_path(tree: Tree, path: str, fault: Fault) -> None:
    assert (path, fault) in mistakes(tree)


def test_all_mistakes_are_told_at_once() -> None:
    tree = small(
        version="x",
        eligibility={"all_of": [{"wage": {"at_least": 1}}, {"points": {"at_least": -1}}]},
        services={"H01": {"when": {"see": "nobody"}}, "Z": {"when": {"everyone": True}}},
    )
    assert mistakes(tree) == {
        ("version", Fault.NOT_A_VERSION),
        ("eligibility/all_of/0/wage", Fault.UNKNOWN_FACT),
        ("eligibility/all_of/1/points/at_least", Fault.OUT_OF_RANGE),
        ("services/H01/when/see", Fault.UNKNOWN_DEFINITION),
        ("services/Z", Fault.NOT_A_CODE),
    }


@pytest.mark.parametrize(
    ("raw", "fault"),
    [
        (b"", Fault.NOT_JSON),
        (b"[1]", Fault.NOT_AN_OBJECT),
        (b"[" * 100_000, Fault.NOT_JSON),
        (b'{"version": ' + b"9" * 5000 + b"}", Fault.NOT_JSON),
        (b" " * (MAX_SIZE + 1), Fault.TOO_LARGE),
    ],
)
def test_what_is_no_rule_set_at_all(raw: bytes, fault: Fault) -> None:
    with pytest.raises(RulesRefused) as caught:
        rule_set.parse(raw)
    assert [mistake.fault for mistake in caught.value.mistakes] == [fault]


def test_a_field_twice_is_refused() -> None:
    raw = json.dumps(small()).encode().replace(b'"zh":', b'"version": "2031-1", "zh":')
    with pytest.raises(RulesRefused) as caught:
        rule_set.parse(raw)
    assert [mistake.fault for mistake in caught.value.mistakes] == [Fault.DUPLICATE]


def test_depth_is_capped_in_conditions_and_in_definitions() -> None:
    assert {fault for _, fault in mistakes(service(deep(40)))} == {Fault.TOO_DEEP}
    chain: Tree = {f"d{number}": {"see": f"d{number + 1}"} for number in range(500)}
    assert Fault.TOO_DEEP in {fault for _, fault in mistakes(small(definitions=chain))}


def test_too_many_ways_are_refused_and_soon() -> None:
    def families(count: int) -> Tree:
        pairs = [[{"children": {"any_aged": [age, age]}} for age in (at, at + 20)] for at in range(count)]
        return service({"all_of": [{"any_of": pair} for pair in pairs]})

    assert len(parsed(families(6)).goals["H01"]) == 2**6
    start = monotonic()
    assert mistakes(families(20)) == {("", Fault.TOO_COMPLEX)}
    assert monotonic() - start < 30


@pytest.mark.parametrize("part", [lambda tree: tree["services"]["E02"]["when"], lambda tree: tree["eligibility"]])
def test_a_wrong_part_of_the_sample_is_found(part: Callable[[Tree], Tree]) -> None:
    tree = sample()
    part(tree)["surplus"] = 1
    assert {fault for _, fault in mistakes(tree)} == {Fault.NOT_ONE_KEY}


def test_no_fact_is_one_that_must_not_be_asked() -> None:
    assert not any(forbidden(word) for fact in FACTS for word in (fact.name, *fact.choices))
    assert not {"sex", "gender", "ethnicity", "religion", "health"} & {fact.name for fact in FACTS}


@pytest.mark.parametrize("place", ["classes", "classes/3", "eligibility", "services", "definitions"])
def test_nothing_in_place_of_something_is_a_mistake(place: str) -> None:
    """A null is there, so it is not missing; it is no rule either."""
    tree = sample()
    *above, last = place.split("/")
    inner = tree[above[0]] if above else tree
    inner[last] = None
    with pytest.raises(RulesRefused):
        parsed(tree)
