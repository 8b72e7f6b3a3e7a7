"""A counter at work: its readers, the cards and codes that come to it, and what programs ask of it.

Threads: one hears of cards (`monitor.watch`), one looks after the own data, one works for each reader. Whatever happens
is told on the board. Nothing here needs the page or its libraries.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from time import perf_counter

from card_profiles.entitlements.catalogue import Catalogue
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.protocols.pace import Password
from card_profiles.readers import monitor
from card_profiles.readers.monitor import CardChange, CardEvent

from .. import opening, printed
from ..counter import Counter
from ..read_failed import ReadFailed
from ..reason import Reason
from ..store import Watermark
from ..verdict import Assurance, Verdict
from . import answers, own_data
from .board import Board
from .codes import Codes
from .lane import Lane
from .settings import Settings
from .visit import Order, Phase, Shown

SERVICE, DATA = "service", "data"
DATA_SECONDS = 60.0
_LANE = "reader-"


class Kiosk:
    """One counter, from `start` to `stop`. `after_check` hears each verdict once it is final, `after_failure` why there
    was none; what they raise is told and changes nothing.

    `connect` opens the card in a reader, `watch` tells of cards: the PC/SC service of this machine by default.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        trust_directory: str,
        state_directory: str,
        now: Callable[[], datetime],
        after_check: Callable[[Verdict, Catalogue], None] | None = None,
        after_failure: Callable[[Reason, Assurance], None] | None = None,
        connect: Callable[[str], Connection] = opening.reader,
        remembered: Callable[[Connection], tuple[Limits | None, Callable[[Limits], None]]] = opening.remembered,
        watch: Callable[[threading.Event], Iterator[CardEvent]] | None = None,
    ) -> None:
        self.settings = settings
        self.board = Board()
        self.check_seconds = float(settings.check_seconds)
        self.connect, self.remembered = connect, remembered
        self._trust, self._state, self._now = trust_directory, state_directory, now
        self._after_check, self._after_failure = after_check, after_failure
        self._watch = watch or (lambda stop: monitor.watch(stop=stop))
        self._lock = threading.Lock()
        self._lanes: dict[str, Lane] = {}
        self._orders: list[Order] = []
        self.closing = threading.Event()
        self._stop, self._look = threading.Event(), threading.Event()
        self._threads: list[threading.Thread] = []
        self._serving: ReadFailed | None = None
        self.codes = Codes(self, float(settings.clear_seconds))
        self._tell_service(searching=True)

    # --- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Hear of cards from now on."""
        for work, name in ((self._hear, "cards"), (self._look_after_data, "own data")):
            self._threads.append(threading.Thread(target=work, name=name, daemon=True))
            self._threads[-1].start()

    def close(self) -> None:
        """Whoever listens or waits is told that this is the end. `stop` follows."""
        self.closing.set()
        self.board.close()

    def stop(self) -> None:
        """Everything ends, and nothing stays on the board."""
        self._stop.set()
        self._look.set()
        for thread in self._threads:
            thread.join(10)
        for reader in list(self._lanes):
            self._detach(reader)
        self.codes.clear()

    def _hear(self) -> None:
        for event in self._watch(self._stop):
            if event.change is CardChange.SERVICE_LOST:
                self._serving = opening.no_service()
                self._tell_service()
            elif event.change is CardChange.SERVICE_FOUND:
                self._serving = None
                self._tell_service()
            elif self.settings.uses(event.reader):
                self._heard(event)

    def _heard(self, event: CardEvent) -> None:
        if event.change is CardChange.READER_ATTACHED:
            self._attach(event.reader)
        elif event.change is CardChange.READER_DETACHED:
            self._detach(event.reader)
        elif (lane := self._lanes.get(event.reader)) is not None:
            if event.change is CardChange.INSERTED:
                lane.inserted()
            elif event.change is CardChange.REMOVED:
                lane.removed()

    def _attach(self, reader: str) -> None:
        taken = {lane.name for lane in self._lanes.values()}
        name = next(name for number in range(1, 100) if (name := f"{_LANE}{number}") not in taken)
        with self._lock:
            self._lanes[reader] = Lane(name, reader, self)
        self._tell_service()

    def _detach(self, reader: str) -> None:
        with self._lock:
            lane = self._lanes.pop(reader, None)
        if lane is not None:
            lane.stop()
        self._tell_service()

    def _tell_service(self, *, searching: bool = False) -> None:
        reason = self._serving.reason if self._serving is not None else None
        if reason is None and not self._lanes and not searching:
            reason = Reason.NO_READER
        self.board.put(SERVICE, {"reason": reason, "readers": sorted(self._lanes)})

    # --- what readers share (visit.Desk) ---------------------------------------------------------------------------

    def counter(self) -> Counter:
        """A new counter. Raises ReadFailed."""
        return Counter(
            sector=self.settings.sector,
            trust_directory=self._trust,
            watermark=Watermark(self._state),
            now=self._now,
            clock=perf_counter,
            random=os.urandom,
            portrait=self.settings.portrait,
            freshness=self.settings.freshness,
        )

    def order(self, reader: str) -> Order | None:
        """The oldest order that fits; it is this reader's then."""
        with self._lock:
            for order in self._orders:
                if order.reader in reader:
                    self._orders.remove(order)
                    return order
        return None

    def password(self) -> Password | None:
        """What a code gave that was scanned a moment ago, once."""
        return self.codes.password()

    def checked(self, verdict: Verdict, catalogue: Catalogue) -> None:
        """A card or a code was checked to the end."""
        self._look.set()
        if (after := self._after_check) is not None:
            self._call(lambda: after(verdict, catalogue))

    def not_checked(self, reason: Reason, assurance: Assurance) -> None:
        """A card or a code came to no verdict."""
        if (after := self._after_failure) is not None:
            self._call(lambda: after(reason, assurance))

    def _call(self, after: Callable[[], object]) -> None:
        try:
            after()
        except Exception as error:  # the log of use must not stop the counter
            print(f"after a check: {type(error).__name__}: {error}", file=sys.stderr, flush=True)

    def clock(self) -> float:
        """Seconds that only grow."""
        return perf_counter()

    # --- what page and programs ask --------------------------------------------------------------------------------

    def lane(self, name: str) -> Lane | None:
        """The reader in that place of the board."""
        with self._lock:
            return next((lane for lane in self._lanes.values() if lane.name == name), None)

    def readers(self) -> Mapping[str, Phase]:
        """Readers by name, and where each stands."""
        with self._lock:
            lanes = list(self._lanes.values())
        return {lane.reader: Phase(self.board.word(lane.name).get("phase", Phase.EMPTY)) for lane in lanes}

    def place(self, order: Order) -> None:
        """Check the card that lies there, or the next one. Of several cards the order has to say which reader."""
        with self._lock:
            self._orders.append(order)
            lanes = [lane for lane in self._lanes.values() if order.reader in lane.reader and lane.holds_card]
        if len(lanes) > 1 and self.withdraw(order):
            order.done(answers.failed(Reason.READER_AMBIGUOUS))
        for lane in lanes[:1]:
            lane.look_for_order()

    def withdraw(self, order: Order) -> bool:
        """Nobody waits for it any more; False when a reader has it already."""
        with self._lock:
            if order not in self._orders:
                return False
            self._orders.remove(order)
            return True

    def scanned(self, texts: tuple[str, ...], lane: str = "", visit: int = 0) -> None:
        """A code was held before the scanner: it opens the card that waits, or is checked itself."""
        waiting = self.lane(lane) if lane else None
        if waiting is not None and self.board.word(lane).get("phase") == Phase.ASK:
            try:
                password = printed.password(texts)
            except ReadFailed as failed:
                word = {**self.board.word(lane), "reason": failed.reason}
                self.board.put(lane, word)
                return
            if waiting.offer(visit, password):
                return
        self.codes.show(texts)

    def shown(self, check: str) -> Shown | None:
        """What the check of this number showed, while it shows."""
        with self._lock:
            lanes = list(self._lanes.values())
        return next((shown for lane in lanes if (shown := lane.shown(check)) is not None), None)

    def absence(self) -> Reason:
        """Why no card came: there is nothing to put it on, or nobody put one there."""
        return Reason(self.board.word(SERVICE).get("reason") or Reason.NO_CARD)

    # --- own data --------------------------------------------------------------------------------------------------

    def _look_after_data(self) -> None:
        counter: Counter | None = None
        while not self._stop.is_set():
            self._look.clear()
            try:
                counter = counter or self.counter()
                word = own_data.look(counter, self._now())
            except ReadFailed as failed:
                counter, word = None, own_data.unusable(failed)
            if word != self.board.word(DATA):
                self.board.put(DATA, word)
            self._look.wait(DATA_SECONDS)
