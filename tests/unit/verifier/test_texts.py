"""Every reason, step and facet can be said, in both languages, in one line."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from verifier.policy import Check
from verifier.reason import Reason
from verifier.texts import FACETS, LABELS, OUTCOMES, REASONS, STEPS, Language, Text, text
from verifier.verdict import Outcome

PROCEDURE = (Path(__file__).parents[3] / "docs" / "VERIFICATION.md").read_text()


@pytest.mark.parametrize("table", [REASONS, STEPS, FACETS, OUTCOMES, LABELS])
def test_texts_are_one_line_in_two_languages(table: dict[str, Text]) -> None:
    for pair in table.values():
        zh, en = text(pair, Language.ZH), text(pair, Language.EN)
        assert zh
        assert en
        assert "\n" not in zh + en
        assert en.isascii()
        assert re.search("[\u4e00-\u9fff]", zh) or zh == "PACE", zh


def test_every_reason_and_outcome_has_a_text() -> None:
    assert REASONS.keys() == set(Reason)
    assert OUTCOMES.keys() == set(Outcome)
    assert set(Check) <= STEPS.keys()


def test_a_reason_says_what_to_do() -> None:
    """A colon or a full stop parts what is wrong from what to do; what needs no act is listed."""
    plain = {Reason.NO_SERVICES, Reason.SERVICE_OF_OTHER_SECTOR, Reason.PASSWORD_MALFORMED}
    for reason, (_, en) in REASONS.items():
        assert reason in plain or re.search(r": \S", en), reason


def test_the_procedure_names_every_reason_of_a_verdict() -> None:
    reading = list(Reason).index(Reason.READER_SUPPORT_MISSING)
    for reason in list(Reason)[:reading]:
        assert f"`{reason}`" in PROCEDURE, reason


def test_the_procedure_has_every_step() -> None:
    for number in STEPS:
        assert f"\n| {number} | " in PROCEDURE, number
