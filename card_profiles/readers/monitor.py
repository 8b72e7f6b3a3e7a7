"""Cards that come and go: a poll loop of our own, which outlives pcscd and sees the cards that are already there.

pyscard's CardMonitor misses both. A card that leaves and returns, or is exchanged, within pcscd's own poll of 0.4 s
goes unseen here; the connection to it notices (`TransportFault.CARD_SWAPPED`).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.readers.pcsc import ReaderState, WorkerProcess, reader_states
from card_profiles.readers.pcsc_worker import Operation

HEARTBEAT = 1.0  # seconds between two looks at `stop`
_FIRST_DELAY = 0.1  # seconds before pcscd is asked again, doubling up to the heartbeat
_HUNG = 5.0  # seconds beyond the heartbeat


class CardChange(StrEnum):
    INSERTED = "inserted"
    REMOVED = "removed"
    READER_ATTACHED = "reader-attached"
    READER_DETACHED = "reader-detached"
    SERVICE_LOST = "service-lost"
    SERVICE_FOUND = "service-found"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardEvent:
    """`reader` is empty for the service, `atr` for all but INSERTED."""

    change: CardChange
    reader: str = ""
    atr: bytes = b""


def changes(before: Sequence[ReaderState], after: Sequence[ReaderState]) -> list[CardEvent]:
    """What happened between two looks: what went, then what came, in the order of the readers.

    A card in the same reader both times was exchanged if the reader counted events in between, or the ATR differs.
    """
    old = {reader.name: reader for reader in before}
    new = {reader.name: reader for reader in after}
    gone: list[CardEvent] = []
    come: list[CardEvent] = []
    for reader in before:
        if reader.card_present and not _same_card(reader, new.get(reader.name)):
            gone.append(CardEvent(change=CardChange.REMOVED, reader=reader.name))
        if reader.name not in new:
            gone.append(CardEvent(change=CardChange.READER_DETACHED, reader=reader.name))
    for reader in after:
        if reader.name not in old:
            come.append(CardEvent(change=CardChange.READER_ATTACHED, reader=reader.name))
        if reader.card_present and not _same_card(reader, old.get(reader.name)):
            come.append(CardEvent(change=CardChange.INSERTED, reader=reader.name, atr=reader.atr))
    return gone + come


def _same_card(one: ReaderState, other: ReaderState | None) -> bool:
    return other is not None and other.card_present and (one.atr, one.events) == (other.atr, other.events)


def watch(*, stop: threading.Event | None = None, heartbeat: float = HEARTBEAT) -> Iterator[CardEvent]:
    """Events for ever, or until `stop` is set, which takes effect within `heartbeat` seconds.

    Starts with what is there: SERVICE_FOUND, the readers, the cards in them; or SERVICE_LOST. Never raises for pcscd's
    sake. Whoever works on an event holds nothing up; what happens meanwhile is told next, as far as it still shows.
    """
    stop = stop or threading.Event()
    known: tuple[ReaderState, ...] = ()
    serving: bool | None = None
    delay = _FIRST_DELAY
    worker = WorkerProcess()
    try:
        while not stop.is_set():
            try:
                now = _look(worker, heartbeat)
            except TransportFailed:
                if serving is not False:
                    yield from changes(known, ())
                    yield CardEvent(change=CardChange.SERVICE_LOST)
                serving, known = False, ()
                stop.wait(delay)
                delay = min(2 * delay, heartbeat)
                if not worker.alive:
                    worker = WorkerProcess()
                continue
            if not serving:
                yield CardEvent(change=CardChange.SERVICE_FOUND)
            serving, delay = True, _FIRST_DELAY
            yield from changes(known, now)
            known = now
    finally:
        worker.close()


def _look(worker: WorkerProcess, heartbeat: float) -> tuple[ReaderState, ...]:
    milliseconds = round(heartbeat * 1000).to_bytes(4, "big")
    body = worker.ask(Operation.WAIT, milliseconds, limit=heartbeat + _HUNG, late=TransportFault.TIMED_OUT)
    return reader_states(body)
