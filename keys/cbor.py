"""CBOR as the permit's formats need it: cbor2, hardened (RFC 8949; see the traps of cbor2 in docs/adr).

Deterministic encoding is RFC 8949 §4.2.1 for the maps we make: integer keys and text keys are inserted in bytewise order by
`encode`. Decoding accepts definite lengths only, no duplicate keys, no tag that the caller did not name, no trailing byte.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any

import cbor2

from .errors import DecodeError

MAX_DEPTH = 16


def encode(value: Any) -> bytes:
    """Encode `value` deterministically (RFC 8949 §4.2.1: map keys in bytewise order of their encoding)."""
    return cbor2.dumps(_ordered(value))


def decode(data: bytes, *, max_size: int, tags: frozenset[int] = frozenset(), path: str = "") -> Any:
    """Decode exactly one CBOR item of at most `max_size` bytes.

    Tags in `tags` come back as `cbor2.CBORTag`; any other tag, indefinite length, duplicate key, depth over 16 or
    trailing byte raises `DecodeError`.
    """
    if len(data) > max_size:
        raise DecodeError(f"{len(data)} bytes, at most {max_size} allowed", offset=max_size, path=path)
    raise NotImplementedError


def _ordered(value: Any) -> Any:
    raise NotImplementedError
