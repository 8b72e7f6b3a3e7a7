"""The publication's root is renewed every year, by holder after holder."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from keys.authority import root_renewal
from keys.authority.root_renewal import DRAFT, Renewed
from keys.foresight.timeline import TaskKind, tasks
from keys.publication import home as publication
from keys.publication import root as roots
from keys.publication.errors import PublicationError, PublicationReason
from tests.key_home import DAY, NOW, TWO, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path)
    publication.set_up(str(home.path), home.open().custody, now=NOW)
    home.days(320)
    return home


def renew(home: Home, *replace: str) -> Renewed:
    return root_renewal.renew(home.open(), now=home.now, actor=TWO, replace_keys=replace)


def away(home: Home, *numbers: int) -> None:
    """These root keys are with other holders."""
    for number in numbers:
        (home.path / "keys" / f"tuf-root-{number}.p8").rename(home.path.parent / f"tuf-root-{number}.p8")


def back(home: Home, number: int) -> None:
    (home.path.parent / f"tuf-root-{number}.p8").rename(home.path / "keys" / f"tuf-root-{number}.p8")


def draft(home: Home) -> Path:
    return home.path / "publication" / DRAFT


def test_all_at_hand(home: Home) -> None:
    done = renew(home)
    assert (done.version, done.lacking, done.expires) == (2, 0, home.now + 365 * DAY)
    history = publication.roots(str(home.path))
    roots.require_chain(history)
    assert len(roots.parse(history[1]).signatures) == 3  # as many as it takes, not all five
    assert roots.parse(history[0]).signed.roles == roots.parse(history[1]).signed.roles
    assert not draft(home).exists()
    assert root_renewal.expiry(str(home.path)) == done.expires


def test_from_holder_to_holder(home: Home) -> None:
    away(home, 1, 2, 3, 4, 5)
    lacking = [renew(home).lacking]
    for number in (4, 2, 5):
        assert len(publication.roots(str(home.path))) == 1
        back(home, number)
        lacking.append(renew(home).lacking)
        away(home, number)
    assert lacking == [3, 2, 1, 0]
    roots.require_chain(publication.roots(str(home.path)))


def test_the_same_holder_twice_is_one(home: Home) -> None:
    away(home, 2, 3, 4, 5)
    assert [renew(home).lacking for _ in range(3)] == [2, 2, 2]


def test_a_draft_of_an_earlier_year_is_not_gone_on_with(home: Home) -> None:
    """As after a kill between putting the root in place and removing the draft."""
    away(home, 3, 4, 5)
    renew(home)
    left = draft(home).read_bytes()
    back(home, 3)
    renew(home)
    draft(home).write_bytes(left)
    home.days(300)
    assert renew(home).version == 3
    assert not draft(home).exists()
    roots.require_chain(publication.roots(str(home.path)))


def test_a_spoilt_draft(home: Home) -> None:
    draft(home).write_bytes(b"{}")
    with pytest.raises(PublicationError) as caught:
        renew(home)
    assert caught.value.reason is PublicationReason.DAMAGED


def test_it_is_told_in_time(home: Home) -> None:
    def task() -> bool:
        (found,) = (one for one in tasks(home.open(), home.now) if one.kind is TaskKind.RENEW_ROOT)
        assert found.due == NOW + timedelta(days=305)
        return found.is_overdue(home.now)

    assert not task()
    home.days(30)
    assert task()


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"signed": {"expires": 5}}', b'{"signed": {"expires": "x"}}'])
def test_a_root_that_cannot_be_read_has_no_expiry(home: Home, content: bytes) -> None:
    (home.path / "publication" / "roots" / "1.root.json").write_bytes(content)
    assert root_renewal.expiry(str(home.path)) is None


def test_without_a_publication_there_is_none(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    assert root_renewal.expiry(str(Home(tmp_path / "x").path)) is None
