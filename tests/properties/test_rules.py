"""Rules: any rule set, any facts, any day, against a naive evaluator that knows nothing of ways or spans of days."""

from __future__ import annotations

import calendar as months_of
import json
import os
from collections.abc import Callable
from datetime import date, timedelta
from importlib import resources
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from card_profiles.entitlements import catalogue
from issuer.rules import bulk, columns, effect, lint, rule_set, texts
from issuer.rules.assessment import Assessment, Cure, Refusal, Shortfall, record
from issuer.rules.evaluate import evaluate
from issuer.rules.facts import FACTS, Fact, Facts, Kind, Period, Value, from_record, from_row
from issuer.rules.faults import Mistake, RulesRefused
from issuer.rules.needs import Children, Months, Need, OneOf, Range
from issuer.rules.normal import ELIGIBLE, class_goal
from issuer.rules.rule_set import RuleSet
from issuer.texts import Language

EXAMPLES = 3_000 if os.environ.get("SOAK") else 100
TODAY = date(2026, 11, 21)
BUNDLED = rule_set.load("2026-1")
KNOWN = catalogue.load()
CODES = ("H01", "E02", "J05")
DISTRICTS = ("990101", "990102", "990103")

# --- what there is to try

near = st.dates(date(2015, 1, 1), date(2029, 12, 31))
todays = st.dates(date(2024, 1, 1), date(2028, 12, 31))


def _ordered(ends: tuple[date, date]) -> Period:
    return Period(since=min(ends), until=max(ends))


VALUES: dict[Kind, Callable[[tuple[str, ...]], st.SearchStrategy[Value]]] = {
    Kind.PERIOD: lambda _: st.one_of(
        st.builds(lambda since: Period(since=since), near),
        st.tuples(near, near).map(_ordered),
        st.just(Period(since=None)),
    ),
    Kind.BIRTH: lambda _: st.dates(date(1950, 1, 1), date(2026, 12, 31)),
    Kind.BIRTHS: lambda _: st.lists(st.dates(date(2005, 1, 1), date(2028, 12, 31)), max_size=4).map(
        lambda births: tuple(sorted(births))
    ),
    Kind.NUMBER: lambda _: st.integers(0, 100),
    Kind.LEVEL: st.sampled_from,
    Kind.CHOICE: st.sampled_from,
    Kind.CODE: lambda _: st.sampled_from(DISTRICTS),
}
complete = st.tuples(*(VALUES[fact.kind](fact.choices) for fact in FACTS)).map(Facts)
holders = st.tuples(*(st.none() | VALUES[fact.kind](fact.choices) for fact in FACTS)).map(Facts)


def _bounds(low: int, high: int) -> st.SearchStrategy[dict[str, Any]]:
    return st.one_of(
        st.integers(max(low, 1), high).map(lambda bound: {"at_least": bound}),
        st.integers(max(low, 1), high).map(lambda bound: {"at_most": bound}),
        st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda pair: {"between": sorted(pair)}),
    )


def _some(names: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    most = len(names) - 1
    return st.lists(st.sampled_from(names), min_size=1, max_size=most, unique=True).map(lambda chosen: {"in": chosen})


def _comparison(kind: Kind, choices: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    match kind:
        case Kind.PERIOD:
            return st.one_of(_bounds(0, 60), st.booleans().map(lambda on: {"running": on}))
        case Kind.BIRTH:
            return _bounds(0, 60)
        case Kind.NUMBER:
            return _bounds(0, 100)
        case Kind.LEVEL:
            return st.one_of(
                st.sampled_from(choices[1:]).map(lambda name: {"at_least": name}),
                st.sampled_from(choices[:-1]).map(lambda name: {"at_most": name}),
            )
        case Kind.BIRTHS:
            ages = st.integers(0, 18)
            return st.tuples(ages, ages).map(lambda pair: {"any_aged": sorted(pair)})
        case _:
            return _some(choices or DISTRICTS)


def _leaf(fact: Fact) -> st.SearchStrategy[dict[str, Any]]:
    return _comparison(fact.kind, fact.choices).map(lambda need: {fact.name: need})


leaves = st.one_of(*map(_leaf, FACTS))
plain = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"all_of": items}),
        st.lists(inner, min_size=1, max_size=3).map(lambda items: {"any_of": items}),
        inner.map(lambda item: {"not": item}),
    ),
    max_leaves=5,
)
with_class = st.one_of(
    plain,
    st.tuples(st.sampled_from(("all_of", "any_of")), plain, st.sampled_from((1, 2))).map(
        lambda parts: {parts[0]: [parts[1], {"permit_class": {"at_most": parts[2]}}]}
    ),
)
trees = st.fixed_dictionaries(
    {
        "format": st.just("residence-permit-rules-1"),
        "version": st.just("2030-1"),
        "effective_from": st.just("2030-01-01"),
        "zh": st.just("规则"),
        "en": st.just("rules"),
        "eligibility": plain,
        "classes": st.fixed_dictionaries({"1": plain, "2": plain, "3": st.just({"everyone": True})}),
        "services": st.fixed_dictionaries({code: st.fixed_dictionaries({"when": with_class}) for code in CODES}),
    }
)


def parsed(tree: dict[str, Any]) -> RuleSet:
    return rule_set.parse(json.dumps(tree).encode())


# --- the naive evaluator


def later(start: date, count: int) -> date:
    year, month = divmod(start.year * 12 + start.month - 1 + count, 12)
    return date(year, month + 1, min(start.day, months_of.monthrange(year, month + 1)[1]))


def full_months(start: date, end: date) -> int:
    count = 0
    while later(start, count + 1) <= end:
        count += 1
    return count


def years(birth: date, today: date) -> int:
    return full_months(birth, today) // 12 if birth <= today else -1


def compare(name: str, need: dict[str, Any], value: Value, today: date) -> bool:
    fact = next(fact for fact in FACTS if fact.name == name)
    ((comparison, threshold),) = need.items()
    if comparison == "in":
        return bool(value in threshold)
    if comparison == "any_aged":
        assert isinstance(value, tuple)
        return any(threshold[0] <= years(birth, today) <= threshold[1] for birth in value)
    if isinstance(value, Period):
        since, until = value.since, value.until
        if comparison == "running":
            return (since is not None and since <= today and (until is None or today <= until)) is threshold
        end = today if until is None else min(today, until + timedelta(days=1))
        number = 0 if since is None else full_months(since, end)
    elif isinstance(value, date):
        number = years(value, today)
    elif isinstance(value, str):
        number, threshold = fact.choices.index(value), fact.choices.index(threshold)
    else:
        assert isinstance(value, int)
        number = value
    if comparison == "between":
        return bool(threshold[0] <= number <= threshold[1])
    return bool(number >= threshold if comparison == "at_least" else number <= threshold)


def naive(tree: dict[str, Any], facts: Facts, today: date, classes: dict[int, bool | None]) -> bool | None:
    """Three-valued, node by node."""
    ((name, inner),) = tree.items()
    if name in ("all_of", "any_of"):
        found = [naive(item, facts, today, classes) for item in inner]
        decisive = name == "any_of"
        return decisive if decisive in found else None if None in found else not decisive
    if name == "not":
        negated = naive(inner, facts, today, classes)
        return None if negated is None else not negated
    if name == "everyone":
        return True
    if name == "permit_class":
        return classes[inner["at_most"]]
    value = facts[name]
    return None if value is None else compare(name, inner, value, today)


def both(one: bool | None, other: bool | None) -> bool | None:
    return False if False in (one, other) else None if None in (one, other) else True


def expected(tree: dict[str, Any], facts: Facts, today: date) -> dict[str, bool | None]:
    """Every goal, naively."""
    eligible = naive(tree["eligibility"], facts, today, {})
    classes: dict[int, bool | None] = {}
    better: bool | None = False
    for number in (1, 2, 3):
        found = naive(tree["classes"][str(number)], facts, today, {})
        better = True if True in (better, found) else None if None in (better, found) else False
        classes[number] = better
    goals = {ELIGIBLE: eligible} | {class_goal(number): both(eligible, found) for number, found in classes.items()}
    return goals | {
        code: both(eligible, naive(service["when"], facts, today, classes))
        for code, service in tree["services"].items()
    }


def cured(facts: Facts, shortfalls: tuple[Shortfall, ...], today: date) -> Facts:
    """The facts, with each shortfall made up for as it says."""
    for item in shortfalls:
        facts = facts.with_value(item.fact, satisfying(item.fact, item.need, today))
    return facts


def satisfying(name: str, need: Need, today: date) -> Value:
    fact = next(fact for fact in FACTS if fact.name == name)
    match need:
        case Months(low, _, False):
            if low == 0:
                return Period(since=None)
            return Period(since=later(today, -low), until=today - timedelta(days=1))
        case Months(low, _, _):
            return Period(since=later(today, -low))
        case Range(low, _):
            if fact.kind is Kind.BIRTH:
                return later(today, -12 * (low or 0))
            return fact.choices[low or 0] if fact.kind is Kind.LEVEL else (low or 0)
        case OneOf(names, True):
            return min(names)
        case OneOf(names, _):
            return next(code for code in ("OTHER", "ANOTHER") if code not in names)
        case Children(some, none):
            ages = [
                next(age for age in range(low, high + 1) if not any(first <= age <= last for first, last in none))
                for low, high in some
            ]
            return tuple(sorted(later(today, -12 * age) for age in ages))
    raise AssertionError(need)


def every_refusal(tree: dict[str, Any], facts: Facts, today: date) -> list[tuple[str, Refusal]]:
    found = evaluate(parsed(tree), facts, today)
    return [*found.better.items(), *found.refusals.items()]


# --- properties


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, facts=holders, today=todays)
def test_goals_are_reached_exactly_as_the_tree_says(tree: dict[str, Any], facts: Facts, today: date) -> None:
    wanted = expected(tree, facts, today)
    found = evaluate(parsed(tree), facts, today)
    reached = {goal: goal not in found.better and goal not in found.refusals for goal in wanted}
    assert reached == {goal: value is True for goal, value in wanted.items()}
    assert set(found.grants) | set(found.refusals) == set(CODES)
    # What the tree denies is not open, and what is open is undecided in the tree.
    assert all(wanted[goal] is None for goal, refusal in {**found.better, **found.refusals}.items() if refusal.open)
    assert found.eligible is not False or wanted[ELIGIBLE] is not True


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, facts=holders, today=todays)
def test_curing_all_shortfalls_of_a_way_grants(tree: dict[str, Any], facts: Facts, today: date) -> None:
    rules = parsed(tree)
    for goal, refusal in every_refusal(tree, facts, today):
        assert bool(refusal.shortfalls) is bool(rules.goals[goal])
        for way in (refusal.shortfalls, *refusal.alternatives)[: None if refusal.shortfalls else 0]:
            assert way
            assert expected(tree, cured(facts, way, today), today)[goal] is True


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, facts=holders, today=todays)
def test_each_stated_shortfall_is_needed(tree: dict[str, Any], facts: Facts, today: date) -> None:
    """Nobody is sent for a paper, or told of a term, that is met already."""
    for _, refusal in every_refusal(tree, facts, today):
        for item in refusal.shortfalls:
            value = facts[item.fact]
            assert item.have == value
            assert (item.cure is Cure.DOCUMENT) is (value is None)
            assert (item.met_on is None) is (item.cure is not Cure.TIME)
            assert item.short is None or item.short > 0


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, facts=holders, today=todays)
def test_time_alone_grants_on_the_day_that_is_told(tree: dict[str, Any], facts: Facts, today: date) -> None:
    for goal, refusal in every_refusal(tree, facts, today):
        when = refusal.granted_on
        if when is not None:
            assert when > today
            assert expected(tree, facts, when)[goal] is True
            assert expected(tree, facts, when - timedelta(days=1))[goal] is not True
        else:
            assert all(expected(tree, facts, later(today, ahead))[goal] is not True for ahead in range(1, 200, 7))


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, facts=holders, today=todays, ahead=st.integers(0, 500))
def test_a_grant_holds_until_its_last_day(tree: dict[str, Any], facts: Facts, today: date, ahead: int) -> None:
    endorsed = today + timedelta(days=ahead)
    for code, grant in evaluate(parsed(tree), facts, today, endorsed_until=endorsed).grants.items():
        assert today <= grant.valid_until <= endorsed
        assert (grant.ended_by is None) is (grant.valid_until == endorsed)
        for day in (grant.valid_until, today + (grant.valid_until - today) // 2):
            assert expected(tree, facts, day)[code] is True
        if grant.ended_by is not None:
            assert expected(tree, facts, grant.valid_until + timedelta(days=1))[code] is not True
        assert all(item.have == facts[item.fact] for item in grant.explanation)


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, facts=complete, today=todays, hidden=st.sets(st.sampled_from([fact.name for fact in FACTS])))
def test_an_unknown_fact_never_grants(tree: dict[str, Any], facts: Facts, today: date, hidden: set[str]) -> None:
    rules = parsed(tree)
    known = evaluate(rules, facts, today)
    for name in hidden:
        facts = facts.with_value(name, None)
    less = evaluate(rules, facts, today)
    assert less.grants.keys() <= known.grants.keys()
    assert less.permit_class is None or (known.permit_class is not None and known.permit_class <= less.permit_class)
    assert not any(item.fact in hidden for grant in less.grants.values() for item in grant.explanation)


def _shuffled(tree: Any, random: Any) -> Any:
    if isinstance(tree, dict):
        items = [(name, _shuffled(inner, random)) for name, inner in tree.items()]
        random.shuffle(items)
        return dict(items)
    if isinstance(tree, list) and tree and isinstance(tree[0], dict):
        items = [_shuffled(inner, random) for inner in tree]
        random.shuffle(items)
        return items
    return tree


def _without_paths(tree: Any) -> Any:
    if isinstance(tree, dict):
        return {name: _without_paths(inner) for name, inner in tree.items() if name not in ("rule", "digest")}
    return [_without_paths(inner) for inner in tree] if isinstance(tree, list) else tree


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, facts=holders, today=todays, random=st.randoms(use_true_random=False))
def test_the_order_of_rules_does_not_matter(tree: dict[str, Any], facts: Facts, today: date, random: Any) -> None:
    one = record(evaluate(parsed(tree), facts, today))
    other = record(evaluate(parsed(_shuffled(tree, random)), facts, today))
    assert _without_paths(one) == _without_paths(other)


def _more(name: str, value: Value, by: int, today: date) -> Value:
    """More of it; a period that has not begun, or never was, has no months that could become more."""
    fact = next(fact for fact in FACTS if fact.name == name)
    if isinstance(value, Period):
        begun = value.since is not None and value.since <= today
        return value if not begun or value.since is None else Period(since=later(value.since, -by), until=value.until)
    if isinstance(value, int):
        return value + by
    assert isinstance(value, str)
    return fact.choices[min(fact.choices.index(value) + by, len(fact.choices) - 1)]


COUNTED = [fact.name for fact in FACTS if fact.kind in (Kind.PERIOD, Kind.NUMBER, Kind.LEVEL)]


@settings(max_examples=EXAMPLES * 2, deadline=None)
@given(facts=holders, today=todays, name=st.sampled_from(COUNTED), by=st.integers(1, 60))
def test_more_never_loses_a_service_unless_declared(facts: Facts, today: date, name: str, by: int) -> None:
    value = facts[name]
    if value is None:
        return
    before = evaluate(BUNDLED, facts, today)
    after = evaluate(BUNDLED, facts.with_value(name, _more(name, value, by, today)), today)
    lost = before.grants.keys() - after.grants.keys()
    assert all(name in BUNDLED.rules.services[code].falling for code in lost)
    assert (after.permit_class or 4) <= (before.permit_class or 4)


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, facts=complete, today=todays, name=st.sampled_from(COUNTED), by=st.integers(1, 60))
def test_the_linter_tells_every_fact_that_can_fall(
    tree: dict[str, Any], facts: Facts, today: date, name: str, by: int
) -> None:
    rules = parsed(tree)
    value = facts[name]
    assert value is not None
    before = evaluate(rules, facts, today)
    after = evaluate(rules, facts.with_value(name, _more(name, value, by, today)), today)
    for code in before.grants.keys() - after.grants.keys():
        assert name in lint.falling(rules.goals[code])
    lint.lint(rules, KNOWN)


@settings(max_examples=EXAMPLES, deadline=None)
@given(trees_=st.tuples(trees, trees), crowd=st.lists(holders, min_size=1, max_size=12), today=todays)
def test_bulk_and_effect_agree_with_one_by_one(trees_: Any, crowd: list[Facts], today: date) -> None:
    old, new = map(parsed, trees_)
    rows = [(number, facts.row()) for number, facts in enumerate(crowd)]
    one = [evaluate(old, facts, today) for facts in crowd]
    two = [evaluate(new, facts, today) for facts in crowd]
    scanned = [outcome for _, outcome in bulk.scan(old, rows, today)]
    assert scanned == [bulk.Outcome(permit_class=a.permit_class, services=tuple(sorted(a.grants))) for a in one]
    reported: list[int] = []
    found = effect.effect(old, new, bulk.batches(rows), today, reported.append)
    assert reported[-1] == found.whole.holders == len(crowd)
    for code in CODES:
        assert found.kept[code] == sum(code in a.grants and code in b.grants for a, b in zip(one, two, strict=True))
    everybody = set(range(len(crowd)))
    plainly(found.whole, one, two, everybody)
    assert found.whole.services.keys() == set(CODES)
    places = {facts["district"] for facts in crowd}
    assert found.places.keys() == places
    for place in places:
        plainly(found.places[place], one, two, {at for at in everybody if crowd[at]["district"] == place})


def plainly(found: effect.Part, one: list[Assessment], two: list[Assessment], here: set[int]) -> None:
    """A part of an effect is what comparing its holders one by one gives."""

    def told(change: effect.Change, wanted: set[int]) -> None:
        assert change.count == len(wanted)
        assert set(change.examples) <= wanted
        assert len(change.examples) == min(len(wanted), effect.MAX_EXAMPLES)

    classes = {at: (one[at].permit_class or 4, two[at].permit_class or 4) for at in here}
    gained = {at: two[at].grants.keys() - one[at].grants.keys() for at in here}
    lost = {at: one[at].grants.keys() - two[at].grants.keys() for at in here}
    gaining = {at for at in here if gained[at] or classes[at][1] < classes[at][0]}
    losing = {at for at in here if lost[at] or classes[at][1] > classes[at][0]}
    assert (found.holders, found.gaining, found.losing) == (len(here), len(gaining), len(losing))
    assert found.both == len(gaining & losing)
    told(found.affected, gaining | losing)
    for code in CODES:
        service = found.services.get(code, effect.ServiceEffect(gained=effect.Change(), lost=effect.Change()))
        told(service.gained, {at for at in here if code in gained[at]})
        told(service.lost, {at for at in here if code in lost[at]})
    moved = {at: (one[at].permit_class, two[at].permit_class) for at in here if classes[at][0] != classes[at][1]}
    assert found.classes.keys() == set(moved.values())
    for move, change in found.classes.items():
        told(change, {at for at in moved if moved[at] == move})


@settings(max_examples=EXAMPLES // 4, deadline=None)
@given(crowd=st.lists(holders, min_size=5, max_size=20), today=todays, data=st.data())
def test_a_new_version_of_the_real_rules_is_worked_out_as_one_by_one(
    crowd: list[Facts], today: date, data: st.DataObject
) -> None:
    """Most ways are the same in both, as in life; tables that are emptied all the time, holders in many batches."""
    tree = json.loads((resources.files("issuer.rules.sets") / "2026-1.json").read_bytes())
    for code in data.draw(st.sets(st.sampled_from(CODES), max_size=2)):
        tree["services"][code]["when"] = data.draw(with_class)
    new = parsed(tree)
    rows = [(number, facts.row()) for number, facts in enumerate(crowd)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bulk, "CHUNK", data.draw(st.integers(1, 8)))
        for module in (columns, bulk, effect):
            patch.setattr(module, "MAX_ENTRIES", data.draw(st.sampled_from((2, 5, 65_536))))
        found = effect.effect(BUNDLED, new, bulk.batches(rows), today)
    one = [evaluate(BUNDLED, facts, today) for facts in crowd]
    two = [evaluate(new, facts, today) for facts in crowd]
    plainly(found.whole, one, two, set(range(len(crowd))))
    for code in BUNDLED.services:
        assert found.kept[code] == sum(code in a.grants and code in b.grants for a, b in zip(one, two, strict=True))


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, facts=holders, today=todays, lang=st.sampled_from(Language))
def test_every_answer_can_be_read_aloud(tree: dict[str, Any], facts: Facts, today: date, lang: Language) -> None:
    found = evaluate(parsed(tree), facts, today)
    json.dumps(record(found))
    lines = [texts.standing_line(found, lang)]
    for goal, refusal in {**found.better, **found.refusals}.items():
        lines += texts.refusal_lines(goal, refusal, KNOWN, lang)
    for code, grant in found.grants.items():
        lines.append(texts.grant_line(code, grant, KNOWN, lang))
        lines += [texts.finding_line(item, lang) for item in grant.explanation]
    assert all(line.strip() and "{" not in line and "}" not in line for line in lines)


@settings(max_examples=EXAMPLES, deadline=None)
@given(facts=holders)
def test_stored_facts_come_back(facts: Facts) -> None:
    assert from_row(facts.row()) == facts
    assert from_record(facts.record()) == facts


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=EXAMPLES, deadline=None)
@given(tree=trees, junk=json_values, data=st.data())
def test_the_parser_is_total(tree: dict[str, Any], junk: Any, data: st.DataObject) -> None:
    """Anything put anywhere is a rule set or a list of mistakes, and never another error."""
    place: Any = tree
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
            place[key] = junk
            break
        place = inner
    mistakes: tuple[Mistake, ...] = ()
    try:
        assert lint.lint(parsed(tree), KNOWN) is not None
    except RulesRefused as refused:
        mistakes = refused.mistakes
    assert all(texts.mistake_line(item, lang) for item in mistakes for lang in Language)


@given(raw=st.binary(max_size=200))
def test_bytes_that_are_no_rule_set_are_refused(raw: bytes) -> None:
    with pytest.raises(RulesRefused):
        rule_set.parse(raw)
