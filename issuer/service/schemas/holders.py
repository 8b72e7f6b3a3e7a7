"""Persons: registered, searched, compared, and what the rules would give them."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field

from ...domain.checklist import Ground
from .base import Day, Id, In, Line, Out, printable


class Names(In):
    native: Line
    latin_surname: Line
    latin_given: Annotated[str, Field(max_length=200), AfterValidator(printable)]


class HolderIn(In):
    """Who registers, and since when they live here."""

    district: Id
    names: Names
    sex: Literal["F", "M", "X"]
    birth_date: Day
    nationality: Annotated[str, Field(pattern=r"^[A-Z]{1,3}$", max_length=3)]
    ethnicity: Annotated[str, Field(max_length=60), AfterValidator(printable)] = ""
    personal_number: Annotated[str, Field(max_length=40), AfterValidator(printable)] = ""
    hukou_address: Annotated[str, Field(max_length=200), AfterValidator(printable)] = ""
    address: Line
    residence_since: Day
    ground: Ground | None = None
    facts: dict[Annotated[str, Field(max_length=40)], str | int | None] = Field(
        default_factory=dict, max_length=40, description="what the rules look at: docs/RULES.md"
    )
    not_the_same: list[Id] = Field(
        default_factory=list, max_length=50, description="candidates that were compared and are other people"
    )

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "district": 4,
                    "names": {"native": "陈晓雯", "latin_surname": "CHEN", "latin_given": "XIAOWEN"},
                    "sex": "F",
                    "birth_date": "1991-04-17",
                    "nationality": "UTO",
                    "address": "新城区梧桐街道书香里8号2单元301室",
                    "residence_since": "2025-03-01",
                    "ground": "employment",
                    "facts": {"employment": "2025-03-01/..", "home": "2025-03-01/..", "home_kind": "rented"},
                }
            ]
        },
    )


class DuplicateCheck(In):
    names: Names
    sex: Literal["F", "M", "X"]
    birth_date: Day
    personal_number: Annotated[str, Field(max_length=40), AfterValidator(printable)] = ""


class FactsIn(In):
    facts: dict[Annotated[str, Field(max_length=40)], str | int | None] = Field(max_length=40)


class HolderLine(Out):
    """A holder in a list: as little as it takes to know who it is."""

    id: int
    name_native: str
    name_latin: str
    birth_date: date
    sex: str
    district: int


class HolderOut(HolderLine):
    nationality: str
    ethnicity: str
    personal_number: str
    hukou_address: str
    address: str
    address_since: date
    residence_since: date
    eligible_from: date
    ground: Ground | None
    facts: dict[str, str | int | None]
    applications: list[int]
    permits: list[str]
    version: int


class HolderPage(Out):
    holders: list[HolderLine]
    next: str | None = Field(description="give it as `after` for the next page")


class Candidates(Out):
    certain: int | None = Field(description="the holder with this identity number")
    candidates: list[HolderLine] = Field(description="perhaps the same person, also across scripts")


class Preview(Out):
    """What the rules give today, and why; nothing is changed."""

    eligible: bool | None = Field(description="null: facts are missing to say")
    permit_class: int | None
    rule_set: str
    assessment: dict[str, Any]
    lines: list[str] = Field(description="to be read aloud, in the language of Accept-Language")
    changes: list[dict[str, str]] = Field(default_factory=list, description="old → new")
