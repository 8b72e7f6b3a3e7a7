"""Step 6: the permit is in force, by a clock that never runs backwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from ..reason import Reason
from ..verdict import Step

NUMBER = "6"


class Validity(Protocol):
    """What says from when until when it counts: an MSO, or a printed code. Times are UTC."""

    @property
    def valid_from(self) -> datetime: ...

    @property
    def valid_until(self) -> datetime: ...


def clock_set_back(now: datetime, watermark: datetime | None, tolerance: timedelta) -> bool:
    """Whether `now` lies before a time that has certainly been, by more than `tolerance`."""
    return watermark is not None and now < watermark - tolerance


def check(signed: Validity, *, now: datetime, set_back: bool) -> Step:
    """`validUntil` is the next endorsement date: missing it suspends the use of the permit (Decree 663 art. 10)."""
    if set_back:
        return Step.failed(NUMBER, Reason.CLOCK_SET_BACK)
    if now < signed.valid_from:
        return Step.failed(NUMBER, Reason.PERMIT_NOT_YET_VALID, f"valid from {signed.valid_from.isoformat()}")
    if now >= signed.valid_until:
        return Step.failed(NUMBER, Reason.ENDORSEMENT_MISSED, f"endorsed until {signed.valid_until.isoformat()}")
    return Step.passed(NUMBER, f"endorsed until {signed.valid_until.isoformat()}")
