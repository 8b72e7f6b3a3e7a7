"""The CBOR subset: what it takes, what it refuses, and the order in which it writes."""

from __future__ import annotations

from datetime import date
from enum import IntEnum, StrEnum
from typing import Any

import cbor2
import pytest
from cbor2 import CBORTag

from keys import cbor
from keys.cbor import MAX_DEPTH
from keys.errors import DecodeError


class Number(IntEnum):
    SEVEN = 7


class Name(StrEnum):
    SEVEN = "seven"


def test_map_keys_are_in_bytewise_order_and_not_length_first() -> None:
    """RFC 8949 §4.2.1: 10, 100, -1, "z", "aa". RFC 7049, and cbor2's `canonical`, put -1 before 100: shorter."""
    value = {"aa": 1, "z": 2, -1: 3, 100: 4, 10: 5}
    assert cbor.encode(value).hex() == "a5" + "0a05" + "186404" + "2003" + "617a02" + "62616101"
    assert cbor.encode(value) != cbor2.dumps(value, canonical=True)


def test_enumerations_are_their_values() -> None:
    assert cbor.encode({Name.SEVEN: Number.SEVEN, Number.SEVEN: Name.SEVEN}) == cbor.encode({"seven": 7, 7: "seven"})


@pytest.mark.parametrize(
    "value",
    [
        *(1.0, date(2026, 1, 1), {1, 2}, bytearray(b"x"), object(), 2**64, -(2**64) - 1),
        *({b"k": 1}, {True: 1}, {None: 1}, {(1,): 1}),
    ],
)
def test_what_decode_refuses_is_not_encoded(value: Any) -> None:
    for held in (value, [value], {"k": value}, CBORTag(24, value)):
        with pytest.raises(ValueError):
            cbor.encode(held)


@pytest.mark.parametrize("value", [0, "", b"x" * 300, {"b": [1, None], "a": {}}, CBORTag(24, b"\x00")])
def test_a_filled_template_is_what_encode_writes(value: Any) -> None:
    def form(first: Any, second: Any) -> Any:
        return {"z": [first, {-1: first}], "aa": CBORTag(24, second), 3: "constant"}

    template = cbor.Template(form(cbor.hole("first"), cbor.hole("second")))
    for second in (value, 1):
        values = {"first": cbor.encode(value), "second": cbor.encode(second)}
        assert template.fill(values) == cbor.encode(form(value, second))


def test_a_template_leaves_no_hole() -> None:
    with pytest.raises(KeyError):
        cbor.Template([cbor.hole("first"), cbor.hole("second")]).fill({"first": b"\0"})


def test_a_map_of_encoded_entries_and_an_embedded_item() -> None:
    entries = {"aa": 1, "z": 2, -1: 3, 100: 4, 10: 5}
    assert cbor.encode_map({cbor.encode(k): cbor.encode(v) for k, v in entries.items()}) == cbor.encode(entries)
    for size in (0, 23, 24, 255, 256, 65_536):
        assert cbor.embed(bytes(size)) == cbor2.dumps(CBORTag(24, bytes(size)))


def test_integers_keep_64_bits() -> None:
    for value in (2**64 - 1, -(2**64), 0, -1):
        assert cbor.decode(cbor.encode(value), max_size=9) == value


REFUSED = {
    "nothing": ("", 0),
    "a byte too many": ("0000", 1),
    "head without argument": ("18", 0),
    "argument cut": ("19ff", 0),
    "string cut": ("4401020300"[:8], 0),
    "array cut": ("8201", 2),
    "map without a value": ("a101", 2),
    "tag without content": ("d818", 2),
    "1 in two bytes": ("1801", 0),
    "255 in three bytes": ("1900ff", 0),
    "65535 in five bytes": ("1a0000ffff", 0),
    "2^32-1 in nine bytes": ("1b00000000ffffffff", 0),
    "long length of a string": ("580161", 0),
    "long count of an array": ("980100", 0),
    "long tag": ("d90018 4100".replace(" ", ""), 0),
    "indefinite bytes": ("5f4101ff", 0),
    "indefinite text": ("7f6161ff", 0),
    "indefinite array": ("9f01ff", 0),
    "indefinite map": ("bf0101ff", 0),
    "break alone": ("ff", 0),
    "reserved argument 28": ("1c", 0),
    "half float": ("f93c00", 0),
    "float": ("fa47c35000", 0),
    "double": ("fb3ff199999999999a", 0),
    "NaN": ("f97e00", 0),
    "undefined": ("f7", 0),
    "simple 0": ("e0", 0),
    "simple 255": ("f8ff", 0),
    "duplicate integer": ("a201010102", 3),
    "duplicate text": ("a2616101616102", 4),
    "true as a key": ("a1f501", 1),
    "bytes as a key": ("a1416101", 1),
    "array as a key": ("a18001", 1),
    "null as a key": ("a1f601", 1),
    "a tag that nobody named": ("d8194100", 0),
    "a date that cbor2 would make": ("c074323032362d30312d30315430303a30303a30305a", 0),
    "a big number": ("c2420100", 0),
    "a shared reference": ("d81c81d81d00", 0),
    "an array of 2^63": ("9b800000000000000000", 10),
    "a map of 2^63": ("bb800000000000000000", 10),
    "a string of 2^63": ("5b800000000000000000", 0),
}


@pytest.mark.parametrize(("raw", "offset"), REFUSED.values(), ids=REFUSED.keys())
def test_refused_and_where(raw: str, offset: int) -> None:
    with pytest.raises(DecodeError) as caught:
        cbor.decode(bytes.fromhex(raw), max_size=100, tags=frozenset({24}), path="here")
    assert (caught.value.offset, caught.value.path) == (offset, "here")


def test_text_must_be_utf_8() -> None:
    for raw in ("61ff", "62c328", "63eda080"):
        with pytest.raises(DecodeError):
            cbor.decode(bytes.fromhex(raw), max_size=100)


def test_offsets_of_an_item_within_another() -> None:
    with pytest.raises(DecodeError) as caught:
        cbor.decode(b"\x82\x01\xff", max_size=3, offset=40)
    assert caught.value.offset == 42


@pytest.mark.parametrize(("opening", "closing"), [("81", "00"), ("a101", "00"), ("d818", "00")])
def test_depth_is_capped(opening: str, closing: str) -> None:
    tags = frozenset({24})
    assert cbor.decode(bytes.fromhex(opening * MAX_DEPTH + closing), max_size=100, tags=tags) is not None
    for depth in (MAX_DEPTH + 1, 10_000):
        with pytest.raises(DecodeError):
            cbor.decode(bytes.fromhex(opening * depth + closing), max_size=100_000, tags=tags)
    value: Any = 0
    for _ in range(MAX_DEPTH + 1):
        value = [value]
    with pytest.raises(ValueError):
        cbor.encode(value)


def test_size_is_capped_before_anything_is_read() -> None:
    assert cbor.decode(b"\x43abc", max_size=4) == b"abc"
    with pytest.raises(DecodeError) as caught:
        cbor.decode(b"\xff" * 5, max_size=4)
    assert caught.value.offset == 4


def test_named_tags_come_back_as_tags_whatever_cbor2_makes_of_them() -> None:
    tags = frozenset({0, 1, 2, 24, 30, 35, 100, 258, 1004})
    for tag in tags:
        raw = cbor.encode(CBORTag(tag, b"\x01"))
        assert cbor.decode(raw, max_size=20, tags=tags) == CBORTag(tag, b"\x01")


@pytest.mark.parametrize("tag", [25, 28, 29, 256])
def test_sharing_tags_are_refused_even_when_named(tag: int) -> None:
    """Writing a tag 256, cbor2 replaces repeated texts by references; reading 28 and 29, it makes cycles."""
    with pytest.raises(ValueError):
        cbor.encode(CBORTag(tag, ["000", "000"]))
    with pytest.raises(DecodeError):
        cbor.decode(
            bytes.fromhex(f"d9{tag:04x}" if tag > 255 else f"d8{tag:02x}") + b"\x00", max_size=9, tags=frozenset({tag})
        )
