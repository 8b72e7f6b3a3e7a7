"""The card side of vsmartcard's virtual reader: plugs a card object into a pcscd that loads `libifdvpcd.so`.

The reader listens, the card connects. Each message is a two-byte big-endian length and that many bytes. A message of
one byte is for the chip, not its software: 0 power off, 1 power on, 2 reset, 4 tell the ATR. Only the last is answered.
"""

from __future__ import annotations

import select
import signal
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from enum import IntEnum
from typing import Protocol

from card_profiles.errors import Misuse

DEFAULT_PORT = 35963  # of the first slot; the second one is the next
MAX_MESSAGE = 0xFFFF
FIRST_DELAY = 0.05  # seconds before pcscd is called again, doubling up to
LONGEST_DELAY = 1.0
_HEARTBEAT = 0.2  # seconds between two looks at `stop` while the reader is silent


class Control(IntEnum):
    POWER_OFF = 0
    POWER_ON = 1
    RESET = 2
    ATR = 4


class Card(Protocol):
    """What can be plugged in."""

    @property
    def atr(self) -> bytes: ...
    def execute(self, command: bytes) -> bytes: ...
    def reset(self) -> object: ...
    def power_off(self) -> object: ...


class Link:
    """One connection to a virtual reader."""

    def __init__(self, host: str, port: int, *, timeout: float = 2.0) -> None:
        """Raises OSError when nobody listens there."""
        self._socket = socket.create_connection((host, port), timeout)
        self._socket.settimeout(None)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def receive(self, stop: Callable[[], bool] = lambda: False) -> bytes | None:
        """The next message; None when the reader hung up or `stop` says so."""
        head = self._take(2, stop)
        if head is None:
            return None
        return self._take(int.from_bytes(head), stop)

    def send(self, message: bytes) -> None:
        """At most 65,535 bytes. Raises OSError when the reader hung up."""
        if len(message) > MAX_MESSAGE:
            raise Misuse(f"a message of {len(message)} bytes does not fit the virtual reader")
        self._socket.sendall(len(message).to_bytes(2) + message)

    def hang_up(self) -> None:
        """Ends the connection from any thread: `receive` then returns None, and the reader sees the card leave."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Link:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _take(self, count: int, stop: Callable[[], bool]) -> bytes | None:
        received = b""
        while len(received) < count:
            while not select.select([self._socket], [], [], _HEARTBEAT)[0]:
                if stop():
                    return None
            try:
                piece = self._socket.recv(count - len(received))
            except ConnectionError:
                return None
            # The reader writes length and content in two segments, and without this the second waits for our delayed
            # acknowledgement of the first: 48 ms for each APDU. Linux forgets the option again, hence after every recv.
            with suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, getattr(socket, "TCP_QUICKACK", 12), 1)
            if not piece:
                return None
            received += piece
        return received


def answer(card: Card, message: bytes) -> bytes | None:
    """What the card says to one message of the reader, None for nothing."""
    if len(message) != 1:
        return card.execute(message) if message else None
    if message[0] == Control.ATR:
        return card.atr
    if message[0] == Control.POWER_OFF:
        card.power_off()
    elif message[0] in (Control.POWER_ON, Control.RESET):
        card.reset()
    return None


def serve(card: Card, host: str = "127.0.0.1", port: int = DEFAULT_PORT, *, stop: threading.Event) -> None:
    """Keeps `card` in the reader until `stop` is set, which takes effect within 0.2 s.

    Outlives restarts of pcscd and calls again, at first after 50 ms, at most every second. What `card.execute` raises
    ends it, after the card left the reader: an exception is a card that is gone. Raises Misuse for an answer shorter
    than a status word, because pcscd would wait for the rest of it for ever.
    """
    delay = FIRST_DELAY
    while not stop.is_set():
        try:
            link = Link(host, port)
        except OSError:
            stop.wait(delay)
            delay = min(2 * delay, LONGEST_DELAY)
            continue
        try:
            with link:
                spoke = _converse(card, link, stop)
        finally:
            card.power_off()
        delay = FIRST_DELAY if spoke else min(2 * delay, LONGEST_DELAY)
        stop.wait(delay)


def serve_until_signal(card: Card, host: str = "127.0.0.1", port: int = DEFAULT_PORT) -> None:
    """`serve` until SIGINT or SIGTERM; for the main thread."""
    stop = threading.Event()
    previous = {number: signal.signal(number, lambda *_: stop.set()) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        serve(card, host, port, stop=stop)
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)


def _converse(card: Card, link: Link, stopped: threading.Event) -> bool:
    """Until the reader hangs up; says whether it ever spoke."""
    spoke = False
    while (message := link.receive(stopped.is_set)) is not None:
        spoke = True
        reply = answer(card, message)
        if reply is None:
            continue
        if len(message) != 1 and len(reply) < 2:
            raise Misuse("a response has at least the two bytes of its status word")
        try:
            link.send(reply)
        except OSError:
            break
    return spoke
