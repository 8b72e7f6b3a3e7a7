"""Days and moments as a page says them: one form in a language, in the civil time, wherever they come from."""

from __future__ import annotations

import re
from datetime import date, datetime

from .. import texts
from ..assemble import CIVIL_TIME
from ..texts import Language

NONE = "—"
_ISO = re.compile(
    r"(?<![0-9A-Za-z-])[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"(?:T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]+)?(?:Z|[+-][0-9]{2}:[0-9]{2}))?(?![0-9A-Za-z-])",
    re.ASCII,
)


def day(moment: date | datetime | None, lang: Language) -> str:
    """2027年3月31日, 31 Mar 2027; a dash for none."""
    if moment is None:
        return NONE
    return texts.day((moment + CIVIL_TIME).date() if isinstance(moment, datetime) else moment, lang)


def clock(moment: datetime | None, lang: Language) -> str:
    """2027年3月31日 14:05, 31 Mar 2027, 14:05; a dash for none."""
    if moment is None:
        return NONE
    return f"{day(moment, lang)}{' ' if lang is Language.ZH else ', '}{moment + CIVIL_TIME:%H:%M}"


def said(text: object, lang: Language) -> str:
    """What a record has as text, its dates and moments in the form of the page; what only looks like one stays."""
    return _ISO.sub(lambda found: _said(found[0], lang), str(text))


def _said(text: str, lang: Language) -> str:
    try:
        return clock(datetime.fromisoformat(text), lang) if "T" in text else day(date.fromisoformat(text), lang)
    except ValueError:
        return text
