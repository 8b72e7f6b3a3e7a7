"""PACE with generic mapping over elliptic curves, ECDH-GM-AES-CBC-CMAC (ICAO Doc 9303-11 §4.4): terminal and card.

`terminal` is a generator without input or output; `CardPace` is its counterpart in the software card. Both end with
secure messaging under fresh keys, SSC zero. Every public key is checked: on the curve, not the identity, not our own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from hashlib import sha1

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from cryptography.hazmat.primitives.constant_time import bytes_eq

from card_profiles.errors import CardFault, CardMisbehaved, Misuse
from card_profiles.iso7816 import tlv
from card_profiles.iso7816.apdu import CLA_CHAINING, CommandApdu, ResponseApdu
from card_profiles.iso7816.commands import expect_ok, general_authenticate, mse_set_at
from card_profiles.iso7816.exchange import Exchange
from card_profiles.iso7816.secure_messaging import BlockCipher, CardSecureMessaging, SecureMessaging
from card_profiles.iso7816.status import Refused, StatusWord
from card_profiles.protocols import authentication_data, der, kdf
from card_profiles.protocols.authentication_data import encode_reference, point_fault
from card_profiles.protocols.points import (
    BY_PARAMETER_ID,
    CURVES,
    Curve,
    Point,
    add,
    base_multiply,
    decode_point,
    multiply,
    random_scalar,
    shared_x,
)
from card_profiles.protocols.security_infos import Oid, PaceInfo, SecurityInfos
from keys.errors import DecodeError

Random = Callable[[int], bytes]

TOKEN_SIZE = 8
_BLOCK = 16
_NONCE_SIZES = (16, 32)  # §4.4.3.3: whole blocks, at least the key length; chips with 16 bytes under AES-256 are known

_MUTUAL = 0xC1  # P1 of MSE:Set AT, §4.4.4.1
_SET_AT = 0xA4
_MANAGE_SECURITY_ENVIRONMENT = 0x22
_GENERAL_AUTHENTICATE = 0x86

# The mechanisms that this project runs (§4.4.3, §9.2.1).
_CIPHERS = {
    Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128: kdf.Cipher.AES_128,
    Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_192: kdf.Cipher.AES_192,
    Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_256: kdf.Cipher.AES_256,
}

# Answers to the token that mean "wrong password": 63xx by §4.4.4.2, the others as chips in the field say it.
_REFUSALS = (StatusWord.SECURITY_STATUS_NOT_SATISFIED, StatusWord.SECURE_MESSAGING_OBJECT_INCORRECT)

_CAN = re.compile(r"[0-9]{6,16}", re.ASCII)
_MRZ_INFORMATION = re.compile(r"[A-Z0-9<]{24,40}", re.ASCII)  # more than 24 when a TD1 document number is long


class PasswordKind(IntEnum):
    """Reference of the password in MSE:Set AT, data object 83."""

    MRZ = 0x01
    CAN = 0x02


@dataclass(frozen=True, slots=True, kw_only=True)
class Password:
    """`secret` is what goes into the key derivation: 20 bytes of SHA-1 for the MRZ, the ASCII digits for the CAN."""

    kind: PasswordKind
    secret: bytes = field(repr=False)

    @classmethod
    def from_can(cls, can: str) -> Password:
        """The card access number, six digits or more. ValueError, which does not repeat the number."""
        if not _CAN.fullmatch(can):
            raise ValueError("a card access number has six digits or more")
        return cls(kind=PasswordKind.CAN, secret=can.encode("ascii"))

    @classmethod
    def from_mrz(cls, mrz_information: str) -> Password:
        """Document number, birth and expiry date, each with its check digit, as the MRZ prints them. ValueError."""
        if not _MRZ_INFORMATION.fullmatch(mrz_information):
            raise ValueError("MRZ information has 24 characters or more of A-Z, 0-9 and <")
        # §9.7.3: f(π) = SHA-1(MRZ information); BAC takes 16 bytes of it, PACE all 20.
        return cls(kind=PasswordKind.MRZ, secret=sha1(mrz_information.encode("ascii"), usedforsecurity=False).digest())


# --- what both sides compute ---------------------------------------------------------------------------------


def supported(info: PaceInfo) -> bool:
    """Whether this project can run `info`."""
    return info.oid in _CIPHERS and info.parameter_id in BY_PARAMETER_ID


def choose(card_access: SecurityInfos) -> PaceInfo:
    """The first supported mechanism, AES-128 and the fastest curve first; CardMisbehaved UNKNOWN_CARD if there is none.

    EF.CardAccess is not signed: compare it with DG14 afterwards (`SecurityInfos.confirms`) where DG14 is read.
    """
    curves = [curve.parameter_id for curve in CURVES]
    offers = [info for info in card_access.pace if supported(info)]
    if not offers:
        raise CardMisbehaved("no PACE mechanism that we run", fault=CardFault.UNKNOWN_CARD)
    return min(offers, key=lambda info: (list(_CIPHERS).index(info.oid), curves.index(info.parameter_id or 0)))


def map_generator(nonce: bytes, agreed: Point) -> Point | None:
    """Generic mapping, §4.4.3.3.1: s * G + H; None when that is the identity."""
    curve = agreed.curve
    scalar = int.from_bytes(nonce, "big") % curve.n
    return add(base_multiply(curve, scalar), agreed) if scalar else agreed


def token(mac_key: bytes, oid: Oid, public_key: Point) -> bytes:
    """§4.4.3.4: CMAC over 7F49 { 06 mechanism, 86 the *other* side's ephemeral public key }, 8 bytes."""
    cmac = CMAC(AES(mac_key))
    cmac.update(tlv.encode(0x7F49, der.encode_oid(oid) + tlv.encode(0x86, public_key.encode())))
    return cmac.finalize()[:TOKEN_SIZE]


def _nonce_cipher(password: Password, cipher: kdf.Cipher) -> Cipher[modes.CBC]:
    """§4.4.3.3: E(Kπ, s) in CBC with a zero IV."""
    return Cipher(AES(kdf.derive(password.secret, kdf.PASSWORD, cipher)), modes.CBC(bytes(_BLOCK)))


# --- the terminal --------------------------------------------------------------------------------------------


def terminal(info: PaceInfo, password: Password, random: Random) -> Exchange[SecureMessaging]:
    """Five commands: MSE:Set AT and four GENERAL AUTHENTICATE in a chain; returns the secure messaging that follows.

    Draws two scalars of `curve.size` bytes from `random`. CardMisbehaved: WRONG_PASSWORD; STATUS_WORD with `sw` when
    the card refuses a step; MALFORMED_RESPONSE; NOT_ON_CURVE; WEAK_PARAMETERS (identity, or our own key sent back);
    BAD_CRYPTOGRAM when the card accepts our token and its own is wrong. Misuse for an `info` that is not `supported`.
    """
    if not supported(info) or info.parameter_id is None:
        raise Misuse("this PACE mechanism is not supported")
    cipher, curve = _CIPHERS[info.oid], BY_PARAMETER_ID[info.parameter_id]

    selection = (
        (0x80, der.oid_content(info.oid)),
        (0x83, bytes((password.kind,))),
        (0x84, encode_reference(info.parameter_id)),
    )
    response = expect_ok((yield mse_set_at(_MUTUAL, tlv.encode_sequence(selection))), "PACE, MSE:Set AT")
    if response.data:
        raise CardMisbehaved("data in answer to MSE:Set AT", fault=CardFault.MALFORMED_RESPONSE, sw=response.sw)

    cryptogram = _received((yield _authenticate(None)), 0x80)
    if len(cryptogram) not in _NONCE_SIZES:
        raise CardMisbehaved("encrypted nonce of an impossible length", fault=CardFault.MALFORMED_RESPONSE)
    nonce = _nonce_cipher(password, cipher).decryptor().update(cryptogram)

    mapping_private = random_scalar(curve, random)
    mapping_public = base_multiply(curve, mapping_private)
    mapping_peer = _peer(curve, _received((yield _authenticate(0x81, mapping_public.encode())), 0x82), mapping_public)
    agreed = multiply(mapping_peer, mapping_private)
    generator = agreed and map_generator(nonce, agreed)
    if generator is None:
        raise CardMisbehaved("the mapped generator is the identity", fault=CardFault.WEAK_PARAMETERS)

    private = random_scalar(curve, random)
    public = _nonzero(multiply(generator, private))
    peer = _peer(curve, _received((yield _authenticate(0x83, public.encode())), 0x84), public)
    keys = _SessionKeys(shared_x(peer, private), cipher)

    response = yield _authenticate(0x85, token(keys.mac, info.oid, peer), last=True)
    if response.sw >> 8 == 0x63 or response.sw in _REFUSALS:
        raise CardMisbehaved("the password is not this card's", fault=CardFault.WRONG_PASSWORD, sw=response.sw)
    if not bytes_eq(_received(response, 0x86), token(keys.mac, info.oid, public)):
        raise CardMisbehaved("the card's token is wrong", fault=CardFault.BAD_CRYPTOGRAM, sw=response.sw)
    return SecureMessaging(BlockCipher.AES, keys.enc, keys.mac)


class _SessionKeys:
    """§4.4.3.2: KSenc and KSmac from the x coordinate of the shared point."""

    def __init__(self, secret: bytes, cipher: kdf.Cipher) -> None:
        self.enc = kdf.derive(secret, kdf.ENCRYPTION, cipher)
        self.mac = kdf.derive(secret, kdf.MAC, cipher)


def _authenticate(tag: int | None, value: bytes = b"", *, last: bool = False) -> CommandApdu:
    return general_authenticate(authentication_data.encode(tag, value), last=last)


def _received(response: ResponseApdu, tag: int) -> bytes:
    expect_ok(response, "PACE, GENERAL AUTHENTICATE")
    try:
        return authentication_data.decode(response.data, tag)
    except DecodeError as error:
        raise CardMisbehaved(f"PACE: {error}", fault=CardFault.MALFORMED_RESPONSE, sw=response.sw) from error


def _peer(curve: Curve, data: bytes, ours: Point) -> Point:
    """The card's public key of one step, after every check on it."""
    try:
        point = decode_point(curve, data)
    except DecodeError as error:
        raise CardMisbehaved(f"PACE: {error}", fault=point_fault(error)) from error
    if point == ours:  # §4.4.1 step 3 d
        raise CardMisbehaved("the card sent our own key back", fault=CardFault.WEAK_PARAMETERS)
    return point


def _nonzero(point: Point | None) -> Point:
    """A multiple by a scalar in [1, n-1] of a point of order n."""
    if point is None:
        raise ArithmeticError("a multiple of a generator is the identity")
    return point


# --- the card ------------------------------------------------------------------------------------------------


class _Step(IntEnum):
    """What the card waits for."""

    SELECTION = 0
    NONCE = 1
    MAPPING = 2
    AGREEMENT = 3
    TOKEN = 4


class CardPace:
    """The card's side. Feed it MSE:Set AT (P1 P2 C1 A4) and GENERAL AUTHENTICATE; any error begins anew.

    After the last answer 9000, `secure_messaging` holds the session and `password_kind` what opened it. The card calls
    `reset` when another command comes in between, because that breaks the chain (ISO/IEC 7816-4, 5.3.3).
    """

    def __init__(self, infos: Iterable[PaceInfo], passwords: Mapping[PasswordKind, Password], random: Random) -> None:
        self._infos = tuple(infos)
        if not all(supported(info) for info in self._infos):
            raise Misuse("this PACE mechanism is not supported")
        self._passwords = passwords
        self._random = random
        self.reset()

    def reset(self) -> None:
        """Forget everything, an established session too."""
        self.secure_messaging: CardSecureMessaging | None = None
        self.password_kind: PasswordKind | None = None
        self._step = _Step.SELECTION
        self._run: _CardRun | None = None

    @property
    def in_progress(self) -> bool:
        """Whether the next GENERAL AUTHENTICATE belongs to PACE."""
        return self._run is not None

    def handle(self, command: CommandApdu) -> ResponseApdu:
        """Answer one command: 9000, or 6300 for a wrong password, 6A80, 6A88, 6883, 6985, 6D00."""
        try:
            if command.ins == _MANAGE_SECURITY_ENVIRONMENT:
                return self._select(command)
            if command.ins == _GENERAL_AUTHENTICATE:
                return self._authenticate(command)
            raise Refused(StatusWord.INS_NOT_SUPPORTED)
        except Refused as refused:
            self.reset()
            return ResponseApdu(sw=refused.sw)
        except DecodeError:
            self.reset()
            return ResponseApdu(sw=StatusWord.WRONG_DATA)

    def _select(self, command: CommandApdu) -> ResponseApdu:
        self.reset()
        if (command.p1, command.p2) != (_MUTUAL, _SET_AT):
            raise Refused(StatusWord.INCORRECT_P1_P2)
        if command.cla:
            raise Refused(StatusWord.CLA_NOT_SUPPORTED)
        elements = tlv.parse_sequence(command.data)
        if any(element.tag not in (0x80, 0x83, 0x84) for element in elements):
            raise Refused(StatusWord.WRONG_DATA)
        mechanism = tlv.require(elements, 0x80).value
        reference = tlv.require(elements, 0x83).value
        parameter = tlv.find(elements, 0x84)
        offers = [info for info in self._infos if der.oid_content(info.oid) == mechanism]
        if not offers:
            raise Refused(StatusWord.WRONG_DATA)
        if parameter is not None:
            offers = [info for info in offers if encode_reference(info.parameter_id or 0) == parameter.value]
        password = next((known for kind, known in self._passwords.items() if bytes((kind,)) == reference), None)
        if len(offers) != 1 or password is None:  # §4.4.4.1: without 84 there must be no choice
            raise Refused(StatusWord.REFERENCED_DATA_NOT_FOUND)
        self._run = _CardRun(offers[0], password, self._random)
        self._step = _Step.NONCE
        return ResponseApdu(sw=StatusWord.OK)

    def _authenticate(self, command: CommandApdu) -> ResponseApdu:
        run, step = self._run, self._step
        if run is None:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        if command.p1 or command.p2:
            raise Refused(StatusWord.INCORRECT_P1_P2)
        if command.cla != (0 if step is _Step.TOKEN else CLA_CHAINING):
            raise Refused(StatusWord.LAST_COMMAND_EXPECTED if step is _Step.TOKEN else StatusWord.CLA_NOT_SUPPORTED)
        if step is _Step.NONCE:
            authentication_data.decode(command.data, None)
            answer = authentication_data.encode(0x80, run.encrypted_nonce())
        elif step is _Step.MAPPING:
            answer = authentication_data.encode(0x82, run.map(authentication_data.decode(command.data, 0x81)))
        elif step is _Step.AGREEMENT:
            answer = authentication_data.encode(0x84, run.agree(authentication_data.decode(command.data, 0x83)))
        else:
            answer = authentication_data.encode(0x86, run.confirm(authentication_data.decode(command.data, 0x85)))
            session, kind = run.secure_messaging(), run.password.kind
            self.reset()
            self.secure_messaging, self.password_kind = session, kind
            return ResponseApdu(data=answer, sw=StatusWord.OK)
        self._step = _Step(step + 1)
        return ResponseApdu(data=answer, sw=StatusWord.OK)


class _CardRun:
    """The secrets of one run, step by step; Refused or DecodeError ends it."""

    def __init__(self, info: PaceInfo, password: Password, random: Random) -> None:
        self.password = password
        self._oid = info.oid
        self._cipher = _CIPHERS[info.oid]
        self._curve = BY_PARAMETER_ID[info.parameter_id or 0]
        self._random = random

    def encrypted_nonce(self) -> bytes:
        size = 16 if self._cipher is kdf.Cipher.AES_128 else 32  # §4.4.3.3: at least the key length, whole blocks
        self._nonce = self._random(size)
        return _nonce_cipher(self.password, self._cipher).encryptor().update(self._nonce)

    def map(self, data: bytes) -> bytes:
        peer = decode_point(self._curve, data)
        private = random_scalar(self._curve, self._random)
        public = base_multiply(self._curve, private)
        agreed = multiply(peer, private)
        generator = agreed and map_generator(self._nonce, agreed)
        if generator is None or peer == public:
            raise Refused(StatusWord.WRONG_DATA)
        self._generator = generator
        return public.encode()

    def agree(self, data: bytes) -> bytes:
        peer = decode_point(self._curve, data)
        private = random_scalar(self._curve, self._random)
        public = _nonzero(multiply(self._generator, private))
        if peer == public:
            raise Refused(StatusWord.WRONG_DATA)
        self._keys = _SessionKeys(shared_x(peer, private), self._cipher)
        self._public, self._peer = public, peer
        return public.encode()

    def confirm(self, received: bytes) -> bytes:
        """Our token for theirs; 6300 when theirs is wrong, and then ours stays here."""
        if not bytes_eq(received, token(self._keys.mac, self._oid, self._public)):
            raise Refused(StatusWord.AUTHENTICATION_FAILED)
        return token(self._keys.mac, self._oid, self._peer)

    def secure_messaging(self) -> CardSecureMessaging:
        return CardSecureMessaging(BlockCipher.AES, self._keys.enc, self._keys.mac)
