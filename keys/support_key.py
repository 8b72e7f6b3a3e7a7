"""The authority's support key: what counters encrypt the evidence of refused cards to.

Certificates lie in `support/` of the trust directory, published like any target. Each is issued by a CSCA, for key
agreement and nothing else. The newest that holds is the one to use; older ones stay to be recognised.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum

from cryptography.hazmat.primitives.asymmetric import ec

from .errors import DecodeError
from .files import read_regular
from .parsed_certificate import ParsedCertificate, is_signed_by, read_certificate, read_crl
from .spki import MAX_CERTIFICATE

FOLDER = "support"
SUFFIX = ".der"
MAX_FILES = 16
EKU_SUPPORT = "2.25.290871945276341985207716583041392864117"
"""Key purpose: an identifier under a UUID of our own (X.667; needs no registration)."""


class SupportKeyReason(StrEnum):
    """Why no certificate can be used."""

    MISSING = "support-key-missing"  # the authority published none
    UNTRUSTED = "support-key-untrusted"  # none of them leads to a CSCA that we trust, for this use
    EXPIRED = "support-key-expired"


class SupportKeyError(Exception):
    """There is nobody to encrypt to."""

    def __init__(self, reason: SupportKeyReason) -> None:
        super().__init__(reason)
        self.reason = reason


def recipient(
    trust_directory: str, *, authorities: Iterable[bytes], crls: Iterable[bytes], now: datetime
) -> ParsedCertificate:
    """The newest support certificate that holds. `authorities` are CSCA and link certificates that are trusted (DER).

    Raises SupportKeyError.
    """
    found = certificates(trust_directory)
    if not found:
        raise SupportKeyError(SupportKeyReason.MISSING)
    above = [read_certificate(raw) for raw in authorities]
    lists = [read_crl(raw) for raw in crls]
    trusted = [
        one
        for one in found
        if usable(one)
        and any(is_signed_by(one, issuer) and one.issuer == issuer.subject for issuer in above)
        and not any(one.serial in each.revoked and each.issuer == one.issuer for each in lists)
    ]
    if not trusted:
        raise SupportKeyError(SupportKeyReason.UNTRUSTED)
    current = [one for one in trusted if one.not_before <= now <= one.not_after]
    if not current:
        raise SupportKeyError(SupportKeyReason.EXPIRED)
    return max(current, key=lambda one: (one.not_before, one.serial))


def certificates(trust_directory: str) -> tuple[ParsedCertificate, ...]:
    """All support certificates of a trust directory that can be read."""
    folder = os.path.join(trust_directory, FOLDER)
    try:
        names = sorted(name for name in os.listdir(folder) if name.endswith(SUFFIX))
    except OSError:
        return ()
    found = []
    for name in names[-MAX_FILES:]:
        try:
            found.append(read_certificate(read_regular(os.path.join(folder, name), limit=MAX_CERTIFICATE)[0]))
        except (DecodeError, OSError):
            continue
    return tuple(found)


def usable(certificate: ParsedCertificate) -> bool:
    """Whether it is for key agreement in support of counters, and for nothing else."""
    return (
        certificate.key_usage == frozenset({"key_agreement"})
        and certificate.extended_key_usage == frozenset({EKU_SUPPORT})
        and isinstance(certificate.public_key, ec.EllipticCurvePublicKey)
        and certificate.subject_key_identifier is not None
        and not certificate.unknown_critical
        and not certificate.is_authority
    )
