"""Applications, from the checklist to the handover."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import ConfigDict, Field

from ...domain.checklist import Ground, Item
from .base import Desk, Id, In, Line, Out, Serial


class Handed(In):
    present: list[Item] = Field(max_length=8, description="what was handed in")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"present": ["identity-document", "proof-of-address"]}]}
    )


class AcceptIn(In):
    present: list[Item] = Field(default_factory=list, max_length=8)
    ground: Ground | None = None


class Why(In):
    reason: Line


class ApplicationOut(Out):
    id: int
    holder: int
    kind: str
    state: str
    district: int
    present: list[Item]
    missing: list[Item]
    told_at: datetime | None
    permit: str | None
    registered_by: int
    accepted_by: int | None
    approved_by: int | None
    accepted_on: date | None
    due_on: date | None
    days_left: int | None
    extended: bool
    ready_at: datetime | None
    closed_at: datetime | None
    reason: str
    version: int


class ApplicationPage(Out):
    applications: list[ApplicationOut]
    next: str | None


class BlankIn(In):
    desk: Desk = ""
    serial: Serial | None = Field(default=None, description="the one in the reader; the next of the drawer if left out")
    district: Id | None = None


class HandOverIn(In):
    slip: Annotated[str, Field(pattern=r"^[0-9]{1,16}$", max_length=16)]
