"""Short and extended APDUs, case by case (ISO/IEC 7816-4, 5.2; 7816-3, 12.1.3)."""

from __future__ import annotations

import pytest

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from keys.errors import DecodeError

CASES = [
    (CommandApdu(ins=0x44), False, "00440000"),
    (CommandApdu(ins=0xB0, ne=1), False, "00B0000001"),
    (CommandApdu(ins=0xB0, ne=256), False, "00B0000000"),
    (CommandApdu(ins=0xA4, p1=4, p2=12, data=b"\xa0\x00"), False, "00A4040C02A000"),
    (CommandApdu(cla=0x80, ins=0x50, data=b"\x01", ne=256), False, "80500000010100"),
    (CommandApdu(ins=0xB0, ne=1), True, "00B00000000001"),
    (CommandApdu(ins=0xB0, ne=65_536), True, "00B00000000000"),
    (CommandApdu(ins=0xD6, data=b"\x07"), True, "00D600000000 0107"),
    (CommandApdu(ins=0x86, data=b"\x07", ne=257), True, "0086000000000107 0101"),
    (CommandApdu(ins=0x86, data=bytes(256), ne=65_536), True, "00860000000100" + "00" * 256 + "0000"),
]


@pytest.mark.parametrize(("command", "extended", "encoded"), CASES)
def test_both_ways(command: CommandApdu, extended: bool, encoded: str) -> None:
    raw = bytes.fromhex(encoded)
    assert command.encode(extended=extended) == raw
    parsed = CommandApdu.parse(raw)
    assert parsed == command
    assert parsed.extended is extended
    assert parsed.encode() == raw


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "00B000",
        "00D600000201",  # Lc beyond the end
        "00D60000010102030405",
        "00D600000000",  # extended form cut off
        "00D60000000000 00",  # extended Lc of zero with data
        "00D6000000000201",
        "00D60000000001FF00",  # one byte of a two-byte Le
        "00D6000000000100000000",
    ],
)
def test_lengths_that_do_not_add_up(raw: str) -> None:
    with pytest.raises(DecodeError):
        CommandApdu.parse(bytes.fromhex(raw))


@pytest.mark.parametrize(
    ("command", "extended"),
    [
        (CommandApdu(ins=0xD6, data=bytes(256)), False),
        (CommandApdu(ins=0xB0, ne=257), False),
        (CommandApdu(ins=0xB0, ne=65_537), True),
        (CommandApdu(ins=0xB0, ne=-1), False),
        (CommandApdu(ins=0xD6, data=bytes(65_536)), True),
    ],
)
def test_what_no_form_carries(command: CommandApdu, extended: bool) -> None:
    with pytest.raises(ValueError):
        command.encode(extended=extended)


def test_response() -> None:
    response = ResponseApdu.parse(bytes.fromhex("01029000"))
    assert (response.data, response.sw, response.ok) == (b"\x01\x02", 0x9000, True)
    assert response.encode() == bytes.fromhex("01029000")
    assert not ResponseApdu(sw=0x6282).ok


@pytest.mark.parametrize("raw", [b"", b"\x90", b"\x00\x00", b"\x60\x00", b"\x55\x00", bytes(65_537) + b"\x90\x00"])
def test_what_is_no_response(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        ResponseApdu.parse(raw)
