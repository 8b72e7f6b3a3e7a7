"""Printed codes at the counter: a scanner that types, a picture, a camera; and the scan that opens a chip."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, expect

from card_profiles.printed_code import PrintedCode
from issuer import code_image
from keys.status_list import Status
from tests.factory import DAY
from tests.printed_codes import CODE, text
from verifier.reason import Reason

from .accessibility import serious
from .camera import Camera
from .conftest import Look
from .kiosk_counter import BEGIN, NOW, CounterWorld, outcomes, pcscd, permit, phase, signers, trust_files, world
from .pictures import save

__all__ = ["pcscd", "world"]

TODAY = replace(
    CODE,
    signed=BEGIN,
    valid_from=BEGIN,
    valid_until=NOW + 300 * DAY,
    services={"C03": (NOW + 200 * DAY).date(), "H05": (NOW + 200 * DAY).date()},
)


def printed(code: PrintedCode = TODAY) -> str:
    """What is on the back of the card."""
    return text(code, signer=signers()[0])


def scan(page: Page, of: str) -> None:
    """As a scanner does: one burst of keys and a line break, whatever has the focus."""
    page.evaluate(
        """text => {
            for (const key of [...text, "Enter"]) {
                (document.activeElement || document.body).dispatchEvent(
                    new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
            }
        }""",
        of,
    )


def test_a_good_code_and_one_that_was_copied_and_revoked(world: CounterWorld, look: Look) -> None:
    page = world.open(look(lang="zh"))
    scan(page, printed())
    assert outcomes(page) == {"genuine": "warning", "current": "passed", "entitled": "warning", "data_age": "passed"}
    expect(page.locator(".lower")).to_contain_text("保证程度较低")
    expect(page.locator(".lower")).to_contain_text("芯片")
    save(page, "kiosk-zh-code")
    assert serious(page) == []
    page.keyboard.press("F2")
    expect(page.locator(".lower")).to_contain_text("a copy looks the same")
    save(page, "kiosk-en-code")
    page.keyboard.press("Escape")
    phase(page, "empty")
    assert "CHEN" not in page.content()
    world.trust(trust_files(entries={TODAY.status_index: Status.INVALID}))
    world.new_counters()
    scan(page, printed().lower())  # the scanner's shift lock is on
    assert outcomes(page)["current"] == "failed"
    expect(page.locator(f"[data-reason={Reason.STATUS_REVOKED}]")).to_be_visible()
    save(page, "kiosk-en-code-revoked")
    assert serious(page) == []


def test_the_real_keyboard_of_a_scanner(world: CounterWorld, look: Look) -> None:
    """Keys of the browser itself, also into the field for the CAN: they open the chip and leave nothing in it."""
    page = world.open(look(lang="zh"))
    holder = permit()
    card = world.card(holder)
    card.insert()
    phase(page, "ask")
    page.keyboard.type(printed(replace(TODAY, expiry_date=holder.person.expiry)))
    page.keyboard.press("Enter")
    phase(page, "verdict")
    assert outcomes(page)["genuine"] == "passed"
    page.wait_for_selector("#portrait")


def test_a_code_then_its_card(world: CounterWorld, look: Look) -> None:
    page = world.open(look(lang="zh"))
    holder = permit()
    scan(page, printed(replace(TODAY, expiry_date=holder.person.expiry)))
    assert outcomes(page)["genuine"] == "warning"
    world.card(holder).insert()
    page.wait_for_selector("#portrait")  # nothing was typed
    assert outcomes(page)["genuine"] == "passed"


def test_a_picture(world: CounterWorld, look: Look, tmp_path: Path) -> None:
    page = world.open(look(lang="zh", size="tablet"))
    (tmp_path / "code.png").write_bytes(code_image.render(printed(), ".png"))
    page.set_input_files("#file", tmp_path / "code.png")
    phase(page, "verdict")
    save(page, "kiosk-zh-code-tablet")
    assert serious(page) == []
    page.locator("#clear").click()
    phase(page, "empty")
    Image.new("L", (200, 200), 255).save(tmp_path / "empty.png")
    page.set_input_files("#file", tmp_path / "empty.png")
    phase(page, "failed")
    expect(page.locator(".sentence")).to_contain_text("没有找到条码")


def test_a_camera(world: CounterWorld, look: Look, camera: Camera) -> None:
    """It sees nothing, and goes on looking; it sees the back of a card, whose code the verifier decodes."""
    page = world.open(look(lang="zh"))
    with page.expect_response("**/page/frame?*") as looked:
        page.locator("#camera").click()
    assert looked.value.json() == {"found": False}
    page.locator("#camera-stop").click()
    camera.sees(Image.open(BytesIO(code_image.render(printed(), ".png"))), height=600)
    page.locator("#camera").click()
    assert outcomes(page)["genuine"] == "warning"
    expect(page.locator(".holder")).to_contain_text("CHEN")
