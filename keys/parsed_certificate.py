"""What chain validation asks of a certificate or CRL, read once; whatever x509 raises becomes a `DecodeError`.

Importing this imports `cryptography.x509` (38 ms and 7 MB): only `chain`, and that only when a chain is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from . import der
from .algorithms import OID_DOCUMENT_TYPE_LIST, OID_NAME_CHANGE
from .errors import DecodeError
from .spki import certificate_spki, load_public_key

if TYPE_CHECKING:
    from typing import TypeVar

    Extension = TypeVar("Extension", bound=x509.ExtensionType)

_HASHES = {"sha256", "sha384", "sha512"}
_UNDERSTOOD = (
    x509.KeyUsage,
    x509.BasicConstraints,
    x509.ExtendedKeyUsage,
    x509.AuthorityKeyIdentifier,
    x509.SubjectKeyIdentifier,
    x509.PrivateKeyUsagePeriod,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCertificate:
    """A certificate, read. Periods in UTC; `None` where an extension is absent."""

    der: bytes
    subject: x509.Name
    issuer: x509.Name
    serial: int
    not_before: datetime
    not_after: datetime
    public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
    subject_key_identifier: bytes | None
    authority_key_identifier: bytes | None
    is_authority: bool | None
    path_length: int | None
    key_usage: frozenset[str] | None
    extended_key_usage: frozenset[str] | None
    key_use: tuple[datetime | None, datetime | None] | None
    document_types: frozenset[str] | None
    name_change: bool
    unknown_critical: bool
    to_be_signed: bytes
    signature: bytes
    algorithm: ec.ECDSA | padding.PSS | padding.PKCS1v15 | None
    """None when it is none that we accept; `hash` likewise."""
    hash: hashes.HashAlgorithm | None

    @property
    def country(self) -> tuple[str, ...]:
        """countryName of the subject, as it stands."""
        return _countries(self.subject)

    @property
    def issuer_country(self) -> tuple[str, ...]:
        return _countries(self.issuer)

    @property
    def self_issued(self) -> bool:
        return self.subject == self.issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedCrl:
    """A CRL v2, read."""

    issuer: x509.Name
    number: int
    this_update: datetime
    next_update: datetime
    authority_key_identifier: bytes | None
    revoked: dict[int, datetime]
    unknown_critical: bool
    to_be_signed: bytes
    signature: bytes
    algorithm: ec.ECDSA | padding.PSS | padding.PKCS1v15 | None
    hash: hashes.HashAlgorithm | None


@lru_cache(maxsize=256)  # a counter meets the same few signers all day; the result is immutable
def read_certificate(raw: bytes) -> ParsedCertificate:
    """Read a DER certificate of version 3; `DecodeError` for whatever is wrong with its form."""
    key = load_public_key(certificate_spki(raw))
    try:
        certificate = x509.load_der_x509_certificate(raw)
        if certificate.version is not x509.Version.v3:
            raise DecodeError("not a version 3 certificate", path="Certificate")
        if not raw.endswith(b"\0" + certificate.signature):  # X.690 §8.6.2.2: nothing signs the count of unused bits
            raise DecodeError("signature with unused bits", path="Certificate")
        return _read_certificate(raw, certificate, key)
    except DecodeError:
        raise
    except Exception as error:
        # x509 raises ValueError, DuplicateExtension and others, and warnings that the caller may have made errors.
        raise DecodeError(f"{type(error).__name__} in certificate", path="Certificate") from error


def read_crl(raw: bytes) -> ParsedCrl:
    """Read a DER CRL of version 2 with cRLNumber and nextUpdate; `DecodeError` otherwise."""
    try:
        crl = x509.load_der_x509_crl(raw)
        number = _get(crl.extensions, x509.CRLNumber)
        if number is None or crl.next_update_utc is None:
            raise DecodeError("cRLNumber and nextUpdate are mandatory", path="CertificateList")
        if not raw.endswith(b"\0" + crl.signature):  # as in a certificate
            raise DecodeError("signature with unused bits", path="CertificateList")
        algorithm, digest = _algorithm(crl)
        aki = _get(crl.extensions, x509.AuthorityKeyIdentifier)
        understood = (x509.CRLNumber, x509.AuthorityKeyIdentifier)
        return ParsedCrl(
            issuer=crl.issuer,
            number=number.crl_number,
            this_update=crl.last_update_utc,
            next_update=crl.next_update_utc,
            authority_key_identifier=aki.key_identifier if aki else None,
            revoked={entry.serial_number: entry.revocation_date_utc for entry in crl},
            unknown_critical=_unknown_critical(crl.extensions, understood)
            or any(_unknown_critical(entry.extensions, (x509.CRLReason, x509.InvalidityDate)) for entry in crl),
            to_be_signed=crl.tbs_certlist_bytes,
            signature=crl.signature,
            algorithm=algorithm,
            hash=digest,
        )
    except DecodeError:
        raise
    except Exception as error:
        raise DecodeError(f"{type(error).__name__} in CRL", path="CertificateList") from error


def is_signed_by(signed: ParsedCertificate | ParsedCrl, issuer: ParsedCertificate) -> bool:
    """Whether the issuer's key made the signature. Names are the caller's to compare; False for other algorithms."""
    key, algorithm, digest = issuer.public_key, signed.algorithm, signed.hash
    try:
        if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(algorithm, ec.ECDSA):
            key.verify(signed.signature, signed.to_be_signed, algorithm)
            return True
        if (
            isinstance(key, rsa.RSAPublicKey)
            and isinstance(algorithm, padding.PSS | padding.PKCS1v15)
            and digest is not None
        ):
            key.verify(signed.signature, signed.to_be_signed, algorithm, digest)
            return True
    except InvalidSignature:
        pass
    return False


def _read_certificate(
    raw: bytes, certificate: x509.Certificate, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
) -> ParsedCertificate:
    extensions = certificate.extensions
    ski = _get(extensions, x509.SubjectKeyIdentifier)
    aki = _get(extensions, x509.AuthorityKeyIdentifier)
    constraints = _get(extensions, x509.BasicConstraints)
    usage = _get(extensions, x509.KeyUsage)
    purposes = _get(extensions, x509.ExtendedKeyUsage)
    period = _get(extensions, x509.PrivateKeyUsagePeriod)
    types = _unrecognised(extensions, OID_DOCUMENT_TYPE_LIST)
    algorithm, digest = _algorithm(certificate)
    return ParsedCertificate(
        der=raw,
        subject=certificate.subject,
        issuer=certificate.issuer,
        serial=certificate.serial_number,
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        public_key=key,
        subject_key_identifier=ski.digest if ski else None,
        authority_key_identifier=aki.key_identifier if aki else None,
        is_authority=constraints.ca if constraints else None,
        path_length=constraints.path_length if constraints else None,
        key_usage=_usages(usage) if usage else None,
        extended_key_usage=frozenset(oid.dotted_string for oid in purposes) if purposes else None,
        key_use=(_utc(period.not_before), _utc(period.not_after)) if period else None,
        document_types=_document_types(types) if types is not None else None,
        name_change=_unrecognised(extensions, OID_NAME_CHANGE) is not None,
        unknown_critical=_unknown_critical(extensions, _UNDERSTOOD),
        to_be_signed=certificate.tbs_certificate_bytes,
        signature=certificate.signature,
        algorithm=algorithm,
        hash=digest,
    )


def _algorithm(
    signed: x509.Certificate | x509.CertificateRevocationList,
) -> tuple[ec.ECDSA | padding.PSS | padding.PKCS1v15 | None, hashes.HashAlgorithm | None]:
    try:
        parameters, digest = signed.signature_algorithm_parameters, signed.signature_hash_algorithm
    except (UnsupportedAlgorithm, ValueError):
        return None, None
    if digest is None or digest.name not in _HASHES:
        return None, None
    if isinstance(parameters, ec.ECDSA | padding.PSS | padding.PKCS1v15):
        return parameters, digest
    return None, None


def _get(extensions: x509.Extensions, kind: type[Extension]) -> Extension | None:
    try:
        return extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None


def _unrecognised(extensions: x509.Extensions, oid: str) -> bytes | None:
    for extension in extensions:
        if extension.oid.dotted_string == oid and isinstance(extension.value, x509.UnrecognizedExtension):
            return extension.value.value
    return None


def _unknown_critical(extensions: x509.Extensions, understood: tuple[type[x509.ExtensionType], ...]) -> bool:
    return any(extension.critical and not isinstance(extension.value, understood) for extension in extensions)


def _usages(usage: x509.KeyUsage) -> frozenset[str]:
    names = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
    )
    return frozenset(name for name in names if getattr(usage, name))


def _document_types(value: bytes) -> frozenset[str]:
    outer = der.Reader(value, path="DocumentTypeList")
    body = outer.enter(der.SEQUENCE)
    outer.finish()
    if body.unsigned() != 0:
        raise DecodeError("unknown version of DocumentTypeList", path="DocumentTypeList")
    members = body.enter(der.SET)
    body.finish()
    types = set()
    while not members.at_end:
        types.add(members.content(der.PRINTABLE_STRING).decode("ascii"))
    return frozenset(types)


def _countries(name: x509.Name) -> tuple[str, ...]:
    return tuple(str(attribute.value) for attribute in name.get_attributes_for_oid(NameOID.COUNTRY_NAME))


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
