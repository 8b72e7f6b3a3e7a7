"""Readers, daemon and cards that come and go while the page is open: it says what to do, and goes on by itself."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import expect

from tests.factory import CAN
from tests.simulator.private_pcscd import PrivatePcscd
from tests.simulator.toy_card import ToyCard

from .accessibility import serious
from .conftest import Look
from .kiosk_counter import CounterWorld, counter_world, outcomes, pcscd, permit, phase, type_can, world
from .pictures import save

__all__ = ["pcscd", "world"]


def test_pcscd_restarted_and_reader_unplugged(world: CounterWorld, look: Look) -> None:
    page = world.open(look(lang="zh"))
    card = world.card(permit())
    card.insert()
    type_can(page)
    phase(page, "verdict")
    world.daemon.stop()
    expect(page.locator(".sentence")).to_contain_text("启动 pcscd")
    assert "CHEN" not in page.content()
    card.remove()
    save(page, "kiosk-zh-no-service")
    assert serious(page) == []
    world.daemon.start()
    phase(page, "empty")
    expect(page.locator("h1")).to_contain_text("请把居住证放在读卡器上")
    card.insert()
    type_can(page)
    phase(page, "verdict")
    card.remove()
    phase(page, "empty")
    world.daemon.stop()
    port = world.daemon.port
    world.daemon.unplug_readers()
    world.daemon.start()
    expect(page.locator(".sentence")).to_contain_text("请插上读卡器")
    world.daemon.stop()
    world.daemon.plug_readers(port)
    world.daemon.start()
    expect(page.locator("h1")).to_contain_text("请把居住证放在读卡器上")
    card.insert()
    type_can(page)
    phase(page, "verdict")


def test_no_daemon_at_start(pcscd: PrivatePcscd, tmp_path: Path, look: Look) -> None:
    pcscd.stop()
    with counter_world(pcscd, tmp_path) as world:
        page = world.open(look(lang="zh"))
        expect(page.locator(".sentence")).to_contain_text("启动 pcscd")
        pcscd.start()
        world.card(permit()).insert()
        type_can(page)
        phase(page, "verdict")


def test_two_cards_at_once(world: CounterWorld, look: Look) -> None:
    page = world.open(look(lang="en"))
    page.keyboard.press("F2")
    first, second = world.card(permit()), world.card(permit(can="222222", chip="second"), slot=1)
    first.insert()
    phase(page, "ask")
    second.insert()
    expect(page.locator("footer nav button", has_text="00 01")).to_contain_text("waits for digits")
    save(page, "kiosk-en-two-cards")
    assert serious(page) == []
    page.keyboard.type(CAN)
    phase(page, "verdict")
    page.locator("footer nav button", has_text="00 01").click()
    page.wait_for_timeout(300)  # twelve digits within a fifth of a second are a scanner's burst, and no hand's
    type_can(page, "222222")
    assert outcomes(page)["genuine"] == "passed"
    second.remove()
    expect(page.locator("footer nav button", has_text="00 01")).to_contain_text("empty")


def test_another_kind_of_card(world: CounterWorld, look: Look) -> None:
    """Its first answer is enough: nobody types a number for it."""
    page = world.open(look(lang="zh"))
    card = world.card(ToyCard(respond=lambda _: b"\x6a\x82"))
    card.insert()
    phase(page, "failed")
    expect(page.locator(".sentence")).to_contain_text("这不是居住证卡")
    save(page, "kiosk-zh-other-card")
    card.remove()
    phase(page, "empty")
    world.card(permit()).insert()
    type_can(page)
    phase(page, "verdict")
