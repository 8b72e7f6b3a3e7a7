"""Power cut at every command of issuing, endorsing and voiding, before the card executes it and after, answer unheard.

After each cut, before anything is mended: no counter takes a half-written card, an endorsed card says the old or the
new, and every card is accounted for. Then the card is presented again, and the same command ends with a valid card.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import ClassVar

import issuing
import pytest
from issuing import CAN, World, authority_home, blank, power_up
from life_of_a_card import (
    SOAK,
    PluggedCard,
    Seen,
    assert_accounted,
    assert_closed_or_whole,
    assert_nothing_open,
    check,
    copy_of,
    endorse_card,
    photo_in_three_commands,
    receive,
    seen,
    void_card,
)
from private_pcscd import READERS, PrivatePcscd

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.iso7816.connection import Connection, CountingConnection
from card_profiles.lds.mrz import mrz_information
from card_profiles.model import LifeCycle
from card_profiles.protocols.pace import Password
from card_profiles.readers import pcsc
from card_profiles.softcard.connection import Tear
from card_profiles.softcard.image import CardState, MemoryImage
from issuer import crosscheck, void
from issuer.errors import Refusal, Refused
from issuer.journal import CardState as Where
from tests.kept import kept_directory
from verifier.read_failed import ReadFailed
from verifier.reason import Reason

PERMIT = "RP00000017"
FIRST, SECOND, THIRD = "111111", "222222", "333333"
MRZ = Password.from_mrz(mrz_information("X1234567A", "910417", "311121"))
CODES = (Password.from_can(FIRST), MRZ)
OLD = Seen(until=date(2027, 11, 21), health={"H01": date(2027, 11, 21)}, education={"E01": date(2027, 5, 21)})
NEW = Seen(
    until=date(2028, 11, 21),
    health={"H01": date(2028, 11, 21), "H02": date(2028, 11, 21)},
    education={},
)
PARTS = 8  # of a sweep, for the processes that run the tests
LEAST_TO_ISSUE, LEAST_TO_ENDORSE, LEAST_TO_VOID = 70, 50, 5  # commands: a sweep over fewer is none
Cut = tuple[int, Tear]

# Hundreds of runs: without tracing they take half the time, and other tests go along the same lines.
pytestmark = [pytest.mark.timeout(7200 if SOAK else 300), pytest.mark.no_cover]


@pytest.fixture(autouse=True)
def _conditions(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """A portrait of three commands. OpenSSL signs nothing and says nothing to the card; it has its own tests."""
    monkeypatch.setattr(issuing, "small_photo", photo_in_three_commands)
    monkeypatch.setattr(crosscheck, "by_openssl", lambda *_, **__: None)
    monkeypatch.setattr(Scene, "directory", tmp_path)
    yield
    shutil.rmtree(tmp_path)


@dataclass
class Scene:
    """A desk with its journal, and every card that came into stock, by serial, with its memory as delivered."""

    directory: ClassVar[Path] = Path()
    world: World
    drawer: dict[bytes, tuple[MemoryImage, CardState]]

    @classmethod
    def fresh(cls, *, cards: int = 2) -> Scene:
        world = World(home=authority_home(Path(mkdtemp(dir=cls.directory))))
        receive(world, cards)
        images = [blank(number) for number in range(1, cards + 1)]
        return cls(world=world, drawer={image.state.serial: (image, image.state) for image in images})

    @classmethod
    def issued(cls) -> Scene:
        """With the first card in force."""
        home, state = _issued()
        world = World(home=copy_of(home, Path(mkdtemp(dir=cls.directory))))
        first, second = blank(1), blank(2)
        drawer = {image.state.serial: (image, image.state) for image in (first, second)}
        first.state = state
        return cls(world=world, drawer=drawer)

    @property
    def image(self) -> MemoryImage:
        return next(iter(self.drawer.values()))[0]

    @property
    def spare(self) -> MemoryImage:
        return list(self.drawer.values())[1][0]

    def torn(self, cut: Cut, act: Callable[[Connection], object]) -> None:
        """Do it, and lose power at the cut."""
        with pytest.raises(TransportFailed) as failed:
            act(self.world.torn(self.image, *cut))
        assert failed.value.fault is TransportFault.TORN

    def assert_sound(self) -> None:
        """What holds at every moment."""
        assert_closed_or_whole(self.world, self.image, CODES)
        assert_closed_or_whole(self.world, self.spare, CODES[:1])
        assert_accounted(self.world, self.drawer, PERMIT)


@cache
def _issued() -> tuple[Path, CardState]:
    scene = Scene.fresh()
    scene.world.issue(power_up(scene.image), can=CAN)
    assert seen(scene.world, scene.image) == OLD
    return copy_of(scene.world.home, kept_directory()), scene.image.state


def count(act: Callable[[Connection], object], image: MemoryImage) -> int:
    """Commands of an untorn run."""
    counting = CountingConnection(power_up(image))
    act(counting)
    return counting.commands


@cache
def count_issue() -> int:
    scene = Scene.fresh()
    commands = count(scene.world.issue, scene.image)
    assert commands >= LEAST_TO_ISSUE
    return commands


@cache
def count_endorse() -> int:
    scene = Scene.issued()
    commands = count(lambda connection: endorse_card(scene.world, connection), scene.image)
    assert commands >= LEAST_TO_ENDORSE
    assert seen(scene.world, scene.image) == NEW
    return commands


def count_void() -> int:
    scene = Scene.issued()
    commands = count(lambda connection: void_card(scene.world, connection), scene.image)
    assert commands >= LEAST_TO_VOID
    return commands


def cuts(commands: int) -> Iterator[Cut]:
    for at in range(commands):
        for when in Tear:
            yield at, when


def share(everything: Iterator[Cut], part: int) -> list[Cut]:
    found = list(everything)[part::PARTS]
    assert len(found) >= 2 * LEAST_TO_ENDORSE // PARTS
    return found


def finish_issue(scene: Scene, *, can: str) -> str:
    """Present the card again, with the same command. Returns how it ended, and asserts what must hold then."""
    world = scene.world
    refused: Refused | None = None
    try:
        issued = world.issue(power_up(scene.image), can=can)
    except Refused as error:
        refused = error
    if refused is not None:
        assert refused.reason is Refusal.SPOILED
        assert_nothing_open(world, scene.image.state.serial, Where.VOID)
        assert scene.image.state.life_cycle is LifeCycle.TERMINATED
        scene.assert_sound()
        return "void"
    # The card has the CAN that was shown last, whichever run that was.
    assert issued.can in ("", world.handed[-1])
    check(world, power_up(scene.image), password=MRZ, everything=True).require("H01")
    assert seen(world, scene.image, can=world.handed[-1]) == OLD
    card = assert_nothing_open(world, scene.image.state.serial, Where.ACTIVATED)
    assert card.permit_number == PERMIT
    scene.assert_sound()
    return "valid"


# --- issuing


@pytest.mark.parametrize("part", range(PARTS))
def test_issuing_cut_at_every_command(part: int) -> None:
    for cut in share(cuts(count_issue()), part):
        scene = Scene.fresh()
        scene.torn(cut, lambda connection, scene=scene: scene.world.issue(connection, can=FIRST))
        scene.assert_sound()
        if scene.image.state.life_cycle is LifeCycle.ACTIVATED:
            assert seen(scene.world, scene.image, can=FIRST) == OLD, cut
        assert finish_issue(scene, can=SECOND) == "valid", cut


@pytest.mark.parametrize("part", range(PARTS))
def test_a_cut_card_is_voided_and_another_issued(part: int) -> None:
    """The other way out, with the card at hand or without it: it stands in the journal, and only the second counts."""
    commands = count_issue()
    for at in range(part, commands, PARTS if SOAK else 5 * PARTS):
        for present in (True, False):
            scene = Scene.fresh()
            world, serial = scene.world, scene.image.state.serial
            scene.torn((at, Tear.AFTER), lambda connection, world=world: world.issue(connection, can=FIRST))
            with world.desk() as desk:
                bound = desk.journal.card(serial) is not None
            if present:
                void_card(world, power_up(scene.image))
                assert scene.image.state.life_cycle is LifeCycle.TERMINATED
            elif bound:
                with world.desk() as desk:
                    void.absent_card(desk, serial, reason="fell behind the radiator")
            scene.assert_sound()
            world.issue(power_up(scene.spare), can=SECOND)
            assert seen(world, scene.spare, can=SECOND) == OLD
            scene.assert_sound()
            if scene.image.state.life_cycle is LifeCycle.ACTIVATED:  # cut after ACTIVATE, and never seen again
                verdict = check(world, power_up(scene.image), password=Password.from_can(FIRST))
                assert verdict.reasons == (Reason.STATUS_REVOKED,)
            if present or bound:
                assert_nothing_open(world, serial, Where.VOID)


def two_cuts(first: Cut, second: Cut) -> str:
    """Issuing cut at `first`, its resume at `second`, then ended. Returns how, or that the resume was shorter."""
    scene = Scene.fresh()
    scene.torn(first, lambda connection: scene.world.issue(connection, can=FIRST))
    connection = scene.world.torn(scene.image, *second)
    with suppress(TransportFailed):
        scene.world.issue(connection, can=SECOND)
    if not connection.torn:
        return "shorter"
    scene.assert_sound()
    return finish_issue(scene, can=THIRD)


@pytest.mark.parametrize("part", range(PARTS))
def test_a_resume_is_cut_as_well(part: int) -> None:
    """Twice at random places; the seed is fixed, so a failure can be repeated."""
    draw = random.Random(f"double tear {part}")
    commands = count_issue()
    ends = []
    for _ in range(125 if SOAK else 3):
        first, second = ((draw.randrange(commands), draw.choice([*Tear])) for _ in range(2))
        ends.append(two_cuts(first, second))
        assert ends[-1] in ("valid", "shorter"), (first, second)
    assert "valid" in ends


def kind_of(scene: Scene) -> tuple[object, ...]:
    """All of card and journal that a resume decides by."""
    state = scene.image.state
    with scene.world.desk() as desk:
        card = desk.journal.card(state.serial)
    return (
        state.life_cycle,
        state.keys.version,
        bool(state.chip_key),
        len(state.passwords),
        card and card.state,
        ("permit", 0x0101) in state.files,
        ("identity", 0x011D) in state.files,
    )


@cache
def kinds_of_half_written_card() -> dict[tuple[object, ...], Cut]:
    """Each with the first cut that leaves it behind. The journal is written between commands, so both sides count."""
    kinds: dict[tuple[object, ...], Cut] = {}
    for cut in [*cuts(count_issue())][:: 1 if SOAK else 5]:
        scene = Scene.fresh()
        scene.torn(cut, lambda connection, scene=scene: scene.world.issue(connection, can=FIRST))
        kinds.setdefault(kind_of(scene), cut)
    return kinds


@pytest.mark.parametrize("part", range(PARTS if SOAK else 1))
def test_every_kind_of_half_written_card_cut_again_at_every_command(part: int) -> None:
    """Cuts that leave the same kind of card behind are one cut; a soak cuts the resume of each kind everywhere."""
    kinds = kinds_of_half_written_card()
    # blank, bound, own keys, chip key, CAN, both passwords, permit, identity, verified, in force
    assert len(kinds) == 10 if SOAK else len(kinds) >= 6
    for first in kinds.values():
        ends = []
        for second in range(part, 200, PARTS if SOAK else 41):
            ends.append(two_cuts(first, (second, Tear.AFTER)))
            assert ends[-1] in ("valid", "shorter"), (first, second)
            if ends[-1] == "shorter":
                break
        assert ends


# --- endorsing


def endorse(scene: Scene, connection: Connection) -> None:
    endorse_card(scene.world, connection)


def finish_endorsement(scene: Scene) -> None:
    """The same command again: the new endorsement, by the counter's word and by the journal's."""
    endorse_card(scene.world, power_up(scene.image))
    assert seen(scene.world, scene.image) == NEW
    check(scene.world, power_up(scene.image), password=MRZ, everything=True).require("H02")
    card = assert_nothing_open(scene.world, scene.image.state.serial, Where.ACTIVATED)
    assert card.endorsed_until == NEW.until
    scene.assert_sound()


@pytest.mark.parametrize("part", range(PARTS))
def test_endorsing_cut_at_every_command(part: int) -> None:
    """Old or new, never between."""
    found = []
    for cut in share(cuts(count_endorse()), part):
        scene = Scene.issued()
        scene.torn(cut, lambda connection, scene=scene: endorse(scene, connection))
        found.append(seen(scene.world, scene.image))
        assert found[-1] in (OLD, NEW), cut
        scene.assert_sound()
        finish_endorsement(scene)
    # Once it is new it stays so.
    switched = found.index(NEW)
    assert found == [OLD] * switched + [NEW] * (len(found) - switched)
    assert switched > 0


@pytest.mark.parametrize("part", range(PARTS))
def test_endorsing_cut_twice(part: int) -> None:
    """In a soak the second cut falls on every command of the repetition, after a sample of first cuts."""
    draw = random.Random(f"endorsed twice {part}")
    commands = count_endorse()
    if SOAK:
        firsts = [(at, Tear.AFTER) for at in range(part, commands, PARTS)]
        pairs = [(first, (second, Tear.AFTER)) for first in firsts for second in range(commands)]
    else:
        pairs = [
            ((draw.randrange(commands), draw.choice([*Tear])), (draw.randrange(commands), draw.choice([*Tear])))
            for _ in range(3)
        ]
    for first, second in pairs:
        scene = Scene.issued()
        scene.torn(first, lambda connection, scene=scene: endorse(scene, connection))
        again = scene.world.torn(scene.image, *second)
        with suppress(TransportFailed):
            endorse(scene, again)
        assert seen(scene.world, scene.image) in (OLD, NEW), (first, second)
        scene.assert_sound()
        if again.torn:  # else it was done before the second cut, and once more would be one more year
            finish_endorsement(scene)
        else:
            assert seen(scene.world, scene.image) == NEW, (first, second)


# --- voiding


def test_voiding_cut_at_every_command() -> None:
    """The journal and the status list come first: a card that is void there counts nowhere, whatever the chip says."""
    commands = count_void()
    for cut in cuts(commands):
        scene = Scene.issued()
        world, image = scene.world, scene.image
        scene.torn(cut, lambda connection, world=world: void_card(world, connection))
        with world.desk() as desk:
            card = desk.journal.card(image.state.serial)
            assert card is not None
        if card.state is Where.ACTIVATED:
            assert seen(world, image) == OLD, cut
        elif image.state.life_cycle is LifeCycle.ACTIVATED:
            assert check(world, power_up(image)).reasons == (Reason.STATUS_REVOKED,), cut
        scene.assert_sound()
        void_card(world, power_up(image))
        assert image.state.life_cycle is LifeCycle.TERMINATED
        assert_nothing_open(world, image.state.serial, Where.VOID)
        with pytest.raises(ReadFailed) as failed:
            check(world, power_up(image))
        assert failed.value.reason is Reason.TERMINATED
        scene.assert_sound()


# --- the same by pulling the card out of a real reader

STRIDE = 1 if SOAK else 7


@dataclass
class Reader:
    """A virtual reader of the private pcscd."""

    daemon: PrivatePcscd

    def with_card(
        self, image: MemoryImage, act: Callable[[Connection], object], *, cut: Cut = (-1, Tear.AFTER)
    ) -> None:
        """Put the card in, act on it over PC/SC, take it out. What `act` raises is raised."""
        card = PluggedCard(self.daemon.port, image, at=cut[0], when=cut[1])
        self.daemon.await_card(READERS[0], present=False)
        with card.inserted():
            self.daemon.await_card(READERS[0], present=True)
            connection = pcsc.connect(READERS[0])
            try:
                act(connection)
            finally:
                connection.close()

    def pulled_out(self, image: MemoryImage, act: Callable[[Connection], object], cut: Cut) -> None:
        """The card leaves the reader at the cut."""
        with pytest.raises(TransportFailed) as failed:
            self.with_card(image, act, cut=cut)
        assert failed.value.fault in (TransportFault.CARD_REMOVED, TransportFault.CARD_MUTE), cut


def sampled(commands: int, part: int) -> list[Cut]:
    """Every `STRIDE`th command, in turn before and after; the last command always."""
    everywhere = [*range(0, commands, STRIDE), commands - 1]
    return [(at, [*Tear][n % 2]) for n, at in enumerate(everywhere)][part::2]


@pytest.mark.parametrize("part", range(2))
def test_a_card_pulled_out_of_the_reader_while_it_is_issued(pcscd: PrivatePcscd, part: int) -> None:
    reader = Reader(pcscd)
    for cut in sampled(count_issue(), part):
        scene = Scene.fresh()
        world = scene.world
        reader.pulled_out(scene.image, lambda connection, world=world: world.issue(connection, can=FIRST), cut)
        scene.assert_sound()
        reader.with_card(scene.image, lambda connection, world=world: world.issue(connection, can=SECOND))
        assert seen(world, scene.image, can=world.handed[-1]) == OLD, cut
        assert_nothing_open(world, scene.image.state.serial, Where.ACTIVATED)
        scene.assert_sound()


@pytest.mark.parametrize("part", range(2))
def test_a_card_pulled_out_of_the_reader_while_it_is_endorsed(pcscd: PrivatePcscd, part: int) -> None:
    reader = Reader(pcscd)
    for cut in sampled(count_endorse(), part):
        scene = Scene.issued()
        reader.pulled_out(scene.image, lambda connection, scene=scene: endorse(scene, connection), cut)
        assert seen(scene.world, scene.image) in (OLD, NEW), cut
        scene.assert_sound()
        reader.with_card(scene.image, lambda connection, scene=scene: endorse(scene, connection))
        assert seen(scene.world, scene.image) == NEW, cut
        assert_nothing_open(scene.world, scene.image.state.serial, Where.ACTIVATED)
