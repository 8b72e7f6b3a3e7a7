"""One suite, straight into the card and through a private pcscd alike: a card from blank to its end.

Only `card_connection` differs, the fixture of both ways. What one way does, the other has to do, command for command.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from issuing import CAN, World, applicant, authority_home, blank, power_up
from life_of_a_card import PluggedCard, capture, check, endorse_card, void_card
from private_pcscd import READERS, PrivatePcscd

from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.lds.mrz import mrz_information
from card_profiles.model import LifeCycle
from card_profiles.protocols.pace import Password
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.image import CardState, MemoryImage
from issuer.errors import Refusal, Refused
from issuer.journal import CardState as Where
from verifier.read_failed import ReadFailed
from verifier.reason import Reason

Connect = Callable[[SoftCard], Connection]
MOST_COMMANDS = {True: 13, False: 17}  # of a check, at extended and at short length
LAST = "2027-11-20"
SERVICES = {  # one of each sector
    Sector.HEALTH: "H01",
    Sector.FAMILY: "F01",
    Sector.EDUCATION: "E01",
    Sector.EMPLOYMENT: "J01",
    Sector.INSURANCE: "I01",
    Sector.HOUSEHOLD: "P01",
    Sector.HOUSING: "R01",
    Sector.LEGAL: "L01",
    Sector.CULTURE: "C01",
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(home=authority_home(tmp_path))


@pytest.fixture
def insert(card_connection: Connect) -> Callable[[MemoryImage], Connection]:
    """Put a card into the reader and connect to it."""
    return lambda image: card_connection(SoftCard(PROFILE, image))


Insert = Callable[[MemoryImage], Connection]


def everything() -> dict[str, object]:
    return applicant(entitlements=dict.fromkeys(SERVICES.values(), LAST))


def test_from_blank_to_terminated(world: World, insert: Insert) -> None:
    """Issued, checked with all there is, endorsed, checked, voided, refused."""
    image = blank()
    issued = world.issue(insert(image))
    assert issued.card.state is Where.ACTIVATED

    verdict = check(world, insert(image), everything=True).require("H01")
    assert verdict.valid_until is not None
    assert verdict.valid_until.date().isoformat() == "2027-11-21"

    endorsed = endorse_card(world, insert(image))
    assert endorsed.written
    verdict = check(world, insert(image), everything=True).require("H02")
    assert verdict.valid_until is not None
    assert verdict.valid_until.date().isoformat() == "2028-11-21"

    assert void_card(world, insert(image)).state is Where.VOID
    with pytest.raises(ReadFailed) as failed:
        check(world, insert(image))
    assert failed.value.reason is Reason.TERMINATED
    with pytest.raises(Refused) as refused:
        world.issue(insert(image))
    assert refused.value.reason is Refusal.CARD_VOID


@pytest.mark.parametrize("extended", [True, False], ids=["extended", "short"])
def test_every_sector(world: World, insert: Insert, extended: bool) -> None:
    """The ten elements: `permit` at every counter, and each of the nine sectors at its own."""
    image = blank()
    world.issue(insert(image), tree=everything())
    assert {*SERVICES} == {*SERVICE_SECTORS} == {*Sector} - {Sector.PERMIT}
    connection = insert(image)
    for sector, code in SERVICES.items():
        limits = Limits.from_atr(connection.atr) if extended else Limits()
        assert limits.extended is extended
        reading = capture(world, Kept(connection), sector=sector, extended=extended)
        assert reading.commands <= MOST_COMMANDS[extended]
        connection.reset()
        verdict = check(world, Kept(connection), sector=sector, extended=extended).require(code)
        connection.reset()
        assert [service.code for service in verdict.services] == [code]
        assert verdict.holder is not None
        assert verdict.holder.number == "RP00000017"


class Kept:
    """A connection that stays open for the next check."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self.atr = inner.atr
        self.transmit, self.reset = inner.transmit, inner.reset

    def close(self) -> None:
        pass


def test_the_mrz_opens_it_too(world: World, insert: Insert) -> None:
    image = blank()
    world.issue(power_up(image))
    mrz = Password.from_mrz(mrz_information("X1234567A", "910417", "311121"))
    check(world, insert(image), password=mrz).require("H01")


def test_the_wrong_can(world: World, insert: Insert) -> None:
    image = blank()
    world.issue(power_up(image))
    before = image.state
    with pytest.raises(ReadFailed) as failed:
        check(world, insert(image), password=Password.from_can("654321"))
    assert failed.value.reason is Reason.WRONG_PASSWORD
    with pytest.raises(Refused) as refused:
        endorse_card(world, insert(image), can="654321")
    assert refused.value.reason is Refusal.WRONG_READ_CODE
    assert image.state == before
    check(world, insert(image), password=Password.from_can(CAN)).require("H01")


@pytest.mark.parametrize(
    ("life_cycle", "read", "endorse"),
    [
        (LifeCycle.BLANK, Reason.NOT_ACTIVATED, Refusal.NOT_PERSONALISED),
        (LifeCycle.PERSONALISING, Reason.NOT_ACTIVATED, Refusal.HALF_WRITTEN),
        (LifeCycle.TERMINATED, Reason.TERMINATED, Refusal.CARD_TERMINATED),
    ],
)
def test_a_card_out_of_use(world: World, insert: Insert, life_cycle: LifeCycle, read: Reason, endorse: Refusal) -> None:
    """With all of a permit on it, a card in such a state is neither read nor endorsed."""
    image = blank()
    world.issue(power_up(image))
    image.state = with_life_cycle(image.state, life_cycle)
    with pytest.raises(ReadFailed) as failed:
        check(world, insert(image))
    assert failed.value.reason is read
    with pytest.raises(Refused) as refused:
        endorse_card(world, insert(image))
    assert refused.value.reason is endorse


def with_life_cycle(state: CardState, life_cycle: LifeCycle) -> CardState:
    return replace(state, life_cycle=life_cycle)


# --- as others see it


def test_opensc_tool_sees_the_card(pcscd: PrivatePcscd, world: World) -> None:
    """`opensc-tool -a` prints the ATR of the card in the private pcscd, which the fixture's environment leads to."""
    image = blank()
    world.issue(power_up(image))
    card = PluggedCard(pcscd.port, image)
    program = shutil.which("opensc-tool")
    assert program is not None, "install opensc"
    with card.inserted():
        pcscd.await_card(READERS[0], present=True)
        seen = subprocess.run([program, "-a"], capture_output=True, text=True, timeout=30, check=True)
        assert bytes.fromhex(seen.stdout.strip().replace(":", "")) == PROFILE.atr
        listed = subprocess.run([program, "-l"], capture_output=True, text=True, timeout=30, check=True)
        assert re.search(r"^\s*0\s+Yes\b.*" + READERS[0], listed.stdout, re.MULTILINE)
    # And it is still the card that it was.
    check(world, power_up(image)).require("H01")
