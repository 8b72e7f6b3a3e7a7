"""A card that never answers, or with less than an answer, in a real reader: counter and desk give up, and say so.

Zero bytes keep pcscd waiting for ever; the process that waits with it is killed. One byte, or a card that leaves in the
middle of a command, is told as success without an answer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from issuing import World, authority_home, blank
from life_of_a_card import PluggedCard
from private_pcscd import READERS, PrivatePcscd
from toy_card import Deed

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.readers import pcsc
from card_profiles.readers.pcsc import PcscConnection, Timeouts
from card_profiles.softcard.image import MemoryImage
from tests.factory import NOW, authority, issue, write_files
from tests.hostile.real_card import CounterDesk
from verifier.reason import Reason
from verifier.verdict import ExitCode

SHORT = Timeouts(connect=5.0, transmit=0.5)  # for cards that never answer
LONG = Timeouts(connect=5.0, transmit=5.0)
READER = READERS[0]
COMMANDS = 13  # of a check
LAST = {"never": Deed.KEEP_SILENT, "zero bytes": b"", "one byte": b"\x90", "gone": Deed.DIE}


class Silent(PluggedCard):
    """Ends in its own way at command `at`; `heard` counts."""

    def __init__(self, port: int, image: MemoryImage, *, at: int, last: bytes | Deed) -> None:
        super().__init__(port, image)
        self._at = at
        self._last = last
        self.heard = 0

    def _answer(self, command: bytes) -> bytes | Deed:
        self.heard += 1
        return self._last if self.heard > self._at else super()._answer(command)


@contextmanager
def connected(daemon: PrivatePcscd, card: PluggedCard, timeouts: Timeouts = LONG) -> Iterator[PcscConnection]:
    daemon.await_card(READER, present=False)
    with card.inserted():
        daemon.await_card(READER, present=True)
        with pcsc.connect(READER, timeouts=timeouts) as connection:
            yield connection


@pytest.mark.parametrize("last", LAST)
def test_a_card_that_falls_silent_at_a_counter(pcscd: PrivatePcscd, tmp_path: Path, last: str) -> None:
    desk = CounterDesk(write_files(tmp_path / "trust", authority().trust_files()), now=NOW)
    image = MemoryImage(issue().card_state())
    silent = last in ("never", "zero bytes")
    expected = {Reason.TIMED_OUT} if silent else {Reason.CARD_MUTE, Reason.CARD_REMOVED}
    for at in (0, 3, COMMANDS - 1):  # EF.CardAccess, in the middle of PACE, the sector's file
        card = Silent(pcscd.port, image, at=at, last=LAST[last])
        with connected(pcscd, card, SHORT if silent else LONG) as connection:
            begin = time.monotonic()
            told = desk.check(connection)
            took = time.monotonic() - begin
        assert told.code is ExitCode.NOT_READ, at
        assert set(told.reasons) <= expected, (at, told.reasons)
        assert card.heard == at + 1  # nothing is said a second time
        assert took < 5, at
    with connected(pcscd, PluggedCard(pcscd.port, image)) as connection:
        assert desk.check(connection).code is ExitCode.ACCEPTED


def test_a_card_that_falls_silent_at_the_desk(pcscd: PrivatePcscd, tmp_path: Path) -> None:
    """The desk is told, and the same card goes on with the same command."""
    world, image = World(home=authority_home(tmp_path)), blank()
    for at in (3, 20):
        with (
            pytest.raises(TransportFailed) as failed,
            connected(pcscd, Silent(pcscd.port, image, at=at, last=Deed.KEEP_SILENT), SHORT) as connection,
        ):
            world.issue(connection)
        assert failed.value.fault is TransportFault.TIMED_OUT
    with connected(pcscd, PluggedCard(pcscd.port, image)) as connection:
        world.issue(connection)
    assert world.check(image).accepted
