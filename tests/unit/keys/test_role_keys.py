"""Keys of the publication in the registry: entered from the roots, counted, overdue, replaced, compromised."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from keys import cli
from keys.algorithms import Purpose
from keys.authority import root_renewal
from keys.authority.errors import AuthorityReason
from keys.foresight.timeline import Task, TaskKind, tasks
from keys.publication import home as publication
from keys.publication import releasing, role_keys
from keys.publication.errors import PublicationError
from keys.publication.repository import Release
from keys.publication.root import parse
from keys.registry.lifecycle import ROLE_RULES, KeyState
from keys.registry.records import KeyRecord
from keys.registry.registry import Registry
from tests.key_home import DAY, NOW, TWO, Home, reason_of
from verifier.sync import sync


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    publication.set_up(str(home.path), home.open().custody, now=NOW)
    role_keys.take_up(home.open(), TWO)
    return home


def key(home: Home, name: str) -> KeyRecord:
    return home.open().registry.by_name(name)


def release(home: Home) -> Release:
    home.open().refresh()
    return releasing.release(home.open(), str(home.path.parent / "public"), now=home.now)


def pressing(home: Home) -> dict[TaskKind, Task]:
    return {one.kind: one for one in tasks(home.open(), home.now) if one.is_overdue(home.now)}


def counts(home: Home) -> dict[str, int]:
    keys = home.open().registry.keys
    return {one.name: one.signatures for one in keys if one.purpose in ROLE_RULES or one.name == "ML-1"}


def test_every_key_of_every_role_is_there(home: Home) -> None:
    roles = [one for one in home.open().registry.keys if one.purpose in ROLE_RULES]
    assert [one.name for one in roles] == [
        *(f"ROOT-{number}" for number in range(1, 6)),
        *("TARGETS-1", "TARGETS-2", "SNAPSHOT-1", "TIMESTAMP-1"),
    ]
    assert {one.state for one in roles} == {KeyState.ACTIVE}
    assert {one.published_at for one in roles} == {NOW}
    assert key(home, "ROOT-1").cap == 100
    assert key(home, "TIMESTAMP-1").active_until == NOW + 366 * DAY
    before = home.open().registry.events()
    role_keys.take_up(home.open(), TWO)
    assert home.open().registry.events() == before


def test_every_signature_is_counted(home: Home) -> None:
    roots = {"ROOT-1": 1, "ROOT-2": 1, "ROOT-3": 1, "ROOT-4": 0, "ROOT-5": 0}
    assert counts(home) == {**roots, "TARGETS-1": 0, "TARGETS-2": 0, "SNAPSHOT-1": 0, "TIMESTAMP-1": 0, "ML-1": 0}
    release(home)
    assert counts(home) == {**roots, "TARGETS-1": 1, "TARGETS-2": 1, "SNAPSHOT-1": 1, "TIMESTAMP-1": 1, "ML-1": 1}
    home.days(1)
    releasing.release(home.open(), str(home.path.parent / "public"), now=home.now)  # nothing new: only the time
    assert counts(home) == {**roots, "TARGETS-1": 1, "TARGETS-2": 1, "SNAPSHOT-1": 1, "TIMESTAMP-1": 2, "ML-1": 1}


def test_a_root_key_that_never_was_on_this_machine(home: Home, tmp_path: Path) -> None:
    """Only its public half, its dates and what it signed are known, from the roots."""
    apart = Home.__new__(Home)
    apart.path, apart.now = tmp_path / "apart", NOW
    (tmp_path / "apart").mkdir()
    fresh = Home(tmp_path / "apart")
    settings, root = publication.load_settings(str(home.path)), publication.roots(str(home.path))[0]
    for name in ("roots", "settings.json"):
        source = home.path / "publication" / name
        target = fresh.path / "publication" / name
        target.parent.mkdir(exist_ok=True)
        if name == "roots":
            target.mkdir()
            (target / "1.root.json").write_bytes(root)
        else:
            identifiers = parse(root).signed.roles["root"].keyids
            online = {one: uri for one, uri in settings.keys.items() if one not in identifiers}
            publication._write_settings(
                str(target.parent), publication.Settings(keys=online, timestamp_days=settings.timestamp_days)
            )
            assert source.exists()
    role_keys.take_up(fresh.open(), TWO)
    offline = key(fresh, "ROOT-2")
    assert offline.uri == "offline:ROOT-2"
    assert (offline.state, offline.signatures, offline.kid) == (KeyState.ACTIVE, 1, key(home, "ROOT-2").kid)
    assert key(fresh, "TARGETS-2").uri == "file:tuf-targets-2.p8"


def test_an_old_timestamp_key_is_overdue_and_signs_on(home: Home, capsys: pytest.CaptureFixture[str]) -> None:
    """Without releases no revocation would reach a counter: the period of such a key is for people to keep."""
    home.days(320)
    for name in ("DS", "ES", "SS"):
        home.rotation().replace(f"{name}-1", override="this test goes on from here")
    root_renewal.renew(home.open(), now=home.now, actor=TWO)
    home.days(50).rotation().rotate(Purpose.MASTER_LIST_SIGNER)
    release(home)
    task = pressing(home)[TaskKind.REPLACE_ROLE_KEY]
    assert (task.subjects, task.command) == (("TIMESTAMP-1",), "permit-keys renew-root --replace TIMESTAMP-1")
    assert cli.main(["status", "--home", str(home.path), "--lang", "en"], clock=home.clock) == 3
    told = capsys.readouterr().out
    assert "(overdue)  replace a key of the publication  TIMESTAMP-1" in " ".join(told.split("\n")).replace("   ", "  ")
    root_renewal.renew(home.open(), now=home.now, actor=TWO, replace_keys=["TIMESTAMP-1"])
    assert TaskKind.REPLACE_ROLE_KEY not in pressing(home)
    assert [key(home, f"TIMESTAMP-{number}").state for number in (1, 2)] == [KeyState.RETIRED, KeyState.ACTIVE]


def test_a_replaced_key_reaches_counters(home: Home, tmp_path: Path) -> None:
    release(home)
    (anchor,) = publication.roots(str(home.path))
    sync(str(tmp_path / "public"), str(tmp_path / "store"), now=NOW, anchor=anchor)
    home.days(1)
    renewed = root_renewal.renew(home.open(), now=home.now, actor=TWO, replace_keys=["TARGETS-1", "ROOT-2"])
    assert (renewed.version, renewed.lacking) == (2, 0)
    release(home)
    assert sync(str(tmp_path / "public"), str(tmp_path / "store"), now=home.now).record.root == 2
    assert key(home, "TARGETS-1").state is KeyState.RETIRED
    assert key(home, "TARGETS-3").state is key(home, "ROOT-6").state is KeyState.ACTIVE
    assert home.rotation(TWO).destroy("TARGETS-1").key.destroyed_at == home.now


def test_killed_while_replacing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key was made, the draft was not: the next run takes that key."""
    with monkeypatch.context() as during:
        during.setattr(publication, "add_key_uris", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            root_renewal.renew(home.open(), now=home.now, actor=TWO, replace_keys=["SNAPSHOT-1"])
    made = home.open().custody.public_key("file:tuf-snapshot-2.p8")
    root_renewal.renew(home.open(), now=home.now, actor=TWO, replace_keys=["SNAPSHOT-1"])
    assert key(home, "SNAPSHOT-2").kid == role_keys.kid(made)


def test_a_compromised_key_signs_no_more_until_a_root_replaces_it(home: Home) -> None:
    release(home)
    home.rotation().compromise("TIMESTAMP-1")
    task = pressing(home)[TaskKind.REPLACE_ROLE_KEY]
    assert task.subjects == ("TIMESTAMP-1",)
    assert reason_of(lambda: release(home)) is AuthorityReason.KEY_STATE
    root_renewal.renew(home.open(), now=home.now, actor=TWO, replace_keys=["TIMESTAMP-1"])
    release(home)
    assert key(home, "TIMESTAMP-1").state is KeyState.COMPROMISED
    assert TaskKind.REPLACE_ROLE_KEY not in pressing(home)


def test_a_compromised_root_key_does_not_sign_the_root_that_drops_it(home: Home) -> None:
    home.rotation().compromise("ROOT-1")
    root_renewal.renew(home.open(), now=home.now, actor=TWO, replace_keys=["ROOT-1"])
    (_, newest) = publication.roots(str(home.path))
    assert key(home, "ROOT-1").signatures == 1
    assert key(home, "ROOT-1").kid not in {
        role_keys.kid_of(parse(newest).signed, one) for one in parse(newest).signed.roles["root"].keyids
    }


@pytest.mark.parametrize("name", ["DS-1", "ROOT-9", "TIMESTAMP-2"])
def test_what_no_root_names_is_not_replaced_by_one(home: Home, name: str) -> None:
    renew = lambda: root_renewal.renew(home.open(), now=home.now, actor=TWO, replace_keys=[name])  # noqa: E731
    assert reason_of(renew) is AuthorityReason.NO_KEY
    assert not (home.path / "publication" / root_renewal.DRAFT).exists()


def test_roles_are_not_for_rotate(home: Home) -> None:
    rotation = home.rotation()
    for call in (
        lambda: rotation.replace("TIMESTAMP-1", override="x"),
        lambda: rotation.retire("ROOT-1", override="x"),
        lambda: rotation.activate(Purpose.TARGETS, name="TARGETS-1"),
    ):
        assert reason_of(call) is AuthorityReason.ROOT_DECIDES


def test_the_cap_of_a_root_key(home: Home) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        home.open().registry.raise_signatures(key(home, "ROOT-1"), 101)


def test_the_master_lists_signer_is_renewed_as_others_are(home: Home) -> None:
    release(home)
    home.days(360)
    due = {one.subjects: one for one in tasks(home.open(), home.now) if one.kind is TaskKind.STAGE}
    assert due["ML-2",].due <= home.now
    home.days(20)
    assert ("ML-2",) in {one.subjects for one in tasks(home.open(), home.now) if one.is_overdue(home.now)}
    home.rotation().rotate(Purpose.MASTER_LIST_SIGNER)
    assert key(home, "ML-2").state is KeyState.ACTIVE


def test_a_release_is_due_before_it_runs_out(home: Home) -> None:
    assert TaskKind.PUBLISH not in {one.kind for one in tasks(home.open(), home.now)}  # nothing was ever published
    release(home)
    (due,) = (one for one in tasks(home.open(), home.now) if one.kind is TaskKind.PUBLISH)
    assert (due.due, due.overdue) == (NOW + timedelta(days=1.5), NOW + 3 * DAY)
    assert TaskKind.PUBLISH in pressing(home.days(3))


def test_a_key_that_waits_for_its_release_is_overdue(home: Home) -> None:
    release(home.days(69))
    home.days(1).rotation().rotate(Purpose.DOCUMENT_SIGNER)
    assert TaskKind.PUBLISH not in pressing(home)
    assert pressing(home.days(1))[TaskKind.PUBLISH].subjects == ("DS-2",)
    release(home)
    assert TaskKind.PUBLISH not in pressing(home)


def test_a_killed_rotation_is_finished_before_a_release(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its certificate would be out and its link not."""
    rotation = home.rotation()
    with monkeypatch.context() as during:
        during.setattr(rotation._steps, "_link", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            rotation.stage(Purpose.CSCA)
    assert (home.path / "trust" / "csca" / "CSCA-2.der").exists()
    done = release(home)
    assert {"csca/CSCA-2.der", "link/CSCA-1-2.der"} <= set(done.added)
    assert home.open().registry.open_intent() is None


def test_a_registry_of_the_first_version_is_taken_over(home: Home, tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    Registry.create(str(path), home.open().settings, own_transport_keys=False).close()
    database = sqlite3.connect(path)
    database.executescript(
        "DROP INDEX one_active_key_per_purpose; ALTER TABLE keys DROP COLUMN published_at;"
        "CREATE UNIQUE INDEX one_active_key_per_purpose ON keys (purpose) WHERE state = 'active';"
        "PRAGMA user_version = 1"
    )
    database.close()
    registry = Registry(str(path))
    assert registry.keys == ()
    registry.close()


def test_without_a_root_there_is_nothing_to_renew(tmp_path: Path) -> None:
    (tmp_path / "bare").mkdir()
    bare = Home(tmp_path / "bare")
    (bare.path / "publication").mkdir()
    with pytest.raises(PublicationError):
        root_renewal.renew(bare.open(), now=NOW, actor=TWO)
