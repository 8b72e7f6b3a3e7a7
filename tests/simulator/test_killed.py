"""The program killed (SIGKILL) after each statement that writes the journal, and after commands to the card.

Unlike a torn card, a killed program cleans nothing up: what it had begun stays in the journal until the card is back.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import issuing
import pytest
from issuing import CAN, World, authority_home, blank, power_up
from life_of_a_card import (
    SOAK,
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
from test_tear import NEW, OLD, PERMIT

from card_profiles.model import LifeCycle
from card_profiles.protocols.pace import Password
from card_profiles.softcard.image import CardState, ImageFile, MemoryImage, encode_state, write_atomically
from issuer import crosscheck
from issuer.errors import Refusal, Refused
from issuer.journal import CardState as Where
from verifier.reason import Reason

PARTS = 4
EVERY = 1 if SOAK else 9  # of the commands to the card; of the journal always every statement
LEAST_WRITES = {"issue": 15, "endorse": 8, "void": 8}

pytestmark = [pytest.mark.timeout(3600 if SOAK else 300), pytest.mark.no_cover]


@dataclass
class KilledDesk:
    """The program that forks desks to be killed; see killed_desk.py."""

    process: subprocess.Popen[str]
    directory: Path
    number: int = 0

    def run(self, job: str, home: Path, state: CardState, *, at: int = -1) -> tuple[CardState, list[str]]:
        """Do the job up to step `at`, or to its end. Returns the card's memory then, and the steps."""
        self.number += 1
        image, steps = (self.directory / f"{name}-{self.number}" for name in ("card", "steps"))
        write_atomically(image, encode_state(state))
        order = {"job": job, "home": str(home), "image": str(image), "steps": str(steps), "at": at}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(json.dumps(order), file=self.process.stdin, flush=True)
        ended = int(self.process.stdout.readline())
        assert ended == (0 if at < 0 else -9)
        reopened = ImageFile(image)
        try:
            return reopened.load(), steps.read_text().splitlines()
        finally:
            reopened.close()


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[KilledDesk]:
    monkeypatch.setattr(issuing, "small_photo", photo_in_three_commands)
    monkeypatch.setattr(crosscheck, "by_openssl", lambda *_, **__: None)
    program = Path(__file__).with_name("killed_desk.py")
    environment = {**os.environ, "PYTHONPATH": str(program.parents[2])}
    with subprocess.Popen(
        [sys.executable, program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield KilledDesk(process=process, directory=tmp_path)


def kills(desk: KilledDesk, job: str, home: Path, state: CardState, part: int) -> Iterator[tuple[int, str]]:
    """Every write of the journal and a sample of the commands, from an undisturbed run."""
    _, steps = desk.run(job, copy_of(home, desk.directory / "undisturbed"), state)
    writes = [number for number, step in enumerate(steps) if step.startswith("journal")]
    others = [number for number, step in enumerate(steps) if step.startswith("card")]
    assert len(writes) >= LEAST_WRITES[job]
    for at in sorted(writes + others[::EVERY])[part::PARTS]:
        yield at, steps[at]


def stock(world: World) -> dict[bytes, tuple[MemoryImage, CardState]]:
    """Two blanks, entered as received."""
    receive(world, 2)
    return {image.state.serial: (image, image.state) for image in (blank(1), blank(2))}


def assert_sound(world: World, drawer: dict[bytes, tuple[MemoryImage, CardState]]) -> None:
    for image, _ in drawer.values():
        assert_closed_or_whole(world, image, (Password.from_can(CAN),))
    assert_accounted(world, drawer, PERMIT)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_while_issuing(desk: KilledDesk, tmp_path: Path, part: int) -> None:
    base = World(home=authority_home(tmp_path))
    stock(base)
    for at, step in kills(desk, "issue", base.home, blank(1).state, part):
        world = World(home=copy_of(base.home, tmp_path / str(at)))
        drawer = {image.state.serial: (image, image.state) for image in (blank(1), blank(2))}
        (image, _), (spare, _) = drawer.values()
        image.state, _ = desk.run("issue", world.home, image.state, at=at)
        assert_sound(world, drawer)
        with world.desk() as opened:
            bound = opened.journal.card(image.state.serial) is not None
        if bound:  # another blank is no way round the first
            refused = None
            try:
                world.issue(power_up(spare))
            except Refused as error:
                refused = error.reason
            assert refused in (Refusal.PERMIT_UNRESOLVED, Refusal.PERMIT_HAS_CARD), step
            assert_sound(world, drawer)
        refused = None
        try:
            world.issue(power_up(image))
        except Refused as error:
            refused = error.reason
        assert refused in (None, Refusal.ALREADY_DONE), step  # killed after the last write: it was done
        assert seen(world, image) == OLD, step
        check(world, power_up(image), everything=True).require("H01")
        assert_nothing_open(world, image.state.serial, Where.ACTIVATED)
        assert_sound(world, drawer)


@pytest.fixture
def issued(desk: KilledDesk, tmp_path: Path) -> tuple[World, CardState]:
    """A card in force, and the desk that issued it."""
    world = World(home=authority_home(tmp_path))
    drawer = stock(world)
    image, _ = next(iter(drawer.values()))
    world.issue(power_up(image))
    return world, image.state


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_while_endorsing(desk: KilledDesk, issued: tuple[World, CardState], tmp_path: Path, part: int) -> None:
    base, state = issued
    for at, step in kills(desk, "endorse", base.home, state, part):
        world = World(home=copy_of(base.home, tmp_path / str(at)))
        drawer = {image.state.serial: (image, image.state) for image in (blank(1), blank(2))}
        image, _ = next(iter(drawer.values()))
        image.state, steps = desk.run("endorse", world.home, state, at=at)
        assert seen(world, image) in (OLD, NEW), step
        assert_sound(world, drawer)
        with world.desk() as opened:
            card = opened.journal.card(image.state.serial)
            assert card is not None
            written_down = card.endorsed_until == NEW.until
        if written_down:  # killed after its last commit: it was done, and once more would be one more year
            assert steps[-1] == "journal COMMIT"
        else:
            endorse_card(world, power_up(image))
        assert seen(world, image) == NEW, step
        assert_nothing_open(world, image.state.serial, Where.ACTIVATED)
        assert_sound(world, drawer)


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_while_voiding(desk: KilledDesk, issued: tuple[World, CardState], tmp_path: Path, part: int) -> None:
    base, state = issued
    for at, step in kills(desk, "void", base.home, state, part):
        world = World(home=copy_of(base.home, tmp_path / str(at)))
        drawer = {image.state.serial: (image, image.state) for image in (blank(1), blank(2))}
        image, _ = next(iter(drawer.values()))
        image.state, _ = desk.run("void", world.home, state, at=at)
        assert_accounted(world, drawer, PERMIT)
        # Opening the desk publishes what an earlier run could not.
        with world.desk() as opened:
            card = opened.journal.card(image.state.serial)
            assert card is not None
            assert not card.revocation_due
        if card.state is Where.ACTIVATED:
            assert seen(world, image) == OLD, step
        elif image.state.life_cycle is LifeCycle.ACTIVATED:
            assert check(world, power_up(image)).reasons == (Reason.STATUS_REVOKED,), step
        void_card(world, power_up(image))
        assert image.state.life_cycle is LifeCycle.TERMINATED
        assert_nothing_open(world, image.state.serial, Where.VOID)
        assert_sound(world, drawer)
