"""Every page that a role can come to by links: it is there, and says dates and numbers in one form."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from issuer.domain.roles import Role
from tests.service import house as houses
from tests.service.house import PASSWORD, ROLES, House
from tests.service.test_service_repeated import in_force, new_rules
from tests.store.conftest import database

ISO = re.compile(r"(?<![0-9A-Za-z-])20[0-9]{2}-[0-9]{2}-[0-9]{2}(?![0-9])")
ENGLISH = re.compile(r"\b[0-9]{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) 20[0-9]{2}")
CHINESE = re.compile(r"[0-9]{4}年")
PLURAL = re.compile(r"(?<![\w.,:])1 (?:days|cards|blank cards|months|years|holders|applications|records|services)\b")
ELSEWHERE = ("/desk/sign-", "/desk/static", "/desk/language")


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An office where something of everything is under way; one database is as good as another here."""
    with database("sqlite", tmp_path) as url, houses.opened(tmp_path, url) as opened:
        permit = in_force(opened)
        opened.registered(2)
        opened.accepted(3)
        opened.approved(4)
        opened.blanks(*(f"{number:020x}" for number in range(0xA0, 0xA2)))
        new_rules(opened)
        opened.clock.pass_by(days=340)
        opened.people = dict.fromkeys(opened.people, "")
        registrar = opened.as_(Role.REGISTRAR, "community")
        opened.act(registrar, f"/permits/{permit}/endorse", {})
        administrator = opened.as_(Role.KEY_ADMINISTRATOR)
        opened.act(administrator, "/agents", {"name": "window-9", "desk": "desk-9", "district": 1})
        yield opened


def browser(house: House, role: Role, place: str, lang: str) -> TestClient:
    """Somebody who has signed in by the page."""
    house.as_(role, place)
    opened = TestClient(house.app, headers={"Accept-Language": lang})
    door = opened.get("/desk/sign-in").text
    found = re.search(r'name="_csrf" value="([^"]+)"', door)
    assert found is not None
    form = {"_csrf": found[1], "name": f"{role.value}.{place}.1", "password": PASSWORD, "desk": "desk-1"}
    assert opened.post("/desk/sign-in", data=form).status_code == 200
    return opened


def pages(opened: TestClient) -> Iterator[tuple[str, Any]]:
    """All that links lead to, from the first page on; lists go on for three pages at most."""
    waiting, seen = ["/desk/"], {"/desk/"}
    while waiting:
        path = waiting.pop()
        answer = opened.get(path)
        yield path, answer
        if "html" not in answer.headers["content-type"]:
            continue
        for href in re.findall(r'<a [^>]*?href="([^"]+)"', answer.text):
            link = html.unescape(href).partition("#")[0]
            link = path.partition("?")[0] + link if link.startswith("?") else link
            if link.startswith("/desk/") and not link.startswith(ELSEWHERE) and link not in seen and len(seen) < 300:
                seen.add(link)
                waiting.append(link)


def visible(text: str) -> str:
    """What is read on the page; not documents and commands as they are."""
    text = re.sub(r"(?s)<(script|style|pre|code)\b.*?</\1>", " ", text.partition("<main")[2])
    return html.unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text)))


def test_whoever_appoints_agents_sees_their_readers(house: House) -> None:
    with browser(house, Role.KEY_ADMINISTRATOR, "city", "en") as opened:
        reached = [path for path, _ in pages(opened)]
    assert "/desk/readers" in reached
    assert house.as_(Role.KEY_ADMINISTRATOR).get("/api/v1/readers").status_code == 200


@pytest.mark.parametrize("role", ROLES)
def test_every_link_leads_somewhere_and_every_page_says_dates_one_way(house: House, role: Role) -> None:
    place = "city" if role in (Role.AUDITOR, Role.KEY_ADMINISTRATOR) else "community"
    wrong: list[tuple[str, str]] = []
    for lang, other in (("en", CHINESE), ("zh", ENGLISH)):
        with browser(house, role, place, lang) as opened:
            walked = 0
            for path, answer in pages(opened):
                walked += 1
                if answer.status_code != 200:
                    wrong.append((path, str(answer.status_code)))
                told = visible(answer.text)
                wrong += [(path, found[0]) for rule in (ISO, other, PLURAL) for found in rule.finditer(told)]
        assert walked > 12, (role, walked)
    assert wrong == []
