"""What the trust store says about a signer, as reasons of ours (steps 4, 7 and 9b)."""

from __future__ import annotations

from keys.envelopes.errors import SignatureError
from keys.trust import TrustError, TrustReason

from ..reason import Reason

# By name, so that the chain validator, and with it `cryptography.x509`, is not imported for its enumeration.
_CHAIN = {
    "not_yet_valid": Reason.SIGNER_NOT_IN_PERIOD,
    "expired": Reason.SIGNER_NOT_IN_PERIOD,
    "key_usage": Reason.SIGNER_WRONG_PURPOSE,
    "extended_key_usage": Reason.SIGNER_WRONG_PURPOSE,
    "basic_constraints": Reason.SIGNER_WRONG_PURPOSE,
    "document_type": Reason.SIGNER_WRONG_PURPOSE,
    "key_usage_period": Reason.SIGNER_KEY_PERIOD,
    "crl_missing": Reason.REVOCATION_UNKNOWN,
    "crl_signature": Reason.REVOCATION_UNKNOWN,
    "crl_not_yet_valid": Reason.REVOCATION_UNKNOWN,
    "crl_stale": Reason.REVOCATION_UNKNOWN,
    "revoked": Reason.SIGNER_REVOKED,
}
_TRUST = {
    TrustReason.NOT_FOUND: Reason.TRUST_MISSING,
    TrustReason.NO_ROOT: Reason.TRUST_MISSING,
    TrustReason.UNKNOWN_SIGNER: Reason.SIGNER_UNKNOWN,
    TrustReason.WRONG_SIGNER: Reason.SIGNER_UNTRUSTED,
    TrustReason.NO_STATUS_LIST: Reason.STATUS_LIST_MISSING,
}


def trust_reason(error: TrustError) -> Reason:
    """Why the trust store does not help. A certificate offered by the card carries no path of ours."""
    if error.reason is TrustReason.MALFORMED and not error.path:
        return Reason.SIGNER_UNTRUSTED
    return _TRUST.get(error.reason, Reason.TRUST_DAMAGED)


def signer_reason(error: Exception) -> Reason | None:
    """The reason behind a failed signer or signature; None for an exception that is neither (and has to go on)."""
    if isinstance(error, TrustError):
        return trust_reason(error)
    if isinstance(error, SignatureError):
        return Reason.SIGNATURE_INVALID
    from keys.chain import ChainError

    if isinstance(error, ChainError):
        return _CHAIN.get(error.reason, Reason.SIGNER_UNTRUSTED)
    return None
