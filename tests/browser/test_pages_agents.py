"""The pages of desk agents: a token shown once, what links by it, and its end; by whom."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from issuer.domain.roles import Role

from . import pages_house
from .accessibility import serious
from .conftest import Look
from .pages_house import Desk
from .pictures import save


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An office with a reader beside the service, at which nobody looks."""
    with pages_house.served(tmp_path, PERMIT_READERS=f"beside=image:{tmp_path / 'none.img'}") as served:
        yield served


def _fine(page: Page, name: str) -> None:
    save(page, name)
    assert serious(page) == []


@pytest.mark.parametrize(("lang", "size"), [("zh", "desk"), ("en", "tablet")])
def test_a_desk_gets_its_token_once_and_loses_it(desk: Desk, look: Look, lang: str, size: str) -> None:
    page = look(lang=lang, size=size)
    desk.sign_in(page, Role.KEY_ADMINISTRATOR, "city", desk="")
    page.goto(f"{desk.base}/desk/people")
    page.click("a[href='/desk/people/agents']")
    page.click("a[href='/desk/people/agents/new']")
    page.fill("#name", "beside")  # the name of a reader that is there already
    page.fill("#desk", "desk-3")
    page.select_option("#district", str(desk.house.places["community"]))
    _fine(page, f"desk-agents-new-{lang}-{size}")
    page.click("#main button.main")
    expect(page.locator("#problem")).to_be_visible()
    assert page.input_value("#desk") == "desk-3"

    page.fill("#name", "window-3")
    page.click("#main button.main")
    token = page.locator("#token").inner_text()
    assert desk.house.service.agents.admit(token) is not None
    expect(page.locator("#command")).to_contain_text(f"--server {desk.base} --token-file /etc/permit-desk/token")
    assert token not in page.url
    page.evaluate("document.querySelector('#token').textContent = '·'.repeat(43)")  # no token in a picture
    _fine(page, f"desk-agents-token-{lang}-{size}")

    page.reload()  # the same form again, to the same effect, and without the token
    expect(page.locator("#token")).to_have_count(0)
    assert token not in page.content()
    page.goto(f"{desk.base}/desk/people/agents")
    assert token not in page.content()
    row = page.locator("tbody tr", has_text="window-3")
    expect(row).to_have_count(1)
    expect(row).to_contain_text("desk-3")
    _fine(page, f"desk-agents-{lang}-{size}")

    row.locator("a").click()
    _fine(page, f"desk-agents-revoke-{lang}-{size}")
    assert desk.house.service.agents.admit(token) is not None  # looking at it does nothing
    page.click("main form button.danger")
    expect(page.locator(".notice.good")).to_be_visible()
    expect(page.locator("tbody tr .badge.bad")).to_have_count(1)
    expect(page.locator("tbody tr a")).to_have_count(0)
    assert desk.house.service.agents.admit(token) is None


def test_an_auditor_looks_and_a_registrar_does_not(desk: Desk, look: Look) -> None:
    administrator = desk.house.as_(Role.KEY_ADMINISTRATOR)
    body = {"name": "window-9", "desk": "desk-9", "district": desk.house.places["other"], "days": 30}
    desk.house.act(administrator, "/agents", body)
    page = look(lang="en")
    desk.sign_in(page, Role.AUDITOR, "city", desk="")
    page.goto(f"{desk.base}/desk/readers")
    line = page.locator("tbody tr", has_text="beside")
    expect(line).to_contain_text("beside the service")
    expect(line.locator(".badge")).to_have_count(0)
    _fine(page, "desk-readers-local-en-desk")
    page.click("main a[href='/desk/people/agents']")
    expect(page.locator("tbody tr", has_text="window-9")).to_contain_text(re.compile("not linked"))
    expect(page.locator("main a[href$='/new'], main a[href$='/revoke']")).to_have_count(0)
    for path in ("new", "1/revoke"):
        answer = page.goto(f"{desk.base}/desk/people/agents/{path}")
        assert answer is not None
        assert answer.status == 403
    desk.sign_in(page, Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/readers")
    expect(page.locator("main a[href='/desk/people/agents']")).to_have_count(0)
    answer = page.goto(f"{desk.base}/desk/people/agents")
    assert answer is not None
    assert answer.status == 403
