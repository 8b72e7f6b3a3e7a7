"""A repository is released whole: versions only rise, dry runs write nothing, counters never see half of it."""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keys.publication import second_path
from keys.publication.errors import PublicationError, PublicationReason, Rule
from keys.publication.metadata import read_release
from keys.publication.repository import Versions, current, export
from keys.publication.root import PERIODS, Role, draft
from keys.status_list import Status
from keys.trust import status_file_name
from tests.distribution import CITY, FIRST, SECOND, anchor, release, signed_root, tree, trust_targets
from tests.factory import DAY, NOW, STATUS_URI
from tests.killed import dies
from verifier.sync import sync

SHARD = f"status/{status_file_name(STATUS_URI)}"


@functools.cache
def content() -> dict[str, bytes]:
    return trust_targets()


@functools.cache
def revoked(day: int = 1) -> dict[str, bytes]:
    """The content with one more card revoked."""
    return content() | {SHARD: CITY.status_list({3: Status.INVALID}, iat=NOW + day * DAY)}


def refused(work: Callable[[], object]) -> PublicationError:
    with pytest.raises(PublicationError) as caught:
        work()
    return caught.value


def versions(directory: Path) -> tuple[int, ...]:
    made = read_release(str(current(str(directory))))
    return tuple(made.versions[role] for role in (Role.TARGETS, Role.SNAPSHOT, Role.TIMESTAMP))


def test_the_first_release(tmp_path: Path) -> None:
    made = release(tmp_path, content())
    assert made.versions == Versions(root=1, targets=1, snapshot=1, timestamp=1)
    assert (set(made.added), made.changed, made.removed) == (set(content()), (), ())
    assert made.valid_until == NOW + PERIODS[Role.TIMESTAMP]
    assert read_release(made.directory).targets == content()


def test_nothing_changed_but_the_time(tmp_path: Path) -> None:
    release(tmp_path, content())
    made = release(tmp_path, content(), now=NOW + DAY)
    assert made.versions == Versions(root=1, targets=1, snapshot=1, timestamp=2)
    assert (made.added, made.changed, made.removed) == ((), (), ())


def test_metadata_is_renewed_before_it_runs_out(tmp_path: Path) -> None:
    release(tmp_path, content())
    assert release(tmp_path, content(), now=NOW + 6 * DAY).versions.snapshot == 1
    assert release(tmp_path, content(), now=NOW + 7 * DAY).versions == Versions(
        root=1, targets=1, snapshot=2, timestamp=3
    )


def test_one_revocation_writes_one_shard(tmp_path: Path) -> None:
    release(tmp_path, content())
    made = release(tmp_path, revoked(), now=NOW + DAY)
    assert made.changed == (SHARD,)
    assert made.versions == Versions(root=1, targets=2, snapshot=2, timestamp=2)
    new = [path for path in Path(made.directory).rglob("*") if path.is_file() and path.stat().st_nlink == 1]
    assert sorted(path.name.partition(".")[2] for path in new) == sorted(
        ["targets.json", "snapshot.json", "json", SHARD.partition("/")[2]]
    )


def test_a_dry_run_says_what_would_be_and_writes_nothing(tmp_path: Path) -> None:
    release(tmp_path, content())
    before = tree(tmp_path)
    made = release(tmp_path, revoked(), now=NOW + DAY, dry_run=True)
    assert (made.directory, made.changed, made.versions.targets) == ("", (SHARD,), 2)
    assert tree(tmp_path) == before


def test_a_counter_that_began_before_the_release_can_finish(tmp_path: Path) -> None:
    first = release(tmp_path, content())
    named = set(read_release(first.directory).files) - {"metadata/timestamp.json"}
    second = release(tmp_path, revoked(), now=NOW + DAY)
    assert all((Path(second.directory) / name).exists() for name in named)
    third = release(tmp_path, revoked(2), now=NOW + 2 * DAY)
    left = {name for name in named if (Path(third.directory) / name).exists()}
    assert not any(SHARD.partition("/")[2] in name for name in left)
    assert sorted(os.listdir(tmp_path / "releases")) == ["2", "3"]


def test_what_lint_finds_is_not_released(tmp_path: Path) -> None:
    release(tmp_path, revoked())
    before = tree(tmp_path)
    back = content() | {SHARD: CITY.status_list(iat=NOW + 2 * DAY)}
    error = refused(lambda: release(tmp_path, back, now=NOW + 2 * DAY))
    assert error.reason is PublicationReason.LINT
    assert [finding.rule for finding in error.findings] == [Rule.STATUS_REVIVED]
    assert tree(tmp_path) == before


def test_what_the_second_path_refuses_is_not_released(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    release(tmp_path, content())
    monkeypatch.setattr(second_path.shutil, "which", lambda program: None)
    assert refused(lambda: release(tmp_path, revoked(), now=NOW + DAY)).reason is PublicationReason.NO_OPENSSL
    assert versions(tmp_path) == (1, 1, 1)
    monkeypatch.undo()
    assert release(tmp_path, revoked(), now=NOW + DAY).versions.timestamp == 2


def test_a_signer_without_a_chain_is_found_by_the_second_path(tmp_path: Path) -> None:
    from tests.factory import authority

    stranger = authority("elsewhere").document_signer.certificate
    error = refused(lambda: release(tmp_path, content() | {"signers/stranger.der": stranger}))
    assert error.reason is PublicationReason.SECOND_PATH
    assert current(str(tmp_path)) is None


def test_openssl_has_a_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An OpenSSL that refuses every list, as it would one that we alone can read."""
    monkeypatch.setattr(second_path, "_crl_verifies", lambda *_: False)
    error = refused(lambda: release(tmp_path, content()))
    assert (error.reason, error.detail.partition(":")[0]) == (PublicationReason.SECOND_PATH, "openssl")


def test_a_clock_behind_the_last_release(tmp_path: Path) -> None:
    release(tmp_path, content())
    late = refused(lambda: release(tmp_path, content(), now=NOW - timedelta(seconds=1)))
    assert late.reason is PublicationReason.CLOCK


def test_a_repository_from_a_backup_is_not_continued_below_what_was_signed(tmp_path: Path) -> None:
    release(tmp_path, content())
    made = release(tmp_path, revoked(), now=NOW + DAY, floor=Versions(targets=7, snapshot=8, timestamp=9))
    assert made.versions == Versions(root=1, targets=8, snapshot=9, timestamp=10)
    lost = release(tmp_path / "anew", revoked(), now=NOW + DAY, floor=made.versions)
    assert lost.versions == Versions(root=1, targets=9, snapshot=10, timestamp=11)


def test_versions_are_noted_before_they_can_be_seen(tmp_path: Path) -> None:
    noted: list[Versions] = []

    def reserve(versions: Versions) -> None:
        assert current(str(tmp_path)) is None
        noted.append(versions)

    made = release(tmp_path, content(), reserve=reserve)
    assert noted == [made.versions]


@pytest.mark.parametrize("role", [Role.TARGETS, Role.SNAPSHOT, Role.TIMESTAMP])
def test_a_key_that_is_not_at_hand(tmp_path: Path, role: Role) -> None:
    from keys.publication.root import key_identifier

    absent = key_identifier(FIRST.roles[role].keys[0])
    error = refused(lambda: release(tmp_path, content(), keys=lambda one: None if one == absent else FIRST.keys(one)))
    assert (error.reason, error.detail) == (PublicationReason.KEY_MISSING, role)


def test_root_rotation(tmp_path: Path) -> None:
    release(tmp_path / "repository", content())
    store = tmp_path / "store"
    sync(str(tmp_path / "repository"), str(store), now=NOW, anchor=anchor())
    blank = draft(SECOND.roles, previous=anchor(), now=NOW)
    for signers in (SECOND.root[:3], (*FIRST.root[:2], *SECOND.root[:3]), FIRST.root[:3]):
        new = signed_root(blank, signers, anchor())
        error = refused(lambda new=new: release(tmp_path / "repository", content(), roots=[anchor(), new]))
        assert error.reason is PublicationReason.ROOT_THRESHOLD
    new = signed_root(blank, (*FIRST.root[:3], *SECOND.root[:3]), anchor())
    made = release(tmp_path / "repository", content(), roots=[anchor(), new], keys=SECOND.keys, now=NOW + DAY)
    # Signed anew, although nothing in it changed: the new root does not know the old keys.
    assert made.versions == Versions(root=2, targets=2, snapshot=2, timestamp=2)
    assert sync(str(tmp_path / "repository"), str(store), now=NOW + DAY).record.root == 2
    assert refused(lambda: release(tmp_path / "repository", content())).reason is PublicationReason.DAMAGED


def test_an_expired_root(tmp_path: Path) -> None:
    error = refused(lambda: release(tmp_path, content(), now=NOW + PERIODS[Role.ROOT]))
    assert error.reason is PublicationReason.ROOT_EXPIRED


def test_a_release_that_somebody_touched(tmp_path: Path) -> None:
    made = release(tmp_path, content())
    shard = next(Path(made.directory).rglob("*.cwt"))
    shard.write_bytes(shard.read_bytes()[:-1])
    assert refused(lambda: release(tmp_path, content(), now=NOW + DAY)).reason is PublicationReason.DAMAGED


def test_two_publishers_at_once(tmp_path: Path) -> None:
    import fcntl

    release(tmp_path, content())
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        assert refused(lambda: release(tmp_path, content())).reason is PublicationReason.BUSY
    finally:
        os.close(descriptor)


def test_killed_at_any_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """At each step on the disk: counters see the old release or the new one, and the same command finishes.

    Without the second look, which writes nothing here and takes half the time.
    """
    monkeypatch.setattr(second_path, "check", lambda *_, **__: None)
    standing = tmp_path / "standing"
    release(standing, content())
    seen = set()
    for step in range(1, 10_000):
        trial = tmp_path / "trial"
        shutil.copytree(standing, trial, symlinks=True)
        alive = not dies(step, lambda trial=trial: release(trial, revoked(), now=NOW + DAY))
        if not alive:
            offered = sync(str(trial), str(tmp_path / "store"), now=NOW + DAY, anchor=anchor())
            seen.add(offered.record.targets)
            shutil.rmtree(tmp_path / "store")
        finished = release(trial, revoked(), now=NOW + DAY)
        assert read_release(finished.directory).targets == revoked()
        assert not (trial / "releases" / ".partial").exists()
        shutil.rmtree(trial)
        if alive:
            break
    assert seen == {1, 2}


def test_a_stick(tmp_path: Path) -> None:
    release(tmp_path / "repository", content())
    stick, store = tmp_path / "stick", tmp_path / "store"
    export(str(tmp_path / "repository"), str(stick), anchor=anchor(), now=NOW)
    assert not any(path.is_symlink() for path in stick.rglob("*"))
    assert sync(str(stick), str(store), now=NOW, anchor=anchor()).record.timestamp == 1
    release(tmp_path / "repository", revoked(), now=NOW + DAY)
    export(str(tmp_path / "repository"), str(stick), anchor=anchor(), now=NOW + DAY)
    assert sync(str(stick), str(store), now=NOW + DAY).changed == (SHARD,)
    held = {str(path.relative_to(stick)) for path in stick.rglob("*") if path.is_file()}
    assert held == set(read_release(str(current(str(tmp_path / "repository")))).files)


def test_nothing_to_export(tmp_path: Path) -> None:
    (tmp_path / "repository").mkdir()
    error = refused(lambda: export(str(tmp_path / "repository"), str(tmp_path / "stick"), anchor=anchor(), now=NOW))
    assert error.reason is PublicationReason.NOT_SET_UP


@pytest.mark.parametrize("thresholds", [(0, 1), (2, 1), (2, 0)])
def test_thresholds_that_mean_nothing(thresholds: tuple[int, int]) -> None:
    from keys.publication.root import RoleKeys

    threshold, count = thresholds
    keys: tuple[Any, ...] = tuple(one.public_key() for one in FIRST.root[:count])
    with pytest.raises(ValueError, match="threshold"):
        RoleKeys(threshold=threshold, keys=keys)
    with pytest.raises(ValueError, match="threshold"):
        RoleKeys(threshold=2, keys=(FIRST.root[0].public_key(),) * 2)
