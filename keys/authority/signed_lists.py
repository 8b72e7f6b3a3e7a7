"""The list that an authority signs anew again and again for its signers, and for how long counters may keep one."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from .. import certificates
from ..certificates import CertificationAuthority
from .file import AuthoritySettings

TTL = timedelta(hours=12)
"""How long a counter with a network need not ask again. A revoked card must be known within 18 hours."""


def crl(
    settings: AuthoritySettings,
    *,
    certificate: bytes,
    private_key: ec.EllipticCurvePrivateKey,
    number: int,
    now: datetime,
    revoked: Mapping[int, datetime],
) -> bytes:
    """The signed CRL (DER) of the CSCA `certificate` (DER); `revoked` maps serial numbers to dates."""
    issuer = CertificationAuthority(certificate=load_der_x509_certificate(certificate), private_key=private_key)
    return certificates.crl(
        issuer=issuer,
        number=number,
        this_update=now,
        next_update=now + timedelta(days=settings.validity.crl_days),
        revocations=[certificates.Revocation(serial=serial, revoked_at=at) for serial, at in revoked.items()],
    ).public_bytes(Encoding.DER)
