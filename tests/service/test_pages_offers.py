"""What a page offers can be accepted, and a form that is sent twice is answered twice the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from issuer.domain.roles import Role
from issuer.pages.parts import PARTS
from issuer.service.access import Scope
from issuer.store.models.permits import Application, Permit
from tests.service import house as houses
from tests.service.house import House
from tests.service.test_pages_walk import browser
from tests.service.test_service_repeated import SERIAL, in_force
from tests.store.conftest import database


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """An office; one database is as good as another here."""
    with database("sqlite", tmp_path) as url, houses.opened(tmp_path, url) as opened:
        yield opened


def guard(page: str) -> dict[str, str]:
    """What a form of a page holds beside its fields."""
    return {name: value for name, value in re.findall(r'name="(_csrf|_key|_version)" value="([^"]*)"', page) if value}


def state(house: House, permit: str) -> str:
    with house.service.store.read() as transaction:
        return transaction.scalars(select(Permit.state).where(Permit.number == permit)).one()


def test_lifting_a_suspension_is_offered_to_whoever_is_here_and_to_nobody_else(house: House) -> None:
    permit = in_force(house)
    registrar = house.as_(Role.REGISTRAR, "community")
    house.act(registrar, f"/permits/{permit}/report-lost", {"in_person": False})
    with browser(house, Role.REGISTRAR, "community", "en") as desk:
        path = f"/desk/permits/{permit}/restore"
        page = desk.get(path).text
        assert "telephone" not in page.partition("<main")[2]
        assert "phone" not in re.findall(r'name="[a-z_]+" value="([^"]*)"', page)
        refused = desk.post(path, data=guard(page))
        assert refused.status_code == 422
        assert "holder" in refused.text
        assert state(house, permit) == "suspended"
        assert desk.post(path, data=guard(refused.text) | {"in_person": "yes"}).status_code == 200
        assert state(house, permit) == "active"


def test_what_an_order_forbids_is_not_offered(house: House) -> None:
    permit = in_force(house)
    house.act(house.as_(Role.APPROVER, "community"), f"/permits/{permit}/suspend", {"reason": "an order"})
    offered: dict[Role, set[str]] = {}
    for role in (Role.REGISTRAR, Role.APPROVER):
        with browser(house, role, "community", "en") as desk:
            text = desk.get(f"/desk/permits/{permit}").text
            offered[role] = set(re.findall(rf'href="/desk/permits/{permit}/([a-z-]+)"', text))
    assert "restore" in offered[Role.APPROVER]
    assert not offered[Role.REGISTRAR] & {"restore", "replace", "endorse"}


def test_a_replacement_that_is_sent_twice_with_its_card_is_done_once(house: House) -> None:
    permit = in_force(house)
    with browser(house, Role.REGISTRAR, "community", "en") as desk:
        path = f"/desk/permits/{permit}/replace"
        page = desk.get(path).text
        form = guard(page) | {"replacement": "damaged", "card_back": SERIAL}
        assert f'name="card_back" value="{SERIAL}"' in page
        first, second = (desk.post(path, data=form, follow_redirects=False) for _ in range(2))
        assert first.status_code == second.status_code == 303
        assert first.headers["location"] == second.headers["location"]


def test_a_photo_that_is_sent_again_after_its_application_moved_on(house: House) -> None:
    """Over the API and by the page: the first receipt, not that the application is out of reach by now."""
    photo = resources.files("issuer.samples").joinpath("01-chen-xiaowen.jpg").read_bytes()
    found = house.registered(1)
    registrar = house.as_(Role.REGISTRAR, "community")
    api = f"/api/v1/applications/{found['application']}/photo"
    page = f"/desk/applications/{found['application']}/photo"
    key = house.key() | {"Content-Type": "image/jpeg"}
    with browser(house, Role.REGISTRAR, "community", "en") as desk:
        form = guard(desk.get(page).text)
        sent: dict[str, Any] = {"data": form, "files": {"photo": ("p.jpg", photo, "image/jpeg")}}
        first = registrar.put(api, content=photo, headers=key)
        kept = desk.post(page, **sent, follow_redirects=False)
        assert (first.status_code, kept.status_code) == (200, 303)
        house.act(registrar, f"/holders/{found['holder']}/district", {"district": house.places["other"]})
        again = registrar.put(api, content=photo, headers=key)
        assert again.status_code == 200, again.text
        assert again.json() == first.json() | {"replayed": True}
        assert desk.post(page, **sent, follow_redirects=False).headers["location"] == kept.headers["location"]
        # Neither another photo under that key, nor a new one.
        other = resources.files("issuer.samples").joinpath("02-lyu-siyuan.jpg").read_bytes()
        assert registrar.put(api, content=other, headers=key).status_code == 409
        fresh = house.key() | {"Content-Type": "image/jpeg"}
        assert registrar.put(api, content=photo, headers=fresh).status_code == 403


def test_an_empty_form_is_refused_and_is_no_fault_of_the_service(house: House) -> None:
    permit = in_force(house)
    house.accepted(2)
    with house.service.store.read() as transaction:
        waiting = transaction.scalars(select(Application.id).order_by(Application.id.desc())).first()
    things = {"application": str(waiting), "holder": "1", "operator": "2", "agent": "1", "number": permit}
    things |= {"serial": SERIAL, "version": "2026-1"}
    asked = 0
    for item in (item for part in PARTS for item in part.declared if item.method == "POST"):
        if item.access.scope is Scope.OPEN or item.path.endswith("/sign-out"):
            continue
        role = sorted(item.access.roles)[0]
        with browser(house, role, "city", "en") as desk:
            csrf = guard(desk.get("/desk/").text)["_csrf"]
            path = re.sub(r"\{([a-z]+)\}", lambda name: things.get(name[1], "x"), item.path)
            answer = desk.post(path, data={"_csrf": csrf, "_key": f"empty-{asked:06d}"}, follow_redirects=False)
            assert answer.status_code != 500, (path, answer.status_code)
            asked += 1
    assert asked > 25


def test_a_hostile_choice_is_a_choice_to_be_made_again(house: House) -> None:
    permit = in_force(house)
    acts = ((Role.REGISTRAR, "replace", "replacement"), (Role.APPROVER, "terminate", "ending"))
    for role, act, field in acts:
        with browser(house, role, "community", "en") as desk:
            path = f"/desk/permits/{permit}/{act}"
            answer = desk.post(path, data=guard(desk.get(path).text) | {field: "<b>"})
            assert answer.status_code == 422, act
            assert "Check this" in answer.text
