"""A card's later life over the API, on a software card: address, endorsement with new keys, loss, replacement; and what
counters then know, from whichever shard."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from card_profiles.softcard.cli import main as softcard
from card_profiles.softcard.image import CardState, ImageFile
from issuer.domain.roles import Role
from issuer.store.models.stock import StatusEntry
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from keys.registry.registry import Actor
from keys.rotation.rotation import Rotation
from keys.status_list import Place, Status
from keys.trust import TrustStore
from tests.service import house as houses
from tests.service.house import START, House

FIRST, SECOND, THIRD = ("00" * 9 + f"0{number}" for number in (1, 2, 3))
CARDS = {"one": FIRST, "two": SECOND, "three": THIRD}
CHEAP = ScryptCost(log2_n=1)
TWO = Actor(operator="Li Wei", witness="Wang Fang")
SIZE = 4


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """The second shard is begun at once, and opened for the first card."""
    monkeypatch.setattr(Authority, "shard_entries", SIZE)


@pytest.fixture
def desk(url: str, tmp_path: Path) -> Iterator[House]:
    """A process with keys and three readers, a blank in each."""
    home, passphrase = tmp_path / "home", tmp_path / "passphrase"
    raw = resources.files("issuer.samples").joinpath("authority.json").read_bytes()
    Authority.create(home, parse(raw), b"opens", clock=lambda: START, cost=CHEAP)
    passphrase.write_text("opens\n")
    for name, serial in CARDS.items():
        assert softcard(["new", "--image", str(tmp_path / f"{name}.img"), "--serial", serial]) == 0
    readers = ";".join(f"{name}=image:{tmp_path / name}.img" for name in CARDS)
    with houses.opened(home, url, PERMIT_PASSPHRASE_FILE=str(passphrase), PERMIT_READERS=readers) as opened:
        opened.blanks(*CARDS.values())
        yield opened


def authority(desk: House) -> Authority:
    home = desk.service.settings.home
    return Authority.open(home, b"opens", clock=lambda: desk.clock.now.replace(microsecond=0), cost=CHEAP)


def state(desk: House, reader: str) -> CardState:
    image = ImageFile(desk.service.settings.home.parent / f"{reader}.img")
    try:
        return image.load()
    finally:
        image.close()


def run(desk: House, path: str, reader: str) -> Any:
    registrar = desk.as_(Role.REGISTRAR, "community")
    begun = desk.act(registrar, path, {"reader": reader}, status=202)
    assert desk.service.runs.find(begun["id"]).ended.wait(120)
    found = registrar.get(f"/api/v1/runs/{begun['id']}").json()
    assert found["state"] == "done", found
    return found


def in_hand(desk: House, reader: str, number: int = 1) -> str:
    """A permit on the card in that reader, handed over."""
    found = desk.approved(number)
    registrar, path = desk.as_(Role.REGISTRAR, "community"), f"/applications/{found['application']}"
    desk.act(registrar, f"{path}/blank", {"desk": "desk-1", "serial": CARDS[reader]})
    run(desk, f"{path}/personalisation", reader)
    desk.act(registrar, f"{path}/handover", {"slip": found["slip"]})
    permit: str = found["permit"]
    return permit


def place(desk: House, serial: str) -> Place:
    from sqlalchemy import select

    with desk.service.store.read() as transaction:
        entry = transaction.scalars(select(StatusEntry).where(StatusEntry.serial == serial)).one()
        return Place(uri=entry.uri, index=entry.index)


def known(desk: House, serial: str) -> Status:
    """What a counter that syncs now knows of a card."""
    where = place(desk, serial)
    trust = TrustStore.load(authority(desk).trust_dir)
    return trust.status_list(where.uri, now=desk.clock.now).lookup(where.index)


def test_endorsed_with_new_keys_then_lost_and_replaced(desk: House) -> None:
    permit = in_hand(desk, "one")
    registrar = desk.as_(Role.REGISTRAR, "community")
    assert state(desk, "one").keys.version == 0x30

    # Nothing changed: the card keeps what it says, its address too.
    assert run(desk, f"/permits/{permit}/card-update", "one")["changes"] == []
    moved = {"address": "新城区海棠路12号", "since": desk.today().isoformat()}
    desk.act(registrar, f"/permits/{permit}/change-address", moved)
    changes = run(desk, f"/permits/{permit}/card-update", "one")["changes"]
    assert [(line["name"], line["new"]) for line in changes] == [("address", "新城区海棠路12号")]

    # Eleven months later, with another card master key.
    desk.clock.pass_by(days=340)
    home = authority(desk)
    for name in ("DS-1", "ES-1", "SS-1", "CMK-1"):
        Rotation(home, TWO).replace(name, override="a year has passed")
    home.refresh()
    registrar = desk.as_(Role.REGISTRAR, "community", 2)
    desk.act(registrar, f"/permits/{permit}/endorse", {})
    update = f"/permits/{permit}/card-update"
    begun = desk.act(registrar, update, {"reader": "one"}, status=202)
    assert desk.service.runs.find(begun["id"]).ended.wait(120)
    done = registrar.get(f"/api/v1/runs/{begun['id']}").json()
    assert done["state"] == "done", done
    names = [line["name"] for line in done["changes"]]
    assert (names[0], names[-1]) == ("valid until", "card keys")
    keys = state(desk, "one").keys
    ours = home.card_keys(bytes.fromhex(FIRST), 0x31)
    assert (keys.version, keys.enc, keys.mac, keys.dek) == (0x31, ours.enc, ours.mac, ours.dek)

    # Lost: another card, and the old one is void for good.
    desk.act(registrar, f"/permits/{permit}/report-lost", {"in_person": False})
    lost = desk.act(registrar, f"/permits/{permit}/replace", {"reason": "lost"})["data"]
    path = f"/applications/{lost['application']}"
    photo = resources.files("issuer.samples").joinpath("01-chen-xiaowen.jpg").read_bytes()
    headers = desk.key() | {"Content-Type": "image/jpeg"}
    assert registrar.put(f"/api/v1{path}/photo", content=photo, headers=headers).status_code == 200
    desk.act(desk.as_(Role.APPROVER, "community", 2), f"{path}/approve")
    desk.act(registrar, f"{path}/blank", {"desk": "desk-1", "serial": SECOND})
    begun = desk.act(registrar, f"{path}/personalisation", {"reader": "two"}, status=202)
    assert desk.service.runs.find(begun["id"]).ended.wait(120)
    assert registrar.get(f"/api/v1/runs/{begun['id']}").json()["state"] == "done"
    desk.act(registrar, f"{path}/handover", {"slip": lost["slip"]})
    desk.act(desk.as_(Role.KEY_ADMINISTRATOR), "/status-list")
    assert (known(desk, FIRST), known(desk, SECOND)) == (Status.INVALID, Status.VALID)
    assert state(desk, "two").keys.version == 0x31  # a new card has them from the beginning
    assert registrar.get(f"/api/v1/permits/{permit}").json()["standing"] == "in-force"


@pytest.mark.usefixtures("small_shards")
def test_every_shard_is_published(desk: House) -> None:
    """Cards of two shards, changed at the same time; and the list of the next shard was there before its first card."""
    for _ in range(SIZE - 1):
        authority(desk).allocate()
    permits = {reader: in_hand(desk, reader, number) for number, reader in enumerate(CARDS, 1)}
    shards = {serial: place(desk, serial).uri for serial in CARDS.values()}
    assert len(set(shards.values())) == 2
    assert {known(desk, serial) for serial in CARDS.values()} == {Status.VALID}
    registrar = desk.as_(Role.REGISTRAR, "community")
    for permit in permits.values():
        desk.act(registrar, f"/permits/{permit}/report-lost", {"in_person": False})
    administrator = desk.as_(Role.KEY_ADMINISTRATOR)
    assert administrator.get("/api/v1/status-list").json()["pending"] == 3
    desk.act(administrator, "/status-list")
    assert administrator.get("/api/v1/status-list").json()["pending"] == 0
    assert {known(desk, serial) for serial in CARDS.values()} == {Status.SUSPENDED}
    desk.act(registrar, f"/permits/{permits['one']}/restore", {"in_person": True})
    desk.act(administrator, "/status-list")
    assert (known(desk, FIRST), known(desk, SECOND)) == (Status.VALID, Status.SUSPENDED)


@pytest.mark.usefixtures("small_shards")
def test_a_shard_that_cannot_be_published_holds_up_no_other(desk: House, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(SIZE - 1):
        authority(desk).allocate()
    permits = [in_hand(desk, reader, number) for number, reader in enumerate(("one", "two"), 1)]
    registrar = desk.as_(Role.REGISTRAR, "community")
    for permit in permits:
        desk.act(registrar, f"/permits/{permit}/report-lost", {"in_person": False})
    listed = authority(desk).lists
    damaged = Path(listed.trust_dir) / "status" / listed.status_files()[0]
    good = damaged.read_bytes()
    damaged.write_bytes(b"flipped bits")
    administrator = desk.as_(Role.KEY_ADMINISTRATOR)
    desk.act(administrator, "/status-list", status=503)
    damaged.write_bytes(good)
    desk.act(administrator, "/status-list")
    assert {known(desk, serial) for serial in (FIRST, SECOND)} == {Status.SUSPENDED}


def test_revoked_by_other_means(desk: House) -> None:
    """The key administrator made a card INVALID at the authority; the register, which does not know, lifts nothing."""
    permit = in_hand(desk, "one")
    where = place(desk, FIRST)
    authority(desk).publish_status(where.index, Status.INVALID, uri=where.uri)
    registrar, administrator = desk.as_(Role.REGISTRAR, "community"), desk.as_(Role.KEY_ADMINISTRATOR)
    desk.act(registrar, f"/permits/{permit}/report-lost", {"in_person": False})
    desk.act(administrator, "/status-list")
    assert known(desk, FIRST) is Status.INVALID
    assert administrator.get("/api/v1/status-list").json()["pending"] == 0


def test_a_list_signed_by_another_machine_lacks_nothing(desk: House) -> None:
    """Its home does not know what was published elsewhere; the register does."""
    permits = [in_hand(desk, reader, number) for number, reader in enumerate(("one", "two"), 1)]
    registrar, administrator = desk.as_(Role.REGISTRAR, "community"), desk.as_(Role.KEY_ADMINISTRATOR)
    home = desk.service.settings.home
    elsewhere = {path: path.read_bytes() for path in (home / "status.db", *(home / "trust" / "status").iterdir())}
    marks = authority(desk).registry.high_water(f"status:{place(desk, FIRST).uri}")
    desk.act(registrar, f"/permits/{permits[0]}/report-lost", {"in_person": False})
    desk.act(administrator, "/status-list")
    for path, content in elsewhere.items():
        path.write_bytes(content)
    assert authority(desk).registry.high_water(f"status:{place(desk, FIRST).uri}") == marks  # within the same second
    desk.act(registrar, f"/permits/{permits[1]}/report-lost", {"in_person": False})
    desk.act(administrator, "/status-list")
    assert {known(desk, serial) for serial in (FIRST, SECOND)} == {Status.SUSPENDED}
