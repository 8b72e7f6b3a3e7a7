"""What the issuer says to a card: each method is one step or less, under SCP03 where the card wants it.

Raises TransportFailed as it comes, CardMisbehaved as it comes; Refused where the card is not one that we write.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence

from card_profiles.errors import CardFault, CardMisbehaved
from card_profiles.iso7816 import commands, tlv
from card_profiles.iso7816.apdu import CommandApdu
from card_profiles.iso7816.commands import expect_ok
from card_profiles.iso7816.connection import Channel, Connection, Limits
from card_profiles.iso7816.exchange import run
from card_profiles.iso7816.status import StatusWord
from card_profiles.model import Application, CardProfile, Content, LifeCycle
from card_profiles.protocols import pace, scp03
from card_profiles.protocols.pace import Password, PasswordKind
from card_profiles.protocols.points import BY_PARAMETER_ID, decode_point
from card_profiles.protocols.scp03 import Scp03Session
from card_profiles.protocols.security_infos import SecurityInfos
from keys.errors import DecodeError

from .card_keys import CardKeyring
from .errors import Refusal, Refused
from .plan import Step
from .resume import CardView

_LIFE_CYCLE_TAG = 0x8A  # 7816-4 §7.4.3 table 12
_PASSWORD_TAG = 0x0100  # PUT DATA 01kk, kk the reference of the PACE password


class CardWriter:
    """One card in one power-up."""

    def __init__(
        self,
        connection: Connection,
        keyring: CardKeyring,
        profile: CardProfile,
        *,
        random: Callable[[int], bytes] = os.urandom,
    ) -> None:
        self.connection = connection
        self.channel = Channel(connection, Limits.from_atr(connection.atr))
        self.profile = profile
        self._keyring = keyring
        self._random = random
        self._session: Scp03Session | None = None

    # --- who is there

    def identify(self) -> CardView:
        """Read-only: life cycle, serial and key version. Raises Refused(FOREIGN_CARD) for another kind of card."""
        self.channel.secure = None
        try:
            selected = self.channel.send(commands.select_application(self.profile.permit.aid, fcp=True))
            if selected.sw not in (StatusWord.OK, StatusWord.TERMINATION_WARNING):
                raise Refused(Refusal.FOREIGN_CARD)
            life_cycle = _life_cycle(selected.data)
            identification = run(scp03.identify(self._random), self.channel.send)
        except (CardMisbehaved, DecodeError, ValueError) as error:
            raise Refused(Refusal.FOREIGN_CARD) from error
        return CardView(serial=identification.serial, key_version=identification.key_version, life_cycle=life_cycle)

    # --- sessions

    def open(self, application: Application) -> None:
        """SELECT, then SCP03 with the keys that the card says it has. Raises Refused(FOREIGN_KEYS)."""
        self.select(application)
        exchange = scp03.terminal(self._keyring.for_card, self._random, aid=application.aid)
        try:
            self._session = run(exchange, self.channel.send)
        except CardMisbehaved as error:
            if error.fault is CardFault.BAD_CRYPTOGRAM:
                raise Refused(Refusal.FOREIGN_KEYS, serial="-") from error
            raise
        self.channel.secure = self._session

    def select(self, application: Application) -> None:
        """SELECT in the clear, which ends whatever session there was."""
        self.channel.secure = None
        expect_ok(self.channel.send(commands.select_application(application.aid)), f"SELECT {application.name}")

    def select_secured(self, application: Application) -> None:
        """SELECT under secure messaging, which stays up."""
        expect_ok(self.channel.send(commands.select_application(application.aid)), f"SELECT {application.name}")

    def open_pace(self, password: Password) -> None:
        """Back to the MF, EF.CardAccess, PACE: secure messaging is up. Raises CardMisbehaved(WRONG_PASSWORD)."""
        self.channel.secure = None
        expect_ok(self.channel.send(commands.select_master_file()), "SELECT MF")
        file = self.profile.master_file.by_content(Content.SECURITY_INFOS)
        response = expect_ok(self.channel.send(commands.read_binary(sfi=file.sfi, ne=256)), "READ EF.CardAccess")
        info = pace.choose(SecurityInfos.decode(response.data))
        self.channel.secure = run(pace.terminal(info, password, self._random), self.channel.send)

    def to_master_file(self) -> None:
        """MF current and no session, as a counter finds a card after power-up."""
        self.channel.secure = None
        expect_ok(self.channel.send(commands.select_master_file()), "SELECT MF")

    def fit_limits(self) -> None:
        """EF.ATR/INFO: how long commands may be. A hint; without it the ATR's limits stay."""
        if not self.channel.limits.extended:
            return
        self.to_master_file()
        file = self.profile.master_file.by_content(Content.ATR_INFO)
        response = self.channel.send(commands.read_binary(sfi=file.sfi, ne=256))
        try:
            self.channel.limits = Limits.from_atr_info(response.data)
        except DecodeError:
            return

    # --- steps

    def put_keys(self, serial: bytes) -> None:
        """PUT KEY: the card's own keys in place of those that opened the session."""
        assert self._session is not None
        new = self._keyring.authority(serial)
        data = scp03.put_key_data(new, self._session)
        replaced = self._session.key_version
        response = expect_ok(self.channel.send(commands.put_key(data, replaces=replaced)), "PUT KEY")
        if response.data != scp03.put_key_answer(new):
            raise CardMisbehaved("PUT KEY: other check values", fault=CardFault.MALFORMED_RESPONSE)

    def chip_key(self) -> bytes:
        """The public chip key, a 65-byte point; generated if there is none yet."""
        key_id = self.profile.chip_key_id
        response = self.channel.send(commands.read_public_key(key_id))
        if response.sw == StatusWord.REFERENCED_DATA_NOT_FOUND:
            response = self.channel.send(commands.generate_key_pair(key_id))
        expect_ok(response, "GENERATE ASYMMETRIC KEY PAIR")
        try:
            point = commands.public_key_point(response.data)
            decode_point(BY_PARAMETER_ID[self.profile.chip_key_parameter_id], point)
        except DecodeError as error:
            raise CardMisbehaved(f"chip key: {error}", fault=CardFault.MALFORMED_RESPONSE) from error
        return point

    def put_password(self, password: Password) -> None:
        """PUT DATA: the secret of a PACE password, CAN or MRZ."""
        command = commands.put_data(_PASSWORD_TAG | password.kind, password.secret)
        expect_ok(self.channel.send(command), f"PUT DATA {PasswordKind(password.kind).name}")

    def update(self, step: Step) -> None:
        """One UPDATE BINARY of the plan."""
        expect_ok(self.channel.send(_update(step)), f"UPDATE BINARY {step.file}")

    def update_all(self, steps: Sequence[Step], begun: Callable[[Step], None], done: Callable[[], None]) -> None:
        """UPDATE BINARY steps in their order, together as far as the connection carries them so. `begun` and `done`
        hear of each step in turn, when its answer is there; at the step that fails, `begun` alone."""
        while steps:
            together, steps = steps[: self.channel.max_batch], steps[self.channel.max_batch :]
            if len(together) == 1:
                begun(together[0])
                self.update(together[0])
                done()
                continue
            begun(together[0])
            responses = self.channel.send_all([_update(step) for step in together])
            for number, (step, response) in enumerate(zip(together, responses, strict=False)):
                if number:
                    begun(step)
                expect_ok(response, f"UPDATE BINARY {step.file}")
                done()

    def read(self, application: Application, name: str, length: int) -> bytes:
        """A whole file of the selected application."""
        return commands.read_file(self.channel, application.file(name).sfi, length) if length else b""

    def read_all(self, application: Application, lengths: Mapping[str, int]) -> dict[str, bytes]:
        """Whole files of the selected application, each of its length."""
        by_sfi = {application.file(name).sfi: name for name in lengths}
        found = commands.read_files(self.channel, {sfi: lengths[name] for sfi, name in by_sfi.items()})
        return {by_sfi[sfi]: content for sfi, content in found.items()}

    def activate(self) -> None:
        """ACTIVATE: in force from here on."""
        expect_ok(self.channel.send(commands.activate()), "ACTIVATE")

    def terminate(self) -> None:
        """TERMINATE CARD USAGE, for good."""
        expect_ok(self.channel.send(commands.terminate_card_usage()), "TERMINATE CARD USAGE")


def _update(step: Step) -> CommandApdu:
    sfi = step.sfi if step.sfi >= 0 else None
    return commands.update_binary(data=step.data, sfi=sfi, offset=step.offset)


def _life_cycle(fcp: bytes) -> LifeCycle:
    """The life cycle status byte in the FCP template 62. Raises DecodeError, ValueError for an unknown state."""
    value = tlv.require(tlv.unwrap(fcp, 0x62).children(), _LIFE_CYCLE_TAG).value
    if len(value) != 1:
        raise DecodeError("not one byte", path="FCP/8A")
    return LifeCycle(value[0])
