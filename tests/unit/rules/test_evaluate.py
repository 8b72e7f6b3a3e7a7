"""What the sample rules say of one worker, as a clerk would tell it."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from card_profiles.entitlements import catalogue
from issuer.rules import rule_set
from issuer.rules.assessment import Assessment, Cure, Refusal
from issuer.rules.evaluate import evaluate
from issuer.rules.facts import Facts
from issuer.rules.needs import Months
from issuer.rules.normal import ELIGIBLE, class_goal

from .material import TODAY, parsed, service, small, worker

SAMPLE = rule_set.load("2026-1")


def assess(today: date = TODAY, **changes: Any) -> Assessment:
    return evaluate(SAMPLE, worker(**changes), today)


def short(refusal: Refusal) -> list[tuple[str, int | None, Cure, date | None]]:
    return [(item.fact, item.short, item.cure, item.met_on) for item in refusal.shortfalls]


def test_a_worker_after_six_months() -> None:
    found = assess()
    assert found.eligible is True
    assert found.permit_class == 3
    assert found.standing is not None
    assert found.standing.valid_until == date(2027, 11, 21)
    assert set(found.better) == {class_goal(1), class_goal(2)}
    assert {"H01", "H02", "E03", "J01", "L03", "C04"} <= set(found.grants)
    assert found.grants.keys().isdisjoint(found.refusals)


def test_e02_is_six_months_short() -> None:
    refusal = assess().refusals["E02"]
    assert short(refusal) == [("residence", 6, Cure.TIME, date(2027, 5, 1))]
    assert refusal.shortfalls[0].need == Months(low=12)
    assert refusal.shortfalls[0].rule == ("services/E02/when/all_of/1/residence/at_least",)
    assert refusal.granted_on == date(2027, 5, 1)
    assert not refusal.open
    # The contract has ended by then; the home keeps the holder eligible.
    assert "E02" in assess(date(2027, 5, 1)).grants
    assert short(assess(date(2027, 5, 1), points=59).refusals["E02"]) == [("points", 1, Cure.CHANGE, None)]


def test_the_day_on_which_eligibility_begins() -> None:
    before, on = assess(date(2026, 10, 31)), assess(date(2026, 11, 1))
    assert before.eligible is False
    assert before.permit_class is None
    assert not before.grants
    assert short(before.better[ELIGIBLE]) == [("residence", 1, Cure.TIME, date(2026, 11, 1))]
    assert on.eligible is True


def test_nothing_known_is_open_and_says_what_to_bring() -> None:
    found = evaluate(SAMPLE, Facts(), TODAY)
    assert found.eligible is None
    assert not found.grants
    refusal = found.better[ELIGIBLE]
    assert refusal.open
    assert {item.cure for item in refusal.shortfalls} == {Cure.DOCUMENT}
    assert refusal.granted_on is None


def test_vaccination_ends_on_the_day_before_the_seventh_birthday() -> None:
    grant = assess().grants["H02"]
    assert (grant.valid_until, grant.ended_by) == (date(2027, 2, 28), "children")
    younger = assess(children="2020-03-01,2024-09-09").grants["H02"]
    assert (younger.valid_until, younger.ended_by) == (date(2027, 11, 21), None)


def test_a_grant_outlives_one_ground_if_another_goes_on() -> None:
    """Contract to March, lease without end: eligible throughout. With a lease to January: to March."""
    assert assess().grants["H01"].valid_until == date(2027, 11, 21)
    both_end = assess(home="2026-04-01/2027-01-31").grants["H01"]
    assert (both_end.valid_until, both_end.ended_by) == (date(2027, 3, 31), "employment")


def test_the_next_endorsement_ends_every_grant() -> None:
    found = evaluate(SAMPLE, worker(), TODAY, endorsed_until=date(2026, 12, 31))
    assert {grant.valid_until for grant in found.grants.values()} == {date(2026, 12, 31)}
    with pytest.raises(ValueError, match="endorse"):
        evaluate(SAMPLE, worker(), TODAY, endorsed_until=date(2026, 11, 20))


def test_classes() -> None:
    assert assess(education="bachelor").permit_class == 1
    assert assess(skill="technician").permit_class == 1
    assert assess(skill="advanced").permit_class == 1
    assert assess(skill="advanced", social_insurance="2026-06-02/..").permit_class == 3
    assert assess(investment=1_000_000, business="2026-05-01/..").permit_class == 1
    assert assess(investment=999_999, business="2026-05-01/..").permit_class == 3
    assert assess(residence="2023-11-21/..").permit_class == 2
    assert assess(residence="2023-11-22/..").permit_class == 3
    # An unknown diploma may be worth a better class; until it is there, the certain one counts.
    assert assess(education=None).permit_class == 3
    assert assess(education=None).better[class_goal(1)].open


def test_class_opens_services() -> None:
    assert "E01" in assess(education="bachelor").grants
    assert "P01" in assess(education="bachelor").grants
    assert assess().refusals["E01"].granted_on == date(2027, 5, 1)


@pytest.mark.parametrize(
    ("birth", "cure", "met_on"),
    [("2010-11-22", Cure.TIME, date(2026, 11, 22)), ("1966-11-21", Cure.NONE, None)],
)
def test_ages(birth: str, cure: Cure, met_on: date | None) -> None:
    refusal = assess(birth=birth).refusals["J01"]
    assert [(item.fact, item.cure, item.met_on) for item in refusal.shortfalls] == [("birth", cure, met_on)]


def test_two_terms_that_never_meet_are_not_promised() -> None:
    """Points need no time, but the study ends before the child reaches the age."""
    rules = parsed(service({"all_of": [{"study": {"running": True}}, {"children": {"any_aged": [9, 9]}}]}))
    facts = worker(study="2026-01-01/2027-06-30", children="2020-03-01")
    refusal = evaluate(rules, facts, TODAY).refusals["H01"]
    assert refusal.shortfalls[0].met_on == date(2029, 3, 1)
    assert refusal.granted_on is None


def test_six_calendar_months_of_work_are_six_months() -> None:
    rules = parsed(service({"employment": {"at_least": 6}}))
    half_year = worker(employment="2026-01-01/2026-06-30", residence="2020-01-01/..")
    assert "H01" in evaluate(rules, half_year, date(2026, 7, 1)).grants
    assert "H01" in evaluate(rules, half_year, date(2030, 1, 1)).grants
    a_day_less = worker(employment="2026-01-02/2026-06-30", residence="2020-01-01/..")
    refusal = evaluate(rules, a_day_less, TODAY).refusals["H01"]
    assert short(refusal) == [("employment", 1, Cure.CHANGE, None)]


def test_month_ends() -> None:
    rules = parsed(service({"residence": {"at_least": 18}}))
    facts = worker(residence="2024-08-31/..")
    assert "H01" in evaluate(rules, facts, date(2026, 2, 28)).grants
    assert "H01" not in evaluate(rules, facts, date(2026, 2, 27)).grants


def test_the_shortest_way_comes_first() -> None:
    rules = parsed(service({"any_of": [{"points": {"at_least": 90}}, {"residence": {"at_least": 7}}]}))
    refusal = evaluate(rules, worker(), TODAY).refusals["H01"]
    assert short(refusal) == [("residence", 1, Cure.TIME, date(2026, 12, 1))]
    assert [[item.fact for item in way] for way in refusal.alternatives] == [["points"]]


def test_every_service_in_force_has_an_answer_and_no_other() -> None:
    found = assess()
    in_force = {code for code, item in catalogue.load().services.items() if item.status == "in force"}
    assert found.grants.keys() | found.refusals.keys() == in_force


def test_version_and_digest_are_recorded() -> None:
    found = assess()
    assert found.version == "2026-1"
    assert len(bytes.fromhex(found.digest)) == 32


def test_a_merged_threshold_names_the_rule_that_set_it() -> None:
    rules = parsed(small(services={"H01": {"when": {"residence": {"at_least": 24}}}}))
    item = evaluate(rules, worker(), TODAY).refusals["H01"].shortfalls[0]
    assert item.rule == ("services/H01/when/residence/at_least",)


def test_the_end_of_the_calendar() -> None:
    """A threshold beyond the year 9999 is never met; it is no error."""
    rules = parsed(service({"residence": {"at_least": 1200}}))
    late = evaluate(rules, worker(residence="9990-01-01/.."), date(9999, 12, 31)).refusals["H01"]
    assert short(late) == [("residence", 1200 - 119, Cure.CHANGE, None)]
    assert late.granted_on is None
