"""The volatile half of the software card: which session is up, which authentication is under way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from ..iso7816.apdu import SHORT_NE, CommandApdu, ResponseApdu
from ..iso7816.secure_messaging import CardSecureMessaging
from ..iso7816.status import Refused, StatusWord
from ..model import CardProfile, Condition
from ..protocols.bac import CardBac, keys_from_seed
from ..protocols.chip_authentication import CardChipAuthentication
from ..protocols.pace import CardPace, Password, PasswordKind
from ..protocols.points import BY_PARAMETER_ID, base_multiply, random_scalar
from ..protocols.scp03 import CardScp03, StaticKeys, max_plain
from ..protocols.security_infos import Oid, PaceInfo

_GENERAL_AUTHENTICATE = 0x86
_MSE = 0x22


@dataclass(slots=True)
class SecureChannels:
    """RAM of the card. `writer_seen` says that SCP03 was opened since power-up."""

    profile: CardProfile
    random: Callable[[int], bytes]
    writer_seen: bool = False
    _messaging: CardSecureMessaging | None = None
    _scp03: CardScp03 | None = None
    _pace: CardPace | None = None
    _bac: CardBac | None = None
    _chip: CardChipAuthentication | None = None
    _outer_ne: int = 0
    _layer: Condition = field(default=Condition.ALWAYS)

    # --- one command --------------------------------------------------------------------------------------------

    def plain(self, command: CommandApdu) -> None:
        """A command without protection ends every session; an authentication goes on only with its own commands."""
        self._layer, self._outer_ne = Condition.ALWAYS, command.ne
        self._messaging = self._chip = None
        if self._scp03 is not None and self._scp03.open:
            self._scp03 = None
        if self._pace is not None and command.ins not in (_MSE, _GENERAL_AUTHENTICATE):
            self._pace = None

    def open(self, command: CommandApdu, layer: Condition) -> CommandApdu:
        """Take the protection off. Refused when it is wrong or no session is up."""
        self._layer, self._outer_ne = layer, command.ne
        session = self._messaging if layer is Condition.SECURE_MESSAGING else self._scp03
        if session is None:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        return session.unwrap_command(command)

    def close(self, response: ResponseApdu) -> ResponseApdu:
        """Protect the answer with the session in which the command came."""
        session = self._messaging if self._layer is Condition.SECURE_MESSAGING else self._scp03
        if session is None:
            return response
        protected = session.wrap_response(response)
        # Under SCP03 a command without Le is still answered with its R-MAC (Amendment D §6.2.5).
        if len(protected.data) > (self._outer_ne or SHORT_NE):
            raise Refused(StatusWord.WRONG_LENGTH)
        if self._chip is not None and self._chip.secure_messaging is not None:
            # The answer to Chip Authentication still goes under the old keys (9303-11 §6.2.4).
            self._messaging, self._chip = self._chip.secure_messaging, None
        return protected

    def room(self) -> int:
        """Plaintext bytes that the answer may have, for the Ne outside the protection."""
        if self._layer is Condition.SECURE_MESSAGING and self._messaging is not None:
            return self._messaging.max_plain_response(self._outer_ne)
        return max_plain(self._outer_ne) if self._layer is Condition.SCP03 else self._outer_ne

    def drop(self) -> None:
        """Forget every session and every authentication under way."""
        self._messaging = self._scp03 = self._pace = self._bac = self._chip = None

    def leave_application(self) -> None:
        """Another application was selected: SCP03 ends with its application, secure messaging goes on."""
        self._scp03 = None

    # --- SCP03 --------------------------------------------------------------------------------------------------

    def initialize_update(
        self, command: CommandApdu, *, keys: StaticKeys, serial: bytes, sequence_counter: int, aid: bytes
    ) -> ResponseApdu:
        """A new session begins; the old one, if any, is gone."""
        self._scp03 = CardScp03(
            lambda version: keys if version in (0, keys.version) else None,
            serial=serial,
            sequence_counter=sequence_counter,
            aid=aid,
        )
        return self._scp03.initialize_update(command)

    def external_authenticate(self, command: CommandApdu) -> tuple[int, ResponseApdu]:
        """The new sequence counter, and the answer."""
        if self._scp03 is None:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        response = self._scp03.external_authenticate(command)
        self.writer_seen = True
        return self._scp03.sequence_counter, response

    def decrypt_put_key(self, data: bytes) -> StaticKeys:
        """The keys that PUT KEY brings."""
        if self._scp03 is None:
            raise Refused(StatusWord.SECURITY_STATUS_NOT_SATISFIED)
        return self._scp03.decrypt_put_key(data)

    # --- PACE, BAC, Chip Authentication -------------------------------------------------------------------------

    def begin_pace(self, command: CommandApdu, passwords: dict[int, bytes]) -> ResponseApdu:
        """MSE:Set AT for PACE."""
        known = {
            PasswordKind(kind): Password(kind=PasswordKind(kind), secret=secret) for kind, secret in passwords.items()
        }
        offers = [PaceInfo(oid=Oid(offer.oid), parameter_id=offer.parameter_id) for offer in self.profile.pace]
        self._pace = CardPace(offers, known, self.random)
        return self._pace.handle(command)

    def begin_chip_authentication(self, command: CommandApdu, chip_key: bytes) -> ResponseApdu:
        """MSE:Set AT or Set KAT for Chip Authentication."""
        if not chip_key:
            raise Refused(StatusWord.REFERENCED_DATA_NOT_FOUND)
        curve = BY_PARAMETER_ID[self.profile.chip_key_parameter_id]
        private_key = ec.derive_private_key(int.from_bytes(chip_key), curve.group)
        self._chip = CardChipAuthentication(private_key, key_id=self.profile.chip_key_id)
        return self._chip.handle(command)

    def general_authenticate(self, command: CommandApdu) -> ResponseApdu:
        """The next step of whichever authentication is under way."""
        if self._layer is Condition.SECURE_MESSAGING and self._chip is not None:
            return self._chip.handle(command)
        if self._layer is not Condition.ALWAYS or self._pace is None:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        response = self._pace.handle(command)
        if self._pace.secure_messaging is not None:
            self._messaging, self._pace = self._pace.secure_messaging, None
        return response

    def get_challenge(self, passwords: dict[int, bytes]) -> ResponseApdu:
        """GET CHALLENGE for BAC."""
        secret = passwords.get(PasswordKind.MRZ)
        if secret is None:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        self._bac = CardBac(keys_from_seed(secret[:16]), self.random)
        return ResponseApdu(data=self._bac.get_challenge(), sw=StatusWord.OK)

    def mutual_authenticate(self, data: bytes) -> ResponseApdu:
        """BAC's MUTUAL AUTHENTICATE."""
        if self._bac is None:
            raise Refused(StatusWord.CONDITIONS_NOT_SATISFIED)
        answer, self._messaging = self._bac.mutual_authenticate(data)
        self._bac = None
        return ResponseApdu(data=answer, sw=StatusWord.OK)

    # --- the chip key -------------------------------------------------------------------------------------------

    def new_chip_key(self) -> bytes:
        """A private scalar, fixed width, big endian; it never leaves the card."""
        curve = BY_PARAMETER_ID[self.profile.chip_key_parameter_id]
        return random_scalar(curve, self.random).to_bytes(curve.size)

    def public_point(self, chip_key: bytes) -> bytes:
        """Its public key, uncompressed."""
        curve = BY_PARAMETER_ID[self.profile.chip_key_parameter_id]
        return base_multiply(curve, int.from_bytes(chip_key)).encode()
