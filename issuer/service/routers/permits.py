"""Permits through the years."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from ...acts import permits, persons, upkeep
from ...acts.permits import NewAddress
from ...domain.calendar import endorsed, window_opens
from ...domain.permit_life import PermitState, Standing, Suspension, standing
from ...domain.reasons import Reason
from ...domain.roles import Act
from ...store import queries
from ...store.models.people import Holder
from ...store.models.permits import Permit
from ...store.unit import Receipt
from .. import entitlements
from ..access import Caller, Endpoints, Scope, by_act, etag
from ..pages import After, Limit, decode, encode
from ..problem_texts import Code
from ..problems import language
from ..schemas.applications import Why
from ..schemas.base import ReceiptOut
from ..schemas.holders import Preview
from ..schemas.permits import (
    AddressIn,
    EndorseIn,
    GrantOut,
    InPerson,
    MoveIn,
    MyCard,
    PermitLine,
    PermitOut,
    PermitPage,
    RemindIn,
    ReplaceIn,
    RevokeIn,
    TerminateIn,
)
from .holders import today, within

api = Endpoints("permits")
Number = Annotated[str, Path(pattern=r"^[A-Z0-9]{4,20}$", max_length=20, description="the permit's number")]
Rehearsal = Annotated[bool, Query(description="true: only show old and new, change nothing")]
_READ = by_act(Act.READ_HOLDER)
_MOVING = (Reason.NO_PERMIT, Reason.WRONG_STATE)
NEVER_ON_A_CARD = ("criminal record", "policing tags", "marital data", "pregnancy data")


@api.get(
    "/endorsements",
    by_act(Act.READ_HOLDER, Scope.WITHIN),
    "Endorsements due",
    response_model=PermitPage,
)
def due(call: Caller, after: After = None, limit: Limit = 50) -> Any:
    """Permits whose yearly endorsement is open now, the nearest end first."""
    key = decode(after, str, int)
    try:
        position = None if key is None else (date.fromisoformat(key[0]), key[1])
    except ValueError as error:
        from ...domain.reasons import refusal

        raise refusal(Reason.INVALID_VALUE, field="after") from error
    with call.store.read() as transaction:
        page = queries.reminders(transaction, call.actor.place, today(call), after=position, limit=limit)
        following = None if page.after is None else encode(page.after[0].isoformat(), page.after[1])
        return PermitPage(permits=[_line(row, call) for row in page.rows], next=following)


@api.act("/reminders", by_act(Act.REMIND), "Note reminders", Reason.NO_PERMIT, response_model=ReceiptOut)
def remind(body: RemindIn, call: Caller) -> Any:
    """These holders were told that their endorsement is open: `reminded_for` in the list says so from now on."""
    return call.done(upkeep.remind(call.store, call.actor, body.permits, key=call.key))


@api.get("/permits/{number}", _READ, "A permit", Reason.NO_PERMIT, response_model=PermitOut)
def permit(number: Number, call: Caller, response: Response) -> Any:
    """Its state, what it is worth today, its card, and what was granted with the reasons; with the version for
    If-Match."""
    with call.store.read() as transaction:
        found = dossier(transaction, number, call)
    held = found.permit
    response.headers["ETag"] = etag(held.version)
    return PermitOut(
        number=held.number,
        holder=held.holder_id,
        state=held.state,
        standing=found.standing.value,
        district=held.district_id,
        permit_class=held.permit_class,
        rule_set=held.rule_set,
        valid_from=held.valid_from,
        endorsed_until=held.endorsed_until,
        window_opens=window_opens(held.endorsed_until),
        expires_on=held.expires_on,
        card=found.serial or None,
        card_due=held.card_due,
        grants=[_grant(service) for service in found.services],
        ended_on=held.ended_on,
        reason=held.reason,
        version=held.version,
    )


@api.get("/permits/{number}/card", _READ, "What is on the card", Reason.NO_PERMIT, response_model=MyCard)
def my_card(number: Number, call: Caller) -> Any:
    """What the holder may see, in one page: what the card says, each service with the reason, what is not
    granted and why, and what is never on it."""
    with call.store.read() as transaction:
        found = dossier(transaction, number, call)
        from ...store.models.stock import Card

        card = transaction.get(Card, found.serial) if found.serial else None
    held, holder = found.permit, found.holder
    return MyCard(
        permit=held.number,
        standing=found.standing.value,
        name_native=holder.name_native,
        name_latin=f"{holder.latin_surname} {holder.latin_given}".strip(),
        birth_date=holder.birth_date,
        sex=holder.sex,
        permit_class=held.permit_class,
        endorsed_until=held.endorsed_until,
        expires_on=held.expires_on,
        services=[_grant(service) for service in found.services if service.until is not None],
        not_granted=[_grant(service) for service in found.services if service.until is None],
        said_by_card=None if card is None else card.endorsed_until,
        card_due=held.card_due,
        never_on_it=list(NEVER_ON_A_CARD),
    )


@api.get(
    "/permits/{number}/entitlements",
    _READ,
    "Preview of entitlements",
    Reason.NO_PERMIT,
    Code.NO_RULE_SET,
    response_model=Preview,
)
def preview(number: Number, call: Caller, request: Request) -> Any:
    """What the rules give today in place of what the permit says: old → new, and why, to be read aloud."""
    with call.store.read() as transaction:
        found = dossier(transaction, number, call)
        result = entitlements.assess(transaction, found.holder, today(call), until=_until(found.permit, call))
    old = {service.code: service.until for service in found.services}
    new: dict[str, date | None] = {code: grant.valid_until for code, grant in result.grants.items()}
    changes = [
        {"name": code, "old": str(old.get(code) or ""), "new": str(new.get(code) or "")}
        for code in sorted(old.keys() | new.keys())
        if old.get(code) != new.get(code)
    ]
    return Preview(
        eligible=result.eligible,
        permit_class=result.permit_class,
        rule_set=result.version,
        assessment=entitlements.record(result),
        lines=entitlements.spoken(result, language(request)),
        changes=changes,
    )


@api.act(
    "/permits/{number}/endorse",
    by_act(Act.ENDORSE),
    "Endorse",
    *_MOVING,
    Reason.TOO_EARLY,
    Reason.RE_REGISTER,
    Reason.EXPIRED,
    Reason.NOT_ELIGIBLE,
    Reason.NO_DISTRICT,
    Code.NO_RULE_SET,
    response_model=ReceiptOut,
)
def endorse(number: Number, body: EndorseIn, call: Caller, rehearsal: Rehearsal = False) -> Any:
    """The yearly endorsement, with a new address, another district and what the rules say now, in one pass. `changes`
    in the receipt is old → new; as a rehearsal, nothing is changed. Then write the card: `POST …/card-update`."""
    with call.store.read() as transaction:
        found = dossier(transaction, number, call)
        moving = found.permit
        following = endorsed(
            until=moving.endorsed_until,
            years_since=moving.years_since,
            expires=moving.expires_on,
            today=today(call),
            rule=call.store.rules.years,
        )
        until = max(following.until, today(call))
        decision = entitlements.decision(entitlements.assess(transaction, found.holder, today(call), until=until))
    receipt = permits.endorse(
        call.store,
        call.actor,
        number,
        decision,
        address=_address(body),
        key=call.key,
        version=call.version,
        rehearsal=rehearsal,
    )
    return receipt if rehearsal else call.done(receipt)


@api.act(
    "/permits/{number}/entitlements",
    by_act(Act.CHANGE_ENTITLEMENTS),
    "Change entitlements",
    *_MOVING,
    Reason.EXPIRED,
    Reason.NOT_ELIGIBLE,
    Reason.NO_DISTRICT,
    Code.NO_RULE_SET,
    response_model=ReceiptOut,
)
def change_entitlements(number: Number, body: EndorseIn, call: Caller, rehearsal: Rehearsal = False) -> Any:
    """What the rules say now, between two endorsements; the card is to be written anew."""
    with call.store.read() as transaction:
        found = dossier(transaction, number, call)
        until = _until(found.permit, call)
        decision = entitlements.decision(entitlements.assess(transaction, found.holder, today(call), until=until))
    receipt = permits.change_entitlements(
        call.store,
        call.actor,
        number,
        decision,
        address=_address(body),
        key=call.key,
        version=call.version,
        rehearsal=rehearsal,
    )
    return receipt if rehearsal else call.done(receipt)


@api.act(
    "/permits/{number}/change-address",
    by_act(Act.CHANGE_ADDRESS),
    "Change the address",
    *_MOVING,
    Reason.NO_HOLDER,
    response_model=ReceiptOut,
)
def change_address(number: Number, body: AddressIn, call: Caller) -> Any:
    """Reported within ten days, no new card. `If-Match` is of the holder."""
    return _of_holder(
        number,
        call,
        lambda holder: persons.change_address(
            call.store, call.actor, holder, address=body.address, since=body.since, key=call.key, version=call.version
        ),
    )


@api.act(
    "/permits/{number}/move-district",
    by_act(Act.MOVE_DISTRICT),
    "Move to another district",
    *_MOVING,
    Reason.NO_HOLDER,
    Reason.NO_DISTRICT,
    response_model=ReceiptOut,
)
def move_district(number: Number, body: MoveIn, call: Caller) -> Any:
    """Into the care of another district. `If-Match` is of the holder."""
    return _of_holder(
        number,
        call,
        lambda holder: persons.move_district(
            call.store, call.actor, holder, district_id=body.district, key=call.key, version=call.version
        ),
    )


@api.act(
    "/permits/{number}/report-lost", by_act(Act.REPORT_LOST), "Report the loss", *_MOVING, response_model=ReceiptOut
)
def report_lost(number: Number, body: InPerson, call: Caller) -> Any:
    """Suspends at once, on a call too; only a visit restores it."""
    receipt = permits.report_lost(
        call.store, call.actor, number, in_person=body.in_person, key=call.key, version=call.version
    )
    return call.done(receipt)


@api.act("/permits/{number}/suspend", by_act(Act.SUSPEND), "Suspend", *_MOVING, response_model=ReceiptOut)
def suspend(number: Number, body: Why, call: Caller) -> Any:
    """By an officer's order, and why."""
    return call.done(
        permits.suspend(call.store, call.actor, number, reason=body.reason, key=call.key, version=call.version)
    )


@api.act(
    "/permits/{number}/restore",
    by_act(Act.RESTORE),
    "Restore",
    *_MOVING,
    Reason.IN_PERSON_ONLY,
    Reason.BY_ORDER,
    response_model=ReceiptOut,
)
def restore(number: Number, body: InPerson, call: Caller) -> Any:
    """The holder is here, with the card. An order is lifted only by who may give one."""
    return call.done(
        permits.restore(call.store, call.actor, number, in_person=body.in_person, key=call.key, version=call.version)
    )


@api.act(
    "/permits/{number}/replace",
    by_act(Act.REPLACE),
    "Replace the card",
    *_MOVING,
    Reason.EXPIRED,
    Reason.BY_ORDER,
    Reason.OLD_CARD_MISSING,
    Reason.APPLICATION_OPEN,
    response_model=ReceiptOut,
)
def replace(number: Number, body: ReplaceIn, call: Caller) -> Any:
    """The old card comes back or is written off as lost, and is INVALID from now on; an application for another is
    opened (`application`, `slip`, `fee` in fen), which a second officer approves."""
    return call.done(
        permits.replace(
            call.store,
            call.actor,
            number,
            reason=body.reason,
            old_serial=body.old_serial,
            desk=body.desk,
            key=call.key,
            version=call.version,
        )
    )


@api.act(
    "/permits/{number}/revoke",
    by_act(Act.REVOKE),
    "Revoke",
    *_MOVING,
    Reason.OLD_CARD_MISSING,
    response_model=ReceiptOut,
)
def revoke(number: Number, body: RevokeIn, call: Caller) -> Any:
    """For good: stolen, abused."""
    return call.done(
        permits.revoke(
            call.store,
            call.actor,
            number,
            reason=body.reason,
            old_serial=body.old_serial,
            desk=body.desk,
            key=call.key,
            version=call.version,
        )
    )


@api.act(
    "/permits/{number}/terminate",
    by_act(Act.TERMINATE),
    "Terminate",
    *_MOVING,
    Reason.OLD_CARD_MISSING,
    response_model=ReceiptOut,
)
def terminate(number: Number, body: TerminateIn, call: Caller) -> Any:
    """It has come to its end: no longer eligible, local registration, death, false papers."""
    return call.done(
        permits.terminate(
            call.store,
            call.actor,
            number,
            ending=body.ending,
            old_serial=body.old_serial,
            desk=body.desk,
            key=call.key,
            version=call.version,
        )
    )


def dossier(transaction: Transaction, number: str, call: Caller) -> queries.Dossier:
    """All about a permit of the district. Raises ActRefused(NO_PERMIT, DISTRICT)."""
    held = transaction.scalars(select(Permit).where(Permit.number == number)).one_or_none()
    within(transaction, held, call.actor.place, Reason.NO_PERMIT)
    found = queries.dossier(transaction, number, today(call), call.store.rules.years)
    assert found is not None
    return found


def _of_holder(number: str, call: Caller, act: Callable[[int], Receipt]) -> Receipt:
    with call.store.read() as transaction:
        held = transaction.scalars(select(Permit).where(Permit.number == number)).one_or_none()
        holder = within(transaction, held, call.actor.place, Reason.NO_PERMIT).holder_id
        transaction.get_one(Holder, holder)
    return call.done(act(holder))


def _until(held: Permit, call: Caller) -> date:
    """Grants between two endorsements end with the present one."""
    return max(held.endorsed_until, today(call))


def _address(body: EndorseIn) -> NewAddress | None:
    new = body.address
    return None if new is None else NewAddress(address=new.address, since=new.since, district_id=new.district)


def _grant(service: queries.Service) -> GrantOut:
    return GrantOut(
        service=service.code,
        valid_until=service.until,
        rule_set=service.rule_set,
        explanation=dict(service.explanation),
    )


def _line(found: Permit, call: Caller) -> PermitLine:
    return PermitLine(
        number=found.number,
        holder=found.holder_id,
        endorsed_until=found.endorsed_until,
        standing=_standing(found, call).value,
        reminded_for=found.reminded_for,
    )


def _standing(found: Permit, call: Caller) -> Standing:
    return standing(
        PermitState(found.state),
        endorsed_until=found.endorsed_until,
        expires=found.expires_on,
        today=today(call),
        suspension=None if found.suspension is None else Suspension(found.suspension),
        rule=call.store.rules.years,
    )
