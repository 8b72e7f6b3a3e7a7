"""Strict BER-TLV as ISO/IEC 7816-4:2020, 6.3 uses it: definite minimal lengths, tags of up to three bytes.

Tags are integers as printed in the standards: 0x5C, 0x7F49, 0x5F2E. Two-byte tags with a number below 31 (5F01, 5F0E)
are ISO/IEC 7816-6 and ICAO 9303-10 practice, and so accepted; everything else that X.690 forbids in DER is refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache

from keys.errors import DecodeError

MAX_SIZE = 1 << 18  # bytes of one input: four times the largest file of short EF offsets and lengths
MAX_DEPTH = 16
MAX_ELEMENTS = 4096  # on one level


@dataclass(frozen=True, slots=True)
class Tlv:
    """One data object. `offset` is where its tag stands in the outermost input; it does not count in comparisons."""

    tag: int
    value: bytes
    offset: int = field(default=0, compare=False)
    value_offset: int = field(default=0, compare=False)
    depth: int = field(default=0, compare=False)

    @property
    def constructed(self) -> bool:
        """Bit 6 of the first tag byte."""
        return bool(_first_byte(self.tag) & 0x20)

    def children(self) -> tuple[Tlv, ...]:
        """The data objects inside; DecodeError when they do not fill the value exactly, or nest too deeply."""
        if self.depth + 1 >= MAX_DEPTH:
            raise DecodeError("nested too deeply", offset=self.offset, path=f"{self.tag:X}")
        return _sequence(self.value, self.value_offset, self.depth + 1)

    def encode(self) -> bytes:
        """Back to bytes."""
        return encode(self.tag, self.value)


def encode(tag: int, value: bytes) -> bytes:
    """Tag, minimal length, value. ValueError for a tag that no strict decoder would read."""
    return encode_tag(tag) + encode_length(len(value)) + value


@lru_cache(maxsize=256)
def encode_tag(tag: int) -> bytes:
    """One to three bytes."""
    raw = tag.to_bytes(max(1, (tag.bit_length() + 7) // 8), "big")
    try:
        known, end = _tag(raw, 0, 0)
    except DecodeError as error:
        raise ValueError(f"{tag:X} is not a tag") from error
    if end != len(raw) or known != tag:
        raise ValueError(f"{tag:X} is not a tag")
    return raw


@lru_cache(maxsize=256)
def encode_length(length: int) -> bytes:
    """Minimal definite length, one to four bytes."""
    if length < 0x80:
        return bytes((length,))
    if length < 0x100:
        return bytes((0x81, length))
    if length < 0x10000:
        return b"\x82" + length.to_bytes(2, "big")
    if length < 0x1000000:
        return b"\x83" + length.to_bytes(3, "big")
    raise ValueError("too long for a data object")


def encode_sequence(elements: Iterable[tuple[int, bytes]]) -> bytes:
    """Several data objects one after the other."""
    return b"".join(encode(tag, value) for tag, value in elements)


def header(data: bytes) -> tuple[int, int, int]:
    """(tag, value length, header length) from the first bytes of a file; at most seven are needed.

    The file's whole length is value length + header length. DecodeError when the header is malformed or cut off.
    """
    tag, at = _tag(data, 0, 0)
    length, at = _length(data, at, 0)
    return tag, length, at


def parse(data: bytes, *, max_size: int = MAX_SIZE) -> Tlv:
    """Exactly one data object, with nothing after it."""
    _check_size(data, max_size)
    element, end = _element(data, 0, 0, 0)
    if end != len(data):
        raise DecodeError("bytes after the data object", offset=end, path=f"{element.tag:X}")
    return element


def parse_sequence(data: bytes, *, max_size: int = MAX_SIZE) -> tuple[Tlv, ...]:
    """Zero or more data objects that fill `data` exactly."""
    _check_size(data, max_size)
    return _sequence(data, 0, 0)


def find(elements: Iterable[Tlv], tag: int) -> Tlv | None:
    """The one element with `tag`, or None; DecodeError when there are two."""
    found = None
    for element in elements:
        if element.tag == tag:
            if found is not None:
                raise DecodeError("twice the same tag", offset=element.offset, path=f"{tag:X}")
            found = element
    return found


def require(elements: Iterable[Tlv], tag: int) -> Tlv:
    """As `find`, but DecodeError when it is missing."""
    found = find(elements, tag)
    if found is None:
        raise DecodeError("data object missing", path=f"{tag:X}")
    return found


def unwrap(data: bytes, tag: int, *, max_size: int = MAX_SIZE) -> Tlv:
    """Exactly one data object, which must carry `tag`."""
    element = parse(data, max_size=max_size)
    if element.tag != tag:
        raise DecodeError(f"tag {element.tag:X} in place of {tag:X}", offset=element.offset, path=f"{tag:X}")
    return element


def _check_size(data: bytes, max_size: int) -> None:
    if len(data) > max_size:
        raise DecodeError("longer than allowed", offset=max_size)


def _sequence(data: bytes, base: int, depth: int) -> tuple[Tlv, ...]:
    elements: list[Tlv] = []
    at, size = 0, len(data)
    while at < size:
        if len(elements) >= MAX_ELEMENTS:
            raise DecodeError("too many data objects", offset=base + at)
        element, at = _element(data, at, base, depth)
        elements.append(element)
    return tuple(elements)


def _element(data: bytes, start: int, base: int, depth: int) -> tuple[Tlv, int]:
    tag, at = _tag(data, start, base)
    length, at = _length(data, at, base)
    end = at + length
    if end > len(data):
        raise DecodeError("value cut off", offset=base + len(data), path=f"{tag:X}")
    return Tlv(tag, data[at:end], base + start, base + at, depth), end


def _tag(data: bytes, at: int, base: int) -> tuple[int, int]:
    size = len(data)
    if at >= size:
        raise DecodeError("no tag", offset=base + at)
    tag = data[at]
    if tag in (0x00, 0xFF):  # 7816-4, 6.3: padding between data objects; we never write it and refuse it
        raise DecodeError("no tag", offset=base + at)
    at += 1
    if tag & 0x1F != 0x1F:
        return tag, at
    for position in range(2):
        if at >= size:
            raise DecodeError("tag cut off", offset=base + at)
        byte = data[at]
        if position == 0 and byte & 0x7F == 0:
            raise DecodeError("tag number not minimal", offset=base + at)
        tag = tag << 8 | byte
        at += 1
        if not byte & 0x80:
            return tag, at
    raise DecodeError("tag of more than three bytes", offset=base + at)


def _length(data: bytes, at: int, base: int) -> tuple[int, int]:
    size = len(data)
    if at >= size:
        raise DecodeError("no length", offset=base + at)
    first = data[at]
    at += 1
    if first < 0x80:
        return first, at
    count = first & 0x7F
    if not 1 <= count <= 3:
        raise DecodeError("indefinite or too long a length", offset=base + at - 1)
    if at + count > size:
        raise DecodeError("length cut off", offset=base + size)
    length = int.from_bytes(data[at : at + count], "big")
    if length < (0x80, 0x100, 0x10000)[count - 1]:
        raise DecodeError("length not minimal", offset=base + at - 1)
    return length, at + count


def _first_byte(tag: int) -> int:
    while tag > 0xFF:
        tag >>= 8
    return tag
