"""What the documents say is what runs: the page about the API, the settings, the scripted day with real processes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from issuer.domain.reasons import Reason
from issuer.service import api_page
from issuer.service.day import run
from issuer.service.day.steps import STEPS
from issuer.service.problem_texts import TEXTS, Code
from issuer.service.settings import VARIABLES

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_about_the_api_is_up_to_date() -> None:
    assert (DOCS / "API.md").read_text("utf-8") == api_page.page(), "python -m issuer.service.api_page > docs/API.md"


def test_every_step_of_the_day_is_on_the_page() -> None:
    page = (DOCS / "API.md").read_text("utf-8")
    at = 0
    for step in STEPS:
        at = page.index("\n".join(api_page.curl(step)), at) + 1


def test_every_problem_has_words_in_both_languages() -> None:
    assert TEXTS.keys() == {*Reason, *Code}
    for code, text in TEXTS.items():
        for zh, en in (text.title, text.action):
            assert re.search(r"[\u4e00-\u9fff]", zh), code
            assert en.isascii(), code


def test_every_setting_is_in_the_handbook() -> None:
    handbook = (DOCS / "ADMINISTRATION.md").read_text("utf-8")
    for name, text in VARIABLES.items():
        assert f"| `{name}` | {text} |" in handbook


@pytest.mark.timeout(600)
def test_the_day(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Registration to handover, endorsement, loss, replacement, end: real processes, software cards, a whole chain."""
    code = run.main(tmp_path / "day")
    told = capfd.readouterr()
    assert code == 0, told.err
    assert re.search(r"[0-9]+ records hold; a checkpoint vouches up to record [1-9][0-9]*", told.out)
    # Those of the day; a process that runs for more than a minute signs one of its own.
    assert re.search(r"; [2-4] checkpoints vouch up to record", told.out)
