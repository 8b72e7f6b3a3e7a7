"""What was captured of a printed code: the bytes that were in it, so that anybody can decide about it again.

Personal data as the code itself, and what is printed there opens the chip: keep it as carefully as a card.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from keys import cbor
from keys.errors import DecodeError

FORMAT = 1
KIND = "printed"
MAX_SIZE = 2048
_MAX_CODE = 1024
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z
_FIELDS = frozenset({"format", "kind", "captured", "sector", "code"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PrintedEvidence:
    """One check of a code: `code` is its COSE_Sign1 as scanned, `captured` UTC with whole seconds."""

    captured: datetime
    sector: str
    code: bytes = field(repr=False)


def encode(evidence: PrintedEvidence) -> bytes:
    """As CBOR, at most `MAX_SIZE` bytes."""
    return cbor.encode(
        {
            "format": FORMAT,
            "kind": KIND,
            "captured": int(evidence.captured.timestamp()),
            "sector": evidence.sector,
            "code": evidence.code,
        }
    )


def decode(raw: bytes) -> PrintedEvidence:
    """What `encode` wrote. Raises DecodeError for anything else."""
    value = cbor.decode(raw, max_size=MAX_SIZE, path="PrintedEvidence")
    if not isinstance(value, dict) or value.keys() != _FIELDS or (value["format"], value["kind"]) != (FORMAT, KIND):
        raise DecodeError("not the evidence of a printed code", path="PrintedEvidence")
    captured, sector, code = value["captured"], value["sector"], value["code"]
    if type(captured) is not int or not 0 <= captured <= _LAST_SECOND:
        raise DecodeError("not a time", path="PrintedEvidence/captured")
    if not isinstance(sector, str) or len(sector) > 64 or not isinstance(code, bytes) or len(code) > _MAX_CODE:
        raise DecodeError("not a sector and a code", path="PrintedEvidence")
    return PrintedEvidence(captured=datetime.fromtimestamp(captured, UTC), sector=sector, code=code)
