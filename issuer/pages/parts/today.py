"""The first page of the day: what to do next, what waits, what the law gives how many days for."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session as Transaction

from ...domain.application_life import ApplicationState
from ...domain.roles import Act, Role
from ...service.access import SIGNED_IN
from ...store import queries, status
from ...store.balance import balance, closed_on
from ...store.ledger import Drawer
from ...store.models.operations import AuditRecord, Checkpoint
from .. import figures
from ..site import PREFIX, Page, Site, View
from ..steps import next_step

site = Site()
FEW_BLANKS = 20
_LINES = 6
_S = ApplicationState
_TRAYS = (_S.REGISTERED, _S.APPLIED, _S.ACCEPTED, _S.APPROVED, _S.IN_PRODUCTION, _S.READY)
_OFFICE = frozenset({Role.REGISTRAR, Role.APPROVER, Role.AUDITOR})


@site.page("/", SIGNED_IN)
def show(view: View) -> Page:
    """By role: a registrar sees the desk, an approver the queue, an auditor the chain, an administrator the keys."""
    actor = view.call.actor
    context: dict[str, Any] = {"office": actor.role in _OFFICE}
    with view.call.store.read() as transaction:
        if actor.role in _OFFICE:
            context |= _office(view, transaction)
        if actor.role is Role.REGISTRAR:
            context |= _desk(view, transaction)
        if actor.role in (Role.AUDITOR, Role.KEY_ADMINISTRATOR):
            context |= _oversight(view, transaction)
    context["following"] = _following(view, context)
    return Page(template="today.html", title="today.title", context=context)


def _office(view: View, transaction: Transaction) -> dict[str, Any]:
    place = view.call.actor.place
    counts = figures.open_by_state(transaction, place)
    page = queries.deadlines(transaction, place, limit=_LINES)
    people = figures.people(transaction, (row.holder_id for row in page.rows))
    urgent = [
        {
            "id": row.id,
            "person": people[row.holder_id],
            "state": row.state,
            "due": row.due_on,
            "left": (row.due_on - view.today).days,
            "step": next_step(row),
        }
        for row in page.rows
    ]
    return {
        "trays": [(state.value, counts.get(state.value, 0)) for state in _TRAYS],
        "waiting": counts.get(_S.ACCEPTED.value, 0),
        "urgent": urgent,
        "more_urgent": page.after is not None,
        "unreminded": figures.not_reminded(transaction, place, view.today),
        "most": figures.MOST,
    }


def _desk(view: View, transaction: Transaction) -> dict[str, Any]:
    drawer = Drawer(district_id=view.call.actor.place.id, desk=view.call.present.desk)
    found = balance(transaction, drawer, until=view.today)
    return {
        "blanks": found.remaining,
        "unresolved": found.unresolved,
        "few": found.remaining < FEW_BLANKS,
        "closed": closed_on(transaction, drawer, view.today) is not None,
    }


def _oversight(view: View, transaction: Transaction) -> dict[str, Any]:
    signed = transaction.execute(select(Checkpoint.seq, Checkpoint.at).order_by(Checkpoint.seq.desc()).limit(1)).first()
    return {
        "records": transaction.scalar(select(func.max(AuditRecord.seq))) or 0,
        "signed": signed,
        "locked": figures.locked(transaction, view.call.actor.place, view.call.store.now()),
        "pending": sum(len(shard.changes) for shard in status.pending(transaction)),
    }


def _following(view: View, context: dict[str, Any]) -> dict[str, str] | None:
    """What to do next, in one sentence and with one button."""
    if view.may(Act.REGISTER):
        return _go(view, "register", "/registration", "person-add")
    if view.may(Act.APPROVE):
        if not context["waiting"]:
            return None
        text = view.say("today.next.decide", count=context["waiting"])
        return _go(view, "decide", "/approvals/next", "stamp") | {"text": text}
    if view.may(Act.AUDIT_EXPORT):
        return _go(view, "audit", "/audit", "chain")
    return _go(view, "keys", "/keys", "key")


def _go(view: View, name: str, path: str, icon: str) -> dict[str, str]:
    text = view.say(f"today.next.{name}") if name != "decide" else ""
    return {"text": text, "label": view.say(f"today.next.{name}.button"), "href": PREFIX + path, "icon": icon}
