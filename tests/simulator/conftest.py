"""Cards over PC/SC without hardware: a private pcscd with two virtual readers, a fixture for both ways to a card."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from private_pcscd import READERS, PrivatePcscd

from card_profiles.iso7816.connection import Connection
from card_profiles.readers import pcsc
from card_profiles.softcard import vpcd
from card_profiles.softcard.connection import InProcessConnection

Connect = Callable[[vpcd.Card], Connection]


@pytest.fixture
def pcscd(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivatePcscd]:
    """A running pcscd that only this test sees; it starts in some 60 ms."""
    daemon = PrivatePcscd()
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(daemon.socket_path))
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.close()


class PluggedConnection:
    """A PC/SC connection to a card object in a virtual reader; `close` takes the card out, as in process."""

    def __init__(self, daemon: PrivatePcscd, slot: int, card: vpcd.Card) -> None:
        self.slot = slot
        self._card = card
        self._stop = threading.Event()
        self._raised: list[BaseException] = []
        daemon.await_card(READERS[slot], present=False)
        self._thread = threading.Thread(target=self._serve, args=(daemon.port + slot,), daemon=True)
        self._thread.start()
        try:
            daemon.await_card(READERS[slot], present=True)
            self._inner = pcsc.connect(READERS[slot])
        except BaseException:
            self._unplug()
            raise

    def _serve(self, port: int) -> None:
        try:
            vpcd.serve(self._card, "127.0.0.1", port, stop=self._stop)
        except BaseException as error:  # told at the end of the test
            self._raised.append(error)

    def _unplug(self) -> None:
        self._stop.set()
        self._thread.join(10)
        assert not self._thread.is_alive()

    @property
    def closed(self) -> bool:
        return self._stop.is_set()

    @property
    def atr(self) -> bytes:
        return self._inner.atr

    def transmit(self, command: bytes) -> bytes:
        return self._inner.transmit(command)

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        if self._stop.is_set():
            return
        self._inner.close()
        self._unplug()
        release = getattr(self._card, "close", None)
        if release is not None:
            release()

    def check(self) -> None:
        """Raises what the card raised."""
        if self._raised:
            raise self._raised[0]


@pytest.fixture(params=["in-process", "pcscd"])
def card_connection(request: pytest.FixtureRequest) -> Iterator[Connect]:
    """`connect(card) -> Connection`, once straight into the card and once through pcscd.

    The card is anything with `atr`, `execute`, `reset`, `power_off` and `close`. Two may be in use at a time. What is
    not closed is closed after the test, and what a card raised inside its reader fails it.
    """
    opened: list[Connection] = []
    if request.param == "in-process":

        def connect(card: vpcd.Card) -> Connection:
            opened.append(InProcessConnection(card))  # type: ignore[arg-type]
            return opened[-1]
    else:
        daemon: PrivatePcscd = request.getfixturevalue("pcscd")
        plugged: dict[int, PluggedConnection] = {}

        def connect(card: vpcd.Card) -> Connection:
            free = [slot for slot in range(len(READERS)) if slot not in plugged or plugged[slot].closed]
            plugged[free[0]] = PluggedConnection(daemon, free[0], card)
            opened.append(plugged[free[0]])
            return opened[-1]

    try:
        yield connect
    finally:
        for connection in opened:
            connection.close()
    for connection in opened:
        if isinstance(connection, PluggedConnection):
            connection.check()
