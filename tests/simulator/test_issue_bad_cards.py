"""Cards that are broken, or lie: none of them goes into force, and the next run says so again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from issuing import CAN, PROFILE, World, applicant, authority_home, blank, power_up

from card_profiles.model import LifeCycle
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import InProcessConnection
from card_profiles.softcard.image import MemoryImage
from issuer.errors import Refusal, Refused
from issuer.journal import CardState


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(home=authority_home(tmp_path))


def refusal(world: World, connection: InProcessConnection) -> Refused:
    with pytest.raises(Refused) as one:
        world.issue(connection)
    return one.value


def assert_not_in_force(world: World, image: MemoryImage) -> None:
    assert image.state.life_cycle is not LifeCycle.ACTIVATED
    assert world.handed == []
    with world.desk() as desk:
        card = desk.journal.card(image.state.serial)
        assert card is not None
        assert card.state is CardState.WRITING


@pytest.mark.parametrize(
    ("application", "name"), [("permit", "EF.NS.culture/A"), ("identity", "DG11"), ("permit", "EF.SignerCert/A")]
)
def test_a_memory_cell_that_forgets(world: World, application: str, name: str) -> None:
    """Written and acknowledged, and not there when it is read back."""
    declared = PROFILE.permit if application == "permit" else PROFILE.identity
    fid = declared.file(name).fid

    class Forgetful(SoftCard):
        def execute(self, command: bytes) -> bytes:
            answer = super().execute(command)
            if content := self._state.files.get((application, fid)):
                files = {**self._state.files, (application, fid): bytes((content[0],)) + bytes(len(content) - 1)}
                self._state = replace(self._state, files=files)
            return answer

    image = blank()
    for _ in range(2):
        found = refusal(world, InProcessConnection(Forgetful(PROFILE, image)))
        assert found.reason in (Refusal.READ_BACK, Refusal.CARD_FAILED)
        assert_not_in_force(world, image)
    # The fault was in the reader after all: on another one the card is finished.
    world.issue(power_up(image))
    assert world.check(image).accepted


def test_another_pair_of_chip_keys_after_signing(world: World) -> None:
    """The chip does not hold the key that was signed: found by Chip Authentication, before it is in force."""

    class Swapping(SoftCard):
        def execute(self, command: bytes) -> bytes:
            if self._state.files.get(("identity", PROFILE.identity.file("EF.SOD").fid)):
                self._state = replace(self._state, chip_key=(7).to_bytes(32, "big"))
            return super().execute(command)

    image = blank()
    found = refusal(world, InProcessConnection(Swapping(PROFILE, image)))
    assert found.reason is Refusal.READ_BACK
    assert_not_in_force(world, image)


def test_a_card_with_another_can(world: World) -> None:
    """It took another CAN than the one that will be printed: the reading with the printed one fails."""

    class Deaf(SoftCard):
        def execute(self, command: bytes) -> bytes:
            answer = super().execute(command)
            if 2 in self._state.passwords:
                self._state = replace(self._state, passwords={**self._state.passwords, 2: b"999999"})
            return answer

    image = blank()
    found = refusal(world, InProcessConnection(Deaf(PROFILE, image)))
    assert found.reason is Refusal.READ_BACK
    assert_not_in_force(world, image)


class Answering(InProcessConnection):
    """Answers one instruction with a status word of its own."""

    def __init__(self, image: MemoryImage, ins: int, answer: bytes) -> None:
        super().__init__(SoftCard(PROFILE, image))
        self._ins = ins
        self._answer = answer

    def transmit(self, command: bytes) -> bytes:
        return self._answer if command[1] == self._ins else super().transmit(command)


@pytest.mark.parametrize("ins", [0x47, 0xD6, 0xD8, 0xDA, 0x44, 0x22, 0x86])
@pytest.mark.parametrize("answer", ["6581", "6985", "9000", "6F00", "00", "9000AABB9000"])
def test_a_card_that_answers_as_it_likes(world: World, ins: int, answer: str) -> None:
    image = blank()
    found = refusal(world, Answering(image, ins, bytes.fromhex(answer)))
    assert found.reason in (Refusal.CARD_FAILED, Refusal.READ_BACK)
    assert image.state.life_cycle is not LifeCycle.ACTIVATED
    world.issue(power_up(image), can="222222")
    assert world.check(image, can="222222").accepted


@pytest.mark.parametrize(
    ("ins", "answer"),
    [
        *((0x50, answer) for answer in ("6581", "9000", "00", "9000AABB9000")),
        *((0xA4, answer) for answer in ("6581", "9000", "00", "9000AABB9000")),
        *((0x82, answer) for answer in ("6581", "6300", "00")),
    ],
)
def test_a_card_that_is_none_of_ours_is_not_bound(world: World, ins: int, answer: str) -> None:
    image = blank()
    found = refusal(world, Answering(image, ins, bytes.fromhex(answer)))
    assert found.reason in (Refusal.FOREIGN_CARD, Refusal.CARD_FAILED)
    with world.desk() as desk:
        assert desk.journal.cards() == ()
        assert desk.journal.open_intents() == ()


def test_the_can_cannot_be_handed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Printer out of order: the card is not put into force, and the same card goes on later with a new CAN."""
    from issuer import personalise

    plain = personalise.issue

    def issue(*values: object, **named: object) -> object:
        def refuse(can: str) -> None:
            raise Refused(Refusal.OUTPUT_UNWRITABLE, path="printer")

        return plain(*values, **{**named, "hand_over": refuse})  # type: ignore[arg-type]

    image = blank()
    with monkeypatch.context() as patch:
        patch.setattr(personalise, "issue", issue)
        assert refusal(world, power_up(image)).reason is Refusal.OUTPUT_UNWRITABLE
    assert image.state.life_cycle is LifeCycle.PERSONALISING
    world.issue(power_up(image), can=CAN)
    assert world.check(image).accepted


def test_a_permit_that_begins_next_week(world: World) -> None:
    """Issued and read back today; counters take it from its day on."""
    image = blank()
    world.issue(power_up(image), tree=applicant(valid_from="2026-11-28"))
    assert not world.check(image).accepted
    world.later(days=7)
    assert world.check(image).accepted


def test_two_desks_and_one_permit(world: World) -> None:
    """Both read the journal before either wrote: the database lets one of them bind."""
    first, second = blank(1), blank(2)
    world.issue(power_up(first))
    with world.desk() as desk:
        late = replace(desk, journal=_Blind(desk.journal))
        with pytest.raises(Refused) as one:
            world.issue(power_up(second), wrap=lambda _: late)
    assert one.value.reason is Refusal.PERMIT_HAS_CARD
    assert second.state.life_cycle is LifeCycle.BLANK


class _Blind:
    """A journal as it was before the other desk wrote, for reading."""

    def __init__(self, inner: object) -> None:
        self._inner = inner

    def live_card(self, permit_number: str) -> None:
        return None

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)
