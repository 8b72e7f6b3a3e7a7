"""Step 5: every element is the one that the MSO lists, by its digest over the bytes as read."""

from __future__ import annotations

from dataclasses import dataclass

from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.mso import MobileSecurityObject
from card_profiles.entitlements.sector_files import PermitData, SectorEntitlements, decode_item, digest
from keys import cbor
from keys.errors import DecodeError

from ..evidence import Evidence
from ..reason import Reason
from ..verdict import Step

NUMBER = "5"
_EMBEDDED, _DAYS = 24, 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Elements:
    """What the signed elements say; None for one that was not read or is not genuine."""

    step: Step
    permit: PermitData | None = None
    entitlements: SectorEntitlements | None = None


def check(evidence: Evidence, mso: MobileSecurityObject, sector: Sector) -> Elements:
    """Compare digests first, decode afterwards: nothing unsigned is interpreted."""
    if not evidence.permit:
        return Elements(step=Step.not_checked(NUMBER, "EF.NS.permit was not read"))
    if evidence.sector != sector:
        return Elements(step=Step.failed(NUMBER, Reason.ELEMENT_MISPLACED, f"evidence is of {evidence.sector!r:.20}"))
    permit = _element(evidence.permit, Sector.PERMIT, mso)
    if isinstance(permit, Step):
        return Elements(step=permit)
    assert isinstance(permit, PermitData)
    if not evidence.sector_item:  # step 8 tells why: it is read under the keys of Chip Authentication
        return Elements(step=Step.passed(NUMBER, "permit"), permit=permit)
    entitlements = _element(evidence.sector_item, sector, mso)
    if isinstance(entitlements, Step):
        return Elements(step=entitlements)
    assert isinstance(entitlements, SectorEntitlements)
    return Elements(step=Step.passed(NUMBER, f"permit, {sector}"), permit=permit, entitlements=entitlements)


def _element(raw: bytes, sector: Sector, mso: MobileSecurityObject) -> PermitData | SectorEntitlements | Step:
    found = digest(raw)
    if found != mso.value_digests[sector.digest_id]:
        return Step.failed(NUMBER, _why(raw, found, mso), f"EF.NS.{sector}")
    try:
        return decode_item(raw, sector).value
    except DecodeError as error:
        return Step.failed(NUMBER, Reason.MALFORMED, str(error))


def _why(raw: bytes, found: bytes, mso: MobileSecurityObject) -> Reason:
    """Only to name the cause: the file is refused whatever this says."""
    if found in mso.value_digests.values():
        return Reason.ELEMENT_MISPLACED
    try:
        outer = cbor.decode(raw, max_size=1024, tags=frozenset({_EMBEDDED}))
        inner = cbor.decode(outer.value, max_size=1024, tags=frozenset({_DAYS}))
        listed = inner["digestID"] in mso.value_digests and inner["elementIdentifier"] in tuple(Sector)
    except (DecodeError, AttributeError, KeyError, TypeError):
        return Reason.DIGEST_MISMATCH
    return Reason.DIGEST_MISMATCH if listed else Reason.ELEMENT_NOT_LISTED
