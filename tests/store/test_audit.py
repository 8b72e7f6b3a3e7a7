"""The audit chain in the database: whoever changes it is found out; a file of it can be checked by anybody."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import delete, insert, text, update
from sqlalchemy.orm import Session as Transaction

from issuer.audit import export, log
from issuer.audit.chain import ChainBroken, ChainFault, Verified
from issuer.audit.checkpoint import AuditSigner, Statement
from issuer.audit.record import Record
from issuer.store.models.operations import AuditRecord, Checkpoint
from keys.envelopes import cose
from tests.store.office import Office, audit_signer

SIGNER = audit_signer()
KEYS = {SIGNER.kid: SIGNER.public_key}
SCRIPT = Path(__file__).with_name("independent_verifier.py")
RECORDS = 9


@pytest.fixture
def chain(office: Office) -> Office:
    """Nine records, with checkpoints after the third and the ninth."""
    office.accepted()
    sign(office)
    office.accepted()
    office.accepted()
    sign(office)
    return office


def sign(office: Office, signer: AuditSigner = SIGNER) -> Statement | None:
    with Transaction(office.store.engine) as transaction, transaction.begin():
        return log.sign_checkpoint(transaction, signer, now=office.clock.now)


def verify(office: Office, **more: Any) -> Verified:
    with office.store.read() as transaction:
        return log.verify(transaction, KEYS, **more)


def fault(call: Callable[..., object], *values: object, **named: object) -> tuple[ChainFault, int]:
    with pytest.raises(ChainBroken) as caught:
        call(*values, **named)
    return caught.value.fault, caught.value.seq


class Intruder:
    """Somebody with the database's own password, who takes the triggers away first."""

    def __init__(self, office: Office) -> None:
        self._engine = office.store.engine

    def __call__(self, *statements: Any) -> None:
        with self._engine.begin() as connection:
            for table in ("audit_record", "checkpoint"):
                if self._engine.dialect.name == "sqlite":
                    for verb in ("update", "delete"):
                        connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_{verb}"))
                else:
                    connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
            for statement in statements:
                connection.execute(statement)


def test_it_holds(chain: Office) -> None:
    found = verify(chain)
    assert (found.records, found.seq, found.checkpoints, found.signed_seq) == (RECORDS, RECORDS, 2, RECORDS)
    assert sign(chain) is None  # nothing new to say
    chain.registered()
    after = verify(chain)
    assert (after.records, after.signed_seq) == (RECORDS + 1, RECORDS)


CHANGES = [
    {"act": "approve"},
    {"actor": "somebody else"},
    {"role": "auditor"},
    {"place": "/2/"},
    {"subject": "holder:7"},
    {"detail": '{"application":1}'},
    {"detail": "[]"},
    {"detail": "no JSON"},
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: "-".join(change.values()))
def test_a_record_that_was_changed(chain: Office, change: dict[str, str]) -> None:
    Intruder(chain)(update(AuditRecord).where(AuditRecord.seq == 5).values(**change))
    assert fault(verify, chain) == (ChainFault.HASH, 5)


def test_a_time_that_was_changed(chain: Office) -> None:
    later = chain.clock.now.replace(microsecond=1)
    Intruder(chain)(update(AuditRecord).where(AuditRecord.seq == 5).values(at=later))
    assert fault(verify, chain) == (ChainFault.HASH, 5)


def test_a_record_that_was_taken_out(chain: Office) -> None:
    Intruder(chain)(delete(AuditRecord).where(AuditRecord.seq == 5))
    assert fault(verify, chain) == (ChainFault.GAP, 6)


def test_a_gap_that_was_closed(chain: Office) -> None:
    close = update(AuditRecord).where(AuditRecord.seq == 6).values(seq=5)
    Intruder(chain)(delete(AuditRecord).where(AuditRecord.seq == 5), close)
    assert fault(verify, chain) == (ChainFault.LINK, 5)


def test_an_end_that_was_cut_off(chain: Office) -> None:
    Intruder(chain)(delete(AuditRecord).where(AuditRecord.seq > 7))
    assert fault(verify, chain) == (ChainFault.TRUNCATED, 9)
    assert fault(sign, chain) == (ChainFault.TRUNCATED, 9)


def rewritten(office: Office) -> list[Any]:
    """The chain from the fifth record on, written anew with another actor and right hashes throughout."""
    statements: list[Any] = [delete(AuditRecord).where(AuditRecord.seq >= 5)]
    with office.store.read() as transaction:
        records = list(log.records(transaction))
    end = (4, records[3].hash)
    for old in records[4:]:
        names = ("at", "act", "role", "place", "subject")
        new = Record.following(end, actor="nobody", detail={}, **{name: getattr(old, name) for name in names})
        end = (new.seq, new.hash)
        statements.append(insert(AuditRecord).values({name: getattr(new, name) for name in Record.__slots__}))
    return statements


def test_a_chain_that_was_written_anew(chain: Office) -> None:
    Intruder(chain)(*rewritten(chain))
    assert fault(verify, chain) == (ChainFault.CHECKPOINT, 9)


def test_checkpoints_that_were_taken_away_too(chain: Office) -> None:
    """Then only a witness can tell: whoever has a checkpoint from before."""
    with chain.store.read() as transaction:
        witness = list(log.checkpoints(transaction))[-1]
    Intruder(chain)(*rewritten(chain), delete(Checkpoint).where(Checkpoint.seq > 3))
    assert verify(chain).signed_seq == 3
    assert fault(verify, chain, witness=witness) == (ChainFault.CHECKPOINT, 9)
    Intruder(chain)(delete(AuditRecord).where(AuditRecord.seq > 3))
    assert fault(verify, chain, witness=witness) == (ChainFault.TRUNCATED, 9)
    assert verify(chain).records == 3


def test_a_witness_against_a_checkpoint_signed_anew(chain: Office) -> None:
    with chain.store.read() as transaction:
        witness = list(log.checkpoints(transaction))[-1]
    Intruder(chain)(*rewritten(chain), delete(Checkpoint).where(Checkpoint.seq > 3))
    sign(chain)
    assert verify(chain).signed_seq == 9
    assert fault(verify, chain, witness=witness) == (ChainFault.CHECKPOINT, 9)


def test_a_checkpoint_by_somebody_else(chain: Office) -> None:
    chain.registered()
    key = ec.generate_private_key(ec.SECP256R1())
    for kid in (b"stranger", SIGNER.kid):
        stranger = AuditSigner(kid=kid, sign=cose.raw_signer(key), public_key=key.public_key())
        Intruder(chain)(delete(Checkpoint).where(Checkpoint.seq > RECORDS))
        sign(chain, stranger)
        assert fault(verify, chain) == (ChainFault.SIGNATURE, RECORDS + 1)


def test_nothing_false_is_signed(chain: Office) -> None:
    chain.accepted()
    Intruder(chain)(update(AuditRecord).where(AuditRecord.seq == 11).values(actor="somebody else"))
    assert fault(sign, chain) == (ChainFault.HASH, 11)
    with chain.store.read() as transaction:
        assert [seq for seq, _ in log.checkpoints(transaction)] == [3, RECORDS]


def test_a_signer_whose_key_is_another(chain: Office) -> None:
    """The signature is verified before it is given out."""
    chain.registered()
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    from keys.envelopes.errors import SignatureError

    with pytest.raises(SignatureError):
        sign(chain, AuditSigner(kid=SIGNER.kid, sign=SIGNER.sign, public_key=other))
    assert verify(chain).signed_seq == RECORDS


# --- the export


def exported(office: Office, **more: int) -> list[bytes]:
    with office.store.read() as transaction:
        return list(log.export_lines(transaction, **more))


def test_an_export_holds(chain: Office) -> None:
    lines = exported(chain)
    assert export.verify(lines, KEYS) == verify(chain)
    assert [line.split()[0] for line in lines].count(b"checkpoint") == 2
    tail = exported(chain, after=4)
    assert export.verify(tail, KEYS).records == RECORDS - 4


def mutations(lines: list[bytes]) -> Iterator[tuple[list[bytes], ChainFault]]:
    middle = next(at for at, line in enumerate(lines) if b'"seq":5' in line)
    signed = next(at for at, line in enumerate(lines) if line.startswith(b"checkpoint 9"))
    yield [line.replace(b"registrar1", b"registrar2") for line in lines], ChainFault.HASH
    yield lines[:middle] + lines[middle + 1 :], ChainFault.GAP
    yield [*lines[:middle], lines[middle + 1], lines[middle], *lines[middle + 2 :]], ChainFault.GAP
    yield lines[:-1], ChainFault.TRUNCATED
    yield [*lines[:-3], lines[-1]], ChainFault.TRUNCATED
    yield [*lines[:-1], lines[-1][:-1]], ChainFault.TRUNCATED
    yield [*lines, lines[-1]], ChainFault.MALFORMED
    yield lines[1:], ChainFault.MALFORMED
    yield [], ChainFault.MALFORMED
    yield [lines[0], b"nonsense\n", *lines[1:]], ChainFault.MALFORMED
    yield [lines[0], b"record 00 {}\n", *lines[1:]], ChainFault.MALFORMED
    yield [lines[0], b"record 00 " + b"[" * 100_000 + b"\n", *lines[1:]], ChainFault.MALFORMED
    yield [lines[0], b"x" * (export.MAX_LINE + 1) + b"\n"], ChainFault.MALFORMED
    yield [*lines[:signed], b"checkpoint 9 zz\n", *lines[signed + 1 :]], ChainFault.MALFORMED
    yield [*lines[:signed], b"checkpoint 9 00\n", *lines[signed + 1 :]], ChainFault.SIGNATURE
    earlier = next(line for line in lines if line.startswith(b"checkpoint 3"))
    yield [*lines[:signed], earlier, *lines[signed + 1 :]], ChainFault.CHECKPOINT
    yield [*lines[:middle], lines[signed], *lines[middle:]], ChainFault.TRUNCATED


def test_exports_that_were_changed(chain: Office) -> None:
    lines = exported(chain)
    for number, (changed, expected) in enumerate(mutations(lines)):
        assert (number, fault(export.verify, changed, KEYS)[0]) == (number, expected)


def test_another_program_comes_to_the_same(chain: Office, tmp_path: Path) -> None:
    """Thirty lines that know the page about the format, and nothing of ours."""
    key = tmp_path / "key.pem"
    key.write_bytes(SIGNER.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    lines = exported(chain)
    good = tmp_path / "good"
    good.write_bytes(b"".join(lines))
    assert run(good, key) == (0, f"{RECORDS} records, 2 checkpoints")
    for number, (changed, _) in enumerate(mutations(lines)):
        if sum(map(len, changed)) > export.MAX_LINE or b"[[" in b"".join(changed):
            continue  # resources are our concern, not that of thirty lines
        bad = tmp_path / f"bad{number}"
        bad.write_bytes(b"".join(changed))
        assert run(bad, key)[0] == 1, number


def test_by_hand(chain: Office) -> None:
    """The line in the documentation."""
    line = exported(chain)[3]
    cut = "cut -d' ' -f3- | tr -d '\\n' | sha256sum"
    result = subprocess.run(["sh", "-c", cut], input=line, capture_output=True, check=True)
    assert result.stdout.split()[0] == line.split()[1]


def run(path: Path, key: Path) -> tuple[int, str]:
    result = subprocess.run(
        [sys.executable, str(SCRIPT), str(path), str(key)], capture_output=True, text=True, check=False, timeout=60
    )
    return result.returncode, result.stdout.strip()
