"""Sessions, districts and operators."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, ConfigDict, Field

from ...domain.roles import Role
from .base import Desk, Id, In, Line, Out, printable


class SignIn(In):
    name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(printable)]
    password: Annotated[str, Field(min_length=1, max_length=256, json_schema_extra={"format": "password"})]
    desk: Desk = ""
    program: bool = Field(default=False, description="answer with a token for Authorization: Bearer, set no cookie")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "li.registrar", "password": "correct horse battery", "desk": "desk-1"}]
        },
    )


class SessionOut(Out):
    operator: int
    name: str
    display_name: str
    role: Role
    district: int
    district_path: str
    desk: str
    csrf: str = Field(description="for the header X-CSRF-Token; empty for a program")
    token: str | None = Field(default=None, description="for programs, this one time")
    expires_in: int | None = None


class DistrictIn(In):
    code: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9-]+$")]
    name: Line
    parent: Id


class DistrictOut(Out):
    id: int
    code: str
    name: str
    level: int = Field(description="1 city, 2 county or district, 3 town or sub-district, 4 village or community")
    parent: int | None
    path: str


class OperatorIn(In):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,63}$", max_length=64)]
    display_name: Line
    role: Literal[Role.REGISTRAR, Role.APPROVER, Role.KEY_ADMINISTRATOR, Role.AUDITOR]
    district: Id
    password: Annotated[str, Field(min_length=1, max_length=256)]


class PasswordIn(In):
    password: Annotated[str, Field(min_length=1, max_length=256)]


class OperatorOut(Out):
    id: int
    name: str
    display_name: str
    role: Role
    district: int
    disabled: bool
    locked_until: datetime | None
    version: int
