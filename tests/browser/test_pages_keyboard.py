"""Enter does what the page is for: the first button of a form in the order of the page is the one that it presses."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from issuer.acts import staff
from issuer.domain.roles import Role
from tests.service import house as houses

from . import pages_house
from .conftest import Look
from .pages_house import PASSWORD, Desk

FIRST = """form => {
    const first = [...form.elements].find(one => one.type === "submit");
    return first === undefined ? "" : first.name;
}"""


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(staff, "_hasher", lambda: houses.CHEAP)
    with pages_house.served(tmp_path) as served:
        yield served


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_enter_signs_in_and_sends(desk: Desk, look: Look, lang: str) -> None:
    page = look(lang=lang)
    name = desk.name(Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/sign-in")
    language = page.locator("html").get_attribute("lang")
    page.keyboard.type(name)
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{desk.base}/desk/")
    for path in ("registration", "my-card", "stock/close"):
        page.goto(f"{desk.base}/desk/{path}")
        assert page.locator("html").get_attribute("lang") == language
        assert page.locator("form#main").evaluate(FIRST) != "_language", path
    page.goto(f"{desk.base}/desk/registration")
    page.locator("#name_native").press("Enter")  # not all that is asked for is there: the browser says so
    expect(page.locator("html")).to_have_attribute("lang", language or "")
