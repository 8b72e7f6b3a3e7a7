"""Photos that were looked at."""

from __future__ import annotations

from pydantic import Field

from ...photo_check.findings import Flaw, Severity
from .base import Out


class BoxOut(Out):
    left: int
    top: int
    width: int
    height: int


class FindingOut(Out):
    flaw: Flaw
    severity: Severity = Field(description="`retake`: take it again; `look`: often still good, look at it")
    measured: float = Field(description="what was measured, in `unit`, beyond `limit`")
    limit: float
    unit: str
    title: str = Field(description="what is wrong, in the language of the request")
    action: str = Field(description="what to do")


class PhotoCheckOut(Out):
    good: bool = Field(description="nothing asks for another photo; the officer decides in any case")
    findings: list[FindingOut] = Field(description="what to change first comes first")
    width: int = Field(description="of the upload, upright")
    height: int
    face: BoxOut | None = Field(description="in pixels of the upright upload")
    crop: BoxOut = Field(description="the part that goes onto the card")
    picture: str = Field(description="the picture for the card, base64; PUT it to the application to keep it")
    picture_type: str = Field(examples=["image/jpeg"])
    picture_width: int
    picture_height: int
    picture_size: int = Field(description="bytes")
