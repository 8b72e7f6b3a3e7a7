"""The complete matrix: every endpoint × every role × inside and outside of the district, and nobody at all.

The table is the application's own: an endpoint without a declaration, or one that this test has no request for, fails.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from issuer.domain.roles import PERMISSIONS, Act, Role
from issuer.service.access import PREFIX, Scope
from tests.service.house import ROLES, House

SERIAL = "aa" * 10
PUBLIC = {("GET", "/healthz"), ("GET", "/readyz"), ("GET", "/metrics"), ("GET", "/problems/{code}")}
PUBLIC |= {("POST", f"{PREFIX}/session")}


@dataclass(frozen=True)
class Request:
    """A well-formed request for one endpoint; braces are filled from the scene."""

    body: Any = None
    query: dict[str, str] = field(default_factory=dict)


BODIES: dict[tuple[str, str], Request] = {
    ("POST", "/districts"): Request({"code": "X1", "name": "X", "parent": "{district}"}),
    ("POST", "/operators"): Request(
        {
            "name": "new.one",
            "display_name": "N",
            "role": "auditor",
            "district": "{district}",
            "password": "9-doves-above-it",
        }
    ),
    ("POST", "/agents"): Request({"name": "window-9", "district": "{district}"}),
    ("POST", "/operators/{operator}/password"): Request({"password": "9-doves-above-it"}),
    ("POST", "/holders"): Request({"person": True}),
    ("POST", "/holders/duplicates"): Request(
        {
            "names": {"native": "A", "latin_surname": "A", "latin_given": "B"},
            "sex": "F",
            "birth_date": "1991-04-17",
        }
    ),
    ("POST", "/holders/{holder}/address"): Request({"address": "Somewhere 1", "since": "2026-11-20"}),
    ("POST", "/holders/{holder}/district"): Request({"district": "{district}"}),
    ("GET", "/holders"): Request(query={"name": "native"}),
    ("POST", "/applications/{application}/checklist"): Request({"present": []}),
    ("POST", "/applications/{application}/accept"): Request({}),
    ("POST", "/applications/{application}/extend"): Request({"reason": "x"}),
    ("POST", "/applications/{application}/reject"): Request({"reason": "x"}),
    ("POST", "/applications/{application}/blank"): Request({}),
    ("POST", "/applications/{application}/handover"): Request({"slip": "1"}),
    ("POST", "/applications/{application}/personalisation"): Request({"reader": "none"}),
    ("POST", "/photos/check"): Request({}),
    ("POST", "/applications/{application}/paper/card"): Request({"can": "314159"}),
    ("POST", "/permits/{number}/card-update"): Request({"reader": "none"}),
    ("POST", "/permits/{number}/endorse"): Request({}),
    ("POST", "/permits/{number}/entitlements"): Request({}),
    ("POST", "/permits/{number}/change-address"): Request({"address": "Somewhere 1", "since": "2026-11-20"}),
    ("POST", "/permits/{number}/move-district"): Request({"district": "{district}"}),
    ("POST", "/permits/{number}/report-lost"): Request({"in_person": True}),
    ("POST", "/permits/{number}/suspend"): Request({"reason": "x"}),
    ("POST", "/permits/{number}/restore"): Request({"in_person": True}),
    ("POST", "/permits/{number}/replace"): Request({"reason": "damaged"}),
    ("POST", "/permits/{number}/revoke"): Request({"reason": "x"}),
    ("POST", "/permits/{number}/terminate"): Request({"ending": "death"}),
    ("POST", "/reminders"): Request({"permits": ["{number}"]}),
    ("GET", "/cards"): Request(query={"district": "{district}"}),
    ("GET", "/stock"): Request(query={"district": "{district}"}),
    ("POST", "/stock/receive"): Request({"district": "{district}", "serials": ["bb" * 10]}),
    ("POST", "/stock/transfer"): Request({"district": "{district}", "serials": [SERIAL]}),
    ("POST", "/cards/{serial}/spoil"): Request({"reason": "x"}),
    ("POST", "/cards/{serial}/return"): Request({"district": "{district}"}),
    ("POST", "/stock/destroy"): Request({"serials": [SERIAL], "witness": "W"}),
    ("POST", "/stock/days"): Request({"district": "{district}", "counted": 1}),
    ("POST", "/rule-sets"): Request({"not": "a rule set"}),
}
BODILESS = {
    "/holders/{holder}/applications",
    "/applications/{application}/approve",
    "/applications/{application}/withdraw",
    "/applications/{application}/release",
    "/applications/{application}/paper/slip",
    "/applications/{application}/paper/receipt",
    "/operators/{operator}/disable",
    "/agents/{agent}/revoke",
    "/rule-sets/{version}/effect",
    "/rule-sets/{version}/activate",
    "/audit/checkpoints",
    "/status-list",
}
# What is looked for wherever it is: a card that was found may come from any district.
ELSEWHERE_ALLOWED = {("POST", "/cards/{serial}/return")}


def operations(house: House) -> list[tuple[str, str, dict[str, Any]]]:
    """Every operation of the description, with its declaration."""
    return [
        (method.upper(), path, operation)
        for path, methods in house.app.openapi()["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_route_is_declared_and_described(house: House) -> None:
    described = {(method, path) for method, path, _ in operations(house)}
    for method, path, operation in operations(house):
        assert operation["x-scope"] in set(Scope), (method, path)
        assert operation["summary"], path
        assert operation["description"], path
        if (method, path) in PUBLIC:
            assert operation["x-roles"] == []
        else:
            assert path.startswith(PREFIX)
            assert operation["x-roles"], (method, path)
    # Nothing answers that is not described: neither a mounted page nor a hidden route.
    for path in ("/docs", "/redoc", "/openapi.json", "/static/x"):
        assert house.client().get(path).status_code == 404
    assert len(described) > 55


def test_roles_are_those_of_the_acts(house: House) -> None:
    for method, path, operation in operations(house):
        if "x-act" in operation:
            expected = PERMISSIONS[Act(operation["x-act"])] - {Role.SYSTEM}
            assert set(operation["x-roles"]) == expected, (method, path)


@pytest.mark.parametrize("role", [None, *ROLES])
def test_role_and_district(house: House, role: Role | None) -> None:
    """403 `role` exactly where the role is not named; 403 `district` for whoever works elsewhere; else neither."""
    scene = _scene(house)
    inside = house.client() if role is None else house.as_(role, "county", 1)
    outside = house.client() if role is None else house.as_(role, "other", 1)
    whole = house.client() if role is None else house.as_(role, "city", 1)
    for method, path, operation in operations(house):
        if (method, path) in PUBLIC or path.endswith("/session"):
            continue
        city = operation["x-scope"] == Scope.CITY
        for client, elsewhere in ((outside, True), (whole if city else inside, False)):
            answer = _send(house, client, method, path, scene)
            code = answer.json().get("code") if "problem" in answer.headers["content-type"] else None
            where = (method, path, role, elsewhere, answer.status_code, code)
            if role is None:
                assert (answer.status_code, code) == (401, "not-signed-in"), where
            elif role.value not in operation["x-roles"]:
                assert (answer.status_code, code) == (403, "role"), where
            elif elsewhere and operation["x-scope"] in (Scope.DISTRICT, Scope.CITY):
                if (method, path.removeprefix(PREFIX)) not in ELSEWHERE_ALLOWED:
                    assert (answer.status_code, code) == (403, "district"), where
            elif elsewhere and operation["x-scope"] == Scope.WITHIN:
                assert "Native" not in answer.text, where
                assert scene["number"] not in answer.text, where
            else:
                assert code not in ("role", "district", "not-signed-in"), where
                assert answer.status_code < 500 or code == "keys-unusable", where
                if answer.status_code == 422 and method == "GET":
                    pytest.fail(f"{where}: {answer.text}")


def _scene(house: House) -> dict[str, str]:
    """One thing of each kind in the county."""
    permit = house.approved(1)
    second = house.registered(2)
    house.blanks(SERIAL, desk="")
    operator = house.as_(Role.AUDITOR, "community", 9).get(f"{PREFIX}/session").json()["operator"]
    agent = {"name": "window-1", "district": house.places["community"]}
    return {
        "agent": str(house.act(house.as_(Role.KEY_ADMINISTRATOR, "county", 9), "/agents", agent)["agent"]),
        "district": str(house.places["community"]),
        "operator": str(operator),
        "holder": str(second["holder"]),
        "application": str(second["application"]),
        "number": permit["permit"],
        "serial": SERIAL,
        "version": "2026-1",
        "job": "nothing",
        "run": "nothing",
        "code": "role",
    }


def _send(house: House, client: Any, method: str, path: str, scene: dict[str, str]) -> Any:
    short = path.removeprefix(PREFIX)
    request = BODIES.get((method, short), Request())
    assert method != "POST" or request.body is not None or short in BODILESS, f"no request for {method} {short}"
    body = _filled(request.body, scene)
    if body == {"person": True}:
        body = house.person(77)
    query = {name: value.format_map(scene) for name, value in request.query.items()}
    headers = house.key()
    if method == "PUT":
        return client.put(path.format_map(scene), content=b"\xff\xd8", headers=headers | {"Content-Type": "image/jpeg"})
    return client.request(method, path.format_map(scene), json=body, params=query, headers=headers)


def _filled(value: Any, scene: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item, scene) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, scene) for item in value]
    if isinstance(value, str) and "{" in value:
        text = value.format_map(scene)
        return int(text) if text.isdigit() else text
    return value
