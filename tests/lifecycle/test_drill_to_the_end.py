"""The compromise drill from end to end: cards issued at a desk, a key lost, counters that refuse, a backup restored."""

from __future__ import annotations

import csv
import json
import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from card_profiles.model import Slot
from card_profiles.protocols.pace import Password
from card_profiles.softcard.image import MemoryImage
from issuer import application, crosscheck, endorse
from issuer import cli as issuer_cli
from issuer.assemble import civil_date
from issuer.errors import ExitCode, Refusal, Refused
from issuer.writer import CardWriter
from keys import cli
from keys.algorithms import Purpose
from keys.authority.authority import Authority
from keys.authority.backup import backup, restore
from keys.custody.software import ScryptCost
from keys.publication import home as publication
from keys.publication import releasing
from keys.publication.errors import PublicationError, PublicationReason
from keys.registry.lifecycle import KeyState
from keys.registry.registry import Actor
from keys.rotation import issued_cards
from keys.rotation.drill import Remedy, drill
from keys.rotation.rotation import Rotation
from keys.status_list import Status
from tests.simulator.issuing import CAN, NOW, PASSPHRASE, PROFILE, World, applicant, authority_home, blank, power_up
from verifier.counter import load_trust
from verifier.reason import Reason
from verifier.sync import SyncRefused, sync
from verifier.sync_reason import SyncReason

DAY = timedelta(days=1)
CHEAP = ScryptCost(log2_n=2, r=1, p=1)
TWO_PEOPLE = Actor(operator="A", witness="B")


@dataclass
class Office:
    """A desk with its authority, a release, and one counter."""

    world: World
    folder: Path
    anchor: bytes
    passphrase: Path

    @property
    def home(self) -> Path:
        return self.world.home

    @property
    def store(self) -> Path:
        return self.folder / "counter"

    def authority(self, home: Path | None = None) -> Authority:
        return Authority.open(home or self.home, PASSPHRASE, clock=lambda: self.world.now, cost=CHEAP)

    def issue(self, number: int) -> MemoryImage:
        image = blank(number)
        tree = applicant(permit_number=f"RP{number:08d}", document_number=f"X{number:07d}A")
        self.world.issue(power_up(image), tree=tree)
        return image

    def publish(self, home: Path | None = None) -> None:
        authority = self.authority(home)
        releasing.release(authority, str(self.folder / "www"), now=self.world.now)

    def sync(self) -> None:
        sync(str(self.folder / "www" / "current"), str(self.store), now=self.world.now, anchor=self.anchor)

    def at_the_counter(self, image: MemoryImage) -> tuple[Reason, ...]:
        """Why the counter that synced last refuses the card; nothing when it takes it."""
        standing = self.world.home
        try:
            # The world's own check reads the card; what decides is the counter's store.
            link = self.folder / "standing"
            link.mkdir(exist_ok=True)
            trust = link / "trust"
            if trust.is_symlink():
                trust.unlink()
            trust.symlink_to(self.store / "current", target_is_directory=True)
            self.world.home = link
            return self.world.check(image).reasons
        finally:
            self.world.home = standing

    def export(self) -> Path:
        out = self.folder / "export.jsonl"
        code = issuer_cli.main(["journal", "--home", str(self.home), "--export", str(out)])
        assert code is ExitCode.DONE
        return out

    def keys(self, *arguments: str) -> int:
        common = ["--home", str(self.home), "--lang", "en"]
        if arguments[0] != "simulate":
            common += ["--passphrase-file", str(self.passphrase)]
        return cli.main([*arguments, *common], clock=lambda: self.world.now)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr(crosscheck, "by_openssl", lambda *_, **__: None)
    world = World(home=authority_home(tmp_path))
    passphrase = tmp_path / "passphrase"
    passphrase.write_bytes(PASSPHRASE + b"\n")
    office = Office(world=world, folder=tmp_path, anchor=b"", passphrase=passphrase)
    office.anchor = publication.set_up(str(world.home), office.authority().custody, now=world.now, timestamp_days=7)
    return office


def iso(moment: datetime) -> str:
    return moment.isoformat()


def planned(path: Path) -> dict[int, tuple[str, str]]:
    with path.open() as stream:
        return {int(row["serial"], 16): (row["in_window"], row["remedy"]) for row in csv.DictReader(stream)}


def test_the_drill_ends_with_exactly_the_cards(office: Office, capsys: pytest.CaptureFixture[str]) -> None:
    world = office.world
    before = office.issue(1)
    world.later(days=10)
    stolen_from = world.now
    inside = [office.issue(2), office.issue(3)]
    world.later(days=2)
    stolen_until = world.now
    world.later(days=1)
    after = office.issue(4)
    Rotation(office.authority(), TWO_PEOPLE).replace("ES-1", override="drill")
    fresh = office.issue(5)
    office.publish()
    office.sync()
    assert [office.at_the_counter(card) for card in (before, *inside, after, fresh)] == [()] * 5

    plan = office.folder / "plan.csv"
    command = ["drill", "--key", "ES-1", "--from", iso(stolen_from), "--to", iso(stolen_until)]
    command += ["--journal", str(office.export()), "--plan", str(plan)]
    assert office.keys(*command) == 0
    listed = [line.split()[0] for line in capsys.readouterr().out.splitlines() if line.startswith("    ")]
    assert [int(serial, 16) for serial in listed] == [2, 3]
    assert planned(plan) == {
        2: ("yes", "re-sign"),
        3: ("yes", "re-sign"),
        1: ("no", "re-sign"),
        4: ("no", "re-sign"),
    }
    # A rehearsal changes nothing.
    assert office.authority().registry.by_name("ES-1").state is KeyState.RETIRED

    world.later(hours=1)
    assert office.keys(*command, "--carry-out", "--publish", str(office.folder / "www"), "--operator", "A") == 0
    key = office.authority().registry.by_name("ES-1")
    assert (key.state, key.compromised_at) == (KeyState.COMPROMISED, stolen_from)
    event = [event for event in office.authority().registry.events() if event.kind == "drill"][-1]
    assert (event.detail["cards"], event.detail["besides"]) == (2, 2)
    # Until the counter syncs it knows nothing; from then on it refuses everything by that key, and nothing else.
    assert office.at_the_counter(inside[0]) == ()
    office.sync()
    for card in (before, *inside, after):
        assert Reason.SIGNER_REVOKED in office.at_the_counter(card)
    assert office.at_the_counter(fresh) == ()
    # The same command again finds the same cards and changes nothing more.
    crl = office.authority().published_crl().number
    assert office.keys(*command, "--carry-out", "--operator", "A") == 0
    assert office.authority().published_crl().number == crl
    assert planned(plan).keys() == {1, 2, 3, 4}


def endorsed(office: Office, image: MemoryImage, number: int, *, renews: bool) -> endorse.Endorsed:
    """As `permit-issuer endorse --application` does it, with the application of the year before."""
    tree = applicant(permit_number=f"RP{number:08d}", document_number=f"X{number:07d}A")
    with office.world.desk() as desk:
        record = application.parse(json.dumps(tree).encode(), today=civil_date(desk.now()), start=civil_date(NOW))
        return endorse.endorse(
            endorse.by_application(record),
            desk,
            CardWriter(power_up(image), desk.keyring, desk.profile),
            Password.from_can(CAN),
            reader="test",
            permit_number=record.permit_number,
            renews=renews,
            told=lambda _: None,
            show=lambda _: True,
        )


def test_cards_of_the_plan_are_signed_anew_at_their_endorsement(office: Office) -> None:
    world = office.world
    card, other = office.issue(1), office.issue(2)
    world.later(days=1)
    office.publish()
    Rotation(office.authority(), TWO_PEOPLE).replace("ES-1", override="drill")
    Rotation(office.authority(), TWO_PEOPLE).compromise("ES-1", since=NOW)
    office.publish()
    office.sync()
    assert Reason.SIGNER_REVOKED in office.at_the_counter(card)
    with pytest.raises(Refused) as refused:
        endorsed(office, card, 1, renews=False)
    assert refused.value.reason is Refusal.CARD_NOT_GENUINE
    # The application grants what the card says already: it is written all the same.
    done = endorsed(office, card, 1, renews=True)
    assert done.written
    assert [line.name for line in done.differences] == ["signature"]
    assert office.at_the_counter(card) == ()
    assert not endorsed(office, card, 1, renews=True).written
    with office.export().open() as lines:
        cards = list(issued_cards.decode(lines))
    kid = office.authority().registry.by_name("ES-1").kid
    found = drill(cards, purpose=Purpose.ENTITLEMENT_SIGNER, kid=kid, since=NOW - DAY, until=NOW + DAY)
    assert [(int.from_bytes(one.card.serial), one.remedy) for one in found.affected] == [
        (1, Remedy.NONE),
        (2, Remedy.RE_SIGN),
    ]
    # With the document signer lost too, nobody vouches for the chip: a new card.
    Rotation(office.authority(), TWO_PEOPLE).replace("DS-1", override="drill")
    Rotation(office.authority(), TWO_PEOPLE).compromise("DS-1", since=NOW)
    with pytest.raises(Refused) as refused:
        endorsed(office, other, 2, renews=True)
    assert refused.value.reason is Refusal.CARD_NOT_GENUINE


def test_what_a_thief_signed_is_not_signed_anew(office: Office) -> None:
    """An MSO by the lost key on a genuine card, with another name: EF.SOD says who the card is for."""
    world = office.world
    card, donor = office.issue(1), office.issue(2)
    world.later(days=1)
    Rotation(office.authority(), TWO_PEOPLE).replace("ES-1", override="drill")
    Rotation(office.authority(), TWO_PEOPLE).compromise("ES-1", since=NOW)
    permit = PROFILE.permit
    for file in (permit.file("EF.Active"), *permit.slot_files(Slot.A)):
        card.state.files[permit.name, file.fid] = donor.state.files[permit.name, file.fid]
    with pytest.raises(Refused) as refused:
        endorsed(office, card, 1, renews=True)
    assert refused.value.reason is Refusal.CARD_NOT_GENUINE


def test_an_export_that_was_cut_off_lists_nothing(office: Office) -> None:
    office.issue(1)
    export, plan = office.export(), office.folder / "plan.csv"
    export.write_text("".join(export.read_text().splitlines(keepends=True)[:-1]))
    command = ["drill", "--key", "ES-1", "--from", iso(NOW - DAY), "--journal", str(export), "--plan", str(plan)]
    assert office.keys(*command, "--carry-out") == 1
    assert not plan.exists()
    assert office.authority().registry.by_name("ES-1").state is KeyState.ACTIVE


def test_last_months_backup_brings_no_revoked_card_back(office: Office) -> None:
    world = office.world
    card, kept = office.issue(1), office.issue(2)
    office.publish()
    office.sync()
    path, old = str(office.folder / "backup"), office.folder / "restored"
    backup(office.authority(), path, b"backup passphrase", now=world.now, actor=TWO_PEOPLE, cost=CHEAP)
    world.later(days=20)
    with world.desk() as desk:
        record = desk.journal.card(bytes(9) + b"\x01")
    assert record is not None
    office.authority().publish_status(record.status_index, Status.INVALID)
    Rotation(office.authority(), TWO_PEOPLE).compromise("AS-1")
    office.authority().refresh()
    office.publish()
    office.sync()
    assert Reason.STATUS_REVOKED in office.at_the_counter(card)
    assert office.at_the_counter(kept) == ()

    world.later(days=5)
    www = str(office.folder / "www")
    restored = restore(path, str(old), b"backup passphrase", published=[www], now=world.now, actor=TWO_PEOPLE)
    assert restored.caught_up is not None
    again = office.authority(old)
    assert again.published_statuses().lookup(record.status_index) is Status.INVALID
    assert again.registry.by_name("AS-1").state is KeyState.COMPROMISED
    assert int(again.registry.by_name("AS-1").serial, 16) in again.published_crl().revoked
    again.refresh()
    office.publish(old)
    office.sync()
    assert Reason.STATUS_REVOKED in office.at_the_counter(card)
    assert office.at_the_counter(kept) == ()


def test_a_backup_restored_blindly_is_refused_by_publisher_and_counter(office: Office, tmp_path: Path) -> None:
    """With an override and without what was published: nobody believes the old lists."""
    world = office.world
    card = office.issue(1)
    office.publish()
    path, old = str(office.folder / "backup"), office.folder / "restored"
    backup(office.authority(), path, b"backup passphrase", now=world.now, actor=TWO_PEOPLE, cost=CHEAP)
    world.later(days=20)
    with world.desk() as desk:
        record = desk.journal.card(bytes(9) + b"\x01")
    assert record is not None
    office.authority().publish_status(record.status_index, Status.INVALID)
    office.publish()
    office.sync()
    world.later(days=1)
    restore(path, str(old), b"backup passphrase", published=[], now=world.now, actor=TWO_PEOPLE, override="lost all")
    office.authority(old).refresh()
    # Into the same directory: the publisher compares with what stands there.
    with pytest.raises(PublicationError) as published:
        blindly(office.authority(old), office.folder / "www", world.now)
    assert published.value.reason is PublicationReason.LINT
    # Into a new one, until its versions are higher than the counter's: the counter compares with what it has.
    authority = office.authority(old)
    for _ in range(2):
        world.later(hours=1)
        authority.refresh()
        blindly(authority, tmp_path / "elsewhere", world.now)
    with pytest.raises(SyncRefused) as synced:
        sync(str(tmp_path / "elsewhere" / "current"), str(office.store), now=world.now, anchor=office.anchor)
    assert synced.value.reason is SyncReason.REVOCATION_TAKEN_BACK
    assert Reason.STATUS_REVOKED in office.at_the_counter(card)


def blindly(authority: Authority, directory: Path, now: datetime) -> None:
    """Publish without taking up what is published already: a program of somebody's own, or a thief's."""
    publication.publish_home(
        authority.home, str(directory), authority.custody, trust_directory=authority.trust_dir, now=now
    )


def counters(path: Path, *rows: tuple[str, datetime | None, str]) -> str:
    tree = [{"counter": name, "last_sync": at and iso(at), "channel": channel} for name, at, channel in rows]
    path.write_text(json.dumps(tree))
    return str(path)


def test_activation_waits_for_the_counters_unless_somebody_says_why(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = office.world
    office.issue(1)
    authority = office.authority()
    Rotation(authority, TWO_PEOPLE).stage(Purpose.ENTITLEMENT_SIGNER, active_from=world.now + 14 * DAY)
    assert office.keys("activate", "es") == 1
    office.publish()
    world.later(days=15)
    office.authority().refresh()
    behind = counters(
        tmp_path / "counters.json",
        ("hospital", world.now - DAY / 4, "web"),
        ("school", world.now - 16 * DAY, "stick"),
    )
    picture = tmp_path / "curve.svg"
    cards = ["--cards", str(office.export()), "--picture", str(picture)]
    assert office.keys("simulate", "ES", "--counters", behind, *cards) == 3
    told = capsys.readouterr().out
    assert "1 of 2 counters" in told
    assert "1 cards" in told
    assert f"Safe date: {world.now - 16 * DAY + 21 * DAY:%Y-%m-%d}" in told
    assert picture.read_text().startswith("<svg")
    # Without being asked, by what lies in the home: the same answer, and no activation.
    shutil.copy(behind, office.home / "counters.json")
    shutil.copy(office.export(), office.home / "cards.jsonl")
    capsys.readouterr()
    for command in (["activate", "es"], ["rotate", "es"]):
        assert office.keys(*command) == 1
        refused = capsys.readouterr()
        assert f"{world.now - 16 * DAY + 21 * DAY:%Y-%m-%d}" in refused.out + refused.err
        assert "1 cards" in refused.out
    activate = ["activate", "es", "--counters", behind]
    assert office.keys(*activate) == 1
    assert office.authority().registry.by_name("ES-2").state is KeyState.STAGED
    assert office.keys(*activate, "--threshold", "0.5", "--override", "") == 0
    assert office.authority().registry.by_name("ES-2").state is KeyState.ACTIVE


def test_an_override_stands_in_the_registry(office: Office, tmp_path: Path) -> None:
    world = office.world
    Rotation(office.authority(), TWO_PEOPLE).stage(Purpose.ENTITLEMENT_SIGNER, active_from=world.now + 14 * DAY)
    office.publish()
    world.later(days=15)
    nobody = counters(tmp_path / "counters.json", ("school", None, "stick"))
    assert office.keys("activate", "es", "--counters", nobody) == 1
    assert office.keys("activate", "es", "--counters", nobody, "--override", "the school is closed") == 0
    (event,) = [
        event for event in office.authority().registry.events() if (event.key, event.kind) == ("ES-2", "activate")
    ]
    assert event.detail == {"coverage": 0.0, "counters": 1, "unaware": 1, "override": "the school is closed"}
    assert office.keys("simulate", "ES-2", "--counters", nobody) == 3


@pytest.mark.parametrize("arguments", [["--threshold", "1.5"], ["--threshold", "nan"]])
def test_a_threshold_is_a_share(office: Office, tmp_path: Path, arguments: list[str]) -> None:
    nobody = counters(tmp_path / "counters.json", ("school", None, "stick"))
    assert office.keys("simulate", "ES-1", "--counters", nobody, *arguments) == 1


def test_what_the_drill_refuses(office: Office, tmp_path: Path) -> None:
    export = str(office.export())
    window = ["--from", iso(NOW), "--to", iso(NOW - DAY)]
    rest = ["--journal", export, "--plan", str(tmp_path / "plan")]
    assert office.keys("drill", "--key", "ES-1", *window, *rest) == 1
    assert office.keys("drill", "--key", "SS-1", "--from", iso(NOW), *rest) == 1
    assert office.keys("drill", "--key", "ES-9", "--from", iso(NOW), *rest) == 1
    assert not (tmp_path / "plan").exists()
    assert load_trust(str(office.home / "trust"))
