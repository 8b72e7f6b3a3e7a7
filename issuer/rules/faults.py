"""What can be wrong with a rule set or with a file of facts; all of it is told at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Fault(StrEnum):
    """One kind of mistake. `issuer.rules.texts` holds a line in each language for each of them."""

    NO_SUCH_FILE = "no-such-file"
    NOT_JSON = "not-json"
    TOO_LARGE = "too-large"
    TOO_DEEP = "too-deep"
    DUPLICATE = "duplicate"
    NOT_AN_OBJECT = "not-an-object"
    NOT_A_LIST = "not-a-list"
    NOT_TEXT = "not-text"
    NOT_A_NUMBER = "not-a-number"
    NOT_A_DATE = "not-a-date"
    NOT_A_PERIOD = "not-a-period"
    OUT_OF_RANGE = "out-of-range"
    MISSING = "missing"
    UNKNOWN_FIELD = "unknown-field"
    WRONG_FORMAT = "wrong-format"
    NOT_A_VERSION = "not-a-version"
    UNKNOWN_FACT = "unknown-fact"
    FORBIDDEN_FACT = "forbidden-fact"
    UNKNOWN_COMPARISON = "unknown-comparison"
    UNKNOWN_CHOICE = "unknown-choice"
    NOT_A_CODE = "not-a-code"
    NOT_ONE_KEY = "not-one-key"
    EMPTY = "empty"
    UNKNOWN_DEFINITION = "unknown-definition"
    CIRCULAR = "circular"
    CLASS_HERE = "class-here"
    TOO_COMPLEX = "too-complex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """Where (``services/E02/when/all_of/1``), what, and what its text needs."""

    path: str
    fault: Fault
    details: Mapping[str, str] = field(default_factory=dict)


class RulesRefused(Exception):
    """A rule set or a file of facts that cannot be used; `mistakes` are all that were found, in order of reading."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__("; ".join(f"{mistake.path}: {mistake.fault}" for mistake in mistakes[:5]))
        self.mistakes = mistakes
