"""Which certificate a new key gets: from its place in the registry to the profile of its purpose."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_certificate

from .. import certificates
from ..algorithms import Purpose
from ..certificates import CertificationAuthority, Periods
from ..registry import lifecycle
from ..registry.lifecycle import RULES
from .file import AuthoritySettings

_CERTIFIED = (Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """The dates of a key and its certificate."""

    issued: datetime
    active_from: datetime
    active_until: datetime
    expires: datetime

    @property
    def periods(self) -> Periods:
        """As the certificate builders take them."""
        return Periods(
            not_before=self.issued,
            key_use_from=self.active_from,
            key_use_until=self.active_until,
            not_after=self.expires,
        )


def dates(
    purpose: Purpose,
    settings: AuthoritySettings,
    *,
    issued: datetime,
    active_from: datetime,
    issuer_expires: datetime | None,
) -> Dates:
    """The periods of a key that begins at `active_from`; nothing outlives the issuer's certificate.

    A certificate lives as long as the longest-lived card that its key signed on its last day; a CSCA's, as long as the
    last card of the last signer that it certified.
    """
    active_until = active_from + lifecycle.periods(purpose, settings).use
    expires = active_until + timedelta(days=settings.validity.longest_card_days)
    if purpose is Purpose.CSCA:
        signers = [lifecycle.periods(signer, settings) for signer in _CERTIFIED]
        expires += max(signer.lead + signer.use for signer in signers)
    elif issuer_expires is not None:
        expires = min(expires, issuer_expires)
        active_until = min(active_until, issuer_expires)
    return Dates(issued=issued, active_from=active_from, active_until=active_until, expires=expires)


def certificate(
    purpose: Purpose,
    generation: int,
    settings: AuthoritySettings,
    *,
    key: ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey,
    issuer: CertificationAuthority | None,
    dates: Dates,
    serial: int,
) -> bytes:
    """The certificate (DER) of a key. A CSCA certifies itself with its private key; all others have an `issuer`."""
    if purpose is Purpose.CSCA:
        assert isinstance(key, ec.EllipticCurvePrivateKey)
        made = certificates.csca(
            settings.names,
            # One name through all generations: relying parties know them apart by their key identifiers.
            common_name=f"CSCA {settings.mrz_country}",
            private_key=key,
            periods=dates.periods,
            serial=serial,
        )
        return made.public_bytes(Encoding.DER)
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert issuer is not None
    common_name = f"{RULES[purpose].label} {generation}"
    if purpose is Purpose.DOCUMENT_SIGNER:
        made = certificates.document_signer(
            settings.names,
            issuer=issuer,
            common_name=common_name,
            public_key=key,
            periods=dates.periods,
            serial=serial,
            document_types=settings.document_types,
        )
    else:
        made = certificates.purpose_signer(
            settings.names,
            purpose=purpose,
            issuer=issuer,
            common_name=common_name,
            public_key=key,
            periods=dates.periods,
            serial=serial,
        )
    return made.public_bytes(Encoding.DER)


def link(
    settings: AuthoritySettings, *, issuer: CertificationAuthority, subject: bytes, dates: Dates, serial: int
) -> bytes:
    """The link certificate (DER) by which the old CSCA `issuer` vouches for the new CSCA `subject` (DER).

    It ends with the certificate that it hangs from (Doc 9303-12 §7.1.1): beyond that, nobody could check it.
    """
    expires = min(dates.expires, issuer.certificate.not_valid_after_utc)
    periods = Periods(
        not_before=dates.issued,
        key_use_from=dates.active_from,
        key_use_until=min(dates.active_until, expires),
        not_after=expires,
    )
    made = certificates.link(
        settings.names, issuer=issuer, subject=load_der_x509_certificate(subject), periods=periods, serial=serial
    )
    return made.public_bytes(Encoding.DER)


def serial_octets(purpose: Purpose) -> int:
    """Short for signers, whose certificate may lie on the card: eight random octets do not repeat among them."""
    return 16 if purpose is Purpose.CSCA else 8
