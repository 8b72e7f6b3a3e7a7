"""The CSCA master list (Doc 9303-12 §9): our roots in one signed file, for readers that know ICAO and not us.

    CscaMasterList ::= SEQUENCE { version INTEGER { v0(0) }, certList SET OF Certificate }

It is signed as CMS by a *master list signer*, which a CSCA certified for that and nothing else. Nothing of ours reads
it: our counters have the same certificates as targets of their own, under the roles' thresholds.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec

from .. import der
from ..algorithms import OID_CSCA_MASTER_LIST
from ..envelopes import cms
from ..errors import DecodeError
from .layout import MAX_MASTER_LIST

_VERSION = 0


def build(
    certificates: Iterable[bytes],
    *,
    signer: bytes,
    issuer: bytes,
    private_key: ec.EllipticCurvePrivateKey,
    signing_time: datetime,
) -> bytes:
    """A master list (DER) of CSCA and link `certificates`, signed by `signer`, whose `issuer` goes in too (all DER)."""
    members = sorted(set(certificates))
    if not members:
        raise ValueError("a master list has at least one certificate")
    content = der.encode(der.SEQUENCE, der.integer(_VERSION), der.encode(der.SET, *members))
    return cms.build(
        content,
        content_type=OID_CSCA_MASTER_LIST,
        certificate=signer,
        private_key=private_key,
        signing_time=signing_time,
        extra_certificates=[issuer],
    )


def verify(raw: bytes) -> tuple[tuple[bytes, ...], cms.Verified]:
    """The certificates of a master list whose signature holds, and by what; the signer's chain is the caller's.

    `DecodeError` for another form, `SignatureError` for a signature that does not hold.
    """
    verified = cms.parse(raw, max_size=MAX_MASTER_LIST).verify()
    if verified.content_type != OID_CSCA_MASTER_LIST:
        raise DecodeError("not a master list", path="CscaMasterList")
    outer = der.Reader(verified.content, path="CscaMasterList")
    body = outer.enter(der.SEQUENCE)
    outer.finish()
    if body.unsigned() != _VERSION:
        raise DecodeError("unknown version", path="CscaMasterList/version")
    members = body.enter(der.SET)
    body.finish()
    found = []
    while not members.at_end:
        found.append(members.element(der.SEQUENCE))
    if found != sorted(set(found)):
        raise DecodeError("not the order of DER", path="CscaMasterList/certList")
    return tuple(found), verified
