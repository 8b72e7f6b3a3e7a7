"""DG12: additional document details (ICAO Doc 9303-10 §4.7.12): who issued the card, and when."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime

from card_profiles.iso7816 import tlv
from keys.errors import DecodeError

from . import tag_list

TAG = 0x6C
MAX_SIZE = 2048  # bytes

AUTHORITY = 0x5F19
ISSUE_DATE = 0x5F26
OBSERVATIONS = 0x5F1B
PERSONALISED_AT = 0x5F55
PERSONALISED_BY = 0x5F56
_ORDER = (AUTHORITY, ISSUE_DATE, OBSERVATIONS, PERSONALISED_AT, PERSONALISED_BY)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dg12:
    """Additional document details. `authority` and `issue_date` are always there with us; None is not on the chip."""

    authority: str  # 5F19, UTF-8
    issue_date: date  # 5F26, CCYYMMDD
    observations: str | None = None  # 5F1B, endorsements and observations that stay for the life of the card
    personalised_at: datetime | None = None  # 5F55, CCYYMMDDhhmmss; naive, whole seconds
    personalised_by: str | None = None  # 5F56, serial number of the personalisation system
    raw: bytes = field(init=False, repr=False, compare=False)  # the whole file, encoded once

    def __post_init__(self) -> None:
        texts = (self.authority, self.observations, self.personalised_by)
        if not all(tag_list.is_text(text) for text in texts if text is not None):
            raise ValueError("a text of DG12 is empty or has a control character")
        at = self.personalised_at
        if at is not None and (at.tzinfo is not None or at.microsecond):
            raise ValueError("the time of personalisation is naive and in whole seconds")
        object.__setattr__(self, "raw", _encode(self))
        if len(self.raw) > MAX_SIZE:
            raise ValueError(f"more than {MAX_SIZE} bytes")


def encode(details: Dg12) -> bytes:
    """The whole file, tag 6C."""
    return details.raw


def _encode(details: Dg12) -> bytes:
    values = {AUTHORITY: details.authority.encode(), ISSUE_DATE: tag_list.encode_day(details.issue_date)}
    if details.observations is not None:
        values[OBSERVATIONS] = details.observations.encode()
    if details.personalised_at is not None:
        at = details.personalised_at
        time = f"{at.hour:02}{at.minute:02}{at.second:02}".encode()
        values[PERSONALISED_AT] = tag_list.encode_day(at.date()) + time
    if details.personalised_by is not None:
        values[PERSONALISED_BY] = details.personalised_by.encode()
    return tag_list.encode(TAG, _ORDER, values)


def decode(raw: bytes) -> Dg12:
    """The record of the whole file. Raises DecodeError."""
    found = tag_list.decode(raw, TAG, _ORDER, max_size=MAX_SIZE, path="DG12")
    authority = tag_list.text(found.get(AUTHORITY), "DG12/5F19")
    issue_date = tag_list.day(found.get(ISSUE_DATE), "DG12/5F26")
    if authority is None or issue_date is None:
        raise DecodeError("no authority or no date of issue", path="DG12")
    return Dg12(
        authority=authority,
        issue_date=issue_date,
        observations=tag_list.text(found.get(OBSERVATIONS), "DG12/5F1B"),
        personalised_at=_time(found.get(PERSONALISED_AT)),
        personalised_by=tag_list.text(found.get(PERSONALISED_BY), "DG12/5F56"),
    )


def _time(element: tlv.Tlv | None) -> datetime | None:
    if element is None:
        return None
    digits = element.value
    if len(digits) != 14 or not digits.isdigit():
        raise DecodeError("not CCYYMMDDhhmmss", offset=element.value_offset, path="DG12/5F55")
    try:
        return datetime(int(digits[:4]), *(int(digits[i : i + 2]) for i in (4, 6, 8, 10, 12)))  # type: ignore[arg-type]
    except ValueError:
        raise DecodeError("not a time", offset=element.value_offset, path="DG12/5F55") from None
