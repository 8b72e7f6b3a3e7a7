"""Ages as people say them."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.factory import NOW, decide, issue
from verifier.report import Style, human
from verifier.texts import Language
from verifier.verdict import DataAge

VERDICT = decide(issue().evidence())


@pytest.mark.parametrize(
    ("hours", "english", "chinese"),
    [
        (0, "0 hours old", "0 小时前"),
        (1, "1 hour old", "1 小时前"),
        (2, "2 hours old", "2 小时前"),
        (48, "2 days old", "2 天前"),
    ],
)
def test_ages(hours: int, english: str, chinese: str) -> None:
    ages = DataAge(trust_signed=NOW - timedelta(hours=hours), status_signed=None)
    verdict = replace(VERDICT, ages=ages)
    for language, words in ((Language.EN, english), (Language.ZH, chinese)):
        lines = human(verdict, Style(language=language), None).splitlines()
        assert any(line.endswith(f": {words}") for line in lines)
