"""A newcomer in the house of `make demo`: by what the pages say, from somebody at the desk to a card that a hospital
and a school have seen; then the card is lost, and both counters know."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from issuer.demo import house, people

from .accessibility import serious
from .conftest import Look
from .handbook import PHOTO, fill_in
from .pictures import save

SOON = 60_000  # milliseconds for what other processes do


class _House:
    """The doors, and one browser tab behind each."""

    def __init__(self, look: Look, doors: dict[str, str], table: str) -> None:
        self.doors = doors
        self.table = look(lang="en")
        self.table.goto(table)
        self.desk = look(lang="en")
        self.counters = {name: look(lang="en") for name in house.SECTORS}
        for name, page in self.counters.items():
            page.goto(doors[name])

    def put(self, card: int, place: str) -> None:
        """By the hand that the table's page is."""
        titles = {"Desk": "desk", "Hospital": "hospital", "School": "school", "": "on the table"}
        self.table.locator(f".card:nth-child({card})").get_by_role("button", name=titles[place]).click()

    def sign_in(self, name: str) -> Page:
        page = self.desk
        page.goto(self.doors["Desk"].replace("/desk/", "/desk/sign-in"))
        page.fill("#name", name)
        page.fill("#password", people.PASSWORD)
        page.fill("#desk", people.READER)
        page.click("main button.main")
        return page


@pytest.fixture
def open_house(look: Look, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[_House]:
    monkeypatch.setattr(house, "HERE", tmp_path / "house")
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", "")  # put back afterwards
    with house.opened() as (_, page, doors):
        yield _House(look, doors, page.address)


def _next(page: Page) -> None:
    page.locator("main .button.main").first.click()


def test_from_the_door_to_the_counters(open_house: _House) -> None:
    page = open_house.sign_in(people.REGISTRAR)
    save(page, "house-today")
    save(open_house.table, "house-table")
    assert serious(open_house.table) == []
    _next(page)
    fill_in(page)
    page.get_by_role("button", name="Register,").click()
    page.wait_for_url("**/documents?*")
    for item in ("identity-document", "proof-of-address", "proof-of-ground"):
        page.locator(f"input[value={item}]").check(force=True)
    _next(page)
    page.wait_for_url("**/photo?*")
    page.set_input_files("#photo", str(PHOTO))
    page.wait_for_selector("#looked[data-state=good], #looked[data-state=findings]")
    page.get_by_role("button", name="Use this photo").click()
    expect(page.locator("img.portrait.large")).to_be_visible()
    _next(page)
    page.wait_for_url("**/entitlements")
    _next(page)
    slip = page.locator(".slip").inner_text()
    number = re.search(r"/applications/(\d+)", page.url)
    assert number is not None

    page = open_house.sign_in(people.APPROVER)
    page.goto(f"{open_house.doors['Desk']}applications/{number[1]}/decide")
    _next(page)
    page.wait_for_url("**/approvals?*")

    page = open_house.sign_in(people.REGISTRAR)
    page.goto(f"{open_house.doors['Desk']}applications/{number[1]}/card")
    _next(page)  # the blank lies on the desk's reader
    page.wait_for_url("**/runs/*")
    expect(page.locator("#can")).to_be_visible(timeout=SOON)
    can = page.locator("#can").inner_text()
    save(page, "house-written")
    _next(page)
    page.check("[name=same]")
    page.fill("#slip", slip)
    page.click("#main button.main")
    expect(page.locator(".notice.good").first).to_be_visible()
    permit = re.search(r"RP\d{10}", page.content())
    assert permit is not None

    letters = {"Hospital": {"H"}, "School": {"E"}}
    for name, counter in open_house.counters.items():
        open_house.put(1, name)
        _read(counter, can)
        assert {code[0] for code in _codes(counter)} <= letters[name]
        expect(counter.locator("#facet-genuine")).to_have_attribute("data-outcome", "passed")
        expect(counter.locator("#facet-current")).to_have_attribute("data-outcome", "passed")
        save(counter, f"house-{name.lower()}")
        open_house.put(1, "")
        expect(counter.locator("main")).to_have_attribute("data-phase", "empty", timeout=SOON)

    page.goto(f"{open_house.doors['Desk']}permits/{permit.group()}/report-lost")
    page.check("[value=phone]")
    page.click("#main button.main")
    page.wait_for_url("**receipt=*")
    for name, counter in open_house.counters.items():
        for _ in range(20):  # the list is published and brought to the counters by timers
            open_house.put(1, name)
            _read(counter, can)
            if counter.locator("#facet-current").get_attribute("data-outcome") == "failed":
                break
            open_house.put(1, "")
            counter.wait_for_timeout(2_000)
        expect(counter.locator("#facet-current")).to_have_attribute("data-outcome", "failed")
        save(counter, f"house-{name.lower()}-lost")


def _read(counter: Page, can: str) -> None:
    expect(counter.locator("main")).to_have_attribute("data-phase", "ask", timeout=SOON)
    counter.locator("#can").type(can)
    counter.keyboard.press("Enter")
    expect(counter.locator("main")).to_have_attribute("data-phase", "verdict", timeout=SOON)


def _codes(counter: Page) -> list[str]:
    found: list[str] = counter.locator(".services [data-code]").evaluate_all("all => all.map(one => one.dataset.code)")
    return found
