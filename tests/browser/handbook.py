"""`python -m tests.browser.handbook`: the pictures of the operator's handbook, taken anew in the house of `make demo`.

In each language somebody is registered, photographed, approved, gets a card and loses it; what the pages show on the
way is what the handbook shows. Every person is invented, every portrait drawn.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from issuer.demo import house, people

from .conftest import LOCALES, PATIENCE, SIZES

PICTURES = Path(__file__).parents[2] / "docs" / "pictures"
PHOTO = resources.files("issuer.samples").joinpath("01-chen-xiaowen.jpg")
WIDTH = 900  # pixels of a picture
HEIGHT = 840  # at most; the rest of a long page is not shown
COLOURS = 256
PERSON = {
    "personal_number": "00000019910417002X",
    "name_native": "陈晓雯",
    "latin_surname": "CHEN",
    "latin_given": "XIAOWEN",
    "nationality": "UTO",
    "residence_since": "2024-03-01",
    "address": "乌托邦省示例市新城区梧桐街道书香里8号2单元301室",
}
FACTS = ("employment", "home", "social_insurance")
SOON = 60_000  # milliseconds for what other processes do


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell"), args=["--no-sandbox"]
        )
        for lang in LOCALES:
            with tempfile.TemporaryDirectory() as folder, _opened(Path(folder)) as desk:
                _Walk(browser, desk, lang).go()
        browser.close()


@contextmanager
def _opened(folder: Path) -> Iterator[str]:
    house.HERE = folder / "house"
    with house.opened() as (_, _page, doors):
        yield doors[house.DESK]


def fill_in(page: Page) -> None:
    """Whoever comes into the house, on the page of the registration."""
    for name, value in PERSON.items():
        page.fill(f"#{name}", value)
    page.fill("#birth_date", "1991-04-17")
    page.locator("input[name=sex][value=F]").check(force=True)
    page.locator("input[name=ground][value=employment]").check(force=True)
    for fact in FACTS:
        page.fill(f"#fact_{fact}", "2024-03-01")
    page.select_option("#fact_home_kind", "rented")


class _Walk:
    """One tab, in one language."""

    def __init__(self, browser: Browser, desk: str, lang: str) -> None:
        context = browser.new_context(viewport=SIZES["desk"], locale=LOCALES[lang], reduced_motion="reduce")
        context.set_default_timeout(PATIENCE)
        self._page, self._desk, self._lang = context.new_page(), desk, lang

    def go(self) -> None:
        page = self._page
        self._sign_in(people.REGISTRAR)
        self._take("today")
        application, slip = self._accepted()
        self._sign_in(people.APPROVER)
        page.goto(f"{self._desk}applications/{application}/decide")
        self._take("decide")
        self._next()
        page.wait_for_url("**/approvals?*")
        self._sign_in(people.REGISTRAR)
        permit = self._in_hand(application, slip)
        if self._lang == "en":  # the Chinese handbook says it in a line
            page.goto(f"{self._desk}permits/{permit}/report-lost")
            self._take("lost")
        page.goto(f"{self._desk}stock")
        self._take("stock")
        self._sign_in(people.ADMINISTRATOR)
        page.goto(f"{self._desk}keys")
        self._take("keys")

    def _accepted(self) -> tuple[str, str]:
        """Registered, photographed, accepted: the application's number, and what stands on the slip."""
        page = self._page
        self._next()
        fill_in(page)
        self._take("registration")
        page.locator("#main button.main").last.click()
        page.wait_for_url("**/documents?*")
        for item in ("identity-document", "proof-of-address", "proof-of-ground"):
            page.locator(f"input[value={item}]").check(force=True)
        self._next()
        page.wait_for_url("**/photo?*")
        page.set_input_files("#photo", str(PHOTO))
        page.wait_for_selector("#looked[data-state=good], #looked[data-state=findings]")
        self._take("photo")
        page.locator("#main button.main[accesskey=s]").click()
        expect(page.locator("img.portrait.large")).to_be_visible()
        self._next()
        page.wait_for_url("**/entitlements")
        self._take("entitlements")
        self._next()
        slip = page.locator(".slip").inner_text()
        number = re.search(r"/applications/(\d+)", page.url)
        assert number is not None
        return number[1], slip

    def _in_hand(self, application: str, slip: str) -> str:
        """Written, handed over, read out for the holder: the permit's number."""
        page = self._page
        page.goto(f"{self._desk}applications/{application}/card")
        self._next()
        page.wait_for_url("**/runs/*")
        expect(page.locator("#can")).to_be_visible(timeout=SOON)
        can = page.locator("#can").inner_text()
        self._take("written")
        self._next()
        page.check("[name=same]")
        page.fill("#slip", slip)
        self._take("handover")
        page.click("#main button.main")
        expect(page.locator(".notice.good").first).to_be_visible()
        permit = re.search(r"RP\d{10}", page.content())
        assert permit is not None
        page.goto(f"{self._desk}my-card")
        page.fill("#can", can)
        page.click("#main button.main")
        expect(page.locator(".sectors li").first).to_be_visible(timeout=SOON)
        self._take("my-card")
        return permit.group()

    def _sign_in(self, name: str) -> None:
        page = self._page
        page.context.clear_cookies()
        page.goto(f"{self._desk}sign-in")
        page.fill("#name", name)
        page.fill("#password", people.PASSWORD)
        page.fill("#desk", people.READER)
        page.click("main button.main")
        page.wait_for_url("**/desk/")

    def _next(self) -> None:
        self._page.locator("main .button.main").first.click()

    def _take(self, name: str) -> None:
        """What the page's middle shows, from its top, as docs/pictures/handbook-NAME-LANG.png."""
        page = self._page
        page.evaluate("document.activeElement?.blur()")
        raw = page.locator("main").screenshot(animations="disabled")
        picture = Image.open(BytesIO(raw)).convert("RGB")
        scale = WIDTH / picture.width
        picture = picture.resize((WIDTH, round(picture.height * scale)), Image.Resampling.LANCZOS)
        picture = picture.crop((0, 0, WIDTH, min(picture.height, HEIGHT)))
        path = PICTURES / f"handbook-{name}-{self._lang}.png"
        picture.quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size:,} bytes", flush=True)


if __name__ == "__main__":
    main()
