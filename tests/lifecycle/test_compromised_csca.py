"""The key of a CSCA is compromised: no counter that syncs believes it again, whoever brings it back."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest

from keys import cli
from keys.algorithms import Purpose
from keys.authority.authority import Authority
from keys.authority.backup import backup, restore
from keys.chain import ChainError, ChainReason
from keys.publication import home as publication
from keys.publication import master_list, releasing
from keys.publication.errors import PublicationError, PublicationReason, Rule
from keys.registry.lifecycle import KeyState
from keys.rotation import issued_cards
from keys.rotation.issued_cards import IssuedCard, Signature
from tests.factory import IssuedPermit, Person, Signer, decide, issue
from tests.key_home import CHEAP, DAY, NOW, TWO, Home
from verifier.counter import load_trust
from verifier.reason import Reason
from verifier.sync import sync
from verifier.sync_reason import SyncReason, SyncRefused
from verifier.verdict import Outcome


@dataclass
class Office:
    home: Home
    folder: Path
    anchor: bytes
    number: int = 0

    def release(self, home: Path | None = None) -> None:
        authority = self.home.open() if home is None else self.open(home)
        releasing.release(authority, str(self.folder / "www"), now=self.home.now)

    def open(self, home: Path) -> Authority:
        return Authority.open(home, b"correct horse", clock=self.home.clock, cost=CHEAP)

    def sync(self, source: str = "www/current") -> None:
        sync(str(self.folder / source), str(self.folder / "store"), now=self.home.now, anchor=self.anchor)

    def issue(self) -> IssuedPermit:
        authority = self.home.open()
        document, entitlement = authority.document_signer, authority.entitlement_signer
        self.number += 1
        return issue(
            person=Person(number=f"RP{self.number:08d}"),
            signed=self.home.now,
            valid_until=self.home.now + 1000 * DAY,
            status_index=self.number,
            status_uri=authority.status_uri,
            signer=Signer(private_key=entitlement.private_key, certificate=entitlement.certificate),
            sod_signer=Signer(private_key=document.private_key, certificate=document.certificate),
        )

    def look(self, card: IssuedPermit) -> tuple[Outcome, tuple[Reason, ...]]:
        verdict = decide(card.evidence(certificate=True), load_trust(str(self.folder / "store")), now=self.home.now)
        return verdict.genuine.outcome, tuple(verdict.reasons)

    def keys(self, *arguments: str) -> int:
        secret = self.folder / "secret"
        secret.write_text("correct horse")
        opened = [] if arguments[0] == "status" else ["--passphrase-file", str(secret)]
        common = ["--home", str(self.home.path), *opened, "--lang", "en"]
        return cli.main([*arguments, *common], clock=self.home.clock)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    home = Home(tmp_path)
    anchor = publication.set_up(str(home.path), home.open().custody, now=NOW, timestamp_days=7)
    made = Office(home, tmp_path, anchor)
    made.release()
    made.sync()
    return made


def people() -> list[str]:
    return ["--operator", TWO.operator, "--witness", TWO.witness]


def export(office: Office, *signed: tuple[int, datetime, str]) -> str:
    registry = office.home.open().registry
    cards = [
        IssuedCard(
            serial=bytes(9) + bytes((number,)),
            permit=f"RP{number:08d}",
            state="void" if name == "void" else "activated",
            status_uri="",
            status_index=number,
            endorsed_until=None,
            signatures=tuple(
                Signature(at=at, kid=registry.by_name(key).kid, purpose=registry.by_name(key).purpose)
                for key in ("DS-1", name if name != "void" else "ES-1")
            ),
        )
        for number, at, name in signed
    ]
    path = office.folder / "cards.jsonl"
    path.write_text("".join(issued_cards.encode(cards, exported=office.home.now)))
    return str(path)


def compromised(office: Office) -> None:
    """By the commands of docs/KEY_CEREMONY.md."""
    assert office.keys("compromise", "CSCA-1", *people()) == 0
    assert office.keys("rotate", "--replace", "CSCA-1", "--override", "stolen", *people()) == 0
    assert office.keys("publish", str(office.folder / "www")) == 0


def test_the_drill_from_the_theft_to_the_counters(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    old = office.issue()
    assert office.look(old)[0] is Outcome.PASSED
    stolen = office.home.now
    office.home.days(2)
    journal = export(
        office, (1, stolen, "ES-1"), (2, office.home.now, "ES-1"), (3, stolen - 9 * DAY, "ES-1"), (4, stolen, "void")
    )
    plan = office.folder / "plan.csv"
    arguments = ["drill", "--key", "CSCA-1", "--from", stolen.isoformat(), "--journal", journal, "--plan", str(plan)]
    assert office.keys(*arguments) == 0
    assert office.home.open().registry.by_name("CSCA-1").state is KeyState.ACTIVE
    assert office.keys(*arguments, "--carry-out", "--publish", str(office.folder / "www"), *people()) == 0
    assert "CSCA-1 signed 3 cards" in capsys.readouterr().out
    rows = list(csv.DictReader(plan.read_text().splitlines()))
    assert [(row["permit"], row["remedy"], row["in_window"]) for row in rows] == [
        ("RP00000001", "replace", "yes"),
        ("RP00000002", "replace", "yes"),
        ("RP00000003", "replace", "no"),
    ]
    # A counter that has not synced still believes it: that is what its freshness policy is for.
    assert office.look(old)[0] is Outcome.PASSED
    office.sync()
    outcome, reasons = office.look(old)
    assert outcome is Outcome.FAILED
    assert Reason.SIGNER_REVOKED in reasons
    # Whoever has the key may make new signers: none of them is believed either, and cards of the new root are.
    assert office.look(office.issue())[0] is Outcome.PASSED


def test_what_is_left_of_it(office: Office) -> None:
    office.home.days(2)
    compromised(office)
    authority = office.home.open()
    active = {key.purpose: key.name for key in authority.registry.keys if key.state is KeyState.ACTIVE}
    named = (Purpose.CSCA, Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER)
    assert [active[purpose] for purpose in named] == ["CSCA-2", "DS-2", "ES-2", "SS-2"]
    released = {
        str(path.relative_to(office.folder / "www" / "current" / "targets")).partition("/")[0]
        + "/"
        + path.name.partition(".")[2]
        for path in (office.folder / "www/current/targets").rglob("*.der")
    }
    assert "removed/CSCA-1.der" in released
    listed, _ = master_list.verify((office.home.path / "publication" / "masterlist.cms").read_bytes())
    assert listed == (authority.certificate(authority.registry.by_name("CSCA-2")).der,)
    assert office.keys("status") == 0
    # The same commands again change nothing.
    before = authority.registry.keys
    assert office.keys("rotate", "--replace", "CSCA-1", "--override", "stolen", *people()) == 0
    assert authority.registry.keys == before


def test_a_successor_that_was_announced_by_the_compromised_root(office: Office) -> None:
    """It is a root of its own at every counter; what the thief's key said of it goes."""
    office.home.rotation().stage(Purpose.CSCA, override="early")
    office.release()
    assert (office.home.path / "trust" / "link" / "CSCA-1-2.der").exists()
    office.home.days(2)
    compromised(office)
    trust = office.home.path / "trust"
    assert [path.name for path in sorted((trust / "csca").iterdir())] == ["CSCA-2.der", "CSCA-3.der"]
    assert list((trust / "link").iterdir()) == []
    office.sync()
    assert office.look(office.issue())[0] is Outcome.PASSED


def test_alone_a_person_can_stop_it_and_not_found_another(office: Office) -> None:
    assert office.keys("compromise", "CSCA-1", "--operator", "Li") == 0
    assert office.keys("rotate", "--replace", "CSCA-1", "--override", "stolen", "--operator", "Li") == 1
    assert office.keys("publish", str(office.folder / "www")) == 1  # there is no root to publish
    assert office.keys("status") == 3


@pytest.mark.parametrize("killed", ["announce", "remove"])
def test_killed_on_the_way(office: Office, monkeypatch: pytest.MonkeyPatch, killed: str) -> None:
    from keys.authority import removed_roots

    rotation = office.home.rotation()
    with monkeypatch.context() as during:
        during.setattr(removed_roots, killed, lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rotation.compromise("CSCA-1")
    compromised(office)
    trust = office.home.path / "trust"
    assert [path.name for path in (trust / "csca").iterdir()] == ["CSCA-2.der"]
    assert [path.name for path in (trust / "removed").iterdir()] == ["CSCA-1.der"]


def test_an_old_backup_does_not_bring_the_root_back(office: Office, tmp_path: Path) -> None:
    saved = str(tmp_path / "saved.bak")
    backup(office.home.open(), saved, b"another horse", now=office.home.now, actor=TWO, cost=CHEAP)
    old = office.issue()
    office.home.days(2)
    compromised(office)
    office.sync()
    shutil.copytree(office.folder / "www", tmp_path / "copy", symlinks=True)
    # As the page says: with what was published since.
    restored = tmp_path / "restored"
    restore(saved, str(restored), b"another horse", published=[str(tmp_path / "copy")], now=office.home.now, actor=TWO)
    authority = office.open(restored)
    assert authority.registry.by_name("CSCA-1").state is KeyState.COMPROMISED
    assert not (restored / "trust" / "csca" / "CSCA-1.der").exists()
    # Blindly: neither the publisher nor a counter takes it.
    blind = tmp_path / "blind"
    restore(saved, str(blind), b"another horse", published=[], now=office.home.now, actor=TWO, override="all is lost")
    authority = office.open(blind)
    for _ in range(3):
        office.home.days(0.1)
        authority.refresh()
        releasing.release(authority, str(tmp_path / "elsewhere"), now=office.home.now)
    with pytest.raises(SyncRefused) as caught:
        office.sync("elsewhere/current")
    assert caught.value.reason is SyncReason.REVOCATION_TAKEN_BACK
    assert Reason.SIGNER_REVOKED in office.look(old)[1]
    with pytest.raises(PublicationError) as refused:
        office.release(blind)
    assert refused.value.reason in {PublicationReason.LINT, PublicationReason.DAMAGED}


def test_the_publisher_takes_no_removed_root_back(office: Office) -> None:
    office.home.days(2)
    root = (office.home.path / "trust" / "csca" / "CSCA-1.der").read_bytes()
    compromised(office)
    (office.home.path / "trust" / "csca" / "again.der").write_bytes(root)
    with pytest.raises(PublicationError) as refused:
        office.release()
    assert {finding.rule for finding in refused.value.findings} == {Rule.ROOT_RETURNS}
    # Nor does a counter whose directory has both.
    trust = load_trust(str(office.home.path / "trust"))
    signer = (office.home.path / "trust" / "signers" / "ES-1.der").read_bytes()
    with pytest.raises(ChainError) as caught:
        trust.validate(signer, purpose=Purpose.ENTITLEMENT_SIGNER, at=NOW, now=office.home.now)
    assert caught.value.reason is ChainReason.REVOKED
