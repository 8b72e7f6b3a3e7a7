"""The chain in the database: appended by whoever commits, read in pieces, signed now and then.

A record is numbered and linked in the transaction of the act that it tells of, as the last thing before the commit. So
one commits after the other; what that costs is the time of one commit, some milliseconds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import func, insert, select, text
from sqlalchemy.orm import Session as Transaction

from keys.envelopes.errors import SignatureError
from keys.errors import DecodeError

from ..store.models.operations import AuditRecord, Checkpoint
from . import chain, checkpoint, export
from .chain import ChainBroken, ChainFault, Verified
from .checkpoint import AuditSigner, Statement
from .record import START, Record

PIECE = 5000  # records read at a time
_LOCK = 0x6175646974  # "audit": the number of PostgreSQL's advisory lock

_COLUMNS = (
    AuditRecord.seq,
    AuditRecord.at,
    AuditRecord.act,
    AuditRecord.actor,
    AuditRecord.role,
    AuditRecord.place,
    AuditRecord.subject,
    AuditRecord.detail,
    AuditRecord.previous,
    AuditRecord.hash,
)
_NAMES = tuple(column.key for column in _COLUMNS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Unsigned:
    """Records after the newest checkpoint: number and hash of its record (0 and START without one) and of the last.

    `signed_at` is when that checkpoint was signed.
    """

    after: tuple[int, str]
    end: tuple[int, str]
    signed_at: datetime | None


def lock(transaction: Transaction) -> None:
    """Wait for whoever appends now. SQLite has one writer at a time as it is."""
    if transaction.get_bind().dialect.name == "postgresql":
        transaction.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))


def last(transaction: Transaction) -> tuple[int, str]:
    """Number and hash of the newest record; 0 and START before the first."""
    row = transaction.execute(
        select(AuditRecord.seq, AuditRecord.hash).order_by(AuditRecord.seq.desc()).limit(1)
    ).first()
    return (0, START) if row is None else (row.seq, row.hash)


def append(transaction: Transaction, records: Sequence[Mapping[str, object]]) -> None:
    """Append acts (the arguments of `Record.following`, without `last`), as the last thing before the commit."""
    lock(transaction)
    end = last(transaction)
    rows = []
    for fields in records:
        record = Record.following(end, **fields)  # type: ignore[arg-type]
        end = (record.seq, record.hash)
        rows.append({name: getattr(record, name) for name in _NAMES})
    transaction.execute(insert(AuditRecord), rows)


def records(transaction: Transaction, *, after: int = 0, until: int | None = None) -> Iterator[Record]:
    """The records after number `after`, in order, read piece by piece."""
    while True:
        query = select(*_COLUMNS).where(AuditRecord.seq > after).order_by(AuditRecord.seq).limit(PIECE)
        if until is not None:
            query = query.where(AuditRecord.seq <= until)
        rows = transaction.execute(query).all()
        for row in rows:
            yield Record(**dict(zip(_NAMES, row, strict=True)))
        if len(rows) < PIECE:
            return
        after = rows[-1].seq


def checkpoints(transaction: Transaction, *, after: int = 0) -> Iterator[tuple[int, bytes]]:
    """Checkpoints about records after number `after`, in order."""
    rows = transaction.execute(
        select(Checkpoint.seq, Checkpoint.signed).where(Checkpoint.seq > after).order_by(Checkpoint.seq)
    )
    for row in rows:
        yield row.seq, row.signed


def verify(
    transaction: Transaction,
    keys: Mapping[bytes, ec.EllipticCurvePublicKey],
    *,
    witness: tuple[int, bytes] | None = None,
) -> Verified:
    """The whole chain. `witness` is a checkpoint that was kept elsewhere. Raises ChainBroken.

    Records that are appended meanwhile are left for the next time.
    """
    until, _ = last(transaction)
    known = dict(checkpoints(transaction))
    if witness is not None and known.setdefault(witness[0], witness[1]) != witness[1]:
        _agree(known[witness[0]], witness[1], keys)
    return chain.verify(records(transaction, until=until), sorted(known.items()), keys)


def export_lines(transaction: Transaction, *, after: int = 0) -> Iterator[bytes]:
    """The records after number `after` as `export` writes them."""
    start = (0, START)
    if after:
        start = (after, transaction.execute(select(AuditRecord.hash).where(AuditRecord.seq == after)).scalar_one())
    until, _ = last(transaction)
    signed = (pair for pair in checkpoints(transaction, after=after) if pair[0] <= until)
    return export.lines(records(transaction, after=after, until=until), signed, after=start)


def unsigned(transaction: Transaction) -> Unsigned | None:
    """What no checkpoint vouches for yet, none of it read; None when nothing is new. Raises ChainBroken(TRUNCATED)."""
    row = transaction.execute(
        select(Checkpoint.seq, Checkpoint.hash, Checkpoint.at).order_by(Checkpoint.seq.desc()).limit(1)
    ).first()
    after, signed_at = ((0, START), None) if row is None else ((row.seq, row.hash), row.at)
    end = last(transaction)
    if end[0] < after[0]:
        raise ChainBroken(ChainFault.TRUNCATED, after[0], f"the chain ends at {end[0]}")
    return None if end[0] == after[0] else Unsigned(after=after, end=end, signed_at=signed_at)


def verified(transaction: Transaction, found: Unsigned) -> Unsigned:
    """The same, once every record of it was verified, twice over. Raises ChainBroken.

    Twice, because a bit that flips in memory must not be signed as the truth. Takes no lock: what was appended stays.
    """
    for _ in range(2):
        seen = chain.verify(records(transaction, after=found.after[0], until=found.end[0]), (), {}, after=found.after)
        if (seen.seq, seen.hash) != found.end:
            raise ChainBroken(ChainFault.HASH, found.end[0])
    return found


def sign_verified(transaction: Transaction, found: Unsigned, signer: AuditSigner, *, now: datetime) -> Statement | None:
    """Sign the end of what `verified` read; None when somebody else signed meanwhile. Raises ChainBroken; the caller
    commits. Takes the lock, and only as long as a signature takes."""
    lock(transaction)
    due = unsigned(transaction)
    if due is None or due.after != found.after:
        return None
    seq, digest = found.end
    if transaction.execute(select(AuditRecord.hash).where(AuditRecord.seq == seq)).scalar() != digest:
        raise ChainBroken(ChainFault.HASH, seq)
    statement = Statement(seq=seq, hash=digest, at=now)
    transaction.add(Checkpoint(seq=seq, hash=digest, at=now, signed=checkpoint.sign(statement, signer)))
    transaction.flush()
    return statement


def sign_checkpoint(transaction: Transaction, signer: AuditSigner, *, now: datetime) -> Statement | None:
    """Sign the newest record, once all since the last checkpoint was verified; None when nothing is new.

    In one transaction: nobody appends meanwhile. Raises ChainBroken; the caller commits.
    """
    lock(transaction)
    found = unsigned(transaction)
    return None if found is None else sign_verified(transaction, verified(transaction, found), signer, now=now)


def size(transaction: Transaction) -> int:
    """How many records there are, without counting them: they are numbered without a gap."""
    return transaction.execute(select(func.max(AuditRecord.seq))).scalar() or 0


def _agree(one: bytes, other: bytes, keys: Mapping[bytes, ec.EllipticCurvePublicKey]) -> None:
    """Two checkpoints about one record, signed twice, must say the same."""
    try:
        first, second = (checkpoint.verify(raw, keys) for raw in (one, other))
    except (DecodeError, SignatureError, KeyError) as error:
        raise ChainBroken(ChainFault.SIGNATURE, 0, str(error)) from error
    if (first.seq, first.hash) != (second.seq, second.hash):
        raise ChainBroken(ChainFault.CHECKPOINT, first.seq)
