"""What the rules look at, as fields of a form: built from the closed list of facts, so a new fact has its field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..rules.facts import FACTS, INDEX, Fact, Kind
from ..rules.phrases import CHOICES, DOCUMENTS, FACT_NAMES, Phrase
from ..texts import Language, say
from .days import said
from .site import View

PREFIX = "fact_"
UNTIL = "_until"
GROUPS: tuple[tuple[str, bool, tuple[str, ...]], ...] = (
    ("facts.work", True, ("employment", "social_insurance")),
    ("facts.home", True, ("home", "home_kind")),
    ("facts.study", False, ("study", "education", "skill", "skill_test")),
    ("facts.business", False, ("business", "investment", "points")),
    ("facts.family", False, ("children", "hardship")),
)
"""The heading, whether it is open from the start, and its facts. The register itself knows the others."""
KNOWN_OTHERWISE = frozenset({"residence", "birth", "district"})
CHILDREN = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One fact on the page."""

    name: str
    kind: Kind
    label: str
    proof: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Facts that belong together."""

    heading: str
    open: bool
    fields: tuple[Field, ...]


def groups(lang: Language) -> list[Group]:
    """All of them, in the language of the page."""
    return [
        Group(heading=heading, open=opened, fields=tuple(_field(FACTS[INDEX[name]], lang) for name in names))
        for heading, opened, names in GROUPS
    ]


def typed(view: View) -> dict[str, str | int | None]:
    """The facts that were filled in, each in its one text form; what cannot be one is left to the rules to refuse."""
    found: dict[str, str | int | None] = {}
    for fact in FACTS:
        if fact.name not in KNOWN_OTHERWISE and (form := _form(view, fact)) is not None:
            found[fact.name] = form
    return found


def _form(view: View, fact: Fact) -> str | int | None:
    name = PREFIX + fact.name
    text = view.text(name)
    if fact.kind is Kind.PERIOD:
        until = view.text(name + UNTIL)
        return f"{text}/{until or '..'}" if text or until else None
    if fact.kind is Kind.NUMBER:
        return int(text) if text.isascii() and text.isdigit() and len(text) < 14 else (text or None)
    if fact.kind is Kind.BIRTHS:
        born = sorted(item.strip() for item in view.texts(name) if item.strip())
        return ",".join(born) if born else None
    return text or None


def _field(fact: Fact, lang: Language) -> Field:
    names: Mapping[str, tuple[str, str]] = CHOICES.get(fact.name, {})
    return Field(
        name=PREFIX + fact.name,
        kind=fact.kind,
        label=say(FACT_NAMES[fact.name], lang),
        proof=say(DOCUMENTS[fact.name], lang),
        options=tuple((choice, say(names[choice], lang)) for choice in fact.choices),
    )


def shown(name: str, form: str | int | None, lang: Language) -> tuple[str, str]:
    """A recorded fact in words: its name, and its value."""
    fact = FACTS[INDEX[name]]
    label = say(FACT_NAMES[name], lang)
    if isinstance(form, str) and fact.choices:
        return label, say(CHOICES[name][form], lang)
    if isinstance(form, str) and fact.kind is Kind.PERIOD:
        since, _, until = form.partition("/")
        open_end = until in ("..", "")
        return label, say(
            (Phrase.SINCE if open_end else Phrase.FROM_TO).text,
            lang,
            {"since": said(since, lang), "until": said(until, lang)},
        )
    text = f"{form:,}" if isinstance(form, int) else str(form or "—").replace(",", ", ")
    return label, said(text, lang)
