"""Chip Authentication version 1 over elliptic curves (ICAO Doc 9303-11 §6.2; BSI TR-03110-1 §3.4).

The terminal's ephemeral key meets the chip's static one; who can go on under the new keys holds the static private key.
The protocol itself proves nothing: the first response whose MAC fits does. And it proves only that the chip holds the
key, so the key must come from signed data (deviceKey of the mobile security object, or DG14 under EF.SOD).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from card_profiles.errors import CardFault, CardMisbehaved, Misuse
from card_profiles.iso7816 import tlv
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.commands import expect_ok, general_authenticate, mse_set_at
from card_profiles.iso7816.exchange import Exchange
from card_profiles.iso7816.secure_messaging import CardSecureMessaging, SecureMessaging
from card_profiles.iso7816.status import Refused, StatusWord
from card_profiles.protocols import authentication_data, der
from card_profiles.protocols.authentication_data import encode_reference, point_fault
from card_profiles.protocols.kdf import ENCRYPTION, MAC, Cipher, derive
from card_profiles.protocols.points import (
    CURVES,
    P_256,
    Curve,
    Point,
    base_multiply,
    decode_point,
    random_scalar,
    shared_x,
)
from card_profiles.protocols.security_infos import Oid, SecurityInfos
from keys.errors import DecodeError

_SET = 0x41  # P1 of MSE, §6.2.4: computation
_SET_AT = 0xA4
_SET_KAT = 0xA6
_MANAGE_SECURITY_ENVIRONMENT = 0x22
_GENERAL_AUTHENTICATE = 0x86

_CIPHERS = {
    Oid.ID_CA_ECDH_3DES_CBC_CBC: Cipher.TRIPLE_DES,
    Oid.ID_CA_ECDH_AES_CBC_CMAC_128: Cipher.AES_128,
    Oid.ID_CA_ECDH_AES_CBC_CMAC_192: Cipher.AES_192,
    Oid.ID_CA_ECDH_AES_CBC_CMAC_256: Cipher.AES_256,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipAuthenticationChoice:
    """What a DG14 offers, ready for `terminal`."""

    oid: Oid
    key_id: int | None
    public_key: Point


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipAuthenticationResult:
    """`secure_messaging` replaces the session that carried the protocol; `ephemeral_private`, `curve.size` bytes, lets
    `replay` recompute it. Whoever holds the private key can forge the recording: it convinces ourselves, nobody else.
    """

    secure_messaging: SecureMessaging = field(repr=False)
    ephemeral_private: bytes = field(repr=False)


def choose(infos: SecurityInfos) -> ChipAuthenticationChoice:
    """The first mechanism that we run and that has a key, AES-128 first; CardMisbehaved UNKNOWN_CARD otherwise.

    A DG14 with a key and no ChipAuthenticationInfo at all means 3DES (§9.2.5).
    """
    keys = infos.chip_authentication_keys
    offers = [(info.oid, info.key_id) for info in infos.chip_authentication]
    if not offers:
        offers = [(Oid.ID_CA_ECDH_3DES_CBC_CBC, key.key_id) for key in keys]
    choices = [
        ChipAuthenticationChoice(oid=oid, key_id=key_id, public_key=key.public_key)
        for oid, key_id in offers
        for key in keys
        if oid in _CIPHERS and (key.key_id == key_id or (len(keys) == 1 and None in (key.key_id, key_id)))
    ]
    if not choices:
        raise CardMisbehaved("no Chip Authentication that we run", fault=CardFault.UNKNOWN_CARD)
    return min(choices, key=lambda choice: (_CIPHERS[choice.oid] is Cipher.TRIPLE_DES, choice.oid))


# --- the terminal --------------------------------------------------------------------------------------------


def terminal(
    public_point: bytes,
    *,
    oid: Oid = Oid.ID_CA_ECDH_AES_CBC_CMAC_128,
    key_id: int | None,
    random: Callable[[int], bytes],
    curve: Curve = P_256,
) -> Exchange[ChipAuthenticationResult]:
    """Send over the secure messaging that PACE brought; afterwards put the result's in its place.

    `public_point` is the chip's key, uncompressed, 1 + 2 * `curve.size` bytes. Draws one scalar from `random`.
    CardMisbehaved: STATUS_WORD with `sw`; MALFORMED_RESPONSE; NOT_ON_CURVE or WEAK_PARAMETERS when `public_point` is
    no public key. Misuse for a mechanism that we do not run.
    """
    cipher = _cipher(oid)
    try:
        chip_key = decode_point(curve, public_point)
    except DecodeError as error:
        raise CardMisbehaved(f"Chip Authentication key: {error}", fault=point_fault(error)) from error
    private = random_scalar(curve, random)
    ours = base_multiply(curve, private).encode()
    reference = [] if key_id is None else [(0x84, encode_reference(key_id))]
    if cipher is Cipher.TRIPLE_DES:  # §6.2.4.1
        data = tlv.encode_sequence([(0x91, ours), *reference])
        response = yield CommandApdu(ins=_MANAGE_SECURITY_ENVIRONMENT, p1=_SET, p2=_SET_KAT, data=data)
        _require_empty(expect_ok(response, "Chip Authentication, MSE:Set KAT"))
    else:  # §6.2.4.2
        data = tlv.encode_sequence([(0x80, der.oid_content(oid)), *reference])
        response = yield mse_set_at(_SET, data)
        _require_empty(expect_ok(response, "Chip Authentication, MSE:Set AT"))
        response = yield general_authenticate(authentication_data.encode(0x80, ours))
        expect_ok(response, "Chip Authentication, GENERAL AUTHENTICATE")
        if response.data != authentication_data.encode():
            _require_empty(response)
    return ChipAuthenticationResult(
        secure_messaging=SecureMessaging(cipher.block_cipher, *_session_keys(shared_x(chip_key, private), cipher)),
        ephemeral_private=private.to_bytes(curve.size, "big"),
    )


def replay(
    ephemeral_private: bytes,
    public_point: bytes,
    *,
    oid: Oid = Oid.ID_CA_ECDH_AES_CBC_CMAC_128,
    curve: Curve = P_256,
) -> SecureMessaging:
    """The session that `terminal` ended with, SSC zero, computed again: to unwrap recorded responses without a card.

    DecodeError (NotOnCurve, IdentityEncoded) when `public_point` is no public key or `ephemeral_private` no scalar of
    `curve.size` bytes. Misuse for a mechanism that we do not run.
    """
    cipher = _cipher(oid)
    scalar = int.from_bytes(ephemeral_private, "big")
    if len(ephemeral_private) != curve.size or not 0 < scalar < curve.n:
        raise DecodeError("not a private key", path="ChipAuthentication/ephemeral_private")
    secret = shared_x(decode_point(curve, public_point), scalar)
    return SecureMessaging(cipher.block_cipher, *_session_keys(secret, cipher))


def _cipher(oid: Oid) -> Cipher:
    if oid not in _CIPHERS:
        raise Misuse("this Chip Authentication mechanism is not supported")
    return _CIPHERS[oid]


def _session_keys(secret: bytes, cipher: Cipher) -> tuple[bytes, bytes]:
    """KSenc and KSmac (§9.7.1)."""
    return derive(secret, ENCRYPTION, cipher), derive(secret, MAC, cipher)


def _require_empty(response: ResponseApdu) -> None:
    if response.data:
        fault = CardFault.MALFORMED_RESPONSE
        raise CardMisbehaved("unexpected data in Chip Authentication", fault=fault, sw=response.sw)


# --- the card ------------------------------------------------------------------------------------------------


class CardChipAuthentication:
    """The card's side: MSE:Set AT (41 A4) then GENERAL AUTHENTICATE, or MSE:Set KAT (41 A6) when 3DES is on offer.

    After 9000 to the last of them `secure_messaging` holds the new session. The card protects that very answer under
    the old keys and changes over afterwards. Any error begins anew; the old session is the card's and stays.
    """

    def __init__(
        self,
        private_key: ec.EllipticCurvePrivateKey,
        *,
        key_id: int | None,
        oids: tuple[Oid, ...] = (Oid.ID_CA_ECDH_AES_CBC_CMAC_128,),
    ) -> None:
        self._private_key = private_key
        self._curve = next(curve for curve in CURVES if curve.group.name == private_key.curve.name)
        self._key_id = key_id
        self._ciphers = {der.oid_content(oid): _cipher(oid) for oid in oids}
        self.reset()

    def reset(self) -> None:
        """Forget the selection and the result."""
        self.secure_messaging: CardSecureMessaging | None = None
        self._selected: Cipher | None = None

    @property
    def in_progress(self) -> bool:
        """Whether the next GENERAL AUTHENTICATE belongs to Chip Authentication."""
        return self._selected is not None

    def handle(self, command: CommandApdu) -> ResponseApdu:
        """Answer one plain command: 9000, 6A80, 6A86, 6A88, 6985, 6D00, 6E00."""
        try:
            if command.cla:
                raise Refused(StatusWord.CLA_NOT_SUPPORTED)
            if command.ins == _MANAGE_SECURITY_ENVIRONMENT:
                return self._manage(command)
            if command.ins == _GENERAL_AUTHENTICATE:
                return self._authenticate(command)
            raise Refused(StatusWord.INS_NOT_SUPPORTED)
        except Refused as refused:
            self.reset()
            return ResponseApdu(sw=refused.sw)
        except DecodeError:
            self.reset()
            return ResponseApdu(sw=StatusWord.WRONG_DATA)

    def _manage(self, command: CommandApdu) -> ResponseApdu:
        self.reset()
        if command.p1 != _SET or command.p2 not in (_SET_AT, _SET_KAT):
            raise Refused(StatusWord.INCORRECT_P1_P2)
        elements = tlv.parse_sequence(command.data)
        required = 0x80 if command.p2 == _SET_AT else 0x91
        if [element.tag for element in elements] not in ([required], [required, 0x84]):
            raise Refused(StatusWord.WRONG_DATA)
        first, *reference = elements
        if reference and (self._key_id is None or reference[0].value != encode_reference(self._key_id)):
            raise Refused(StatusWord.REFERENCED_DATA_NOT_FOUND)
        if command.p2 == _SET_KAT:
            if Cipher.TRIPLE_DES not in self._ciphers.values():
                raise Refused(StatusWord.INCORRECT_P1_P2)
            self._agree(first.value, Cipher.TRIPLE_DES)
            return ResponseApdu(sw=StatusWord.OK)
        cipher = self._ciphers.get(first.value)
        if cipher is None or cipher is Cipher.TRIPLE_DES:
            raise Refused(StatusWord.WRONG_DATA)
        self._selected = cipher
        return ResponseApdu(sw=StatusWord.OK)

    def _authenticate(self, command: CommandApdu) -> ResponseApdu:
        cipher = self._selected
        if cipher is None:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        if command.p1 or command.p2:
            raise Refused(StatusWord.INCORRECT_P1_P2)
        self._agree(authentication_data.decode(command.data, 0x80), cipher)
        self._selected = None
        return ResponseApdu(data=authentication_data.encode(), sw=StatusWord.OK)

    def _agree(self, data: bytes, cipher: Cipher) -> None:
        """DecodeError for what is no public key: an invalid point would leak the static key bit by bit."""
        peer = decode_point(self._curve, data)
        public = ec.EllipticCurvePublicNumbers(peer.x, peer.y, self._curve.group).public_key()
        secret = self._private_key.exchange(ec.ECDH(), public)
        self.secure_messaging = CardSecureMessaging(cipher.block_cipher, *_session_keys(secret, cipher))
