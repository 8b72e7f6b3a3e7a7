"""Commands as they stand on the wire, and what comes back."""

from __future__ import annotations

import pytest

from card_profiles.errors import CardFault, CardMisbehaved
from card_profiles.iso7816 import commands
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from keys.errors import DecodeError

WIRE = [
    (commands.select_application(bytes.fromhex("A0000002471001")), "00A4040C07A0000002471001"),
    (commands.select_application(bytes.fromhex("A0000002471001"), fcp=True), "00A4040407A000000247100100"),
    (commands.select_master_file(), "00A4000C023F00"),
    (commands.select_master_file(fcp=True), "00A40004023F0000"),
    (commands.select_file(0x011C), "00A4020C02011C"),
    (commands.read_binary(sfi=0x1C, ne=64), "00B09C0040"),
    (commands.read_binary(sfi=1, offset=255, ne=1), "00B081FF01"),
    (commands.read_binary(offset=0x7FFF, ne=256), "00B07FFF00"),
    (commands.read_binary(offset=0x8000, ne=100), "00B100000454028000 68"),
    (commands.read_binary(offset=0x10000, ne=1), "00B100000554030100 0005"),
    (commands.update_binary(sfi=2, data=b"\xaa"), "00D6820001AA"),
    (commands.update_binary(offset=300, data=b"\xaa"), "00D6012C01AA"),
    (commands.update_binary(offset=0x8000, data=b"\xaa"), "00D7000007540280005301AA"),
    (commands.get_data(0x7F66), "00CA7F6600"),
    (commands.put_data(0x83, b"\x01"), "00DA00830101"),
    (commands.get_challenge(), "0084000008"),
    (commands.mse_set_at(0xC1, b"\x80\x00"), "0022C1A4028000"),
    (commands.general_authenticate(b"\x7c\x00", last=False), "10860000027C0000"),
    (commands.general_authenticate(b"\x7c\x00"), "00860000027C0000"),
    (commands.generate_key_pair(1), "0047800005B60384010100"),
    (commands.read_public_key(1), "0047810005B60384010100"),
    (commands.put_key(b"\x30", replaces=1), "80D80181013000"),
    (commands.activate(), "00440000"),
    (commands.terminate_card_usage(), "00FE0000"),
]


@pytest.mark.parametrize(("command", "wire"), WIRE)
def test_on_the_wire(command: CommandApdu, wire: str) -> None:
    assert command.encode() == bytes.fromhex(wire)


def test_addresses_out_of_range() -> None:
    for place in ({"sfi": 0}, {"sfi": 31}, {"sfi": 1, "offset": 256}, {"offset": -1}, {"offset": 1 << 24}):
        with pytest.raises(ValueError):
            commands.read_binary(ne=1, **place)
    for aid in (bytes(4), bytes(17)):
        with pytest.raises(ValueError):
            commands.select_application(aid)


def test_expect_ok() -> None:
    assert commands.expect_ok(ResponseApdu(sw=0x9000), "it").ok
    with pytest.raises(CardMisbehaved) as error:
        commands.expect_ok(ResponseApdu(sw=0x6A82), "it")
    assert (error.value.fault, error.value.sw) == (CardFault.STATUS_WORD, 0x6A82)


def test_key_reference_and_public_key() -> None:
    assert commands.key_reference(commands.generate_key_pair(7).data) == 7
    point = b"\x04" + bytes(64)
    assert commands.public_key_point(commands.encode_public_key(point)) == point
    for data in ("", "B600", "B6048402 0101", "A403840101", "B606840101840102"):
        with pytest.raises(DecodeError):
            commands.key_reference(bytes.fromhex(data))
    for data in ("7F4900", "7F49020600", "7F490486008600"):
        with pytest.raises(DecodeError):
            commands.public_key_point(bytes.fromhex(data))


def test_data_of_an_odd_read() -> None:
    command = commands.read_binary(offset=0x8000, ne=2)
    assert commands.read_binary_data(command, ResponseApdu(data=b"\x53\x02ab", sw=0x9000)) == b"ab"
    assert commands.read_binary_data(command, ResponseApdu(sw=0x6B00)) == b""
    with pytest.raises(CardMisbehaved) as error:
        commands.read_binary_data(command, ResponseApdu(data=b"ab", sw=0x9000))
    assert error.value.fault is CardFault.MALFORMED_RESPONSE


def test_a_write_is_a_plan() -> None:
    plan = list(commands.update_commands(3, bytes(range(200)) * 2, 150))
    assert [(one.p1, one.p2, len(one.data)) for one in plan] == [(0x83, 0, 150), (0, 150, 150), (1, 44, 100)]
    assert b"".join(one.data for one in plan) == bytes(range(200)) * 2
    assert not list(commands.update_commands(3, b"", 150))
    with pytest.raises(ValueError):
        next(commands.update_commands(3, b"a", 0))
