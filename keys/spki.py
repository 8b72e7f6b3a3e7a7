"""Public keys out of certificates, without `cryptography.x509`: the verifier knows its signers before it needs a chain.

Doc 9303-12 §4.1.6.3 wants elliptic-curve keys with *explicit* parameters. They are accepted only when they describe a
curve that has a name, and are then rewritten to that name before anything computes with them (CVE-2020-0601: a chosen
generator makes anyone the owner of a key).
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec

from . import der
from .algorithms import BRAINPOOL_P256, BRAINPOOL_P384, BRAINPOOL_P512, CURVES, P256, P384, P521, Curve
from .errors import DecodeError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import rsa

KID_SIZE = 8
MAX_CERTIFICATE = 4096
"""Bytes of a certificate that is worth reading; one of our profiles takes 300 to 800."""

_VERSION_TAG = 0xA0
_OID_EC_PUBLIC_KEY = der.object_identifier("1.2.840.10045.2.1")
_OID_PRIME_FIELD = der.object_identifier("1.2.840.10045.1.1")

_KNOWN_PARAMETERS: dict[str, Curve] = {
    "83bf238e86623f56d851abdaaf8ef78e639e29b0263b4328cc575c0785f32952": P256,
    "434f7832fc318ef7aa9640fc9939ed6ee385f4ede0f8ccbc00a15ada4afd97c4": P384,
    "d6d76c80ac40a81af664a146c4486348eaf15a9e2e57624473b1b28c78dfe482": P521,
    "c0ff7a4981899ff1dc07c89a4a0699c9608c49db995289505ade6d2e0aec769c": BRAINPOOL_P256,
    "14d30922455c76f658174eb26e3703ada7850242b52d8113d9f94ac0e7b25da2": BRAINPOOL_P384,
    "8f624a19715329428a6d3a2a57b8c527eee38dce76afb48dbf5bcf29ae36ee2f": BRAINPOOL_P512,
}
"""SHA-256 over p, a, b, the generator's x and parity, and the order, each as `_field` writes it."""


def key_id(spki: bytes) -> bytes:
    """The `kid` of a key: the first 8 bytes of SHA-256 over its SubjectPublicKeyInfo with a named curve."""
    return sha256(named(spki)).digest()[:KID_SIZE]


def certificate_spki(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo element of a DER certificate (RFC 5280 §4.1), as it stands there.

    Looks no further than needed and checks no signature: whoever calls this decides nothing by it.
    """
    if len(certificate) > MAX_CERTIFICATE:
        raise DecodeError(f"more than {MAX_CERTIFICATE} bytes", offset=MAX_CERTIFICATE, path="Certificate")
    outer = der.Reader(certificate, path="Certificate")
    body = outer.enter(der.SEQUENCE)
    outer.finish()
    tbs = body.enter(der.SEQUENCE)
    if tbs.peek() == _VERSION_TAG:
        tbs.element(_VERSION_TAG)
    tbs.element(der.INTEGER)
    for _ in ("signature", "issuer", "validity", "subject"):
        tbs.element(der.SEQUENCE)
    return tbs.element(der.SEQUENCE)


def named(spki: bytes) -> bytes:
    """`spki` with explicit EC parameters of a known curve replaced by its name; anything else comes back as it is."""
    outer = der.Reader(spki, path="SubjectPublicKeyInfo")
    body = outer.enter(der.SEQUENCE)
    outer.finish()
    algorithm = body.enter(der.SEQUENCE)
    if algorithm.element(der.OBJECT_IDENTIFIER) != _OID_EC_PUBLIC_KEY or algorithm.peek() != der.SEQUENCE:
        return spki
    offset = algorithm.offset
    curve = _KNOWN_PARAMETERS.get(_digest(algorithm.enter(der.SEQUENCE)))
    algorithm.finish()
    if curve is None:
        raise DecodeError("explicit EC parameters of no known curve", offset=offset, path="SubjectPublicKeyInfo")
    point = body.element(der.BIT_STRING)
    body.finish()
    return der.encode(
        der.SEQUENCE,
        der.encode(der.SEQUENCE, _OID_EC_PUBLIC_KEY, der.object_identifier(curve.oid)),
        point,
    )


def load_public_key(spki: bytes) -> ec.EllipticCurvePublicKey | rsa.RSAPublicKey:
    """The key of a SubjectPublicKeyInfo: EC on a curve in use, or RSA of 2048 to 8192 bits; `DecodeError` otherwise."""
    # Imported here: together they are 18 modules, and a command that loads no key starts without them.
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    try:
        key = load_der_public_key(named(spki))
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        if isinstance(error, DecodeError):
            raise
        raise DecodeError(str(error), path="SubjectPublicKeyInfo") from error
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in CURVES:
        return key
    if isinstance(key, rsa.RSAPublicKey) and 2048 <= key.key_size <= 8192:
        return key
    raise DecodeError("a kind or size of key that is not accepted", path="SubjectPublicKeyInfo")


def _digest(parameters: der.Reader) -> str:
    """Digest of ECParameters (SEC 1 C.2), seed and cofactor aside: neither takes part in a signature check."""
    if parameters.unsigned() not in {1, 2, 3}:
        raise DecodeError("unknown version of ECParameters", offset=parameters.offset, path=parameters.path)
    field = parameters.enter(der.SEQUENCE)
    if field.element(der.OBJECT_IDENTIFIER) != _OID_PRIME_FIELD:
        raise DecodeError("not a prime field", offset=field.offset, path=field.path)
    p = field.unsigned()
    curve = parameters.enter(der.SEQUENCE)
    a = int.from_bytes(curve.content(der.OCTET_STRING), "big")
    b = int.from_bytes(curve.content(der.OCTET_STRING), "big")
    base = parameters.content(der.OCTET_STRING)
    order = parameters.unsigned()
    if base[:1] == b"\x04" and len(base) % 2:
        half = len(base) // 2
        x, parity = base[1 : 1 + half], base[-1] & 1
    elif base[:1] in {b"\x02", b"\x03"}:
        x, parity = base[1:], base[0] & 1
    else:
        raise DecodeError("generator is no point", offset=parameters.offset, path=parameters.path)
    digest = sha256()
    for number in (p, a, b, int.from_bytes(x, "big"), parity, order):
        digest.update(_field(number))
    return digest.hexdigest()


def _field(number: int) -> bytes:
    octets = number.to_bytes((number.bit_length() + 7) // 8, "big")
    return len(octets).to_bytes(2, "big") + octets
