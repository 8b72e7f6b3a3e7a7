"""A service on a socket of its own, and desk agents linked to it: for what a client in the process cannot show."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from issuer.agent import agent as agents
from issuer.agent.address import Address
from issuer.agent.messages import MAX_MESSAGE, PATH, ReaderCondition
from issuer.agent.readers import LentReader
from issuer.agent.screen import Screen
from issuer.domain.roles import Role
from issuer.service.runs import Runs
from issuer.service.serving import Server
from tests.service.house import House

PATIENCE = 30.0


def await_true(condition: Callable[[], bool], what: str, *, patience: float = PATIENCE) -> None:
    """Polls until `condition` holds; AssertionError after `patience` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < deadline, f"not within {patience:g} s: {what}"
        time.sleep(0.005)


@contextmanager
def served(app: Any, runs: Runs | None = None) -> Iterator[str]:
    """The application behind uvicorn, as `permit-issuer serve` runs it; its URL. With `runs` it ends as that does."""
    config = uvicorn.Config(
        app,
        port=0,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        ws_max_size=2 * MAX_MESSAGE,
        ws_ping_interval=None,
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config) if runs is None else Server(config, runs)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        await_true(lambda: server.started, "the service listens")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(30)
        assert not thread.is_alive()


def enrolled(house: House, name: str = "window-1", *, place: str = "community", days: int = 30) -> str:
    """The token of a new agent."""
    body = {"name": name, "desk": "desk-1", "district": house.places[place], "days": days}
    token: str = house.act(house.as_(Role.KEY_ADMINISTRATOR), "/agents", body)["token"]
    return token


class RunningAgent:
    """An agent in a thread. `lines` is what it shows, as JSON."""

    def __init__(self, url: str | tuple[str, ...], token: str, reader: LentReader) -> None:
        urls = (url,) if isinstance(url, str) else url
        self._out = io.StringIO()
        settings = agents.Settings(
            servers=tuple(Address.parse(one) for one in urls), token=token, tls=None, first_delay=0.02
        )
        self.agent = agents.Agent(settings, reader, Screen(self._out, chinese=False, as_json=True))
        self._thread = threading.Thread(target=self.agent.run, daemon=True)
        self._thread.start()

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self._out.getvalue().splitlines()]

    def await_event(self, event: str, times: int = 1) -> None:
        await_true(lambda: sum(line["event"] == event for line in self.lines) >= times, f"the agent says {event}")

    def stop(self) -> None:
        self.agent.stop()
        self._thread.join(30)
        assert not self._thread.is_alive()


@contextmanager
def linked(
    house: House,
    url: str | tuple[str, ...],
    token: str,
    reader: LentReader,
    name: str = "window-1",
    condition: ReaderCondition = ReaderCondition.CARD,
) -> Iterator[RunningAgent]:
    """An agent whose link is up."""
    running = RunningAgent(url, token, reader)
    try:
        await_linked(house, name, condition)
        yield running
    finally:
        running.stop()


def await_linked(house: House, name: str = "window-1", condition: ReaderCondition | None = None) -> None:
    """Until the service knows the reader (in that condition)."""

    def there() -> bool:
        from issuer.domain.places import Place

        found = house.service.agents.find(name, Place(ids=(house.places["city"],)))
        if found is None or found.status is None:
            return False
        return found.status.condition is (condition or ReaderCondition.CARD)

    await_true(there, f"{name} is linked, {condition or 'a card in it'}")


@dataclass
class Cut:
    """Where the proxy cuts: before it passes message number `at` on (from 0, both ways counted), or after."""

    at: int = -1
    after: bool = False
    seen: int = 0
    done: bool = False
    kinds: list[int] = field(default_factory=list)


class Proxy:
    """Between agents and the service: counts messages, delays them, and cuts the link, without a word to either."""

    def __init__(self, url: str, *, delay: float = 0.0) -> None:
        self._upstream = url.replace("http://", "ws://") + PATH
        self.delay = delay
        self.cut = Cut()
        self.messages = self.requests = 0
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        assert self._ready.wait(PATIENCE)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def arm(self, at: int, *, after: bool) -> Cut:
        """Cut at a message from now on."""
        self.cut = Cut(at=at, after=after)
        return self.cut

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stopped.set)
        self._thread.join(30)
        assert not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self._loop.run_until_complete(self._serve())
        finally:
            self._loop.close()

    async def _serve(self) -> None:
        self._stopped = asyncio.Event()
        async with serve(
            self._pass, "127.0.0.1", 0, max_size=MAX_MESSAGE, compression=None, ping_interval=None, close_timeout=0.2
        ) as server:
            self.port = next(iter(server.sockets)).getsockname()[1]
            self._ready.set()
            await self._stopped.wait()

    async def _pass(self, agent: ServerConnection) -> None:
        assert agent.request is not None
        headers = {"Authorization": agent.request.headers.get("Authorization", "")}
        try:
            service = await connect(
                self._upstream,
                additional_headers=headers,
                max_size=2 * MAX_MESSAGE,
                compression=None,
                ping_interval=None,
                close_timeout=0.2,
                proxy=None,
            )
        except OSError:
            return
        both = (agent, service)
        pumps = [
            asyncio.create_task(self._pump(service, agent, both, down=True)),
            asyncio.create_task(self._pump(agent, service, both, down=False)),
        ]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for side in both:
            if side.close_code is None:
                code = next((one.close_code for one in both if one.close_code and one.close_code < 5000), None)
                with suppress(Exception):
                    await side.close(code if code and code not in (1005, 1006) else 1001)

    async def _pump(self, source: Any, target: Any, both: tuple[Any, Any], *, down: bool) -> None:
        with suppress(ConnectionClosed):
            async for message in source:
                if self.delay:
                    await asyncio.sleep(self.delay)
                self.messages += 1
                self.requests += down
                cut, number = self.cut, self.cut.seen
                cut.seen += 1
                cut.kinds.append(message[0])
                cutting = number == cut.at
                if not cutting or cut.after:
                    await target.send(message)
                if cutting:
                    cut.done = True
                    for side in both:
                        side.transport.abort()
                    return


@contextmanager
def proxied(url: str, *, delay: float = 0.0) -> Iterator[Proxy]:
    """A proxy to `url`."""
    proxy = Proxy(url, delay=delay)
    try:
        yield proxy
    finally:
        proxy.close()


def image_reader(path: Path) -> LentReader:
    """A software card in the agent's reader."""
    return LentReader(image=path)
