"""Secure Channel Protocol 03 (GlobalPlatform Card Specification, Amendment D v1.1.2), the writer's and the card's side.

i = 70 (pseudo-random card challenge, R-MAC, R-ENC), security level 33, S8 mode, AES keys of 16, 24 or 32 bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from copy import copy

from cryptography.hazmat.primitives.constant_time import bytes_eq

from card_profiles.errors import CardFault, CardMisbehaved, Misuse
from card_profiles.iso7816.apdu import (
    CLA_SECURE_GLOBALPLATFORM,
    EXTENDED_NE,
    SHORT_DATA,
    SHORT_NE,
    CommandApdu,
    ResponseApdu,
)
from card_profiles.iso7816.commands import expect_ok
from card_profiles.iso7816.exchange import Exchange
from card_profiles.iso7816.secure_messaging import pad, unpad
from card_profiles.iso7816.status import Refused, StatusWord, is_error
from card_profiles.protocols.scp03_keys import (
    CHALLENGE,
    COMMAND,
    CRYPTOGRAM,
    I_PARAMETER,
    KCV_SIZE,
    LEVEL,
    MAC_SIZE,
    MAX_SEQUENCE,
    RESPONSE,
    SERIAL,
    CardIdentification,
    SessionState,
    StaticKeys,
    card_challenge,
    key_check_value,
)
from keys.errors import DecodeError

__all__ = [
    "CardIdentification",
    "CardScp03",
    "Scp03Session",
    "StaticKeys",
    "identify",
    "initialize_update",
    "key_check_value",
    "put_key_answer",
    "put_key_data",
    "terminal",
]

KEY_TYPE_AES = 0x88  # GlobalPlatform Card Specification, table 11-16


def max_plain(limit: int) -> int:
    """Plaintext bytes in `limit` data bytes of a command or response (255 -> 239, 256 -> 239)."""
    return max((limit - MAC_SIZE) // 16 * 16 - 1, 0)


class Scp03Session(SessionState):
    """The writer's side; a `SecureLayer`.

    The card's errors (64xx to 6Fxx) come without R-MAC and leave the session up. They are reported as they are, and
    prove nothing: whoever can reach the wire can forge them.
    """

    errors_are_naked = True

    def __init__(self, keys: StaticKeys, identification: CardIdentification, host_challenge: bytes) -> None:
        super().__init__(keys, host_challenge, identification.challenge)
        self.identification = identification
        self.key_version = keys.version

    def external_authenticate(self) -> CommandApdu:
        """7.1.2: the host cryptogram under the first C-MAC."""
        header = bytes((0x84, 0x82, LEVEL, 0x00))
        self._chaining = self._command_mac(header, self.host_cryptogram, extended=False)
        data = self.host_cryptogram + self._chaining[:MAC_SIZE]
        return CommandApdu(cla=0x84, ins=0x82, p1=LEVEL, data=data)

    def wrap(self, command: CommandApdu, *, extended: bool = False) -> CommandApdu:
        """The protected command; ValueError when it already is."""
        if command.cla & CLA_SECURE_GLOBALPLATFORM:
            raise ValueError("the command already says secure messaging")
        self._counter += 1  # for every command, with data or without
        data = command.data
        if data:
            data = self._cbc(COMMAND).encryptor().update(pad(data, 16))
        cla = command.cla | CLA_SECURE_GLOBALPLATFORM
        long_answer = extended and command.ne > max_plain(SHORT_NE)
        form = long_answer or len(data) + MAC_SIZE > SHORT_DATA
        self._chaining = self._command_mac(bytes((cla, command.ins, command.p1, command.p2)), data, extended=form)
        data += self._chaining[:MAC_SIZE]
        ne = (EXTENDED_NE if form else SHORT_NE) if command.ne else 0
        return CommandApdu(cla=cla, ins=command.ins, p1=command.p1, p2=command.p2, data=data, ne=ne, extended=form)

    def unwrap(self, response: ResponseApdu) -> ResponseApdu:
        """The plain response. CardMisbehaved: NAKED_RESPONSE, BAD_MAC, MALFORMED_RESPONSE."""
        data, sw = response.data, response.sw
        if is_error(sw) and not data:
            return response
        if len(data) < MAC_SIZE:
            raise CardMisbehaved("response without R-MAC", fault=CardFault.NAKED_RESPONSE, sw=sw)
        data, mac = data[:-MAC_SIZE], data[-MAC_SIZE:]
        if not bytes_eq(mac, self._response_mac(data, sw)):
            raise CardMisbehaved("R-MAC is wrong", fault=CardFault.BAD_MAC, sw=sw)
        if not data:
            return ResponseApdu(sw=sw)
        if len(data) % 16:
            raise CardMisbehaved("not made of blocks", fault=CardFault.MALFORMED_RESPONSE, sw=sw)
        try:
            return ResponseApdu(data=unpad(self._cbc(RESPONSE).decryptor().update(data)), sw=sw)
        except DecodeError as error:
            raise CardMisbehaved("does not decrypt", fault=CardFault.MALFORMED_RESPONSE, sw=sw) from error

    def snapshot(self) -> int:
        """Nothing: SCP03 never rolls back."""
        return 0

    def restore(self, snapshot: int) -> None:
        """Misuse: an error does not tell whether the card counted the command."""
        raise Misuse("SCP03 does not roll back")

    def ahead(self) -> Scp03Session:
        """What will `unwrap` the answer to the command just wrapped. Answers change neither chaining value nor counter
        (6.2.5, 6.2.7), so commands may be wrapped one after the other before any is answered.
        """
        return copy(self)

    def max_plain_command(self, limit: int) -> int:
        """Plaintext bytes that fit a command of `limit` data bytes."""
        return max_plain(limit)

    def max_plain_response(self, limit: int) -> int:
        """Plaintext bytes that fit a response of `limit` data bytes."""
        return max_plain(limit)


def initialize_update(host_challenge: bytes, *, key_version: int = 0) -> CommandApdu:
    """INITIALIZE UPDATE (7.1.1); key version 0 lets the card choose."""
    return CommandApdu(cla=0x80, ins=0x50, p1=key_version, data=host_challenge, ne=SHORT_NE)


def identify(random: Callable[[int], bytes], *, key_version: int = 0) -> Exchange[CardIdentification]:
    """Serial and key version of a card without any key: an INITIALIZE UPDATE that is not followed up."""
    return (yield from _identify(random(CHALLENGE), key_version))


def _identify(host_challenge: bytes, key_version: int) -> Exchange[CardIdentification]:
    response = yield initialize_update(host_challenge, key_version=key_version)
    expect_ok(response, "INITIALIZE UPDATE")
    try:
        return CardIdentification.parse(response.data)
    except DecodeError as error:
        raise CardMisbehaved("no SCP03 card of ours", fault=CardFault.UNKNOWN_CARD, sw=response.sw) from error


def terminal(
    keys_for: Callable[[CardIdentification], StaticKeys],
    random: Callable[[int], bytes],
    *,
    key_version: int = 0,
    aid: bytes | None = None,
) -> Exchange[Scp03Session]:
    """Open a session at level 33. `keys_for` sees serial and key version, and finds the keys.

    With `aid` (of the selected application) a pseudo-random challenge is recomputed too. CardMisbehaved:
    BAD_CRYPTOGRAM when the card does not know the keys, before it hears anything from us (so a wrong key of ours costs
    no try); UNKNOWN_CARD; STATUS_WORD. Misuse when `keys_for` brings keys of another version.
    """
    host_challenge = random(CHALLENGE)
    identification = yield from _identify(host_challenge, key_version)
    keys = keys_for(identification)
    if keys.version != identification.key_version:
        raise Misuse("keys of another version than the card's")
    session = Scp03Session(keys, identification, host_challenge)
    if not bytes_eq(session.card_cryptogram, identification.cryptogram):
        raise CardMisbehaved("the card does not know the keys", fault=CardFault.BAD_CRYPTOGRAM)
    counter = identification.sequence_counter
    if aid is not None and counter is not None and card_challenge(keys.enc, counter, aid) != identification.challenge:
        raise CardMisbehaved("not the challenge of this counter", fault=CardFault.BAD_CRYPTOGRAM)
    expect_ok((yield session.external_authenticate()), "EXTERNAL AUTHENTICATE")
    return session


# --- PUT KEY (7.2; GlobalPlatform Card Specification 11.8) -------------------------------------------------------


def put_key_data(new: StaticKeys, session: Scp03Session) -> bytes:
    """The data of PUT KEY: new version, then for each key `88 L n E(DEK, key) 03 KCV`, n the bytes of the key."""
    data = bytes((new.version,))
    for key in (new.enc, new.mac, new.dek):
        cryptogram = session.encrypt_dek(key)
        block = bytes((len(key),)) + cryptogram
        data += bytes((KEY_TYPE_AES, len(block))) + block + bytes((KCV_SIZE,)) + key_check_value(key)
    return data


def put_key_answer(new: StaticKeys) -> bytes:
    """What the card answers: the version and the three key check values."""
    return bytes((new.version,)) + b"".join(map(key_check_value, (new.enc, new.mac, new.dek)))


class CardScp03:
    """The card's side. One object per power-up and selected application; `keys_for` maps a key version (0: the
    default) to keys or None. `sequence_counter` is the card's own, to be kept after `external_authenticate`."""

    def __init__(
        self, keys_for: Callable[[int], StaticKeys | None], *, serial: bytes, sequence_counter: int, aid: bytes
    ) -> None:
        if len(serial) != SERIAL:
            raise ValueError("the serial has ten bytes")
        self._keys_for = keys_for
        self._serial = serial
        self._aid = aid
        self._pending: _CardSession | None = None
        self._session: _CardSession | None = None
        self.sequence_counter = sequence_counter

    @property
    def open(self) -> bool:
        """Whether a session is up."""
        return self._session is not None

    @property
    def key_version(self) -> int | None:
        """The version of the keys of the session that is up."""
        return None if self._session is None else self._session.key_version

    def end(self) -> None:
        """Drop the session: another application, a plain command, a reset."""
        self._pending = self._session = None

    def initialize_update(self, command: CommandApdu) -> ResponseApdu:
        """Refused: 6A88 unknown key version, 6700, 6A86, 6985 when the counter is used up."""
        self.end()
        if command.p2 != 0:
            raise Refused(StatusWord.INCORRECT_P1_P2)
        if len(command.data) != CHALLENGE:
            raise Refused(StatusWord.WRONG_LENGTH)
        keys = self._keys_for(command.p1)
        if keys is None:
            raise Refused(StatusWord.REFERENCED_DATA_NOT_FOUND)
        if self.sequence_counter >= MAX_SEQUENCE:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        counter = self.sequence_counter + 1
        challenge = card_challenge(keys.enc, counter, self._aid)
        session = _CardSession(keys, command.data, challenge)
        self._pending = session
        answer = CardIdentification(
            serial=self._serial,
            key_version=keys.version,
            i=I_PARAMETER,
            challenge=challenge,
            cryptogram=session.card_cryptogram,
            sequence_counter=counter,
        )
        return ResponseApdu(data=answer.encode(), sw=StatusWord.OK)

    def external_authenticate(self, command: CommandApdu) -> ResponseApdu:
        """Refused: 6985 without INITIALIZE UPDATE, 6A86 for a level other than 33, 6700, 6982 bad C-MAC, 6300.

        On success the session is up and the sequence counter has grown: the same challenge never counts twice.
        """
        session, self._pending, self._session = self._pending, None, None
        if session is None:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        if command.cla != 0x84 or command.p1 != LEVEL or command.p2 != 0:
            raise Refused(StatusWord.INCORRECT_P1_P2)
        if len(command.data) != CRYPTOGRAM + MAC_SIZE:
            raise Refused(StatusWord.WRONG_LENGTH)
        cryptogram = session.check_mac(command)
        if not bytes_eq(cryptogram, session.host_cryptogram):
            raise Refused(StatusWord.AUTHENTICATION_FAILED)
        self.sequence_counter += 1
        self._session = session
        return ResponseApdu(sw=StatusWord.OK)

    def unwrap_command(self, command: CommandApdu) -> CommandApdu:
        """The plain command. Refused(6982), and the session has ended, when there is none or the C-MAC is wrong."""
        session, self._session = self._session, None
        if session is None or not command.cla & CLA_SECURE_GLOBALPLATFORM:
            raise Refused(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
        plain = session.unwrap(command)
        self._session = session
        return plain

    def wrap_response(self, response: ResponseApdu) -> ResponseApdu:
        """R-ENC and R-MAC for success and warnings; errors go bare."""
        return response if self._session is None else self._session.wrap_response(response)

    def decrypt_put_key(self, data: bytes) -> StaticKeys:
        """The keys in the data of PUT KEY. Refused: 6A80 malformed, 6982 without a session, 6300 (wrong KCV)."""
        if self._session is None:
            raise Refused(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
        return self._session.decrypt_put_key(data)


class _CardSession(SessionState):
    def __init__(self, keys: StaticKeys, host_challenge: bytes, challenge: bytes) -> None:
        super().__init__(keys, host_challenge, challenge)
        self.key_version = keys.version

    def check_mac(self, command: CommandApdu) -> bytes:
        """The data without its C-MAC; the chaining value moves on."""
        data, mac = command.data[:-MAC_SIZE], command.data[-MAC_SIZE:]
        expected = self._command_mac(command.header, data, extended=command.extended)
        if len(mac) != MAC_SIZE or not bytes_eq(mac, expected[:MAC_SIZE]):
            raise Refused(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
        self._chaining = expected
        return data

    def unwrap(self, command: CommandApdu) -> CommandApdu:
        data = self.check_mac(command)
        self._counter += 1
        if data:
            if len(data) % 16:
                raise Refused(StatusWord.WRONG_DATA)
            try:
                data = unpad(self._cbc(COMMAND).decryptor().update(data))
            except DecodeError as error:
                raise Refused(StatusWord.WRONG_DATA) from error
        cla = command.cla & ~CLA_SECURE_GLOBALPLATFORM
        return CommandApdu(cla=cla, ins=command.ins, p1=command.p1, p2=command.p2, data=data, ne=command.ne)

    def wrap_response(self, response: ResponseApdu) -> ResponseApdu:
        data = response.data
        if is_error(response.sw):
            return ResponseApdu(sw=response.sw)
        if data:
            data = self._cbc(RESPONSE).encryptor().update(pad(data, 16))
        return ResponseApdu(data=data + self._response_mac(data, response.sw), sw=response.sw)

    def decrypt_put_key(self, data: bytes) -> StaticKeys:
        try:
            keys, at = [], 1
            for _ in range(3):
                key, at = self._key(data, at)
                keys.append(key)
            if at != len(data):
                raise Refused(StatusWord.WRONG_DATA)
            return StaticKeys(enc=keys[0], mac=keys[1], dek=keys[2], version=data[0])
        except (IndexError, ValueError) as error:
            raise Refused(StatusWord.WRONG_DATA) from error

    def _key(self, data: bytes, at: int) -> tuple[bytes, int]:
        """One key block. Hosts may leave the length out when nothing was padded (GPCS 2.3.1, 11.8.2.3)."""
        if data[at] != KEY_TYPE_AES:
            raise Refused(StatusWord.WRONG_DATA)
        size = data[at + 1]
        block, at = data[at + 2 : at + 2 + size], at + 2 + size
        length, cryptogram = (block[0], block[1:]) if size % 16 == 1 else (size, block)
        padded = -(-length // 16) * 16
        if len(block) != size or length not in (16, 24, 32) or len(cryptogram) != padded:
            raise Refused(StatusWord.WRONG_DATA)
        clear = self.decrypt_dek(cryptogram)
        key = clear[:length]
        if any(clear[length:]) or data[at] != KCV_SIZE:
            raise Refused(StatusWord.WRONG_DATA)
        kcv = data[at + 1 : at + 1 + KCV_SIZE]
        if kcv != key_check_value(key):
            raise Refused(StatusWord.AUTHENTICATION_FAILED)
        return key, at + 1 + KCV_SIZE
