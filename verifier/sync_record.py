"""What a counter remembers of its last synchronisation: `sync.json` beside the data that came with it."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

from keys.errors import DecodeError
from keys.files import read_regular

from .generations import RECORD

_FORMAT = 1
_TIME = "%Y-%m-%dT%H:%M:%SZ"
_MAX_SIZE = 4096
_VERSIONS = ("root", "timestamp", "snapshot", "targets")


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRecord:
    """Versions of the metadata, and times in UTC with whole seconds."""

    root: int
    timestamp: int
    snapshot: int
    targets: int
    published: datetime
    """When the authority signed the release: everything in the store was still so then."""
    valid_until: datetime
    """Expiry of the release: a counter that can reach its authority has a newer one by then."""
    synced: datetime
    watermark: datetime
    """The latest time known for sure."""


def encode(record: SyncRecord) -> bytes:
    """JSON in UTF-8, for people to read too."""
    import json  # not at start-up

    members: dict[str, object] = {"format": _FORMAT}
    for field in fields(SyncRecord):
        value = getattr(record, field.name)
        members[field.name] = value.astimezone(UTC).strftime(_TIME) if isinstance(value, datetime) else value
    return (json.dumps(members, indent=2) + "\n").encode()


def decode(raw: bytes) -> SyncRecord:
    """Read a record; `DecodeError` otherwise."""
    import json

    try:
        members = json.loads(raw)
        if not isinstance(members, dict) or members.pop("format") != _FORMAT:
            raise DecodeError("not a record of this format", path=RECORD)
        if members.keys() != {field.name for field in fields(SyncRecord)}:
            raise DecodeError("other members than expected", path=RECORD)
        values: dict[str, Any] = {
            name: members[name] if name in _VERSIONS else datetime.strptime(members[name], _TIME).replace(tzinfo=UTC)
            for name in members
        }
        if not all(type(values[name]) is int and values[name] > 0 for name in _VERSIONS):
            raise DecodeError("not a version", path=RECORD)
        record = SyncRecord(**values)
        if encode(record) != raw:
            raise DecodeError("not as it was written", path=RECORD)
    except DecodeError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DecodeError(f"{type(error).__name__}", path=RECORD) from error
    return record


def read(directory: str) -> SyncRecord | None:
    """The record of a trust directory; None when it did not come by synchronisation. `DecodeError` when damaged."""
    try:
        raw, _ = read_regular(os.path.join(directory, RECORD), limit=_MAX_SIZE)
    except FileNotFoundError:
        return None
    return decode(raw)
