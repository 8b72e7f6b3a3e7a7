"""Secure messaging of ICAO Doc 9303-11, 9.8 (ISO/IEC 7816-4:2020, 10), the terminal's side and the card's.

Every command is MACed, its data encrypted: data objects 87 (85 for an odd INS), 97, 8E; in responses 87 (85), 99, 8E.
The send sequence counter grows by one before each command and each response.
"""

from __future__ import annotations

from copy import copy
from enum import StrEnum
from typing import Protocol

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.constant_time import bytes_eq

from card_profiles.errors import CardFault, CardMisbehaved
from card_profiles.iso7816 import tlv
from card_profiles.iso7816.apdu import CLA_SECURE, EXTENDED_NE, SHORT_DATA, SHORT_NE, CommandApdu, ResponseApdu
from card_profiles.iso7816.status import Refused, StatusWord, is_error
from keys.errors import DecodeError

DO_ENCRYPTED = 0x87  # padding-content indicator 01, then the cryptogram
DO_ENCRYPTED_BER = 0x85  # the same for an odd INS, without the indicator
DO_LE = 0x97
DO_STATUS = 0x99
DO_MAC = 0x8E

MAC_SIZE = 8
_MAC_OVERHEAD = 2 + MAC_SIZE
_STATUS_OVERHEAD = 4
_LE_OVERHEAD = 4  # 97 with two bytes
_RESPONSE_TAGS = (DO_ENCRYPTED, DO_ENCRYPTED_BER, DO_STATUS, DO_MAC)
_PADDING_INDICATOR = b"\x01"


class BlockCipher(StrEnum):
    """What 9303-11, 9.8.6 and 9.8.7 define; the AES key size follows from the key."""

    AES = "AES"
    TRIPLE_DES = "3DES"


def pad(data: bytes, block: int) -> bytes:
    """ISO/IEC 9797-1 padding method 2: 80, then zeros up to the block."""
    return data + b"\x80" + bytes(-(len(data) + 1) % block)


def unpad(data: bytes) -> bytes:
    """Undo `pad`; DecodeError when there is none, or more than 16 bytes of it."""
    end = len(data.rstrip(b"\0")) - 1
    if end < 0 or data[end] != 0x80 or len(data) - end > 16:
        raise DecodeError("no padding", offset=len(data))
    return data[:end]


class Suite(Protocol):
    """Encryption and MAC under one pair of keys; inputs are whole blocks."""

    block: int

    def encrypt(self, ssc: bytes, padded: bytes) -> bytes: ...
    def decrypt(self, ssc: bytes, cryptogram: bytes) -> bytes: ...
    def mac(self, padded: bytes) -> bytes: ...


class _AesSuite:
    """9303-11, 9.8.6.2: CBC with IV = E(KSenc, SSC); CMAC cut to eight bytes."""

    block = 16

    def __init__(self, ks_enc: bytes, ks_mac: bytes) -> None:
        self._key = AES(ks_enc)
        self._iv = Cipher(self._key, modes.ECB()).encryptor()  # noqa: S305 - one block: the IV
        self._cmac = CMAC(AES(ks_mac))  # keyed once: a copy costs a quarter of a new one

    def encrypt(self, ssc: bytes, padded: bytes) -> bytes:
        return Cipher(self._key, modes.CBC(self._iv.update(ssc))).encryptor().update(padded)

    def decrypt(self, ssc: bytes, cryptogram: bytes) -> bytes:
        return Cipher(self._key, modes.CBC(self._iv.update(ssc))).decryptor().update(cryptogram)

    def mac(self, padded: bytes) -> bytes:
        cmac = self._cmac.copy()
        cmac.update(padded)
        return cmac.finalize()[:MAC_SIZE]


class _TripleDesSuite:
    """9303-11, 9.8.6.1: two-key 3DES in CBC with a zero IV; retail MAC (ISO/IEC 9797-1, algorithm 3)."""

    block = 8

    def __init__(self, ks_enc: bytes, ks_mac: bytes) -> None:
        # Imported here: 3DES is the exception, and start-up counts.
        from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES

        if len(ks_enc) != 16 or len(ks_mac) != 16:
            raise ValueError("two-key 3DES keys have 16 bytes")
        left, right = ks_mac[:8], ks_mac[8:]
        self._cipher = Cipher(TripleDES(ks_enc + ks_enc[:8]), modes.CBC(bytes(8)))
        self._single = Cipher(TripleDES(left * 3), modes.CBC(bytes(8)))
        self._last = Cipher(TripleDES(left + right + left), modes.ECB())  # noqa: S305 - one block at a time

    def encrypt(self, ssc: bytes, padded: bytes) -> bytes:
        return self._cipher.encryptor().update(padded)

    def decrypt(self, ssc: bytes, cryptogram: bytes) -> bytes:
        return self._cipher.decryptor().update(cryptogram)

    def mac(self, padded: bytes) -> bytes:
        # The last block of single-DES CBC, decrypted under the right key and encrypted under the left one: E-D-E.
        chained = bytes(8)
        if len(padded) > 8:
            chained = self._single.encryptor().update(padded[:-8])[-8:]
        last = int.from_bytes(chained, "big") ^ int.from_bytes(padded[-8:], "big")
        return self._last.encryptor().update(last.to_bytes(8, "big"))


def suite(cipher: BlockCipher, ks_enc: bytes, ks_mac: bytes) -> Suite:
    """The operations of `cipher` with KSenc and KSmac: 16 bytes each for 3DES; 16, 24 or 32 for AES."""
    return _AesSuite(ks_enc, ks_mac) if cipher is BlockCipher.AES else _TripleDesSuite(ks_enc, ks_mac)


class _Base:
    """Keys and counter; the two sides differ in direction only."""

    def __init__(self, cipher: BlockCipher | str, ks_enc: bytes, ks_mac: bytes, ssc: bytes | None = None) -> None:
        self.cipher = BlockCipher(cipher)
        self._suite = suite(self.cipher, ks_enc, ks_mac)
        self._block = self._suite.block
        ssc = bytes(self._block) if ssc is None else ssc
        if len(ssc) != self._block:
            raise ValueError("the send sequence counter has one block")
        self._ssc = int.from_bytes(ssc, "big")
        self._modulus = 1 << (8 * self._block)

    @property
    def ssc(self) -> bytes:
        """The send sequence counter: 8 bytes with 3DES, 16 with AES."""
        return self._ssc.to_bytes(self._block, "big")

    def _advance(self) -> bytes:
        self._ssc = (self._ssc + 1) % self._modulus
        return self._ssc.to_bytes(self._block, "big")

    def _encrypted(self, ins: int, ssc: bytes, data: bytes) -> bytes:
        if not data:
            return b""
        cryptogram = self._suite.encrypt(ssc, pad(data, self._block))
        if ins & 1:
            return tlv.encode(DO_ENCRYPTED_BER, cryptogram)
        return tlv.encode(DO_ENCRYPTED, _PADDING_INDICATOR + cryptogram)

    def _decrypted(self, ins: int, ssc: bytes, element: tlv.Tlv) -> bytes:
        """Call after the MAC is checked. DecodeError."""
        value = element.value
        if ins & 1 == 0:
            if value[:1] != _PADDING_INDICATOR:
                raise DecodeError("padding-content indicator is not 01", offset=element.value_offset, path="87")
            value = value[1:]
        if not value or len(value) % self._block:
            raise DecodeError("cryptogram is not made of blocks", offset=element.value_offset, path="87")
        return unpad(self._suite.decrypt(ssc, value))

    def _mac(self, ssc: bytes, authenticated: bytes) -> bytes:
        return self._suite.mac(pad(ssc + authenticated, self._block))


def _split(data: bytes, ins: int, middle: int) -> tuple[tlv.Tlv | None, tlv.Tlv | None, tlv.Tlv | None, bytes]:
    """([87|85], [middle], [8E], the authenticated bytes) in this very order and nothing else; DecodeError."""
    elements = list(tlv.parse_sequence(data))
    wanted = (DO_ENCRYPTED_BER if ins & 1 else DO_ENCRYPTED, middle, DO_MAC)
    found: list[tlv.Tlv | None] = []
    for tag in wanted:
        found.append(elements.pop(0) if elements and elements[0].tag == tag else None)
    if elements:
        raise DecodeError("unexpected data object", offset=elements[0].offset, path=f"{elements[0].tag:X}")
    mac = found[2]
    return found[0], found[1], mac, data if mac is None else data[: mac.offset]


def max_plain_response(cipher: BlockCipher, limit: int) -> int:
    """Plaintext bytes that fit a protected response of at most `limit` data bytes (256 -> 223 AES, 231 3DES)."""
    return _largest(limit - _STATUS_OVERHEAD - _MAC_OVERHEAD, 16 if cipher is BlockCipher.AES else 8)


def max_plain_command(cipher: BlockCipher, limit: int) -> int:
    """Plaintext bytes that fit a protected command of at most `limit` data bytes (255 -> 223 AES, 231 3DES).

    Up to 255 the Le inside is one byte, beyond it is reckoned as two.
    """
    le = _LE_OVERHEAD - 1 if limit <= SHORT_DATA else _LE_OVERHEAD
    return _largest(limit - le - _MAC_OVERHEAD, 16 if cipher is BlockCipher.AES else 8)


def _largest(room: int, block: int) -> int:
    """The largest n so that data object 87 over n padded bytes fits `room`; 0 when none does."""
    padded = room // block * block
    while padded > 0 and 2 + len(tlv.encode_length(padded + 1)) + padded > room:
        padded -= block
    return max(padded - 1, 0)


class SecureMessaging(_Base):
    """The terminal's side; a `SecureLayer`. `ssc` None means zero, as after PACE and Chip Authentication."""

    errors_are_naked = False

    def __init__(self, cipher: BlockCipher | str, ks_enc: bytes, ks_mac: bytes, ssc: bytes | None = None) -> None:
        super().__init__(cipher, ks_enc, ks_mac, ssc)
        self._ins = 0
        self._short_response = max_plain_response(self.cipher, SHORT_NE)

    def wrap(self, command: CommandApdu, *, extended: bool = False) -> CommandApdu:
        """The protected command. Its `ne` is 256, or 65536 when `extended` is allowed and the answer may need it.

        ValueError when the plain command is already protected.
        """
        if command.cla & CLA_SECURE:
            raise ValueError("the command already says secure messaging")
        ssc = self._advance()
        self._ins = command.ins
        cla = command.cla | CLA_SECURE
        header = bytes((cla, command.ins, command.p1, command.p2))
        body = self._encrypted(command.ins, ssc, command.data)
        if command.ne:
            body += tlv.encode(DO_LE, _encode_le(command.ne))
        body += tlv.encode(DO_MAC, self._mac(ssc, pad(header, self._block) + body))
        ne = SHORT_NE
        if extended and (len(body) > SHORT_DATA or command.ne > self._short_response):
            ne = EXTENDED_NE
        return CommandApdu(cla=cla, ins=command.ins, p1=command.p1, p2=command.p2, data=body, ne=ne)

    def unwrap(self, response: ResponseApdu) -> ResponseApdu:
        """The plain response, its status word from inside.

        CardMisbehaved: STATUS_WORD with `sw` for a bare error, NAKED_RESPONSE for any other unprotected answer,
        BAD_MAC, MALFORMED_RESPONSE. The session is over after each of them.
        """
        if not response.data and is_error(response.sw):
            raise CardMisbehaved("unprotected error", fault=CardFault.STATUS_WORD, sw=response.sw)
        ssc = self._advance()
        try:
            encrypted, status, mac, authenticated = _split(response.data, self._ins, DO_STATUS)
        except DecodeError as error:
            if response.data[0] not in _RESPONSE_TAGS:
                raise CardMisbehaved("unprotected response", fault=CardFault.NAKED_RESPONSE, sw=response.sw) from error
            raise self._malformed("response is not secure messaging", response) from error
        if mac is None:
            raise CardMisbehaved("unprotected response", fault=CardFault.NAKED_RESPONSE, sw=response.sw)
        if len(mac.value) != MAC_SIZE or not bytes_eq(mac.value, self._mac(ssc, authenticated)):
            raise CardMisbehaved("MAC of the response is wrong", fault=CardFault.BAD_MAC, sw=response.sw)
        if status is None or len(status.value) != 2 or status.value != response.sw.to_bytes(2, "big"):
            raise self._malformed("status word inside differs or is missing", response)
        try:
            data = b"" if encrypted is None else self._decrypted(self._ins, ssc, encrypted)
        except DecodeError as error:
            raise self._malformed("response does not decrypt", response) from error
        return ResponseApdu(data=data, sw=response.sw)

    def snapshot(self) -> int:
        """The state before a command, for `restore`."""
        return self._ssc

    def restore(self, snapshot: int) -> None:
        """Back to `snapshot`: only when the card has proved that it did not process the command, and only to send
        the same command with a smaller Le. Anything else would let an attacker answer it with the held-back
        response to the first command, whose MAC fits.
        """
        self._ssc = snapshot

    def ahead(self) -> SecureMessaging:
        """What will `unwrap` the answer to the command just wrapped; the counter here passes over that answer."""
        opener = copy(self)
        self._advance()
        return opener

    def max_plain_command(self, limit: int) -> int:
        """Plaintext bytes that fit a command of `limit` data bytes."""
        return max_plain_command(self.cipher, limit)

    def max_plain_response(self, limit: int) -> int:
        """Plaintext bytes that fit a response of `limit` data bytes."""
        return max_plain_response(self.cipher, limit)

    @staticmethod
    def _malformed(text: str, response: ResponseApdu) -> CardMisbehaved:
        return CardMisbehaved(text, fault=CardFault.MALFORMED_RESPONSE, sw=response.sw)


class CardSecureMessaging(_Base):
    """The card's side: `unwrap_command`, execute, `wrap_response`, in turn."""

    def __init__(self, cipher: BlockCipher | str, ks_enc: bytes, ks_mac: bytes, ssc: bytes | None = None) -> None:
        super().__init__(cipher, ks_enc, ks_mac, ssc)
        self._ins = 0

    def unwrap_command(self, command: CommandApdu) -> CommandApdu:
        """The plain command: CLA without the secure messaging bits, Ne from data object 97.

        Refused with 6987 (a data object is missing) or 6988 (one is wrong): the card answers so, unprotected, and
        drops the session.
        """
        ssc = self._advance()
        self._ins = command.ins
        if command.cla & CLA_SECURE != CLA_SECURE:
            raise Refused(StatusWord.SECURE_MESSAGING_OBJECT_MISSING)
        try:
            encrypted, le, mac, authenticated = _split(command.data, command.ins, DO_LE)
            if mac is None:
                raise Refused(StatusWord.SECURE_MESSAGING_OBJECT_MISSING)
            expected = self._mac(ssc, pad(command.header, self._block) + authenticated)
            if len(mac.value) != MAC_SIZE or not bytes_eq(mac.value, expected):
                raise Refused(StatusWord.SECURE_MESSAGING_OBJECT_INCORRECT)
            data = b"" if encrypted is None else self._decrypted(command.ins, ssc, encrypted)
            ne = 0 if le is None else _decode_le(le)
        except DecodeError as error:
            raise Refused(StatusWord.SECURE_MESSAGING_OBJECT_INCORRECT) from error
        return CommandApdu(
            cla=command.cla & ~CLA_SECURE, ins=command.ins, p1=command.p1, p2=command.p2, data=data, ne=ne
        )

    def wrap_response(self, response: ResponseApdu) -> ResponseApdu:
        """Protect data and status word, errors too."""
        ssc = self._advance()
        body = self._encrypted(self._ins, ssc, response.data) + tlv.encode(DO_STATUS, response.sw.to_bytes(2, "big"))
        return ResponseApdu(data=body + tlv.encode(DO_MAC, self._mac(ssc, body)), sw=response.sw)

    def max_plain_response(self, limit: int) -> int:
        """Plaintext bytes that the card may answer when the outer Ne is `limit`."""
        return max_plain_response(self.cipher, limit)


def _encode_le(ne: int) -> bytes:
    return bytes((ne & 0xFF,)) if ne <= SHORT_NE else (ne & 0xFFFF).to_bytes(2, "big")


def _decode_le(element: tlv.Tlv) -> int:
    value = element.value
    if len(value) not in (1, 2):
        raise DecodeError("Le is not one or two bytes", offset=element.value_offset, path="97")
    return int.from_bytes(value, "big") or (SHORT_NE if len(value) == 1 else EXTENDED_NE)
