"""Keyset pagination: a page begins after the last key of the one before, so the thousandth costs what the first did."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Annotated, Any

from fastapi import Query

from ..domain.reasons import Reason
from .problems import Problem

MAX_LIMIT = 200
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="how many at most")]
After = Annotated[str | None, Query(max_length=800, description="`next` of the page before")]


def encode(*key: str | int) -> str:
    """An opaque text out of the last key."""
    raw = json.dumps(key, ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def decode(text: str | None, *types: type) -> tuple[Any, ...] | None:
    """The key. Raises Problem(INVALID_VALUE) for anything that `encode` did not make."""
    if text is None:
        return None
    try:
        raw = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        key = json.loads(raw)
    except (ValueError, binascii.Error, RecursionError, UnicodeEncodeError) as error:
        raise Problem(Reason.INVALID_VALUE, field="after") from error
    right = isinstance(key, list) and len(key) == len(types)
    if not right or not all(type(part) is kind for part, kind in zip(key, types, strict=True)):
        raise Problem(Reason.INVALID_VALUE, field="after")
    for part in key:
        if (isinstance(part, int) and not 0 <= part < 2**63) or (isinstance(part, str) and not _plain(part)):
            raise Problem(Reason.INVALID_VALUE, field="after")
    return tuple(key)


def _plain(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return "\0" not in text
