"""Step 9a: the portrait is the one that the entitlement signer signed, by length and digest of the whole file DG2."""

from __future__ import annotations

import hashlib

from card_profiles.entitlements.sector_files import PermitData

from ..evidence import Evidence
from ..reason import Reason
from ..verdict import Step

NUMBER = "9a"


def check(evidence: Evidence, permit: PermitData) -> Step:
    """No EF.SOD is needed: EF.NS.permit binds the portrait."""
    portrait = evidence.portrait
    if not portrait:
        return Step.not_checked(NUMBER, "DG2 was not read")
    if len(portrait) != permit.portrait_length or hashlib.sha256(portrait).digest() != permit.portrait_sha256:
        return Step.failed(NUMBER, Reason.PORTRAIT_MISMATCH)
    return Step.passed(NUMBER, f"{len(portrait)} bytes")
