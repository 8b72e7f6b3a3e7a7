"""The software card against the terminal side: issuing in small, then who may do what in which state."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from card_profiles.errors import CardFault, CardMisbehaved
from card_profiles.iso7816 import commands
from card_profiles.iso7816.apdu import CommandApdu
from card_profiles.iso7816.connection import Channel, Limits
from card_profiles.iso7816.exchange import run
from card_profiles.model import LifeCycle
from card_profiles.protocols import chip_authentication, pace, scp03
from card_profiles.protocols.pace import Password
from card_profiles.protocols.scp03 import StaticKeys
from card_profiles.protocols.security_infos import SecurityInfos
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import InProcessConnection
from card_profiles.softcard.image import MemoryImage, decode_state, encode_state, new_card_state

SERIAL = bytes(range(10))
TRANSPORT = bytes(range(0x40, 0x50))
OURS = StaticKeys(enc=b"E" * 16, mac=b"M" * 16, dek=b"D" * 16, version=0x30)
BLANK_KEYS = StaticKeys(enc=TRANSPORT, mac=TRANSPORT, dek=TRANSPORT, version=0x01)
CAN = Password.from_can("123456")
EF_MSO_A = PROFILE.permit.file("EF.MSO/A")
DG1 = PROFILE.identity.file("DG1")


class Desk:
    """A card and the commands with which the tests bring it where they want it."""

    def __init__(self, *, extended: bool = True) -> None:
        self.image = MemoryImage(new_card_state(PROFILE, serial=SERIAL, transport_key=TRANSPORT))
        self.card = SoftCard(PROFILE, self.image)
        self.extended = extended
        self.power_up()

    def power_up(self) -> None:
        connection = InProcessConnection(self.card)
        self.channel = Channel(connection, Limits.from_atr(connection.atr) if self.extended else Limits())

    def plain(self) -> None:
        self.channel.secure = None

    def select(self, aid: bytes) -> None:
        commands.expect_ok(self.channel.send(commands.select_application(aid)), "SELECT")

    def writer(self, keys: StaticKeys, aid: bytes = PROFILE.permit.aid) -> None:
        self.plain()
        self.select(aid)
        self.channel.secure = run(scp03.terminal(lambda _: keys, os.urandom), self.channel.send)

    def reader(self, password: Password = CAN) -> None:
        self.plain()
        commands.expect_ok(self.channel.send(commands.select_master_file()), "SELECT MF")
        access = commands.read_file(self.channel, 0x1C, len(self.card.state.files["MF", 0x011C]))
        info = pace.choose(SecurityInfos.decode(access))
        self.channel.secure = run(pace.terminal(info, password, os.urandom), self.channel.send)

    def sw(self, command: CommandApdu) -> int:
        return self.channel.send(command).sw

    def personalising(self) -> None:
        self.writer(BLANK_KEYS)
        session = self.channel.secure
        assert isinstance(session, scp03.Scp03Session)
        data = scp03.put_key_data(OURS, session)
        commands.expect_ok(self.channel.send(commands.put_key(data)), "PUT KEY")
        self.writer(OURS)

    def activated(self) -> bytes:
        self.personalising()
        answer = self.channel.send(commands.generate_key_pair(1))
        assert self.sw(commands.put_data(0x0102, CAN.secret)) == 0x9000
        commands.write_file(self.channel, EF_MSO_A.sfi, b"m" * 700)
        assert self.sw(commands.activate()) == 0x9000
        return commands.public_key_point(answer.data)

    def terminated(self) -> None:
        self.activated()
        assert self.sw(commands.terminate_card_usage()) == 0x9000


@pytest.mark.parametrize("extended", [True, False])
def test_a_card_is_written_activated_and_read_under_the_chip_key(extended: bool) -> None:
    desk = Desk(extended=extended)
    point = desk.activated()
    desk.power_up()
    desk.reader()
    desk.select(PROFILE.permit.aid)
    assert commands.read_file(desk.channel, EF_MSO_A.sfi, 700) == b"m" * 700
    result = run(chip_authentication.terminal(point, key_id=1, random=os.urandom), desk.channel.send)
    desk.channel.secure = result.secure_messaging
    assert commands.read_file(desk.channel, EF_MSO_A.sfi, 700) == b"m" * 700


def test_a_chip_with_another_key_cannot_go_on_after_chip_authentication() -> None:
    desk, other = Desk(), Desk()
    desk.activated()
    point = other.activated()
    desk.power_up()
    desk.reader()
    desk.select(PROFILE.permit.aid)
    result = run(chip_authentication.terminal(point, key_id=1, random=os.urandom), desk.channel.send)
    desk.channel.secure = result.secure_messaging
    with pytest.raises(CardMisbehaved):
        commands.read_file(desk.channel, EF_MSO_A.sfi, 700)


def test_an_activated_card_is_endorsed_but_its_identity_is_closed() -> None:
    desk = Desk()
    desk.activated()
    desk.power_up()
    desk.writer(OURS)
    commands.write_file(desk.channel, EF_MSO_A.sfi, b"n" * 700)
    assert desk.card.state.files["permit", EF_MSO_A.fid] == b"n" * 700
    desk.writer(OURS, PROFILE.identity.aid)
    assert desk.sw(commands.update_binary(sfi=DG1.sfi, data=b"x")) == 0x6985


# What the rule is, in plain words beside the declaration: state -> status word for a command under a protection.
def _pace(desk: Desk) -> int:
    desk.plain()
    return desk.sw(commands.mse_set_at(0xC1, bytes.fromhex("800A04007F00070202040202830102")))


def _read_plain(desk: Desk) -> int:
    desk.plain()
    desk.select(PROFILE.permit.aid)
    return desk.sw(commands.read_binary(sfi=EF_MSO_A.sfi, ne=8))


def _card_access(desk: Desk) -> int:
    desk.plain()
    desk.sw(commands.select_master_file())
    return desk.sw(commands.read_binary(sfi=0x1C, ne=8))


def _update_plain(desk: Desk) -> int:
    desk.plain()
    desk.select(PROFILE.permit.aid)
    return desk.sw(commands.update_binary(sfi=EF_MSO_A.sfi, data=b"x"))


def _activate_plain(desk: Desk) -> int:
    desk.plain()
    return desk.sw(commands.activate())


def _terminate_plain(desk: Desk) -> int:
    desk.plain()
    return desk.sw(commands.terminate_card_usage())


def _password_plain(desk: Desk) -> int:
    desk.plain()
    return desk.sw(commands.put_data(0x0102, b"000000"))


def _bac(desk: Desk) -> int:
    desk.plain()
    return desk.sw(commands.get_challenge())


def _blank(desk: Desk) -> None:
    pass


B, P, A, T = LifeCycle
STATES: dict[LifeCycle, Callable[[Desk], object]] = {
    B: _blank,
    P: Desk.personalising,
    A: Desk.activated,
    T: Desk.terminated,
}
STRANGER: dict[Callable[[Desk], int], dict[LifeCycle, int]] = {
    _card_access: {B: 0x9000, P: 0x9000, A: 0x9000, T: 0x6985},
    _pace: {B: 0x6985, P: 0x6985, A: 0x9000, T: 0x6985},
    _read_plain: {B: 0x6985, P: 0x6982, A: 0x6982},
    _update_plain: {B: 0x6985, P: 0x6982, A: 0x6982},
    _activate_plain: {B: 0x6985, P: 0x6982, A: 0x6985, T: 0x6985},
    _terminate_plain: {B: 0x6982, P: 0x6982, A: 0x6982, T: 0x6985},
    _password_plain: {B: 0x6985, P: 0x6982, A: 0x6985, T: 0x6985},
    _bac: {B: 0x6985, P: 0x6985, A: 0x6985, T: 0x6985},
}


@pytest.mark.parametrize(
    ("ask", "state", "expected"),
    [(ask, state, sw) for ask, row in STRANGER.items() for state, sw in row.items()],
    ids=lambda value: getattr(value, "__name__", str(value)).strip("_"),
)
def test_what_a_stranger_gets(ask: Callable[[Desk], int], state: LifeCycle, expected: int) -> None:
    desk = Desk()
    STATES[state](desk)
    desk.power_up()  # what the writer opened ends with the power
    before = encode_state(desk.card.state)
    assert ask(desk) == expected
    assert encode_state(desk.card.state) == before


def test_the_writer_reads_back_before_activation_in_the_same_power_up_only() -> None:
    desk = Desk()
    desk.personalising()
    assert desk.sw(commands.put_data(0x0102, CAN.secret)) == 0x9000
    desk.reader()
    desk.power_up()
    with pytest.raises(CardMisbehaved) as refused:
        desk.reader()
    assert (refused.value.fault, refused.value.sw) == (CardFault.STATUS_WORD, 0x6985)


def test_reading_under_scp03_is_not_reading_as_a_counter() -> None:
    desk = Desk()
    desk.activated()
    desk.writer(OURS)
    assert desk.sw(commands.read_binary(sfi=EF_MSO_A.sfi, ne=8)) == 0x6982


def test_updating_under_pace_is_refused() -> None:
    desk = Desk()
    desk.activated()
    desk.power_up()
    desk.reader()
    desk.select(PROFILE.permit.aid)
    assert desk.sw(commands.update_binary(sfi=EF_MSO_A.sfi, data=b"x")) == 0x6982


def test_a_plain_command_ends_the_session() -> None:
    desk = Desk()
    desk.activated()
    desk.power_up()
    desk.reader()
    session = desk.channel.secure
    desk.plain()
    desk.select(PROFILE.permit.aid)
    desk.channel.secure = session
    with pytest.raises(CardMisbehaved):
        desk.channel.send(commands.read_binary(sfi=EF_MSO_A.sfi, ne=8))


def test_wrong_can_is_told_as_such_and_leaves_the_card_open_to_the_right_one() -> None:
    desk = Desk()
    desk.activated()
    desk.power_up()
    with pytest.raises(CardMisbehaved) as refused:
        desk.reader(Password.from_can("654321"))
    assert refused.value.fault is CardFault.WRONG_PASSWORD
    desk.reader()


def test_wrong_transport_keys_do_not_open_the_card() -> None:
    desk = Desk()
    with pytest.raises(CardMisbehaved):
        desk.writer(StaticKeys(enc=b"x" * 16, mac=b"x" * 16, dek=b"x" * 16, version=1))


def test_a_terminated_card_has_forgotten_everything_and_says_so() -> None:
    desk = Desk()
    desk.terminated()
    desk.power_up()
    state = desk.card.state
    assert (state.files, state.chip_key, state.passwords) == ({}, b"", {})
    answer = desk.channel.send(commands.select_master_file(fcp=True))
    assert (answer.sw, b"\x8a\x01\x0c" in answer.data) == (0x6285, True)
    assert run(scp03.identify(os.urandom), desk.channel.send).serial == SERIAL


def test_a_file_takes_no_byte_more_than_it_has_and_no_gap() -> None:
    desk = Desk()
    desk.personalising()
    size = EF_MSO_A.size
    assert desk.sw(commands.update_binary(sfi=EF_MSO_A.sfi, data=b"x" * (size + 1))) == 0x6A84
    assert desk.sw(commands.update_binary(sfi=EF_MSO_A.sfi, offset=1, data=b"x")) == 0x6B00
    assert desk.card.state.files.get(("permit", EF_MSO_A.fid)) is None


def test_the_image_keeps_everything() -> None:
    desk = Desk()
    desk.activated()
    assert decode_state(encode_state(desk.card.state)) == desk.card.state


def test_any_bytes_get_an_answer() -> None:
    desk = Desk()
    desk.activated()
    for size in range(300):
        assert len(desk.card.execute(os.urandom(size))) >= 2
