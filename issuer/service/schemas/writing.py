"""Cards being written at a reader."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from .base import In, Out, ProblemOut


class RunIn(In):
    reader: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,32}$", max_length=32)]
    can: Annotated[str, Field(pattern=r"^[0-9]{6}$", max_length=6)] | None = Field(
        default=None, description="the number printed on the face; at issue a random one if left out"
    )


class PlanLine(Out):
    step: str
    file: str
    commands: int
    bytes: int


class RunProgress(Out):
    step: str
    file: str
    position: int
    steps: int
    bytes_done: int
    bytes_total: int
    seconds_left: float | None


class RunOut(Out):
    """A card being written. What counts stands in the journal; this is for whoever waits at the desk."""

    id: str
    kind: Literal["issue", "endorse"]
    state: Literal["running", "done", "failed"]
    reader: str
    permit: str
    plan: list[PlanLine]
    progress: RunProgress | None
    can: str | None = Field(description="for the face of the card, once it was read back; for who began the run only")
    changes: list[dict[str, str]] = Field(description="endorsing: old → new, as it stands on the card")
    serial: str | None
    resumed: bool
    seconds: float | None
    problem: ProblemOut | None


class RunEvent(Out):
    number: int
    at: datetime
    what: str
    file: str


class RunEvents(Out):
    events: list[RunEvent]
    next: int
    ended: bool
