"""An authority's own places and lists: a shard is published before a card is in it, and none is forgotten."""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from keys.algorithms import Purpose
from keys.authority import backup, published_copy, status_shards
from keys.authority.authority import Authority
from keys.authority.errors import AuthorityError, AuthorityReason
from keys.authority.file import from_members
from keys.publication import command
from keys.publication import home as publication
from keys.registry.registry import locked
from keys.rotation.rotation import Rotation
from keys.status_list import SHARD_ENTRIES, Place, Status
from keys.trust import TrustStore, status_file_name
from tests.key_home import CHEAP, MEMBERS, NOW, PASSPHRASE, TWO, Home, reason_of

SIZE = 16


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


class Small(Home):
    """A home whose shards have 16 places."""

    def __init__(self, folder: Path, **members: str) -> None:
        self.path, self.now = folder / "home", NOW
        settings = from_members({**MEMBERS, **members})
        Authority.create(self.path, settings, PASSPHRASE, clock=self.clock, cost=CHEAP)


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Small:
    monkeypatch.setattr(Authority, "shard_entries", SIZE)
    return Small(tmp_path)


def counter(home: Home) -> TrustStore:
    return TrustStore.load(home.open().trust_dir)


def lists(home: Home) -> int:
    return len(os.listdir(home.path / "trust" / "status"))


def test_one_list_at_first(home: Home) -> None:
    authority = home.open()
    assert lists(home) == 1
    place = authority.allocate()
    assert place.uri == authority.status_uri == authority.statuses.next_uri()
    assert 0 <= place.index < SHARD_ENTRIES
    assert lists(home) == 1


def test_a_shard_is_published_long_before_the_first_card_is_in_it(small: Small) -> None:
    """A counter that synced when the last shard was half full knows the list of every card until the next is half."""
    authority = small.open()
    for number in range(5 * SIZE):
        known = counter(small)
        place = authority.allocate()
        known.status_list(place.uri, now=small.now).lookup(place.index)
        full, given = divmod(number + 1, SIZE)
        assert lists(small) == full + 1 + (2 * given >= SIZE)


def test_every_place_once_and_every_shard_full(small: Small) -> None:
    authority = small.open()
    places = [authority.allocate() for _ in range(4 * SIZE)]
    assert len(set(places)) == len(places)
    assert {place.uri[-1] for place in places} == set("1234")


def test_places_are_given_once_among_processes(small: Small) -> None:
    """Four programs at one home; the shards that they fill are published, one after the other."""
    child = (
        "import sys\n"
        "from keys.authority.authority import Authority\n"
        "from datetime import datetime, UTC\n"
        f"Authority.shard_entries = {SIZE}\n"
        f"now = datetime.fromisoformat({NOW.isoformat()!r})\n"
        f"authority = Authority.open(sys.argv[1], {PASSPHRASE!r}, clock=lambda: now)\n"
        "for _ in range(10): print(*(lambda place: (place.uri, place.index))(authority.allocate()))\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", child, str(small.path)], stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    places = [line for process in running for line in process.communicate(timeout=60)[0].splitlines()]
    assert len(set(places)) == len(places) == 40
    trust = counter(small)
    for line in places:
        trust.status_list(line.split()[0], now=small.now)


def test_changes_in_several_shards_at_once(small: Small) -> None:
    authority = small.open()
    places = [authority.allocate() for _ in range(2 * SIZE + 1)]
    first, middle, last = places[0], places[SIZE], places[-1]
    small.days(1)
    authority.set({first: Status.INVALID, middle: Status.SUSPENDED, last: Status.INVALID})
    # Durable, and said to nobody yet.
    assert counter(small).status_list(first.uri, now=small.now).lookup(first.index) is Status.VALID
    written = small.open().statuses.publish_due()
    assert set(written) == {first.uri, middle.uri, last.uri}
    trust = counter(small)
    said = {place: trust.status_list(place.uri, now=small.now).lookup(place.index) for place in (first, middle, last)}
    assert said == {first: Status.INVALID, middle: Status.SUSPENDED, last: Status.INVALID}
    assert small.open().statuses.publish_due() == ()


def test_only_the_shard_that_changed_is_signed(small: Small) -> None:
    authority = small.open()
    places = [authority.allocate() for _ in range(SIZE + 1)]
    count = authority.status_signer.private_key
    before = authority.registry.active(Purpose.STATUS_SIGNER).signatures
    authority.publish_status(places[-1].index, Status.INVALID, uri=places[-1].uri)
    assert authority.registry.active(Purpose.STATUS_SIGNER).signatures == before + 1
    assert count is authority.status_signer.private_key


@pytest.mark.parametrize(
    ("uri", "index"), [("https://permits.utopia.example/status/9", 0), ("https://elsewhere.example/status/1", 0)]
)
def test_a_shard_that_is_none(home: Home, uri: str, index: int) -> None:
    authority = home.open()
    assert reason_of(lambda: authority.publish_status(index, Status.INVALID, uri=uri)) is AuthorityReason.STATUS_INDEX
    assert reason_of(lambda: authority.set({Place(uri=uri, index=index): Status.INVALID})) is (
        AuthorityReason.STATUS_INDEX
    )


def test_a_new_status_signer_signs_every_shard(small: Small) -> None:
    authority = small.open()
    revoked = [authority.allocate() for _ in range(2 * SIZE)][-1]
    authority.publish_status(revoked.index, Status.INVALID, uri=revoked.uri)
    old = authority.status_signer.kid
    small.days(1)
    Rotation(small.open(), TWO).compromise("SS-1")
    Rotation(small.open(), TWO).replace("SS-1", override="stolen")
    authority = small.open()
    assert authority.status_signer.kid != old
    trust = counter(small)  # a list of the old signer would be refused
    for number in range(1, lists(small) + 1):
        trust.status_list(f"{authority.status_uri[:-1]}{number}", now=small.now)
    assert trust.status_list(revoked.uri, now=small.now).lookup(revoked.index) is Status.INVALID


def test_refresh_renews_every_shard(small: Small) -> None:
    authority = small.open()
    for _ in range(SIZE + 1):
        authority.allocate()
    small.days(10)
    small.open().refresh()
    assert {published.iat for published in small.open().lists.all_statuses()} == {small.now}
    assert lists(small) == 2


def test_a_home_from_before_there_was_a_store(home: Home) -> None:
    """What its list says stays said; which places were given nobody can tell, so none of that shard is given again."""
    authority = home.open()
    authority.publish_statuses({7: Status.INVALID, 8: Status.SUSPENDED})
    (home.path / status_shards.FILE_NAME).unlink()
    home.days(1)
    place = home.open().allocate()
    assert place.uri == "https://permits.utopia.example/status/2"
    assert counter(home).status_list(place.uri, now=home.now).lookup(place.index) is Status.VALID
    home.open().publish_status(9, Status.INVALID)
    published = home.open().published_statuses()
    assert [published.lookup(index) for index in range(6, 10)] == [
        Status.VALID,
        Status.INVALID,
        Status.SUSPENDED,
        Status.INVALID,
    ]


def test_an_older_store_put_back_by_hand(home: Home) -> None:
    """The list beside it is newer: the shard is closed, and what was revoked stays so."""
    before = home.open().allocate()
    path = home.path / status_shards.FILE_NAME
    old = path.read_bytes()
    home.days(1).open().publish_status(before.index, Status.INVALID)
    path.write_bytes(old)
    home.days(1)
    assert home.open().allocate().uri.endswith("/2")
    assert reason_of(lambda: home.open().publish_status(before.index, Status.VALID)) is AuthorityReason.STATUS_FINAL


def test_a_restored_home_gives_out_no_place_of_before(home: Home, tmp_path: Path) -> None:
    """Also when nothing was published since the backup: places were given, and left no trace in any list."""
    path = str(tmp_path / "home.bak")
    backup.backup(home.open(), path, b"other", now=home.now, actor=TWO, cost=CHEAP)
    since = {home.open().allocate() for _ in range(3)}
    trust = home.open().trust_dir
    backup.restore(path, str(tmp_path / "back"), b"other", published=[trust], now=home.now, actor=TWO)
    restored = Authority.open(tmp_path / "back", PASSPHRASE, clock=home.clock, cost=CHEAP)
    place = restored.allocate()
    assert place.uri not in {before.uri for before in since}
    TrustStore.load(restored.trust_dir).status_list(place.uri, now=home.now)


def test_catching_up_closes_what_went_on_elsewhere(home: Home, tmp_path: Path) -> None:
    old = tmp_path / "old"
    shutil.copytree(home.path, old)
    home.days(1).open().publish_status(8, Status.INVALID)
    authority = Authority.open(old, PASSPHRASE, clock=home.clock, cost=CHEAP)
    with locked(authority.home):
        published_copy.catch_up(authority, [published_copy.read(home.open().trust_dir)], now=home.now, actor=TWO)
    assert authority.allocate().uri.endswith("/2")
    assert authority.published_statuses().lookup(8) is Status.INVALID


def test_places_that_the_records_know(small: Small) -> None:
    authority = small.open()
    taken = [Place(uri=authority.status_uri, index=index) for index in range(0, SIZE, 2)]
    authority.mark_given(taken)
    assert not set(taken) & {authority.allocate() for _ in range(SIZE // 2)}


def test_the_next_shard_waits_where_it_cannot_be_signed(small: Small) -> None:
    """The card at hand has its list; a rotation holds the home meanwhile."""
    authority = small.open()
    for _ in range(SIZE // 2 - 1):
        authority.allocate()
    small.days(4000)  # no signer may sign any more
    place = authority.allocate()
    assert place.uri == authority.status_uri
    assert lists(small) == 1
    for _ in range(SIZE // 2):
        authority.allocate()
    with pytest.raises(AuthorityError):  # but no card comes into a shard that no counter can know
        authority.allocate()


def test_a_uri_without_a_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Authority, "shard_entries", SIZE)
    home = Small(tmp_path, status_uri="https://permits.utopia.example/status")
    authority = home.open()
    places = [authority.allocate() for _ in range(2 * SIZE)]
    assert {place.uri for place in places} == {
        "https://permits.utopia.example/status",
        "https://permits.utopia.example/status/2",
    }
    authority.publish_status(places[-1].index, Status.INVALID, uri=places[-1].uri)
    assert counter(home).status_list(places[-1].uri, now=NOW).lookup(places[-1].index) is Status.INVALID


def test_a_store_of_the_version_before(home: Home) -> None:
    """Its columns are added; what it holds is kept, and every list is signed once by the key in use."""
    given = home.open().allocate()
    path = home.path / status_shards.FILE_NAME
    with closing(sqlite3.connect(path)) as database:
        database.execute("ALTER TABLE shards DROP COLUMN kid")
        database.execute("ALTER TABLE shards DROP COLUMN digest")
        database.execute("PRAGMA user_version = 1")
    assert home.open().statuses.publish_due() == (given.uri,)
    assert home.open().allocate().uri == given.uri


def test_a_store_of_a_version_to_come(home: Home) -> None:
    with closing(sqlite3.connect(home.path / status_shards.FILE_NAME)) as database:
        database.execute("PRAGMA user_version = 3")
    assert reason_of(home.open().allocate) is AuthorityReason.DAMAGED


def test_somebody_else_has_the_store(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = home.open()
    monkeypatch.setattr(status_shards, "BUSY_TIMEOUT", 0.01)
    with closing(sqlite3.connect(home.path / status_shards.FILE_NAME, isolation_level=None)) as database:
        database.execute("BEGIN IMMEDIATE")
        assert reason_of(authority.allocate) is AuthorityReason.BUSY
        assert authority.statuses.publish_due() == ()  # looking takes no lock
    authority.allocate()


def test_a_file_that_is_no_store(home: Home) -> None:
    (home.path / status_shards.FILE_NAME).write_bytes(b"not a database at all, but long enough to look " * 20)
    assert reason_of(home.open().allocate) is AuthorityReason.DAMAGED


def test_a_list_under_another_name(home: Home) -> None:
    folder = home.path / "trust" / "status"
    (name,) = os.listdir(folder)
    shutil.copy(folder / name, folder / status_file_name("https://permits.utopia.example/status/2"))
    assert reason_of(home.open().statuses.publish_due) is AuthorityReason.DAMAGED


def test_publish_puts_lost_revocations_back_into_every_shard(small: Small, tmp_path: Path) -> None:
    """A home of last week was copied back by hand, and signed its lists anew before anybody noticed."""
    publication.set_up(small.path, small.open().custody, now=small.now)
    places = [small.open().allocate() for _ in range(SIZE + 1)]
    lost = [places[0], places[-1]]
    assert lost[0].uri != lost[1].uri
    old = Small.__new__(Small)
    old.path, old.now = tmp_path / "old", small.now
    shutil.copytree(small.path, old.path)

    def publish(home: Small) -> None:
        options = argparse.Namespace(directory=str(tmp_path / "public"), stick=None, dry_run=False)
        command.publish(options, "en", home.open(), now=home.now, actor=TWO)

    small.days(1)
    for place in lost:
        small.open().publish_status(place.index, Status.INVALID, uri=place.uri)
    publish(small)
    old.days(2).open().refresh()
    assert counter(old).status_list(lost[1].uri, now=old.now).lookup(lost[1].index) is Status.VALID
    publish(old.days(1))
    trust = counter(old)
    assert [trust.status_list(place.uri, now=old.now).lookup(place.index) for place in lost] == [Status.INVALID] * 2
    assert reason_of(lambda: old.open().set({lost[1]: Status.VALID})) is AuthorityReason.STATUS_FINAL
