"""The poll loop over a real pcscd that comes and goes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator

import pytest
from private_pcscd import PATIENCE, READERS, PrivatePcscd
from toy_card import ATR_A, ATR_B, OK, ToyCard

from card_profiles.readers.monitor import CardChange, CardEvent, watch
from card_profiles.readers.pcsc import connect

FIRST, SECOND = READERS
FOUND = CardEvent(change=CardChange.SERVICE_FOUND)
LOST = CardEvent(change=CardChange.SERVICE_LOST)
ATTACHED = [CardEvent(change=CardChange.READER_ATTACHED, reader=reader) for reader in READERS]
DETACHED = [CardEvent(change=CardChange.READER_DETACHED, reader=reader) for reader in READERS]


def inserted(reader: str, atr: bytes = ATR_A) -> CardEvent:
    return CardEvent(change=CardChange.INSERTED, reader=reader, atr=atr)


def removed(reader: str) -> CardEvent:
    return CardEvent(change=CardChange.REMOVED, reader=reader)


class Watcher:
    def __init__(self) -> None:
        self._events: queue.Queue[CardEvent] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        for event in watch(stop=self._stop, heartbeat=0.3):
            self._events.put(event)

    def next(self, count: int) -> list[CardEvent]:
        return [self._events.get(timeout=PATIENCE) for _ in range(count)]

    def end(self) -> list[CardEvent]:
        """Stops and returns what was not asked for."""
        self._stop.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        left: list[CardEvent] = []
        while not self._events.empty():
            left.append(self._events.get())
        return left


@pytest.fixture
def watcher(pcscd: PrivatePcscd) -> Iterator[Watcher]:
    watcher = Watcher()
    try:
        yield watcher
    finally:
        watcher.end()


def test_it_starts_with_the_cards_that_are_there(pcscd: PrivatePcscd) -> None:
    with ToyCard(pcscd.port + 1).inserted():
        pcscd.await_card(SECOND, present=True)
        watcher = Watcher()
        assert watcher.next(4) == [FOUND, *ATTACHED, inserted(SECOND)]
        assert watcher.end() == []


def test_cards_come_and_go(pcscd: PrivatePcscd, watcher: Watcher) -> None:
    assert watcher.next(3) == [FOUND, *ATTACHED]
    for _ in range(2):
        with ToyCard(pcscd.port).inserted():
            assert watcher.next(1) == [inserted(FIRST)]
        assert watcher.next(1) == [removed(FIRST)]
    with ToyCard(pcscd.port, atr=ATR_B).inserted():
        assert watcher.next(1) == [inserted(FIRST, ATR_B)]
    assert watcher.next(1) == [removed(FIRST)]
    assert watcher.end() == []


def test_the_use_of_a_card_is_no_event(pcscd: PrivatePcscd, watcher: Watcher) -> None:
    assert watcher.next(3) == [FOUND, *ATTACHED]
    with ToyCard(pcscd.port).inserted():
        assert watcher.next(1) == [inserted(FIRST)]
        with connect(FIRST) as connection:
            assert connection.transmit(bytes(4)) == bytes(4) + OK
            connection.reset()
    assert watcher.next(1) == [removed(FIRST)]
    assert watcher.end() == []


def test_it_outlives_pcscd(pcscd: PrivatePcscd, watcher: Watcher) -> None:
    assert watcher.next(3) == [FOUND, *ATTACHED]
    for _ in range(2):
        with ToyCard(pcscd.port).inserted():
            assert watcher.next(1) == [inserted(FIRST)]
            pcscd.stop()
            assert watcher.next(4) == [removed(FIRST), *DETACHED, LOST]
        pcscd.start()
        assert watcher.next(3) == [FOUND, *ATTACHED]
    assert watcher.end() == []


def test_readers_that_vanish_are_told(pcscd: PrivatePcscd, watcher: Watcher) -> None:
    assert watcher.next(3) == [FOUND, *ATTACHED]
    port = pcscd.port
    pcscd.stop()
    assert watcher.next(3) == [*DETACHED, LOST]
    pcscd.unplug_readers()
    pcscd.start()
    assert watcher.next(1) == [FOUND]
    pcscd.stop()
    assert watcher.next(1) == [LOST]
    pcscd.plug_readers(port)
    pcscd.start()
    assert watcher.next(3) == [FOUND, *ATTACHED]


def test_it_waits_for_a_pcscd_that_is_not_there_yet(pcscd: PrivatePcscd) -> None:
    pcscd.stop()
    watcher = Watcher()
    assert watcher.next(1) == [LOST]
    pcscd.start()
    assert watcher.next(3) == [FOUND, *ATTACHED]
    assert watcher.end() == []
