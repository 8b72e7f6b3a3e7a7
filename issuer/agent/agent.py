"""The agent: a link to each process of the service, kept up by trying again, over one reader.

A service of several processes has an address for each; a run is carried by the process that it was asked of, so each of
them has a link. Only one of them has the reader at a time.
"""

from __future__ import annotations

import logging
import random
import secrets
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus, WebSocketException
from websockets.sync.client import ClientConnection, connect

from .address import Address
from .link import Link, OutOfProtocol
from .messages import CLOSE_ENDED, CLOSE_PROTOCOL, CLOSE_REPLACED, MAX_MESSAGE
from .readers import LentReader
from .screen import Event, Screen

FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0  # seconds before trying again, doubled each time
LONG_DELAY = 60.0  # where trying again at once helps nobody
SETTLED = 10.0  # seconds that a link has lasted, or one request, before the delay begins anew
PING = 10.0  # seconds between two signs of life, and for their answer

# Below WARNING the library would write what is carried.
_LOGGER = logging.getLogger("issuer.agent.websocket")
_LOGGER.setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an agent is told. `tls` is None for loopback without TLS."""

    servers: tuple[Address, ...]
    token: str = field(repr=False)
    tls: ssl.SSLContext | None = None
    first_delay: float = FIRST_DELAY


class _Wire:
    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket

    def receive(self, timeout: float) -> bytes | str:
        return self._socket.recv(timeout)

    def send(self, message: bytes) -> None:
        self._socket.send(message)


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a link ended, the least seconds before the next attempt, and whether it was of use."""

    event: Event
    why: str = ""
    least: float = 0.0
    served: bool = False


class Agent:
    """Runs until `stop`."""

    def __init__(self, settings: Settings, reader: LentReader, screen: Screen) -> None:
        self._settings, self._reader, self._screen = settings, reader, screen
        self._instance = secrets.token_hex(16)
        self._stop = threading.Event()
        self._open: set[ClientConnection] = set()
        self._lock = threading.Lock()

    def run(self) -> None:
        """Watch the reader and keep the links, one thread each."""
        self._reader.listen(self._screen.reader)
        self._reader.start()
        threads = [
            threading.Thread(target=self._keep, args=(address,), name=f"link-{number}", daemon=True)
            for number, address in enumerate(self._settings.servers)
        ]
        for thread in threads:
            thread.start()
        try:
            self._stop.wait()
        finally:
            self._stop.set()
            for thread in threads:
                thread.join(15)
            self._reader.stop()
            self._screen.say(Event.STOPPED)

    def stop(self) -> None:
        """End; what is being carried is cut as by any other tear."""
        self._stop.set()

    def _keep(self, address: Address) -> None:
        delay = self._settings.first_delay
        while not self._stop.is_set():
            begun = time.monotonic()
            ended = self._once(address)
            if self._stop.is_set() or ended is None:
                return
            if ended.served or time.monotonic() - begun > SETTLED:
                delay = self._settings.first_delay
            seconds = max(ended.least, delay * random.uniform(0.7, 1.3))  # noqa: S311 - so that not all come at once
            self._screen.say(ended.event, server=address.shown, why=ended.why, seconds=max(round(seconds), 1))
            delay = min(delay * 2, LONGEST_DELAY)
            self._stop.wait(seconds)

    def _once(self, address: Address) -> _Ended | None:
        """A link, from the attempt to its end; None when we ended it."""
        link: Link | None = None
        try:
            with self._connected(address) as socket:
                self._screen.say(Event.CONNECTED, server=address.shown)
                link = Link(_Wire(socket), self._reader, self._instance, self._told(address))
                try:
                    link.serve(self._stop.is_set)
                except OutOfProtocol as strange:
                    socket.close(CLOSE_PROTOCOL)
                    return _Ended(Event.STRANGE, str(strange), LONG_DELAY)
                socket.close(1001)
                return None
        except ConnectionClosed as closed:
            code = closed.rcvd.code if closed.rcvd is not None else 0
            return _BY_CODE.get(code, _Ended(Event.LOST, served=link is not None and link.served > 0))
        except InvalidStatus as answered:
            status = answered.response.status_code
            if status in (401, 403):
                return _Ended(Event.REFUSED, least=LONG_DELAY)
            if status >= 500:
                return _Ended(Event.UNREACHABLE, f"HTTP {status}")
            return _Ended(Event.STRANGE, f"HTTP {status}", LONG_DELAY)
        except ssl.SSLCertVerificationError as error:
            return _Ended(Event.UNTRUSTED, error.verify_message, LONG_DELAY)
        except InvalidMessage:  # it hung up instead of answering
            return _Ended(Event.UNREACHABLE, "no answer")
        except (InvalidHandshake, WebSocketException) as error:
            return _Ended(Event.STRANGE, type(error).__name__, LONG_DELAY)
        except (OSError, EOFError) as error:
            return _Ended(Event.UNREACHABLE, _why(error))

    def _connected(self, address: Address) -> ClientConnection:
        found: Any = connect(
            address.websocket,
            ssl=self._settings.tls if address.secure else None,
            additional_headers={"Authorization": f"Bearer {self._settings.token}"},
            user_agent_header="permit-issuer desk",
            compression=None,  # what is encrypted does not get smaller
            proxy=None,
            open_timeout=10,
            ping_interval=PING,
            ping_timeout=PING,
            close_timeout=2,
            max_size=MAX_MESSAGE,
            logger=_LOGGER,
        )
        connection: ClientConnection = found
        return connection

    def _told(self, address: Address) -> Callable[[bool], None]:
        def told(begun: bool) -> None:
            self._screen.say(Event.RUN_BEGUN if begun else Event.RUN_ENDED, server=address.shown)

        return told


_BY_CODE = {
    CLOSE_REPLACED: _Ended(Event.REPLACED, least=LONG_DELAY),
    CLOSE_ENDED: _Ended(Event.ENDED, least=LONG_DELAY),
    CLOSE_PROTOCOL: _Ended(Event.STRANGE, "protocol", LONG_DELAY),
}


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "time-out"
    return error.strerror or type(error).__name__ if isinstance(error, OSError) else type(error).__name__


def addresses(urls: Sequence[str]) -> tuple[Address, ...]:
    """Each once. Raises ValueError."""
    return tuple(dict.fromkeys(Address.parse(url) for url in urls))
