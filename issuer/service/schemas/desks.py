"""Readers, and the agents that lend them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from ...acts.agents import MAX_DAYS
from ...agent.messages import ReaderCondition
from .base import Desk, Id, In, Out

ReaderName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,32}$", max_length=32, examples=["window-3"])]


class ReaderOut(Out):
    name: str = Field(description="for the body of a run")
    kind: Literal["image", "pcsc", "agent"] = Field(description="beside this process, or at a desk agent")
    busy: bool = Field(description="a run of this process is at it")
    desk: str | None = Field(default=None, description="of an agent")
    district: int | None = Field(default=None, description="of an agent")
    state: ReaderCondition | None = Field(default=None, description="as the agent sees it")
    reader: str | None = Field(default=None, description="what PC/SC calls it, at the agent")
    card: bool | None = Field(default=None, description="whether a card is in it; null where nobody looks")
    since: datetime | None = Field(default=None, description="when the agent linked")
    process: str | None = Field(
        default=None, description="the address of another process, which alone can write a card there"
    )


class AgentIn(In):
    name: ReaderName
    desk: Desk = ""
    district: Id
    days: Annotated[int, Field(ge=1, le=MAX_DAYS, description="after so many days the token ends")] = 400


class AgentOut(Out):
    id: int
    name: str
    desk: str
    district: int
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None
    linked: bool


class AgentTokenOut(Out):
    agent: int
    name: str
    token: str | None = Field(description="shown this one time; null when the same request is repeated")
    replayed: bool
