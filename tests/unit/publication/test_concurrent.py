"""Two runs on one home at the same time: a rotation or a second release while a release is being collected and signed.

Attacked first: before the home's lock was held, the first test released a link certificate without its CSCA, and the
last one signed two releases with the same version.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from keys.algorithms import Purpose
from keys.authority import file as authority_file
from keys.authority.authority import Authority
from keys.authority.errors import AuthorityError, AuthorityReason
from keys.authority.home_lock import locked
from keys.custody.software import ScryptCost
from keys.publication import home, repository, targets
from keys.publication.errors import PublicationError, PublicationReason
from keys.publication.repository import Release
from keys.registry.records import Actor
from keys.rotation import rotation
from keys.status_list import Status
from tests.unit.keys.test_authority import MEMBERS, PASSPHRASE

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
TWO_PEOPLE = Actor(operator="Administrator A", witness="Administrator B")
COST = ScryptCost(log2_n=2, r=1, p=1)


@pytest.fixture
def authority(tmp_path: Path) -> Iterator[Authority]:
    at = tmp_path / "home"
    settings = authority_file.from_members(dict(MEMBERS))
    Authority.create(at, settings, PASSPHRASE, clock=lambda: NOW, cost=COST, actor=TWO_PEOPLE).registry.close()
    made = Authority.open(at, PASSPHRASE, clock=lambda: NOW, cost=COST)
    home.set_up(made.home, made.custody, now=NOW)
    yield made
    made.registry.close()


def publish(authority: Authority, directory: Path) -> Release:
    return home.publish_home(
        authority.home, str(directory), authority.custody, trust_directory=authority.trust_dir, now=NOW
    )


def test_a_rotation_while_publish_collects_waits(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new CSCA would appear after `csca/` was read and before `link/` is."""
    entries, refused = targets._entries, []

    def rotating(folder: str) -> list[str]:
        if folder.endswith("/link"):
            with pytest.raises(AuthorityError) as caught:
                rotation.Rotation(authority, TWO_PEOPLE).stage(Purpose.CSCA)
            refused.append(caught.value.reason)
        return entries(folder)

    with monkeypatch.context() as during:
        during.setattr(rotation, "LOCK_WAIT", 0.0)
        during.setattr(targets, "_entries", rotating)
        first = publish(authority, tmp_path / "public")
    assert refused == [AuthorityReason.BUSY]
    assert not {name for name in first.added if name.startswith("link/") or "CSCA-2" in name}
    rotation.Rotation(authority, TWO_PEOPLE).stage(Purpose.CSCA)
    second = publish(authority, tmp_path / "public")
    assert {"csca/CSCA-2.der", "link/CSCA-1-2.der"} <= set(second.added)


def test_publish_waits_for_a_rotation(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home, "LOCK_WAIT", 0.0)
    with locked(authority.home), pytest.raises(AuthorityError) as caught:
        publish(authority, tmp_path / "public")
    assert caught.value.reason is AuthorityReason.BUSY
    assert not (tmp_path / "public" / "current").exists()


def test_a_desk_revokes_while_a_release_is_signed(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only collecting holds the home: a revocation need not wait until a large release is signed and checked."""
    check = repository.second_path.check

    def revoking(*arguments: object, **options: object) -> None:
        authority.publish_status(7, Status.INVALID)
        check(*arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as during:
        during.setattr(repository.second_path, "check", revoking)
        publish(authority, tmp_path / "public")
    assert [name for name in publish(authority, tmp_path / "public").changed if name.startswith("status/")]


def test_two_releases_of_one_home_at_a_time(
    tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Into two directories, with the same version and other content: the keys would sign twice."""
    check = repository.second_path.check

    def publishing(*arguments: object, **options: object) -> None:
        with pytest.raises(PublicationError) as caught:
            publish(authority, tmp_path / "other")
        assert caught.value.reason is PublicationReason.BUSY
        check(*arguments, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as during:
        during.setattr(repository.second_path, "check", publishing)
        first = publish(authority, tmp_path / "public")
    assert publish(authority, tmp_path / "other").versions.timestamp == first.versions.timestamp + 1
