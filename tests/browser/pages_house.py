"""The desk for browser tests: an office over a fresh database, served on loopback, with its people."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from playwright.sync_api import Page

from issuer.domain.roles import Role
from issuer.store import migrate
from issuer.store.engine import open_engine
from tests.service import house as houses

PASSWORD = houses.PASSWORD


@dataclass(slots=True)
class Desk:
    """Where it is served, and the office behind it."""

    base: str
    house: houses.House

    def name(self, role: Role, place: str = "community", number: int = 1) -> str:
        """Somebody of this role, appointed if need be."""
        self.house.as_(role, place, number)
        return f"{role.value}.{place}.{number}"

    def sign_in(self, page: Page, role: Role, place: str = "community", number: int = 1, desk: str = "desk-1") -> None:
        """By the page, as people do."""
        name = self.name(role, place, number)
        page.goto(f"{self.base}/desk/sign-in")
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.fill("#desk", desk)
        page.click("main button.main")
        page.wait_for_url(f"{self.base}/desk/")


@contextmanager
def served(directory: Path, **more: str) -> Iterator[Desk]:
    """An office with its places, on loopback, until the test is over."""
    url = f"sqlite:///{directory / 'desk.db'}"
    engine = open_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
    with houses.opened(directory, url, **more) as house, socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(house.app, log_config=None, access_log=False, lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.02)
        try:
            yield Desk(base=f"http://127.0.0.1:{listening.getsockname()[1]}", house=house)
        finally:
            server.should_exit = True
            thread.join(30)
