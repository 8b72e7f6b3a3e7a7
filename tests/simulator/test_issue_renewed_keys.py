"""Cards get the keys of the card master key in use at their endorsement: wholly or not, whenever power is lost."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import pytest
from issuing import PASSPHRASE, World, applicant, authority_home, blank, power_up
from test_issue_endorse import NEXT_YEAR, run, until
from test_issue_rotated_keys import rotation

from card_profiles.errors import TransportFailed
from card_profiles.iso7816.connection import Connection
from card_profiles.softcard.connection import Tear
from card_profiles.softcard.image import MemoryImage, encode_state
from issuer import crosscheck, endorse
from issuer.endorse import Difference, Standing
from issuer.errors import Refusal, Refused
from issuer.journal import EventKind
from issuer.plan import StepKind
from keys.authority.authority import Authority

PUT_KEY = 0xD8
SOAK = bool(os.environ.get("SOAK"))
KEYS = Difference(name="card keys", old="30", new="31")


def nothing(old: Standing, start: date, expiry: date) -> Standing:
    return old


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(home=authority_home(tmp_path))


@pytest.fixture
def card(world: World) -> MemoryImage:
    """A card of the first master key, when the second is in use."""
    image = blank()
    world.issue(power_up(image))
    rotation(world).replace("CMK-1")
    return image


@pytest.fixture
def without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crosscheck, "by_openssl", lambda *_, **__: None)


def authority(world: World) -> Authority:
    return Authority.open(world.home, PASSPHRASE, clock=lambda: world.now)


@dataclass
class Listening:
    """Hears the instruction of every command; with `answer`, says that in the card's place to PUT KEY."""

    inner: Connection
    answer: bytes = b""
    instructions: list[int] = field(default_factory=list)

    @property
    def atr(self) -> bytes:
        return self.inner.atr

    def transmit(self, command: bytes) -> bytes:
        self.instructions.append(command[1])
        if self.answer and command[1] == PUT_KEY:
            return self.answer
        return self.inner.transmit(command)

    def reset(self) -> bytes:
        return self.inner.reset()

    def close(self) -> None:
        self.inner.close()


def has_keys_that_we_know(world: World, image: MemoryImage) -> int:
    """The version that the card says; its keys are what the authority derives for it."""
    keys = image.state.keys
    ours = authority(world).card_keys(image.state.serial, keys.version)
    assert (keys.enc, keys.mac, keys.dek) == (ours.enc, ours.mac, ours.dek)
    return keys.version


def noted(world: World, image: MemoryImage) -> list[str]:
    with world.desk() as desk:
        return [one.detail for one in desk.journal.events(image.state.serial) if one.kind is EventKind.KEYS_PUT]


def test_new_keys_at_the_endorsement(world: World, card: MemoryImage) -> None:
    done = run(world, power_up(card))
    assert done.differences[-1] == KEYS
    assert has_keys_that_we_know(world, card) == 0x31
    assert world.check(card).require("H01").valid_until is not None
    assert noted(world, card) == ["30 31"]
    kinds = [step.step.kind for step in world.seen]
    assert kinds.index(StepKind.PUT_KEYS) < kinds.index(StepKind.WRITE)
    # Now nobody needs the old master key any more.
    rotation(world).destroy("CMK-1", override="all cards moved")
    again = run(world, power_up(card), until(date(2029, 11, 21)))
    assert again.written
    assert KEYS not in again.differences
    assert noted(world, card) == ["30 31"]


def test_also_when_nothing_else_changes(world: World, card: MemoryImage) -> None:
    before = card.state
    done = run(world, power_up(card), nothing)
    assert (done.written, done.differences) == (True, (KEYS,))
    assert has_keys_that_we_know(world, card) == 0x31
    assert card.state.files == before.files
    assert not run(world, power_up(card), nothing).written


def test_shown_and_declined(world: World, card: MemoryImage) -> None:
    seen: list[Difference] = []
    run(world, power_up(card), show=lambda lines: bool(seen.extend(lines)))
    assert KEYS in seen
    assert has_keys_that_we_know(world, card) == 0x30
    assert noted(world, card) == []


def test_over_two_rotations_at_once(world: World, card: MemoryImage) -> None:
    rotation(world).replace("CMK-2")
    run(world, power_up(card))
    assert has_keys_that_we_know(world, card) == 0x32
    assert noted(world, card) == ["30 32"]


def test_a_card_of_the_master_key_in_use_keeps_its_keys(world: World, card: MemoryImage) -> None:
    other = blank(2)
    world.issue(power_up(other), tree=applicant(permit_number="RP00000018", document_number="X1234568A"))
    before = other.state.keys
    done = run(world, power_up(other))
    assert KEYS not in done.differences
    assert other.state.keys == before


def test_without_a_master_key_in_use_cards_are_endorsed_all_the_same(world: World) -> None:
    image = blank()
    world.issue(power_up(image))
    rotation(world).compromise("CMK-1")
    assert run(world, power_up(image)).written
    assert has_keys_that_we_know(world, image) == 0x30
    # And get away from the key that was lost once there is another.
    rotation(world).replace("CMK-1", override="stolen")
    assert run(world, power_up(image), nothing).differences == (KEYS,)
    assert has_keys_that_we_know(world, image) == 0x31


@pytest.mark.usefixtures("without_openssl")
@pytest.mark.parametrize("when", Tear)
@pytest.mark.parametrize("change", [NEXT_YEAR, nothing], ids=["endorsed", "keys only"])
def test_torn_at_every_command(world: World, card: MemoryImage, change: endorse.Change, when: Tear) -> None:
    """Before and after each: the keys are old or new and always ours, the card is good at a counter, and the same
    command again ends with the new keys and the new endorsement."""
    begun = card.state
    listening = Listening(power_up(MemoryImage(begun)))
    journal = (world.home / "journal.sqlite").read_bytes()
    run(world, listening, change)
    wanted = date(2028, 11, 21) if change is NEXT_YEAR else date(2027, 11, 21)
    count, put = len(listening.instructions), listening.instructions.index(PUT_KEY)
    # A cut before command n leaves the card as one after n - 1 does: the rest of it is for long runs.
    thinned = set(range(put - 1, put + 3)) | (set(range(0, count, 4)) if when is Tear.AFTER else set())
    commands = range(count) if SOAK else sorted(thinned)
    with_new, endorsed = 0, 0
    for at in commands:
        (world.home / "journal.sqlite").write_bytes(journal)
        image = MemoryImage(begun)
        with pytest.raises(TransportFailed):
            run(world, world.torn(image, at, when), change)
        version = has_keys_that_we_know(world, image)
        assert version in (0x30, 0x31)
        # Whoever looks at the records for cards with the old keys misses none that may have the new ones.
        assert version == 0x30 or noted(world, image) == ["30 31"]
        verdict = world.check(image)
        assert verdict.accepted
        service = verdict.service("H01")
        assert service is not None
        with_new += version == 0x31
        endorsed += service.until == date(2028, 11, 21)
        assert not endorsed or with_new  # keys first
        run(world, power_up(image), change)
        assert has_keys_that_we_know(world, image) == 0x31
        service = world.check(image).require("H01").service("H01")
        assert service is not None
        assert service.until == wanted
        with world.desk() as desk:
            assert desk.journal.open_intents() == ()
    assert 0 < with_new < len(commands)
    assert bool(endorsed) is (change is NEXT_YEAR and (when is Tear.AFTER or SOAK))


@pytest.mark.usefixtures("without_openssl")
def test_torn_and_the_master_key_rotated_before_it_comes_back(world: World, card: MemoryImage) -> None:
    listening = Listening(power_up(MemoryImage(card.state)))
    run(world, listening, show=lambda lines: False)
    before = len(listening.instructions)  # to read the card takes as many in any run
    for at in range(before, before + 20):
        if card.state.keys.version == 0x31:
            break
        with pytest.raises(TransportFailed):
            run(world, world.torn(card, at, Tear.AFTER))
    assert card.state.keys.version == 0x31
    assert world.check(card).service("H01").until == date(2027, 11, 21)  # type: ignore[union-attr]
    rotation(world).replace("CMK-2")
    run(world, power_up(card))
    assert has_keys_that_we_know(world, card) == 0x32
    assert world.check(card).accepted


@pytest.mark.parametrize("answer", ["6A80", "6985", "9000"])
def test_a_card_that_does_not_take_new_keys(world: World, card: MemoryImage, answer: str) -> None:
    """It says so, or answers with no check values. Nothing else was begun with it: what it has and says is good."""
    before = replace(card.state, sequence_counter=0)
    refusing = Listening(power_up(card), bytes.fromhex(answer))
    with pytest.raises(Refused) as caught:
        run(world, refusing)
    assert caught.value.reason is Refusal.CARD_FAILED
    assert refusing.instructions.count(PUT_KEY) == 1
    assert encode_state(replace(card.state, sequence_counter=0)) == encode_state(before)
    assert world.check(card).accepted
    run(world, power_up(card))
    assert has_keys_that_we_know(world, card) == 0x31
