"""The counter over pcscd: a card that leaves inside any command and comes back, and one that never answers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest
from private_pcscd import READERS, PrivatePcscd, await_true
from toy_card import ATR_A, Deed, ToyCard

from card_profiles.entitlements.catalogue import Sector
from card_profiles.protocols.pace import Password
from card_profiles.softcard import vpcd
from card_profiles.softcard.card import SoftCard
from tests.browser.kiosk_counter import permit, trust_files
from tests.factory import CAN, write_files
from verifier.kiosk.kiosk import Kiosk
from verifier.kiosk.settings import Settings
from verifier.kiosk.visit import Order, Phase
from verifier.reason import Reason

PERMIT = permit()


@contextmanager
def counter(directory: Path, **settings: Any) -> Iterator[Kiosk]:
    write_files(directory / "trust", trust_files())
    kiosk = Kiosk(
        Settings(sector=Sector.HEALTH, readers=(READERS[0],), **settings),
        trust_directory=str(directory / "trust"),
        state_directory=str(directory / "state"),
        now=lambda: datetime.now(UTC),
    )
    kiosk.start()
    try:
        await_true(lambda: READERS[0] in kiosk.readers(), "the reader is there")
        yield kiosk
    finally:
        kiosk.stop()


class Torn:
    """Leaves the reader inside its `at`-th command."""

    def __init__(self, card: SoftCard, at: int) -> None:
        self._card, self._left = card, at
        self.gone = threading.Event()
        self.reset, self.power_off, self.atr = card.reset, card.power_off, card.atr

    def execute(self, command: bytes) -> bytes:
        self._left -= 1
        if self._left == 0:
            self.gone.set()
            raise _Gone
        return self._card.execute(command)


class _Gone(Exception):
    pass


@contextmanager
def inserted(daemon: PrivatePcscd, card: vpcd.Card) -> Iterator[None]:
    """In the first reader, until the end of the block or until it leaves by itself."""
    stop = threading.Event()

    def live() -> None:
        with suppress(_Gone):
            vpcd.serve(card, "127.0.0.1", daemon.port, stop=stop)

    thread = threading.Thread(target=live, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def until(kiosk: Kiosk, phase: Phase) -> Any:
    def there() -> bool:
        word = kiosk.board.word("reader-1")
        return word.get("phase") == phase and word.get("portrait") != "coming"

    await_true(there, phase)
    return kiosk.board.word("reader-1")


@pytest.mark.parametrize("at", [1, 3, 5, 8, 11, 14, 15])
def test_a_card_pulled_inside_a_command_and_returned(pcscd: PrivatePcscd, tmp_path: Path, at: int) -> None:
    """Its CAN is not asked again when it is back within seconds, whether or not pcscd noticed that it was away."""
    with counter(tmp_path) as kiosk:
        answers: SimpleQueue[Any] = SimpleQueue()
        kiosk.place(Order(password=Password.from_can(CAN), done=answers.put))
        torn = Torn(PERMIT.card(), at)
        with inserted(pcscd, torn):
            assert torn.gone.wait(15)
        pcscd.await_card(READERS[0], present=False)
        with inserted(pcscd, PERMIT.card()):
            if at >= 15:  # the verdict had been told, and only the portrait was to come: this is another visit
                until(kiosk, Phase.ASK)
                lane = kiosk.lane("reader-1")
                assert lane is not None
                assert lane.offer(kiosk.board.word("reader-1")["visit"], Password.from_can(CAN))
            assert until(kiosk, Phase.VERDICT)["answer"]["accepted"]
        until(kiosk, Phase.EMPTY)


def test_a_card_that_never_answers_is_given_up(pcscd: PrivatePcscd, tmp_path: Path) -> None:
    """The process that holds it is killed when the time is over; the next card finds the reader free."""
    with counter(tmp_path, check_seconds=2) as kiosk:
        answers: SimpleQueue[Any] = SimpleQueue()
        kiosk.place(Order(password=Password.from_can(CAN), done=answers.put))
        mute = ToyCard(pcscd.port, atr=ATR_A, respond=lambda _: Deed.KEEP_SILENT)
        with mute.inserted():
            assert answers.get(timeout=15)["reasons"] == [Reason.TIMED_OUT]
            assert until(kiosk, Phase.FAILED)["reason"] == Reason.TIMED_OUT
        until(kiosk, Phase.EMPTY)
        with inserted(pcscd, PERMIT.card()):
            until(kiosk, Phase.ASK)
