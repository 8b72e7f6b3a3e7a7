"""Step 4: the MSO is signed by a trusted entitlement signer that was allowed to sign then."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from card_profiles.entitlements.mso import DOC_TYPE, MobileSecurityObject, decode_mso
from keys import cbor
from keys.algorithms import Purpose
from keys.errors import DecodeError
from keys.trust import TrustStore

from ..evidence import Evidence
from ..reason import Reason
from ..unverified import MAX_MSO, mso_envelope
from ..verdict import Step
from .signers import signer_reason

NUMBER = "4"
_TDATE, _EMBEDDED = 0, 24


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """The step, and the MSO if it is genuine."""

    step: Step
    mso: MobileSecurityObject | None = None


def check(evidence: Evidence, trust: TrustStore, *, now: datetime, crl_grace: timedelta) -> Signed:
    """Chain of the signer that the kid names, at the time of signing; then the signature, over the bytes as read.

    The time stands inside what is signed, so the MSO is decoded first; nobody gets to see it before both held.
    """
    if not evidence.mso:
        return Signed(step=Step.not_checked(NUMBER, "EF.MSO was not read"))
    try:
        envelope = mso_envelope(evidence.mso)
        kid = envelope.kid
    except DecodeError as error:
        return Signed(step=Step.failed(NUMBER, Reason.MALFORMED, str(error)))
    if kid is None:
        return Signed(step=Step.failed(NUMBER, Reason.SIGNER_UNKNOWN, "no kid"))
    try:
        mso = decode_mso(envelope.payload)
    except DecodeError as error:
        reason = Reason.DOC_TYPE_MISMATCH if _is_other_document(envelope.payload) else Reason.MALFORMED
        return Signed(step=Step.failed(NUMBER, reason, str(error)))
    try:
        signer = trust.signer(
            kid,
            purpose=Purpose.ENTITLEMENT_SIGNER,
            at=mso.signed,
            now=now,
            offered=evidence.signer_certificate or None,
            crl_grace=crl_grace,
        )
        envelope.verify(signer.public_key)
    except Exception as error:
        reason_of = signer_reason(error)
        if reason_of is None:
            raise
        return Signed(step=Step.failed(NUMBER, reason_of, str(error)))
    return Signed(step=Step.passed(NUMBER, f"signer {kid.hex()}, {mso.signed.isoformat()}"), mso=mso)


def _is_other_document(payload: bytes) -> bool:
    """Whether the payload is an MSO of another docType: only to name the cause."""
    try:
        outer = cbor.decode(payload, max_size=MAX_MSO, tags=frozenset({_EMBEDDED}))
        inner = cbor.decode(outer.value, max_size=MAX_MSO, tags=frozenset({_TDATE}))
        return isinstance(inner["docType"], str) and inner["docType"] != DOC_TYPE
    except (DecodeError, AttributeError, KeyError, TypeError):
        return False
