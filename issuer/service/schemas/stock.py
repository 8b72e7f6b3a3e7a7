"""The card stock: drawers, movements, days."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from .base import Desk, Id, In, Line, Note, Out, Serial


class StockIn(In):
    district: Id
    desk: Desk = ""
    serials: list[Serial] = Field(min_length=1, max_length=1000)
    note: Note = ""


class SpoilIn(In):
    reason: Line


class TakeBackIn(In):
    district: Id
    desk: Desk = ""


class DestroyIn(In):
    serials: list[Serial] = Field(min_length=1, max_length=1000)
    witness: Line


class DayIn(In):
    district: Id
    desk: Desk = ""
    counted: Annotated[int, Field(ge=0, le=1_000_000)]
    note: Note = ""


class CardOut(Out):
    serial: str
    state: str
    district: int
    desk: str
    permit: str | None
    application: int | None
    endorsed_until: date | None
    status: str | None = Field(description="what the status list says or will say: valid, invalid, suspended")
    published: bool | None
    reason: str
    version: int


class MovementOut(Out):
    at: datetime
    event: str
    from_state: str | None
    to_state: str
    district: int
    desk: str
    operator: int
    note: str


class CardHistory(CardOut):
    movements: list[MovementOut]


class CardPage(Out):
    cards: list[CardOut]
    next: str | None


class BalanceOut(Out):
    district: int
    desk: str
    day: date
    closed: bool
    received: int
    remaining: int = Field(description="blanks that must lie in the drawer")
    unresolved: int
    balanced: bool = Field(description="received = the sum of what the cards became")
    cards: dict[str, int] = Field(description="by state")
