"""People: registered once, found again, and what the rules give them."""

from __future__ import annotations

import json
from datetime import date
from typing import Annotated, Any, TypeVar

from fastapi import Path, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from ...acts import persons
from ...acts.persons import Registration
from ...domain.calendar import eligible_from
from ...domain.checklist import Ground
from ...domain.names import match_keys, number_hash
from ...domain.places import Place
from ...domain.reasons import Reason, refusal
from ...domain.roles import Act
from ...rules.facts import from_record
from ...rules.faults import RulesRefused
from ...store import queries
from ...store.models.people import District, Holder, HolderMatch
from ...store.models.permits import Application, Permit
from .. import entitlements
from ..access import Caller, Endpoints, Scope, by_act, etag
from ..pages import After, Limit, decode, encode
from ..problem_texts import Code
from ..problems import language
from ..schemas.base import BIGGEST, ReceiptOut
from ..schemas.holders import Candidates, DuplicateCheck, HolderIn, HolderLine, HolderOut, HolderPage, Preview
from ..schemas.permits import AddressIn, MoveIn

api = Endpoints("holders")
HolderId = Annotated[int, Path(ge=1, le=BIGGEST)]
_READ = by_act(Act.READ_HOLDER)


@api.get("/holders", by_act(Act.READ_HOLDER, Scope.WITHIN), "Find holders", response_model=HolderPage)
def find(
    call: Caller,
    name: Annotated[
        str | None, Query(min_length=1, max_length=100, description="how the name begins, any script")
    ] = None,
    number: Annotated[str | None, Query(min_length=4, max_length=40, description="the whole identity number")] = None,
    birth_date: date | None = None,
    after: After = None,
    limit: Limit = 50,
) -> Any:
    """By the beginning of a native or Latin name, or by the identity number: in the own district and below. A list has
    as little of each person as it takes to know who it is."""
    key = decode(after, str, int)
    with call.store.read() as transaction:
        if number is not None:
            found = queries.find_by_number(transaction, number, call.store.number_secret)
            mine = found is not None and _covered(transaction, found.district_id, call.actor.place)
            return HolderPage(holders=[_line(found)] if found is not None and mine else [], next=None)
        if name is None or "\0" in name:
            raise refusal(Reason.INVALID_VALUE, field="name")
        page = queries.find_by_name(transaction, name, call.actor.place, birth_date=birth_date, after=key, limit=limit)
        return HolderPage(
            holders=[_line(row) for row in page.rows], next=None if page.after is None else encode(*page.after)
        )


@api.other(
    "POST", "/holders/duplicates", by_act(Act.REGISTER, Scope.SESSION), "Look for duplicates", response_model=Candidates
)
def duplicates(body: DuplicateCheck, call: Caller) -> Any:
    """Before somebody is registered: who it may be already. The identity number decides alone; name, birth date and sex
    only suggest, also across scripts. Looks in all districts, since people move."""
    keys = sorted(match_keys(body.names.native, body.names.latin_surname, body.names.latin_given))
    with call.store.read() as transaction:
        certain = None
        if body.personal_number:
            digest = number_hash(body.personal_number, call.store.number_secret)
            certain = transaction.scalars(select(Holder.id).where(Holder.number_hash == digest)).one_or_none()
        rows = transaction.scalars(
            select(Holder)
            .where(
                Holder.id.in_(
                    select(HolderMatch.holder_id).where(
                        HolderMatch.birth_date == body.birth_date,
                        HolderMatch.sex == body.sex,
                        HolderMatch.key.in_(keys),
                    )
                )
            )
            .order_by(Holder.id)
            .limit(50)
        )
        return Candidates(certain=certain, candidates=[_line(row) for row in rows])


@api.act(
    "/holders",
    by_act(Act.REGISTER),
    "Register a holder",
    Reason.NO_DISTRICT,
    Reason.HOLDER_KNOWN,
    Reason.POSSIBLE_DUPLICATE,
    response_model=ReceiptOut,
)
def register(body: HolderIn, call: Caller) -> Any:
    """Enter a person once, and open an application; the six months run from `residence_since`. Every mistake is told at
    once. Somebody who may be registered already is refused with the candidates until `not_the_same` names them all."""
    try:
        facts = from_record(body.facts).record()
    except RulesRefused as refused:
        raise entitlements.mistakes(refused, "body.facts") from refused
    person = Registration(
        district_id=body.district,
        name_native=body.names.native,
        latin_surname=body.names.latin_surname,
        latin_given=body.names.latin_given,
        sex=body.sex,
        birth_date=body.birth_date,
        nationality=body.nationality,
        address=body.address,
        residence_since=body.residence_since,
        ethnicity=body.ethnicity,
        personal_number=body.personal_number,
        hukou_address=body.hukou_address,
        ground=body.ground,
        facts=facts,
    )
    return call.done(persons.register(*call.by, person, not_the_same_as=body.not_the_same, key=call.key))


@api.get("/holders/{holder}", _READ, "A holder", Reason.NO_HOLDER, response_model=HolderOut)
def holder(holder: HolderId, call: Caller, response: Response) -> Any:
    """All that is recorded of a person, with the version for If-Match."""
    with call.store.read() as transaction:
        found = within(transaction, transaction.get(Holder, holder), call.actor.place, Reason.NO_HOLDER)
        applications = transaction.scalars(
            select(Application.id).where(Application.holder_id == holder).order_by(Application.id)
        ).all()
        permits = transaction.scalars(select(Permit.number).where(Permit.holder_id == holder).order_by(Permit.id)).all()
    response.headers["ETag"] = etag(found.version)
    return HolderOut(
        **_line(found).model_dump(),
        nationality=found.nationality,
        ethnicity=found.ethnicity,
        personal_number=found.personal_number,
        hukou_address=found.hukou_address,
        address=found.address,
        address_since=found.address_since,
        residence_since=found.residence_since,
        eligible_from=eligible_from(found.residence_since),
        ground=None if found.ground is None else Ground(found.ground),
        facts=json.loads(found.facts),
        applications=list(applications),
        permits=list(permits),
        version=found.version,
    )


@api.act(
    "/holders/{holder}/applications",
    by_act(Act.REGISTER),
    "Apply again",
    Reason.NO_HOLDER,
    Reason.HOLDER_HAS_PERMIT,
    Reason.APPLICATION_OPEN,
    response_model=ReceiptOut,
)
def apply_again(holder: HolderId, call: Caller) -> Any:
    """For a known person whose permit has ended, or who withdrew."""
    return call.done(persons.register_again(*call.by, holder, key=call.key))


@api.act(
    "/holders/{holder}/address",
    by_act(Act.CHANGE_ADDRESS),
    "Change the address",
    Reason.NO_HOLDER,
    Reason.WRONG_STATE,
    response_model=ReceiptOut,
)
def change_address(holder: HolderId, body: AddressIn, call: Caller) -> Any:
    """Within the district; no new card. `late` in the receipt when it was reported after more than ten days."""
    return call.done(persons.change_address(*call.by, holder, address=body.address, since=body.since, **call.once))


@api.act(
    "/holders/{holder}/district",
    by_act(Act.MOVE_DISTRICT),
    "Move to another district",
    Reason.NO_HOLDER,
    Reason.NO_DISTRICT,
    Reason.WRONG_STATE,
    response_model=ReceiptOut,
)
def move(holder: HolderId, body: MoveIn, call: Caller) -> Any:
    """Into the care of another district, with open application and permit; done by the one that has them in care
    now."""
    return call.done(persons.move_district(*call.by, holder, district_id=body.district, **call.once))


@api.get(
    "/holders/{holder}/entitlements",
    _READ,
    "Preview of entitlements",
    Reason.NO_HOLDER,
    Code.NO_RULE_SET,
    response_model=Preview,
)
def preview(holder: HolderId, call: Caller, request: Request) -> Any:
    """What the rules in force give this person today: class and services, each with its reason, and for each that is
    not granted what is short of it. `lines` are to be read aloud."""
    with call.store.read() as transaction:
        found = within(transaction, transaction.get(Holder, holder), call.actor.place, Reason.NO_HOLDER)
        result = entitlements.assess(transaction, found, today(call))
    return Preview(
        eligible=result.eligible,
        permit_class=result.permit_class,
        rule_set=result.version,
        assessment=entitlements.record(result),
        lines=entitlements.spoken(result, language(request)),
    )


T = TypeVar("T", Holder, Application, Permit)


def within(transaction: Transaction, found: T | None, place: Place, missing: Reason) -> T:
    """Something in the district. Raises ActRefused(`missing`, DISTRICT)."""
    if found is None:
        raise refusal(missing)
    if not _covered(transaction, found.district_id, place):
        raise refusal(Reason.DISTRICT)
    return found


def today(call: Caller) -> date:
    """The civil date."""
    from ...assemble import civil_date

    return civil_date(call.store.now())


def _covered(transaction: Transaction, district: int, place: Place) -> bool:
    return place.covers(transaction.get_one(District, district).place)


def _line(found: Holder) -> HolderLine:
    return HolderLine(
        id=found.id,
        name_native=found.name_native,
        name_latin=f"{found.latin_surname} {found.latin_given}".strip(),
        birth_date=found.birth_date,
        sex=found.sex,
        district=found.district_id,
    )
