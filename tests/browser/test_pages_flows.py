"""The work of a day, walked by what the pages say: always the button of the next step, in both languages and sizes."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import expect
from sqlalchemy import select

from issuer.domain.roles import Role
from issuer.store.models.people import Holder
from issuer.store.models.permits import Application

from . import pages_house
from .conftest import CROSSED, Look
from .pages_house import PASSWORD, Desk, fill_in, press

PHOTO = resources.files("issuer.samples").joinpath("01-chen-xiaowen.jpg")
EACH_LOOK = pytest.mark.parametrize(("lang", "size"), CROSSED)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with pages_house.served(tmp_path) as served:
        yield served


def state(desk: Desk, application: int = 1) -> str:
    with desk.house.service.store.read() as transaction:
        return transaction.get_one(Application, application).state


def test_from_the_door_to_approved_without_a_script(desk: Desk, look: Look) -> None:
    """With one, from the camera, and on to the card: `test_pages_cards`."""
    page = look(lang="en", size="tablet", script=False)
    desk.sign_in(page, Role.REGISTRAR)
    press(page)
    fill_in(page)
    page.get_by_role("button", name="Register,").click()
    page.wait_for_url("**/documents?*")
    for item in ("identity-document", "proof-of-address", "proof-of-ground"):
        page.locator(f"input[value={item}]").check(force=True)
    press(page)
    page.wait_for_url("**/photo?*")
    page.set_input_files("#photo", str(PHOTO))
    page.get_by_role("button", name="Use this photo").click()
    expect(page.locator("img.portrait.large")).to_be_visible()
    press(page)
    page.wait_for_url("**/entitlements")
    expect(page.locator(".standing")).to_contain_text("class")
    press(page)
    expect(page.locator(".slip")).to_have_text(_slip(desk))
    assert state(desk) == "accepted"
    page.reload()
    expect(page.locator(".slip")).to_have_text(_slip(desk))

    desk.sign_in(page, Role.APPROVER)
    press(page)
    page.wait_for_url("**/applications/1/decide")
    press(page)
    page.wait_for_url("**/approvals?*")
    assert state(desk) == "approved"
    expect(page.locator(".notice.good")).to_be_visible()


def _slip(desk: Desk) -> str:
    with desk.house.service.store.read() as transaction:
        return transaction.get_one(Application, 1).slip or "none"


def test_the_slip_is_for_who_accepted_it_alone(desk: Desk, look: Look) -> None:
    data = desk.house.accepted(1)
    page = look(lang="en")
    desk.sign_in(page, Role.APPROVER)
    page.goto(f"{desk.base}/desk/applications/1?receipt=test-key-000004")
    assert data["slip"] not in page.content()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_switching_the_language_loses_nothing_that_was_typed(desk: Desk, look: Look, script: bool) -> None:
    page = look(lang="zh", script=script)
    desk.sign_in(page, Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/registration")
    fill_in(page)
    page.fill("#birth_date", "")  # half filled in: that must not be in the way
    page.get_by_role("button", name="English").click()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("#name_native")).to_have_value("陈晓雯")
    expect(page.locator("#address")).to_have_value("新城区梧桐街道书香里8号2单元301室")
    expect(page.locator("input[name=sex][value=F]")).to_be_checked()
    expect(page.locator("#fact_home_kind")).to_have_value("rented")
    page.get_by_role("button", name="中文").click()
    expect(page.locator("#name_native")).to_have_value("陈晓雯")
    page.goto(f"{desk.base}/desk/stock")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN")
    page.get_by_role("button", name="English").click()
    expect(page).to_have_url(f"{desk.base}/desk/stock")
    with desk.house.service.store.read() as transaction:
        assert transaction.scalars(select(Holder)).all() == []


@EACH_LOOK
def test_who_it_may_be_already_is_told_while_typing_and_when_sent(desk: Desk, look: Look, lang: str, size: str) -> None:
    registrar = desk.house.as_(Role.REGISTRAR)
    names = {"native": "陈晓雯", "latin_surname": "CHEN", "latin_given": "XIAOWEN"}
    desk.house.act(registrar, "/holders", desk.house.person(1, names=names))
    page = look(lang=lang, size=size)
    desk.sign_in(page, Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/registration")
    expect(page.locator("#duplicates")).to_contain_text("自动查找" if lang == "zh" else "searched by themselves")
    fill_in(page, "CHEN XIAOWEN")  # in another script
    page.wait_for_selector("#duplicates[data-state=some]")
    expect(page.locator("#duplicates strong")).to_have_text("陈晓雯")
    page.get_by_role("button", name="登记，" if lang == "zh" else "Register,").click()
    expect(page.locator(".notice.bad")).to_contain_text("可能" if lang == "zh" else "Perhaps")
    expect(page.locator("#address")).to_have_value("新城区梧桐街道书香里8号2单元301室")
    page.locator("input[name=not_the_same]").check(force=True)
    page.get_by_role("button", name="登记，" if lang == "zh" else "Register,").click()
    page.wait_for_url("**/applications/2/documents?*")


def test_every_mistake_is_told_at_once_beside_its_field(desk: Desk, look: Look) -> None:
    page = look(lang="en", script=False)
    desk.sign_in(page, Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/registration")
    fill_in(page)
    page.fill("#personal_number", "110105199104170021")
    page.fill("#nationality", "CHN")
    page.fill("#latin_surname", "陈")
    page.get_by_role("button", name="Register,").click()
    expect(page.locator("#personal_number-wrong")).to_be_visible()
    expect(page.locator("#latin_surname-wrong")).to_be_visible()
    expect(page.locator("#personal_number")).to_have_attribute("aria-invalid", "true")
    expect(page.locator("#name_native")).to_have_value("陈晓雯")


def test_what_lacks_is_told_once_and_in_full(desk: Desk, look: Look) -> None:
    desk.house.registered(1)
    page = look(lang="en")
    desk.sign_in(page, Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/applications/1/documents")
    page.locator("input[value=identity-document]").check(force=True)
    press(page)
    expect(page.locator(".take-along li")).to_have_count(3)
    expect(page.locator("#main input[type=checkbox]")).to_have_count(2)
    for item in ("proof-of-address", "proof-of-ground"):
        page.locator(f"input[value={item}]").check(force=True)
    page.get_by_role("button", name="Confirm").click()
    page.wait_for_url("**/photo?*")


def test_keys_of_the_keyboard_are_enough(desk: Desk, look: Look) -> None:
    """The skip link first, then the way through the page in its order; access keys lead on."""
    page = look(lang="en")
    desk.sign_in(page, Role.REGISTRAR)
    page.locator("body").press("Tab")
    expect(page.locator(":focus")).to_have_class("skip")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Tab")
    expect(page.locator(":focus")).to_contain_text("Register a person")
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"
    page.keyboard.press("Enter")
    page.wait_for_url("**/registration")
    expect(page.locator("#personal_number")).to_be_focused()
    keys = page.locator("[accesskey]").evaluate_all("found => found.map(item => item.accessKey)")
    assert {"1", "2", "3", "4", "5", "q", "s", "l"} <= set(keys)
    assert len(keys) == len(set(keys))


@EACH_LOOK
def test_a_drawers_day(desk: Desk, look: Look, lang: str, size: str) -> None:
    page = look(lang=lang, size=size)
    desk.sign_in(page, Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/stock/receive")
    page.fill("#serials", f"{0xA0:020x}")
    page.fill("#count", "12")
    press(page)
    expect(page.locator(".big").first).to_have_text("12")
    page.goto(f"{desk.base}/desk/stock/cards/{0xA3:020x}")
    page.fill("#reason", "<b>scratched</b>")
    page.locator("#spoil button").click()
    expect(page.locator(".notice.good")).to_be_visible()
    page.goto(f"{desk.base}/desk/stock")
    press(page)
    page.fill("#counted", "10")
    press(page)
    expect(page.locator(".notice.wait")).to_contain_text("11")  # the books say 11
    expect(page.locator("#counted")).to_have_value("10")
    page.fill("#note", "one was taken for training")
    press(page)
    expect(page.locator(".days tbody tr")).to_have_count(1)
    expect(page.locator(".days td").nth(2)).to_have_text("-1")


def test_an_operator_is_appointed_locked_out_and_let_in_again(desk: Desk, look: Look) -> None:
    page = look(lang="en")
    desk.sign_in(page, Role.KEY_ADMINISTRATOR, "city")
    page.goto(f"{desk.base}/desk/people/appoint")
    page.fill("#display_name", "Li Wei")
    page.fill("#name", "li.wei")
    page.locator("input[name=role][value=registrar]").check(force=True)
    page.fill("#password", "short-but-12+")
    press(page)
    page.wait_for_url("**/people/*?receipt=*")
    new = look(lang="en")
    for _ in range(6):
        new.goto(f"{desk.base}/desk/sign-in")
        new.fill("#name", "li.wei")
        new.fill("#password", "wrong")
        press(new)
    expect(new.locator(".notice.bad")).to_contain_text("locked")
    page.reload()
    expect(page.locator(".facts")).to_contain_text("Locked until")
    page.fill("#password", PASSWORD)
    page.locator("#main button").click()
    page.wait_for_url("**told=password")
    new.fill("#password", PASSWORD)
    press(new)
    new.wait_for_url(f"{desk.base}/desk/")
    page.get_by_role("button", name="Shut out").click()
    page.wait_for_url("**told=disabled")
    new.goto(f"{desk.base}/desk/stock")
    expect(new).to_have_url(f"{desk.base}/desk/sign-in?next=%2Fdesk%2Fstock&ended=1")


def test_the_auditor_sees_every_act_and_whether_the_chain_holds(desk: Desk, look: Look) -> None:
    desk.house.approved(1)
    page = look(lang="en")
    desk.sign_in(page, Role.AUDITOR, "city")
    press(page)
    page.wait_for_url("**/audit")
    expect(page.locator("main")).to_contain_text("Approved")
    press(page)
    expect(page.locator(".notice.good")).to_contain_text("The chain holds")
    page.get_by_role("link", name="application:1").first.click()
    expect(page.locator("tbody tr")).to_have_count(4)
    with page.expect_download() as download:
        page.evaluate("document.querySelector('a[href=\"/api/v1/audit/export\"]').setAttribute('download', '')")
        page.locator("a[href='/api/v1/audit/export']").click()
    assert download.value.path().stat().st_size > 1000
