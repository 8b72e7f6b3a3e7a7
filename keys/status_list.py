"""Token Status List as a CWT (draft-ietf-oauth-status-list): two bits a card, signed, in shards of 2^18.

A shard is a COSE_Sign1 (tag 18, no CWT tag) with ``typ = application/statuslist+cwt``. Claims: 2 sub = the shard's URI,
6 iat, 4 exp, 65534 ttl, 65533 = {bits, lst, aggregation_uri}; lst is a zlib stream over the packed statuses, entry 0 in
the low bits of byte 0. `aggregation_uri` is optional in the draft and always here: readers exist that fail without it.

The draft has no rule against going back, so there is one here: a status never leaves INVALID, not even after an
authority restored a backup, and a list never replaces a newer one.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum, StrEnum
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from . import cbor
from .envelopes import cose
from .errors import DecodeError

TYPE = "application/statuslist+cwt"
BITS = 2
SHARD_ENTRIES = 2**18
MAX_INFLATED = SHARD_ENTRIES * BITS // 8
"""65,536 bytes: a shard's statuses, packed."""
MAX_SIZE = MAX_INFLATED + 4096
"""Bytes of a signed shard: statuses that do not compress at all, and the envelope."""
MAX_URI = 128

_SUB, _EXP, _IAT, _STATUS_LIST, _TTL = 2, 4, 6, 65533, 65534
_MAX_TIME = 253402300799  # 9999-12-31T23:59:59Z
_LABELS = frozenset({cose.ALG, cose.TYP, cose.KID})


class Status(IntEnum):
    """Draft §7.1. Value 3 is the application's to define, and ours does not: `verify` refuses a list that has it."""

    VALID = 0
    INVALID = 1
    SUSPENDED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a card's status stands: what its MobileSecurityObject names."""

    uri: str
    index: int


class StatusListReason(StrEnum):
    """Why a well-formed, signed list is of no use."""

    WRONG_URI = "wrong_uri"
    """It is another shard than the one asked for, or the one it should follow."""
    OUT_OF_RANGE = "out_of_range"
    """It has no entry of that index."""
    OLDER = "older"
    """It was issued before the list that it should follow."""
    SHRUNK = "shrunk"
    """It has fewer entries than the list that it should follow."""
    REVIVED = "revived"
    """An entry left INVALID."""


class InflatesTooFar(DecodeError):
    """A zlib stream that would become larger than any list: a decompression bomb."""


class StatusListError(Exception):
    """A status list cannot be used, for `reason`."""

    def __init__(self, message: str, *, reason: StatusListReason) -> None:
        super().__init__(message)
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusList:
    """A verified shard. `statuses` are packed, four to a byte; `ttl` is in seconds; times are UTC.

    `verify` does not look at the clock: whether `exp` has passed, and what that means, is the caller's policy.
    """

    uri: str
    aggregation_uri: str
    iat: datetime
    exp: datetime
    ttl: int
    statuses: bytes = field(repr=False)

    def __len__(self) -> int:
        return len(self.statuses) * (8 // BITS)

    def lookup(self, index: int) -> Status:
        """The status of entry `index`. Raises `StatusListError` (OUT_OF_RANGE): no entry is not a valid one."""
        if not 0 <= index < len(self):
            raise StatusListError(f"no entry {index} among {len(self)}", reason=StatusListReason.OUT_OF_RANGE)
        return Status(entry(self.statuses, index, BITS))

    def exceptions(self) -> dict[int, Status]:
        """Every entry that is not VALID: few among 262,144, so whole bytes of zeros are passed over."""
        per_byte = 8 // BITS
        return {
            index: status
            for place, octet in enumerate(self.statuses)
            if octet
            for index in range(per_byte * place, per_byte * (place + 1))
            if (status := self.lookup(index)) is not Status.VALID
        }

    def require_succession(self, previous: StatusList) -> None:
        """Check that this list may take the place of `previous`. Raises `StatusListError`."""
        if self.uri != previous.uri:
            raise StatusListError("a list of another shard", reason=StatusListReason.WRONG_URI)
        if self.iat < previous.iat:
            raise StatusListError("a list older than the one at hand", reason=StatusListReason.OLDER)
        if len(self) < len(previous):
            raise StatusListError("a list with fewer entries", reason=StatusListReason.SHRUNK)
        if revived := _invalid(previous.statuses) & ~_invalid(self.statuses):
            index = ((revived & -revived).bit_length() - 1) // BITS
            raise StatusListError(f"entry {index} left INVALID", reason=StatusListReason.REVIVED)

    def succeeds(self, previous: StatusList) -> bool:
        """Whether this list may take the place of `previous`; `require_succession` tells why not."""
        try:
            self.require_succession(previous)
        except StatusListError:
            return False
        return True


def build(
    entries: Mapping[int, Status],
    *,
    uri: str,
    iat: datetime,
    exp: datetime,
    ttl: int,
    aggregation_uri: str,
    kid: bytes,
    sign: cose.RawSign,
    size: int = SHARD_ENTRIES,
    bits: int = BITS,
) -> bytes:
    """A signed shard of `size` entries (a multiple of 4): `entries` by index, every other one VALID.

    `sign` is an ES256 signer (64 bytes). Raises `ValueError` for what `verify` would not take.
    """
    if bits != BITS:
        raise ValueError(f"a permit's status has {BITS} bits")
    if not 0 < size <= SHARD_ENTRIES or size % (8 // BITS):
        raise ValueError(f"a shard has 4 to {SHARD_ENTRIES} entries, a multiple of 4")
    if not iat < exp or ttl <= 0:
        raise ValueError("exp must be after iat, and ttl positive")
    for text in (uri, aggregation_uri):
        if not _is_uri(text):
            raise ValueError(f"a URI has 1 to {MAX_URI} printable ASCII characters")
    packed = zlib.compress(pack(entries, size=size, bits=BITS), 9)
    claims = {
        _SUB: uri,
        _IAT: _seconds(iat),
        _EXP: _seconds(exp),
        _TTL: ttl,
        _STATUS_LIST: {"bits": BITS, "lst": packed, "aggregation_uri": aggregation_uri},
    }
    return cose.sign1(cbor.encode(claims), sign=sign, kid=kid, protected_extra={cose.TYP: TYPE}, tagged=True)


def verify(raw: bytes, public_key: ec.EllipticCurvePublicKey, uri: str) -> StatusList:
    """Check the signature of shard `uri` and read it.

    Raises `DecodeError` for another form, `SignatureError` for a signature that does not hold, `StatusListError`
    (WRONG_URI) for another shard. Nothing is inflated before the signature holds, and never more than `MAX_INFLATED`
    bytes.
    """
    path = "StatusList"
    envelope = cose.parse(
        raw,
        max_size=MAX_SIZE,
        tagged=True,
        protected_labels=_LABELS,
        unprotected_labels=frozenset({cose.KID}),
        path=path,
    )
    if envelope.headers.get(cose.TYP) != TYPE:
        raise DecodeError(f"typ is not {TYPE}", path=f"{path}/typ")
    envelope.verify(public_key)
    claims = cbor.decode(envelope.payload, max_size=MAX_SIZE, path=path)
    sub, iat, exp, ttl, inner = _members(claims, path, {_SUB: str, _IAT: int, _EXP: int, _TTL: int, _STATUS_LIST: dict})
    members = {"bits": int, "lst": bytes, "aggregation_uri": str}
    bits, lst, aggregation_uri = _members(inner, f"{path}/status_list", members)
    if bits != BITS:
        raise DecodeError(f"{bits} bits a status instead of {BITS}", path=f"{path}/status_list/bits")
    if not 0 <= iat < exp <= _MAX_TIME or ttl <= 0:
        raise DecodeError("iat and exp must follow each other, and ttl be positive", path=path)
    if not (_is_uri(sub) and _is_uri(aggregation_uri)):
        raise DecodeError("a URI is not printable ASCII of at most 128 characters", path=path)
    statuses = inflate(lst, MAX_INFLATED, path=f"{path}/status_list/lst")
    value = int.from_bytes(statuses, "little")
    if value & value >> 1 & _low_bits(len(statuses)):
        raise DecodeError("a status that is not defined", path=f"{path}/status_list/lst")
    if sub != uri:
        raise StatusListError("a list of another shard", reason=StatusListReason.WRONG_URI)
    return StatusList(
        uri=sub,
        aggregation_uri=aggregation_uri,
        iat=datetime.fromtimestamp(iat, UTC),
        exp=datetime.fromtimestamp(exp, UTC),
        ttl=ttl,
        statuses=statuses,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """What a signed shard says of itself, before anybody looked at the signature."""

    uri: str
    exp: datetime
    kid: bytes


def claimed(raw: bytes) -> Claimed:
    """What a signed shard claims, to look for its key and its file; `DecodeError`. Believe it after `verify`."""
    envelope = cose.parse(raw, max_size=MAX_SIZE, tagged=True, path="StatusList")
    claims = cbor.decode(envelope.payload, max_size=MAX_SIZE, path="StatusList")
    uri, exp = (claims.get(_SUB), claims.get(_EXP)) if isinstance(claims, dict) else (None, None)
    if not isinstance(uri, str) or not _is_uri(uri) or type(exp) is not int or not 0 <= exp <= _MAX_TIME:
        raise DecodeError("no URI, or no time of expiry", path="StatusList")
    return Claimed(uri=uri, exp=datetime.fromtimestamp(exp, UTC), kid=envelope.kid or b"")


def pack(entries: Mapping[int, int], *, size: int, bits: int) -> bytes:
    """`size` statuses of `bits` (1, 2, 4 or 8) each: draft §4.1, entry 0 in the low bits of byte 0; absent entries are
    0."""
    packed = bytearray(size * bits // 8)
    for index, status in entries.items():
        if not 0 <= index < size or not 0 <= status < 1 << bits:
            raise ValueError(f"no entry {index} with status {status} in a list of {size}")
        place = index * bits
        packed[place >> 3] = packed[place >> 3] & ~(((1 << bits) - 1) << (place & 7)) | status << (place & 7)
    return bytes(packed)


def entry(packed: bytes, index: int, bits: int) -> int:
    """Status `index` of a packed list; the inverse of `pack`."""
    place = index * bits
    return packed[place >> 3] >> (place & 7) & ((1 << bits) - 1)


def inflate(data: bytes, limit: int, *, path: str = "") -> bytes:
    """Inflate one whole zlib stream of 1 to `limit` bytes. Raises `DecodeError`: a bomb is not blown up to be
    measured."""
    stream = zlib.decompressobj()
    try:
        inflated = stream.decompress(data, limit + 1)
    except zlib.error as error:
        raise DecodeError(str(error), path=path) from error
    if len(inflated) > limit:
        raise InflatesTooFar(f"inflates to more than {limit} bytes", path=path)
    if not stream.eof or not inflated:
        raise DecodeError("the zlib stream is empty or ends early", offset=len(data), path=path)
    if stream.unused_data:
        raise DecodeError("bytes after the zlib stream", offset=len(data) - len(stream.unused_data), path=path)
    return inflated


def _low_bits(size: int) -> int:
    """The low bit of every entry of `size` packed bytes."""
    return int.from_bytes(b"\x55" * size, "little")


def _invalid(statuses: bytes) -> int:
    """The low bit of every entry that is INVALID (01), as one number: a shard is compared in microseconds."""
    value = int.from_bytes(statuses, "little")
    return value & ~(value >> 1) & _low_bits(len(statuses))


def _members(value: Any, path: str, kinds: Mapping[Any, type]) -> list[Any]:
    """The values of a map that has exactly the members `kinds`, each of its type."""
    if type(value) is not dict or value.keys() != kinds.keys():
        raise DecodeError(f"must be a map of {', '.join(map(str, kinds))}", path=path)
    for name, kind in kinds.items():
        if type(value[name]) is not kind:
            raise DecodeError(f"not of type {kind.__name__}", path=f"{path}/{name}")
    return [value[name] for name in kinds]


def _seconds(time: datetime) -> int:
    if time.tzinfo is None or time.microsecond:
        raise ValueError("times have a zone and whole seconds")
    return int(time.timestamp())


def _is_uri(text: str) -> bool:
    return text.isascii() and text.isprintable() and 0 < len(text) <= MAX_URI
