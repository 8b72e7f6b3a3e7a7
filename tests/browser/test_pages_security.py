"""The desk under attack: planted sessions, forged forms, frames, hostile names, other people's districts.

Over HTTP where a browser would be in the way; in a real browser where only it can tell.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from sqlalchemy import func, select

from issuer.acts import staff
from issuer.domain.roles import Role
from issuer.pages.parts import PARTS
from issuer.service.access import Scope
from issuer.store.models.people import Holder, Session
from issuer.store.models.permits import Application
from tests.service import house as houses

from . import pages_house
from .accessibility import serious
from .conftest import Look
from .pages_house import PASSWORD, Desk
from .pictures import save

HOSTILE = "<img src=x onerror=alert(1)>\"'`{{7*7}}</script><script>alert(2)</script>"


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setattr(staff, "_hasher", lambda: houses.CHEAP)
    with pages_house.served(tmp_path) as served:
        yield served


@pytest.fixture
def client(desk: Desk) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=desk.base, headers={"Accept-Language": "en"}) as opened:
        yield opened


def token(answer: httpx.Response) -> str:
    found = re.search(r'name="_csrf" value="([^"]+)"', answer.text)
    assert found is not None
    return found[1]


def sign_in(desk: Desk, client: httpx.Client, role: Role, place: str = "community", **more: str) -> httpx.Response:
    name = desk.name(role, place)
    door = client.get("/desk/sign-in")
    form = {"_csrf": token(door), "name": name, "password": PASSWORD, "desk": "desk-1", "next": "/desk/"}
    return client.post("/desk/sign-in", data=form | more)


def count(desk: Desk, model: type) -> int:
    with desk.house.service.store.read() as transaction:
        return transaction.scalar(select(func.count()).select_from(model)) or 0


# --- sessions


def test_a_planted_session_is_not_taken_over(desk: Desk, client: httpx.Client) -> None:
    client.cookies.set("permit-session", "planted-by-somebody-else", domain="127.0.0.1")
    assert sign_in(desk, client, Role.REGISTRAR).status_code == 303
    assert client.cookies["permit-session"] != "planted-by-somebody-else"
    with httpx.Client(base_url=desk.base, cookies={"permit-session": "planted-by-somebody-else"}) as other:
        assert other.get("/desk/").status_code == 303


def test_the_session_before_ends_with_the_next_sign_in(desk: Desk, client: httpx.Client) -> None:
    sign_in(desk, client, Role.REGISTRAR)
    before = client.cookies["permit-session"]
    sign_in(desk, client, Role.APPROVER)
    with httpx.Client(base_url=desk.base, cookies={"permit-session": before}) as other:
        assert other.get("/desk/").headers["location"].startswith("/desk/sign-in")


def test_cookies_are_out_of_reach_of_scripts_and_other_sites(desk: Desk, client: httpx.Client) -> None:
    answer = sign_in(desk, client, Role.REGISTRAR)
    for cookie in answer.headers.get_list("set-cookie"):
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie


def test_signing_out_ends_it(desk: Desk, client: httpx.Client) -> None:
    sign_in(desk, client, Role.REGISTRAR)
    kept = client.cookies["permit-session"]
    client.post("/desk/sign-out", data={"_csrf": token(client.get("/desk/"))})
    assert count(desk, Session) == 0 or kept not in client.cookies.values()
    with httpx.Client(base_url=desk.base, cookies={"permit-session": kept}) as other:
        assert other.get("/desk/").status_code == 303


@pytest.mark.parametrize(
    "where", ["https://evil.example/", "//evil.example/desk/", "/desk//evil.example", "/api/v1/session"]
)
def test_the_door_leads_nowhere_else(desk: Desk, client: httpx.Client, where: str) -> None:
    assert sign_in(desk, client, Role.REGISTRAR, next=where).headers["location"] == "/desk/"


# --- forged forms


def test_nobody_is_signed_in_from_another_site(desk: Desk, client: httpx.Client) -> None:
    name = desk.name(Role.REGISTRAR)
    stolen = token(client.get("/desk/sign-in"))
    with httpx.Client(base_url=desk.base) as victim:  # has no cookie of the door, or another one
        form = {"_csrf": stolen, "name": name, "password": PASSWORD}
        assert victim.post("/desk/sign-in", data=form).status_code == 403
        victim.get("/desk/sign-in")
        assert victim.post("/desk/sign-in", data=form).status_code == 403


@pytest.mark.parametrize("forged", [{}, {"_csrf": ""}, {"_csrf": "0" * 64}])
def test_a_form_without_the_sessions_token_does_nothing(
    desk: Desk, client: httpx.Client, forged: dict[str, str]
) -> None:
    sign_in(desk, client, Role.REGISTRAR)
    answer = client.post("/desk/registration", data=forged | {"name_native": "kept as typed"})
    assert answer.status_code == 403
    assert "kept as typed" in answer.text
    assert count(desk, Holder) == 0


def test_another_sessions_token_does_not_serve(desk: Desk, client: httpx.Client) -> None:
    sign_in(desk, client, Role.REGISTRAR)
    with httpx.Client(base_url=desk.base) as other:
        sign_in(desk, other, Role.APPROVER)
        foreign = token(other.get("/desk/"))
    assert client.post("/desk/registration", data={"_csrf": foreign}).status_code == 403


def test_every_form_asks_for_the_token(desk: Desk, client: httpx.Client) -> None:
    desk.house.accepted(1)
    roles = {role: httpx.Client(base_url=desk.base) for role in houses.ROLES}
    try:
        for role, opened in roles.items():
            sign_in(desk, opened, role, "city")
        asked = 0
        for item in (item for part in PARTS for item in part.declared if item.method == "POST"):
            if item.access.scope is Scope.OPEN:
                continue
            role = sorted(item.access.roles)[0]
            path = re.sub(r"\{(application|holder|operator|agent)\}", "1", item.path)
            path = path.replace("{serial}", "a" * 20).replace("{number}", "RP0000000000").replace("{version}", "2026-1")
            path = re.sub(r"\{[a-z]+\}", "x", path)
            answer = roles[role].post(path, data={"reason": "x"})
            # The form's page may itself be refused for want of the thing; the act is not done.
            assert answer.status_code in (403, 404, 422), (path, answer.status_code)
            asked += 1
        assert asked > 25
        assert count(desk, Application) == 1
    finally:
        for opened in roles.values():
            opened.close()


# --- roles, districts, four eyes


def test_every_page_asks_the_role_of_its_endpoint(desk: Desk) -> None:
    clients = {role: httpx.Client(base_url=desk.base) for role in houses.ROLES}
    try:
        for role, opened in clients.items():
            sign_in(desk, opened, role, "city")
        for item in (item for part in PARTS for item in part.declared if item.method == "GET"):
            if item.access.scope is Scope.OPEN:
                continue
            path = re.sub(r"\{(application|holder|operator|agent)\}", "999", item.path)
            path = path.replace("{serial}", "a" * 20).replace("{number}", "RP0000000000")
            path = re.sub(r"\{[a-z]+\}", "x", path)
            with httpx.Client(base_url=desk.base) as nobody:
                answer = nobody.get(path)
                assert answer.headers.get("location", "").startswith("/desk/sign-in"), (path, answer)
            for role, opened in clients.items():
                status = opened.get(path).status_code
                assert (status == 403) is (role not in item.access.roles), (path, role, status)
    finally:
        for opened in clients.values():
            opened.close()


def test_another_districts_people_are_out_of_reach(desk: Desk, client: httpx.Client) -> None:
    desk.house.accepted(1)
    sign_in(desk, client, Role.REGISTRAR, "other")
    for path in ("/desk/applications/1", "/desk/applications/1/documents", "/desk/holders/1"):
        answer = client.get(path)
        assert answer.status_code == 403, path
        assert "Native" not in answer.text
    assert "Native" not in client.get("/desk/search?q=native").text
    assert "Native" not in client.get("/desk/queue?state=accepted").text


def test_four_eyes_hold_on_the_page_too(desk: Desk, client: httpx.Client) -> None:
    desk.house.accepted(1)
    registrar = sign_in(desk, client, Role.REGISTRAR)
    assert registrar.status_code == 303
    page = client.get("/desk/applications/1/decide")
    assert 'action="/desk/applications/1/decide"' not in page.text
    forged = client.post("/desk/applications/1/decide", data={"_csrf": token(client.get("/desk/")), "_key": "a" * 32})
    assert forged.status_code == 403


def test_what_was_typed_when_the_session_ended_comes_back_after_the_sign_in(desk: Desk, look: Look) -> None:
    """As a person sees it: `tests/service/test_pages_kept.py` has the attacks."""
    page = look(lang="en", size="tablet")
    desk.sign_in(page, Role.REGISTRAR)
    page.goto(f"{desk.base}/desk/registration")
    typed = {"#name_native": "陈晓雯", "#latin_surname": "CHEN", "#birth_date": "1991-04-17", "#address": "书香里8号"}
    typed |= {"#residence_since": "2024-03-01"}
    for field, value in typed.items():
        page.fill(field, value)
    page.check("input[name=sex][value=F]", force=True)
    desk.house.clock.pass_by(minutes=40)
    page.click("main button.main")
    page.wait_for_selector("#password")
    assert "what you typed is kept" in page.inner_text("main")
    save(page, "desk-kept-sign-in-en-tablet")
    assert serious(page) == []
    page.fill("#name", desk.name(Role.REGISTRAR))
    page.fill("#password", PASSWORD)
    page.click("main button.main")
    page.wait_for_selector("#kept")
    save(page, "desk-kept-form-en-tablet")
    assert serious(page) == []
    assert {field: page.input_value(field) for field in typed} == typed
    assert page.is_checked("input[name=sex][value=F]")
    assert page.url == f"{desk.base}/desk/registration"
    assert count(desk, Holder) == 0
    page.click("main button.main")
    page.wait_for_url(re.compile("/documents"))
    assert count(desk, Holder) == 1


# --- twice, and meanwhile


def test_a_form_that_is_sent_twice_is_carried_out_once(desk: Desk, client: httpx.Client) -> None:
    sign_in(desk, client, Role.REGISTRAR)
    page = client.get("/desk/registration")
    key = re.search(r'name="_key" value="([^"]+)"', page.text)
    assert key is not None
    person = desk.house.person(1)
    form = {
        "_csrf": token(page),
        "_key": key[1],
        "district": str(person["district"]),
        "name_native": "陈晓雯",
        "latin_surname": "chen",
        "latin_given": "xiaowen",
        "sex": "F",
        "birth_date": "1991-04-17",
        "nationality": "UTO",
        "address": "somewhere",
        "residence_since": "2024-03-01",
    }
    first, second = (client.post("/desk/registration", data=form) for _ in range(2))
    assert first.status_code == second.status_code == 303
    assert first.headers["location"] == second.headers["location"]
    assert count(desk, Holder) == 1
    third = client.post("/desk/registration", data=form | {"name_native": "别人"})
    assert third.status_code == 409
    assert "别人" in third.text
    fresh = re.search(r'name="_key" value="([^"]+)"', third.text)
    assert fresh is not None
    assert fresh[1] != key[1]


def test_what_changed_meanwhile_is_shown_and_not_overwritten(desk: Desk, client: httpx.Client) -> None:
    desk.house.registered(1)
    sign_in(desk, client, Role.REGISTRAR)
    page = client.get("/desk/applications/1/documents")
    version = re.search(r'name="_version" value="(\d+)"', page.text)
    assert version is not None
    registrar = desk.house.as_(Role.REGISTRAR)
    desk.house.act(registrar, "/applications/1/checklist", {"present": ["identity-document"]})
    form = {"_csrf": token(page), "_key": "k" * 32, "_version": version[1], "present": "proof-of-address"}
    answer = client.post("/desk/applications/1/documents", data=form)
    assert answer.status_code == 412
    assert "Somebody has just changed this" in answer.text


# --- the browser's own guards


def test_headers_of_every_kind_of_answer(desk: Desk, client: httpx.Client) -> None:
    sign_in(desk, client, Role.REGISTRAR)
    for path in ("/desk/", "/desk/sign-in", "/desk/nothing", "/desk/applications/99", "/desk/people"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
        assert directives["default-src"] == "'none'"
        assert directives["frame-ancestors"] == "'none'"
        assert directives["form-action"] == "'self'"
        assert directives["base-uri"] == "'none'"
        assert "unsafe" not in policy
        assert "data:" not in policy
        assert "*" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "camera=(self)" in answer.headers["permissions-policy"]


def test_no_other_page_can_frame_the_desk(desk: Desk, look: Look) -> None:
    page = look(lang="en")
    desk.sign_in(page, Role.REGISTRAR)
    refused: list[str] = []
    page.context.route(
        f"{desk.base}/evil",
        lambda route: route.fulfill(content_type="text/html", body="<iframe src='/desk/'></iframe>"),
    )
    other = page.context.new_page()
    other.on("console", lambda told: refused.append(told.text))
    other.goto(f"{desk.base}/evil")
    other.wait_for_load_state("networkidle")
    assert all("Today" not in (frame.content() if frame.url.startswith("http") else "") for frame in other.frames[1:])
    assert any("frame" in text.lower() for text in refused)


def test_hostile_names_stay_names(desk: Desk, look: Look) -> None:
    """In every place where a name is shown; a script that ran would open a dialogue."""
    house = desk.house
    registrar = house.as_(Role.REGISTRAR)
    names = {"native": HOSTILE, "latin_surname": "HOSTILE", "latin_given": "NAME"}
    person = house.person(1, names=names, address=HOSTILE, hukou_address=HOSTILE, ethnicity="<b>x</b>")
    application = house.act(registrar, "/holders", person)["data"]["application"]
    page = look(lang="en")
    dialogues: list[str] = []
    page.on("dialog", lambda dialogue: (dialogues.append(dialogue.message), dialogue.dismiss()))
    desk.sign_in(page, Role.REGISTRAR)
    for path in (
        f"/desk/applications/{application}",
        f"/desk/applications/{application}/documents",
        f"/desk/applications/{application}/entitlements",
        "/desk/holders/1",
        "/desk/queue?state=registered",
        "/desk/search?q=%3Cimg",
        f"/desk/search?q={HOSTILE.replace('#', '')}",
        "/desk/holders/1/address",
    ):
        page.goto(desk.base + path)
        assert page.locator("img[src='x']").count() == 0, path
        assert page.locator("main script").count() == 0, path
        assert "49" not in page.locator("main").inner_text().replace("1949", "") or "{{7*7}}" in page.content()
    page.goto(f"{desk.base}/desk/registration")
    page.fill("#name_native", HOSTILE)
    page.fill("#latin_surname", "HOSTILE")
    page.fill("#latin_given", "NAME")
    page.fill("#birth_date", "1991-04-17")
    page.check("input[name=sex][value=F]", force=True)
    page.wait_for_selector("#duplicates[data-state=some]")
    assert page.locator("#duplicates strong").inner_text() == HOSTILE
    assert page.locator("#duplicates img").count() == 0
    assert dialogues == []
