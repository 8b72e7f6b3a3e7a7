"""Every text of the pages: key → (Chinese, English), one table for each part. A missing key is an error, no blank."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ...texts import Language, fill
from . import (
    agents,
    applications,
    base,
    cards,
    details,
    holders,
    oversight,
    permit_acts,
    registration,
    stock,
    today,
    troubles,
)

Text = tuple[str, str]
TABLES: tuple[Mapping[str, Text], ...] = (
    base.TEXTS,
    today.TEXTS,
    registration.TEXTS,
    applications.TEXTS,
    cards.TEXTS,
    holders.TEXTS,
    permit_acts.TEXTS,
    stock.TEXTS,
    oversight.TEXTS,
    details.TEXTS,
    agents.TEXTS,
    troubles.TEXTS,
)
"""The tables; a key stands in one of them."""


def _one() -> Mapping[str, Text]:
    found: dict[str, Text] = {}
    for table in TABLES:
        if twice := found.keys() & table.keys():
            raise ValueError(f"said twice: {sorted(twice)}")
        found |= table
    return MappingProxyType(found)


TEXTS = _one()


def say(key: str, lang: Language, **facts: object) -> str:
    """The text, its blanks filled. Raises KeyError."""
    return fill(TEXTS[key][0 if lang is Language.ZH else 1], facts)


def known(key: str) -> bool:
    """Whether there is such a text."""
    return key in TEXTS
