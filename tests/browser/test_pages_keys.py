"""The page of the keys over a real authority: the picture and the lists say what `permit-keys status` says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest
from playwright.sync_api import expect

from issuer.domain.roles import Role
from keys.cli import main as permit_keys

from . import pages_house
from .accessibility import serious
from .conftest import Look
from .pages_house import Desk
from .pictures import save


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """An office whose authority has made its keys."""
    settings = tmp_path / "authority.json"
    settings.write_text(
        json.dumps(json.loads(resources.files("issuer.samples").joinpath("authority.json").read_text("utf-8")))
    )
    secret = tmp_path / "passphrase"
    secret.write_text("of this test only\n")
    secret.chmod(0o600)
    home = tmp_path / "home"
    arguments = ["init", "--authority", str(settings), "--home", str(home), "--passphrase-file", str(secret)]
    assert permit_keys(arguments) == 0
    with pages_house.served(home, PERMIT_PASSPHRASE_FILE=str(secret)) as served:
        served.house.clock.now = datetime.now(UTC)  # the keys were made just now
        yield served


@pytest.mark.parametrize(("lang", "size"), [("zh", "desk"), ("en", "tablet")])
def test_keys_are_seen_over_time_and_lists_published(desk: Desk, look: Look, lang: str, size: str) -> None:
    page = look(lang=lang, size=size)
    desk.sign_in(page, Role.KEY_ADMINISTRATOR, "city")
    page.goto(f"{desk.base}/desk/keys")
    picture = page.locator(".white img")
    expect(picture).to_be_visible()
    assert page.evaluate("document.querySelector('.white img').naturalWidth") > 1000
    assert page.locator("tbody tr").count() > 6
    assert serious(page) == []
    save(page, f"desk-keys-real-{lang}-{size}")
    page.locator("form[action$='/keys/checkpoint'] button").click()
    expect(page.locator(".notice.good")).to_be_visible()
    page.locator("form[action$='/keys/publish'] button").click()
    expect(page.locator(".notice.good")).to_contain_text("0")
