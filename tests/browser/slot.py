"""A software card in a slot of a virtual reader: put in, taken out, and torn out in the middle of a command."""

from __future__ import annotations

import threading
from contextlib import suppress

from card_profiles.readers.virtual_pcscd import PATIENCE
from card_profiles.softcard import vpcd
from tests.simulator.private_pcscd import PrivatePcscd


class _TornOut(Exception):
    """The card left in the middle of a command."""


class Card:
    """Whatever `vpcd.Card` it is, it lies in the slot between `insert` and `remove`."""

    def __init__(self, daemon: PrivatePcscd, card: vpcd.Card, slot: int = 0) -> None:
        self._daemon, self._card, self._slot = daemon, _Halting(card), slot
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def insert(self) -> None:
        self._stop.clear()
        self._thread = threading.Thread(target=self._lie, daemon=True)
        self._thread.start()

    def remove(self) -> None:
        """Also in the middle of the command at which it halts."""
        self._stop.set()
        self._card.go(torn=True)
        if self._thread is not None:
            self._thread.join(10)
            self._thread = None

    def halt_after(self, commands: int) -> None:
        """From now on so many commands are answered, and the next one is not before `go`."""
        self._card.halt_after(commands)

    def await_halt(self) -> None:
        """Until it was told the command that it does not answer."""
        assert self._card.halted.wait(PATIENCE), "nobody told the card so many commands"

    def go(self) -> None:
        """Answer, and go on."""
        self._card.go(torn=False)

    def _lie(self) -> None:
        with suppress(_TornOut):
            vpcd.serve(self._card, "127.0.0.1", self._daemon.port + self._slot, stop=self._stop)


class _Halting:
    """A card that can be made to wait."""

    def __init__(self, card: vpcd.Card) -> None:
        self._inner = card
        self._left: int | None = None
        self._torn = False
        self._going = threading.Event()
        self.halted = threading.Event()

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def execute(self, command: bytes) -> bytes:
        if self._left == 0:
            self._left = None
            self.halted.set()
            assert self._going.wait(PATIENCE), "nobody let the card go on"
            if self._torn:
                raise _TornOut
        elif self._left is not None:
            self._left -= 1
        return self._inner.execute(command)

    def reset(self) -> object:
        return self._inner.reset()

    def power_off(self) -> object:
        return self._inner.power_off()

    def halt_after(self, commands: int) -> None:
        self.halted.clear()
        self._going.clear()
        self._torn = False
        self._left = commands

    def go(self, *, torn: bool) -> None:
        self._torn = torn
        self._left = None
        self._going.set()
