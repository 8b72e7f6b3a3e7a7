"""COSE_Sign1: what is made, and each deviation refused with its reason."""

from __future__ import annotations

from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from keys import cbor
from keys.algorithms import CoseAlgorithm
from keys.envelopes import cose
from keys.envelopes.errors import SignatureError, SignatureReason
from keys.errors import DecodeError
from tests import pki

KEY, OTHER, P384 = pki.key("cose"), pki.key("other"), pki.key("cose", "secp384r1")
KID = b"\x01\x02\x03\x04\x05\x06\x07\x08"


def signed(**options: Any) -> bytes:
    return cose.sign1(b"payload", sign=cose.raw_signer(KEY), kid=KID, **options)


def message(**parts: Any) -> bytes:
    """A COSE_Sign1 with parts replaced; the signature holds for the protected header and payload given."""
    protected = parts.get("protected", cbor2.dumps({1: -7}))
    payload = parts.get("payload", b"payload")
    signature = parts.get("signature")
    if signature is None:
        signature = cose.raw_signer(KEY)(cbor2.dumps(["Signature1", protected, b"", payload]))
    whole: Any = [protected, parts.get("unprotected", {4: KID}), payload, signature]
    return cbor2.dumps(cbor2.CBORTag(parts["tag"], whole) if "tag" in parts else whole)


def test_what_is_signed_verifies_and_stays_as_it_is() -> None:
    envelope = cose.parse(signed())
    envelope.verify(KEY.public_key())
    assert (envelope.payload, envelope.kid, envelope.algorithm, envelope.tagged) == (b"payload", KID, -7, False)
    assert envelope.protected == b"\xa1\x01\x26"
    assert len(envelope.signature) == 64
    assert dict(envelope.unprotected) == {4: KID}


def test_the_signature_is_over_the_sig_structure() -> None:
    """RFC 9052 §4.4, spelt out byte by byte."""
    envelope = cose.parse(signed(external_aad=b"aad"))
    structure = b"\x84" + b"\x6aSignature1" + b"\x43\xa1\x01\x26" + b"\x43aad" + b"\x47payload"
    r, s = (int.from_bytes(half, "big") for half in (envelope.signature[:32], envelope.signature[32:]))
    KEY.public_key().verify(encode_dss_signature(r, s), structure, ec.ECDSA(hashes.SHA256()))
    envelope.verify(KEY.public_key(), external_aad=b"aad")


def test_tag_type_and_protected_kid() -> None:
    raw = signed(tagged=True, kid_protected=True, protected_extra={cose.TYP: "application/statuslist+cwt"})
    envelope = cose.parse(raw, tagged=True)
    envelope.verify(KEY.public_key())
    assert raw[0] == 0xD2
    assert (envelope.kid, envelope.headers[cose.TYP]) == (KID, "application/statuslist+cwt")
    assert not envelope.unprotected


@pytest.mark.parametrize("algorithm", [CoseAlgorithm.ES384, CoseAlgorithm.ESP384])
def test_p384(algorithm: CoseAlgorithm) -> None:
    envelope = cose.parse(cose.sign1(b"x", sign=cose.raw_signer(P384), kid=KID, algorithm=algorithm))
    envelope.verify(P384.public_key())
    assert len(envelope.signature) == 96


def test_the_fully_specified_identifier_is_accepted() -> None:
    cose.parse(message(protected=cbor2.dumps({1: -9}))).verify(KEY.public_key())


def test_no_signature_of_another_width_leaves_the_signer() -> None:
    with pytest.raises(ValueError):
        cose.sign1(b"x", sign=cose.raw_signer(P384), kid=KID)


@pytest.mark.parametrize("extra", [{1: -35}, {2: [1]}, {4: b"k"}])
def test_alg_crit_and_kid_are_no_extra_headers(extra: dict[int, Any]) -> None:
    with pytest.raises(ValueError):
        signed(protected_extra=extra)


MALFORMED = {
    "empty": b"",
    "not an array": cbor2.dumps({1: 2}),
    "an array of three": cbor2.dumps([b"", {}, b""]),
    "an array of five": cbor2.dumps([b"", {}, b"", b"", b""]),
    "trailing byte": message() + b"\0",
    "another tag": message(tag=98),
    "tag twice": cbor2.dumps(cbor2.CBORTag(18, cbor2.CBORTag(18, cbor2.loads(message())))),
    "detached payload": message(payload=None, signature=b"s" * 64),
    "payload is text": message(payload="payload"),
    "signature is text": message(signature="s"),
    "no protected header": message(protected=b""),
    "protected header is an array": message(protected=cbor2.dumps([1])),
    "protected header has a byte more": message(protected=cbor2.dumps({1: -7}) + b"\0"),
    "protected header as a map": message(protected={1: -7}, signature=b"s" * 64),
    "alg twice": message(protected=b"\xa2\x01\x26\x01\x38\x22"),
    "no alg": message(protected=cbor2.dumps({})),
    "alg unprotected only": message(protected=cbor2.dumps({}), unprotected={1: -7, 4: KID}),
    "alg in both": message(unprotected={1: -7, 4: KID}),
    "alg is text": message(protected=cbor2.dumps({1: "ES256"})),
    "alg is true": message(protected=cbor2.dumps({1: True})),
    "kid in both": message(protected=cbor2.dumps({1: -7, 4: KID})),
    "kid is text": message(unprotected={4: "kid"}),
    "kid is empty": message(unprotected={4: b""}),
    "kid is long": message(unprotected={4: bytes(65)}),
    "unknown protected label": message(protected=cbor2.dumps({1: -7, 99: 1})),
    "text label": message(protected=cbor2.dumps({1: -7, "x": 1})),
    "x5chain protected": message(protected=cbor2.dumps({1: -7, 33: b"c"})),
    "unknown unprotected label": message(unprotected={4: KID, 99: 1}),
    "true for label 1": message(protected=b"\xa1\xf5\x26"),
    "crit unprotected": message(unprotected={2: [1], 4: KID}),
    "crit empty": message(protected=cbor2.dumps({1: -7, 2: []})),
    "crit no array": message(protected=cbor2.dumps({1: -7, 2: 1})),
    "crit not understood": message(protected=cbor2.dumps({1: -7, 2: [99]})),
    "crit understood but absent": message(protected=cbor2.dumps({1: -7, 2: [16]})),
    "crit lists crit": message(protected=cbor2.dumps({1: -7, 2: [2]})),
    "indefinite array": b"\x9f" + message()[1:] + b"\xff",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed(name: str) -> None:
    with pytest.raises(DecodeError):
        cose.parse(MALFORMED[name])


def test_an_understood_crit_passes() -> None:
    envelope = cose.parse(message(protected=cbor2.dumps({1: -7, 2: [16], 16: "x"})))
    envelope.verify(KEY.public_key())


def test_tags_as_demanded() -> None:
    with pytest.raises(DecodeError):
        cose.parse(message(), tagged=True)
    with pytest.raises(DecodeError):
        cose.parse(message(tag=18), tagged=False)
    assert cose.parse(message(tag=18)).tagged


def test_size_is_capped() -> None:
    raw = signed()
    cose.parse(raw, max_size=len(raw))
    with pytest.raises(DecodeError):
        cose.parse(raw, max_size=len(raw) - 1)


def test_no_certificate_where_none_is_expected() -> None:
    raw = message(unprotected={4: KID, 33: b"certificate"})
    assert cose.parse(raw).unprotected[33] == b"certificate"
    with pytest.raises(DecodeError):
        cose.parse(raw, unprotected_labels=frozenset({cose.KID}))


REFUSED: dict[str, tuple[bytes, ec.EllipticCurvePublicKey, SignatureReason]] = {
    "another key": (message(), OTHER.public_key(), SignatureReason.SIGNATURE),
    "another payload": (
        message(payload=b"other", signature=cose.parse(signed()).signature),
        KEY.public_key(),
        SignatureReason.SIGNATURE,
    ),
    "alg of another curve": (message(protected=cbor2.dumps({1: -35})), KEY.public_key(), SignatureReason.ALGORITHM),
    "key of another curve": (message(), P384.public_key(), SignatureReason.ALGORITHM),
    "EdDSA": (message(protected=cbor2.dumps({1: -8})), KEY.public_key(), SignatureReason.ALGORITHM),
    "HMAC": (message(protected=cbor2.dumps({1: 5})), KEY.public_key(), SignatureReason.ALGORITHM),
    "signature of zeros": (message(signature=bytes(64)), KEY.public_key(), SignatureReason.SIGNATURE),
    "empty signature": (message(signature=b""), KEY.public_key(), SignatureReason.SIGNATURE),
    "63 bytes": (message(signature=bytes(63)), KEY.public_key(), SignatureReason.SIGNATURE),
    "DER signature": (
        message(signature=KEY.sign(b"payload", ec.ECDSA(hashes.SHA256()))),
        KEY.public_key(),
        SignatureReason.SIGNATURE,
    ),
    "counter-signature context": (
        message(signature=cose.raw_signer(KEY)(cbor.encode(["CounterSignature", b"\xa1\x01\x26", b"", b"payload"]))),
        KEY.public_key(),
        SignatureReason.SIGNATURE,
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    raw, key, reason = REFUSED[name]
    with pytest.raises(SignatureError) as caught:
        cose.parse(raw).verify(key)
    assert caught.value.reason is reason


def test_external_data_is_bound() -> None:
    with pytest.raises(SignatureError):
        cose.parse(signed(external_aad=b"a")).verify(KEY.public_key(), external_aad=b"b")


def test_zero_led_numbers_keep_their_width() -> None:
    raw = cose.raw_signature(encode_dss_signature(1, 2), 32)
    assert raw == bytes(31) + b"\1" + bytes(31) + b"\2"
    assert cose.der_signature(raw) == bytes.fromhex("3006020101020102")
