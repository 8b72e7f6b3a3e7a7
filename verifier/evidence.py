"""What a reader captured of a card: raw bytes and our own randomness, so that anybody can check it again later.

Holds personal data, and no CAN, MRZ password or session key of PACE. The ephemeral private key of Chip Authentication
was used once and opens nothing any more; with it the proof that the chip gave can be recomputed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from keys import cbor
from keys.errors import DecodeError

FORMAT = 1
MAX_SIZE = 96 * 1024
MAX_FILE = 32 * 1024
MAX_TEXT = 64
MAX_EXCHANGES = 128
MAX_APDU = 40 * 1024
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59Z


@dataclass(frozen=True, slots=True, kw_only=True)
class ChipTranscript:
    """Chip Authentication and what was read under its keys (9303-11 §6.2).

    `oid` (dotted) and `key_id` as sent in MSE:Set AT; `ephemeral_private` our private scalar, 32 bytes big endian.
    `exchanges` are pairs of our command *before* protection (extended form) and the card's *protected* response, in
    order from the first after the new keys: with the keys and the counter the protected commands follow.
    """

    oid: str
    key_id: int
    ephemeral_private: bytes = field(repr=False)
    exchanges: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One check's capture. Files are exactly the bytes read; empty bytes mean that the file was not read.

    `captured` is UTC with whole seconds. `chip_fault` is the `CardFault` that ended Chip Authentication or the read of
    the sector file, empty when none did. `identity` maps the names of the profile ("DG2", "EF.SOD" …) to contents.
    """

    profile: str
    captured: datetime
    sector: str
    atr: bytes = b""
    card_access: bytes = b""
    active: bytes = b""
    mso: bytes = b""
    permit: bytes = b""
    signer_certificate: bytes = b""
    sector_item: bytes = b""
    chip: ChipTranscript | None = None
    chip_fault: str = ""
    identity: Mapping[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        object.__setattr__(self, "identity", MappingProxyType(dict(self.identity)))

    @property
    def portrait(self) -> bytes:
        """The DG2 file, empty when it was not read."""
        return self.identity.get("DG2", b"")


_FILES = {
    "atr": "atr",
    "cardAccess": "card_access",
    "active": "active",
    "mso": "mso",
    "permit": "permit",
    "signerCertificate": "signer_certificate",
    "sectorItem": "sector_item",
}
_TEXTS = {"profile": "profile", "sector": "sector", "chipFault": "chip_fault"}
_FIELDS = frozenset({"format", "captured", "chip", "identity", *_FILES, *_TEXTS})


def encode(evidence: Evidence) -> bytes:
    """The evidence as CBOR, at most `MAX_SIZE` bytes for any card of the profile."""
    chip = evidence.chip
    value: dict[str, Any] = {
        "format": FORMAT,
        "captured": int(evidence.captured.timestamp()),
        "identity": dict(evidence.identity),
        "chip": None
        if chip is None
        else [chip.oid, chip.key_id, chip.ephemeral_private, [list(pair) for pair in chip.exchanges]],
    }
    value |= {key: getattr(evidence, name) for table in (_FILES, _TEXTS) for key, name in table.items()}
    return cbor.encode(value)


def decode(raw: bytes) -> Evidence:
    """The evidence that `encode` wrote. Raises `DecodeError` for anything else."""
    value = cbor.decode(raw, max_size=MAX_SIZE, path="Evidence")
    if not isinstance(value, dict) or value.keys() != _FIELDS:
        raise DecodeError("not the fields of an evidence file", path="Evidence")
    if _integer(value["format"], FORMAT, "format") != FORMAT:
        raise DecodeError(f"not format {FORMAT}", path="Evidence/format")
    identity = value["identity"]
    if not isinstance(identity, dict):
        raise DecodeError("not a map", path="Evidence/identity")
    return Evidence(
        captured=datetime.fromtimestamp(_integer(value["captured"], _LAST_SECOND, "captured"), UTC),
        chip=None if value["chip"] is None else _transcript(value["chip"]),
        identity={
            _text(name, "identity"): _bytes(content, MAX_FILE, f"identity/{name}") for name, content in identity.items()
        },
        **{name: read(value[key], key) for table, read in _TABLES for key, name in table.items()},
    )


def _transcript(value: object) -> ChipTranscript:
    if not isinstance(value, list) or len(value) != 4 or not isinstance(value[3], list):
        raise DecodeError("not an array of four", path="Evidence/chip")
    oid, key_id, private, pairs = value
    if len(pairs) > MAX_EXCHANGES:
        raise DecodeError(f"more than {MAX_EXCHANGES} exchanges", path="Evidence/chip")
    exchanges = []
    for at, pair in enumerate(pairs):
        if not isinstance(pair, list) or len(pair) != 2:
            raise DecodeError("not a command and a response", path=f"Evidence/chip/{at}")
        exchanges.append((_bytes(pair[0], MAX_APDU, f"chip/{at}"), _bytes(pair[1], MAX_APDU, f"chip/{at}")))
    return ChipTranscript(
        oid=_text(oid, "chip"),
        key_id=_integer(key_id, 255, "chip"),
        ephemeral_private=_bytes(private, 66, "chip"),
        exchanges=tuple(exchanges),
    )


def _file(value: object, path: str) -> bytes:
    return _bytes(value, MAX_FILE, path)


def _bytes(value: object, most: int, path: str) -> bytes:
    if not isinstance(value, bytes) or len(value) > most:
        raise DecodeError(f"not a byte string of at most {most} bytes", path=f"Evidence/{path}")
    return value


def _text(value: object, path: str) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise DecodeError(f"not a text of at most {MAX_TEXT} characters", path=f"Evidence/{path}")
    return value


_TABLES: tuple[tuple[dict[str, str], Callable[[object, str], Any]], ...] = ((_FILES, _file), (_TEXTS, _text))


def _integer(value: object, most: int, path: str) -> int:
    if type(value) is not int or not 0 <= value <= most:
        raise DecodeError(f"not an integer from 0 to {most}", path=f"Evidence/{path}")
    return value
