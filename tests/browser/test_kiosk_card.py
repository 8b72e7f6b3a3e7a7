"""A card at the counter, in a browser, through pcscd and a virtual reader."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.factory import CAN
from tests.simulator.private_pcscd import PrivatePcscd

from .accessibility import serious
from .conftest import Look
from .kiosk_counter import CounterWorld, counter_world, permit
from .pictures import save


@pytest.fixture
def pcscd(monkeypatch: pytest.MonkeyPatch) -> Iterator[PrivatePcscd]:
    daemon = PrivatePcscd()
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", str(daemon.socket_path))
    try:
        daemon.start()
        yield daemon
    finally:
        daemon.close()


@pytest.fixture
def world(pcscd: PrivatePcscd, tmp_path: Path) -> Iterator[CounterWorld]:
    with counter_world(pcscd, tmp_path) as world:
        yield world


def phase(page: Page, name: str) -> None:
    page.wait_for_selector(f"main[data-phase={name}]")


def type_can(page: Page, can: str = CAN) -> None:
    phase(page, "ask")
    page.keyboard.type(can)


def test_insert_can_verdict_photo_remove(world: CounterWorld, look: Look) -> None:
    page = world.open(look(lang="zh"))
    phase(page, "empty")
    save(page, "kiosk-zh-idle")
    assert serious(page) == []
    card = world.card(permit())
    card.insert()
    phase(page, "ask")
    save(page, "kiosk-zh-ask")
    assert serious(page) == []
    type_can(page)
    phase(page, "verdict")
    page.wait_for_selector("#portrait")
    save(page, "kiosk-zh-verdict")
    assert serious(page) == []
    expect(page.locator("#facet-genuine")).to_have_attribute("data-outcome", "passed")
    page.keyboard.press("F2")
    expect(page.locator("#facet-genuine h2")).to_have_text("Is it genuine?")
    save(page, "kiosk-en-verdict")
    card.remove()
    phase(page, "empty")
    assert "CHEN" not in page.content()
