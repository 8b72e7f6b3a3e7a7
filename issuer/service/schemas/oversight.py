"""Rules, audit and keys: what administrators and auditors look at."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import Field

from .base import Out


class RuleSetOut(Out):
    version: str
    state: str
    digest: str
    zh: str = Field(description="its name")
    en: str = Field(description="its name")
    effective_from: date = Field(description="the day that it names itself")
    created_at: datetime
    activated_at: datetime | None
    replaced_at: datetime | None = Field(description="when the next one was activated")


class ConditionOut(Out):
    text: str = Field(description="in words, in the language of the answer")
    other: bool = Field(description="the other version does not ask for it")


class RuleOut(Out):
    one_of: bool = Field(description="one of the conditions is enough; else all of them are needed")
    conditions: list[ConditionOut]


class RuleChangeOut(Out):
    """A rule before and after."""

    goal: str = Field(description="a service's code, class-1 to class-3, or eligible")
    title: str
    kind: Literal["added", "removed", "changed", "indirect"] = Field(
        description="indirect: the rule says the same, but a class that it names or eligibility has changed"
    )
    before: RuleOut | None
    after: RuleOut | None


class RuleChangesOut(Out):
    version: str
    against: str | None = Field(description="null: there is none before it")
    changes: list[RuleChangeOut]


class FindingOut(Out):
    path: str
    flaw: str
    subject: str
    severity: str


class LintOut(Out):
    version: str
    digest: str
    sound: bool
    findings: list[FindingOut]


class RecordOut(Out):
    seq: int
    at: datetime
    act: str
    actor: str
    role: str
    place: str
    subject: str
    detail: dict[str, Any]
    hash: str


class RecordPage(Out):
    records: list[RecordOut]
    next: int | None


class VerifiedOut(Out):
    records: int
    seq: int
    hash: str
    checkpoints: int
    signed_seq: int = Field(description="up to here a checkpoint vouches")


class CheckpointOut(Out):
    seq: int
    at: datetime
    hash: str
    signed: str = Field(description="COSE_Sign1, hex: keep a copy elsewhere")


class KeyOut(Out):
    name: str
    purpose: str
    state: str
    active_until: datetime | None
    signatures: int
    cap: int | None


class KeysOut(Out):
    usable: bool = Field(description="this process can sign and write cards")
    why_not: str | None
    keys: list[KeyOut]
