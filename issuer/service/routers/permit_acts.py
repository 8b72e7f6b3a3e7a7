"""What changes a permit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Query
from sqlalchemy import select

from ...acts import permits, persons, upkeep
from ...acts.permits import NewAddress
from ...domain.reasons import Reason, refusal
from ...domain.roles import Act
from ...store.models.permits import Permit
from ...store.unit import Receipt
from .. import entitlements
from ..access import Caller, Endpoints, by_act
from ..problem_texts import Code
from ..schemas.applications import Why
from ..schemas.base import ReceiptOut
from ..schemas.permits import (
    AddressIn,
    EndorseIn,
    InPerson,
    MoveIn,
    RemindIn,
    ReplaceIn,
    RevokeIn,
    TerminateIn,
)
from .permits import Number

api = Endpoints("permits")
Rehearsal = Annotated[bool, Query(description="true: only show old and new, change nothing")]
_MOVING = (Reason.NO_PERMIT, Reason.WRONG_STATE)


@api.act("/reminders", by_act(Act.REMIND), "Note reminders", Reason.NO_PERMIT, response_model=ReceiptOut)
def remind(body: RemindIn, call: Caller) -> Any:
    """These holders were told that their endorsement is open: `reminded_for` in the list says so from now on."""
    return call.done(upkeep.remind(*call.by, body.permits, key=call.key))


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
    receipt = permits.endorse(
        *call.by,
        number,
        entitlements.decide,
        address=_address(body),
        **call.once,
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
    receipt = permits.change_entitlements(
        *call.by,
        number,
        entitlements.decide,
        address=_address(body),
        **call.once,
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
        lambda holder: persons.change_address(*call.by, holder, address=body.address, since=body.since, **call.once),
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
        lambda holder: persons.move_district(*call.by, holder, district_id=body.district, **call.once),
    )


@api.act(
    "/permits/{number}/report-lost", by_act(Act.REPORT_LOST), "Report the loss", *_MOVING, response_model=ReceiptOut
)
def report_lost(number: Number, body: InPerson, call: Caller) -> Any:
    """Suspends at once, on a call too; only a visit restores it."""
    receipt = permits.report_lost(*call.by, number, in_person=body.in_person, **call.once)
    return call.done(receipt)


@api.act("/permits/{number}/suspend", by_act(Act.SUSPEND), "Suspend", *_MOVING, response_model=ReceiptOut)
def suspend(number: Number, body: Why, call: Caller) -> Any:
    """By an officer's order, and why."""
    return call.done(permits.suspend(*call.by, number, reason=body.reason, **call.once))


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
    return call.done(permits.restore(*call.by, number, in_person=body.in_person, **call.once))


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
        permits.replace(*call.by, number, reason=body.reason, old_serial=body.old_serial, desk=body.desk, **call.once)
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
        permits.revoke(*call.by, number, reason=body.reason, old_serial=body.old_serial, desk=body.desk, **call.once)
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
        permits.terminate(*call.by, number, ending=body.ending, old_serial=body.old_serial, desk=body.desk, **call.once)
    )


def _of_holder(number: str, call: Caller, act: Callable[[int], Receipt]) -> Receipt:
    """The act looks whether the holder is within reach: a repetition is answered, wherever they have moved since."""
    with call.store.read() as transaction:
        holder = transaction.scalar(select(Permit.holder_id).where(Permit.number == number))
    if holder is None:
        raise refusal(Reason.NO_PERMIT)
    return call.done(act(holder))


def _address(body: EndorseIn) -> NewAddress | None:
    new = body.address
    return None if new is None else NewAddress(address=new.address, since=new.since, district_id=new.district)
