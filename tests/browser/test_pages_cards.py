"""The pages of a card at the reader: written, handed over, read out, endorsed, lost, restored, replaced, ended."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from card_profiles.softcard.cli import main as softcard
from issuer.domain.roles import Role
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests.service.house import START

from . import pages_house
from .accessibility import serious
from .conftest import Look
from .pages_house import Desk
from .pictures import save

SERIALS = ("00" * 9 + "01", "00" * 9 + "02")
CAN = "246810"
LANGUAGES = pytest.mark.parametrize(("lang", "size"), [("zh", "desk"), ("en", "tablet")])


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk with keys, and two readers with a blank in each."""
    home, passphrase = tmp_path / "home", tmp_path / "passphrase"
    members = json.loads(resources.files("issuer.samples").joinpath("authority.json").read_text("utf-8"))
    # One year's endorsement, without a rotation between.
    members["validity"] = {"signer_key_days": 366, "entitlement_key_days": 366}
    raw = json.dumps(members).encode()
    Authority.create(home, parse(raw), b"opens", clock=lambda: START, cost=ScryptCost(log2_n=1))
    passphrase.write_text("opens\n")
    readers = []
    for name, serial in zip(("desk-1", "desk-2"), SERIALS, strict=True):
        image = tmp_path / f"{name}.img"
        assert softcard(["new", "--image", str(image), "--serial", serial]) == 0
        readers.append(f"{name}=image:{image}")
    readers.append(f"nothing=image:{tmp_path / 'none.img'}")
    more = {"PERMIT_PASSPHRASE_FILE": str(passphrase), "PERMIT_READERS": ";".join(readers)}
    with pages_house.served(home, **more) as opened:
        opened.house.blanks(*SERIALS)
        yield opened


def _fine(page: Page, name: str) -> None:
    save(page, name)
    assert serious(page) == []


def _submit(page: Page, form: str = "#main") -> None:
    page.click(f"{form} button.main")


def _written(desk: Desk, page: Page, *, number: int = 1) -> dict[str, str]:
    """An approved application, and its card written by the page."""
    found = desk.house.approved(number)
    page.goto(f"{desk.base}/desk/applications/{found['application']}/card")
    page.click("details summary")
    page.fill("#can", CAN)
    _submit(page)
    page.wait_for_url("**/desk/runs/*")
    expect(page.locator(".next a.main")).to_be_visible(timeout=60_000)
    return found


def _in_force(desk: Desk, page: Page) -> dict[str, str]:
    found = _written(desk, page)
    page.click(".next a.main")
    page.check("[name=same]")
    page.fill("#slip", found["slip"])
    _submit(page)
    expect(page.locator(".notice.good").first).to_be_visible()
    return found


@LANGUAGES
def test_written_and_handed_over(desk: Desk, look: Look, lang: str, size: str) -> None:
    page = look(lang=lang, size=size)
    desk.sign_in(page, Role.REGISTRAR)
    found = desk.house.approved()
    page.goto(f"{desk.base}/desk/applications/{found['application']}/card")
    assert page.is_checked("[name=reader][value=desk-1]")  # the reader of this desk
    _fine(page, f"card-{lang}-{size}")
    _submit(page)
    page.wait_for_url("**/desk/runs/*")
    expect(page.locator("#can")).to_have_text(re.compile(r"^[0-9]{6}$"), timeout=60_000)
    assert page.locator(".plan li.over").count() == page.locator(".plan li").count() > 5
    _fine(page, f"run-done-{lang}-{size}")
    page.click(".next a.main")
    page.wait_for_url("**/handover")
    _fine(page, f"handover-{lang}-{size}")
    page.check("[name=same]")
    page.fill("#slip", "1")
    _submit(page)
    expect(page.locator("#problem")).to_be_visible()
    page.check("[name=same]")
    page.fill("#slip", found["slip"])
    _submit(page)
    expect(page.locator(".next a.main")).to_be_visible()
    _fine(page, f"handed-over-{lang}-{size}")
    registrar = desk.house.as_(Role.REGISTRAR, "community")
    assert registrar.get(f"/api/v1/permits/{found['permit']}").json()["standing"] == "in-force"


@LANGUAGES
def test_read_out_for_its_holder(desk: Desk, look: Look, lang: str, size: str) -> None:
    page = look(lang=lang, size=size)
    desk.sign_in(page, Role.REGISTRAR)
    found = _in_force(desk, page)
    page.goto(f"{desk.base}/desk/my-card")
    _fine(page, f"my-card-{lang}-{size}")
    page.fill("#can", "000000")
    _submit(page)
    expect(page.locator("#problem")).to_be_visible()
    page.fill("#can", CAN)
    _submit(page)
    expect(page.get_by_text(found["permit"])).to_be_visible()
    assert page.locator(".sectors li").count() > 3
    assert CAN not in page.content()
    _fine(page, f"my-card-read-{lang}-{size}")


@LANGUAGES
def test_endorsed_with_old_beside_new(desk: Desk, look: Look, lang: str, size: str) -> None:
    page = look(lang=lang, size=size)
    desk.sign_in(page, Role.REGISTRAR)
    found = _in_force(desk, page)
    page.goto(f"{desk.base}/desk/permits/{found['permit']}/endorse")
    expect(page.locator("#problem")).to_be_visible()  # too early, and told so
    desk.house.clock.pass_by(days=345)
    assert desk.house.service.keys is not None
    desk.house.service.keys.authority.refresh()
    desk.sign_in(page, Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/permits/{found['permit']}/endorse")
    before = page.locator(".compare tbody tr").count()
    assert before
    page.click("details:has(#address) summary")
    page.fill("#address", "新城区玉兰路9号")
    page.click("[name=preview]")
    assert page.locator(".compare tbody tr").count() == before + 1
    assert page.input_value("#address") == "新城区玉兰路9号"
    _fine(page, f"endorse-{lang}-{size}")
    _submit(page)
    page.wait_for_url("**/card?receipt=*")
    _fine(page, f"update-{lang}-{size}")
    _submit(page)
    expect(page.locator(".next a.main")).to_be_visible(timeout=60_000)
    assert page.locator("table tbody tr").count() >= 2
    _fine(page, f"endorsed-{lang}-{size}")


@LANGUAGES
def test_lost_restored_suspended_and_ended(desk: Desk, look: Look, lang: str, size: str) -> None:
    page = look(lang=lang, size=size)
    desk.sign_in(page, Role.REGISTRAR)
    found = _in_force(desk, page)
    api = desk.house.as_(Role.REGISTRAR, "community")

    def standing() -> str:
        return str(api.get(f"/api/v1/permits/{found['permit']}").json()["standing"])

    acts = f"{desk.base}/desk/permits/{found['permit']}"
    page.goto(f"{acts}/report-lost")
    page.check("[value=phone]")
    _fine(page, f"lost-{lang}-{size}")
    _submit(page)
    assert standing() == "lost"
    page.goto(f"{acts}/restore")
    page.check("[value=phone]")
    _submit(page)
    expect(page.locator("#problem")).to_be_visible()  # only in person
    page.check("[value=desk]")
    _submit(page)
    assert standing() == "in-force"
    page.goto(f"{acts}/replace")
    page.check("[value=damaged]")
    _submit(page)
    expect(page.locator("#problem")).to_be_visible()  # where is the old card?
    page.check("[name=card_back]")
    _fine(page, f"replace-{lang}-{size}")
    _submit(page)
    page.wait_for_url("**/desk/applications/*")
    desk.sign_in(page, Role.APPROVER)
    page.goto(f"{acts}/suspend")
    page.fill("#reason", "a check")
    _submit(page)
    assert standing() == "suspended"
    page.goto(f"{acts}/terminate")
    page.check("[value=death]")
    _fine(page, f"terminate-{lang}-{size}")
    page.click("#main button.danger")
    page.wait_for_url("**receipt=*")
    assert standing() == "terminated"


def test_no_card_on_the_reader_is_told_and_the_next_try_goes_on(desk: Desk, look: Look) -> None:
    page = look(lang="zh")
    desk.sign_in(page, Role.REGISTRAR)
    found = desk.house.approved()
    page.goto(f"{desk.base}/desk/applications/{found['application']}/card")
    page.check("[name=reader][value=nothing]")
    _submit(page)
    expect(page.locator("#problem")).to_be_visible()
    _fine(page, "card-refused")
    page.check("[name=reader][value=desk-2]")
    _submit(page)
    page.wait_for_url("**/desk/runs/*")
    expect(page.locator("#can")).to_be_visible(timeout=60_000)


def test_readers_are_seen(desk: Desk, look: Look) -> None:
    page = look(lang="en")
    desk.sign_in(page, Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/readers")
    assert page.locator("tbody tr").count() == 3
    _fine(page, "readers")


def test_a_page_without_script_shows_how_far_it_is(desk: Desk, look: Look) -> None:
    page = look(lang="en", script=False)
    desk.sign_in(page, Role.REGISTRAR)
    found = desk.house.approved()
    page.goto(f"{desk.base}/desk/applications/{found['application']}/card")
    _submit(page)
    page.wait_for_url("**/desk/runs/*")
    expect(page.locator("#can")).to_be_visible(timeout=60_000)
