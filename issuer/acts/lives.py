"""Moving applications and permits by their tables, and carrying out what the tables name as effects."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, TypeVar

from sqlalchemy import select

from ..domain.application_life import (
    APPLICATION,
    OPEN_APPLICATION,
    ApplicationEvent,
    ApplicationFacts,
    ApplicationState,
)
from ..domain.calendar import DEADLINE_DAYS, EXTENDED_DEADLINE_DAYS, endorsed, endorsement
from ..domain.card_stock import StockEvent, StockState
from ..domain.permit_life import PERMIT, PermitEvent, PermitFacts, PermitState, Suspension
from ..domain.places import Place
from ..domain.reasons import Reason, refusal
from ..domain.table import Effect, Transition, moved
from ..store import ledger
from ..store.ledger import Drawer
from ..store.models.people import District, Holder
from ..store.models.permits import Application, Permit
from ..store.models.stock import Card
from ..store.unit import Unit

SLIP_DIGITS = 10
T = TypeVar("T", Holder, Application, Permit)

_RETIRED_BY = {StockState.ALLOCATED: StockEvent.RELEASE, StockState.ISSUED: StockEvent.RETURN}
"""How a live card goes when its permit ends; one that is written but not issued is spoiled."""


def place_of(unit: Unit, district_id: int) -> Place:
    """The place. Raises ActRefused(NO_DISTRICT)."""
    found = unit.transaction.get(District, district_id)
    if found is None:
        raise refusal(Reason.NO_DISTRICT, district=district_id)
    return found.place


def holder(unit: Unit, holder_id: int, version: int | None = None) -> Holder:
    """The holder, within reach. Raises ActRefused(NO_HOLDER, DISTRICT, CHANGED_MEANWHILE)."""
    found = unit.transaction.get(Holder, holder_id)
    if found is None:
        raise refusal(Reason.NO_HOLDER, holder=holder_id)
    return _checked(unit, found, version)


def application(unit: Unit, application_id: int, version: int | None = None) -> Application:
    """The application, within reach. Raises ActRefused(NO_APPLICATION, DISTRICT, CHANGED_MEANWHILE)."""
    found = unit.transaction.get(Application, application_id)
    if found is None:
        raise refusal(Reason.NO_APPLICATION, application=application_id)
    return _checked(unit, found, version)


def permit(unit: Unit, number: str, version: int | None = None) -> Permit:
    """The permit, within reach. Raises ActRefused(NO_PERMIT, DISTRICT, CHANGED_MEANWHILE)."""
    found = unit.transaction.scalars(select(Permit).where(Permit.number == number)).one_or_none()
    if found is None:
        raise refusal(Reason.NO_PERMIT, permit=number)
    return _checked(unit, found, version)


def drawer(unit: Unit, district_id: int, desk: str) -> Drawer:
    """A drawer within reach."""
    unit.reach(place_of(unit, district_id))
    return Drawer(district_id=district_id, desk=desk)


def _checked(unit: Unit, found: T, version: int | None) -> T:
    unit.reach(place_of(unit, found.district_id))
    if version is not None and found.version != version:
        raise refusal(Reason.CHANGED_MEANWHILE, version=found.version)
    return found


# --- applications


def move_application(
    unit: Unit, moving: Application, event: ApplicationEvent, facts: ApplicationFacts
) -> Transition[ApplicationState]:
    """Move it by its table. OPEN_PERMIT, HAND_OVER_PERMIT and TELL_CHECKLIST are the caller's: they need to be told."""
    transition = moved(APPLICATION, ApplicationState(moving.state), event, facts)
    moving.state = transition.state.value
    carry_out(unit, moving, transition)
    return transition


def carry_out(unit: Unit, moving: Application, transition: Transition[ApplicationState]) -> None:
    """Slip and deadline."""
    for effect in transition.effects:
        match effect:
            case Effect.ISSUE_SLIP:
                moving.slip = unit.digits(SLIP_DIGITS)
            case Effect.START_DEADLINE:
                moving.accepted_on = moving.accepted_on or unit.today
                moving.due_on = unit.today + timedelta(days=DEADLINE_DAYS)
            case Effect.EXTEND_DEADLINE:
                assert moving.accepted_on is not None
                moving.due_on = moving.accepted_on + timedelta(days=EXTENDED_DEADLINE_DAYS)
                moving.extended = True
            case Effect.END_DEADLINE:
                moving.due_on = None
    if transition.state not in OPEN_APPLICATION:
        moving.closed_at = unit.now


def back_to_approved(unit: Unit, card: Card, event: ApplicationEvent) -> None:
    """The card of an application in production is gone: it needs another."""
    if card.application_id is None:
        return
    moving = unit.transaction.get_one(Application, card.application_id)
    if APPLICATION.row(ApplicationState(moving.state), event) is not None:
        move_application(unit, moving, event, ApplicationFacts())


# --- permits


def facts_of(unit: Unit, moving: Permit, *, in_person: bool = True, **more: Any) -> PermitFacts:
    """What the guards look at."""
    return PermitFacts(
        endorsement=endorsement(until=moving.endorsed_until, today=unit.today, rule=unit.rules.years),
        expired=unit.today > moving.expires_on,
        in_person=in_person,
        suspension=None if moving.suspension is None else Suspension(moving.suspension),
        **more,
    )


def move_permit(
    unit: Unit,
    moving: Permit,
    event: PermitEvent,
    facts: PermitFacts,
    *,
    suspension: Suspension | None = None,
    lost: bool = False,
    back_to: Drawer | None = None,
    reason: str = "",
) -> Transition[PermitState]:
    """Move it by its table, with what follows for its card and its status.

    `suspension` is why, where the permit is suspended now. A retired card comes `back_to` a drawer, or is `lost`.
    """
    transition = moved(PERMIT, PermitState(moving.state), event, facts)
    moving.state = transition.state.value
    if transition.state is PermitState.SUSPENDED:
        # An order outlasts a report of loss.
        if moving.suspension != Suspension.ORDER.value and suspension is not None:
            moving.suspension = suspension.value
    else:
        moving.suspension = None
    live = ledger.live_card(unit.transaction, moving.number)
    if live is not None and transition.status is not None:
        ledger.set_status(unit, live.serial, transition.status)
    for effect in transition.effects:
        match effect:
            case Effect.EXTEND_ENDORSEMENT:
                new = endorsed(
                    until=moving.endorsed_until,
                    years_since=moving.years_since,
                    expires=moving.expires_on,
                    today=unit.today,
                    rule=unit.rules.years,
                )
                moving.endorsed_until, moving.years_since = new.until, new.years_since
                moving.reminded_for = None
            case Effect.UPDATE_CARD:
                moving.card_due = True
            case Effect.RETIRE_CARD if live is not None:
                _retire(unit, live, lost=lost, back_to=back_to, reason=reason)
            case Effect.CLOSE_APPLICATION:
                _close_application(unit, moving, reason)
    if transition.state in PERMIT.final:
        moving.ended_on, moving.reason, moving.card_due = unit.today, reason, False
    return transition


def _retire(unit: Unit, live: Card, *, lost: bool, back_to: Drawer | None, reason: str) -> None:
    state = StockState(live.state)
    event = _RETIRED_BY.get(state, StockEvent.SPOIL)
    if state is StockState.ISSUED and (lost or back_to is None):
        event = StockEvent.LOSE
    ledger.move(unit, live, event, to=back_to if event is StockEvent.RETURN else None, note=reason)
    if event is StockEvent.RELEASE:
        live.permit_number = live.application_id = None
    else:
        live.reason = reason


def _close_application(unit: Unit, moving: Permit, reason: str) -> None:
    """An open application of a permit that has ended has nothing left to lead to."""
    states = [state.value for state in OPEN_APPLICATION]
    for found in unit.transaction.scalars(
        select(Application).where(Application.permit_number == moving.number, Application.state.in_(states))
    ):
        found.reason = reason
        move_application(unit, found, ApplicationEvent.PERMIT_ENDED, ApplicationFacts())
