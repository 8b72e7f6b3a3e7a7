"""One audit record, and the bytes that its hash is taken over.

The bytes are JSON in one canonical form: keys in order, no spaces, UTF-8 as it is, no numbers but integers. The record
holds the hash of the one before it, so the SHA-256 of these bytes alone is what the next one refers to, and whoever has
a file of records needs no more than a hash function to check it (docs/DOMAIN.md).

A record holds ids, states and numbers of permits and cards: no name, no address, no identity number.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

FORMAT_VERSION = 1
START = "0" * 64
"""What the first record has for the hash of the one before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """One act. `place` is the path of the district in which it was done, `subject` ``kind:id``.

    `detail` is canonical JSON, an object; `previous` and `hash` are 64 hex digits.
    """

    seq: int
    at: datetime
    act: str
    actor: str
    role: str
    place: str
    subject: str
    detail: str
    previous: str
    hash: str

    @classmethod
    def following(
        cls,
        last: tuple[int, str],
        *,
        at: datetime,
        act: str,
        actor: str,
        role: str,
        place: str,
        subject: str,
        detail: Mapping[str, Any],
    ) -> Record:
        """The record after `last` (its number and hash; 0 and START for none)."""
        seq, text = last[0] + 1, canonical_json(detail)
        fields: dict[str, Any] = {
            "seq": seq,
            "at": at,
            "act": act,
            "actor": actor,
            "role": role,
            "place": place,
            "subject": subject,
            "previous": last[1],
        }
        digest = sha256(_encode(fields, detail)).hexdigest()
        return cls(**fields, detail=text, hash=digest)

    def encode(self) -> bytes:
        """The canonical bytes. Raises ValueError when `detail` is not an object in JSON."""
        detail = json.loads(self.detail)
        if not isinstance(detail, dict):
            raise ValueError("detail is no object")
        fields = {
            "seq": self.seq,
            "at": self.at,
            "act": self.act,
            "actor": self.actor,
            "role": self.role,
            "place": self.place,
            "subject": self.subject,
            "previous": self.previous,
        }
        return _encode(fields, detail)


def canonical_json(value: Any) -> str:
    """The one way to write a value. Raises TypeError, ValueError for what JSON cannot say exactly."""
    _no_floats(value)
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


def moment(at: datetime) -> str:
    """``2026-11-21T03:00:00.000000Z``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _encode(fields: Mapping[str, Any], detail: Mapping[str, Any]) -> bytes:
    tree = dict(fields) | {"v": FORMAT_VERSION, "at": moment(fields["at"]), "detail": detail}
    return json.dumps(tree, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def _no_floats(value: Any) -> None:
    if isinstance(value, float):
        raise TypeError("a float has more than one spelling")
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise TypeError("keys are texts")
            _no_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _no_floats(item)
