"""Certificate and CRL profiles: Doc 9303-12 §7.1 (CSCA, link, document signer, CRL), and our other signers after them.

Builders take names, key, periods and serial number, and reach for neither clock nor randomness: the same call gives the
same to-be-signed bytes. What is mandatory, optional or forbidden where:

| Extension | CSCA | link | document signer | other signers |
|---|---|---|---|---|
| AuthorityKeyIdentifier | – | m | m | m |
| SubjectKeyIdentifier | m | m | – | – |
| KeyUsage, critical | keyCertSign, cRLSign | same | digitalSignature | digitalSignature |
| BasicConstraints, critical | CA, pathLen 0 | same | x | x |
| PrivateKeyUsagePeriod | m | m | m | m |
| SubjectAltName, IssuerAltName, CRL distribution points | m | m | m | – |
| DocumentTypeList | x | x | m | x |
| NameChange | x | on a name change | x | x |
| ExtendedKeyUsage, critical | x | x | x | its purpose |

The other signers leave out what Doc 9303 asks only of travel documents: an entitlement signer's certificate may lie on
the card (EF.SignerCert), where each byte is read by a counter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from . import der
from .algorithms import EXTENDED_KEY_USAGE, OID_DOCUMENT_TYPE_LIST, OID_NAME_CHANGE, Purpose, curve_of

_KEY_CERT_SIGN_AND_CRL_SIGN = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
_DIGITAL_SIGNATURE = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorityNames:
    """What every certificate of an authority says about it."""

    country: str
    """ISO 3166-1 alpha-2, upper case: countryName of issuer and subject."""
    mrz_country: str
    """Country code as in the MRZ, one to three capitals: localityName of the alternative names."""
    contact_uri: str
    crl_uri: str

    def __post_init__(self) -> None:
        if not re.fullmatch("[A-Z]{2}", self.country):
            raise ValueError("country must be two capital letters")
        if not re.fullmatch("[A-Z]{1,3}", self.mrz_country):
            raise ValueError("MRZ country must be one to three capital letters")

    def distinguished_name(self, common_name: str) -> x509.Name:
        """C (PrintableString) and CN (UTF8String)."""
        return x509.Name(
            [
                x509.NameAttribute(NameOID.COUNTRY_NAME, self.country),
                x509.NameAttribute(NameOID.COMMON_NAME, common_name),
            ]
        )

    def alternative_names(self) -> list[x509.GeneralName]:
        """Subject or issuer alternative name: directoryName with L, and a contact (Doc 9303-12 §7.1.1)."""
        locality = x509.Name([x509.NameAttribute(NameOID.LOCALITY_NAME, self.mrz_country)])
        return [x509.DirectoryName(locality), x509.UniformResourceIdentifier(self.contact_uri)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """When a key may sign, and until when what it signed can be checked. Moments in UTC, whole seconds."""

    not_before: datetime
    key_use_until: datetime
    not_after: datetime
    key_use_from: datetime | None = None
    """When the key may begin to sign, for a certificate that is published ahead; `not_before` by default."""

    def __post_init__(self) -> None:
        for moment in (self.not_before, self.begin, self.key_use_until, self.not_after):
            if moment.tzinfo is None or moment.microsecond:
                raise ValueError("periods are moments with a zone, in whole seconds")
        if not self.not_before <= self.begin < self.key_use_until <= self.not_after:
            raise ValueError("periods must follow one another")

    @property
    def begin(self) -> datetime:
        """When the key may begin to sign."""
        return self.key_use_from or self.not_before


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificationAuthority:
    """A CSCA certificate with its private key: what issues certificates and CRLs."""

    certificate: x509.Certificate
    private_key: ec.EllipticCurvePrivateKey


def serial_number(random: Callable[[int], bytes], octets: int = 16) -> int:
    """A positive serial number of exactly `octets` octets (RFC 5280 §4.1.2.2: at most 20), never zero-led."""
    if not 8 <= octets <= 20:
        raise ValueError("a serial number takes 8 to 20 octets")
    return int.from_bytes(random(octets), "big") & ((1 << (8 * octets - 1)) - 1) | (1 << (8 * octets - 2))


def csca(
    names: AuthorityNames, *, common_name: str, private_key: ec.EllipticCurvePrivateKey, periods: Periods, serial: int
) -> x509.Certificate:
    """A self-signed CSCA certificate."""
    name = names.distinguished_name(common_name)
    builder = _builder(name, name, private_key.public_key(), periods, serial)
    for extension, critical in _authority_extensions(names, private_key.public_key()):
        builder = builder.add_extension(extension, critical)
    return _sign(builder, private_key)


def link(
    names: AuthorityNames,
    *,
    issuer: CertificationAuthority,
    subject: x509.Certificate,
    periods: Periods,
    serial: int,
) -> x509.Certificate:
    """A link certificate: the old CSCA `issuer` vouches for the new CSCA `subject`, and old trust reaches new keys."""
    public_key = _ec_public_key(subject)
    builder = _builder(issuer.certificate.subject, subject.subject, public_key, periods, serial)
    builder = builder.add_extension(_authority_key_identifier(issuer.certificate), critical=False)
    for extension, critical in _authority_extensions(names, public_key):
        builder = builder.add_extension(extension, critical)
    if subject.subject != issuer.certificate.subject:
        name_change = x509.UnrecognizedExtension(x509.ObjectIdentifier(OID_NAME_CHANGE), der.encode(der.NULL))
        builder = builder.add_extension(name_change, critical=False)
    return _sign(builder, issuer.private_key)


def document_signer(
    names: AuthorityNames,
    *,
    issuer: CertificationAuthority,
    common_name: str,
    public_key: ec.EllipticCurvePublicKey,
    periods: Periods,
    serial: int,
    document_types: Iterable[str],
) -> x509.Certificate:
    """A document signer: signs EF.SOD of documents whose MRZ carries one of `document_types` (one or two capitals)."""
    builder = _signer(names, issuer, common_name, public_key, periods, serial)
    for extension in (
        x509.SubjectAlternativeName(names.alternative_names()),
        x509.IssuerAlternativeName(names.alternative_names()),
        _distribution_points(names),
        document_type_list(document_types),
    ):
        builder = builder.add_extension(extension, critical=False)
    return _sign(builder, issuer.private_key)


def purpose_signer(
    names: AuthorityNames,
    *,
    purpose: Purpose,
    issuer: CertificationAuthority,
    common_name: str,
    public_key: ec.EllipticCurvePublicKey,
    periods: Periods,
    serial: int,
) -> x509.Certificate:
    """A signer told by its extended key usage: of entitlements, of status lists, of the audit log."""
    if purpose not in EXTENDED_KEY_USAGE:
        raise ValueError(f"{purpose} has a profile of its own")
    usage = x509.ExtendedKeyUsage([x509.ObjectIdentifier(EXTENDED_KEY_USAGE[purpose])])
    builder = _signer(names, issuer, common_name, public_key, periods, serial).add_extension(usage, critical=True)
    return _sign(builder, issuer.private_key)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocation:
    """One entry of a CRL. Doc 9303 allows no entry extension, so no reason either."""

    serial: int
    revoked_at: datetime


def crl(
    *,
    issuer: CertificationAuthority,
    number: int,
    this_update: datetime,
    next_update: datetime,
    revocations: Iterable[Revocation] = (),
) -> x509.CertificateRevocationList:
    """A full CRL v2 (Doc 9303-12 §7.1.4): AKI and cRLNumber, entries by serial number, at most 90 days."""
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(issuer.certificate.subject)
        .last_update(this_update)
        .next_update(next_update)
        .add_extension(_authority_key_identifier(issuer.certificate), critical=False)
        .add_extension(x509.CRLNumber(number), critical=False)
    )
    for entry in sorted(revocations, key=lambda entry: entry.serial):
        revoked = x509.RevokedCertificateBuilder().serial_number(entry.serial).revocation_date(entry.revoked_at)
        builder = builder.add_revoked_certificate(revoked.build())
    return builder.sign(issuer.private_key, curve_of(issuer.private_key).hash)


def document_type_list(document_types: Iterable[str]) -> x509.UnrecognizedExtension:
    """DocumentTypeListSyntax ::= SEQUENCE { version INTEGER 0, docTypeList SET OF PrintableString (SIZE (1..2)) }."""
    types = sorted(set(document_types))
    if not types or not all(re.fullmatch("[A-Z]{1,2}", kind) for kind in types):
        raise ValueError("document types are one or two capital letters, as the MRZ begins")
    members = sorted(der.encode(der.PRINTABLE_STRING, kind.encode()) for kind in types)
    value = der.encode(der.SEQUENCE, der.integer(0), der.encode(der.SET, *members))
    return x509.UnrecognizedExtension(x509.ObjectIdentifier(OID_DOCUMENT_TYPE_LIST), value)


def _builder(
    issuer: x509.Name, subject: x509.Name, public_key: ec.EllipticCurvePublicKey, periods: Periods, serial: int
) -> x509.CertificateBuilder:
    curve_of(public_key)
    period = x509.PrivateKeyUsagePeriod(_naive(periods.begin), _naive(periods.key_use_until))
    return (
        x509.CertificateBuilder()
        .issuer_name(issuer)
        .subject_name(subject)
        .public_key(public_key)
        .serial_number(serial)
        .not_valid_before(periods.not_before)
        .not_valid_after(periods.not_after)
        .add_extension(period, critical=False)
    )


def _authority_extensions(
    names: AuthorityNames, public_key: ec.EllipticCurvePublicKey
) -> Iterable[tuple[x509.ExtensionType, bool]]:
    yield x509.SubjectKeyIdentifier.from_public_key(public_key), False
    yield _KEY_CERT_SIGN_AND_CRL_SIGN, True
    yield x509.BasicConstraints(ca=True, path_length=0), True
    yield x509.SubjectAlternativeName(names.alternative_names()), False
    yield x509.IssuerAlternativeName(names.alternative_names()), False
    yield _distribution_points(names), False


def _signer(
    names: AuthorityNames,
    issuer: CertificationAuthority,
    common_name: str,
    public_key: ec.EllipticCurvePublicKey,
    periods: Periods,
    serial: int,
) -> x509.CertificateBuilder:
    subject = names.distinguished_name(common_name)
    return (
        _builder(issuer.certificate.subject, subject, public_key, periods, serial)
        .add_extension(_authority_key_identifier(issuer.certificate), critical=False)
        .add_extension(_DIGITAL_SIGNATURE, critical=True)
    )


def _authority_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    identifier = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier)


def _distribution_points(names: AuthorityNames) -> x509.CRLDistributionPoints:
    where = [x509.UniformResourceIdentifier(names.crl_uri)]
    return x509.CRLDistributionPoints([x509.DistributionPoint(where, None, None, None)])


def _ec_public_key(certificate: x509.Certificate) -> ec.EllipticCurvePublicKey:
    key = certificate.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("not an elliptic-curve certificate")
    return key


def _naive(moment: datetime) -> datetime:
    # pyca takes these two as naive UTC.
    return moment.astimezone(UTC).replace(tzinfo=None)


def _sign(builder: x509.CertificateBuilder, private_key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    return builder.sign(private_key, curve_of(private_key).hash)
