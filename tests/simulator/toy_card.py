"""A card without a file or a key: it answers what a test tells it, also what no card may answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto

from card_profiles.softcard import vpcd

ATR_A = bytes.fromhex("3B8180010A0A")
ATR_B = bytes.fromhex("3B8180010B0B")
OK = b"\x90\x00"


class Deed(Enum):
    """What a card may do instead of answering."""

    DIE = auto()  # leave the reader
    KEEP_SILENT = auto()  # stay, and never answer


Responder = Callable[[bytes], "bytes | Deed"]


def echo(command: bytes) -> bytes:
    """The command, with 9000."""
    return command + OK


class ToyCard:
    """In the reader from `insert` to `remove`. `received` holds every command it got."""

    def __init__(self, port: int = 0, *, atr: bytes = ATR_A, respond: Responder = echo) -> None:
        self.port = port
        self.atr = atr
        self.respond = respond
        self.received: list[bytes] = []
        self.messages = 0  # of the reader, commands and others
        self.resets = 0
        self.power_offs = 0
        self.closed = False
        self._link: vpcd.Link | None = None
        self._thread: threading.Thread | None = None

    def insert(self) -> None:
        self._link = vpcd.Link("127.0.0.1", self.port)
        self._thread = threading.Thread(target=self._live, args=(self._link,), name="toy card", daemon=True)
        self._thread.start()

    def remove(self) -> None:
        if self._link is not None:
            self._link.hang_up()
        if self._thread is not None:
            self._thread.join(5)
            assert not self._thread.is_alive()
        self._link = self._thread = None

    @contextmanager
    def inserted(self) -> Iterator[ToyCard]:
        self.insert()
        try:
            yield self
        finally:
            self.remove()

    # the same object can be plugged in by vpcd.serve
    def execute(self, command: bytes) -> bytes:
        self.received.append(command)
        response = self.respond(command)
        assert isinstance(response, bytes)
        return response

    def reset(self) -> bytes:
        self.resets += 1
        return self.atr

    def power_off(self) -> None:
        self.power_offs += 1

    def close(self) -> None:
        self.closed = True

    def _live(self, link: vpcd.Link) -> None:
        with link:
            while (message := link.receive()) is not None:
                self.messages += 1
                reply: bytes | Deed | None
                if len(message) == 1:
                    reply = vpcd.answer(self, message)
                else:
                    self.received.append(message)
                    reply = self.respond(message)
                if reply is Deed.DIE:
                    return
                if isinstance(reply, bytes):
                    with suppress(OSError):
                        link.send(reply)
