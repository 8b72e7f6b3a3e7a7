"""Verifying a chain: record by record, in one pass, whatever its length and wherever it comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric import ec

from keys.envelopes.errors import SignatureError
from keys.errors import DecodeError

from . import checkpoint
from .record import START, Record


class ChainFault(StrEnum):
    """What can be wrong."""

    MALFORMED = "malformed"  # not a record, or not an export
    GAP = "gap"  # a number is missing, or comes twice
    HASH = "hash"  # a record was changed
    LINK = "link"  # a record does not follow the one before
    CHECKPOINT = "checkpoint"  # the signed word about this record is another
    SIGNATURE = "signature"  # a checkpoint is not signed by the audit signer
    TRUNCATED = "truncated"  # records are missing at the end


class ChainBroken(Exception):
    """The chain does not hold, at record `seq`, for `fault`."""

    def __init__(self, fault: ChainFault, seq: int, message: str = "") -> None:
        super().__init__(f"record {seq}: {fault}{': ' if message else ''}{message}")
        self.fault = fault
        self.seq = seq


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What holds: `records` up to number `seq` with `hash`; `signed_seq` is the last that a checkpoint vouches for."""

    records: int
    seq: int
    hash: str
    checkpoints: int
    signed_seq: int


class ChainVerifier:
    """Takes records in order, and checkpoints after (not before) the record that they are about."""

    def __init__(self, keys: Mapping[bytes, ec.EllipticCurvePublicKey], *, after: tuple[int, str] = (0, START)) -> None:
        """`keys` are the audit signers by kid; `after` is the record that is taken for granted, by default none."""
        self._keys = keys
        self._seq, self._hash = after
        self._records = self._checkpoints = self._signed = 0

    def take(self, seq: int, previous: str, canonical: bytes, digest: str) -> None:
        """The next record: its number and link, its bytes, and the hash it claims. Raises ChainBroken."""
        if seq != self._seq + 1:
            raise ChainBroken(ChainFault.GAP, seq, f"after {self._seq}")
        if previous != self._hash:
            raise ChainBroken(ChainFault.LINK, seq)
        if sha256(canonical).hexdigest() != digest:
            raise ChainBroken(ChainFault.HASH, seq)
        self._seq, self._hash = seq, digest
        self._records += 1

    def take_record(self, record: Record) -> None:
        """The next record, as the database has it. Raises ChainBroken."""
        try:
            canonical = record.encode()
        except ValueError as error:
            raise ChainBroken(ChainFault.HASH, record.seq, "detail") from error
        self.take(record.seq, record.previous, canonical, record.hash)

    def take_checkpoint(self, raw: bytes) -> None:
        """A checkpoint about the record taken last. Raises ChainBroken."""
        try:
            statement = checkpoint.verify(raw, self._keys)
        except (DecodeError, SignatureError, KeyError) as error:
            raise ChainBroken(ChainFault.SIGNATURE, self._seq, str(error)) from error
        if statement.seq > self._seq:
            raise ChainBroken(ChainFault.TRUNCATED, statement.seq, f"the chain ends at {self._seq}")
        if (statement.seq, statement.hash) != (self._seq, self._hash):
            raise ChainBroken(ChainFault.CHECKPOINT, statement.seq)
        self._checkpoints += 1
        self._signed = self._seq

    @property
    def at(self) -> tuple[int, str]:
        """Number and hash of the record taken last."""
        return self._seq, self._hash

    def result(self) -> Verified:
        """What holds so far."""
        return Verified(
            records=self._records,
            seq=self._seq,
            hash=self._hash,
            checkpoints=self._checkpoints,
            signed_seq=self._signed,
        )


def verify(
    records: Iterable[Record],
    checkpoints: Iterable[tuple[int, bytes]],
    keys: Mapping[bytes, ec.EllipticCurvePublicKey],
    *,
    after: tuple[int, str] = (0, START),
) -> Verified:
    """Verify a chain and its signed checkpoints (number and bytes, in order). Raises ChainBroken.

    A checkpoint beyond the last record means that records were cut off.
    """
    verifier = ChainVerifier(keys, after=after)
    waiting = iter(checkpoints)
    due = next(waiting, None)
    for record in records:
        verifier.take_record(record)
        while due is not None and due[0] <= record.seq:
            verifier.take_checkpoint(due[1])
            due = next(waiting, None)
    if due is not None:
        raise ChainBroken(ChainFault.TRUNCATED, due[0], f"the chain ends at {verifier.at[0]}")
    return verifier.result()
