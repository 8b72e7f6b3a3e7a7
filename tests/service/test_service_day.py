"""From the first visit to the end, over the API; the card itself is written in `test_service_card`."""

from __future__ import annotations

import pytest

from issuer.domain.roles import Role
from tests.service.house import House

SERIAL = "00" * 9 + "01"


def test_from_registration_to_a_blank(house: House) -> None:
    house.blanks(SERIAL)
    found = house.approved()
    registrar = house.as_(Role.REGISTRAR, "community")
    receipt = house.act(registrar, f"/applications/{found['application']}/blank", {"desk": "desk-1"})
    assert receipt["state"] == "in-production"
    assert receipt["data"]["serial"] == SERIAL
    permit = registrar.get(f"/api/v1/permits/{found['permit']}").json()
    assert permit["standing"] == "pending"
    assert permit["permit_class"] in (1, 2, 3)
    assert any(grant["valid_until"] for grant in permit["grants"])
    card = registrar.get(f"/api/v1/permits/{found['permit']}/card").json()
    assert card["services"]
    assert "criminal record" in card["never_on_it"]


def test_the_checklist_is_told_once_and_in_full(house: House) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    application = house.registered()["application"]
    first = house.act(registrar, f"/applications/{application}/checklist", {"present": ["identity-document"]})
    assert sorted(first["data"]["missing"]) == ["photo", "proof-of-address", "proof-of-ground"]
    refused = house.act(registrar, f"/applications/{application}/accept", {}, status=422)
    assert refused["code"] == "checklist-incomplete"


def test_who_registered_does_not_approve(house: House) -> None:
    found = house.accepted()
    registrar = house.as_(Role.REGISTRAR, "community")
    refused = house.act(registrar, f"/applications/{found['application']}/approve", status=403)
    assert refused["code"] == "role"


def test_a_repeated_request_is_carried_out_once(house: House) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    headers = {"Idempotency-Key": "the-same-key-1"}
    first = registrar.post("/api/v1/holders", json=house.person(), headers=headers)
    again = registrar.post("/api/v1/holders", json=house.person(), headers=headers)
    assert (first.status_code, again.status_code) == (200, 200)
    assert again.json()["replayed"] is True
    assert again.json()["data"] == first.json()["data"]
    other = registrar.post("/api/v1/holders", json=house.person(2), headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "key-reused")


def test_an_act_on_what_has_changed_is_refused(house: House) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    application = house.registered()["application"]
    path = f"/applications/{application}"
    tag = registrar.get(f"/api/v1{path}").headers["ETag"]
    house.act(registrar, f"{path}/checklist", {"present": ["identity-document"]}, **{"If-Match": tag})
    refused = house.act(registrar, f"{path}/checklist", {"present": []}, status=412, **{"If-Match": tag})
    assert refused["code"] == "precondition"


def test_duplicates_are_found_across_scripts(house: House) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    names = {"native": "陈晓雯", "latin_surname": "CHEN", "latin_given": "XIAOWEN"}
    house.act(registrar, "/holders", house.person(names=names))
    query = {
        "names": {"native": "Chen Xiao Wen", "latin_surname": "CHEN", "latin_given": "XIAO WEN"},
        "sex": "F",
        "birth_date": "1991-04-17",
    }
    found = registrar.post("/api/v1/holders/duplicates", json=query)
    assert [line["name_native"] for line in found.json()["candidates"]] == ["陈晓雯"]


@pytest.mark.parametrize(
    ("language", "expected"), [("zh-CN,zh;q=0.9,en;q=0.5", "没有此居住证"), ("en", "There is no such permit")]
)
def test_a_problem_speaks_the_readers_language(house: House, language: str, expected: str) -> None:
    client = house.as_(Role.REGISTRAR, "community")
    answer = client.get("/api/v1/permits/RP0000000000", headers={"Accept-Language": language})
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert (answer.status_code, problem["code"], problem["title"]) == (404, "no-permit", expected)
    assert problem["action"]
    assert client.get(problem["type"]).json()["code"] == "no-permit"


def test_the_books_of_a_day(house: House) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    serials = [f"{number:020x}" for number in range(1, 6)]
    house.blanks(*serials)
    house.act(registrar, f"/cards/{serials[0]}/spoil", {"reason": "bent"})
    drawer = {"district": house.places["community"], "desk": "desk-1"}
    books = registrar.get("/api/v1/stock", params=drawer).json()
    assert (books["received"], books["remaining"], books["balanced"]) == (5, 4, True)
    refused = house.act(registrar, "/stock/days", drawer | {"counted": 3}, status=422)
    assert refused["code"] == "stock-differs"
    house.act(registrar, "/stock/days", drawer | {"counted": 4})
    assert registrar.get("/api/v1/stock", params=drawer).json()["closed"] is True


def test_lost_found_replaced_ended(house: House) -> None:
    """A permit that is not handed over yet cannot be lost; the acts that need a card are told so."""
    found = house.approved()
    registrar = house.as_(Role.REGISTRAR, "community")
    approver = house.as_(Role.APPROVER, "community")
    refused = house.act(registrar, f"/permits/{found['permit']}/report-lost", {"in_person": False}, status=409)
    assert refused["code"] == "wrong-state"
    ended = house.act(approver, f"/permits/{found['permit']}/terminate", {"ending": "local-registration"})
    assert ended["state"] == "terminated"


def test_search_goes_page_by_page(house: House) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    for number in range(1, 8):
        house.registered(number)
    seen, after = [], None
    while True:
        params = {"name": "native", "limit": 3} | ({"after": after} if after else {})
        page = registrar.get("/api/v1/holders", params=params).json()
        seen += [line["id"] for line in page["holders"]]
        after = page["next"]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 7
