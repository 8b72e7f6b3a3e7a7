"""Backups: whole or refused, and never a way back for what was revoked."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from keys.algorithms import Purpose
from keys.authority import backup, published_copy, status_shards
from keys.authority import file as authority_file
from keys.authority.authority import Authority
from keys.authority.backup import BackupReason
from keys.authority.errors import AuthorityReason
from keys.custody import CardKeys
from keys.foresight.timeline import TaskKind, tasks
from keys.registry.lifecycle import KeyState
from keys.rotation.rotation import Rotation
from keys.status_list import Status
from keys.trust import status_file_name
from tests.key_home import CHEAP, MEMBERS, NOW, PASSPHRASE, TWO, Home, reason_of

OTHER = b"another horse"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def save(home: Home, name: str = "old.bak") -> str:
    path = str(home.path.parent / name)
    backup.backup(home.open(), path, OTHER, now=home.now, actor=TWO, cost=CHEAP)
    return path


def bring(home: Home, path: str, *published: str, override: str = "") -> Authority:
    """Restore beside the home, and open what came back."""
    target = home.path.parent / f"restored-{len(os.listdir(home.path.parent))}"
    backup.restore(path, str(target), OTHER, published=published, now=home.now, actor=TWO, override=override)
    return Authority.open(target, PASSPHRASE, clock=home.clock, cost=CHEAP)


def test_there_and_back(home: Home) -> None:
    before = home.open()
    path = save(home)
    assert os.stat(path).st_mode & 0o777 == 0o600
    after = bring(home, path, before.trust_dir)
    assert after.registry.keys == before.registry.keys
    assert after.card_master_key.diversify(bytes(10)) == before.card_master_key.diversify(bytes(10))
    assert after.document_signer.kid == before.document_signer.kid
    for name in ("csca", "signers", "crl", "status"):
        folders = (Path(one.trust_dir) / name for one in (before, after))
        first, second = ({file.name: file.read_bytes() for file in folder.iterdir()} for folder in folders)
        assert first == second
    for key in Path(after.home, "keys").iterdir():
        assert key.stat().st_mode & 0o777 == 0o600
    assert os.stat(after.home).st_mode & 0o777 == 0o700
    assert [event.kind for event in after.registry.events()][-3:] == ["backup", "restored", "caught-up"]


def test_the_file_shows_nothing(home: Home) -> None:
    raw = Path(save(home)).read_bytes()
    for secret in (b"registry.db", b"CSCA", b"permits.utopia.example", (home.path / "keys/csca-1.p8").read_bytes()):
        assert secret not in raw


def test_nothing_is_overwritten(home: Home) -> None:
    path = save(home)
    before = Path(path).read_bytes()
    assert reason_of(lambda: save(home)) is BackupReason.EXISTS
    assert Path(path).read_bytes() == before
    refused = reason_of(
        lambda: backup.restore(path, str(home.path), OTHER, published=[home.open().trust_dir], now=home.now, actor=TWO)
    )
    assert refused is AuthorityReason.EXISTS


def _flip(at: int) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        place = at % len(raw)
        return raw[:place] + bytes([raw[place] ^ 1]) + raw[place + 1 :]

    return change


SPOILT: dict[str, tuple[Callable[[bytes], bytes], BackupReason]] = {
    "empty": (lambda raw: b"", BackupReason.NO_ARCHIVE),
    "something else": (lambda raw: b"x" * 1000, BackupReason.NO_ARCHIVE),
    "cut": (lambda raw: raw[:-1], BackupReason.WRONG_PASSPHRASE),
    "cut short": (lambda raw: raw[:30], BackupReason.NO_ARCHIVE),
    "costs too much": (lambda raw: raw[:5] + b"\xff" + raw[6:], BackupReason.NO_ARCHIVE),
    "cost changed": (_flip(5), BackupReason.WRONG_PASSPHRASE),
    "salt": (_flip(10), BackupReason.WRONG_PASSPHRASE),
    "nonce": (_flip(30), BackupReason.WRONG_PASSPHRASE),
    "middle": (_flip(5000), BackupReason.WRONG_PASSPHRASE),
    "end": (_flip(-1), BackupReason.WRONG_PASSPHRASE),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_backups(home: Home, name: str) -> None:
    change, reason = SPOILT[name]
    path = Path(save(home))
    path.write_bytes(change(path.read_bytes()))
    assert reason_of(lambda: backup.check(str(path), OTHER)) is reason
    assert reason_of(lambda: bring(home, str(path), home.open().trust_dir)) is reason
    assert [entry.name for entry in home.path.parent.iterdir() if entry.name.startswith("restored")] == []


def test_wrong_passphrase_and_no_file(home: Home) -> None:
    path = save(home)
    assert reason_of(lambda: backup.check(path, PASSPHRASE)) is BackupReason.WRONG_PASSPHRASE
    assert reason_of(lambda: backup.check(path + "x", OTHER)) is BackupReason.UNREADABLE


@pytest.mark.parametrize("name", ["../evil", "keys/../../evil", "/etc/evil", "other/file", "keys//x"])
def test_an_archive_that_climbs(home: Home, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sealed with the right passphrase, by somebody who knows it."""
    collect = backup._collect
    monkeypatch.setattr(backup, "_collect", lambda authority: {**collect(authority), name: b"x"})
    assert reason_of(lambda: save(home)) is BackupReason.DAMAGED
    assert not (home.path.parent / "evil").exists()


def test_a_damaged_database_in_it_is_noticed_when_it_is_written(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backup, "_snapshot", lambda path: b"SQLite format 3\0" + bytes(4000))
    assert reason_of(lambda: save(home)) is BackupReason.DAMAGED


# Old backups.


def test_without_what_was_published_nothing_comes_back(home: Home) -> None:
    path = save(home)
    assert reason_of(lambda: bring(home, path)) is BackupReason.PUBLISHED_MISSING
    assert reason_of(lambda: bring(home, path, str(home.path.parent))) is AuthorityReason.NOT_FOUND
    authority = bring(home, path, override="nothing was ever published")
    (event,) = [event for event in authority.registry.events() if event.kind == "restored"]
    assert event.detail["override"] == "nothing was ever published"


def test_a_revoked_card_stays_revoked(home: Home) -> None:
    home.open().publish_statuses({7: Status.SUSPENDED, 9: Status.SUSPENDED})
    path = save(home)
    home.days(20).open().publish_statuses({8: Status.INVALID, 9: Status.VALID})
    authority = bring(home, path, home.open().trust_dir)
    published = authority.published_statuses()
    expected = {7: Status.SUSPENDED, 8: Status.INVALID, 9: Status.VALID}
    assert {index: published.lookup(index) for index in expected} == expected
    assert reason_of(lambda: authority.publish_status(8, Status.VALID)) is AuthorityReason.STATUS_FINAL


def test_a_compromised_key_stays_compromised(home: Home) -> None:
    path = save(home)
    home.days(20).rotation().compromise("DS-1", since=home.now - timedelta(days=5))
    home.rotation().replace("DS-1", override="stolen")
    authority = bring(home, path, home.open().trust_dir)
    assert authority.registry.by_name("DS-1").state is KeyState.COMPROMISED
    assert authority.registry.by_name("DS-1").compromised_at == home.now - timedelta(days=5)
    assert reason_of(lambda: authority.document_signer) is AuthorityReason.NO_ACTIVE_KEY
    # The key made since is known, and its name is not given out again; its private half is not here.
    assert authority.registry.by_name("DS-2").state is KeyState.RETIRED
    crl = authority.published_crl()
    assert (crl.number, len(crl.revoked)) == (2, 1)
    assert authority.sign_crl().number == 3


def test_numbers_go_on_where_they_stood(home: Home) -> None:
    path = save(home)
    for _ in range(3):
        home.days(1).open().refresh()
    authority = bring(home, path, home.open().trust_dir)
    assert authority.published_crl().number == 4
    assert authority.refresh()[0].number == 5


def test_a_status_signer_made_since(home: Home) -> None:
    path = save(home)
    home.days(1).rotation().replace("SS-1", override="test")
    home.days(1).open().publish_status(3, Status.INVALID)
    authority = bring(home, path, home.open().trust_dir)
    assert authority.published_statuses().lookup(3) is Status.INVALID
    home.days(1)
    authority.publish_status(4, Status.INVALID)
    assert authority.published_statuses().lookup(3) is Status.INVALID


def test_a_root_made_since_is_known_by_its_link(home: Home) -> None:
    path = save(home)
    home.days(1).rotation().replace("CSCA-1", override="test")
    home.rotation().replace("DS-1", override="test")
    authority = bring(home, path, home.open().trust_dir)
    assert authority.registry.by_name("CSCA-2").state is KeyState.RETIRED
    assert authority.published_crl().number == 2


def test_the_newest_of_several_places_counts(home: Home, tmp_path: Path) -> None:
    path = save(home)
    stick = tmp_path / "stick"
    home.days(1).open().publish_status(1, Status.INVALID)
    shutil.copytree(home.open().trust_dir, stick)
    home.days(1).open().publish_status(2, Status.INVALID)
    home.rotation().compromise("ES-1")
    for places in ([str(stick), home.open().trust_dir], [home.open().trust_dir, str(stick)]):
        authority = bring(home, path, *places)
        assert authority.published_statuses().lookup(2) is Status.INVALID
        assert authority.registry.by_name("ES-1").state is KeyState.COMPROMISED


@pytest.mark.parametrize("name", ["status", "crl", "signers", "csca"])
def test_foreign_publications_are_refused(home: Home, tmp_path: Path, name: str) -> None:
    """A publication with one file of another authority in it: nothing is restored."""
    other = Authority.create(
        tmp_path / "other", authority_file.from_members(MEMBERS), PASSPHRASE, clock=home.clock, cost=CHEAP
    )
    mixed = tmp_path / "mixed"
    shutil.copytree(home.open().trust_dir, mixed)
    for file in (Path(other.trust_dir) / name).iterdir():
        shutil.copy(file, mixed / name / file.name)
    path = save(home)
    assert reason_of(lambda: bring(home, path, str(mixed))) is AuthorityReason.DAMAGED
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith("restored")] == []


def test_signatures_since_the_backup_are_not_counted_so_a_fresh_key_is_asked_for(home: Home) -> None:
    path = save(home)
    home.days(1).open().document_signer.count_ahead(500)
    authority = bring(home, path, home.open().trust_dir)
    assert authority.registry.active(Purpose.DOCUMENT_SIGNER).signatures == 0
    asked = {name for task in tasks(authority, home.now) if task.kind is TaskKind.RECOUNT for name in task.subjects}
    assert asked == {"DS-1", "ES-1"}
    assert all(
        task.is_overdue(home.now + timedelta(days=31))
        for task in tasks(authority, home.now)
        if task.kind is TaskKind.RECOUNT
    )


def test_no_version_of_card_keys_is_given_to_two_keys(home: Home) -> None:
    """Cards that got version 31 after the backup must not be met with another key of that number: they would lock."""
    path = save(home)
    home.days(1).rotation().replace("CMK-1")
    assert home.open().card_key_version == 0x31
    restored = bring(home, path, home.open().trust_dir)
    Rotation(restored, TWO).replace("CMK-1")
    assert restored.card_key_version == 0x32
    assert restored.card_key_versions == (0x30, 0x32)


def test_the_store_of_statuses_catches_up_too(home: Home) -> None:
    authority = home.open()
    store_path = str(home.path / status_shards.FILE_NAME)
    with status_shards.ShardStore(store_path, uri=authority.status_uri) as store:
        store.absorb(authority.published_statuses())
    path = save(home)
    home.days(1).open().publish_status(8, Status.INVALID)
    restored = bring(home, path, home.open().trust_dir)
    with status_shards.ShardStore(
        os.path.join(restored.home, status_shards.FILE_NAME), uri=authority.status_uri
    ) as store:
        assert store.status(status_shards.Place(uri=authority.status_uri, index=8)) is Status.INVALID


def test_catching_up_in_place(home: Home, tmp_path: Path) -> None:
    """Somebody copied an old home back by hand."""
    old = tmp_path / "old"
    shutil.copytree(home.path, old)
    home.days(3).open().publish_status(8, Status.INVALID)
    home.rotation().compromise("DS-1")
    copy = published_copy.read(home.open().trust_dir)
    authority = Authority.open(old, PASSPHRASE, clock=home.clock, cost=CHEAP)
    done = published_copy.catch_up(authority, [copy], now=home.now, actor=TWO)
    assert (done.revocations, done.statuses, done.keys) == (1, 1, ())
    again = published_copy.catch_up(authority, [copy], now=home.now, actor=TWO)
    assert (again.revocations, again.statuses, again.keys) == (0, 0, ())
    assert authority.published_statuses().lookup(8) is Status.INVALID
    assert status_file_name(authority.status_uri) in os.listdir(Path(authority.trust_dir) / "status")


def test_transport_keys_come_along(tmp_path: Path) -> None:
    keys = {"enc": "11" * 16, "mac": "22" * 16, "dek": "33" * 16}
    settings = authority_file.from_members({**MEMBERS, "transport_keys": keys})
    authority = Authority.create(tmp_path / "home", settings, PASSPHRASE, clock=lambda: NOW, cost=CHEAP)
    path = str(tmp_path / "x.bak")
    backup.backup(authority, path, OTHER, now=NOW, actor=TWO, cost=CHEAP)
    backup.restore(path, str(tmp_path / "back"), OTHER, published=[authority.trust_dir], now=NOW, actor=TWO)
    restored = Authority.open(tmp_path / "back", PASSPHRASE, clock=lambda: NOW)
    assert restored.transport_keys == CardKeys(enc=b"\x11" * 16, mac=b"\x22" * 16, dek=b"\x33" * 16)
