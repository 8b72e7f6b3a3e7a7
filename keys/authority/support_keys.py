"""Keys that counters encrypt to: made here, published in `trust/support/`, kept for as long as files may come in.

They sign nothing, so they have no life in the registry's tables: each is noted there as an event. Rotation is making
the next one: counters take the newest, and what an older one was used for is still opened with it. Always files
(`keys/support-N.p8`, under the passphrase), also where signers are on a token: what such a key opens is no signature.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from .. import certificates
from ..algorithms import P256, curve_of
from ..certificates import CertificationAuthority
from ..custody import Custody, CustodyError
from ..envelopes import enveloped
from ..errors import DecodeError
from ..files import PUBLIC, write_new
from ..parsed_certificate import ParsedCertificate
from ..registry.registry import Actor
from ..support_key import EKU_SUPPORT, FOLDER, SUFFIX
from ..support_key import certificates as published
from .authority import Authority

LIFE = timedelta(days=731)
"""How long counters may use one; renewed well before."""
RENEW = timedelta(days=183)
"""Before its end a new one is due."""
_KEY_AGREEMENT = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=True,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SupportKey:
    """One key: its number, and until when counters use it."""

    name: str
    expires: datetime


def make(authority: Authority, custody: Custody, *, now: datetime, actor: Actor) -> SupportKey:
    """The next support key, certified by the active CSCA and laid into the trust directory: publish it then.

    `custody` holds files under the authority's passphrase. AuthorityError when the CSCA may not sign.
    """
    issuer = authority.certification_authority()
    folder = os.path.join(authority.trust_dir, FOLDER)
    number = 1
    while os.path.lexists(os.path.join(folder, _name(number) + SUFFIX)) or _known(custody, number):
        number += 1
    key = custody.generate(_uri(number), ec.SECP256R1(), purpose="support")
    assert curve_of(key) is P256
    expires = min(now + LIFE, issuer.certificate.not_valid_after_utc)
    made = _certificate(authority, issuer, key.public_key(), common_name=_name(number), now=now, expires=expires)
    os.makedirs(folder, mode=0o755, exist_ok=True)
    authority.registry.note("support-key", at=now, actor=actor, key=_name(number), expires=expires.isoformat())
    write_new(os.path.join(folder, _name(number) + SUFFIX), made, mode=PUBLIC)
    return SupportKey(name=_name(number), expires=expires)


def standing(authority: Authority) -> tuple[SupportKey, ...]:
    """What is published, the newest last."""
    found = sorted(published(authority.trust_dir), key=lambda one: one.not_before)
    return tuple(SupportKey(name=_common_name(one), expires=one.not_after) for one in found)


def open_file(authority: Authority, custody: Custody, raw: bytes) -> bytes:
    """What a counter sealed. DecodeError when it is no such file or for none of our keys."""
    wanted = enveloped.recipient_of(raw)
    for one in published(authority.trust_dir):
        if one.subject_key_identifier == wanted:
            number = int(_common_name(one).rpartition("-")[2])
            return enveloped.open_sealed(raw, custody.private_key(_uri(number)))
    raise DecodeError("for no support key of this authority", path="AuthEnvelopedData")


def _certificate(
    authority: Authority,
    issuer: CertificationAuthority,
    public_key: ec.EllipticCurvePublicKey,
    *,
    common_name: str,
    now: datetime,
    expires: datetime,
) -> bytes:
    identifier = x509.SubjectKeyIdentifier.from_public_key(public_key)
    above = issuer.certificate.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = (
        x509.CertificateBuilder()
        .issuer_name(issuer.certificate.subject)
        .subject_name(authority.settings.names.distinguished_name(common_name))
        .public_key(public_key)
        .serial_number(certificates.serial_number(authority.random, 8))
        .not_valid_before(now)
        .not_valid_after(expires)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(above), critical=False)
        .add_extension(identifier, critical=False)
        .add_extension(_KEY_AGREEMENT, critical=True)
        .add_extension(x509.ExtendedKeyUsage([x509.ObjectIdentifier(EKU_SUPPORT)]), critical=True)
    )
    return builder.sign(issuer.private_key, curve_of(issuer.private_key).hash).public_bytes(Encoding.DER)


def _common_name(certificate: ParsedCertificate) -> str:
    (name,) = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    return str(name.value)


def _known(custody: Custody, number: int) -> bool:
    """Whether a key file of this number is there already: of a run that was killed, for one."""
    try:
        custody.public_key(_uri(number))
    except CustodyError:
        return False
    return True


def _name(number: int) -> str:
    return f"SUPPORT-{number}"


def _uri(number: int) -> str:
    return f"file:support-{number}.p8"
