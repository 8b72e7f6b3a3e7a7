"""Shards: indices at random and never twice, statuses that only get worse, also after a backup came back."""

from __future__ import annotations

import itertools
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from keys import status_list
from keys.authority.status_shards import ListSigner, Place, ShardError, ShardReason, ShardStore
from keys.envelopes import cose
from keys.publication import shards
from keys.status_list import Status, StatusList
from tests.factory import DAY, NOW, authority, salts

URI = "https://permits.example/status/1"
CITY = authority()
LIFE, TTL = 30 * DAY, timedelta(hours=12)
SIGNER = ListSigner(
    kid=CITY.status_signer.kid,
    sign=cose.raw_signer(CITY.status_signer.private_key),
    public_key=CITY.status_signer.private_key.public_key(),
)


def opened(path: Path, size: int = 64, seed: str = "cards") -> ShardStore:
    return ShardStore(str(path / "status.db"), uri=URI, size=size, random=salts(seed))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[ShardStore]:
    with opened(tmp_path) as made:
        yield made


def signed(store: ShardStore, number: int = 1, now=NOW) -> StatusList:  # type: ignore[no-untyped-def]
    raw, done = store.sign(number, signer=SIGNER, now=now, life=LIFE, ttl=TTL)
    done()
    return status_list.verify(raw, SIGNER.public_key, store.uri(number))


def test_every_index_is_given_once_and_then_a_new_shard_opens(store: ShardStore) -> None:
    places = [store.allocate() for _ in range(64 + 8)]
    assert len(set(places)) == len(places)
    assert Counter(place.uri for place in places) == {URI: 64, "https://permits.example/status/2": 8}
    assert store.shards() == (1, 2)


def test_indices_tell_nothing_about_their_order(store: ShardStore) -> None:
    drawn = [store.allocate().index for _ in range(64)]
    assert drawn != sorted(drawn)
    assert sum(later > sooner for sooner, later in itertools.pairwise(drawn)) in range(20, 45)


def test_every_place_is_as_likely_as_another(tmp_path: Path) -> None:
    """The first of 64 places, drawn 1,280 times: a fair draw stays within 6 sigma of 20 each."""
    counts: Counter[int] = Counter()
    random = salts("fair")
    for number in range(1280):
        with ShardStore(":memory:", uri=URI, size=64, random=random) as store:
            counts[store.allocate().index] += 1
        assert number < 1280
    assert len(counts) == 64
    assert max(counts.values()) < 20 + 6 * 20**0.5


def test_the_draw_ends_in_a_nearly_full_shard(tmp_path: Path) -> None:
    """A random source that always says the same does not hang it."""
    with ShardStore(":memory:", uri=URI, size=64, random=bytes) as store:
        assert [store.allocate().index for _ in range(64)] == list(range(64))


def test_an_index_survives_a_crash_right_after_it_was_given(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        first = store.allocate()
    with ShardStore(str(tmp_path / "status.db"), uri=URI, size=64, random=salts("cards")) as again:
        assert again.allocate() != first


def test_invalid_is_for_good(store: ShardStore) -> None:
    card = store.allocate()
    store.set({card: Status.SUSPENDED})
    store.set({card: Status.VALID})
    store.set({card: Status.INVALID})
    for better in (Status.VALID, Status.SUSPENDED):
        with pytest.raises(ShardError) as refused:
            store.set({card: better})
        assert refused.value.reason is ShardReason.FINAL
    assert store.status(card) is Status.INVALID


def test_all_changes_or_none(store: ShardStore) -> None:
    first, second = store.allocate(), store.allocate()
    store.set({second: Status.INVALID})
    with pytest.raises(ShardError):
        store.set({first: Status.INVALID, second: Status.VALID})
    assert store.status(first) is Status.VALID


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE statuses SET status = 0",
        "UPDATE statuses SET status = 2",
        "DELETE FROM statuses",
        "DELETE FROM shards",
        "INSERT INTO statuses VALUES (1, 0, 3)",
    ],
)
def test_the_database_itself_refuses(tmp_path: Path, statement: str) -> None:
    with opened(tmp_path) as store:
        store.set({store.allocate(): Status.INVALID})
    with closing(sqlite3.connect(tmp_path / "status.db")) as database, pytest.raises(sqlite3.IntegrityError):
        database.execute(statement)


@pytest.mark.parametrize(
    "place",
    [
        Place(uri=URI, index=64),
        Place(uri=URI, index=-1),
        Place(uri="https://permits.example/status/2", index=0),
        Place(uri="https://permits.example/status/01", index=0),
        Place(uri="https://elsewhere.example/status/1", index=0),
    ],
)
def test_what_no_card_has(store: ShardStore, place: Place) -> None:
    store.allocate()
    with pytest.raises(ShardError) as refused:
        store.set({place: Status.INVALID})
    assert refused.value.reason is ShardReason.UNKNOWN


def test_only_what_changed_is_due(store: ShardStore) -> None:
    places = [store.allocate() for _ in range(130)]
    assert store.due(now=NOW, renew=LIFE / 2) == (1, 2, 3)
    for number in store.shards():
        signed(store, number)
    assert store.due(now=NOW, renew=LIFE / 2) == ()
    store.set({places[70]: Status.INVALID})
    assert store.due(now=NOW, renew=LIFE / 2) == (2,)
    store.set({places[70]: Status.INVALID})
    shard = signed(store, 2, NOW + DAY)
    assert shard.lookup(places[70].index) is Status.INVALID
    assert store.due(now=NOW + DAY, renew=LIFE / 2) == ()
    assert store.due(now=NOW + LIFE / 2, renew=LIFE / 2) == (1, 3)


def test_a_clock_behind_the_last_signature(store: ShardStore) -> None:
    store.allocate()
    signed(store)
    with pytest.raises(ShardError) as refused:
        signed(store, now=NOW - DAY)
    assert refused.value.reason is ShardReason.CLOCK


def test_killed_between_signing_and_noting_it(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        store.set({store.allocate(): Status.INVALID})
        raw, _ = store.sign(1, signer=SIGNER, now=NOW, life=LIFE, ttl=TTL)
    with opened(tmp_path) as again:
        assert again.due(now=NOW, renew=LIFE / 2) == (1,)
        absorbed = again.absorb(status_list.verify(raw, SIGNER.public_key, URI))
        assert (absorbed.raised, absorbed.closed) == (0, False)


def test_last_months_backup_brings_no_card_back(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        before = [store.allocate() for _ in range(8)]
        store.set({before[0]: Status.INVALID})
        signed(store)
    (tmp_path / "backup").mkdir()
    shutil.copy(tmp_path / "status.db", tmp_path / "backup")
    with opened(tmp_path) as store:
        since = [store.allocate() for _ in range(8)]
        store.set({before[1]: Status.INVALID, since[0]: Status.INVALID, since[1]: Status.SUSPENDED})
        published = signed(store, now=NOW + 20 * DAY)

    with opened(tmp_path / "backup", seed="other") as restored:
        absorbed = restored.absorb(published)
        assert (absorbed.raised, absorbed.closed) == (3, True)
        for place in (before[0], before[1], since[0]):
            assert restored.status(place) is Status.INVALID
        assert restored.status(since[1]) is Status.SUSPENDED
        assert signed(restored, now=NOW + 30 * DAY).succeeds(published)
        fresh = {restored.allocate() for _ in range(16)}
        assert {place.uri for place in fresh} == {restored.uri(2)}
        assert not restored.absorb(published).closed


def test_a_suspension_lifted_since_does_not_come_back(store: ShardStore) -> None:
    card = store.allocate()
    store.set({card: Status.SUSPENDED})
    older = signed(store)
    store.set({card: Status.VALID})
    signed(store, now=NOW + DAY)
    store.absorb(older)
    assert store.status(card) is Status.VALID


def test_indices_known_from_the_records_are_not_given_again(store: ShardStore) -> None:
    store.allocate()
    taken = [Place(uri=URI, index=index) for index in range(32)]
    store.mark_given(taken)
    left = [store.allocate() for _ in range(31)]
    assert not set(left) & set(taken)


def test_lists_are_written_when_due_and_only_then(tmp_path: Path) -> None:
    with opened(tmp_path) as store:
        cards = [store.allocate() for _ in range(70)]

        def write(now) -> tuple[str, ...]:  # type: ignore[no-untyped-def]
            return shards.write_due(store, str(tmp_path), signer=SIGNER, now=now, life=LIFE, ttl=TTL)

        assert write(NOW) == (store.uri(1), store.uri(2))
        assert write(NOW) == ()
        store.set({cards[0]: Status.INVALID})
        assert write(NOW + DAY) == (store.uri(1),)
        lists = [path.read_bytes() for path in (tmp_path / "status").iterdir()]
        absorbed = shards.absorb(store, lists, certificates=[CITY.status_signer.certificate])
        assert {uri: (one.raised, one.closed) for uri, one in absorbed.items()} == {
            store.uri(1): (0, False),
            store.uri(2): (0, False),
        }
