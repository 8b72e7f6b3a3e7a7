"""Permits through the years."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import Path, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from ...domain.calendar import window_opens
from ...domain.permit_life import PermitState, Standing, Suspension, standing
from ...domain.reasons import Reason, refusal
from ...domain.roles import Act
from ...store import queries
from ...store.models.permits import Permit
from ...store.models.stock import Card
from .. import entitlements
from ..access import Caller, Endpoints, Scope, by_act, etag
from ..pages import After, Limit, decode, encode
from ..problem_texts import Code
from ..problems import language
from ..schemas.holders import Preview
from ..schemas.permits import (
    GrantOut,
    MyCard,
    PermitLine,
    PermitOut,
    PermitPage,
)
from .holders import today, within

api = Endpoints("permits")
Number = Annotated[str, Path(pattern=r"^[A-Z0-9]{4,20}$", max_length=20, description="the permit's number")]
_READ = by_act(Act.READ_HOLDER)
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
        raise refusal(Reason.INVALID_VALUE, field="after") from error
    with call.store.read() as transaction:
        page = queries.reminders(transaction, call.actor.place, today(call), after=position, limit=limit)
        following = None if page.after is None else encode(page.after[0].isoformat(), page.after[1])
        return PermitPage(permits=[_line(row, call) for row in page.rows], next=following)


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
        result = entitlements.assess(transaction, found.holder, today(call), until=until_now(found.permit, call))
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


def dossier(transaction: Transaction, number: str, call: Caller) -> queries.Dossier:
    """All about a permit of the district. Raises ActRefused(NO_PERMIT, DISTRICT)."""
    held = transaction.scalars(select(Permit).where(Permit.number == number)).one_or_none()
    within(transaction, held, call.actor.place, Reason.NO_PERMIT)
    found = queries.dossier(transaction, number, today(call), call.store.rules.years)
    assert found is not None
    return found


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


def until_now(held: Permit, call: Caller) -> date:
    """Grants between two endorsements end with the present one."""
    return max(held.endorsed_until, today(call))
