"""The life of a permit and its cards, walked by the pages in both languages and at both sizes. The cards are software;
they lie in a virtual reader of pcscd's and are written by the desk agent beside it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import resources
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import Page, expect

from issuer.domain.roles import Role
from issuer.photo_check import for_card
from tests.simulator.private_pcscd import PrivatePcscd

from . import pages_house
from .accessibility import serious
from .camera import Camera
from .conftest import CROSSED, LOOKS, Look
from .pages_house import BLANKS, READER, Desk, Reader, fill_in, press
from .pictures import save

PORTRAIT = resources.files("issuer.samples").joinpath("01-chen-xiaowen.jpg")
CAN = "246810"
CHIP = 15_000  # bytes for a photo
WRITING = 60_000  # milliseconds for a card
MIDDLE = 40  # commands: the photo is on its way


@pytest.fixture
def lent(tmp_path: Path, daemon: PrivatePcscd) -> Iterator[tuple[Desk, Reader]]:
    """A desk and its reader."""
    with pages_house.with_reader(tmp_path, daemon) as found:
        yield found


@dataclass(slots=True)
class Walk:
    """Somebody's permit, from the door to its end: a registrar's tab, and an approver's."""

    desk: Desk
    reader: Reader
    page: Page
    officer: Page
    lang: str
    size: str
    permit: str = ""
    slip: str = ""

    def shows(self, name: str, page: Page) -> None:
        """In the language of this walk, and no wider than its size."""
        expect(page.locator("html")).to_have_attribute("lang", "zh-CN" if self.lang == "zh" else "en")
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), f"{name} is too wide"
        if (self.lang, self.size) in CROSSED:
            save(page, f"{name}-{self.lang}-{self.size}")

    def fine(self, name: str) -> None:
        """That, and nothing about it keeps anybody out."""
        self.shows(name, self.page)
        if (self.lang, self.size) in CROSSED:
            assert serious(self.page) == [], name

    def submit(self, button: str = "main") -> None:
        self.page.click(f"#main button.{button}:not([type=button])")

    def sign_in(self) -> None:
        """In the morning, both."""
        self.desk.sign_in(self.page, Role.REGISTRAR)
        self.desk.sign_in(self.officer, Role.APPROVER)

    def open(self, act: str) -> None:
        """A page of the permit."""
        self.page.goto(f"{self.desk.base}/desk/permits/{self.permit}/{act}")

    def standing(self) -> str:
        answer = self.page.request.get(f"{self.desk.base}/api/v1/permits/{self.permit}")
        return str(answer.json()["standing"])

    def refused(self) -> None:
        expect(self.page.locator("#problem")).to_be_visible()

    def written(self) -> None:
        """The run is over and went well."""
        expect(self.page.locator(".next a.main")).to_be_visible(timeout=WRITING)
        assert self.page.locator(".plan li:not(.over)").count() == 0


@pytest.mark.parametrize(("lang", "size"), LOOKS)
def test_the_life_of_a_permit(lent: tuple[Desk, Reader], look: Look, camera: Camera, lang: str, size: str) -> None:
    walk = Walk(*lent, look(lang=lang, size=size), look(lang=lang, size=size), lang, size)
    walk.sign_in()
    if (lang, size) in CROSSED:
        registered_with_a_photo_from_the_camera(walk, camera)
        accepted_and_approved(walk)
    else:  # what no card lies on the reader for need not be walked in all four
        walk.slip = walk.desk.house.approved()["slip"]
        out_of_the_tray(walk)
    written_torn_and_written_on(walk)
    handed_over(walk, "handover")
    read_out_for_its_holder(walk)
    if (lang, size) in CROSSED:
        lost_and_found(walk)
    replaced(walk)
    endorsed_with_old_beside_new(walk)
    suspended_and_ended(walk)


def registered_with_a_photo_from_the_camera(walk: Walk, camera: Camera) -> None:
    page = walk.page
    press(page)
    fill_in(page)
    walk.submit()
    page.wait_for_url("**/documents?*")
    for item in ("identity-document", "proof-of-address", "proof-of-ground"):
        page.locator(f"input[value={item}]").check(force=True)
    press(page)
    page.wait_for_url("**/photo?*")

    camera.sees(Image.new("RGB", (600, 800), "white"))
    page.click("#open")
    page.click("#take")
    expect(page.locator("#looked")).to_have_attribute("data-state", "findings")  # a wall has no face
    page.reload()
    view = camera.sees(Image.open(BytesIO(PORTRAIT.read_bytes())))
    page.click("#open")
    expect(page.locator("#take")).to_be_focused()
    walk.fine("photo-camera")
    page.click("#take")
    expect(page.locator("#looked")).to_have_attribute("data-state", "good")
    walk.fine("photo-taken")
    walk.submit()
    shown = page.locator("img.portrait.large")
    expect(shown).to_be_visible()
    kept = page.request.get(f"{walk.desk.base}{shown.get_attribute('src')}").body()
    seen = BytesIO()
    view.save(seen, "JPEG", quality=95)
    assert difference(kept, for_card(seen.getvalue(), limit=CHIP)) < 5


def difference(one: bytes, other: bytes) -> float:
    """The mean difference of two pictures in the size of a stamp, 0 to 255."""
    small = [Image.open(BytesIO(picture)).convert("L").resize((30, 40)) for picture in (one, other)]
    return float(ImageStat.Stat(ImageChops.difference(*small)).mean[0])


def accepted_and_approved(walk: Walk) -> None:
    page = walk.page
    press(page)
    page.wait_for_url("**/entitlements")
    walk.shows("entitlements", page)
    press(page)
    walk.slip = page.locator(".slip").inner_text()
    walk.shows("accepted", page)
    approved(walk)


def approved(walk: Walk) -> None:
    """By a second officer; then the registrar takes it out of the tray."""
    officer = walk.officer
    officer.goto(f"{walk.desk.base}/desk/")
    press(officer)
    officer.wait_for_url("**/decide")
    walk.shows("decide", officer)
    press(officer)
    officer.wait_for_url("**/approvals?*")
    out_of_the_tray(walk)


def out_of_the_tray(walk: Walk) -> None:
    walk.page.goto(f"{walk.desk.base}/desk/queue?state=approved")
    walk.page.click("th a")


def written_torn_and_written_on(walk: Walk) -> None:
    """No card on the reader is told; one that is torn out in the middle is told, and goes on where it was."""
    page, reader = walk.page, walk.reader
    page.wait_for_url("**/card")
    assert page.is_checked(f"[name=reader][value={READER}]")  # the reader of this desk
    walk.submit()
    walk.refused()
    walk.fine("card-refused")
    blank = reader.lay(BLANKS[0])
    page.goto(page.url)
    page.click("details summary")
    page.fill("#can", CAN)
    walk.fine("card")
    blank.halt_after(MIDDLE)
    walk.submit()
    page.wait_for_url("**/desk/runs/*")
    blank.await_halt()
    expect(page.locator(".plan li.over").first).to_be_attached()
    expect(page.locator(".plan li.now")).to_have_count(1)
    walk.fine("run")
    reader.clear()
    expect(page.locator("[role=alert] .notice.bad")).to_be_visible(timeout=WRITING)
    walk.fine("run-torn")
    reader.lay(BLANKS[0])
    page.click("main form details summary")
    page.fill("#can", CAN)  # nobody keeps the number of a card that is not in force
    page.click("main button.main")
    walk.written()
    assert page.locator("#can").inner_text() == CAN
    walk.fine("run-done")


def handed_over(walk: Walk, name: str) -> None:
    page = walk.page
    page.click(".next a.main")
    page.wait_for_url("**/handover")
    walk.shows(name, page)
    page.check("[name=same]")
    page.fill("#slip", "1")
    walk.submit()
    walk.refused()
    page.check("[name=same]")
    page.fill("#slip", walk.slip)
    walk.submit()
    expect(page.locator(".next a.main")).to_be_visible()
    walk.fine(f"{name}-done")
    found = re.search(r"RP\d{10}", page.content())
    assert found is not None
    walk.permit = found.group()
    assert walk.standing() == "in-force"


def read_out_for_its_holder(walk: Walk) -> None:
    page = walk.page
    page.goto(f"{walk.desk.base}/desk/my-card")
    walk.fine("my-card")
    page.fill("#can", "000000")
    walk.submit()
    walk.refused()
    page.fill("#can", CAN)
    walk.submit()
    expect(page.get_by_text(walk.permit)).to_be_visible()
    assert page.locator(".sectors li").count() > 3
    assert CAN not in page.content()
    walk.fine("my-card-read")


def lost_and_found(walk: Walk) -> None:
    page = walk.page
    walk.open("report-lost")
    page.check("[value=phone]")
    walk.fine("lost")
    walk.submit()
    assert walk.standing() == "lost"
    walk.open("restore")
    page.check("[name=in_person]")  # nobody is believed on the telephone
    walk.shows("restore", page)
    walk.submit()
    assert walk.standing() == "in-force"


def replaced(walk: Walk) -> None:
    """The old card is taken back; while it still lies on the reader, nothing is written on it, and it is named."""
    page = walk.page
    walk.open("replace")
    page.check("[value=damaged]")
    walk.submit()
    walk.refused()  # where is the old card?
    page.check("[name=card_back]")
    walk.shows("replace", page)
    walk.submit()
    page.wait_for_url("**/desk/applications/*")
    walk.slip = page.locator(".slip").inner_text()
    walk.shows("replaced", page)
    approved(walk)
    page.wait_for_url("**/photo")
    page.set_input_files("#photo", str(PORTRAIT))
    expect(page.locator("#looked")).to_have_attribute("data-state", "good")
    walk.submit()
    press(page)
    page.wait_for_url("**/card")
    walk.submit()
    expect(page.locator("#problem")).to_contain_text(BLANKS[0])  # that one
    walk.shows("card-old", page)
    walk.reader.lay(BLANKS[1])
    walk.submit()
    page.wait_for_url("**/desk/runs/*")
    walk.written()
    expect(page.locator("#can")).to_have_text(re.compile(r"^[0-9]{6}$"))
    handed_over(walk, "handover-replacement")


def endorsed_with_old_beside_new(walk: Walk) -> None:
    page, house = walk.page, walk.desk.house
    walk.open("endorse")
    walk.refused()  # too early
    house.clock.pass_by(days=345)
    assert house.service.keys is not None
    house.service.keys.authority.refresh()
    walk.sign_in()
    walk.open("endorse")
    before = page.locator(".compare tbody tr").count()
    assert before
    page.click("details:has(#address) summary")
    page.fill("#address", "新城区玉兰路9号")
    page.click("[name=preview]:not([aria-hidden])")
    assert page.locator(".compare tbody tr").count() == before + 1
    assert page.input_value("#address") == "新城区玉兰路9号"
    walk.fine("endorse")
    walk.submit()
    page.wait_for_url("**/card?receipt=*")
    walk.fine("update")
    walk.reader.clear()
    walk.submit()
    expect(page.locator("[role=alert] .notice.bad, #problem")).to_be_visible(timeout=WRITING)
    walk.shows("update-refused", page)
    walk.reader.lay(BLANKS[1])
    page.click("main button.main")
    walk.written()
    assert page.locator("table tbody tr").count() >= 2
    walk.fine("endorsed")


def suspended_and_ended(walk: Walk) -> None:
    """By revocation in two of the looks, by death in the other two."""
    page = walk.page = walk.officer
    walk.open("suspend")
    page.fill("#reason", "a check")
    walk.shows("suspend", page)
    walk.submit()
    assert walk.standing() == "suspended"
    if LOOKS.index((walk.lang, walk.size)) in (0, 3):
        walk.open("revoke")
        page.fill("#reason", "obtained by fraud")
        ended = "revoked"
    else:
        walk.open("terminate")
        page.check("[value=death]")
        ended = "terminated"
    walk.fine(ended)
    walk.submit("danger")
    page.wait_for_url("**receipt=*")
    assert walk.standing() == ended


def test_readers_are_seen(lent: tuple[Desk, Reader], look: Look) -> None:
    """What lies where, as the agent sees it."""
    desk, reader = lent
    page = look(lang="en")
    desk.sign_in(page, Role.REGISTRAR)
    line = page.locator("tbody tr", has_text=READER)
    seen: list[str] = []
    acts: tuple[Callable[[], object], ...] = (lambda: None, lambda: reader.lay(BLANKS[0]), reader.clear)
    for act in acts:
        act()
        page.goto(f"{desk.base}/desk/readers")
        assert page.locator("tbody tr").count() == 2
        seen.append(line.locator(".badge").inner_text())
    assert seen[0] == seen[2] != seen[1]
    save(page, "readers")
    assert serious(page) == []


def test_a_page_without_script_shows_how_far_it_is(lent: tuple[Desk, Reader], look: Look) -> None:
    desk, reader = lent
    page = look(lang="en", script=False)
    desk.sign_in(page, Role.REGISTRAR)
    found = desk.house.approved()
    reader.lay(BLANKS[0])
    page.goto(f"{desk.base}/desk/applications/{found['application']}/card")
    page.click("#main button.main")
    page.wait_for_url("**/desk/runs/*")
    expect(page.locator("#can")).to_be_visible(timeout=WRITING)
