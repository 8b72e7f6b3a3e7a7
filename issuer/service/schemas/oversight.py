"""Rules, computations, audit and keys: what administrators and auditors look at."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from .base import Out


class RuleSetOut(Out):
    version: str
    state: str
    digest: str
    created_at: datetime
    activated_at: datetime | None


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


class JobOut(Out):
    """A computation over all holders."""

    id: str
    state: Literal["running", "done", "failed"]
    done: int
    total: int
    result: dict[str, Any] | None


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
