"""A form that is sent when the session is over: the same person gets it back, nobody else does, and nothing is done."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select
from starlette.testclient import TestClient

from issuer.domain.roles import Role
from issuer.pages import kept
from issuer.pages.app import HERE
from issuer.store.models.operations import AuditRecord, IdempotencyKey
from issuer.store.models.people import Holder
from tests.service import house as houses
from tests.service.house import PASSWORD, House
from tests.store.conftest import database

Open = Callable[[], TestClient]
Answer = Any
REGISTRATION = "/desk/registration"
NAME = "<陈>\"'&晓雯"
PERSON = {
    "name_native": NAME,
    "latin_surname": "chen",
    "latin_given": "xiaowen",
    "sex": "F",
    "birth_date": "1991-04-17",
    "nationality": "UTO",
    "address": "新城区梧桐街道书香里8号2单元301室",
    "residence_since": "2024-03-01",
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An office; one database is as good as another here."""
    with database("sqlite", tmp_path) as url, houses.opened(tmp_path, url) as opened:
        yield opened


@pytest.fixture
def browser(house: House) -> Iterator[Open]:
    """A browser of its own each time: its cookies, and no redirect followed."""
    opened: list[TestClient] = []

    def open_one() -> TestClient:
        opened.append(TestClient(house.app, headers={"Accept-Language": "en"}, follow_redirects=False))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


def hidden(answer: Answer, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', answer.text)
    assert found is not None, (name, answer.text)
    return found[1]


def sign_in(house: House, browser: TestClient, number: int = 1, door: Answer | None = None) -> Answer:
    """By the page; `door` is the page of the sign-in as it was last shown, with all that it carries."""
    house.as_(Role.REGISTRAR, "community", number)
    door = door or browser.get("/desk/sign-in")
    form = {name: hidden(door, name) for name in ("_csrf", "next", "kept") if f'name="{name}"' in door.text}
    name = f"registrar.community.{number}"
    return browser.post("/desk/sign-in", data=form | {"name": name, "password": PASSWORD, "desk": "desk-1"})


def too_late(house: House, browser: TestClient, **more: str) -> Answer:
    """Somebody fills in the registration; their session ends; they send it."""
    assert sign_in(house, browser).status_code == 303
    page = browser.get(REGISTRATION)
    house.clock.pass_by(minutes=house.service.settings.idle_minutes + 1)
    form = PERSON | {"district": str(house.places["community"]), "_csrf": hidden(page, "_csrf"), "_key": "k" * 32}
    return browser.post(REGISTRATION, data=form | more)


def again(browser: TestClient, between: Answer, path: str = REGISTRATION) -> Answer:
    """What the page after the sign-in sends by itself."""
    assert f'action="{path}"' in between.text
    return browser.post(path, data={name: hidden(between, name) for name in ("_csrf", "_kept")})


def operator(house: House, browser: TestClient) -> int:
    present = house.service.sessions.present(browser.cookies[house.service.cookie])
    assert present is not None
    return present.actor.operator


def count(house: House, model: type) -> int:
    with house.service.store.read() as transaction:
        return transaction.scalar(select(func.count()).select_from(model)) or 0


def test_the_same_person_gets_the_form_back_and_sends_it_with_a_click(house: House, browser: Open) -> None:
    desk = browser()
    door = too_late(house, desk)
    assert door.status_code == 401
    assert "what you typed is kept" in door.text
    between = sign_in(house, desk, door=door)
    assert between.status_code == 200
    done = count(house, AuditRecord)
    form = again(desk, between)
    assert form.status_code == 200
    assert "nothing was done" in form.text
    assert 'value="&lt;陈&gt;&#34;&#39;&amp;晓雯"' in form.text
    assert 'value="1991-04-17"' in form.text
    assert re.search(r'name="sex" value="F" checked', form.text)
    assert (count(house, Holder), count(house, IdempotencyKey), count(house, AuditRecord)) == (0, 0, done)
    sent = PERSON | {"district": str(house.places["community"])}
    sent |= {name: hidden(form, name) for name in ("_csrf", "_key")}
    assert desk.post(REGISTRATION, data=sent).status_code == 303
    assert count(house, Holder) == 1


def test_the_csrf_token_is_the_new_sessions(house: House, browser: Open) -> None:
    desk = browser()
    door = too_late(house, desk)
    old = count(house, Holder)
    between = sign_in(house, desk, door=door)
    sealed = hidden(between, "_kept")
    for forged in ({}, {"_csrf": ""}, {"_csrf": hidden(door, "_csrf")}):
        refused = desk.post(REGISTRATION, data=forged | {"_kept": sealed})
        assert refused.status_code == 403
        assert "晓雯" not in refused.text
    assert count(house, Holder) == old


def test_another_person_at_the_same_browser_gets_nothing(house: House, browser: Open) -> None:
    desk = browser()
    door = too_late(house, desk)
    other = sign_in(house, desk, number=2, door=door)
    assert other.status_code == 303
    assert other.headers["location"] == REGISTRATION
    page = desk.get(REGISTRATION)
    assert "晓雯" not in page.text
    forged = desk.post(REGISTRATION, data={"_csrf": hidden(page, "_csrf"), "_kept": hidden(door, "kept")})
    assert forged.status_code == 200
    assert "晓雯" not in forged.text
    assert "What you had typed" not in forged.text


def test_the_page_at_the_door_shows_nothing_of_it(house: House, browser: Open) -> None:
    """Neither in words nor in its source, nor in an address; wrong passwords and the other language change nothing."""
    desk = browser()
    door = too_late(house, desk, personal_number="110101199104170022")
    switched = desk.post("/desk/sign-in", data={"_language": "zh", "kept": hidden(door, "kept"), "next": REGISTRATION})
    wrong = desk.post(
        "/desk/sign-in",
        data={"_csrf": hidden(door, "_csrf"), "name": "registrar.community.1", "password": "no", "kept": "", "next": ""}
        | {name: hidden(door, name) for name in ("kept", "next")},
    )
    for answer in (door, switched, wrong):
        assert "晓雯" not in answer.text
        assert "110101199104170022" not in answer.text
        assert hidden(answer, "kept") == hidden(door, "kept")
        assert answer.headers["cache-control"] == "no-store"
        assert not any("kept" in cookie for cookie in answer.headers.get_list("set-cookie"))
    assert "kept" not in str(sign_in(house, desk, door=wrong).url)


def test_passwords_and_numbers_of_card_and_slip_are_never_kept(house: House, browser: Open) -> None:
    secrets = {"password": "secret-of-a-person", "can": "314159", "slip": "2718281828"}
    desk = browser()
    between = sign_in(house, desk, door=too_late(house, desk, **secrets))
    found = kept.opened(house.service, operator(house, desk), REGISTRATION, hidden(between, "_kept"))
    assert found is not None
    names = {name for name, _ in found.fields}
    assert names >= {"name_native", "sex"}
    assert not names & secrets.keys()
    assert not any(name.startswith("_") for name in names)


def test_every_field_for_a_password_or_a_number_of_a_card_is_among_those() -> None:
    for path in sorted(Path(HERE / "templates").glob("*.html")):
        text = path.read_text("utf-8")
        for name, rest in re.findall(r'ui\.field\("([a-z_]+)"([^\n]*?)\)\s*\}\}', text):
            if 'type="password"' in rest or "CAN" in rest or '.can"' in rest or '.slip"' in rest:
                assert name in kept.NEVER, (path.name, name)


@pytest.mark.parametrize("harm", ["other page", "changed", "shortened", "too old", "new password", "nonsense", "long"])
def test_what_is_not_as_it_was_sealed_opens_nothing(house: House, browser: Open, harm: str) -> None:
    desk = browser()
    between = sign_in(house, desk, door=too_late(house, desk))
    sealed, path, csrf = hidden(between, "_kept"), REGISTRATION, hidden(between, "_csrf")
    if harm == "other page":
        path = "/desk/endorsements"
    elif harm == "changed":
        sealed = sealed[:40] + ("A" if sealed[40] != "A" else "B") + sealed[41:]
    elif harm == "shortened":
        sealed = sealed[:8]
    elif harm == "too old":
        house.clock.pass_by(minutes=20)
        assert desk.get("/desk/").status_code == 200  # somebody is there
        house.clock.pass_by(minutes=20)
        assert desk.get("/desk/").status_code == 200
        house.clock.pass_by(minutes=25)
    elif harm == "new password":
        administrator = house.as_(Role.KEY_ADMINISTRATOR)
        house.act(administrator, f"/operators/{operator(house, desk)}/password", {"password": "another-Harbour-18"})
        door = desk.get("/desk/sign-in")
        form = {"_csrf": hidden(door, "_csrf"), "name": "registrar.community.1", "password": "another-Harbour-18"}
        assert desk.post("/desk/sign-in", data=form).status_code == 303
        csrf = hidden(desk.get(REGISTRATION), "_csrf")
    elif harm == "nonsense":
        sealed = "é*?"
    elif harm == "long":
        sealed = "A" * (kept.LONGEST + 4)
    page = desk.post(path, data={"_csrf": csrf, "_kept": sealed})
    assert page.status_code == 200, page.text
    assert "晓雯" not in page.text
    assert "What you had typed" not in page.text


@pytest.mark.parametrize("forged", [{"_csrf": "0" * 64}, {"_csrf": ""}])
def test_a_form_that_no_page_of_the_session_made_is_not_kept(
    house: House, browser: Open, forged: dict[str, str]
) -> None:
    door = too_late(house, browser(), **forged)
    assert door.status_code == 401
    assert 'name="kept"' not in door.text


def test_nobodys_form_is_not_kept(house: House, browser: Open) -> None:
    stranger = browser()
    door = stranger.post(REGISTRATION, data=PERSON | {"_csrf": "0" * 64})
    assert door.status_code == 401
    assert "Nothing was done" in door.text or "nothing was done" in door.text
    assert 'name="kept"' not in door.text


def test_a_session_that_was_ended_on_purpose_keeps_nothing(house: House, browser: Open) -> None:
    desk = browser()
    sign_in(house, desk)
    csrf = hidden(desk.get(REGISTRATION), "_csrf")
    ended = desk.cookies[house.service.cookie]
    desk.post("/desk/sign-out", data={"_csrf": csrf})
    desk.cookies.set(house.service.cookie, ended)
    door = desk.post(REGISTRATION, data=PERSON | {"_csrf": csrf})
    assert door.status_code == 401
    assert 'name="kept"' not in door.text


def test_it_is_kept_at_the_end_of_a_long_day_too(house: House, browser: Open) -> None:
    """The session comes to its own end while colleagues come and go: it is still known whose it was."""
    desk = browser()
    sign_in(house, desk)
    page = desk.get(REGISTRATION)
    for _ in range(house.service.settings.session_hours * 60 // 25 + 1):
        desk.get("/desk/")
        house.clock.pass_by(minutes=25)
    sign_in(house, browser(), number=2)
    door = desk.post(REGISTRATION, data=PERSON | {"_csrf": hidden(page, "_csrf")})
    assert door.status_code == 401
    assert "晓雯" in again(desk, sign_in(house, desk, door=door)).text


def test_what_changed_meanwhile_is_not_overwritten(house: House, browser: Open) -> None:
    application = house.registered(1)["application"]
    path = f"/desk/applications/{application}/documents"
    desk = browser()
    sign_in(house, desk)
    page = desk.get(path)
    house.clock.pass_by(minutes=40)
    house.people = dict.fromkeys(house.people, "")
    colleague = house.as_(Role.REGISTRAR, "community", 2)
    house.act(colleague, f"/applications/{application}/checklist", {"present": ["identity-document"]})
    form = {name: hidden(page, name) for name in ("_csrf", "_key", "_version")}
    door = desk.post(path, data=form | {"present": "proof-of-address"})
    back = again(desk, sign_in(house, desk, door=door), path)
    assert hidden(back, "_version") == form["_version"]
    sent = {name: hidden(back, name) for name in ("_csrf", "_key", "_version")}
    assert desk.post(path, data=sent | {"present": "proof-of-address"}).status_code == 412


def test_a_button_alone_leads_back_to_its_page(house: House, browser: Open) -> None:
    application = house.registered(1)["application"]
    desk = browser()
    sign_in(house, desk)
    page = desk.get(f"/desk/applications/{application}")
    house.clock.pass_by(minutes=40)
    path = f"/desk/applications/{application}/withdraw"
    door = desk.post(path, data={name: hidden(page, name) for name in ("_csrf", "_key")})
    assert door.status_code == 401
    there = sign_in(house, desk, door=door)
    assert there.status_code == 303
    assert desk.get(there.headers["location"]).headers["location"] == f"/desk/applications/{application}"
