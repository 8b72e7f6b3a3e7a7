"""Any tree survives; any bytes parse into what encodes to the same bytes, or raise DecodeError."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from card_profiles.iso7816 import tlv
from keys.errors import DecodeError

TAG = st.one_of(
    st.integers(0x01, 0xFE).filter(lambda tag: tag & 0x1F != 0x1F),
    st.builds(
        lambda first, second: first << 8 | second, st.sampled_from([0x1F, 0x5F, 0x7F, 0xBF]), st.integers(1, 127)
    ),
    st.builds(lambda middle, last: 0xDF0000 | middle << 8 | last, st.integers(0x81, 0xFF), st.integers(0, 127)),
)
VALUE = st.one_of(st.binary(max_size=20), st.integers(0, 70_000).map(bytes))


@given(st.lists(st.tuples(TAG, VALUE), max_size=6))
def test_round_trip(elements: list[tuple[int, bytes]]) -> None:
    raw = tlv.encode_sequence(elements)
    parsed = tlv.parse_sequence(raw, max_size=1 << 20)
    assert [(one.tag, one.value) for one in parsed] == elements
    for one in parsed:
        assert raw[one.value_offset : one.value_offset + len(one.value)] == one.value
        assert tlv.header(raw[one.offset : one.offset + 7])[1] == len(one.value)


@given(st.binary(max_size=200))
def test_what_parses_has_one_reading(raw: bytes) -> None:
    try:
        elements = tlv.parse_sequence(raw)
    except DecodeError as error:
        offset = error.offset
    else:
        offset = 0
        assert b"".join(one.encode() for one in elements) == raw
    assert 0 <= offset <= len(raw)


@given(st.lists(st.tuples(TAG, st.binary(max_size=20)), min_size=1, max_size=3), st.data())
def test_one_changed_byte_never_reads_as_the_same(elements: list[tuple[int, bytes]], data: st.DataObject) -> None:
    raw = bytearray(tlv.encode_sequence(elements))
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    try:
        changed = tlv.parse_sequence(bytes(raw))
    except DecodeError:
        return
    assert [(one.tag, one.value) for one in changed] != elements


@given(st.lists(st.integers(0, 3), max_size=30))
def test_trees_are_walked_to_the_end_or_refused(widths: list[int]) -> None:
    raw, size, depth = b"", 0, 0
    for width in widths:  # from the inside out: each level holds the tree so far and `width` empty neighbours
        raw, size, depth = tlv.encode(0x30, raw + b"\x80\x00" * width), size + 1 + width, depth + 1

    def walk(elements: tuple[tlv.Tlv, ...]) -> int:
        return sum(1 + (walk(one.children()) if one.constructed else 0) for one in elements)

    try:
        assert walk(tlv.parse_sequence(raw)) == size
        assert depth < tlv.MAX_DEPTH
    except DecodeError:
        assert depth >= tlv.MAX_DEPTH
