"""The one reader that an agent lends: a PC/SC reader, or a software card for trying.

What is in the reader is watched in a thread of its own, by a worker process that can be killed; pcscd may be restarted
and the reader unplugged meanwhile. Opened, the reader belongs to one link until that link closes it, or ends.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from card_profiles.iso7816.connection import Connection
from card_profiles.readers import monitor, pcsc
from card_profiles.readers.monitor import CardChange
from keys.errors import DecodeError

from .messages import MAX_NAME, ReaderCondition, ReaderStatus

Changed = Callable[[ReaderStatus], None]
_LOOK = 1.0  # seconds between two looks at an image


class LentReader:
    """Opens the reader for one link at a time, and tells of every change of what is in it."""

    def __init__(self, *, name: str | None = None, image: Path | None = None) -> None:
        """`name`: the PC/SC reader, or a part of its name; None is the one with a card."""
        self._name, self._image = name, image
        self._lock = threading.Lock()
        self._held: object | None = None
        self._seen = ReaderStatus(condition=ReaderCondition.NO_READER)
        self._told: ReaderStatus | None = None
        self._listeners: list[Changed] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reader", daemon=True)

    @property
    def status(self) -> ReaderStatus:
        """What is there now."""
        with self._lock:
            return self._status()

    def _status(self) -> ReaderStatus:
        if self._held is None:
            return self._seen
        return ReaderStatus(condition=ReaderCondition.BUSY, name=self._seen.name, atr=self._seen.atr)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        self._stop.set()
        self._thread.join(10)

    def listen(self, listener: Changed) -> Callable[[], None]:
        """`listener` hears of each change, from any thread; what is returned ends that."""
        with self._lock:
            self._listeners.append(listener)

        def end() -> None:
            with self._lock, suppress(ValueError):
                self._listeners.remove(listener)

        return end

    def open(self, holder: object) -> Connection:
        """The card in the reader, for `holder` alone. Raises TransportFailed."""
        with self._lock:
            if self._held is not None:
                raise TransportFailed("another link has it", fault=TransportFault.READER_BUSY)
            self._held = holder
        try:
            connection = self._connect()
        except BaseException:
            self.release(holder)
            raise
        self._tell()
        return connection

    def release(self, holder: object) -> None:
        """After its connection was closed."""
        with self._lock:
            if self._held is holder:
                self._held = None
        self._tell()

    def _connect(self) -> Connection:
        try:
            if self._image is None:
                return pcsc.connect(self._name)
            from card_profiles.softcard.connection import open_image

            return open_image(self._image)
        except Misuse as error:  # several readers fit: cards in more than one, or in none
            empty = self._seen.condition is ReaderCondition.EMPTY
            fault = TransportFault.NO_CARD if empty else TransportFault.NO_READER
            raise TransportFailed(str(error), fault=fault) from error
        except (DecodeError, OSError) as error:
            raise TransportFailed("not a card", fault=TransportFault.CARD_MUTE) from error

    def _tell(self) -> None:
        with self._lock:
            status = self._status()
            if status == self._told:
                return
            self._told = status
            listeners = tuple(self._listeners)
        for listener in listeners:
            listener(status)

    def _set(self, status: ReaderStatus) -> None:
        with self._lock:
            self._seen = status
        self._tell()

    def _watch(self) -> None:
        if self._image is None:
            self._watch_pcsc()
            return
        while True:
            there = self._image.is_file()
            condition = ReaderCondition.CARD if there else ReaderCondition.EMPTY
            self._set(ReaderStatus(condition=condition, name=f"image {self._image.name}"[:MAX_NAME]))
            if self._stop.wait(_LOOK):
                return

    def _watch_pcsc(self) -> None:
        cards: dict[str, bytes | None] = {}
        serving = False
        for event in monitor.watch(stop=self._stop):
            match event.change:
                case CardChange.SERVICE_FOUND:
                    serving = True
                case CardChange.SERVICE_LOST:
                    serving = False
                    cards.clear()
                case CardChange.READER_ATTACHED | CardChange.REMOVED:
                    cards[event.reader] = None
                case CardChange.READER_DETACHED:
                    cards.pop(event.reader, None)
                case CardChange.INSERTED:
                    cards[event.reader] = event.atr
            self._set(seen(cards, self._name) if serving else ReaderStatus(condition=ReaderCondition.NO_SERVICE))


def seen(cards: dict[str, bytes | None], wanted: str | None) -> ReaderStatus:
    """What `cards`, the ATR or None by reader, says of the reader that is meant (`pcsc.choose`)."""
    fitting = {name: atr for name, atr in cards.items() if wanted is None or wanted in name}
    if wanted in cards:
        fitting = {wanted: cards[wanted]}
    full = {name: atr for name, atr in fitting.items() if atr is not None}
    if len(full) > 1:
        return ReaderStatus(condition=ReaderCondition.SEVERAL)
    if full:
        ((name, atr),) = full.items()
        return ReaderStatus(condition=ReaderCondition.CARD, name=name[:MAX_NAME], atr=atr or b"")
    if not fitting:
        return ReaderStatus(condition=ReaderCondition.NO_READER)
    return ReaderStatus(condition=ReaderCondition.EMPTY, name=next(iter(fitting))[:MAX_NAME])
