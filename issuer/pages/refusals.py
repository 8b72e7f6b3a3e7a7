"""What a page says when something is not done: the problem's own title and what to do, and what is wrong with which
field, in the language of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from ..domain.reasons import Reason
from ..errors import Fault as Mistaken
from ..refusal_texts import FAULTS
from ..rules.phrases import FAULTS as RULE_FAULTS
from ..rules.phrases import FLAWS
from ..service.problem_texts import Code
from ..service.problems import Fault, Problem, spoken
from ..texts import Language, fill
from .texts import TEXTS, known

_FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "names.native": "name_native",
        "names.latin_surname": "latin_surname",
        "names.latin_given": "latin_given",
        "personal number": "personal_number",
    }
)
"""Where a field of a record has another name on the page."""
_KINDS: Mapping[str, str] = MappingProxyType(
    {
        "string_too_short": "wrong.empty",
        "missing": "wrong.empty",
        "string_too_long": "wrong.long",
        "string_pattern_mismatch": "wrong.form",
        "literal_error": "wrong.choice",
        "enum": "wrong.choice",
        "date_from_datetime_parsing": "wrong.date",
        "date_parsing": "wrong.date",
        "date_type": "wrong.date",
        "greater_than_equal": "wrong.range",
        "less_than_equal": "wrong.range",
        "int_parsing": "wrong.number",
        "int_type": "wrong.number",
        "too_short": "wrong.empty",
        "not-a-period": "wrong.period",
        "not-a-date": "wrong.date",
        "not-a-number": "wrong.number",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A problem as a page tells it. `fields`: what is wrong, by the name of the field on the page."""

    code: str
    status: int
    title: str
    action: str
    detail: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    faults: tuple[tuple[str, str], ...] = ()  # where, and what: of a document with many


class _Blanks(dict[str, object]):
    """Blanks of a text that nobody knows: left out."""

    def __missing__(self, key: str) -> str:
        return "…"


def told(problem: Problem, lang: Language, typed: Mapping[str, object] = MappingProxyType({})) -> Told:
    """The words: those of the pages where the API's speak of headers and members, else the API's own. `typed` is what
    stood in the fields, to be quoted."""
    words = spoken(problem, lang)
    title, action = words.title, words.action
    if known(f"problem.{problem.code.value}"):
        title, action = (_page(f"problem.{problem.code.value}{part}", lang, problem.facts) for part in ("", ".do"))
    return Told(
        code=problem.code.value,
        status=problem.status,
        title=title,
        action=action,
        detail=problem.detail or "",
        fields=_fields(problem, lang, typed),
        facts=words.facts,
        faults=tuple((fault.at.removeprefix("body."), _fault(fault.what, lang)) for fault in problem.errors),
    )


def of_validation(error: ValidationError) -> Problem:
    """What a record of the API found wrong with what was typed."""
    faults = [Fault(at=".".join(map(str, item["loc"])), what=item["type"]) for item in error.errors()[:50]]
    return Problem(Reason.INVALID_VALUE, errors=faults)


def _fields(problem: Problem, lang: Language, typed: Mapping[str, object]) -> dict[str, str]:
    found: dict[str, str] = {}
    mistakes = problem.facts.get("mistakes")
    if isinstance(mistakes, list):
        for mistake in mistakes:
            name = name_of(mistake["field"])
            found[name] = _say(FAULTS[Mistaken(mistake["fault"])], lang, {"value": typed.get(name, "…")} | dict(typed))
    elif isinstance(wrong := problem.facts.get("field"), str):
        found[name_of(wrong)] = _page("wrong.value", lang, {})
    for fault in problem.errors:
        what = fault.what.partition(" ")[0]
        found[name_of(fault.at)] = _page(_KINDS.get(what, "wrong.value"), lang, {})
    if problem.code is Code.WEAK_PASSWORD:
        found["password"] = _page("wrong.value", lang, {})
    return found


def _fault(what: str, lang: Language) -> str:
    for kind, text in RULE_FAULTS.items():
        if kind.value == what:
            return _say(text, lang, {})
    for flaw, text in FLAWS.items():
        if flaw.value == what:
            return _say(text, lang, {})
    return _page(_KINDS.get(what.partition(" ")[0], "wrong.value"), lang, {})


def name_of(at: str) -> str:
    """The field on the page for a place in a record: ``body.facts.home`` is ``fact_home``."""
    place = at.removeprefix("body.")
    if place.startswith("facts."):
        return "fact_" + place.removeprefix("facts.").partition(".")[0]
    return _FIELDS.get(place, place.partition(".")[0] if place.split(".")[-1].isdigit() else place.split(".")[-1])


def _page(key: str, lang: Language, facts: Mapping[str, object]) -> str:
    return _say(TEXTS[key], lang, facts)


def _say(text: tuple[str, str], lang: Language, facts: Mapping[str, object]) -> str:
    return fill(text[0 if lang is Language.ZH else 1], _Blanks(facts))
