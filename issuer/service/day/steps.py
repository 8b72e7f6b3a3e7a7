"""The steps of the day, as a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

YEAR = 340
"""Days between the two halves: the month before the full year, in which the endorsement is done."""
VALIDITY = {"signer_key_days": 366, "entitlement_key_days": 366}
"""Signing keys that serve for both halves, so that the second needs no rotation."""
PASSWORD = "paper-lantern-and-9-oars"  # noqa: S105 - of a demonstration
CARDS = ("00000000000000000001", "00000000000000000002")


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A request. `who` is whose token goes along; braces name what earlier steps took. `take` names what of the answer
    is kept: a path such as ``data.holder``. With `photo` the body is that file; `until` repeats the request until the
    member has the value."""

    title: str
    who: str
    method: str
    path: str
    body: Mapping[str, Any] | None = None
    photo: str | None = None
    take: Mapping[str, str] = field(default_factory=dict)
    until: tuple[str, str] | None = None
    status: int = 200


def _sign_in(name: str) -> Step:
    return Step(
        title=f"The {name} signs in",
        who="",
        method="POST",
        path="/session",
        body={"name": name, "password": PASSWORD, "desk": "desk-1", "program": True},
        take={name: "token"},
    )


def _operator(name: str, role: str) -> Step:
    body = {"name": name, "display_name": name.title(), "role": role, "district": "{city}", "password": PASSWORD}
    return Step(title=f"Appointed: the {name}", who="admin", method="POST", path="/operators", body=body)


def _written(run: str) -> Step:
    return Step(
        title="… until it is done",
        who="registrar",
        method="GET",
        path=f"/runs/{{{run}}}",
        until=("state", "done"),
    )


def _checkpoint() -> Step:
    return Step(
        title="A checkpoint: the audit signer vouches for every record so far",
        who="admin",
        method="POST",
        path="/audit/checkpoints",
    )


_ISSUE = {"reader": "desk-1"}
FIRST = (
    _sign_in("admin"),
    Step(
        title="Which districts there are",
        who="admin",
        method="GET",
        path="/districts",
        take={"city": "0.id"},
    ),
    _operator("registrar", "registrar"),
    _operator("approver", "approver"),
    _operator("auditor", "auditor"),
    _sign_in("registrar"),
    _sign_in("approver"),
    Step(
        title="Two blank cards come in",
        who="registrar",
        method="POST",
        path="/stock/receive",
        body={"district": "{city}", "desk": "desk-1", "serials": list(CARDS)},
    ),
    Step(
        title="A person registers",
        who="registrar",
        method="POST",
        path="/holders",
        body={
            "district": "{city}",
            "names": {"native": "陈晓雯", "latin_surname": "CHEN", "latin_given": "XIAOWEN"},
            "sex": "F",
            "birth_date": "1991-04-17",
            "nationality": "UTO",
            "address": "乌托邦省示例市新城区梧桐街道书香里8号2单元301室",
            "residence_since": "2024-03-01",
            "facts": {
                "employment": "2024-03-01/..",
                "social_insurance": "2024-03-01/..",
                "home": "2024-03-01/..",
                "home_kind": "rented",
                "education": "bachelor",
            },
        },
        take={"holder": "data.holder", "application": "data.application"},
    ),
    Step(
        title="What the rules will give, to be read aloud",
        who="registrar",
        method="GET",
        path="/holders/{holder}/entitlements",
    ),
    Step(
        title="The documents; what is missing is told once and in full",
        who="registrar",
        method="POST",
        path="/applications/{application}/checklist",
        body={"present": ["identity-document", "proof-of-address", "proof-of-ground"]},
    ),
    Step(
        title="The photo",
        who="registrar",
        method="PUT",
        path="/applications/{application}/photo",
        photo="01-chen-xiaowen.jpg",
    ),
    Step(
        title="Accepted, against a slip",
        who="registrar",
        method="POST",
        path="/applications/{application}/accept",
        body={"ground": "employment"},
        take={"slip": "data.slip"},
    ),
    Step(
        title="Four eyes: who registered cannot approve",
        who="registrar",
        method="POST",
        path="/applications/{application}/approve",
        status=403,
    ),
    Step(title="The approver looks at the queue", who="approver", method="GET", path="/deadlines"),
    Step(
        title="… and approves",
        who="approver",
        method="POST",
        path="/applications/{application}/approve",
        take={"permit": "data.permit"},
    ),
    Step(
        title="A blank is laid out",
        who="registrar",
        method="POST",
        path="/applications/{application}/blank",
        body={"desk": "desk-1", "serial": CARDS[0]},
    ),
    Step(
        title="The card is written",
        who="registrar",
        method="POST",
        path="/applications/{application}/personalisation",
        body=_ISSUE,
        take={"run": "id"},
        status=202,
    ),
    _written("run"),
    Step(
        title="Handed over against the slip: the permit is in force",
        who="registrar",
        method="POST",
        path="/applications/{application}/handover",
        body={"slip": "{slip}"},
    ),
    Step(
        title="The holder reads what is on the card",
        who="registrar",
        method="GET",
        path="/permits/{permit}/card",
    ),
    Step(
        title="The drawer's books",
        who="registrar",
        method="GET",
        path="/stock?district={city}&desk=desk-1",
    ),
    _checkpoint(),
)
LATER = (
    _sign_in("registrar"),
    _sign_in("approver"),
    _sign_in("auditor"),
    _sign_in("admin"),
    Step(title="Whose endorsement is due", who="registrar", method="GET", path="/endorsements"),
    Step(
        title="Endorsed, with a new address in the same pass: old → new",
        who="registrar",
        method="POST",
        path="/permits/{permit}/endorse",
        body={"address": {"address": "乌托邦省示例市新城区海棠路12号", "since": "{yesterday}"}},
    ),
    Step(
        title="The card is written to say so",
        who="registrar",
        method="POST",
        path="/permits/{permit}/card-update",
        body=_ISSUE,
        take={"run": "id"},
        status=202,
    ),
    _written("run"),
    Step(
        title="A call: the card is lost. Suspended at once",
        who="registrar",
        method="POST",
        path="/permits/{permit}/report-lost",
        body={"in_person": False},
    ),
    Step(
        title="Only a visit restores it",
        who="registrar",
        method="POST",
        path="/permits/{permit}/restore",
        body={"in_person": False},
        status=422,
    ),
    Step(
        title="It does not come back: another card is asked for, the old one is void for good",
        who="registrar",
        method="POST",
        path="/permits/{permit}/replace",
        body={"reason": "lost"},
        take={"application": "data.application", "slip": "data.slip"},
    ),
    Step(
        title="The photo is taken anew",
        who="registrar",
        method="PUT",
        path="/applications/{application}/photo",
        photo="01-chen-xiaowen.jpg",
    ),
    Step(
        title="The approver agrees",
        who="approver",
        method="POST",
        path="/applications/{application}/approve",
    ),
    Step(
        title="A second blank",
        who="registrar",
        method="POST",
        path="/applications/{application}/blank",
        body={"desk": "desk-1", "serial": CARDS[1]},
    ),
    Step(
        title="The replacement is written",
        who="registrar",
        method="POST",
        path="/applications/{application}/personalisation",
        body={"reader": "desk-2"},
        take={"run": "id"},
        status=202,
    ),
    _written("run"),
    Step(
        title="… and handed over: the permit is in force again",
        who="registrar",
        method="POST",
        path="/applications/{application}/handover",
        body={"slip": "{slip}"},
    ),
    Step(
        title="The holder is registered here for good: the permit ends, the card comes back",
        who="approver",
        method="POST",
        path="/permits/{permit}/terminate",
        body={"ending": "local-registration", "old_serial": CARDS[1], "desk": "desk-1"},
    ),
    Step(
        title="The day is closed: no blank is left, and the ledger says the same",
        who="registrar",
        method="POST",
        path="/stock/days",
        body={"district": "{city}", "desk": "desk-1", "counted": 0},
    ),
    _checkpoint(),
    Step(
        title="The auditor believes nothing: every record and every signature",
        who="auditor",
        method="GET",
        path="/audit/verification",
    ),
)
STEPS = (*FIRST, *LATER)
COMMANDS = (
    "permit-keys init --authority {samples}/authority.json --home {here}/authority --passphrase-file {here}/passphrase",
    f"permit-softcard new --image {{here}}/card-1.img --serial {CARDS[0]}",
    f"permit-softcard new --image {{here}}/card-2.img --serial {CARDS[1]}",
    "permit-issuer init --city-name 示例市 --administrator admin --password-file {here}/password",
)
"""What stands before the first request; with the settings of `environment`."""
