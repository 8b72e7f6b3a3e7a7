"""A permit: what it is worth today, its card, what it entitles to and why, and the buttons for what may be done now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from starlette.responses import Response

from card_profiles.entitlements import catalogue

from ...domain.permit_life import PERMIT, PermitEvent, PermitFacts, PermitState, Standing, Suspension
from ...domain.reasons import Reason
from ...domain.roles import Act
from ...domain.table import Denied, transition
from ...rules import texts as rule_texts
from ...service.problem_texts import Code
from ...service.problems import Problem
from ...service.routers import permit_acts, permits
from ...service.schemas.permits import EndorseIn, PermitOut, RemindIn
from ...store.models.people import Holder
from ...store.models.permits import Application, Permit
from ...store.models.stock import Card
from .. import figures
from ..receipts import then
from ..site import PREFIX, Page, Site, View

site = Site()
LINES = 50
GOOD = frozenset({Standing.IN_FORCE, Standing.PENDING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """Something that may be done with a permit in its state: `path` below the permit's page."""

    event: PermitEvent
    act: Act
    path: str
    icon: str
    kind: str = ""


ACTIONS = (
    Action(event=PermitEvent.ENDORSE, act=Act.ENDORSE, path="endorse", icon="again"),
    Action(event=PermitEvent.CHANGE_ENTITLEMENTS, act=Act.CHANGE_ENTITLEMENTS, path="entitlements", icon="scale"),
    Action(event=PermitEvent.REPORT_LOST, act=Act.REPORT_LOST, path="report-lost", icon="warning"),
    Action(event=PermitEvent.REPLACE, act=Act.REPLACE, path="replace", icon="card"),
    Action(event=PermitEvent.RESTORE, act=Act.RESTORE, path="restore", icon="done"),
    Action(event=PermitEvent.SUSPEND, act=Act.SUSPEND, path="suspend", icon="lock", kind="danger"),
    Action(event=PermitEvent.REVOKE, act=Act.REVOKE, path="revoke", icon="stop", kind="danger"),
    Action(event=PermitEvent.TERMINATE, act=Act.TERMINATE, path="terminate", icon="stop", kind="danger"),
)


_SUSPENSIONS = {Standing.LOST: Suspension.LOST, Standing.SUSPENDED: Suspension.ORDER}


def actions(view: View, found: PermitOut) -> list[Action]:
    """What the table of permits and the role allow now, as far as that is known before somebody says more: whether it
    is too early for an endorsement is told on its page."""
    facts = PermitFacts(
        expired=view.today > found.expires_on,
        suspension=_SUSPENSIONS.get(Standing(found.standing)),
        may_lift_order=view.may(Act.SUSPEND),
    )
    return [
        action
        for action in ACTIONS
        if view.may(action.act)
        and not isinstance(transition(PERMIT, PermitState(found.state), action.event, facts), Denied)
    ]


@site.page("/permits/{number}", permits.permit)
def show(view: View, number: str) -> Page:
    """All about a permit."""
    found: PermitOut = permits.permit(number, view.call, Response())
    services = catalogue.load()
    with view.call.store.read() as transaction:
        holder = transaction.get_one(Holder, found.holder)
        card = None if found.card is None else transaction.get(Card, found.card)
        open_one = transaction.scalars(
            select(Application).where(Application.permit_number == number, Application.closed_at.is_(None))
        ).first()
    granted = [line for line in found.grants if line.valid_until is not None and line.valid_until >= view.today]
    context = {
        "permit": found,
        "holder": holder,
        "card": card,
        "open_one": open_one,
        "granted": [(rule_texts.title(line.service, services, view.lang), line.valid_until) for line in granted],
        "refused": [
            rule_texts.title(line.service, services, view.lang) for line in found.grants if line not in granted
        ],
        "actions": actions(view, found),
        "good": found.standing in GOOD,
        "window": found.window_opens <= view.today,
    }
    return Page(template="permit.html", title="permit.title", context=context)


@site.page("/permits/{number}/entitlements", permits.preview)
def entitlements(view: View, number: str) -> Page:
    """What the rules give today beside what the permit says, service by service, and why."""
    permit = permits.permit(number, view.call, Response())
    services = catalogue.load()
    try:
        found = permits.preview(number, view.call, view.request)
    except Problem as problem:
        if problem.code is not Code.NO_RULE_SET:
            raise
        found = None
    changes = [
        {"name": rule_texts.title(line["name"], services, view.lang), "old": line["old"], "new": line["new"]}
        for line in (found.changes if found else [])
    ]
    count = len(found.assessment["grants"]) if found else 0
    context = {
        "permit": permit,
        "changes": changes,
        "standing": found.lines[0] if found else None,
        "granted": found.lines[1 : 1 + count] if found else [],
        "refused": found.lines[1 + count :] if found else [],
        "rule_set": found.rule_set if found else "",
        "new_class": found.permit_class if found else None,
    }
    return Page(template="permit_entitlements.html", title="permit.entitlements", context=context)


@site.form("/permits/{number}/entitlements", permit_acts.change_entitlements, back=entitlements)
def change(view: View, number: str) -> str:
    """From now on the permit says what the rules say; its card is then due to be written."""
    permit_acts.change_entitlements(number, EndorseIn(), view.call)
    return then(view, f"{PREFIX}/permits/{number}")


@site.page("/endorsements", permits.due)
def due(view: View) -> Page:
    """Whose yearly endorsement is open, the nearest end first; whoever was told is ticked off."""
    found = permits.due(view.call, view.asked("after") or None, LINES)
    with view.call.store.read() as transaction:
        people = figures.people(transaction, (line.holder for line in found.permits))
        reminded = _reminded(transaction, [line.number for line in found.permits])
    context = {
        "lines": found.permits,
        "people": people,
        "reminded": reminded,
        "following": found.next,
        "after": view.asked("after"),
    }
    return Page(template="endorsements.html", title="endorsements.title", context=context)


@site.form("/endorsements", permit_acts.remind, back=due)
def remind(view: View) -> str:
    """These were told."""
    numbers = view.texts("permits")
    if not numbers:
        raise Problem(Reason.INVALID_VALUE, facts={"field": "permits"})
    permit_acts.remind(RemindIn(permits=numbers), view.call)
    return then(view, f"{PREFIX}/endorsements")


def _reminded(transaction: Any, numbers: list[str]) -> frozenset[str]:
    rows = transaction.scalars(
        select(Permit.number).where(Permit.number.in_(numbers), Permit.reminded_for == Permit.endorsed_until)
    )
    return frozenset(rows)
