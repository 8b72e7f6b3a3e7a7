"""COSE_Sign1 (RFC 9052 §4.2) by hand: signed MobileSecurityObject, status list and printed code.

Strict on purpose: the algorithm is in the protected header and fixes the curve; every header label must be one that is
expected in its bucket; a `crit` header is refused unless all it lists is understood; r and s have full width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import cbor2
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from ..algorithms import COSE_CURVES, CoseAlgorithm, curve_of, ecdsa
from ..cbor import decode, encode
from ..errors import DecodeError
from .errors import SignatureError, SignatureReason

TAG_SIGN1 = 18

# Header labels: RFC 9052 §3.1, RFC 9596 (typ), RFC 9360 (x5chain).
ALG, CRIT, CONTENT_TYPE, KID, TYP, X5CHAIN = 1, 2, 3, 4, 16, 33

PROTECTED_LABELS = frozenset({ALG, CONTENT_TYPE, KID, TYP})
UNPROTECTED_LABELS = frozenset({KID, X5CHAIN})

MAX_SIZE = 1 << 20
MAX_KID = 64

RawSign = Callable[[bytes], bytes]
"""Signs a message and returns r ‖ s, each at the curve's full width (64 bytes for P-256, 96 for P-384)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign1:
    """A decoded COSE_Sign1. Its payload is *not* to be believed before `verify` returned."""

    protected: bytes
    """The protected header as received: what was signed."""
    headers: Mapping[Any, Any]
    """The protected header, decoded."""
    unprotected: Mapping[Any, Any]
    payload: bytes
    signature: bytes
    tagged: bool

    @property
    def algorithm(self) -> int:
        """The COSE algorithm identifier from the protected header."""
        return int(self.headers[ALG])

    @property
    def kid(self) -> bytes | None:
        """The key identifier, from whichever bucket carries it; None without one."""
        found: bytes | None = self.headers.get(KID, self.unprotected.get(KID))
        return found

    def verify(self, public_key: ec.EllipticCurvePublicKey, *, external_aad: bytes = b"") -> None:
        """Check the signature over the bytes as received; `SignatureError` unless it holds."""
        curve = COSE_CURVES.get(self.algorithm)
        if curve is None:
            raise SignatureError(f"COSE algorithm {self.algorithm} is not accepted", reason=SignatureReason.ALGORITHM)
        if not isinstance(public_key, ec.EllipticCurvePublicKey) or public_key.curve.name != curve.name:
            raise SignatureError("the key is not of the algorithm's curve", reason=SignatureReason.ALGORITHM)
        if len(self.signature) != 2 * curve.size:
            raise SignatureError("signature has the wrong length", reason=SignatureReason.SIGNATURE)
        try:
            public_key.verify(
                der_signature(self.signature),
                sig_structure(self.protected, self.payload, external_aad),
                ecdsa(public_key),
            )
        except InvalidSignature:
            raise SignatureError("COSE signature does not verify", reason=SignatureReason.SIGNATURE) from None


def sign1(
    payload: bytes,
    *,
    sign: RawSign,
    kid: bytes,
    algorithm: CoseAlgorithm = CoseAlgorithm.ES256,
    protected_extra: Mapping[int, Any] | None = None,
    kid_protected: bool = False,
    tagged: bool = False,
    external_aad: bytes = b"",
) -> bytes:
    """Sign `payload` and encode the COSE_Sign1.

    `kid` goes into the unprotected header unless `kid_protected`. ISO/IEC 18013-5 wants it untagged, a CWT `tagged`.
    """
    headers: dict[int, Any] = {ALG: int(algorithm), **(protected_extra or {})}
    if headers[ALG] != algorithm or CRIT in headers or KID in headers:
        raise ValueError("alg, crit and kid are not extra headers")
    unprotected: dict[int, Any] = {}
    (headers if kid_protected else unprotected)[KID] = kid
    protected = encode(headers)
    signature = sign(sig_structure(protected, payload, external_aad))
    if len(signature) != 2 * COSE_CURVES[algorithm].size:
        raise ValueError("the signer's key does not fit the algorithm")
    message = [protected, unprotected, payload, signature]
    return encode(cbor2.CBORTag(TAG_SIGN1, message) if tagged else message)


def parse(
    raw: bytes,
    *,
    max_size: int = MAX_SIZE,
    tagged: bool | None = None,
    protected_labels: frozenset[int] = PROTECTED_LABELS,
    unprotected_labels: frozenset[int] = UNPROTECTED_LABELS,
    path: str = "COSE_Sign1",
) -> Sign1:
    """Decode a COSE_Sign1 of at most `max_size` bytes; `DecodeError` on any deviation.

    `tagged` demands (True) or forbids (False) tag 18; None takes either. The label sets name the headers that the
    caller understands; alg is demanded, and a `crit` may list none but the caller's protected labels.
    """
    item = decode(raw, max_size=max_size, tags=frozenset() if tagged is False else frozenset({TAG_SIGN1}), path=path)
    is_tagged = isinstance(item, cbor2.CBORTag)
    if tagged and not is_tagged:
        raise DecodeError("tag 18 is missing", path=path)
    if isinstance(item, cbor2.CBORTag):
        item = item.value
    if not isinstance(item, list) or len(item) != 4:
        raise DecodeError("not an array of four", path=path)
    protected, unprotected, payload, signature = item
    if not (isinstance(protected, bytes) and isinstance(payload, bytes) and isinstance(signature, bytes)):
        raise DecodeError("protected header, payload and signature must be byte strings", path=path)
    headers = decode(protected, max_size=len(protected), path=f"{path}/protected")
    _check_labels(headers, protected_labels | {CRIT}, f"{path}/protected")
    _check_labels(unprotected, unprotected_labels, f"{path}/unprotected")
    _check_headers(headers, unprotected, protected_labels, path)
    return Sign1(
        protected=protected,
        headers=headers,
        unprotected=unprotected,
        payload=payload,
        signature=signature,
        tagged=is_tagged,
    )


def sig_structure(protected: bytes, payload: bytes, external_aad: bytes = b"") -> bytes:
    """The Sig_structure to be signed (RFC 9052 §4.4)."""
    return encode(["Signature1", protected, external_aad, payload])


def raw_signer(private_key: ec.EllipticCurvePrivateKey) -> RawSign:
    """A `RawSign` over a private key, whichever custody holds it."""
    size = curve_of(private_key).size
    algorithm = ecdsa(private_key)

    def sign(message: bytes) -> bytes:
        return raw_signature(private_key.sign(message, algorithm), size)

    return sign


def raw_signature(der: bytes, size: int) -> bytes:
    """ECDSA-Sig-Value to r ‖ s of `size` bytes each, zeros on the left kept."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def der_signature(raw: bytes) -> bytes:
    """r ‖ s of equal width to ECDSA-Sig-Value."""
    half = len(raw) // 2
    return encode_dss_signature(int.from_bytes(raw[:half], "big"), int.from_bytes(raw[half:], "big"))


def _check_labels(headers: Any, allowed: frozenset[int], path: str) -> None:
    if not isinstance(headers, Mapping):
        raise DecodeError("not a map", path=path)
    for label in headers:
        # bool is an int in Python: True would pass for label 1.
        if type(label) is not int or label not in allowed:
            raise DecodeError(f"header {label!r:.40} is not allowed here", path=path)


def _check_headers(
    headers: Mapping[Any, Any], unprotected: Mapping[Any, Any], understood: frozenset[int], path: str
) -> None:
    if type(headers.get(ALG)) is not int:
        raise DecodeError("alg must be an integer in the protected header", path=f"{path}/protected")
    if set(headers) & set(unprotected):
        raise DecodeError("a header stands in both buckets", path=path)
    kid = headers.get(KID, unprotected.get(KID, b"-"))
    if not isinstance(kid, bytes) or not 1 <= len(kid) <= MAX_KID:
        raise DecodeError(f"kid must be a byte string of 1 to {MAX_KID} bytes", path=path)
    if CRIT in headers:
        listed = headers[CRIT]
        if (
            not isinstance(listed, list)
            or not listed
            or any(type(x) is not int or x not in understood or x not in headers for x in listed)
        ):
            raise DecodeError("crit lists a header that is not understood", path=f"{path}/protected")
