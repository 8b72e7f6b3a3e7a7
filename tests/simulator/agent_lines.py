"""A desk agent with a card in memory in its reader, linked through a proxy that cuts to a service that opens cards."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from issuing import power_up
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.iso7816.connection import Connection
from card_profiles.softcard.image import MemoryImage
from issuer.agent.messages import PATH, ReaderCondition, ReaderStatus
from issuer.agent.readers import LentReader
from issuer.service.agent_link import AgentConnection, AgentLink
from tests.service.desk import Proxy, RunningAgent, await_true, proxied, served

TOKEN = "t" * 43


class CardReader(LentReader):
    """A reader with a card in memory, which can be taken out and exchanged, also in the middle of a run."""

    def __init__(self, card: MemoryImage | None) -> None:
        super().__init__()
        self._card = card
        self._after: tuple[int, MemoryImage | None] | None = None
        self.commands = 0
        self.wrap: Callable[[Connection], Connection] = lambda connection: connection

    def insert(self, card: MemoryImage | None, *, after: int | None = None) -> None:
        """Put it in, after so many commands if given; None takes out what is there."""
        if after is not None:
            self._after = (after, card)
            return
        self._card = card
        condition = ReaderCondition.EMPTY if card is None else ReaderCondition.CARD
        self._set(ReaderStatus(condition=condition, name="memory"))

    def _connect(self) -> Connection:
        if self._card is None:
            raise TransportFailed("empty", fault=TransportFault.NO_CARD)
        return _Watched(self.wrap(power_up(self._card)), self)

    def _watch(self) -> None:
        self.insert(self._card)
        self._stop.wait()

    def passed(self) -> TransportFault | None:
        """A command is about to go; whether the card is not there any more."""
        self.commands += 1
        if self._after is None or self._after[0] > 0:
            if self._after is not None:
                self._after = (self._after[0] - 1, self._after[1])
            return None
        card = self._after[1]
        self._after = None
        self.insert(card)
        return TransportFault.CARD_REMOVED if card is None else TransportFault.CARD_SWAPPED


class _Watched:
    """As PC/SC does it: one error when the card left, and then never an answer again."""

    def __init__(self, inner: Connection, reader: CardReader) -> None:
        self._inner, self._reader = inner, reader
        self.atr = inner.atr

    def transmit(self, command: bytes) -> bytes:
        fault = self._reader.passed()
        if fault is not None:
            raise TransportFailed("gone", fault=fault)
        return self._inner.transmit(command)

    def reset(self) -> bytes:
        return self._inner.reset()

    def close(self) -> None:
        self._inner.close()


class Links:
    """The service's side: the newest link."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.link: AgentLink | None = None
        self.app = Starlette(routes=[WebSocketRoute(PATH, self._accept)])

    async def _accept(self, socket: WebSocket) -> None:
        assert socket.headers["authorization"] == f"Bearer {TOKEN}"
        await socket.accept()
        link = AgentLink(socket)
        with self.lock:
            self.link = link
        try:
            await link.serve()
        finally:
            with self.lock:
                if self.link is link:
                    self.link = None

    def connection(self) -> AgentConnection:
        """The card in the reader, as soon as the agent has said that there is one."""

        def there() -> bool:
            with self.lock:
                return self.link is not None and self.link.status.condition is ReaderCondition.CARD

        await_true(there, "an agent with a card is linked")
        return self.opened()

    def opened(self) -> AgentConnection:
        """Whatever is in the reader."""
        with self.lock:
            link = self.link
        assert link is not None
        return AgentConnection(link)


class Line:
    """All of it."""

    def __init__(self, links: Links, proxy: Proxy, reader: CardReader, agent: RunningAgent) -> None:
        self.links, self.proxy, self.reader, self.agent = links, proxy, reader, agent

    def connection(self) -> AgentConnection:
        return self.links.connection()


@contextmanager
def line(card: MemoryImage | None = None, *, delay: float = 0.0) -> Iterator[Line]:
    """Agent, proxy and service, each on loopback."""
    links, reader = Links(), CardReader(card)
    with served(links.app) as url, proxied(url, delay=delay) as proxy:
        agent = RunningAgent(proxy.url, TOKEN, reader)
        try:
            yield Line(links, proxy, reader, agent)
        finally:
            agent.stop()
