"""A pcscd of our own with two virtual readers in one device, and waits that fail a test when nothing comes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from card_profiles.errors import TransportFault
from card_profiles.readers.pcsc import ReaderState, WorkerProcess, reader_states
from card_profiles.readers.pcsc_worker import Operation
from card_profiles.readers.virtual_pcscd import PATIENCE, NoVirtualReaders, VirtualPcscd

NAME = "Virtual PCD"
READERS = ("Virtual PCD 00 00", "Virtual PCD 00 01")


def await_true(condition: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Polls until `condition` holds, fails after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"not within {patience:g} s: {what}")
        time.sleep(0.005)


class PrivatePcscd(VirtualPcscd):
    """One virtual reader of two slots; a test without it fails."""

    def __init__(self, *, readers: bool = True) -> None:
        try:
            super().__init__(NAME)
        except NoVirtualReaders as error:
            pytest.fail(str(error), pytrace=False)
        if not readers:
            self.unplug()

    def plug_readers(self, port: int | None = None) -> None:
        """Declares two readers for the next start; they listen on `port` and the one after."""
        self.plug(port)

    def unplug_readers(self) -> None:
        """Declares no readers for the next start."""
        self.unplug()

    def start(self) -> None:
        try:
            super().start()
        except NoVirtualReaders as error:
            pytest.fail(str(error), pytrace=False)

    def await_card(self, reader: str, *, present: bool, atr: bytes | None = None) -> None:
        """Until pcscd has noticed that a card is there, or not."""
        with WorkerProcess() as worker:

            def seen() -> bool:
                for state in _states(worker):
                    if state.name == reader:
                        return state.card_present == present and (atr is None or state.atr == atr)
                return False

            await_true(seen, f"card in {reader}: {present}")


def _states(worker: WorkerProcess) -> tuple[ReaderState, ...]:
    return reader_states(worker.ask(Operation.LIST, limit=PATIENCE, late=TransportFault.TIMED_OUT))
