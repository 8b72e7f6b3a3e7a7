"""Fields and records that every subject uses; problems and receipts."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

BIGGEST = 2**53 - 1


def printable(text: str) -> str:
    """A text of one line, in UTF-8. Raises ValueError."""
    if not text.isprintable():
        raise ValueError("control characters are not taken")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not text in UTF-8") from error
    return text


Id = Annotated[int, Field(ge=1, le=BIGGEST)]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]
Note = Annotated[str, Field(max_length=400), AfterValidator(printable)]
Desk = Annotated[str, Field(max_length=32, pattern=r"^[A-Za-z0-9._-]*$", description="a desk; empty: the vault")]
PermitNumber = Annotated[str, Field(pattern=r"^[A-Z0-9]{4,20}$", max_length=20, examples=["RP0123456789"])]
Serial = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$", max_length=20, examples=["00000000000000000001"])]
Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,64}$", max_length=64, examples=["2026-1"])]
Day = Annotated[date, Field(ge=date(1850, 1, 1), le=date(2200, 1, 1))]


class In(BaseModel):
    """Anything that is handed in: unknown members are refused, nothing is coerced but texts of dates."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """Anything that is answered."""

    model_config = ConfigDict(extra="forbid")


class FaultOut(Out):
    at: str = Field(description="where: body.address, query.limit, header.idempotency-key")
    what: str


class ProblemOut(Out):
    """RFC 9457 problem details."""

    type: str = Field(description="a page that explains it, relative to the service")
    title: str = Field(description="what happened, in the language of Accept-Language (zh or en)")
    status: int
    detail: str
    action: str = Field(description="what to do")
    instance: str = Field(description="the request, as in the log")
    code: str = Field(description="for programs")
    facts: dict[str, Any] | None = None
    errors: list[FaultOut] | None = None


class ReceiptOut(Out):
    """What an act came to. The same request with the same Idempotency-Key gives the same receipt, `replayed`."""

    act: str
    subject: str = Field(description="kind:id", examples=["application:17"])
    state: str = Field(description="the state that it is in now, where it has one")
    version: int = Field(description="for If-Match")
    data: dict[str, Any] = Field(description="what else there is to know, by the act")
    replayed: bool
