"""Strict BER-TLV."""

from __future__ import annotations

import pytest

from card_profiles.iso7816 import tlv
from keys.errors import DecodeError


@pytest.mark.parametrize(
    ("tag", "size", "header"),
    [
        (0x5C, 0, "5C00"),
        (0x5F0E, 127, "5F0E7F"),
        (0x7F49, 128, "7F498180"),
        (0x02, 255, "0281FF"),
        (0x75, 256, "75820100"),
        (0xDF8101, 65_536, "DF810183010000"),
    ],
)
def test_both_ways(tag: int, size: int, header: str) -> None:
    raw = tlv.encode(tag, bytes(size))
    assert raw == bytes.fromhex(header) + bytes(size)
    assert tlv.header(raw[:7]) == (tag, size, len(header) // 2)
    element = tlv.parse(raw)
    assert (element.tag, element.value, element.offset) == (tag, bytes(size), 0)
    assert element.encode() == raw


@pytest.mark.parametrize(
    ("raw", "offset"),
    [
        ("", 0),
        ("00", 0),  # padding byte
        ("FF00", 0),
        ("5C", 1),
        ("5F", 1),
        ("5F8001", 1),  # tag number with a leading zero
        ("5F00", 1),
        ("5F81818101", 3),  # four bytes of tag
        ("5C80", 1),  # indefinite
        ("5C8400000001FF", 1),
        ("5C817F" + "00" * 127, 1),  # not minimal
        ("5C8200FF" + "00" * 255, 1),
        ("5C8300FFFF", 1),
        ("5C82", 2),
        ("5C0201", 3),
        ("5C0101FF", 3),  # trailing byte
    ],
)
def test_refused_with_its_place(raw: str, offset: int) -> None:
    with pytest.raises(DecodeError) as error:
        tlv.parse(bytes.fromhex(raw))
    assert error.value.offset == offset


def test_offsets_count_from_the_outermost_input() -> None:
    raw = bytes.fromhex("7F4906 060101 8601AA".replace(" ", ""))
    first, second = tlv.parse(raw).children()
    assert (first.offset, second.offset, second.value_offset) == (3, 6, 8)
    with pytest.raises(DecodeError) as error:
        tlv.parse(bytes.fromhex("7F4905 060101 8602".replace(" ", ""))).children()
    assert error.value.offset == 8


def test_find_and_require() -> None:
    elements = tlv.parse_sequence(bytes.fromhex("800101 810102".replace(" ", "")))
    assert tlv.find(elements, 0x82) is None
    assert tlv.require(elements, 0x81).value == b"\x02"
    with pytest.raises(DecodeError):
        tlv.require(elements, 0x82)
    with pytest.raises(DecodeError):
        tlv.find((*elements, elements[0]), 0x80)
    assert tlv.unwrap(b"\x80\x00", 0x80).value == b""
    with pytest.raises(DecodeError):
        tlv.unwrap(b"\x80\x00", 0x81)


def test_constructed() -> None:
    assert tlv.Tlv(0x7F49, b"").constructed
    assert not tlv.Tlv(0x5F49, b"").constructed


def test_caps() -> None:
    nested = b""
    for _ in range(tlv.MAX_DEPTH):
        nested = tlv.encode(0x30, nested)
    element = tlv.parse(nested)
    for _ in range(tlv.MAX_DEPTH - 1):
        (element,) = element.children()
    assert element.value == b""
    with pytest.raises(DecodeError):
        element.children()
    with pytest.raises(DecodeError):
        tlv.parse_sequence(b"\x80\x00" * (tlv.MAX_ELEMENTS + 1))
    with pytest.raises(DecodeError):
        tlv.parse(tlv.encode(0x80, bytes(100)), max_size=101)
    assert tlv.parse(tlv.encode(0x80, bytes(100)), max_size=102)


@pytest.mark.parametrize("tag", [0, 0xFF, 0x1F, 0x5F, 0x5F80, 0x5F00, 0x5F8181, 0x5F818101, 0x5C01])
def test_tags_that_nobody_could_read_are_not_written(tag: int) -> None:
    with pytest.raises(ValueError):
        tlv.encode(tag, b"")
    with pytest.raises(ValueError):
        tlv.encode_length(1 << 24)
