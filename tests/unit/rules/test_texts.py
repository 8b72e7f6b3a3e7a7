"""Every code has a line in both languages; answers read as a clerk would say them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Formatter
from typing import Any

import pytest

from card_profiles.entitlements import catalogue
from issuer.rules import phrases, rule_set, texts
from issuer.rules.assessment import Cure
from issuer.rules.evaluate import evaluate
from issuer.rules.facts import FACTS, Kind, from_record
from issuer.rules.faults import Fault
from issuer.rules.lint import Flaw
from issuer.texts import Language

from .material import TODAY, worker

KNOWN = catalogue.load()
NAMES = [fact.name for fact in FACTS]
COUNTED = [fact.name for fact in FACTS if fact.kind in (Kind.PERIOD, Kind.NUMBER, Kind.BIRTH)]
TABLES: list[tuple[Mapping[Any, tuple[str, str]], list[Any]]] = [
    (phrases.FACT_NAMES, NAMES),
    (phrases.DOCUMENTS, NAMES),
    (phrases.UNITS, COUNTED),
    (phrases.CURES, list(Cure)),
    (phrases.FAULTS, list(Fault)),
    (phrases.FLAWS, list(Flaw)),
    ({phrase: phrase.text for phrase in phrases.Phrase}, list(phrases.Phrase)),
]


@pytest.mark.parametrize(("table", "keys"), TABLES)
def test_tables_are_complete_in_both_languages(table: Mapping[Any, tuple[str, str]], keys: list[Any]) -> None:
    assert set(table) == set(keys)
    for zh, en in table.values():
        assert zh
        assert en
        assert en.isascii() or "…" in en
        fields = [{name for _, name, _, _ in Formatter().parse(text) if name} for text in (zh, en)]
        assert fields[0] == fields[1]


def test_every_choice_has_a_name() -> None:
    listed = {fact.name: set(fact.choices) for fact in FACTS if fact.choices}
    assert {name: set(table) for name, table in phrases.CHOICES.items()} == listed


def test_a_clerk_can_read_the_shortfall_aloud() -> None:
    refusal = evaluate(rule_set.load("2026-1"), worker(), TODAY).refusals["E02"]
    english = texts.refusal_lines("E02", refusal, KNOWN, Language.EN)
    chinese = texts.refusal_lines("E02", refusal, KNOWN, Language.ZH)
    for part in ("E02", "6 months short", "1 May 2027", "proof of residence"):
        assert part in english[0]
    for part in ("E02", "积分入学", "还差6个月", "2027年5月1日", "居住登记证明"):
        assert part in chinese[0]


def test_the_page_names_every_fact_and_quotes_what_is_said() -> None:
    page = (Path(__file__).parents[3] / "docs" / "RULES.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in page for name in NAMES)
    facts = page.partition("`holder.json`")[2].partition("```json\n")[2].partition("```")[0]
    refusal = evaluate(rule_set.load("2026-1"), from_record(json.loads(facts)), TODAY).refusals["E02"]
    for lang in Language:
        assert f"> {texts.refusal_lines('E02', refusal, KNOWN, lang)[0]}\n" in page
