"""What the service does by itself: the CRL does not run out, the chain is signed once a day, nothing stops the rest."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.orm import Session as Transaction

from issuer.audit import log as audit_log
from issuer.audit.log import Unsigned
from issuer.domain.roles import Role, clockwork
from issuer.service import authority_keys, logs
from issuer.service.clockwork import Clockwork
from issuer.store.models.operations import AuditRecord, Checkpoint
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests.service import house as houses
from tests.service.house import START, House

CRL_DAYS = 90


@pytest.fixture
def keyed(url: str, tmp_path: Path) -> Iterator[House]:
    """An office whose process has the authority's keys."""
    home = tmp_path / "home"
    raw = resources.files("issuer.samples").joinpath("authority.json").read_bytes()
    Authority.create(home, parse(raw), b"opens", clock=lambda: START, cost=ScryptCost(log2_n=1))
    passphrase = tmp_path / "passphrase"
    passphrase.write_text("opens\n")
    with houses.opened(home, url, PERMIT_PASSPHRASE_FILE=str(passphrase)) as opened:
        yield opened


def turn(house: House) -> None:
    """The first turn of a process: all that is due."""
    Clockwork(house.service).turn()


def keys(house: House) -> authority_keys.Keys:
    assert house.service.keys is not None
    return house.service.keys


def number(house: House) -> int:
    return keys(house).authority.published_crl().number


def checkpoints(house: House) -> list[int]:
    with house.service.store.read() as transaction:
        return list(transaction.scalars(select(Checkpoint.seq).order_by(Checkpoint.seq)))


def newest(house: House) -> int:
    with house.service.store.read() as transaction:
        return transaction.scalar(select(func.max(AuditRecord.seq))) or 0


def events(caplog: pytest.LogCaptureFixture) -> list[tuple[str, int]]:
    return [(record.getMessage(), record.levelno) for record in caplog.records if record.name == logs.LOGGER]


# --- the CRL


def test_the_crl_is_renewed_when_half_of_its_life_is_over(keyed: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logs.LOGGER)
    first = keys(keyed).authority.published_crl()
    assert (first.next_update - first.this_update).days == CRL_DAYS
    keyed.clock.pass_by(days=CRL_DAYS / 2)
    turn(keyed)
    assert number(keyed) == first.number
    keyed.clock.pass_by(seconds=1)
    turn(keyed)
    turn(keyed)
    renewed = keys(keyed).authority.published_crl()
    assert (renewed.number, renewed.this_update) == (first.number + 1, keyed.clock.now)
    assert events(caplog).count(("crl-renewed", logging.INFO)) == 1


def test_of_several_processes_one_renews(keyed: House) -> None:
    keyed.clock.pass_by(days=CRL_DAYS - 1)
    home, before = keyed.service.settings.home, number(keyed)
    others = [Authority.open(home, b"opens", clock=keyed.clock) for _ in range(4)]
    gate, found = threading.Barrier(len(others)), []

    def work(authority: Authority) -> None:
        gate.wait()
        found.append(authority.renew_crl())

    threads = [threading.Thread(target=work, args=(one,)) for one in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [crl.number for crl in found if crl is not None] == [before + 1]
    assert (len(found), number(keyed)) == (4, before + 1)
    for one in others:
        one.registry.close()


def test_the_number_never_goes_back(keyed: House) -> None:
    """Somebody has put an old CRL back."""
    authority = keys(keyed).authority
    path = Path(authority.trust_dir, authority.lists.crl_name)
    old = path.read_bytes()
    keyed.clock.pass_by(days=CRL_DAYS - 1)
    turn(keyed)
    keyed.clock.pass_by(days=1)
    path.write_bytes(old)
    turn(keyed)
    assert number(keyed) == 3


def test_without_the_root_everything_else_goes_on(keyed: House, caplog: pytest.LogCaptureFixture) -> None:
    keyed.clock.pass_by(days=CRL_DAYS - 1)
    csca = next(path for path in (keyed.service.settings.home / "keys").iterdir() if "csca" in path.name.lower())
    away = csca.with_name("away")
    os.rename(csca, away)
    before = number(keyed)
    turn(keyed)
    assert number(keyed) == before
    assert checkpoints(keyed) == [newest(keyed)]
    assert ("crl", logging.ERROR) in events(caplog)
    os.rename(away, csca)
    turn(keyed)
    assert number(keyed) == before + 1


# --- the chain


def test_the_chain_is_signed_once_a_day(keyed: House) -> None:
    turn(keyed)
    signed = [newest(keyed)]
    assert checkpoints(keyed) == signed
    keyed.registered(1)
    turn(keyed)
    assert checkpoints(keyed) == signed  # tomorrow
    keyed.clock.pass_by(hours=13)  # midnight in China
    turn(keyed)
    signed.append(newest(keyed))
    assert checkpoints(keyed) == signed
    keyed.clock.pass_by(days=1)
    turn(keyed)
    assert checkpoints(keyed) == signed  # nothing new
    found = keyed.as_(Role.AUDITOR).get("/api/v1/audit/verification").json()
    assert (found["checkpoints"], found["signed_seq"]) == (2, signed[-1])


def test_only_what_no_checkpoint_vouches_for_is_read(keyed: House, monkeypatch: pytest.MonkeyPatch) -> None:
    turn(keyed)
    before = newest(keyed)
    keyed.registered(1)
    keyed.clock.pass_by(days=1)
    read: list[int] = []
    records = audit_log.records

    def counted(*values: object, **named: object) -> Iterator[object]:
        for record in records(*values, **named):  # type: ignore[arg-type]
            read.append(record.seq)
            yield record

    monkeypatch.setattr(audit_log, "records", counted)
    turn(keyed)
    assert read == [*range(before + 1, newest(keyed) + 1)] * 2


def test_of_several_processes_one_signs(keyed: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one signs while this one reads."""
    verified = audit_log.verified
    actor = clockwork(authority_keys.CITY)

    def slowly(transaction: Transaction, found: Unsigned) -> Unsigned:
        monkeypatch.setattr(audit_log, "verified", verified)
        end = verified(transaction, found)
        keyed.registered(1)
        other = authority_keys.sign_checkpoint(keys(keyed), keyed.service.store, actor, daily=True)
        assert other.data["seq"] == newest(keyed)
        return end

    monkeypatch.setattr(audit_log, "verified", slowly)
    receipt = authority_keys.sign_checkpoint(keys(keyed), keyed.service.store, actor, daily=True)
    assert receipt.data == {}
    assert checkpoints(keyed) == [newest(keyed)]


def test_a_broken_chain_is_not_signed(keyed: House, caplog: pytest.LogCaptureFixture) -> None:
    keyed.clock.pass_by(days=CRL_DAYS - 1)
    with keyed.service.engine.begin() as connection:
        if keyed.service.engine.dialect.name == "postgresql":
            connection.execute(text("ALTER TABLE audit_record DISABLE TRIGGER USER"))
        else:
            connection.execute(text("DROP TRIGGER audit_record_update"))
        connection.execute(text("UPDATE audit_record SET actor = 'somebody else' WHERE seq = 3"))
    turn(keyed)
    assert checkpoints(keyed) == []
    assert [event for event in events(caplog) if event[1] == logging.ERROR] == [("checkpoint", logging.ERROR)]
    assert number(keyed) == 2
