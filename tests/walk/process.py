"""The service in a process of its own, which sends itself SIGKILL at a chosen moment.

The walk forks it, sends requests through a pipe, and gets answers, or finds it dead. A request may carry a fault:

    ("write", n)        killed at the n-th moment of writing: after a statement that writes, before and after COMMIT
    ("card", n, when)   killed at the card's n-th command, before or after the card has executed it
    ("tear", n, when)   the card loses power there; the process lives
"""

from __future__ import annotations

import asyncio
import dataclasses
import json
import os
import signal
import threading
import traceback
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from multiprocessing import Pipe
from multiprocessing.connection import Connection as End
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.softcard import connection as softcard
from issuer import crosscheck
from issuer.acts import staff
from issuer.service import photo_desk, state
from issuer.service.app import create_app
from issuer.service.settings import Settings, from_environment
from issuer.store.engine import open_engine
from keys.authority.authority import Authority
from keys.custody.software import ScryptCost
from tests.service.house import CHEAP, START

WRITING = ("INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. `wait`: the answer names a run; wait for its end, and answer what became of it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    fault: tuple[Any, ...] | None = None
    wait: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes back, with how many moments of writing and commands of a card there were."""

    status: int
    tree: Any
    writes: int
    commands: int


@dataclass(slots=True)
class Moments:
    """Counts moments of writing and commands of cards; ends the process at the one that the fault names."""

    fault: tuple[Any, ...] | None = None
    writes: int = 0
    commands: int = 0
    _names: list[str] = field(default_factory=list)

    def begin(self, fault: tuple[Any, ...] | None) -> None:
        self.fault, self.writes, self.commands = fault, 0, 0

    def wrote(self, _what: str) -> None:
        self.writes += 1
        if self.fault is not None and self.fault[:2] == ("write", self.writes):
            os.kill(os.getpid(), signal.SIGKILL)

    def card(self, when: str) -> bool:
        """Whether the card loses power now; the process is gone if it was to be killed."""
        if self.fault is None or self.fault[1:] != (self.commands, when):
            return False
        if self.fault[0] == "card":
            os.kill(os.getpid(), signal.SIGKILL)
        return bool(self.fault[0] == "tear")


class WatchedCard:
    """A connection whose every command is a moment."""

    def __init__(self, inner: Any, moments: Moments) -> None:
        self._inner = inner
        self._moments = moments
        self._torn = False

    @property
    def atr(self) -> bytes:
        return bytes(self._inner.atr)

    def transmit(self, command: bytes) -> bytes:
        self._moments.commands += 1
        self._tear("before")
        response = self._inner.transmit(command)
        self._tear("after")
        return bytes(response)

    def reset(self) -> bytes:
        self._tear("reset")
        return bytes(self._inner.reset())

    def close(self) -> None:
        self._inner.close()

    def _tear(self, when: str) -> None:
        if self._torn or self._moments.card(when):
            self._torn = True
            self._inner.close()
            raise TransportFailed("power was cut", fault=TransportFault.TORN)


@cache
def _first_app() -> list[Any]:
    return []


def _app(service: state.Service) -> Any:
    """Endpoints are analysed when they are first asked for: that work, too, is prepared before the fork."""
    made = _first_app()
    if not made:
        made.append(create_app(service))
    made[0].state.service = service
    return made[0]


class Desk:
    """A running service, asked directly."""

    def __init__(self, settings: Settings, clock: list[datetime], moments: Moments) -> None:
        self._moments = moments
        self._loop = asyncio.new_event_loop()
        self._open = state.opened(settings, clock=lambda: clock[0], hasher=CHEAP)
        self._service = self._open.__enter__()
        assert self._service.keys is not None, self._service.keyless
        self._app = _app(self._service)

    def answer(self, request: Request) -> Answer:
        """What it says; the process may be gone before."""
        self._moments.begin(request.fault)
        status, tree = self._ask(request)
        if request.wait and status == 202:
            run = self._service.runs.find(tree["id"])
            if not run.ended.wait(120):
                raise RuntimeError("a run without an end")
            look = dataclasses.replace(request, method="GET", path=f"/api/v1/runs/{run.id}", body=b"")
            _, tree = self._ask(look)
        self._moments.fault = None
        return Answer(status, tree, self._moments.writes, self._moments.commands)

    def close(self) -> None:
        """Everything is closed, its threads are gone."""
        self._open.__exit__(None, None, None)
        photo_desk._threads().shutdown()
        photo_desk._threads.cache_clear()
        self._loop.run_until_complete(self._loop.shutdown_default_executor())
        self._loop.close()

    def _ask(self, request: Request) -> tuple[int, Any]:
        return self._loop.run_until_complete(_ask(self._app, request))


class Office:
    """A service over its database and keys, in a process that is forked when it is needed, and again when it died.

    All runs have their files at the same places: so the statements that one process has prepared serve the next.
    """

    def __init__(self, home: Path, url: str) -> None:
        self.home = home
        self.url = url
        self.readers: dict[str, Path] = {}
        self.now = START
        self.kills = 0
        self._child = 0
        self._end: End | None = None
        self._moments = Moments()
        self._engine = open_engine(url)
        _watch(self._engine, self._moments)
        _in_place_of_reality(self._engine, self._moments)

    @property
    def settings(self) -> Settings:
        """Of the service."""
        return from_environment(
            {
                "PERMIT_HOME": str(self.home),
                "PERMIT_DATABASE": self.url,
                "PERMIT_PASSPHRASE_FILE": str(self.home / "passphrase"),
                "PERMIT_READERS": ";".join(f"{name}=image:{path}" for name, path in self.readers.items()),
                "PERMIT_LOG_LEVEL": "error",
            }
        )

    def begin(self) -> None:
        """A new run."""
        self.now = START
        self.readers.clear()

    def send(self, request: Request) -> Answer | None:
        """The answer; None when the process was killed. Raises RuntimeError when it ended otherwise."""
        if self._end is None:
            self._start()
        assert self._end is not None
        try:
            self._end.send((request, self.now))
            answer: Answer = self._end.recv()
        except (EOFError, BrokenPipeError, ConnectionResetError):
            self._buried(expected=-signal.SIGKILL)
            self.kills += 1
            return None
        return answer

    def kill(self) -> None:
        """Between two requests."""
        if self._child:
            os.kill(self._child, signal.SIGKILL)
            self._buried(expected=-signal.SIGKILL)

    def months_later(self, now: datetime) -> None:
        """The key administrator has renewed the lists meanwhile, and the service was started again."""
        self.kill()
        self.now = now
        Authority.open(self.home, b"opens", clock=lambda: now, cost=ScryptCost(log2_n=1)).refresh()

    def _buried(self, *, expected: int) -> None:
        assert self._end is not None
        self._end.close()
        _, status = os.waitpid(self._child, 0)
        self._child, self._end = 0, None
        code = os.waitstatus_to_exitcode(status)
        if code != expected:
            raise RuntimeError(f"the service ended with {code}")

    def _start(self) -> None:
        for thread in threading.enumerate():
            if thread is not threading.main_thread():
                thread.join(10)
        if threading.active_count() != 1:
            raise RuntimeError(f"a process with threads is not forked: {threading.enumerate()}")
        ours, theirs = Pipe()
        child = os.fork()
        if child:
            theirs.close()
            self._child, self._end = child, ours
            return
        ours.close()
        try:
            clock = [self.now]
            desk = Desk(self.settings, clock, self._moments)
            while True:
                request, clock[0] = theirs.recv()
                theirs.send(desk.answer(request))
        except EOFError:
            os._exit(0)
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(1)


class WarmingUp(Office):
    """The same in this process, which nobody kills: what is prepared here, every fork has."""

    def __init__(self, office: Office) -> None:
        self.__dict__ = office.__dict__
        self._clock = [self.now]
        self._desk: Desk | None = None

    def send(self, request: Request) -> Answer | None:
        """The answer."""
        if self._desk is None:
            self._desk = Desk(self.settings, self._clock, self._moments)
        self._clock[0] = self.now
        return self._desk.answer(dataclasses.replace(request, fault=None))

    def kill(self) -> None:
        """Only closed."""
        if self._desk is not None:
            self._desk.close()
        self._desk = None


def _in_place_of_reality(engine: Engine, moments: Moments) -> None:
    plain = softcard.open_image
    softcard.open_image = lambda path, **named: WatchedCard(plain(path, **named), moments)  # type: ignore[assignment]
    crosscheck.by_openssl = lambda *_, **__: None  # type: ignore[assignment]  # a program for every card: not here
    staff._hasher = lambda: CHEAP  # type: ignore[assignment]
    state.open_engine = lambda *_, **__: engine  # type: ignore[assignment]


def _watch(engine: Engine, moments: Moments) -> None:
    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().startswith(WRITING):
            moments.wrote(statement[:40])

    event.listen(engine, "after_cursor_execute", executed)
    real = engine.dialect.do_commit

    def commit(connection: Any) -> None:
        moments.wrote("before commit")
        real(connection)
        moments.wrote("after commit")

    engine.dialect.do_commit = commit


async def _ask(app: Any, request: Request) -> tuple[int, Any]:
    path, _, query = request.path.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": request.method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), value.encode()) for name, value in request.headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    handed = [{"type": "http.request", "body": request.body, "more_body": False}]
    status, content = 0, b""

    async def receive() -> dict[str, Any]:
        return handed.pop() if handed else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        nonlocal status, content
        if message["type"] == "http.response.start":
            status = message["status"]
        else:
            content += message.get("body", b"")

    await app(scope, receive, send)
    return status, json.loads(content) if content.startswith((b"{", b"[")) else None
