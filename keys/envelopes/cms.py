"""CMS SignedData (RFC 5652) as Doc 9303-10 §4.7 uses it: EF.SOD, and master lists after it.

Building writes DER by hand, in the one shape that we issue: asn1crypto would force NULL digest parameters, and a first
build with it double-wrapped eContent, which its own verifier passed. Reading uses asn1crypto, imported only then,
because envelopes of others come in BER, with unsorted attributes and with either signer identifier. So the two halves
share no code, and the tests add OpenSSL as a third opinion.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, lru_cache
from hashlib import new as new_digest
from typing import TYPE_CHECKING, Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

from .. import der
from ..algorithms import curve_of, ecdsa
from ..errors import DecodeError
from ..spki import certificate_spki, load_public_key
from .errors import SignatureError, SignatureReason

if TYPE_CHECKING:
    from asn1crypto import cms as asn1_cms

MAX_SIZE = 1 << 16
"""Bytes of an EF.SOD worth reading; real ones take 1 to 3 kB."""
MAX_CERTIFICATES = 16

OID_SIGNED_DATA = "1.2.840.113549.1.7.2"
OID_CONTENT_TYPE = "1.2.840.113549.1.9.3"
OID_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
OID_SIGNING_TIME = "1.2.840.113549.1.9.5"

_HASHES: dict[str, hashes.HashAlgorithm] = {
    "2.16.840.1.101.3.4.2.1": hashes.SHA256(),
    "2.16.840.1.101.3.4.2.2": hashes.SHA384(),
    "2.16.840.1.101.3.4.2.3": hashes.SHA512(),
}
_DIGEST_OID = {algorithm.name: oid for oid, algorithm in _HASHES.items()}
# ecdsa-with-SHA2, RFC 5758 §3.2.
_ECDSA: dict[str, hashes.HashAlgorithm] = {
    "1.2.840.10045.4.3.2": hashes.SHA256(),
    "1.2.840.10045.4.3.3": hashes.SHA384(),
    "1.2.840.10045.4.3.4": hashes.SHA512(),
}
_ECDSA_OID = {algorithm.name: oid for oid, algorithm in _ECDSA.items()}
# RFC 8017 A.2: rsaEncryption takes the hash from the digest algorithm.
_OID_RSA = "1.2.840.113549.1.1.1"
_OID_RSA_PSS = "1.2.840.113549.1.1.10"
_OID_MGF1 = "1.2.840.113549.1.1.8"
_RSA_PKCS1: dict[str, hashes.HashAlgorithm] = {
    "1.2.840.113549.1.1.11": hashes.SHA256(),
    "1.2.840.113549.1.1.12": hashes.SHA384(),
    "1.2.840.113549.1.1.13": hashes.SHA512(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a signature stands for, once checked. The certificate still has to chain."""

    content_type: str
    """eContentType, dotted."""
    content: bytes
    """eContent as received, octet string header removed."""
    certificate: bytes
    """DER of the certificate whose key verified the signature."""
    signing_time: datetime | None
    """The signer's claim (UTC); None when the envelope carries none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedData:
    """A decoded SignedData with its one SignerInfo. Nothing in it is to be believed before `verify` returned."""

    content_type: str
    content: bytes
    certificates: tuple[bytes, ...]
    """DER of the embedded certificates; may be empty."""
    signed_attributes: bytes
    """SET OF Attribute with the bytes as received, in whatever order they came: what was signed."""
    signed_content_type: str
    message_digest: bytes
    signing_time: datetime | None
    digest_algorithm: str
    signature_algorithm: str
    signature: bytes
    signer: _Signer
    pss: _PssParameters | None

    def verify(self, candidates: Iterable[bytes] = ()) -> Verified:
        """Check digest and signature, with the embedded certificates or the `candidates` (DER, from the trust store).

        Raises `SignatureError`. The chain of the certificate that comes back is the caller's to check.
        """
        digest = _HASHES.get(self.digest_algorithm)
        if digest is None:
            raise SignatureError(
                f"digest algorithm {self.digest_algorithm} is not accepted", reason=SignatureReason.ALGORITHM
            )
        if self.signed_content_type != self.content_type:
            raise SignatureError("signed content type is another", reason=SignatureReason.CONTENT_TYPE)
        if new_digest(digest.name, self.content).digest() != self.message_digest:
            raise SignatureError("content has another digest than the signed", reason=SignatureReason.MESSAGE_DIGEST)
        failure = SignatureError("no certificate of the signer at hand", reason=SignatureReason.SIGNER_NOT_FOUND)
        for certificate in (*self.certificates, *candidates):
            if not self.signer.matches(certificate):
                continue
            try:
                self._verify_with(certificate)
            except SignatureError as error:
                failure = error
            else:
                return Verified(
                    content_type=self.content_type,
                    content=self.content,
                    certificate=certificate,
                    signing_time=self.signing_time,
                )
        raise failure

    def _verify_with(self, certificate: bytes) -> None:
        try:
            key = load_public_key(certificate_spki(certificate))
        except DecodeError as error:
            raise SignatureError(f"signer's key: {error}", reason=SignatureReason.ALGORITHM) from error
        try:
            if isinstance(key, ec.EllipticCurvePublicKey) and self.signature_algorithm in _ECDSA:
                key.verify(self.signature, self.signed_attributes, ec.ECDSA(_ECDSA[self.signature_algorithm]))
            elif isinstance(key, rsa.RSAPublicKey):
                key.verify(self.signature, self.signed_attributes, *self._rsa())
            else:
                raise SignatureError(
                    f"signature algorithm {self.signature_algorithm} does not fit the key",
                    reason=SignatureReason.ALGORITHM,
                )
        except InvalidSignature:
            raise SignatureError("CMS signature does not verify", reason=SignatureReason.SIGNATURE) from None

    def _rsa(self) -> tuple[padding.AsymmetricPadding, hashes.HashAlgorithm]:
        if self.signature_algorithm == _OID_RSA:
            return padding.PKCS1v15(), _HASHES[self.digest_algorithm]
        if self.signature_algorithm in _RSA_PKCS1:
            return padding.PKCS1v15(), _RSA_PKCS1[self.signature_algorithm]
        pss = self.pss
        if pss is not None and pss.trailer == 1 and pss.mask == _OID_MGF1 and 0 <= pss.salt_length <= 64:
            digest, mask_digest = _HASHES.get(pss.hash), _HASHES.get(pss.mask_hash)
            if digest is not None and mask_digest is not None:
                return padding.PSS(mgf=padding.MGF1(mask_digest), salt_length=pss.salt_length), digest
        raise SignatureError("RSA signature algorithm is not accepted", reason=SignatureReason.ALGORITHM)


@dataclass(frozen=True, slots=True, kw_only=True)
class _PssParameters:
    """RSASSA-PSS-params (RFC 4055 §3.1), defaults filled in; identifiers dotted."""

    hash: str
    mask: str
    mask_hash: str
    salt_length: int
    trailer: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Signer:
    """SignerIdentifier: either issuer and serial number, or subject key identifier."""

    issuer: bytes = b""
    """The issuer's Name as received."""
    serial: int = 0
    key_identifier: bytes | None = None

    def matches(self, certificate: bytes) -> bool:
        from asn1crypto import x509 as asn1_x509

        try:
            parsed = asn1_x509.Certificate.load(certificate, strict=True)
            if self.key_identifier is not None:
                return bool(parsed.key_identifier == self.key_identifier)
            return bool(parsed.serial_number == self.serial) and _same_name(parsed.issuer.dump(), self.issuer)
        except Exception:
            # asn1crypto parses lazily and fails in many ways on hostile input. What it cannot read is no certificate.
            return False


def build(
    content: bytes,
    *,
    content_type: str,
    certificate: bytes,
    private_key: ec.EllipticCurvePrivateKey,
    signing_time: datetime,
    extra_certificates: Iterable[bytes] = (),
) -> bytes:
    """Sign `content` into a ContentInfo (DER): SignedData v3, one SignerInfo v1 by issuer and serial number.

    Signed attributes are contentType, messageDigest and signingTime, in DER order; digest identifiers have no
    parameters (RFC 5754 §2). `certificate` is the signer's (DER) and goes in, before `extra_certificates`.
    """
    curve = curve_of(private_key)
    digest = _algorithm(_DIGEST_OID[curve.hash.name])
    attributes = sorted(
        (
            _attribute(OID_CONTENT_TYPE, der.object_identifier(content_type)),
            _attribute(OID_MESSAGE_DIGEST, der.encode(der.OCTET_STRING, new_digest(curve.hash.name, content).digest())),
            _attribute(OID_SIGNING_TIME, _time(signing_time)),
        )
    )
    signature = private_key.sign(der.encode(der.SET, *attributes), ecdsa(private_key))
    signer_info = der.encode(
        der.SEQUENCE,
        der.integer(1),
        _issuer_and_serial(certificate),
        digest,
        der.encode(0xA0, *attributes),
        _algorithm(_ECDSA_OID[curve.hash.name]),
        der.encode(der.OCTET_STRING, signature),
    )
    encapsulated = der.encode(
        der.SEQUENCE,
        der.object_identifier(content_type),
        der.encode(0xA0, der.encode(der.OCTET_STRING, content)),
    )
    signed_data = der.encode(
        der.SEQUENCE,
        der.integer(3),
        der.encode(der.SET, digest),
        encapsulated,
        der.encode(0xA0, *sorted((certificate, *extra_certificates))),
        der.encode(der.SET, signer_info),
    )
    return der.encode(der.SEQUENCE, der.object_identifier(OID_SIGNED_DATA), der.encode(0xA0, signed_data))


def parse(raw: bytes, *, max_size: int = MAX_SIZE) -> SignedData:
    """Decode a ContentInfo with SignedData and exactly one SignerInfo with signed attributes; else `DecodeError`.

    BER is accepted. The attributes are taken as received, under a new header as RFC 5652 §5.4 says: their order and
    encoding are the signer's.
    """
    if len(raw) > max_size:
        raise DecodeError(f"more than {max_size} bytes", offset=max_size, path="SignedData")
    from asn1crypto import cms as asn1_cms

    try:
        info = asn1_cms.ContentInfo.load(raw, strict=True)
        if info["content_type"].dotted != OID_SIGNED_DATA:
            raise DecodeError("not SignedData", path="ContentInfo/contentType")
        return _read(info["content"])
    except DecodeError:
        raise
    except Exception as error:
        # asn1crypto parses lazily and fails on hostile input with ValueError, TypeError, KeyError, RecursionError …
        raise DecodeError(f"{type(error).__name__} in CMS", path="SignedData") from error


def _read(signed: asn1_cms.SignedData) -> SignedData:
    encapsulated = signed["encap_content_info"]
    if encapsulated["content"].native is None:
        raise DecodeError("no content", path="SignedData/encapContentInfo")
    if len(signed["signer_infos"]) != 1:
        raise DecodeError("exactly one SignerInfo is expected", path="SignedData/signerInfos")
    (info,) = signed["signer_infos"]
    received = info["signed_attrs"].dump()
    if received[:1] != b"\xa0":
        raise DecodeError("signedAttrs missing", path="SignerInfo/signedAttrs")
    certificates = tuple(
        choice.chosen.dump() for choice in signed["certificates"] or () if choice.name == "certificate"
    )
    if len(certificates) > MAX_CERTIFICATES:
        raise DecodeError("too many certificates", path="SignedData/certificates")
    attributes = _attributes(info["signed_attrs"])
    algorithm = info["signature_algorithm"]
    return SignedData(
        content_type=encapsulated["content_type"].dotted,
        content=bytes(encapsulated["content"]),
        certificates=certificates,
        signed_attributes=b"\x31" + received[1:],
        signed_content_type=attributes[OID_CONTENT_TYPE].dotted,
        message_digest=bytes(attributes[OID_MESSAGE_DIGEST].native),
        signing_time=_moment(attributes.get(OID_SIGNING_TIME)),
        digest_algorithm=info["digest_algorithm"]["algorithm"].dotted,
        signature_algorithm=algorithm["algorithm"].dotted,
        signature=bytes(info["signature"].native),
        signer=_signer(info["sid"]),
        pss=_pss(algorithm["parameters"]) if algorithm["algorithm"].dotted == _OID_RSA_PSS else None,
    )


def _attributes(received: asn1_cms.CMSAttributes) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for attribute in received:
        name = attribute["type"].dotted
        if name not in {OID_CONTENT_TYPE, OID_MESSAGE_DIGEST, OID_SIGNING_TIME}:
            continue
        if name in found or len(attribute["values"]) != 1:
            raise DecodeError("a signed attribute must stand once, with one value", path="SignerInfo/signedAttrs")
        found[name] = attribute["values"][0]
    if OID_CONTENT_TYPE not in found or OID_MESSAGE_DIGEST not in found:
        raise DecodeError("contentType and messageDigest must be signed", path="SignerInfo/signedAttrs")
    return found


def _moment(time: Any) -> datetime | None:
    if time is None:
        return None
    moment = time.native
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise DecodeError("not a moment in UTC", path="SignerInfo/signedAttrs/signingTime")
    return moment


def _signer(sid: asn1_cms.SignerIdentifier) -> _Signer:
    if sid.name == "subject_key_identifier":
        return _Signer(key_identifier=bytes(sid.chosen.native))
    return _Signer(issuer=sid.chosen["issuer"].dump(), serial=sid.chosen["serial_number"].native)


def _same_name(one: bytes, other: bytes) -> bool:
    """Whether two Names are one; real envelopes give the RDNs in another order or spelling than the certificate."""
    if one == other:
        return True
    from asn1crypto import x509 as asn1_x509

    names = (asn1_x509.Name.load(raw, strict=True) for raw in (one, other))
    first, second = (sorted(rdn.hashable for rdn in name.chosen) for name in names)
    return bool(first == second)


def _pss(parameters: Any) -> _PssParameters:
    mask = parameters["mask_gen_algorithm"]
    return _PssParameters(
        hash=parameters["hash_algorithm"]["algorithm"].dotted,
        mask=mask["algorithm"].dotted,
        mask_hash=mask["parameters"]["algorithm"].dotted,
        salt_length=parameters["salt_length"].native,
        trailer={"trailer_field_bc": 1}.get(parameters["trailer_field"].native, 0),
    )


@lru_cache(maxsize=16)
def _issuer_and_serial(certificate: bytes) -> bytes:
    """IssuerAndSerialNumber, the same in all that a signer signs."""
    tbs = der.Reader(certificate, path="Certificate").enter(der.SEQUENCE).enter(der.SEQUENCE)
    if tbs.peek() == 0xA0:
        tbs.element(0xA0)
    serial = tbs.element(der.INTEGER)
    tbs.element(der.SEQUENCE)
    return der.encode(der.SEQUENCE, tbs.element(der.SEQUENCE), serial)


@cache
def _algorithm(oid: str) -> bytes:
    """AlgorithmIdentifier without parameters."""
    return der.encode(der.SEQUENCE, der.object_identifier(oid))


def _attribute(oid: str, value: bytes) -> bytes:
    return der.encode(der.SEQUENCE, der.object_identifier(oid), der.encode(der.SET, value))


def _time(moment: datetime) -> bytes:
    """UTCTime through 2049, GeneralizedTime from 2050 on (RFC 5652 §11.3)."""
    if moment.tzinfo is None:
        raise ValueError("a time without a zone")
    moment = moment.astimezone(UTC)
    if moment.year < 2050:
        return der.encode(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return der.encode(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())
