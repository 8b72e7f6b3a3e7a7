"""A counter of `desk` behind its guard on a port of this machine, and requests to it with any headers."""

from __future__ import annotations

import http.client
import json
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jsonschema_rs

from tests.factory import authority, write_files
from tests.simulator.private_pcscd import await_true
from verifier.kiosk import answers, app, token
from verifier.kiosk.app import Save
from verifier.kiosk.guard import Guard
from verifier.kiosk.serving import Server

from .desk import Hall

SCHEMA = jsonschema_rs.validator_for(json.loads(answers.schema()))


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def tree(self) -> Any:
        return json.loads(self.body)

    @property
    def checked(self) -> Any:
        """The answer of a check, which is as its schema says."""
        assert self.status == 200, self.body
        SCHEMA.validate(self.tree)
        return self.tree


@dataclass(slots=True)
class Served:
    """The counter and how to speak to it."""

    hall: Hall
    token: token.Token
    port: int
    server: Server
    streams: list[http.client.HTTPConnection] = field(default_factory=list)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def program(self) -> dict[str, str]:
        """Headers of a program that has the token."""
        return {"Authorization": f"Bearer {self.token.value}"}

    @property
    def page(self) -> dict[str, str]:
        """Headers of our own page."""
        cookie = f"permit-counter-{self.port}={self.token.cookie}"
        return {"Cookie": cookie, "Origin": self.origin, "Sec-Fetch-Site": "same-origin"}

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """One request; `_` in names of headers is `-`. A dict goes as JSON."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
            named = {"Content-Type": "application/json"} | named
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request(method, path, body=body, headers=named)
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def api(self, path: str, body: Any, **headers: str) -> Answer:
        return self.ask("POST", path, body, **self.program, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Answer:
        return self.ask("POST", path, body, **(self.page | headers))

    def stream(self, path: str, **headers: str) -> Iterator[tuple[str, Any]]:
        """Events as they come."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        self.streams.append(connection)
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        assert response.status == 200
        name = ""
        while line := response.readline():
            if line.startswith(b"event: "):
                name = line[7:].strip().decode()
            elif line.startswith(b"data: "):
                yield name, json.loads(line[6:])
        response.close()


@contextmanager
def served(directory: Path, *, save: Save | None = None, **options: Any) -> Iterator[Served]:
    """At work until the end of the block."""
    write_files(directory / "trust", authority().trust_files())
    hall = Hall(directory, **options)
    secret = token.load(str(directory / "state"))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        guarded = Guard(app.create(hall.kiosk, save=save), token=secret, port=port)
        server = Server(guarded, hall.kiosk)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        made = Served(hall, secret, port, server)
        try:
            await_true(lambda: server.started, "the kiosk serves")
            yield made
        finally:
            for stream in made.streams:
                stream.close()
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
