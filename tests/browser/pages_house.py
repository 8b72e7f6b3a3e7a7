"""The desk for browser tests: an office over a fresh database, served on loopback, with its people; and its reader, a
virtual one of pcscd's, which an agent in a process of its own lends to the service."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import Page

from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.image import MemoryImage, new_card_state
from issuer.acts import staff
from issuer.agent.messages import ReaderCondition
from issuer.domain.places import Place
from issuer.domain.roles import Role
from issuer.store import migrate
from issuer.store.engine import open_engine
from keys.authority.authority import TEST_TRANSPORT_KEYS, Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests.service import desk as services
from tests.service import house as houses
from tests.simulator.private_pcscd import READERS, PrivatePcscd

from .slot import Card

PASSWORD = houses.PASSWORD
READER = "window-1"
BLANKS = tuple(f"{number:020x}" for number in range(1, 9))


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


def press(page: Page) -> None:
    """The one button that the page puts first."""
    page.locator("main .button.main").first.click()


def fill_in(page: Page, native: str = "陈晓雯") -> None:
    """A person at the desk, on the page of the registration."""
    page.fill("#name_native", native)
    page.fill("#latin_surname", "chen")
    page.fill("#latin_given", "xiaowen")
    page.fill("#birth_date", "1991-04-17")
    page.locator("input[name=sex][value=F]").check(force=True)
    page.fill("#nationality", "uto")
    page.fill("#residence_since", "2024-03-01")
    page.fill("#address", "新城区梧桐街道书香里8号2单元301室")
    page.locator("input[name=ground][value=employment]").check(force=True)
    page.fill("#fact_employment", "2024-03-01")
    page.fill("#fact_home", "2024-03-01")
    page.select_option("#fact_home_kind", "rented")


@contextmanager
def served(directory: Path, **more: str) -> Iterator[Desk]:
    """An office with its places, on loopback, until the test is over."""
    url = f"sqlite:///{directory / 'desk.db'}"
    engine = open_engine(url)
    migrate.upgrade(engine)
    engine.dispose()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(staff, "_hasher", lambda: houses.CHEAP)
        with houses.opened(directory, url, **more) as house, services.served(house.app) as base:
            yield Desk(base=base, house=house)


class Reader:
    """The reader of a desk and the cards beside it; the service has seen what lies in it before a test goes on."""

    def __init__(self, house: houses.House, daemon: PrivatePcscd) -> None:
        self._house = house
        self._cards = {serial: Card(daemon, _blank(serial)) for serial in BLANKS}
        self._lying: Card | None = None

    def lay(self, serial: str) -> Card:
        """This card, in place of what lay there."""
        self.clear()
        self._lying = self._cards[serial]
        self._lying.insert()
        self._seen(ReaderCondition.CARD)
        return self._lying

    def clear(self) -> None:
        """Nothing lies there."""
        if self._lying is not None:
            self._lying.remove()
            self._lying = None
        self._seen(ReaderCondition.EMPTY)

    def _seen(self, condition: ReaderCondition) -> None:
        """Until the service knows. pcscd looks at its readers every 0.4 s, so nothing is won by asking often."""
        deadline = time.monotonic() + services.PATIENCE
        everywhere = Place(ids=(self._house.places["city"],))
        while True:
            found = self._house.service.agents.find(READER, everywhere)
            if found is not None and found.status is not None and found.status.condition is condition:
                return
            assert time.monotonic() < deadline, f"the service does not see {condition}, but {found}"
            time.sleep(0.05)


@contextmanager
def with_reader(directory: Path, daemon: PrivatePcscd) -> Iterator[tuple[Desk, Reader]]:
    """A desk with keys, blanks, and an empty reader, lent by `permit-issuer desk`; and a reader beside the service."""
    home, passphrase = directory / "home", directory / "passphrase"
    members = json.loads(resources.files("issuer.samples").joinpath("authority.json").read_text("utf-8"))
    # One year's endorsement, without a rotation between.
    members["validity"] = {"signer_key_days": 366, "entitlement_key_days": 366}
    raw = json.dumps(members).encode()
    Authority.create(home, parse(raw), b"opens", clock=lambda: houses.START, cost=ScryptCost(log2_n=1))
    passphrase.write_text("opens\n")
    beside = f"beside=image:{directory / 'none.img'}"
    with served(home, PERMIT_PASSPHRASE_FILE=str(passphrase), PERMIT_READERS=beside) as desk:
        desk.house.blanks(*BLANKS)
        token = directory / "token"
        token.touch(0o600)
        token.write_text(services.enrolled(desk.house, READER, days=400) + "\n")
        with _agent(desk.base, token, daemon):
            reader = Reader(desk.house, daemon)
            try:
                reader.clear()
                yield desk, reader
            finally:
                reader.clear()


@contextmanager
def _agent(server: str, token: Path, daemon: PrivatePcscd) -> Iterator[None]:
    command = [str(Path(sys.executable).with_name("permit-issuer")), "desk", "--server", server]
    command += ["--token-file", str(token), "--reader", READERS[0], "--json"]
    with token.with_name("agent.log").open("wb") as log:
        process = subprocess.Popen(command, env=os.environ | daemon.environment(), stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            process.wait(services.PATIENCE)


def _blank(serial: str) -> SoftCard:
    """As its maker delivers it."""
    key = TEST_TRANSPORT_KEYS.enc
    return SoftCard(PROFILE, MemoryImage(new_card_state(PROFILE, serial=bytes.fromhex(serial), transport_key=key)))
