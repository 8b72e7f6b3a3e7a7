"""English says one day and two days: every text that takes a number is filled with 1, and looked at."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

import pytest

from issuer.agent import screen
from issuer.pages.texts import TEXTS as PAGES
from issuer.photo_check.finding_texts import TEXTS as FINDINGS
from issuer.refusal_texts import FAULTS, ONE_MISTAKE, REFUSALS
from issuer.rules import phrases
from issuer.service.problem_texts import TEXTS as PROBLEMS
from issuer.texts import LINES, fill

TABLES = (
    PAGES, FAULTS, REFUSALS, LINES, screen.TEXTS, screen.CONDITIONS, phrases.UNITS, phrases.CURES, phrases.FAULTS,
    phrases.FLAWS, phrases.NEEDS, {phrase: phrase.text for phrase in phrases.Phrase}, {"one": ONE_MISTAKE},
)  # fmt: skip
VERBS = frozenset(["is", "was", "has", "does", "stands", "refuses", "fails", "keeps"])
"""What a name or a code does that stands where the number might: no plural."""
_AFTER_ONE = re.compile(r"(?<![\w.,])1 ((?:signed |blank |half |more |other )?([a-z]+s|are|were|have|wait))\b")


def english() -> Iterator[tuple[object, str]]:
    """Every English text, with its key."""
    for table in TABLES:
        yield from ((key, text[1]) for key, text in table.items())
    for flaw, (title, action) in FINDINGS.items():
        yield from ((flaw, text[1]) for text in (title, action))
    for code, problem in PROBLEMS.items():
        yield from ((code, text[1]) for text in (problem.title, problem.action))


def blanks(text: str) -> list[str]:
    return [name for _, name, _, _ in Formatter().parse(text) if name]


def plurals(text: str) -> list[str]:
    """What stands in the plural after a 1."""
    said = fill(text, dict.fromkeys(blanks(text), "1") | {"serial": "ab"})
    return [found[1] for found in _AFTER_ONE.finditer(said) if found[2] not in VERBS]


def test_after_a_one_nothing_stands_in_the_plural() -> None:
    assert {key: found for key, text in english() if (found := plurals(text))} == {}


@pytest.mark.parametrize("text", ["{count} days left", "{count} cards", "for {n} blank cards", "{count} are left"])
def test_a_plural_that_never_changes_is_found(text: str) -> None:
    assert plurals(text)


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 days"), (1, "1 day"), ("1", "1 day"), (2, "2 days"), ("1,001", "1,001 days"), (11, "11 days")],
)
def test_the_word_goes_with_the_number(number: object, said: str) -> None:
    assert fill("{count} {count:day|days}", {"count": number}) == said


def test_other_blanks_are_as_ever() -> None:
    assert fill("{n:>3} {n:day|days}, {who!r}, {{…}}", {"n": 1, "who": "a"}) == "  1 day, 'a', {…}"
    with pytest.raises(KeyError):
        fill("{count:day|days}", {})
