"""Finding people, and all about one: the person, applications, permits, cards, and what was done when by whom."""

from __future__ import annotations

import json
import re
from typing import Any

from sqlalchemy import select
from starlette.datastructures import QueryParams
from starlette.responses import RedirectResponse, Response

from ...domain.names import search_key
from ...domain.reasons import ActRefused, Reason
from ...service.problems import Problem
from ...service.routers import holders, permits
from ...service.schemas.holders import HolderPage
from ...service.schemas.permits import AddressIn, MoveIn
from ...store import queries
from ...store.models.operations import AuditRecord
from ...store.models.permits import Application, Permit
from ...store.models.stock import Card
from .. import facts_form, figures
from ..receipts import then
from ..site import PREFIX, Page, Site, View
from ..steps import next_step

site = Site()
LINES = 25
_HISTORY = 60
_PERMIT = re.compile(r"[A-Z]{1,4}[0-9]{6,16}", re.ASCII)
_NUMBER = re.compile(r"[0-9A-Z]*[0-9]{5}[0-9A-Z]*", re.ASCII)


@site.page("/search", holders.find)
def search(view: View) -> Page | Response:
    """By the beginning of a name in any script, a permit's number, or an identity number."""
    wanted = view.asked("q", 100)
    compact = wanted.replace(" ", "").upper()
    found, problem = HolderPage(holders=[], next=None), None
    if _PERMIT.fullmatch(compact):
        try:
            permits.permit(compact, view.call, Response())
        except ActRefused as refused:
            if refused.reason is not Reason.NO_PERMIT:
                raise
        else:
            return RedirectResponse(f"{PREFIX}/permits/{compact}", status_code=303)
    if _NUMBER.fullmatch(compact) and len(compact) <= 40:
        found = holders.find(view.call, None, compact)
        if len(found.holders) == 1:
            return RedirectResponse(f"{PREFIX}/holders/{found.holders[0].id}", status_code=303)
    elif wanted and search_key(wanted):
        try:
            found = holders.find(view.call, wanted, None, view.day_asked("born"), view.asked("after") or None, LINES)
        except Problem as error:
            problem = error
    with view.call.store.read() as transaction:
        places = figures.districts(transaction, (line.district for line in found.holders))
    context = {
        "q": wanted,
        "born": view.asked("born", 10),
        "lines": found.holders,
        "places": places,
        "following": found.next,
        "after": view.asked("after"),
        "wrong": problem is not None,
        "more": str(QueryParams({"q": wanted, "born": view.asked("born", 10)})),
    }
    return Page(template="search.html", title="search.title", context=context)


@site.page("/holders/{holder}", holders.holder)
def show(view: View, holder: int) -> Page:
    """One person: what is recorded, what there is, what may be done now."""
    found = holders.holder(holder, view.call, Response())
    with view.call.store.read() as transaction:
        applications = transaction.scalars(
            select(Application).where(Application.holder_id == holder).order_by(Application.id.desc())
        ).all()
        held = transaction.scalars(select(Permit).where(Permit.holder_id == holder).order_by(Permit.id.desc())).all()
        numbers = [permit.number for permit in held]
        cards = transaction.scalars(
            select(Card).where(Card.permit_number.in_(numbers)).order_by(Card.serial).limit(50)
        ).all()
        place = figures.districts(transaction, [found.district])[found.district]
        lines = _history(transaction, holder, applications, numbers, cards)
    open_ones = [application for application in applications if application.closed_at is None]
    context = {
        "holder": found,
        "place": place,
        "applications": applications,
        "permits": held,
        "cards": cards,
        "lines": lines,
        "open_one": open_ones[0] if open_ones else None,
        "step": next_step(open_ones[0]) if open_ones else None,
        "live": next((p for p in held if p.state in ("pending", "active", "suspended")), None),
        "facts": [facts_form.shown(name, form, view.lang) for name, form in found.facts.items()],
    }
    return Page(template="holder.html", title=found.name_native, context=context)


@site.form("/holders/{holder}/applications", holders.apply_again, back=show)
def again(view: View, holder: int) -> str:
    """Another application, for whoever has none and no permit."""
    receipt = holders.apply_again(holder, view.call)
    return then(view, f"{PREFIX}/applications/{receipt.data['application']}/documents")


@site.page("/holders/{holder}/address", holders.change_address)
def address(view: View, holder: int) -> Page:
    """A new address within the district: no new card."""
    found = holders.holder(holder, view.call, Response())
    return Page(template="address.html", title="address.title", context={"holder": found})


@site.form("/holders/{holder}/address", holders.change_address, back=address)
def move_house(view: View, holder: int) -> str:
    """Reported within ten days, or late."""
    since = view.day("since")
    if since is None:
        raise Problem(Reason.INVALID_VALUE, facts={"field": "since"})
    holders.change_address(holder, AddressIn(address=view.text("address"), since=since), view.call)
    return then(view, f"{PREFIX}/holders/{holder}")


@site.page("/holders/{holder}/district", holders.move)
def district(view: View, holder: int) -> Page:
    """Into the care of another district."""
    found = holders.holder(holder, view.call, Response())
    with view.call.store.read() as transaction:
        places = [(item.id, "　" * (item.level - 1) + item.name) for item in queries.places(transaction)]
    return Page(template="move.html", title="move.title", context={"holder": found, "places": places})


@site.form("/holders/{holder}/district", holders.move, back=district)
def move(view: View, holder: int) -> str:
    """With everything that is open."""
    body = MoveIn(district=view.number("district") or 0)
    holders.move(holder, body, view.call)
    return then(view, f"{PREFIX}/search")


def _history(transaction: Any, holder: int, applications: Any, numbers: list[str], cards: Any) -> list[dict[str, Any]]:
    """What the audit chain has of this person, the newest first."""
    subjects = [f"holder:{holder}", *(f"application:{a.id}" for a in applications)]
    subjects += [*(f"permit:{number}" for number in numbers), *(f"card:{card.serial}" for card in cards)]
    rows = transaction.scalars(
        select(AuditRecord).where(AuditRecord.subject.in_(subjects)).order_by(AuditRecord.seq.desc()).limit(_HISTORY)
    ).all()
    return [
        {"at": row.at, "act": row.act, "actor": row.actor, "subject": row.subject, "detail": json.loads(row.detail)}
        for row in rows
    ]
