"""A private key that `cryptography` takes for one of its own, while something else signs: a token, or a pool on one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from ..algorithms import CURVES, curve_of
from ..envelopes.cose import der_signature
from . import CustodyError, CustodyReason

SignDigest = Callable[[bytes], bytes]
"""Signs a digest and returns r ‖ s, each at the curve's full width."""


class Pkcs11PrivateKey(ec.EllipticCurvePrivateKey):
    """A handle to a key that stays where it is. Signs; gives out its public key; gives out nothing else."""

    def __init__(self, uri: str, public_key: ec.EllipticCurvePublicKey, sign_digest: SignDigest) -> None:
        self.uri = uri
        self._public_key = public_key
        self._sign_digest = sign_digest
        self._size = 2 * curve_of(public_key).size

    def __repr__(self) -> str:
        return f"Pkcs11PrivateKey({self.uri!r})"

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """ECDSA-Sig-Value in DER. The hash, or a digest that is one already (`Prehashed`), is as the caller says."""
        if not isinstance(signature_algorithm, ec.ECDSA) or signature_algorithm.deterministic_signing:
            raise UnsupportedAlgorithm("a token signs with ECDSA and its own randomness only")
        algorithm = signature_algorithm.algorithm
        if isinstance(algorithm, Prehashed):
            digest = bytes(data)
            if len(digest) != algorithm.digest_size:
                raise ValueError("the digest has the wrong length")
        else:
            digest = digest_of(bytes(data), algorithm)
        raw = self._sign_digest(digest)
        if len(raw) != self._size:
            raise CustodyError(
                "the token's signature has the wrong length; do not use this key",
                reason=CustodyReason.SELF_TEST_FAILED,
                uri=self.uri,
            )
        return der_signature(raw)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half, in this process."""
        return self._public_key

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve."""
        return self._public_key.curve

    @property
    def key_size(self) -> int:
        """Bits of the curve."""
        return self._public_key.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """Refused: the key is for signatures."""
        raise UnsupportedAlgorithm("a signing key does no key agreement")

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Refused: `CustodyError` (NOT_EXTRACTABLE)."""
        self._refuse()

    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> bytes:
        """Refused: `CustodyError` (NOT_EXTRACTABLE)."""
        self._refuse()

    def __copy__(self) -> Pkcs11PrivateKey:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> Pkcs11PrivateKey:
        return self

    def __reduce__(self) -> NoReturn:
        # A handle means nothing in another process; there, ask a custody for the URI.
        raise TypeError("a key on a token cannot be pickled")

    def _refuse(self) -> NoReturn:
        raise CustodyError(
            "the key never leaves its token; use it through it", reason=CustodyReason.NOT_EXTRACTABLE, uri=self.uri
        )


def digest_of(message: bytes, algorithm: hashes.HashAlgorithm) -> bytes:
    """The hash of a message."""
    hashing = hashes.Hash(algorithm)
    hashing.update(message)
    return hashing.finalize()


def verify_raw(public_key: ec.EllipticCurvePublicKey, signature: bytes, digest: bytes) -> bool:
    """Whether r ‖ s is a signature of `digest`, which is of the hash that goes with the key's curve."""
    curve = CURVES[public_key.curve.name]
    if len(signature) != 2 * curve.size:
        return False
    try:
        public_key.verify(der_signature(signature), digest, ec.ECDSA(Prehashed(curve.hash)))
    except InvalidSignature:
        return False
    return True
