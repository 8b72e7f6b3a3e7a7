"""A counter for page tests: a private pcscd with virtual readers, software cards in them, and the kiosk that serves the
page, in this process, on a port of its own."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from card_profiles.entitlements.catalogue import Sector
from card_profiles.softcard import vpcd
from keys.algorithms import Purpose
from keys.status_list import Status
from tests.factory import CAN, DAY, STATUS_URI, IssuedPermit, Person, Signer, authority, issue, write_files
from tests.simulator.private_pcscd import PrivatePcscd, await_true
from verifier.kiosk import app, token
from verifier.kiosk.app import Save
from verifier.kiosk.guard import Guard
from verifier.kiosk.kiosk import Kiosk
from verifier.kiosk.serving import Server
from verifier.kiosk.settings import Settings

from .slot import Card

NOW = datetime.now(UTC).replace(microsecond=0)
BEGIN = NOW - 10 * DAY
SERVICES = {
    Sector.HEALTH: {"H01": (NOW + 200 * DAY).date(), "H02": (NOW + 90 * DAY).date(), "H03": (NOW - DAY).date()},
    Sector.EDUCATION: {"E01": (NOW + 200 * DAY).date()},
}


def signers() -> tuple[Signer, Signer]:
    """Of entitlements and of status lists, in use today."""
    city = authority()
    return (
        city.signer(Purpose.ENTITLEMENT_SIGNER, "today", begin=BEGIN - DAY),
        city.signer(Purpose.STATUS_SIGNER, "status today", begin=BEGIN - 60 * DAY),
    )


def permit(**changes: Any) -> IssuedPermit:
    """A permit that is good today, save for `changes`."""
    usual: dict[str, Any] = {
        "signer": signers()[0],
        "signed": BEGIN,
        "valid_until": NOW + 300 * DAY,
        "services": SERVICES,
        "person": Person(expiry=(NOW + 2000 * DAY).date()),
    }
    return issue(**(usual | changes))


def trust_files(
    *, entries: Mapping[int, Status] | None = None, age: timedelta = timedelta(hours=3), crl_age: timedelta = DAY
) -> dict[str, bytes]:
    """What a counter has: status list and revocation list of these ages."""
    city = authority()
    signer, status_signer = signers()
    shard = city.status_list(entries, iat=NOW - age, signer=status_signer)
    crl = city.crl(this_update=NOW - crl_age, life=90 * DAY)
    return city.trust_files(crl=crl, status={STATUS_URI: shard}, more_signers=(signer, status_signer))


@dataclass(slots=True)
class CounterWorld:
    """One counter at work."""

    daemon: PrivatePcscd
    directory: Path
    kiosk: Kiosk
    token: token.Token
    port: int
    cards: list[Card] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def open(self, page: Page) -> Page:
        """The page by its link, ready for a card."""
        page.goto(f"{self.address}/?key={self.token.link}")
        page.wait_for_selector("main[data-phase]")
        page.wait_for_selector("#own-data")
        return page

    def card(self, of: IssuedPermit | vpcd.Card, slot: int = 0) -> Card:
        """A card to insert, taken out at the end of the test at the latest."""
        self.cards.append(Card(self.daemon, of.card() if isinstance(of, IssuedPermit) else of, slot))
        return self.cards[-1]

    def new_counters(self) -> None:
        """Plain trust directories are read at start only; a store that synchronisation fills is looked at each time."""
        for reader in self.kiosk.readers():
            self.kiosk._lanes[reader]._counter = None
        self.kiosk.codes._counter = None
        (self.directory / "state" / "watermark").unlink(missing_ok=True)

    def trust(self, files: Mapping[str, bytes]) -> None:
        """Other own data from now on."""
        write_files(self.directory / "trust", files)


@pytest.fixture
def pcscd(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivatePcscd]:
    """A running pcscd that only this test sees."""
    daemon = PrivatePcscd()
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(daemon.socket_path))
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.close()


@pytest.fixture
def world(pcscd: PrivatePcscd, tmp_path: Path) -> Iterator[CounterWorld]:
    """A health counter over it."""
    with counter_world(pcscd, tmp_path) as made:
        yield made


def phase(page: Page, name: str) -> None:
    """Until the page is in this phase."""
    page.wait_for_selector(f"main[data-phase={name}]")


def type_can(page: Page, can: str = CAN) -> None:
    """As soon as it is asked for."""
    phase(page, "ask")
    page.keyboard.type(can)


def outcomes(page: Page) -> dict[str, str]:
    """What each facet says."""
    phase(page, "verdict")
    facets = page.locator(".facet").evaluate_all("all => all.map(one => [one.id.slice(6), one.dataset.outcome])")
    return dict(facets)


@contextmanager
def counter_world(
    daemon: PrivatePcscd,
    directory: Path,
    *,
    files: Mapping[str, bytes] | None = None,
    now: Callable[[], datetime] | None = None,
    save: Save | None = None,
    **settings: Any,
) -> Iterator[CounterWorld]:
    """A kiosk over `daemon`, with own data in `directory`."""
    write_files(directory / "trust", trust_files() if files is None else files)
    state = directory / "state"
    chosen = Settings(**{"sector": Sector.HEALTH, **settings})
    kiosk = Kiosk(
        chosen,
        trust_directory=str(directory / "trust"),
        state_directory=str(state),
        now=now or (lambda: datetime.now(UTC)),
    )
    secret = token.load(str(state))
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(64)
        port = listener.getsockname()[1]
        guarded = Guard(app.create(kiosk, save=save), token=secret, port=port)
        server = Server(guarded, kiosk)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        world = CounterWorld(daemon, directory, kiosk, secret, port)
        try:
            await_true(lambda: server.started, "the kiosk serves")
            yield world
        finally:
            for card in world.cards:
                card.remove()
            server.should_exit = True
            thread.join(20)
            assert not thread.is_alive()
