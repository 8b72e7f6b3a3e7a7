"""What an audit record says beside act and subject, in words: names and values of its detail, in a language."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..texts import Language
from .days import said
from .run_steps import named
from .texts import known, say

_DIGEST = re.compile(r"[0-9a-f]{40,}", re.ASCII)
_SHORT = 12  # hex digits of a digest; all of them are in the export
_SAID_WHEN_NOT = frozenset({"in_person"})
_VALUES: Mapping[str, tuple[str, ...]] = {
    "role": ("role.",),
    "missing": ("item.",),
    "cards": ("stock.",),
    "reason": ("replacement.", "ending."),
    "suspension": ("suspension.",),
    "changed": ("changed.",),
    "what": ("paper.",),
    "step": ("rules.step.",),
}
"""Under which keys the texts of a value are."""
_STATES: Mapping[str, tuple[str, ...]] = {
    "application": ("application.",),
    "card": ("stock.",),
    "permit": ("standing.", "permit-state."),
}
"""The same of a state, by the kind of the subject."""


def told(subject: str, detail: Mapping[str, Any], lang: Language) -> list[tuple[str, str]]:
    """Pairs of a name and what it was; what is empty is left out."""
    kind = subject.partition(":")[0]
    pairs = []
    for name, value in detail.items():
        if value in (None, "", [], {}) or (value is False and name not in _SAID_WHEN_NOT):
            continue
        label = say(f"detail.{name}", lang) if known(f"detail.{name}") else name
        prefixes = _STATES.get(kind, ()) if name == "state" else _VALUES.get(name, ())
        pairs.append((label, _value(value, prefixes, lang)))
    return pairs


def _value(value: Any, prefixes: tuple[str, ...], lang: Language) -> str:
    if isinstance(value, bool):
        return say("app.yes" if value else "app.no", lang)
    if isinstance(value, Mapping):
        if "name" in value:  # a line of old → new
            change = f"{value.get('old') or '—'} → {value.get('new') or '—'}" if "old" in value else ""
            return f"{named(value['name'], lang)} {said(change, lang)}".strip()
        return ", ".join(f"{_value(name, prefixes, lang)} {number}" for name, number in value.items())
    if isinstance(value, list):
        return ("；" if lang is Language.ZH else "; ").join(_value(item, prefixes, lang) for item in value)
    text = str(value)
    key = next((prefix + text for prefix in prefixes if known(prefix + text)), None)
    if key is not None:
        return say(key, lang)
    return f"{text[:_SHORT]}…" if _DIGEST.fullmatch(text) else said(text, lang)
