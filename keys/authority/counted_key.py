"""A private key that counts: each signature is written into the registry before custody makes it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

Count = Callable[[int], None]
"""Counts signatures that are about to be made, durably; raises when the key may not make them."""


class CountedKey(ec.EllipticCurvePrivateKey):
    """Stands where `cryptography` wants a private key. Safe for threads.

    `check` is called before every signature and raises when the key's period is over, whatever was counted ahead.
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey, count: Count, *, check: Callable[[], None]) -> None:
        self._key = key
        self._count = count
        self._check = check
        self._ahead = 0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"CountedKey({self._key.curve.name})"

    def count_ahead(self, signatures: int) -> None:
        """Count a batch in one write; those that are then not made stay counted."""
        if signatures < 1:
            raise ValueError("a batch has at least one signature")
        self._count(signatures)
        with self._lock:
            self._ahead += signatures

    @staticmethod
    def count_each(keys: Iterable[CountedKey], together: AbstractContextManager[None]) -> None:
        """Count one signature of each key ahead. `together` makes one write of it, all or nothing."""
        keys = tuple(keys)
        with together:
            for key in keys:
                key._count(1)
        for key in keys:  # not before it is durable
            with key._lock:
                key._ahead += 1

    def sign(self, data: Any, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        """ECDSA-Sig-Value in DER, once it is counted."""
        self._check()
        with self._lock:
            counted = self._ahead > 0
            self._ahead -= counted
        if not counted:
            self._count(1)
        return self._key.sign(data, signature_algorithm)

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """The public half."""
        return self._key.public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        """The curve."""
        return self._key.curve

    @property
    def key_size(self) -> int:
        """Bits of the curve."""
        return self._key.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> bytes:
        """Refused: the key is for signatures."""
        raise TypeError("a signing key does no key agreement")

    def private_numbers(self) -> ec.EllipticCurvePrivateNumbers:
        """Refused: what signs uncounted is not handed out."""
        raise TypeError("a counted key stays where it is")

    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> bytes:
        """Refused: what signs uncounted is not handed out."""
        raise TypeError("a counted key stays where it is")

    def __copy__(self) -> CountedKey:
        return self

    def __deepcopy__(self, memo: dict[Any, Any]) -> CountedKey:
        return self
