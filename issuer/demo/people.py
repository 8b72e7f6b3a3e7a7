"""Who works in the house and who comes to it: requests to the service, as a table."""

from __future__ import annotations

from typing import Any

from ..service.day.client import Client
from ..service.day.steps import Step

PASSWORD = "paper-lantern-and-9-oars"  # noqa: S105 - of a demonstration
ADMINISTRATOR, REGISTRAR, APPROVER, AUDITOR = "admin", "wang", "li", "zhou"
BLANKS = ("00000000000000000011", "00000000000000000012", "00000000000000000013")
READER = "desk-1"
READERS = Step(title="readers", who=REGISTRAR, method="GET", path="/readers")
_ROLES = ((REGISTRAR, "王登记", "registrar"), (APPROVER, "李审批", "approver"), (AUDITOR, "周审计", "auditor"))
_DOCUMENTS = ["identity-document", "proof-of-address", "proof-of-ground"]


def _person(native: str, surname: str, given: str, born: str, sex: str, since: str) -> dict[str, Any]:
    return {
        "district": "{community}",
        "names": {"native": native, "latin_surname": surname, "latin_given": given},
        "sex": sex,
        "birth_date": born,
        "nationality": "UTO",
        "address": "乌托邦省示例市新城区梧桐街道书香里8号2单元301室",
        "residence_since": since,
        "ground": "employment",
        "facts": {
            "employment": f"{since}/..",
            "social_insurance": f"{since}/..",
            "home": f"{since}/..",
            "home_kind": "rented",
            "education": "college",
        },
    }


# Whoever comes already stands somewhere: registered, waiting for the approver, waiting for a card.
_VISITORS = (
    (_person("吕思远", "LYU", "SIYUAN", "1984-02-29", "M", "2023-05-02"), "02-lyu-siyuan.jpg", "registered"),
    (_person("欧阳嘉楠", "OUYANG", "JIANAN", "1996-09-03", "F", "2024-11-18"), "06-ouyang-jianan.jpg", "accepted"),
    (
        _person("努尔波拉提", "NUERBOLATI", "HABUDUHALIKE", "1979-12-12", "M", "2021-03-08"),
        "04-nuerbolati-habuduhalike.jpg",
        "approved",
    ),
)


def sign_in(name: str) -> Step:
    """As a program."""
    body = {"name": name, "password": PASSWORD, "desk": READER, "program": True}
    return Step(title=name, who="", method="POST", path="/session", body=body, take={name: "token"})


def _act(who: str, path: str, body: dict[str, Any], **take: str) -> Step:
    return Step(title=path, who=who, method="POST", path=path, body=body, take=take)


def _district(name: str, code: str, title: str, parent: str) -> Step:
    body = {"code": code, "name": title, "parent": f"{{{parent}}}"}
    return _act(ADMINISTRATOR, "/districts", body, **{name: "data.district"})


def _visitor(number: int, person: dict[str, Any], photo: str, state: str) -> list[Step]:
    application = f"{{a{number}}}"
    steps = [_act(REGISTRAR, "/holders", person, **{f"a{number}": "data.application"})]
    if state == "registered":
        return steps
    path = f"/applications/{application}"
    steps += [
        _act(REGISTRAR, f"{path}/checklist", {"present": _DOCUMENTS}),
        Step(title=photo, who=REGISTRAR, method="PUT", path=f"{path}/photo", photo=photo),
        _act(REGISTRAR, f"{path}/accept", {}),
    ]
    if state == "approved":
        steps.append(_act(APPROVER, f"{path}/approve", {}))
    return steps


def move_in(client: Client) -> str:
    """Districts, operators, a drawer of blanks, visitors; the token of the desk's agent."""
    steps = [
        sign_in(ADMINISTRATOR),
        Step(title="city", who=ADMINISTRATOR, method="GET", path="/districts", take={"city": "0.id"}),
        _district("county", "990102", "新城区", "city"),
        _district("town", "990102001", "梧桐街道", "county"),
        _district("community", "990102001003", "书香里社区", "town"),
    ]
    for name, display, role in _ROLES:
        district = "{city}" if role == "auditor" else "{community}"
        body = {"name": name, "display_name": display, "role": role, "district": district, "password": PASSWORD}
        steps.append(_act(ADMINISTRATOR, "/operators", body))
    steps += [sign_in(REGISTRAR), sign_in(APPROVER)]
    drawer = {"district": "{community}", "desk": READER}
    steps.append(_act(REGISTRAR, "/stock/receive", drawer | {"serials": list(BLANKS)}))
    for number, visitor in enumerate(_VISITORS):
        steps += _visitor(number, *visitor)
    for step in steps:
        client.run(step)
    lent = client.run(_act(ADMINISTRATOR, "/agents", drawer | {"name": READER}))
    return str(lent["token"])
