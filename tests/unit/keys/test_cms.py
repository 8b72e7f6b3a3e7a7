"""CMS SignedData: the edge cases of passive authentication, each made by hand."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding

from keys import der
from keys.algorithms import OID_LDS_SECURITY_OBJECT, Purpose
from keys.envelopes import cms
from keys.envelopes.errors import SignatureError, SignatureReason
from keys.errors import DecodeError
from tests import pki
from tests.pki import NOW

CSCA = pki.issuer()
DSC = pki.signer(Purpose.DOCUMENT_SIGNER, CSCA, ski=(x509.SubjectKeyIdentifier(b"\x11" * 20), False))
OTHER_DSC = pki.signer(Purpose.DOCUMENT_SIGNER, pki.issuer("CSCA OTHER", "other"))
KEY = pki.key("signer")
CONTENT = b"0\x03\x02\x01\x00"
SHA256, SHA384, SHA1 = "2.16.840.1.101.3.4.2.1", "2.16.840.1.101.3.4.2.2", "1.3.14.3.2.26"
ECDSA_SHA256, ECDSA_PLAIN = "1.2.840.10045.4.3.2", "0.4.0.127.0.7.1.1.4.1.3"
RSA, RSA_PSS = "1.2.840.113549.1.1.1", "1.2.840.113549.1.1.10"


def oid(dotted: str) -> bytes:
    return der.object_identifier(dotted)


def algorithm(dotted: str, parameters: bytes = b"") -> bytes:
    return der.encode(der.SEQUENCE, oid(dotted), parameters)


def attribute(dotted: str, *values: bytes) -> bytes:
    return der.encode(der.SEQUENCE, oid(dotted), der.encode(der.SET, *values))


def attributes(content: bytes = CONTENT, content_type: str = OID_LDS_SECURITY_OBJECT) -> list[bytes]:
    digest = der.encode(der.OCTET_STRING, hashlib.sha256(content).digest())
    return [attribute(cms.OID_CONTENT_TYPE, oid(content_type)), attribute(cms.OID_MESSAGE_DIGEST, digest)]


def issuer_and_serial(certificate: bytes = DSC, *, reversed_names: bool = False) -> bytes:
    loaded = x509.load_der_x509_certificate(certificate)
    rdns = [der.Reader(loaded.issuer.public_bytes()).enter(der.SEQUENCE)]
    members = []
    while not rdns[0].at_end:
        members.append(rdns[0].element(der.SET))
    if reversed_names:
        members.reverse()
    return der.encode(der.SEQUENCE, der.encode(der.SEQUENCE, *members), der.integer(loaded.serial_number))


def indefinite(tag: int, *contents: bytes) -> bytes:
    return bytes((tag, 0x80)) + b"".join(contents) + b"\0\0"


def envelope(**parts: Any) -> bytes:
    """A SignedData in which anything can be replaced; what is not, is right."""
    signed = parts.get("attributes", attributes())
    to_sign = der.encode(der.SET, *parts.get("signed_as", signed))
    signature = parts.get("signature")
    if signature is None:
        signature = parts.get("key", KEY).sign(to_sign, *parts.get("scheme", (ec.ECDSA(hashes.SHA256()),)))
    info = der.encode(
        der.SEQUENCE,
        der.integer(1),
        parts.get("sid", issuer_and_serial()),
        algorithm(parts.get("digest", SHA256), parts.get("digest_parameters", b"")),
        parts.get("signed_attributes", der.encode(0xA0, *signed)),
        parts.get("algorithm", algorithm(ECDSA_SHA256)),
        der.encode(der.OCTET_STRING, signature),
    )
    wrap = indefinite if parts.get("ber") else der.encode
    octets = der.encode(der.OCTET_STRING, CONTENT)
    if parts.get("ber"):
        octets = indefinite(0x24, der.encode(der.OCTET_STRING, CONTENT[:2]), der.encode(der.OCTET_STRING, CONTENT[2:]))
    encapsulated = wrap(
        der.SEQUENCE,
        oid(parts.get("content_type", OID_LDS_SECURITY_OBJECT)),
        *([] if parts.get("detached") else [wrap(0xA0, parts.get("content", octets))]),
    )
    certificates = parts.get("certificates", [DSC])
    signed_data = wrap(
        der.SEQUENCE,
        der.integer(3),
        der.encode(der.SET, algorithm(SHA256)),
        encapsulated,
        *([wrap(0xA0, *certificates)] if certificates else []),
        der.encode(der.SET, *parts.get("infos", [info])),
    )
    return wrap(der.SEQUENCE, oid(parts.get("type", cms.OID_SIGNED_DATA)), wrap(0xA0, signed_data))


def built(**options: Any) -> bytes:
    return cms.build(
        CONTENT,
        content_type=OID_LDS_SECURITY_OBJECT,
        certificate=DSC,
        private_key=KEY,
        signing_time=options.pop("signing_time", NOW),
        **options,
    )


def test_what_is_built_verifies() -> None:
    verified = cms.parse(built()).verify()
    assert verified == cms.Verified(
        content_type=OID_LDS_SECURITY_OBJECT, content=CONTENT, certificate=DSC, signing_time=NOW
    )


@pytest.mark.parametrize("moment", [datetime(2049, 12, 31, 23, 59, 59, tzinfo=UTC), datetime(2050, 1, 1, tzinfo=UTC)])
def test_signing_time_on_both_sides_of_2050(moment: datetime) -> None:
    assert cms.parse(built(signing_time=moment)).verify().signing_time == moment


def test_signing_time_needs_a_zone() -> None:
    with pytest.raises(ValueError):
        built(signing_time=NOW.replace(tzinfo=None))


def test_p384_goes_with_sha384() -> None:
    key = pki.key("signer", "secp384r1")
    certificate = pki.signer(Purpose.DOCUMENT_SIGNER, CSCA, public_key=key.public_key())
    raw = cms.build(
        CONTENT, content_type=OID_LDS_SECURITY_OBJECT, certificate=certificate, private_key=key, signing_time=NOW
    )
    parsed = cms.parse(raw)
    parsed.verify()
    assert (parsed.digest_algorithm, parsed.signature_algorithm) == (SHA384, "1.2.840.10045.4.3.3")


RSA_KEY = pki.rsa_key("ds")
RSA_DSC = pki.signer(Purpose.DOCUMENT_SIGNER, CSCA, public_key=RSA_KEY.public_key())


def pss_parameters(digest: str, mask_digest: str, salt: int) -> bytes:
    mask = algorithm("1.2.840.113549.1.1.8", algorithm(mask_digest))
    return der.encode(
        der.SEQUENCE,
        der.encode(0xA0, algorithm(digest)),
        der.encode(0xA1, mask),
        der.encode(0xA2, der.integer(salt)),
    )


def rsa_signed(parameters: bytes, *scheme: Any, **parts: Any) -> bytes:
    return envelope(
        key=RSA_KEY,
        scheme=scheme,
        algorithm=parameters,
        certificates=[RSA_DSC],
        sid=issuer_and_serial(RSA_DSC),
        **parts,
    )


def pss(digest: hashes.HashAlgorithm, mask_digest: hashes.HashAlgorithm, salt: int) -> padding.PSS:
    return padding.PSS(mgf=padding.MGF1(mask_digest), salt_length=salt)


GOOD = {
    "by hand": envelope(),
    "NULL in the digest algorithm": envelope(digest_parameters=b"\x05\0"),
    "BER, indefinite lengths, split content": envelope(ber=True),
    "unsorted signed attributes, signed as they stand": envelope(attributes=attributes()[::-1]),
    "signed attributes of indefinite length": envelope(signed_attributes=indefinite(0xA0, *attributes())),
    "signer by subject key identifier": envelope(sid=der.encode(0x80, b"\x11" * 20)),
    "issuer's names in another order": envelope(sid=issuer_and_serial(reversed_names=True)),
    "attributes nobody asked for": envelope(attributes=[*attributes(), attribute("1.2.3.4", b"\x05\0")]),
    "certificate of another beside it": envelope(certificates=[OTHER_DSC, DSC]),
    "RSA PKCS #1 v1.5": rsa_signed(algorithm(RSA, b"\x05\0"), padding.PKCS1v15(), hashes.SHA256()),
    "RSA PKCS #1 v1.5, hash in the identifier": rsa_signed(
        algorithm("1.2.840.113549.1.1.13", b"\x05\0"), padding.PKCS1v15(), hashes.SHA512()
    ),
    "RSA-PSS": rsa_signed(
        algorithm(RSA_PSS, pss_parameters(SHA256, SHA256, 32)),
        pss(hashes.SHA256(), hashes.SHA256(), 32),
        hashes.SHA256(),
    ),
    "RSA-PSS with two hashes and a short salt": rsa_signed(
        algorithm(RSA_PSS, pss_parameters(SHA384, SHA256, 20)),
        pss(hashes.SHA384(), hashes.SHA256(), 20),
        hashes.SHA384(),
    ),
}


@pytest.mark.parametrize("name", GOOD)
def test_good(name: str) -> None:
    verified = cms.parse(GOOD[name]).verify()
    assert (verified.content, verified.content_type) == (CONTENT, OID_LDS_SECURITY_OBJECT)


def test_signer_from_the_trust_store() -> None:
    raw = envelope(certificates=[])
    with pytest.raises(SignatureError) as caught:
        cms.parse(raw).verify()
    assert caught.value.reason is SignatureReason.SIGNER_NOT_FOUND
    assert cms.parse(raw).verify([b"no certificate", OTHER_DSC, DSC]).certificate == DSC


REFUSED = {
    "another content": (
        envelope(content=der.encode(der.OCTET_STRING, CONTENT + b"\0")),
        SignatureReason.MESSAGE_DIGEST,
    ),
    "content wrapped twice": (
        envelope(content=der.encode(der.OCTET_STRING, der.encode(der.OCTET_STRING, CONTENT))),
        SignatureReason.MESSAGE_DIGEST,
    ),
    "another content type": (envelope(content_type="2.23.136.1.1.2"), SignatureReason.CONTENT_TYPE),
    "signed by another key": (envelope(key=pki.key("other")), SignatureReason.SIGNATURE),
    "sorted on the wire, signed in another order": (
        envelope(signed_as=attributes()[::-1]),
        SignatureReason.SIGNATURE,
    ),
    "attribute added after signing": (
        envelope(attributes=[*attributes(), attribute("1.2.3.4", b"\x05\0")], signed_as=attributes()),
        SignatureReason.SIGNATURE,
    ),
    "no certificate of the signer": (envelope(certificates=[OTHER_DSC]), SignatureReason.SIGNER_NOT_FOUND),
    "another serial number": (
        envelope(sid=issuer_and_serial()[:-1] + b"\x00"),
        SignatureReason.SIGNER_NOT_FOUND,
    ),
    "another key identifier": (envelope(sid=der.encode(0x80, b"\x12" * 20)), SignatureReason.SIGNER_NOT_FOUND),
    "SHA-1 digest": (envelope(digest=SHA1), SignatureReason.ALGORITHM),
    "unknown signature algorithm": (envelope(algorithm=algorithm("1.2.3.4")), SignatureReason.ALGORITHM),
    "ECDSA as r and s": (envelope(algorithm=algorithm(ECDSA_PLAIN)), SignatureReason.ALGORITHM),
    "ECDSA with SHA-1": (envelope(algorithm=algorithm("1.2.840.10045.4.1")), SignatureReason.ALGORITHM),
    "RSA algorithm, EC key": (envelope(algorithm=algorithm(RSA, b"\x05\0")), SignatureReason.ALGORITHM),
    "EC algorithm, RSA key": (
        rsa_signed(algorithm(ECDSA_SHA256), padding.PKCS1v15(), hashes.SHA256()),
        SignatureReason.ALGORITHM,
    ),
    "PSS announced, PKCS #1 v1.5 signed": (
        rsa_signed(algorithm(RSA_PSS, pss_parameters(SHA256, SHA256, 32)), padding.PKCS1v15(), hashes.SHA256()),
        SignatureReason.SIGNATURE,
    ),
    "PSS with SHA-1 by default": (
        rsa_signed(
            algorithm(RSA_PSS, der.encode(der.SEQUENCE)), pss(hashes.SHA1(), hashes.SHA1(), 20), hashes.SHA256()
        ),
        SignatureReason.ALGORITHM,
    ),
    "empty signature": (envelope(signature=b""), SignatureReason.SIGNATURE),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    raw, reason = REFUSED[name]
    with pytest.raises(SignatureError) as caught:
        cms.parse(raw).verify()
    assert caught.value.reason is reason


MALFORMED = {
    "empty": b"",
    "not ASN.1": b"\xff" * 40,
    "trailing byte": envelope() + b"\0",
    "cut short": envelope()[:-1],
    "EnvelopedData": envelope(type="1.2.840.113549.1.7.3"),
    "detached": envelope(detached=True),
    "no SignerInfo": envelope(infos=[]),
    "no signed attributes": envelope(signed_attributes=b""),
    "no content type": envelope(attributes=attributes()[1:]),
    "no message digest": envelope(attributes=attributes()[:1]),
    "message digest twice": envelope(attributes=[*attributes(), attributes()[1]]),
    "two values": envelope(
        attributes=[
            attributes()[0],
            attribute(cms.OID_MESSAGE_DIGEST, *[der.encode(der.OCTET_STRING, bytes(32))] * 2),
        ]
    ),
    "signing time is no time": envelope(
        attributes=[*attributes(), attribute(cms.OID_SIGNING_TIME, der.encode(0x17, b"today"))]
    ),
    "signing time without zone": envelope(
        attributes=[*attributes(), attribute(cms.OID_SIGNING_TIME, der.encode(0x18, b"20260101000000"))]
    ),
    "too many certificates": envelope(certificates=[DSC] * 17),
    "nested without end": b"\x30\x80" * 20000,
    "too long": bytes(cms.MAX_SIZE + 1),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    with pytest.raises(DecodeError):
        cms.parse(MALFORMED[name])


def test_two_signer_infos() -> None:
    one = der.encode(der.SEQUENCE, der.integer(1))
    with pytest.raises(DecodeError):
        cms.parse(envelope(infos=[one, one]))
