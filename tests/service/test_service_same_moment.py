"""Two desks at the same moment, on SQLite and on PostgreSQL: one gets it, the other is told by a 409 problem."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from issuer.domain.roles import Role
from tests.service.house import House

Answer = tuple[int, str]
REPEATS = 4


def at_once(*acts: Callable[[], Any]) -> list[Answer]:
    """All acts start together; status and code of each."""
    gate = threading.Barrier(len(acts))
    answers: list[Answer] = []

    def run(act: Callable[[], Any]) -> None:
        gate.wait()
        answer = act()
        answers.append((answer.status_code, answer.json().get("code", "")))

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == len(acts)
    return answers


def _post(house: House, client: Any, path: str, body: Any) -> Callable[[], Any]:
    headers = house.key()
    return lambda: client.post(f"/api/v1{path}", json=body, headers=headers)


def _one_wins(answers: list[Answer]) -> None:
    counted = Counter(status for status, _ in answers)
    assert counted == {200: 1, 409: len(answers) - 1}, answers


def test_one_blank(house: House) -> None:
    """Two applications, one card in the reader."""
    serial = "00" * 9 + "07"
    house.blanks(serial)
    found = [house.approved(number)["application"] for number in (1, 2)]
    desks = [house.as_(Role.REGISTRAR, "community", number) for number in (1, 2)]
    body = {"desk": "desk-1", "serial": serial}
    _one_wins(
        at_once(
            *(
                _post(house, client, f"/applications/{application}/blank", body)
                for client, application in zip(desks, found, strict=True)
            )
        )
    )
    card = desks[0].get(f"/api/v1/cards/{serial}").json()
    assert card["state"] == "allocated"
    assert [move["event"] for move in card["movements"]] == ["receive", "allocate"]


def test_the_last_blank_of_a_drawer(house: House) -> None:
    house.blanks("00" * 9 + "08")
    found = [house.approved(number)["application"] for number in (1, 2)]
    client = house.as_(Role.REGISTRAR, "community")
    answers = at_once(
        *(_post(house, client, f"/applications/{application}/blank", {"desk": "desk-1"}) for application in found)
    )
    assert sorted(status for status, _ in answers)[0] == 200
    loser = max(answers)
    assert loser in ((409, "changed-meanwhile"), (409, "wrong-state"), (422, "no-blank")), answers


def test_one_application_two_blanks(house: House) -> None:
    serials = ["00" * 9 + "01", "00" * 9 + "02"]
    house.blanks(*serials)
    application = house.approved()["application"]
    desks = [house.as_(Role.REGISTRAR, "community", number) for number in (1, 2)]
    _one_wins(
        at_once(
            *(
                _post(house, client, f"/applications/{application}/blank", {"desk": "desk-1", "serial": serial})
                for client, serial in zip(desks, serials, strict=True)
            )
        )
    )
    states = Counter(desks[0].get(f"/api/v1/cards/{serial}").json()["state"] for serial in serials)
    assert states == {"allocated": 1, "received": 1}


@pytest.mark.parametrize("other", ["approve", "reject", "withdraw"])
def test_one_application_two_decisions(house: House, other: str) -> None:
    for number in range(1, REPEATS):
        application = house.accepted(number)["application"]
        approvers = [house.as_(Role.APPROVER, "community", desk) for desk in (1, 2)]
        second = house.as_(Role.REGISTRAR, "community") if other == "withdraw" else approvers[1]
        body = {"reason": "x"} if other == "reject" else None
        answers = at_once(
            _post(house, approvers[0], f"/applications/{application}/approve", None),
            _post(house, second, f"/applications/{application}/{other}", body),
        )
        if other == "withdraw":  # an approved one may still be withdrawn: then both came through, in that order
            assert sorted(status for status, _ in answers) in ([200, 409], [200, 200])
            state = second.get(f"/api/v1/applications/{application}").json()["state"]
            assert state in ("approved", "withdrawn")
        else:
            _one_wins(answers)


def test_one_permit_ended_twice(house: House) -> None:
    for number in range(1, REPEATS):
        permit = house.approved(number)["permit"]
        approvers = [house.as_(Role.APPROVER, "community", desk) for desk in (1, 2)]
        _one_wins(
            at_once(
                _post(house, approvers[0], f"/permits/{permit}/terminate", {"ending": "death"}),
                _post(house, approvers[1], f"/permits/{permit}/terminate", {"ending": "local-registration"}),
            )
        )


def test_one_person_registered_twice(house: House) -> None:
    for number in range(1, REPEATS):
        person = house.person(number)
        desks = [house.as_(Role.REGISTRAR, "community", desk) for desk in (1, 2)]
        _one_wins(at_once(*(_post(house, client, "/holders", person) for client in desks)))


def test_one_request_sent_many_times(house: House) -> None:
    """The same key at the same moment: carried out once, and everybody gets the same answer."""
    client, headers, person = house.as_(Role.REGISTRAR, "community"), house.key(), house.person()
    bodies: list[Any] = []

    def send() -> Any:
        answer = client.post("/api/v1/holders", json=person, headers=headers)
        bodies.append(answer.json())
        return answer

    answers = at_once(*([send] * 6))
    assert Counter(status for status, _ in answers) == {200: 6}, answers
    assert len({body["data"]["holder"] for body in bodies}) == 1
    assert [body["replayed"] for body in bodies].count(False) == 1


def test_a_version_seen_by_two(house: House) -> None:
    client = house.as_(Role.REGISTRAR, "community")
    application = house.registered()["application"]
    tag = client.get(f"/api/v1/applications/{application}").headers["ETag"]

    def send(items: list[str]) -> Callable[[], Any]:
        headers = house.key() | {"If-Match": tag}
        path = f"/api/v1/applications/{application}/checklist"
        return lambda: client.post(path, json={"present": items}, headers=headers)

    answers = at_once(send(["identity-document"]), send(["proof-of-address"]))
    assert sorted(status for status, _ in answers) == [200, 412], answers
