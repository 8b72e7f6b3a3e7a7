"""A verified status list as a file that is mapped, not read: what synchronisation leaves behind for the check.

The signature was checked when the list arrived, and the directory is as trusted as the CSCA certificates in it. At a
check two pages are touched: the header and the block that holds the card. Each has a checksum, because a bit that
flips on a cheap disk must not turn INVALID into VALID.

    magic 8 · iat 8 · exp 8 · entries 4 · blocks 4 · URI 128, zero-padded · SHA-256 of the signed list 32
    · CRC-32 of each of 16 blocks 64 · CRC-32 of all before 4 · statuses, packed as in the list

Numbers are big-endian, times in seconds.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
import zlib
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from .errors import DecodeError
from .status_list import BITS, MAX_INFLATED, MAX_URI, Status, StatusList, StatusListError, StatusListReason, entry

SUFFIX = ".map"
_MAGIC = b"RPSTAT1\n"
_BLOCK = 4096
_BLOCKS = MAX_INFLATED // _BLOCK
_HEADER = struct.Struct(f">8sQQII{MAX_URI}s32s{_BLOCKS}I")
_CHECK = struct.Struct(">I")
_START = _HEADER.size + _CHECK.size
_PER_BYTE = 8 // BITS
_MAX_TIME = 253402300799


def encode(verified: StatusList, *, signed: bytes) -> bytes:
    """The file for a list that was verified; `signed` is the list as it came (CWT)."""
    statuses = verified.statuses
    checks = [zlib.crc32(statuses[at : at + _BLOCK]) for at in range(0, len(statuses), _BLOCK)]
    header = _HEADER.pack(
        _MAGIC,
        int(verified.iat.timestamp()),
        int(verified.exp.timestamp()),
        len(verified),
        len(checks),
        verified.uri.encode("ascii"),
        sha256(signed).digest(),
        *checks,
        *(0 for _ in range(_BLOCKS - len(checks))),
    )
    return header + _CHECK.pack(zlib.crc32(header)) + statuses


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedStatusList:
    """An open file. The part of `StatusList` that a check needs."""

    uri: str
    iat: datetime
    exp: datetime
    digest: bytes
    """SHA-256 of the signed list."""
    _entries: int
    _checks: tuple[int, ...]
    _map: mmap.mmap

    def __len__(self) -> int:
        return self._entries

    def lookup(self, index: int) -> Status:
        """The status of entry `index`. `StatusListError` (OUT_OF_RANGE), or `DecodeError` for a damaged block."""
        if not 0 <= index < self._entries:
            raise StatusListError(f"no entry {index} among {self._entries}", reason=StatusListReason.OUT_OF_RANGE)
        block, place = divmod(index // _PER_BYTE, _BLOCK)
        begin = _START + block * _BLOCK
        content = self._map[begin : begin + _BLOCK]
        if zlib.crc32(content) != self._checks[block]:
            raise DecodeError("a damaged block", offset=begin, path=self.uri)
        value = entry(content[place : place + 1], index % _PER_BYTE, BITS)
        if value not in set(Status):
            raise DecodeError("a status that is not defined", offset=begin + place, path=self.uri)
        return Status(value)


def open_list(path: str, uri: str) -> MappedStatusList:
    """Map the file at `path`, which must be the list of `uri`.

    FileNotFoundError without one, `DecodeError` for a damaged one, `StatusListError` (WRONG_URI) for another list's.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not _START < status.st_size <= _START + MAX_INFLATED:
            raise DecodeError("not a mapped status list", path=path)
        mapped = mmap.mmap(descriptor, status.st_size, access=mmap.ACCESS_READ)
    finally:
        os.close(descriptor)
    header = mapped[: _HEADER.size]
    magic, iat, exp, entries, blocks, name, digest, *checks = _HEADER.unpack(header)
    size = status.st_size - _START
    if (
        magic != _MAGIC
        or _CHECK.unpack(mapped[_HEADER.size : _START])[0] != zlib.crc32(header)
        or entries != size * _PER_BYTE
        or blocks != -(-size // _BLOCK)
        or max(iat, exp) > _MAX_TIME
    ):
        raise DecodeError("a damaged status list", path=path)
    if name.rstrip(b"\0") != uri.encode():
        raise StatusListError("a list of another shard", reason=StatusListReason.WRONG_URI)
    return MappedStatusList(
        uri=uri,
        iat=datetime.fromtimestamp(iat, UTC),
        exp=datetime.fromtimestamp(exp, UTC),
        digest=digest,
        _entries=entries,
        _checks=tuple(checks),
        _map=mapped,
    )
