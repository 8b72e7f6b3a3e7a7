"""Basic Access Control (ICAO Doc 9303-11, 4.3): 3DES keys from the MRZ. Only where a profile switches it on."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.constant_time import bytes_eq

from card_profiles.errors import CardFault, CardMisbehaved
from card_profiles.iso7816.commands import expect_ok, get_challenge, mutual_authenticate
from card_profiles.iso7816.exchange import Exchange
from card_profiles.iso7816.secure_messaging import BlockCipher, CardSecureMessaging, SecureMessaging, Suite, pad, suite
from card_profiles.iso7816.status import Refused, StatusWord
from card_profiles.protocols.kdf import ENCRYPTION, MAC, Cipher, derive

CHALLENGE = 8
_CRYPTOGRAM = 32  # RND || RND || K
_MAC = 8
_NO_SSC = bytes(8)  # BAC itself counts nothing: zero IV, MAC over the cryptogram alone


@dataclass(frozen=True, slots=True, kw_only=True)
class BacKeys:
    """K_Enc and K_MAC, 16 bytes each."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)


def keys_from_mrz(mrz_information: str) -> BacKeys:
    """From document number, birth date and expiry with their check digits (9303-11, 4.3.2), ASCII."""
    seed = hashlib.sha1(mrz_information.encode("ascii"), usedforsecurity=False).digest()[:16]
    return keys_from_seed(seed)


def keys_from_seed(seed: bytes) -> BacKeys:
    """From the 16-byte seed: the first 16 bytes of SHA-1 over the MRZ information (9303-11, 9.7.2)."""
    return BacKeys(enc=derive(seed, ENCRYPTION, Cipher.TRIPLE_DES), mac=derive(seed, MAC, Cipher.TRIPLE_DES))


def terminal(keys: BacKeys, random: Callable[[int], bytes]) -> Exchange[SecureMessaging]:
    """GET CHALLENGE and mutual authentication.

    CardMisbehaved: WRONG_PASSWORD when the card refuses, BAD_MAC or BAD_CRYPTOGRAM when its answer is forged.
    """
    response = expect_ok((yield get_challenge(CHALLENGE)), "GET CHALLENGE")
    rnd_ic = response.data
    if len(rnd_ic) != CHALLENGE:
        raise CardMisbehaved("challenge is not eight bytes", fault=CardFault.MALFORMED_RESPONSE, sw=response.sw)
    rnd_ifd, k_ifd = random(CHALLENGE), random(16)
    crypto = suite(BlockCipher.TRIPLE_DES, keys.enc, keys.mac)
    response = yield mutual_authenticate(_seal(crypto, rnd_ifd + rnd_ic + k_ifd), ne=_CRYPTOGRAM + _MAC)
    if response.sw >> 8 == 0x63 or response.sw == StatusWord.SECURITY_STATUS_NOT_SATISFIED:
        raise CardMisbehaved("the MRZ does not open this card", fault=CardFault.WRONG_PASSWORD, sw=response.sw)
    expect_ok(response, "MUTUAL AUTHENTICATE")
    if len(response.data) != _CRYPTOGRAM + _MAC:
        raise CardMisbehaved("not 40 bytes", fault=CardFault.MALFORMED_RESPONSE, sw=response.sw)
    plain = _open(crypto, response.data)
    if plain is None:
        raise CardMisbehaved("MAC of the card is wrong", fault=CardFault.BAD_MAC, sw=response.sw)
    if not bytes_eq(plain[:16], rnd_ic + rnd_ifd):
        raise CardMisbehaved("the card answered another challenge", fault=CardFault.BAD_CRYPTOGRAM, sw=response.sw)
    session, ssc = _session(k_ifd, plain[16:], rnd_ic, rnd_ifd)
    return SecureMessaging(BlockCipher.TRIPLE_DES, session.enc, session.mac, ssc)


class CardBac:
    """The card's side. A challenge counts once."""

    def __init__(self, keys: BacKeys, random: Callable[[int], bytes]) -> None:
        self._suite = suite(BlockCipher.TRIPLE_DES, keys.enc, keys.mac)
        self._random = random
        self._challenge: bytes | None = None

    def get_challenge(self) -> bytes:
        """RND.IC, 8 bytes."""
        self._challenge = self._random(CHALLENGE)
        return self._challenge

    def mutual_authenticate(self, data: bytes) -> tuple[bytes, CardSecureMessaging]:
        """E || MAC of the terminal, 40 bytes -> our E || MAC, and secure messaging. Refused: 6985, 6700, 6300."""
        rnd_ic, self._challenge = self._challenge, None
        if rnd_ic is None:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        if len(data) != _CRYPTOGRAM + _MAC:
            raise Refused(StatusWord.WRONG_LENGTH)
        plain = _open(self._suite, data)
        if plain is None or not bytes_eq(plain[8:16], rnd_ic):
            raise Refused(StatusWord.AUTHENTICATION_FAILED)
        rnd_ifd, k_ifd, k_ic = plain[:8], plain[16:], self._random(16)
        session, ssc = _session(k_ifd, k_ic, rnd_ic, rnd_ifd)
        messaging = CardSecureMessaging(BlockCipher.TRIPLE_DES, session.enc, session.mac, ssc)
        return _seal(self._suite, rnd_ic + rnd_ifd + k_ic), messaging


def _seal(crypto: Suite, plain: bytes) -> bytes:
    cryptogram = crypto.encrypt(_NO_SSC, plain)
    return cryptogram + crypto.mac(pad(cryptogram, crypto.block))


def _open(crypto: Suite, data: bytes) -> bytes | None:
    cryptogram, mac = data[:_CRYPTOGRAM], data[_CRYPTOGRAM:]
    if not bytes_eq(mac, crypto.mac(pad(cryptogram, crypto.block))):
        return None
    return crypto.decrypt(_NO_SSC, cryptogram)


def _session(k_ifd: bytes, k_ic: bytes, rnd_ic: bytes, rnd_ifd: bytes) -> tuple[BacKeys, bytes]:
    """Session keys from K.IFD xor K.IC, and the first SSC (9303-11, 4.3.3.2 and 9.8.6.3)."""
    seed = int.from_bytes(k_ifd, "big") ^ int.from_bytes(k_ic, "big")
    return keys_from_seed(seed.to_bytes(16, "big")), rnd_ic[4:] + rnd_ifd[4:]
