"""The key derivation function of ICAO Doc 9303-11, 9.7.1: H(secret || counter), cut to the key."""

from __future__ import annotations

import hashlib
from enum import StrEnum

from card_profiles.iso7816.secure_messaging import BlockCipher

# 9303-11, 9.7.1: the counter says what the key is for.
ENCRYPTION = 1
MAC = 2
PASSWORD = 3


class Cipher(StrEnum):
    """Block cipher and key size, as the object identifiers of PACE and Chip Authentication name them."""

    TRIPLE_DES = "3DES"
    AES_128 = "AES-128"
    AES_192 = "AES-192"
    AES_256 = "AES-256"

    @property
    def block_cipher(self) -> BlockCipher:
        """What secure messaging needs to know."""
        return BlockCipher.TRIPLE_DES if self is Cipher.TRIPLE_DES else BlockCipher.AES

    @property
    def key_size(self) -> int:
        """Bytes: 16, 24 or 32."""
        return _KEY_SIZES[self]


_KEY_SIZES = {Cipher.TRIPLE_DES: 16, Cipher.AES_128: 16, Cipher.AES_192: 24, Cipher.AES_256: 32}


def derive(secret: bytes, counter: int, cipher: Cipher) -> bytes:
    """The key for `counter` (ENCRYPTION, MAC or PASSWORD): SHA-1 up to 16 bytes, SHA-256 beyond; 3DES with parity."""
    seed = secret + counter.to_bytes(4, "big")
    if cipher.key_size > 16:
        return hashlib.sha256(seed).digest()[: cipher.key_size]
    key = hashlib.sha1(seed, usedforsecurity=False).digest()[:16]  # the standard's choice, not open to us
    return bytes(map(_odd_parity, key)) if cipher is Cipher.TRIPLE_DES else key


def _odd_parity(byte: int) -> int:
    """DES ignores the lowest bit; the standard's examples set it."""
    return byte & 0xFE | (byte >> 1).bit_count() & 1 ^ 1
