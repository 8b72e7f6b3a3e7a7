"""What a counter demands: its sector, how old its own data may be, and which checks have to run."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum

from card_profiles.entitlements.catalogue import Catalogue, Sector


class Check(StrEnum):
    """The checks that a policy may demand; the value is the number of the step in docs/VERIFICATION.md."""

    SIGNATURE = "4"
    DIGESTS = "5"
    VALIDITY = "6"
    STATUS = "7"
    CHIP = "8"
    PORTRAIT = "9a"
    IDENTITY = "9b"


AT_A_COUNTER = frozenset({Check.SIGNATURE, Check.DIGESTS, Check.VALIDITY, Check.STATUS, Check.CHIP})
"""What is always demanded of a card that somebody presents."""

BEFORE_WRITING = frozenset({Check.SIGNATURE, Check.DIGESTS, Check.VALIDITY})
"""What can be demanded of bytes that are not on a card yet."""

OF_A_PRINTED_CODE = frozenset({Check.SIGNATURE, Check.VALIDITY, Check.STATUS})
"""What can be demanded of the code on the back of a card, when only the code is there."""

CHIP_ADDS = (Check.CHIP, Check.PORTRAIT, Check.IDENTITY)
"""What a printed code cannot give and the chip would: proof of the original, the portrait, the signed identity."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """A check that is `required` and did not run is a failure; one that is not may be left out, but not fail.

    Ages count from the moment up to which our trust data and the status list are known to be current: when they were
    signed, or when the release that repeated them was. From `*_warn` on the verdict warns, from `*_services` on no
    service is granted, from `*_refuse` on it refuses all.

    `watermark` is the latest time that this machine has ever known for sure; a clock more than `clock_tolerance` behind
    it has been set back. `civil_time` is the offset of the authority's time zone: a service that counts until the 30th
    counts until midnight there.
    """

    sector: Sector
    catalogue: Catalogue
    required: frozenset[Check] = AT_A_COUNTER
    # A revocation list comes at least every 90 days (9303-12 §7.1.4): older means that updates stopped arriving.
    trust_warn: timedelta = timedelta(days=45)
    trust_services: timedelta = timedelta(days=90)
    trust_refuse: timedelta = timedelta(days=120)
    # Revocations are published within 18 hours; a counter may be without a network for weeks.
    status_warn: timedelta = timedelta(days=2)
    # A card that was lost two weeks ago must not fetch medicine; whose it is can still be told.
    status_services: timedelta = timedelta(days=14)
    status_refuse: timedelta = timedelta(days=30)
    # How long after its nextUpdate a revocation list still serves a counter without a network.
    crl_grace: timedelta = timedelta(days=30)
    watermark: datetime | None = None
    clock_tolerance: timedelta = timedelta(minutes=5)
    civil_time: timedelta = timedelta(hours=8)

    def __post_init__(self) -> None:
        for name in ("trust", "status"):
            steps = [getattr(self, f"{name}_{step}") for step in ("warn", "services", "refuse")]
            if steps != sorted(steps):
                raise ValueError(f"{name}: warn, then refuse services, then refuse all")

    def without(self, check: Check) -> Policy:
        """The same policy, `check` not required."""
        return replace(self, required=self.required - {check})

    def day(self, now: datetime) -> date:
        """The date at the authority, for `now` in UTC."""
        return (now + self.civil_time).date()
