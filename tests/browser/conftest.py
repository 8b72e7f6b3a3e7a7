"""A real browser for pages: Debian's chromium, driven by Playwright, at the sizes of a desk and of a tablet."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from types import MappingProxyType
from typing import Protocol

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from card_profiles.readers.virtual_pcscd import SOCKET_VARIABLE
from tests.simulator.private_pcscd import PrivatePcscd

from .camera import Camera

INSTALL = "install the browser that the page tests need: apt-get install -y chromium-headless-shell fonts-wqy-zenhei"
SIZES = MappingProxyType(
    {"desk": {"width": 1280, "height": 800}, "tablet": {"width": 820, "height": 1180}},
)
LOCALES = MappingProxyType({"zh": "zh-CN", "en": "en-GB"})
LOOKS = tuple((lang, size) for lang in LOCALES for size in SIZES)
CROSSED = LOOKS if os.environ.get("SOAK") else (("zh", "desk"), ("en", "tablet"))  # each language, each size
PATIENCE = 15_000  # milliseconds that anything on a page may take on a busy machine


class Look(Protocol):
    """Opens a page in a context of its own: no cookie is shared between two of them."""

    def __call__(self, *, lang: str = "zh", size: str = "desk", script: bool = True) -> Page: ...


@pytest.fixture(scope="package")
def camera(tmp_path_factory: pytest.TempPathFactory) -> Camera:
    """What the browser has for a camera. It sees a wall until a test says what else."""
    return Camera(tmp_path_factory.mktemp("camera") / "film.mjpeg")


@pytest.fixture(scope="package")
def daemon() -> Iterator[PrivatePcscd]:
    """A pcscd with a virtual reader for the desks of this folder. Its agents are led to it, this process is not."""
    found = PrivatePcscd()
    try:
        with pytest.MonkeyPatch.context() as patched:
            patched.setenv(SOCKET_VARIABLE, str(found.socket_path))
            found.start()
        yield found
    finally:
        found.close()


@pytest.fixture(scope="package")
def chromium(camera: Camera) -> Iterator[Browser]:
    """Debian's chromium, the headless shell of it. Loopback is all it talks to: names outside do not resolve.

    Closed after this folder: Playwright's loop runs in the thread of the tests, where others want their own.
    """
    program = shutil.which("chromium-headless-shell")
    if program is None:
        pytest.fail(INSTALL, pytrace=False)
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program,
            args=[
                "--no-sandbox",
                "--disable-dev-shm-usage",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
                *camera.arguments,
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def look(chromium: Browser) -> Iterator[Look]:
    """A page in a language and at a size. A script error on any of them, or one that CSP refused, fails the test."""
    faults: list[str] = []
    with ExitStack() as contexts:

        def open_page(*, lang: str = "zh", size: str = "desk", script: bool = True) -> Page:
            context = chromium.new_context(
                viewport=SIZES[size], locale=LOCALES[lang], java_script_enabled=script, reduced_motion="reduce"
            )
            contexts.callback(context.close)
            context.set_default_timeout(PATIENCE)
            page = context.new_page()
            page.on("pageerror", lambda error: faults.append(f"script: {error}"))
            page.on(
                "console",
                lambda told: faults.append(told.text) if "Content Security Policy" in told.text else None,
            )
            return page

        yield open_page
    assert not faults
