"""The few pieces of strict DER (X.690 §8, §10) that are needed where loading an ASN.1 library would cost too much."""

from __future__ import annotations

from functools import lru_cache

from .errors import DecodeError

INTEGER, BIT_STRING, OCTET_STRING, NULL, OBJECT_IDENTIFIER, SEQUENCE, SET = 0x02, 0x03, 0x04, 0x05, 0x06, 0x30, 0x31
PRINTABLE_STRING = 0x13


def encode(tag: int, *contents: bytes) -> bytes:
    """One element: `tag` (one byte), minimal definite length, the joined contents."""
    content = b"".join(contents)
    size = len(content)
    if size < 0x80:
        return bytes((tag, size)) + content
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def integer(value: int) -> bytes:
    """INTEGER, non-negative."""
    if value < 0:
        raise ValueError("only non-negative integers")
    return encode(INTEGER, value.to_bytes(value.bit_length() // 8 + 1, "big"))


@lru_cache(maxsize=64)
def object_identifier(dotted: str) -> bytes:
    """OBJECT IDENTIFIER from its dotted form. ValueError."""
    return encode(OBJECT_IDENTIFIER, oid_content(dotted))


@lru_cache(maxsize=64)
def oid_content(dotted: str) -> bytes:
    """The content octets of an OBJECT IDENTIFIER (as the data objects 80 and 06 of a card's protocols carry it)."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    if first > 2 or (first < 2 and second > 39):
        raise ValueError("not an object identifier")
    content = bytearray()
    for arc in (40 * first + second, *rest):
        groups = max(1, (arc.bit_length() + 6) // 7)
        content += bytes((arc >> 7 * i & 0x7F) | (0x80 if i else 0) for i in reversed(range(groups)))
    return bytes(content)


class Reader:
    """Reads the elements of `data[offset:end]` one after the other; raises `DecodeError` with the absolute offset."""

    __slots__ = ("_data", "_end", "offset", "path")

    def __init__(self, data: bytes, offset: int = 0, end: int | None = None, *, path: str = "") -> None:
        self._data = data
        self.offset = offset
        self._end = len(data) if end is None else end
        self.path = path

    @property
    def at_end(self) -> bool:
        return self.offset >= self._end

    def peek(self) -> int:
        """The tag of the next element, -1 at the end."""
        return -1 if self.at_end else self._data[self.offset]

    def element(self, tag: int) -> bytes:
        """The next element, header included; its tag must be `tag`."""
        start = self.offset
        _, stop = self._header(tag)
        self.offset = stop
        return self._data[start:stop]

    def content(self, tag: int) -> bytes:
        """The content of the next element."""
        start, stop = self._header(tag)
        self.offset = stop
        return self._data[start:stop]

    def enter(self, tag: int) -> Reader:
        """A reader of what is inside the next element."""
        start, stop = self._header(tag)
        self.offset = stop
        return Reader(self._data, start, stop, path=self.path)

    def unsigned(self) -> int:
        """The next INTEGER, minimal and not negative."""
        start, stop = self._header(INTEGER)
        octets = self._data[start:stop]
        if not octets or octets[0] & 0x80 or (len(octets) > 1 and octets[0] == 0 and not octets[1] & 0x80):
            raise DecodeError("not a minimal non-negative INTEGER", offset=start, path=self.path)
        self.offset = stop
        return int.from_bytes(octets, "big")

    def finish(self) -> None:
        """Nothing may follow."""
        if not self.at_end:
            raise DecodeError("trailing bytes", offset=self.offset, path=self.path)

    def _header(self, tag: int) -> tuple[int, int]:
        data, at, end = self._data, self.offset, self._end
        if at + 2 > end:
            raise DecodeError("element cut short", offset=at, path=self.path)
        if data[at] != tag:
            raise DecodeError(f"tag {data[at]:02X} where {tag:02X} is due", offset=at, path=self.path)
        size = data[at + 1]
        start = at + 2
        if size & 0x80:
            count = size & 0x7F
            if not 1 <= count <= 4 or start + count > end:
                raise DecodeError("length is indefinite, too long or cut short", offset=at + 1, path=self.path)
            size = int.from_bytes(data[start : start + count], "big")
            if size < 0x80 or data[start] == 0:
                raise DecodeError("length is not minimal", offset=at + 1, path=self.path)
            start += count
        if start + size > end:
            raise DecodeError("element runs past its container", offset=at, path=self.path)
        return start, start + size
