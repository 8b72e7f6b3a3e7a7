"""Encryption to one holder of an EC key: CMS AuthEnvelopedData, which `openssl cms -decrypt` opens as well.

Key agreement with a fresh key of ours (RFC 5753: dhSinglePass-stdDH-sha256kdf-scheme, AES-256 key wrap), content under
AES-256-GCM (RFC 5083, 5084). DER by hand: a counter has no ASN.1 library. Strict: `open_sealed` takes this one form.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.x963kdf import X963KDF
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from .. import der
from ..errors import DecodeError

MAX_SIZE = 1 << 18
"""Bytes of a sealed file."""
_OID_AUTH_ENVELOPED_DATA = "1.2.840.113549.1.9.16.1.23"  # RFC 5083 §2
_OID_DATA = "1.2.840.113549.1.7.1"
_OID_EC_PUBLIC_KEY = "1.2.840.10045.2.1"
_OID_STD_DH_SHA256_KDF = "1.3.132.1.11.1"  # RFC 5753 §7.1.4
_OID_AES256_WRAP = "2.16.840.1.101.3.4.1.45"  # RFC 3565
_OID_AES256_GCM = "2.16.840.1.101.3.4.1.46"  # RFC 5084
_NONCE, _TAG, _KEY = 12, 16, 32
_PATH = "AuthEnvelopedData"
_CONTEXT = 0xA0
_CONTEXT_PRIMITIVE = 0x80
_EC_PUBLIC_KEY = der.encode(der.SEQUENCE, der.object_identifier(_OID_EC_PUBLIC_KEY))
_WRAP = der.encode(der.SEQUENCE, der.object_identifier(_OID_AES256_WRAP))
_KEY_ENCRYPTION = der.encode(der.SEQUENCE, der.object_identifier(_OID_STD_DH_SHA256_KDF), _WRAP)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """All that differs from one sealed file to another. `point` is our fresh public key, uncompressed."""

    point: bytes
    identifier: bytes
    wrapped: bytes
    nonce: bytes
    sealed: bytes
    tag: bytes


def seal(
    content: bytes,
    recipient: ec.EllipticCurvePublicKey,
    key_identifier: bytes,
    random: Callable[[int], bytes],
) -> bytes:
    """`content` for the holder of `recipient`, named by its subject key identifier. `random` gives key and nonce."""
    ephemeral = ec.generate_private_key(recipient.curve)
    key, nonce = random(_KEY), random(_NONCE)
    sealed = AESGCM(key).encrypt(nonce, content, None)
    return _encode(
        _Parts(
            point=ephemeral.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
            identifier=key_identifier,
            wrapped=aes_key_wrap(_key_encryption_key(ephemeral.exchange(ec.ECDH(), recipient)), key),
            nonce=nonce,
            sealed=sealed[:-_TAG],
            tag=sealed[-_TAG:],
        )
    )


def recipient_of(raw: bytes) -> bytes:
    """The subject key identifier of whoever can open it. DecodeError for anything but a sealed file."""
    return _decode(raw).identifier


def open_sealed(raw: bytes, private_key: ec.EllipticCurvePrivateKey) -> bytes:
    """The content. DecodeError when it is no sealed file, or not for this key, or was changed."""
    parts = _decode(raw)
    try:
        ephemeral = ec.EllipticCurvePublicKey.from_encoded_point(private_key.curve, parts.point)
        key = aes_key_unwrap(_key_encryption_key(private_key.exchange(ec.ECDH(), ephemeral)), parts.wrapped)
        return AESGCM(key).decrypt(parts.nonce, parts.sealed + parts.tag, None)
    except (ValueError, InvalidUnwrap, InvalidTag) as error:
        raise DecodeError("not for this key, or changed", path=_PATH) from error


def _encode(parts: _Parts) -> bytes:
    originator = der.encode(_CONTEXT | 1, _EC_PUBLIC_KEY, der.encode(der.BIT_STRING, b"\0", parts.point))
    identifier = der.encode(_CONTEXT, der.encode(der.OCTET_STRING, parts.identifier))
    wrapped = der.encode(der.SEQUENCE, identifier, der.encode(der.OCTET_STRING, parts.wrapped))
    agreement = der.encode(
        _CONTEXT | 1,
        der.integer(3),
        der.encode(_CONTEXT, originator),
        _KEY_ENCRYPTION,
        der.encode(der.SEQUENCE, wrapped),
    )
    gcm = der.encode(der.SEQUENCE, der.encode(der.OCTET_STRING, parts.nonce), der.integer(_TAG))
    content = der.encode(
        der.SEQUENCE,
        der.object_identifier(_OID_DATA),
        der.encode(der.SEQUENCE, der.object_identifier(_OID_AES256_GCM), gcm),
        der.encode(_CONTEXT_PRIMITIVE, parts.sealed),
    )
    enveloped = der.encode(
        der.SEQUENCE,
        der.integer(0),
        der.encode(der.SET, agreement),
        content,
        der.encode(der.OCTET_STRING, parts.tag),
    )
    return der.encode(der.SEQUENCE, der.object_identifier(_OID_AUTH_ENVELOPED_DATA), der.encode(_CONTEXT, enveloped))


def _decode(raw: bytes) -> _Parts:
    """Picks out what differs; all the rest has to be as we write it."""
    if len(raw) > MAX_SIZE:
        raise DecodeError(f"more than {MAX_SIZE} bytes", offset=MAX_SIZE, path=_PATH)
    info = der.Reader(raw, path=_PATH).enter(der.SEQUENCE)
    info.element(der.OBJECT_IDENTIFIER)
    enveloped = info.enter(_CONTEXT).enter(der.SEQUENCE)
    enveloped.unsigned()
    agreement = enveloped.enter(der.SET).enter(_CONTEXT | 1)
    agreement.unsigned()
    originator = agreement.enter(_CONTEXT).enter(_CONTEXT | 1)
    originator.element(der.SEQUENCE)
    point = originator.content(der.BIT_STRING)
    agreement.element(der.SEQUENCE)
    key = agreement.enter(der.SEQUENCE).enter(der.SEQUENCE)
    identifier = key.enter(_CONTEXT).content(der.OCTET_STRING)
    wrapped = key.content(der.OCTET_STRING)
    content = enveloped.enter(der.SEQUENCE)
    content.element(der.OBJECT_IDENTIFIER)
    algorithm = content.enter(der.SEQUENCE)
    algorithm.element(der.OBJECT_IDENTIFIER)
    nonce = algorithm.enter(der.SEQUENCE).content(der.OCTET_STRING)
    sealed = content.content(_CONTEXT_PRIMITIVE)
    tag = enveloped.content(der.OCTET_STRING)
    parts = _Parts(point=point[1:], identifier=identifier, wrapped=wrapped, nonce=nonce, sealed=sealed, tag=tag)
    if (len(nonce), len(tag), len(wrapped)) != (_NONCE, _TAG, _KEY + 8) or _encode(parts) != raw:
        raise DecodeError("not a file of this form", path=_PATH)
    return parts


def _key_encryption_key(secret: bytes) -> bytes:
    """X9.63 over ECC-CMS-SharedInfo (RFC 5753 §7.2)."""
    length = der.encode(_CONTEXT | 2, der.encode(der.OCTET_STRING, (_KEY * 8).to_bytes(4)))
    return X963KDF(hashes.SHA256(), _KEY, der.encode(der.SEQUENCE, _WRAP, length)).derive(secret)
