"""Places, and the people who work there."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Response
from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from ...acts import staff
from ...domain.places import Place
from ...domain.reasons import Reason, refusal
from ...domain.roles import Act, Role
from ...store import queries
from ...store.models.people import District, Operator
from ..access import PEOPLE, Caller, Endpoints, Scope, by_act, by_role, etag
from ..schemas.base import BIGGEST, ReceiptOut
from ..schemas.people import DistrictIn, DistrictOut, OperatorIn, OperatorOut, PasswordIn

api = Endpoints("people and places")
OperatorId = Annotated[int, Path(ge=1, le=BIGGEST)]
_ADMINISTRATION = by_role(Role.KEY_ADMINISTRATOR, Role.AUDITOR, scope=Scope.WITHIN)
_ONE = by_role(Role.KEY_ADMINISTRATOR, Role.AUDITOR, scope=Scope.DISTRICT)


@api.get("/districts", by_role(*PEOPLE, scope=Scope.SESSION), "The districts", response_model=list[DistrictOut])
def districts(call: Caller) -> Any:
    """The whole tree of four levels, in the order of paths. Everybody may see it: people move between districts."""
    with call.store.read() as transaction:
        return [_district(found) for found in queries.places(transaction)]


@api.act(
    "/districts",
    by_act(Act.CREATE_DISTRICT),
    "Create a district",
    Reason.NO_DISTRICT,
    Reason.NAME_TAKEN,
    response_model=ReceiptOut,
)
def create_district(body: DistrictIn, call: Caller) -> Any:
    """A place below another, within the own district. `code` is unique; GB/T 2260 where there is one."""
    return call.done(
        staff.create_district(*call.by, code=body.code, name=body.name, parent_id=body.parent, key=call.key)
    )


@api.get("/operators", _ADMINISTRATION, "The operators", response_model=list[OperatorOut])
def operators(call: Caller) -> Any:
    """Those of the own district and below."""
    with call.store.read() as transaction:
        rows = transaction.execute(
            select(Operator, District).join(District, District.id == Operator.district_id).order_by(Operator.name)
        )
        return [_operator(row.Operator) for row in rows if call.actor.place.covers(row.District.place)]


@api.get("/operators/{operator}", _ONE, "An operator", Reason.NO_OPERATOR, response_model=OperatorOut)
def operator(operator: OperatorId, call: Caller, response: Response) -> Any:
    """One operator, with the version for If-Match."""
    with call.store.read() as transaction:
        found = _within(transaction, operator, call.actor.place)
    response.headers["ETag"] = etag(found.version)
    return _operator(found)


@api.act(
    "/operators",
    by_act(Act.CREATE_OPERATOR),
    "Appoint an operator",
    Reason.NO_DISTRICT,
    Reason.NAME_TAKEN,
    response_model=ReceiptOut,
)
def create_operator(body: OperatorIn, call: Caller) -> Any:
    """One person, one role: whoever approves does not register. The password has 12 characters or more."""
    call.service.passwords.check(body.password, name=body.name)
    return call.done(
        staff.create_operator(
            *call.by,
            name=body.name,
            display_name=body.display_name,
            role=Role(body.role),
            district_id=body.district,
            password=body.password,
            key=call.key,
        )
    )


@api.act(
    "/operators/{operator}/password",
    by_act(Act.CHANGE_OPERATOR),
    "Set a password",
    Reason.NO_OPERATOR,
    response_model=ReceiptOut,
)
def set_password(operator: OperatorId, body: PasswordIn, call: Caller) -> Any:
    """A new password: the lock-out ends, and so do all sessions of the operator."""
    with call.store.read() as transaction:
        found = _within(transaction, operator, call.actor.place)
    call.service.passwords.check(body.password, name=found.name)
    return call.done(staff.set_password(*call.by, operator, body.password))


@api.act(
    "/operators/{operator}/disable",
    by_act(Act.CHANGE_OPERATOR),
    "Disable an operator",
    Reason.NO_OPERATOR,
    response_model=ReceiptOut,
)
def disable(operator: OperatorId, call: Caller) -> Any:
    """Signs in no more; what they did stays theirs. All their sessions end."""
    return call.done(staff.disable_operator(*call.by, operator))


def _within(transaction: Transaction, operator: int, place: Place) -> Operator:
    found = transaction.get(Operator, operator)
    if found is None:
        raise refusal(Reason.NO_OPERATOR, operator=operator)
    if not place.covers(transaction.get_one(District, found.district_id).place):
        raise refusal(Reason.DISTRICT, operator=operator)
    return found


def _district(found: District) -> DistrictOut:
    return DistrictOut(
        id=found.id, code=found.code, name=found.name, level=found.level, parent=found.parent_id, path=found.path
    )


def _operator(found: Operator) -> OperatorOut:
    return OperatorOut(
        id=found.id,
        name=found.name,
        display_name=found.display_name,
        role=Role(found.role),
        district=found.district_id,
        disabled=found.disabled,
        locked_until=found.locked_until,
        version=found.version,
    )
