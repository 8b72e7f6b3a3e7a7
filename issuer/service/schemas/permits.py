"""Permits through the years, and what is on a holder's card."""

from __future__ import annotations

from datetime import date
from typing import Any

from pydantic import Field

from ...acts.permits import ReplacementReason
from ...domain.permit_life import Ending
from .base import Day, Desk, Id, In, Line, Out, PermitNumber, Serial


class GrantOut(Out):
    service: str
    valid_until: date | None = Field(description="null: not granted")
    rule_set: str
    explanation: dict[str, Any]


class PermitOut(Out):
    number: str
    holder: int
    state: str
    standing: str = Field(
        description="what state and calendar make of it: in-force, endorsement-missed, expired, lost, …"
    )
    district: int
    permit_class: int
    rule_set: str
    valid_from: date
    endorsed_until: date
    window_opens: date
    expires_on: date
    card: str | None = Field(description="serial of the live card")
    card_due: bool = Field(description="the card says something older: write it")
    grants: list[GrantOut]
    ended_on: date | None
    reason: str
    version: int


class PermitLine(Out):
    number: str
    holder: int
    endorsed_until: date
    standing: str
    reminded_for: date | None = Field(description="the endorsement that the holder was told of last")


class RemindIn(In):
    permits: list[PermitNumber] = Field(min_length=1, max_length=200)


class PermitPage(Out):
    permits: list[PermitLine]
    next: str | None


class InPerson(In):
    in_person: bool = Field(description="false: on the telephone")


class ReplaceIn(In):
    reason: ReplacementReason
    old_serial: Serial | None = Field(default=None, description="the old card, where it was handed in")
    desk: Desk = ""


class RevokeIn(In):
    reason: Line
    old_serial: Serial | None = None
    desk: Desk = ""


class TerminateIn(In):
    ending: Ending
    old_serial: Serial | None = None
    desk: Desk = ""


class AddressIn(In):
    address: Line
    since: Day


class NewAddressIn(In):
    address: Line
    since: Day
    district: Id | None = None


class EndorseIn(In):
    address: NewAddressIn | None = None


class MoveIn(In):
    district: Id


class MyCard(Out):
    """What is on a holder's card, and what is not, to be read by the holder."""

    permit: str
    standing: str
    name_native: str
    name_latin: str
    birth_date: date
    sex: str
    permit_class: int
    endorsed_until: date
    expires_on: date
    services: list[GrantOut]
    not_granted: list[GrantOut]
    said_by_card: date | None = Field(description="until when the card itself says that it is endorsed")
    card_due: bool
    never_on_it: list[str]
