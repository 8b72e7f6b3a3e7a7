"""The two lists that an authority signs anew again and again: its CRL, of signers, and its status list, of cards."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from .. import certificates, status_list
from ..certificates import CertificationAuthority
from ..envelopes import cose
from ..status_list import Status, StatusList
from .file import AuthoritySettings

TTL = timedelta(hours=12)
"""How long a counter with a network need not ask again. A revoked card must be known within 18 hours."""


def status(
    settings: AuthoritySettings,
    entries: Mapping[int, Status],
    *,
    kid: bytes,
    private_key: ec.EllipticCurvePrivateKey,
    now: datetime,
    size: int = status_list.SHARD_ENTRIES,
) -> bytes:
    """The signed shard with these `entries`; all others are VALID."""
    return status_list.build(
        entries,
        uri=settings.status_uri,
        iat=now,
        exp=now + timedelta(days=settings.validity.status_days),
        ttl=int(TTL.total_seconds()),
        aggregation_uri=settings.status_uri.rpartition("/")[0],
        kid=kid,
        sign=cose.raw_signer(private_key),
        size=size,
    )


def entries(published: StatusList) -> dict[int, Status]:
    """Every entry that is not VALID: few among 262,144, so whole bytes of zeros are passed over."""
    return {
        index: status
        for place, octet in enumerate(published.statuses)
        if octet
        for index in range(4 * place, 4 * place + 4)
        if (status := published.lookup(index)) is not Status.VALID
    }


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
