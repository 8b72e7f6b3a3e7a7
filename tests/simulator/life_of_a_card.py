"""What happens to a card, over any connection: endorsed and voided at the desk, checked at a counter, cut on the way.

`issuing.World` issues; here is the rest, and what must hold of card and journal whenever somebody looks.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from io import BytesIO
from pathlib import Path
from random import Random

import pytest
from issuing import CAN, World, power_up
from PIL import Image
from toy_card import Deed, ToyCard

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import Sector
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.model import LifeCycle
from card_profiles.protocols.pace import Password
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import Tear
from card_profiles.softcard.image import CardState, MemoryImage
from issuer import command_line, endorse, void
from issuer.endorse import Endorsed, Standing
from issuer.journal import CardRecord, EventKind
from issuer.journal import CardState as Where
from issuer.writer import CardWriter
from keys.trust import TrustStore
from verifier.policy import AT_A_COUNTER, Check, Policy
from verifier.read_failed import ReadFailed
from verifier.reader import Reading, Request, read
from verifier.reason import Reason
from verifier.verdict import Verdict
from verifier.verify import verify

SOAK = "SOAK" in os.environ
SERVICES = {"H01": "+1y", "H02": "+1y", "E01": "none"}
"""What an endorsement changes here, in two sectors, beside the last day."""


@cache
def photo_in_three_commands() -> bytes:
    """A JPEG of some 5 kB, so that a cut also falls between the parts of a file."""
    grey = Image.frombytes("L", (96, 128), Random(1).randbytes(96 * 128))
    picture = BytesIO()
    grey.save(picture, "JPEG", quality=50)
    return picture.getvalue()


# --- the desk


def endorse_card(
    world: World,
    connection: Connection,
    *,
    until: str = "+1y",
    services: Mapping[str, str] | None = None,
    can: str = CAN,
) -> Endorsed:
    """As the command line does it; intervals count from the end of the last endorsement."""
    settings = SERVICES if services is None else services

    def change(old: Standing, start: date, expiry: date) -> Standing:
        return Standing(
            until=command_line.day(until, start),
            permit_class=old.permit_class,
            services=command_line.services(old.services, settings, start),
            address=old.address,
        )

    try:
        with world.desk() as desk:
            writer = CardWriter(connection, desk.keyring, desk.profile)
            return endorse.endorse(
                change,
                desk,
                writer,
                Password.from_can(can),
                reader="test",
                told=world.seen.append,
                show=lambda _: True,
            )
    finally:
        connection.close()


def void_card(world: World, connection: Connection, *, reason: str = "test") -> CardRecord:
    """As the command line does it, with the card in the reader."""
    try:
        with world.desk() as desk:
            return void.present_card(
                desk, CardWriter(connection, desk.keyring, desk.profile), reason=reason, reader="test"
            )
    finally:
        connection.close()


# --- the counter


def capture(
    world: World,
    connection: Connection,
    *,
    sector: Sector = Sector.HEALTH,
    password: Password | None = None,
    extended: bool = True,
    everything: bool = False,
) -> Reading:
    """What a counter reads, then it lets the card go; `everything` is with portrait and identity. Raises ReadFailed."""
    request = Request(
        profile=PROFILE,
        sector=sector,
        password=password or Password.from_can(CAN),
        captured=world.now,
        knows_signer=TrustStore.load(world.home / "trust").knows,
        random=os.urandom,
        portrait=everything,
        identity=everything,
    )
    try:
        return read(connection, request, clock=lambda: 0.0, limits=None if extended else Limits())
    finally:
        connection.close()


def check(world: World, connection: Connection, *, sector: Sector = Sector.HEALTH, **how: object) -> Verdict:
    """A counter's verdict, with the authority's published data as of now. Raises ReadFailed."""
    evidence = capture(world, connection, sector=sector, **how).evidence  # type: ignore[arg-type]
    required = AT_A_COUNTER | ({Check.PORTRAIT, Check.IDENTITY} if how.get("everything") else set())
    policy = Policy(sector=sector, catalogue=catalogue.load(), required=required)
    return verify(evidence, TrustStore.load(world.home / "trust"), policy, now=world.now)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What two counters are told by a card that both accept."""

    until: date
    health: Mapping[str, date]
    education: Mapping[str, date]


def seen(world: World, image: MemoryImage, *, can: str = CAN) -> Seen:
    """Two counters check the card. Raises CheckFailed, ReadFailed."""
    verdicts = [
        check(world, power_up(image), sector=sector, password=Password.from_can(can)).require()
        for sector in (Sector.HEALTH, Sector.EDUCATION)
    ]
    assert verdicts[0].valid_until == verdicts[1].valid_until
    assert verdicts[0].valid_until is not None
    health, education = ({service.code: service.until for service in verdict.services} for verdict in verdicts)
    return Seen(until=verdicts[0].valid_until.date(), health=health, education=education)


# --- what must hold at any moment


def assert_closed_or_whole(world: World, image: MemoryImage, passwords: Iterable[Password]) -> None:
    """A card is accepted in full or not read at all, whichever password is tried."""
    if image.state.life_cycle is LifeCycle.ACTIVATED:
        return  # the caller checks it as a valid card
    closed = Reason.TERMINATED if image.state.life_cycle is LifeCycle.TERMINATED else Reason.NOT_ACTIVATED
    for password in passwords:
        with pytest.raises(ReadFailed) as failed:
            check(world, power_up(image), password=password)
        assert failed.value.reason is closed


def is_blank(state: CardState, before: CardState) -> bool:
    """Nothing but SCP03's counter has moved since the maker delivered it."""
    return replace(state, sequence_counter=before.sequence_counter) == before


def assert_accounted(world: World, drawer: Mapping[bytes, tuple[MemoryImage, CardState]], permit: str) -> None:
    """Every card of the drawer is a blank or stands in the journal, and at most one is live for the permit.

    `drawer` holds each physical card by its serial, with its memory as delivered; all were entered as received.
    """
    with world.desk() as desk:
        known = {card.serial: card for card in desk.journal.cards()}
        assert known.keys() <= drawer.keys()
        for serial, (image, before) in drawer.items():
            card = known.get(serial)
            if card is None:
                assert is_blank(image.state, before), f"{serial.hex()} was written and is not in the journal"
            elif image.state.life_cycle is LifeCycle.ACTIVATED:
                # Read back before it was put in force, or put out of use since.
                assert card.state in (Where.VERIFIED, Where.ACTIVATED, Where.VOID)
            elif image.state.life_cycle is LifeCycle.TERMINATED:
                assert card.state is Where.VOID
            else:
                assert card.state is not Where.ACTIVATED
        live = [card for card in known.values() if card.permit_number == permit and card.state is not Where.VOID]
        assert len(live) <= 1
        balance = desk.journal.balance()
        assert balance.received == len(drawer)
        assert balance.remaining == len(drawer) - len(known)
        assert balance.unresolved == sum(card.unresolved for card in known.values())


def assert_nothing_open(world: World, serial: bytes, state: Where) -> CardRecord:
    """The journal has the card in `state`, its history says once how it came there, no intent is left. The row."""
    with world.desk() as desk:
        card = desk.journal.card(serial)
        assert card is not None
        assert card.state is state
        assert not card.revocation_due
        assert desk.journal.open_intents() == ()
        kinds = [event.kind for event in desk.journal.events(serial)]
        assert kinds.count(EventKind.BOUND) == bool(card.permit_number)
        assert kinds.count(EventKind.ACTIVATED) == 1 or state is not Where.ACTIVATED
        assert kinds.count(EventKind.VOIDED) == (state is Where.VOID)
        return card


def receive(world: World, count: int) -> None:
    """`count` blanks come into stock."""
    with world.desk() as desk:
        desk.journal.receive(count, note="test")


# --- a real reader


class PluggedCard(ToyCard):
    """A software card in a virtual reader of pcscd, pulled out at command `at` if that is given."""

    def __init__(self, port: int, image: MemoryImage, *, at: int = -1, when: Tear = Tear.AFTER) -> None:
        self._card = SoftCard(PROFILE, image)
        self._left = at
        self._when = when
        super().__init__(port, atr=self._card.atr, respond=self._answer)

    def _answer(self, command: bytes) -> bytes | Deed:
        if self._left == 0:
            if self._when is Tear.AFTER:
                self._card.execute(command)
            return Deed.DIE
        self._left -= 1
        return self._card.execute(command)

    def reset(self) -> bytes:
        super().reset()
        return self._card.reset()

    def power_off(self) -> None:
        super().power_off()
        self._card.power_off()


def copy_of(home: Path, target: Path) -> Path:
    """A copy of an authority with its journal, which nobody has open."""
    shutil.copytree(home, target / "authority")
    return target / "authority"
