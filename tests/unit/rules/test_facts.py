"""Facts: one form for each value, and nothing that must not be asked."""

from __future__ import annotations

from typing import Any

import pytest

from issuer.rules.facts import FACTS, Facts, Period, from_record, from_row
from issuer.rules.faults import Fault, RulesRefused

from .material import WORKER, worker


@pytest.mark.parametrize(
    ("name", "form", "fault"),
    [
        ("residence", "2026-05-01", Fault.NOT_A_PERIOD),
        ("residence", "2026-05-01/", Fault.NOT_A_PERIOD),
        ("residence", "2026-05-02/2026-05-01", Fault.NOT_A_PERIOD),
        ("residence", "20260501/..", Fault.NOT_A_PERIOD),
        ("residence", "2026-02-30/..", Fault.NOT_A_PERIOD),
        ("residence", "Never", Fault.NOT_A_PERIOD),
        ("residence", 6, Fault.NOT_A_PERIOD),
        ("birth", "1991-4-17", Fault.NOT_A_DATE),
        ("birth", "１991-04-17", Fault.NOT_A_DATE),
        ("children", "2020-03-01,2019-01-01", Fault.NOT_A_DATE),
        ("children", "2020-03-01,", Fault.NOT_A_DATE),
        ("children", ",".join(["2020-03-01"] * 21), Fault.NOT_A_DATE),
        ("points", "60", Fault.NOT_A_NUMBER),
        ("points", True, Fault.NOT_A_NUMBER),
        ("points", -1, Fault.NOT_A_NUMBER),
        ("points", 60.0, Fault.NOT_A_NUMBER),
        ("investment", 10**13, Fault.NOT_A_NUMBER),
        ("education", "Bachelor", Fault.UNKNOWN_CHOICE),
        ("home_kind", "", Fault.UNKNOWN_CHOICE),
        ("district", "", Fault.NOT_A_CODE),
        ("district", "99 01", Fault.NOT_A_CODE),
        ("wage", 1, Fault.UNKNOWN_FACT),
        ("sex", "F", Fault.UNKNOWN_FACT),
        ("criminal_record", "none", Fault.FORBIDDEN_FACT),
        ("marriage", "none", Fault.FORBIDDEN_FACT),
        ("怀孕", "none", Fault.FORBIDDEN_FACT),
        ("重点人员", "none", Fault.FORBIDDEN_FACT),
    ],
)
def test_any_other_form_is_refused(name: str, form: Any, fault: Fault) -> None:
    with pytest.raises(RulesRefused) as caught:
        from_record({name: form})
    assert [(mistake.path, mistake.fault) for mistake in caught.value.mistakes] == [(name, fault)]


def test_all_mistakes_at_once() -> None:
    with pytest.raises(RulesRefused) as caught:
        from_record({"points": -1, "birth": "x", "pregnancy": True})
    assert len(caught.value.mistakes) == 3


def test_null_and_absent_are_not_known() -> None:
    assert from_record({"points": None}) == Facts() == from_record({})


def test_row_and_record_come_back() -> None:
    assert from_row(worker().row()) == worker()
    assert worker().record() == WORKER
    assert Facts().row() == (None,) * len(FACTS)


def test_with_value_checks_the_type() -> None:
    assert worker().with_value("study", Period(since=None)) == worker()
    assert worker().with_value("points", None)["points"] is None
    with pytest.raises(ValueError, match="points"):
        worker().with_value("points", "many")
