"""Applications: told what is missing, accepted against a slip, decided by a second officer, handed over."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import Path, Query, Response
from sqlalchemy.orm import Session as Transaction

from ...acts import applications, production
from ...domain.application_life import OPEN_APPLICATION, ApplicationState
from ...domain.checklist import REQUIRED, Item
from ...domain.reasons import Reason, refusal
from ...domain.roles import Act
from ...store import queries
from ...store.models.permits import Application
from .. import entitlements
from ..access import Caller, Endpoints, Scope, by_act, etag
from ..pages import After, Limit, decode, encode
from ..problem_texts import Code
from ..schemas.applications import AcceptIn, ApplicationOut, ApplicationPage, BlankIn, Handed, HandOverIn, Why
from ..schemas.base import BIGGEST, ReceiptOut
from .holders import today, within

api = Endpoints("applications")
ApplicationId = Annotated[int, Path(ge=1, le=BIGGEST)]
_LIST = by_act(Act.READ_HOLDER, Scope.WITHIN)
_READ = by_act(Act.READ_HOLDER)
_MOVING = (Reason.NO_APPLICATION, Reason.WRONG_STATE)


@api.get("/applications", _LIST, "Applications in a state", response_model=ApplicationPage)
def in_state(
    call: Caller,
    state: Annotated[ApplicationState, Query(description="an open one")] = ApplicationState.ACCEPTED,
    after: After = None,
    limit: Limit = 50,
) -> Any:
    """The oldest first: `accepted` is the approver's tray, `approved` waits for a card, `ready` lies in the drawer."""
    if state not in OPEN_APPLICATION:
        raise refusal(Reason.INVALID_VALUE, field="state")
    key = decode(after, int)
    with call.store.read() as transaction:
        page = queries.open_applications(transaction, call.actor.place, state, after=key, limit=limit)
        return ApplicationPage(
            applications=[_out(row, today(call)) for row in page.rows],
            next=None if page.after is None else encode(*page.after),
        )


@api.get("/deadlines", _LIST, "Deadline queue", response_model=ApplicationPage)
def deadlines(call: Caller, after: After = None, limit: Limit = 50) -> Any:
    """Applications whose 15 days (30 when extended) run, the most urgent first; `days_left` is negative when late."""
    key = decode(after, str, int)
    try:
        position = None if key is None else (date.fromisoformat(key[0]), key[1])
    except ValueError as error:
        raise refusal(Reason.INVALID_VALUE, field="after") from error
    with call.store.read() as transaction:
        page = queries.deadlines(transaction, call.actor.place, after=position, limit=limit)
        following = None if page.after is None else encode(page.after[0].isoformat(), page.after[1])
        return ApplicationPage(applications=[_out(row, today(call)) for row in page.rows], next=following)


@api.get("/applications/{application}", _READ, "An application", Reason.NO_APPLICATION, response_model=ApplicationOut)
def application(application: ApplicationId, call: Caller, response: Response) -> Any:
    """Where it is, what is missing, until when it must be decided; with the version for If-Match."""
    with call.store.read() as transaction:
        found = _application(transaction, application, call)
    response.headers["ETag"] = etag(found.version)
    return _out(found, today(call))


@api.act(
    "/applications/{application}/checklist", by_act(Act.APPLY), "Hand in documents", *_MOVING, response_model=ReceiptOut
)
def checklist(application: ApplicationId, body: Handed, call: Caller) -> Any:
    """The first time, `missing` in the receipt is everything that lacks: it is told once and in full (Decree 663 art.
    9), and nothing else can be asked for later."""
    return call.done(applications.apply(*call.by, application, present=body.present, **call.once))


@api.act(
    "/applications/{application}/accept",
    by_act(Act.ACCEPT),
    "Accept",
    *_MOVING,
    Reason.CHECKLIST_INCOMPLETE,
    Reason.NOT_ELIGIBLE,
    response_model=ReceiptOut,
)
def accept(application: ApplicationId, body: AcceptIn, call: Caller) -> Any:
    """What is complete is accepted; `slip` in the receipt is for the applicant, `due_on` the day by which the card is
    ready."""
    return call.done(applications.accept(*call.by, application, present=body.present, ground=body.ground, **call.once))


@api.act(
    "/applications/{application}/extend",
    by_act(Act.EXTEND),
    "Extend the deadline",
    *_MOVING,
    Reason.DEADLINE_AT_MAXIMUM,
    response_model=ReceiptOut,
)
def extend(application: ApplicationId, body: Why, call: Caller) -> Any:
    """To 30 days from acceptance, once, for a reason."""
    return call.done(applications.extend(*call.by, application, reason=body.reason, **call.once))


@api.act(
    "/applications/{application}/approve",
    by_act(Act.APPROVE),
    "Approve",
    *_MOVING,
    Reason.FOUR_EYES,
    Reason.NOT_ELIGIBLE,
    Code.NO_RULE_SET,
    response_model=ReceiptOut,
)
def approve(application: ApplicationId, call: Caller) -> Any:
    """By somebody who has neither registered nor accepted it. Class and services follow from the rules in force; the
    permit is opened, and a blank can be laid out for it."""
    return call.done(applications.approve(*call.by, application, entitlements.decide, **call.once))


@api.act(
    "/applications/{application}/reject",
    by_act(Act.REJECT),
    "Reject",
    *_MOVING,
    Reason.FOUR_EYES,
    response_model=ReceiptOut,
)
def reject(application: ApplicationId, body: Why, call: Caller) -> Any:
    """As a second officer, and why."""
    return call.done(applications.reject(*call.by, application, reason=body.reason, **call.once))


@api.act("/applications/{application}/withdraw", by_act(Act.WITHDRAW), "Withdraw", *_MOVING, response_model=ReceiptOut)
def withdraw(application: ApplicationId, call: Caller) -> Any:
    """The applicant does not want it any more; a permit that was approved for it ends."""
    return call.done(applications.withdraw(*call.by, application, **call.once))


@api.act(
    "/applications/{application}/blank",
    by_act(Act.ALLOCATE_BLANK),
    "Lay out a blank",
    *_MOVING,
    Reason.NO_BLANK,
    Reason.NO_CARD,
    Reason.NOT_IN_THIS_DRAWER,
    Reason.PERMIT_HAS_CARD,
    Reason.CARD_TAKEN,
    Reason.NO_DISTRICT,
    response_model=ReceiptOut,
)
def allocate(application: ApplicationId, body: BlankIn, call: Caller) -> Any:
    """The one in the reader (`serial`), or the next of the drawer. Of two desks that want one blank, or one
    application, at the same moment, one gets it and the other is told."""
    return call.done(
        production.allocate_blank(
            *call.by, application, desk=body.desk, serial=body.serial, district_id=body.district, **call.once
        )
    )


@api.act(
    "/applications/{application}/release",
    by_act(Act.RELEASE_BLANK),
    "Put the blank back",
    *_MOVING,
    Reason.NO_CARD,
    response_model=ReceiptOut,
)
def release(application: ApplicationId, call: Caller) -> Any:
    """A blank that nothing was written on goes back into the drawer."""
    return call.done(production.release_blank(*call.by, application, **call.once))


@api.act(
    "/applications/{application}/handover",
    by_act(Act.HAND_OVER),
    "Hand the card over",
    *_MOVING,
    Reason.WRONG_SLIP,
    Reason.NO_CARD,
    Reason.BY_ORDER,
    response_model=ReceiptOut,
)
def hand_over(application: ApplicationId, body: HandOverIn, call: Caller) -> Any:
    """To whoever shows the slip: the permit is in force from here on."""
    return call.done(production.hand_over(*call.by, application, slip=body.slip, **call.once))


def _application(transaction: Transaction, application: int, call: Caller) -> Application:
    return within(transaction, transaction.get(Application, application), call.actor.place, Reason.NO_APPLICATION)


def _out(found: Application, day: date) -> ApplicationOut:
    present = _items(found.present)
    asked = REQUIRED if found.told is None else frozenset(_items(found.told))
    return ApplicationOut(
        id=found.id,
        holder=found.holder_id,
        kind=found.kind,
        state=found.state,
        district=found.district_id,
        present=present,
        missing=sorted(asked - frozenset(present)),
        told_at=found.told_at,
        permit=found.permit_number,
        registered_by=found.registered_by,
        accepted_by=found.accepted_by,
        approved_by=found.approved_by,
        accepted_on=found.accepted_on,
        due_on=found.due_on,
        days_left=None if found.due_on is None else (found.due_on - day).days,
        extended=found.extended,
        ready_at=found.ready_at,
        closed_at=found.closed_at,
        reason=found.reason,
        version=found.version,
    )


def _items(text: str) -> list[Item]:
    return sorted(Item(name) for name in text.split(",") if name)
