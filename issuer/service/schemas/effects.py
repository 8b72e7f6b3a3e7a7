"""The effect of a new version of the rules, while it is computed and when it is there."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import Field

from .base import Out

_HOLDERS = Field(description="ids of some of them")


class ChangeOut(Out):
    count: int
    examples: list[int] = _HOLDERS


class MoveOut(Out):
    """Holders who come from one class into another."""

    before: int | None = Field(alias="from", description="null: not eligible")
    to: int | None = Field(description="null: not eligible")
    count: int
    examples: list[int] = _HOLDERS


class ServiceEffectOut(Out):
    gained: ChangeOut
    lost: ChangeOut
    kept: int | None = Field(None, description="who has it before and after; counted for the whole city only")


class DistrictEffectOut(Out):
    """Who is affected gains something, or loses something, or both."""

    district: int
    code: str
    name: str
    below: int = Field(description="how many districts lie directly below it")
    holders: int
    affected: int
    gaining: int = Field(description="who gets a service or a better class")
    losing: int = Field(description="who loses a service, or gets a worse class or none")


class EffectOut(Out):
    """What `new` in place of `old` changes on `today` for the holders of a district and of all below it."""

    old: str
    new: str
    today: date
    district: int
    holders: int
    affected: ChangeOut
    gaining: int = Field(description="who gets a service or a better class")
    losing: int = Field(description="who loses a service, or gets a worse class or none")
    classes: list[MoveOut]
    services: dict[str, ServiceEffectOut] = Field(description="every service of either version, by its code")
    districts: list[DistrictEffectOut] = Field(
        description="the districts directly below, the most affected first. Who is registered at the district itself "
        "stands under its own id, so that the figures add up to those above"
    )


class JobOut(Out):
    """A computation over all holders."""

    id: str
    version: str
    begun: datetime
    state: Literal["running", "done", "failed", "stopped"]
    done: int
    total: int
    result: EffectOut | None
