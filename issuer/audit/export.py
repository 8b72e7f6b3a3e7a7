"""The chain as a text file that any tool can verify.

    audit 1 <number of the record before the first> <its hash, or 64 zeros>
    record <SHA-256 of the JSON> <the JSON>
    checkpoint <number> <COSE_Sign1, hex>
    end <count of records> <hash of the last>

UTF-8, lines end with one line feed. The JSON is canonical (`record`), so ``cut -d' ' -f3- | tr -d '\\n' | sha256sum``
of a record's line gives its second word, and ``previous`` in it is the second word of the line before.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping

from cryptography.hazmat.primitives.asymmetric import ec

from .chain import ChainBroken, ChainFault, ChainVerifier, Verified
from .record import FORMAT_VERSION, START, Record

MAX_LINE = 1 << 20  # bytes


def lines(
    records: Iterable[Record], checkpoints: Iterable[tuple[int, bytes]], *, after: tuple[int, str] = (0, START)
) -> Iterator[bytes]:
    """The export, line by line; both in order of their numbers."""
    yield f"audit {FORMAT_VERSION} {after[0]} {after[1]}\n".encode()
    waiting = iter(checkpoints)
    due = next(waiting, None)
    count, last = 0, after[1]
    for record in records:
        yield b"record " + record.hash.encode() + b" " + record.encode() + b"\n"
        count, last = count + 1, record.hash
        while due is not None and due[0] <= record.seq:
            if due[0] == record.seq:
                yield f"checkpoint {due[0]} {due[1].hex()}\n".encode()
            due = next(waiting, None)
    yield f"end {count} {last}\n".encode()


def verify(source: Iterable[bytes], keys: Mapping[bytes, ec.EllipticCurvePublicKey]) -> Verified:
    """Verify an export from its lines. Raises ChainBroken."""
    given = iter(source)
    verifier = _begin(next(given, b""), keys)
    for line in given:
        seq = verifier.at[0] + 1
        if len(line) > MAX_LINE or not line.endswith(b"\n"):
            raise ChainBroken(ChainFault.TRUNCATED if len(line) <= MAX_LINE else ChainFault.MALFORMED, seq)
        kind, _, rest = line[:-1].partition(b" ")
        if kind == b"record":
            _record(verifier, rest, seq)
        elif kind == b"checkpoint":
            _checkpoint(verifier, rest, seq)
        elif kind == b"end":
            result = verifier.result()
            if rest != f"{result.records} {result.hash}".encode():
                raise ChainBroken(ChainFault.TRUNCATED, seq)
            if next(given, None) is not None:
                raise ChainBroken(ChainFault.MALFORMED, seq, "lines after the end")
            return result
        else:
            raise ChainBroken(ChainFault.MALFORMED, seq, "an unknown line")
    raise ChainBroken(ChainFault.TRUNCATED, verifier.at[0] + 1, "no end")


def _begin(line: bytes, keys: Mapping[bytes, ec.EllipticCurvePublicKey]) -> ChainVerifier:
    words = line.decode("ascii", "replace").split()
    if len(words) != 4 or words[:2] != ["audit", str(FORMAT_VERSION)] or not words[2].isdigit() or len(words[3]) != 64:
        raise ChainBroken(ChainFault.MALFORMED, 0, "no audit export")
    return ChainVerifier(keys, after=(int(words[2]), words[3]))


def _record(verifier: ChainVerifier, rest: bytes, seq: int) -> None:
    digest, _, canonical = rest.partition(b" ")
    try:
        tree = json.loads(canonical)
        number, previous = tree["seq"], tree["previous"]
        if type(number) is not int or type(previous) is not str:
            raise TypeError("seq, previous")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ChainBroken(ChainFault.MALFORMED, seq, "no record") from error
    verifier.take(number, previous, canonical, digest.decode("ascii", "replace"))


def _checkpoint(verifier: ChainVerifier, rest: bytes, seq: int) -> None:
    _, _, raw = rest.partition(b" ")
    try:
        verifier.take_checkpoint(bytes.fromhex(raw.decode("ascii", "replace")))
    except ValueError as error:
        raise ChainBroken(ChainFault.MALFORMED, seq, "no checkpoint") from error
