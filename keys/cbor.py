"""CBOR as the permit's formats need it: a strict subset of RFC 8949, both ways.

cbor2 decodes far more than we use, and each extra is a trap: it ignores trailing bytes (`loads`), turns tags 0, 1, 2,
30, 35 … into rich Python objects, accepts non-shortest lengths, and its ``canonical=True`` is the length-first order of
RFC 7049. So writing is done here; and what cbor2 reads, with everything optional switched off, must be of the types
below, and must encode to the very same bytes again: that proves shortest form and that nothing was left over. When it
does not, a scanner walks the bytes and says where they leave the subset.

The subset: unsigned and negative integers of 64 bits, byte and text strings, arrays, maps with integer or text keys,
false, true, null, and the tags that the caller names. Refused: floats (no format of ours carries one, and NaN has no
equality), undefined and other simple values, indefinite lengths, arguments not in shortest form (RFC 8949 §4.2.1),
duplicate keys, other kinds of key (``true`` and ``1`` are one key to Python), nesting over `MAX_DEPTH`, bytes after the
item. The order of map keys is not checked: readers hash bytes as received, so nothing rests on it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from io import BytesIO
from itertools import chain
from typing import Any

import cbor2

from .errors import DecodeError

MAX_DEPTH = 16
"""Containers and tags that may enclose an item."""

_ARGUMENT_LENGTH = {24: 1, 25: 2, 26: 4, 27: 8}
_SMALLEST = {1: 24, 2: 0x100, 4: 0x1_0000, 8: 0x1_0000_0000}
_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_FALSE, _TRUE, _NULL = 0xF4, 0xF5, 0xF6
_CONSTANTS = {False: b"\xf4", True: b"\xf5", None: b"\xf6"}
_LEAVES = frozenset({int, bytes, str, bool, type(None)})
_KEYS = frozenset({int, str})
_KNOWN_TO_CBOR2 = frozenset(
    {0, 1, 2, 3, 4, 5, 25, 28, 29, 30, 35, 36, 37, 43000, 52, 54, 100, 256, 258, 260, 261, 1004, 55799}
)
_SHARING = frozenset({25, 28, 29, 256})
"""String and value sharing. Never admitted, either way: what such a tag holds depends on what stands around it."""

_HOLE = 0xFFFF_0000_484F_4C45
"""A tag that nothing else has: where a template is open."""


def encode(value: Any) -> bytes:
    """Encode `value` deterministically (RFC 8949 §4.2.1: shortest arguments, map keys in bytewise order).

    Takes what `decode` gives back, and tuples as arrays: int of 64 bits, bytes, str, list, tuple, dict with int or str
    keys, bool, None, `cbor2.CBORTag`; an enumeration as its value. Raises `ValueError` for anything else: a date or a
    float needs a decision, not a default.
    """
    return _item(value, 0)


def encode_map(entries: Mapping[bytes, bytes]) -> bytes:
    """A map whose keys and values are encoded already, as those are that stand on every card; §4.2.1 puts the keys in
    bytewise order."""
    return _head(_MAP, len(entries)) + b"".join(chain.from_iterable(sorted(entries.items())))


def hole(name: str) -> cbor2.CBORTag:
    """A place in a `Template`, with a name of its own: up to 23 bytes."""
    return cbor2.CBORTag(_HOLE, name)


class Template:
    """An item of one form, encoded once; its holes are filled with what is encoded already."""

    def __init__(self, value: Any) -> None:
        first, *others = encode(value).split(_head(_TAG, _HOLE))
        self._names: list[str] = []
        self._parts = [first]
        for part in others:
            end = 1 + (part[0] & 0x1F)  # behind the name of the hole, a short text
            self._names.append(part[1:end].decode())
            self._parts += (b"", part[end:])

    def fill(self, values: Mapping[str, bytes]) -> bytes:
        """The item with `values` in the holes of these names. Raises `KeyError` for one without a value."""
        parts = self._parts.copy()
        parts[1::2] = [values[name] for name in self._names]
        return b"".join(parts)


def embed(encoded: bytes) -> bytes:
    """``#6.24(bstr .cbor …)``: an item inside a byte string (RFC 8949 §3.4.5.1)."""
    return b"\xd8\x18" + _head(_BYTES, len(encoded)) + encoded


def decode(data: bytes, *, max_size: int, tags: frozenset[int] = frozenset(), path: str = "", offset: int = 0) -> Any:
    """Decode exactly one CBOR item of at most `max_size` bytes.

    Tags in `tags` (but those of sharing) come back as `cbor2.CBORTag`, whatever they hold; every other departure from
    the subset raises `DecodeError`. `path` names the item in errors; `offset` is where `data` starts in the outermost
    input, so that an item inside a byte string (tag 24) reports positions of the whole.
    """
    if len(data) > max_size:
        raise DecodeError(f"{len(data)} bytes, at most {max_size} allowed", offset=offset + max_size, path=path)
    data = bytes(data)
    decoder = cbor2.CBORDecoder(
        BytesIO(data),
        max_depth=MAX_DEPTH,
        allow_indefinite=False,
        allow_duplicate_keys=False,
        semantic_decoders=_decoders(tags),
    )
    try:
        value = decoder.decode()
        if _plain(value, tags, 0) and cbor2.dumps(value) == data:
            return value
    except (cbor2.CBORError, ValueError, OverflowError, MemoryError, RecursionError, TypeError):
        pass
    end = _Scanner(data, tags, path, offset).item(0, 0)
    if end != len(data):
        raise DecodeError(f"{len(data) - end} bytes after the item", offset=offset + end, path=path)
    raise DecodeError("what is read is not what was written", offset=offset, path=path)


@cache
def _decoders(tags: frozenset[int]) -> dict[int, Callable[[Any, bool], Any]]:
    """cbor2's own ideas of what a tag means are all taken away; those of the caller stay as they are written."""
    return dict.fromkeys(_KNOWN_TO_CBOR2 - tags, _refuse) | {tag: _keep(tag) for tag in tags - _SHARING}


def _keep(tag: int) -> Callable[[Any, bool], cbor2.CBORTag]:
    return lambda value, immutable: cbor2.CBORTag(tag, value)


def _refuse(value: Any, immutable: bool) -> Any:
    raise ValueError("a tag that has no place here")


def _plain(value: Any, tags: frozenset[int], depth: int) -> bool:
    """Whether `value` is made of the subset's types alone."""
    kind = type(value)
    if kind in _LEAVES:
        return True
    if depth == MAX_DEPTH:
        return False
    if kind is dict:
        return all(type(key) in _KEYS and _plain(one, tags, depth + 1) for key, one in value.items())
    if kind is list:
        return all(_plain(one, tags, depth + 1) for one in value)
    return (
        kind is cbor2.CBORTag
        and value.tag in tags
        and value.tag not in _SHARING
        and _plain(value.value, tags, depth + 1)
    )


class _Scanner:
    """Walks one item without building it."""

    __slots__ = ("base", "data", "path", "tags")

    def __init__(self, data: bytes, tags: frozenset[int], path: str, base: int) -> None:
        self.data, self.tags, self.path, self.base = data, tags, path, base

    def fail(self, message: str, offset: int) -> DecodeError:
        return DecodeError(message, offset=self.base + offset, path=self.path)

    def head(self, at: int) -> tuple[int, int, int]:
        """The major type, the argument and the offset behind it (RFC 8949 §3)."""
        if at >= len(self.data):
            raise self.fail("the data ends where an item should start", at)
        major, info = self.data[at] >> 5, self.data[at] & 0x1F
        if info < 24:
            return major, info, at + 1
        length = _ARGUMENT_LENGTH.get(info)
        if length is None:
            raise self.fail("indefinite length or reserved argument", at)
        if at + 1 + length > len(self.data):
            raise self.fail("the data ends within an argument", at)
        argument = int.from_bytes(self.data[at + 1 : at + 1 + length], "big")
        if argument < _SMALLEST[length]:
            raise self.fail("argument not in its shortest form", at)
        return major, argument, at + 1 + length

    def item(self, at: int, depth: int) -> int:
        """Check the item at `at`, enclosed in `depth` containers; returns the offset behind it."""
        major, argument, after = self.head(at)
        if major <= _NEGATIVE:
            return after
        if major <= _TEXT:
            if argument > len(self.data) - after:
                raise self.fail(f"a string of {argument} bytes runs past the end", at)
            return after + argument
        if major == _SIMPLE:
            if not _FALSE <= self.data[at] <= _NULL:
                raise self.fail("floats and simple values other than false, true and null have no place here", at)
            return after
        if depth == MAX_DEPTH:
            raise self.fail(f"nested deeper than {MAX_DEPTH}", at)
        if major == _TAG:
            if argument not in self.tags or argument in _SHARING:
                raise self.fail(f"tag {argument} has no place here", at)
            return self.item(after, depth + 1)
        # The count needs no check against the bytes left: each element takes a byte, so the walk ends in time.
        return self.map(argument, after, depth + 1) if major == _MAP else self.array(argument, after, depth + 1)

    def array(self, count: int, at: int, depth: int) -> int:
        for _ in range(count):
            at = self.item(at, depth)
        return at

    def map(self, count: int, at: int, depth: int) -> int:
        keys: set[bytes] = set()
        for _ in range(count):
            if at < len(self.data) and self.data[at] >> 5 not in (_UNSIGNED, _NEGATIVE, _TEXT):
                raise self.fail("a map key is neither an integer nor a text", at)
            after = self.item(at, depth)
            key = self.data[at:after]
            if key in keys:  # shortest form makes the encoding of a key unique, so bytes compare as values do
                raise self.fail("duplicate map key", at)
            keys.add(key)
            at = self.item(after, depth)
        return at


# --- writing ---------------------------------------------------------------------------------------------------


def _head(major: int, argument: int) -> bytes:
    """Major type and argument in its shortest form (RFC 8949 §3)."""
    if argument < 24:
        return bytes((major << 5 | argument,))
    if argument < 0x100:
        return bytes((major << 5 | 24, argument))
    for info, length in _ARGUMENT_LENGTH.items():
        if argument < 1 << 8 * length:
            return bytes((major << 5 | info,)) + argument.to_bytes(length, "big")
    raise ValueError("an argument of more than 64 bits")


def _integer(value: int) -> bytes:
    return _head(_UNSIGNED, value) if value >= 0 else _head(_NEGATIVE, ~value)


def _text(value: str) -> bytes:
    raw = value.encode()
    return _head(_TEXT, len(raw)) + raw


@lru_cache(maxsize=1024, typed=True)  # typed, as True is no key and 1 is
def _key(key: Any) -> bytes:
    """A map key: they are few, and each card has them all. An IntEnum is its number, a StrEnum its text."""
    if isinstance(key, str):
        return _text(key)
    if isinstance(key, int) and type(key) is not bool:
        return _integer(key)
    raise ValueError(f"a map key of type {type(key).__name__}")


def _item(value: Any, depth: int) -> bytes:
    """The encoding of `value`, enclosed in `depth` containers."""
    kind = type(value)
    if kind is str:
        return _text(value)
    if kind is bytes:
        return _head(_BYTES, len(value)) + bytes(value)
    if kind is int:
        return _integer(value)
    if value is None or kind is bool:
        return _CONSTANTS[value]
    if isinstance(value, int | str):
        return _key(value)
    if depth == MAX_DEPTH:
        raise ValueError(f"nested deeper than {MAX_DEPTH}")
    if kind is dict:
        return encode_map({_key(key): _item(element, depth + 1) for key, element in value.items()})
    if kind is list or kind is tuple:
        return _head(_ARRAY, len(value)) + b"".join([_item(element, depth + 1) for element in value])
    if kind is cbor2.CBORTag and value.tag not in _SHARING:
        return _head(_TAG, value.tag) + _item(value.value, depth + 1)
    raise ValueError(f"a value of type {kind.__name__}")
