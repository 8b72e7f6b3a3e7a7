"""A counter without PC/SC for tests: a test says what happens at the readers, and what lies in them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from card_profiles.entitlements.catalogue import Sector
from card_profiles.iso7816.connection import Connection
from card_profiles.readers.monitor import CardChange, CardEvent
from card_profiles.softcard.connection import InProcessConnection
from tests.factory import NOW, IssuedPermit, authority, write_files
from tests.simulator.private_pcscd import await_true
from verifier.kiosk.kiosk import Kiosk
from verifier.kiosk.settings import Settings
from verifier.kiosk.visit import Order, Phase
from verifier.read_failed import ReadFailed
from verifier.reason import Reason
from verifier.verdict import Verdict

READER = "Reader A"
OTHER = "Reader B"


class Hall:
    """The counter `kiosk`, its readers, and what was said at it."""

    def __init__(self, directory: Path, *, now: Callable[[], datetime] | None = None, **settings: Any) -> None:
        self.directory = directory
        self.verdicts: list[Verdict] = []
        self.failures: list[Reason] = []
        self.cards: dict[str, Callable[[], Connection]] = {}
        self.opened: list[Connection] = []
        self._events: SimpleQueue[CardEvent] = SimpleQueue()
        self.kiosk = Kiosk(
            Settings(**({"sector": Sector.HEALTH} | settings)),
            trust_directory=str(directory / "trust"),
            state_directory=str(directory / "state"),
            now=now or (lambda: NOW),
            after_check=lambda verdict, _: self.verdicts.append(verdict),
            after_failure=lambda reason, _: self.failures.append(reason),
            connect=self._connect,
            remembered=lambda _: (None, lambda _: None),
            watch=self._watch,
        )

    def _watch(self, stop: threading.Event) -> Iterator[CardEvent]:
        while not stop.is_set():
            try:
                yield self._events.get(timeout=0.02)
            except Empty:
                continue

    def _connect(self, reader: str) -> Connection:
        if reader not in self.cards:
            raise ReadFailed(Reason.NO_CARD, "1")
        self.opened.append(self.cards[reader]())
        return self.opened[-1]

    def happens(self, change: CardChange, reader: str = "") -> None:
        self._events.put(CardEvent(change=change, reader=reader))

    def readers(self, *names: str) -> None:
        """The service is there, with these readers."""
        self.happens(CardChange.SERVICE_FOUND)
        for name in names:
            self.happens(CardChange.READER_ATTACHED, name)
        await_true(lambda: set(self.kiosk.readers()) == set(names), "the readers are there")

    def put(self, card: IssuedPermit | Callable[[], Connection], reader: str = READER) -> None:
        """A card onto a reader."""
        if isinstance(card, IssuedPermit):
            soft = card.card()
            self.cards[reader] = lambda: InProcessConnection(soft)
        else:
            self.cards[reader] = card
        self.happens(CardChange.INSERTED, reader)

    def take(self, reader: str = READER) -> None:
        """The card off it."""
        self.cards.pop(reader, None)
        self.happens(CardChange.REMOVED, reader)

    def word(self, place: str = "reader-1") -> Any:
        return self.kiosk.board.word(place)

    def until(self, phase: Phase, place: str = "reader-1", *, final: bool = True) -> Any:
        """The word that says so; of a verdict the last one, after the portrait, unless not `final`."""

        def there() -> bool:
            word = self.word(place)
            return word.get("phase") == phase and not (final and word.get("portrait") == "coming")

        await_true(there, f"{place}: {phase}")
        return self.word(place)

    def order(self, password: Any, **more: Any) -> SimpleQueue[Any]:
        """What a program asked for; its answer comes in the queue."""
        answers: SimpleQueue[Any] = SimpleQueue()
        self.kiosk.place(Order(password=password, done=answers.put, **more))
        return answers


@contextmanager
def hall(directory: Path, **options: Any) -> Iterator[Hall]:
    """At work until the end of the block."""
    write_files(directory / "trust", authority().trust_files())
    made = Hall(directory, **options)
    made.kiosk.start()
    try:
        yield made
    finally:
        made.kiosk.stop()
