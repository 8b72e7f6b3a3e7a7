"""The keys of SCP03 and what both sides of a session compute alike (GlobalPlatform Amendment D v1.1.2, 4 and 6)."""

from __future__ import annotations

from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC

from keys.errors import DecodeError

SCP_ID = 0x03
I_PSEUDO_RANDOM = 0x10  # Table 5-1: pseudo-random card challenge, and the sequence counter in the answer
I_R_MAC_R_ENC = 0x60
I_PARAMETER = I_PSEUDO_RANDOM | I_R_MAC_R_ENC
LEVEL = 0x33  # Table 7-6: C-MAC, C-DECRYPTION, R-MAC, R-ENCRYPTION

SERIAL = 10  # key diversification data
CHALLENGE = 8
CRYPTOGRAM = 8
MAC_SIZE = 8
MAX_SEQUENCE = 0xFFFFFF

# Table 4-1: derivation constants
_CARD_CRYPTOGRAM, _HOST_CRYPTOGRAM, _CARD_CHALLENGE = 0x00, 0x01, 0x02
_S_ENC, _S_MAC, _S_RMAC = 0x04, 0x06, 0x07

COMMAND, RESPONSE = 0x00, 0x80  # first byte of the counter block (6.2.6, 6.2.7)

KCV_SIZE = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticKeys:
    """The three keys of one key version: 16, 24 or 32 bytes each, all of one size."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    dek: bytes = field(repr=False)
    version: int

    def __post_init__(self) -> None:
        if len(self.enc) not in (16, 24, 32) or not len(self.enc) == len(self.mac) == len(self.dek):
            raise ValueError("three AES keys of one size")
        if not 0x01 <= self.version <= 0x7F:
            raise ValueError("key version 01..7F")


@dataclass(frozen=True, slots=True, kw_only=True)
class CardIdentification:
    """The answer to INITIALIZE UPDATE (7.1.1.6). `serial`: 10 bytes of key diversification data, unauthenticated
    until the cryptogram has been checked; `sequence_counter` None with random challenges (i = 60)."""

    serial: bytes
    key_version: int
    i: int
    challenge: bytes
    cryptogram: bytes
    sequence_counter: int | None

    @classmethod
    def parse(cls, data: bytes) -> CardIdentification:
        """32 bytes with i = 70, 29 with i = 60; DecodeError for any other card."""
        if len(data) not in (29, 32):
            raise DecodeError("not 29 or 32 bytes", offset=len(data), path="INITIALIZE UPDATE")
        i = data[12]
        if data[11] != SCP_ID or i & ~I_PSEUDO_RANDOM != I_R_MAC_R_ENC:
            raise DecodeError("not SCP03 with R-MAC and R-ENC", offset=11, path="INITIALIZE UPDATE")
        if bool(i & I_PSEUDO_RANDOM) != (len(data) == 32):
            raise DecodeError("length does not fit i", offset=12, path="INITIALIZE UPDATE")
        counter = int.from_bytes(data[29:], "big") if len(data) == 32 else None
        return cls(
            serial=data[:10],
            key_version=data[10],
            i=i,
            challenge=data[13:21],
            cryptogram=data[21:29],
            sequence_counter=counter,
        )

    def encode(self) -> bytes:
        """Back to bytes."""
        counter = b"" if self.sequence_counter is None else self.sequence_counter.to_bytes(3, "big")
        key_information = bytes((self.key_version, SCP_ID, self.i))
        return self.serial + key_information + self.challenge + self.cryptogram + counter


def kdf(key: bytes, constant: int, size: int, context: bytes) -> bytes:
    """4.1.5: SP 800-108 in counter mode over AES-CMAC; `size` in bytes, the label is 11 zero bytes and `constant`."""
    label = bytes(11) + bytes((constant, 0)) + (8 * size).to_bytes(2, "big")
    blocks = (_cmac(key, label + bytes((number,)) + context) for number in range(1, -(-size // 16) + 1))
    return b"".join(blocks)[:size]


def card_challenge(enc: bytes, sequence_counter: int, aid: bytes) -> bytes:
    """6.2.2.1: the pseudo-random challenge, from the static Key-ENC; `aid` is that of the selected application."""
    return kdf(enc, _CARD_CHALLENGE, CHALLENGE, sequence_counter.to_bytes(3, "big") + aid)


def key_check_value(key: bytes) -> bytes:
    """7.2, for AES: the first three bytes of a block of 01 bytes, encrypted."""
    return Cipher(AES(key), modes.ECB()).encryptor().update(b"\x01" * 16)[:KCV_SIZE]  # noqa: S305 - one block


def _cmac(key: bytes, data: bytes) -> bytes:
    cmac = CMAC(AES(key))
    cmac.update(data)
    return cmac.finalize()


class SessionState:
    """Session keys, C-MAC chaining value and encryption counter: the same on both sides."""

    def __init__(self, keys: StaticKeys, host_challenge: bytes, challenge: bytes) -> None:
        context, size = host_challenge + challenge, len(keys.enc)
        self._enc = AES(kdf(keys.enc, _S_ENC, size, context))
        self._counter_block = Cipher(self._enc, modes.ECB()).encryptor()  # noqa: S305 - one block: the IV
        s_mac = kdf(keys.mac, _S_MAC, size, context)
        self._c_mac = CMAC(AES(s_mac))
        self._r_mac = CMAC(AES(kdf(keys.mac, _S_RMAC, size, context)))
        self.card_cryptogram = kdf(s_mac, _CARD_CRYPTOGRAM, CRYPTOGRAM, context)
        self.host_cryptogram = kdf(s_mac, _HOST_CRYPTOGRAM, CRYPTOGRAM, context)
        self._dek = keys.dek
        self._chaining = bytes(16)
        self._counter = 0

    def _command_mac(self, header: bytes, data: bytes, *, extended: bool) -> bytes:
        """6.2.4: over the chaining value, the header with the final Lc as it is sent, and the data."""
        count = len(data) + MAC_SIZE
        lc = b"\0" + count.to_bytes(2, "big") if extended or count > 0xFF else bytes((count,))
        mac = self._c_mac.copy()
        mac.update(self._chaining + header + lc + data)
        return mac.finalize()

    def _response_mac(self, data: bytes, sw: int) -> bytes:
        """6.2.5."""
        mac = self._r_mac.copy()
        mac.update(self._chaining + data + sw.to_bytes(2, "big"))
        return mac.finalize()[:MAC_SIZE]

    def _cbc(self, direction: int) -> Cipher[modes.CBC]:
        """6.2.6 and 6.2.7: the IV is the encrypted counter, with 80 in front for responses."""
        block = (direction << 120 | self._counter).to_bytes(16, "big")
        return Cipher(self._enc, modes.CBC(self._counter_block.update(block)))

    def encrypt_dek(self, key: bytes) -> bytes:
        """A key for PUT KEY: AES-CBC with a zero IV under the static Key-DEK, zero-padded to whole blocks."""
        padded = key + bytes(-len(key) % 16)
        return Cipher(AES(self._dek), modes.CBC(bytes(16))).encryptor().update(padded)

    def decrypt_dek(self, cryptogram: bytes) -> bytes:
        """Undo `encrypt_dek`, padding included."""
        return Cipher(AES(self._dek), modes.CBC(bytes(16))).decryptor().update(cryptogram)
