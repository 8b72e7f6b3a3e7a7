"""A card at the reader: written before one's eyes, handed over, and read out for its holder."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select
from starlette.datastructures import FormData

from card_profiles.model import LifeCycle

from ...domain.application_life import ApplicationState
from ...domain.card_stock import StockState
from ...domain.roles import Act
from ...errors import Refusal, Refused
from ...service import card_looks
from ...service.access import Scope, by_act
from ...service.routers import agents, applications, writing
from ...service.schemas.applications import BlankIn, HandOverIn
from ...service.schemas.writing import RunIn, RunOut
from ...store import ledger
from ...store.models.permits import Application
from ...texts import refusal_lines
from .. import dossiers, figures, run_steps
from ..receipts import then
from ..refusals import Told
from ..site import PREFIX, Page, Site, View, access_of
from ..steps import way

site = Site()
_WRITABLE = frozenset({ApplicationState.APPROVED, ApplicationState.IN_PRODUCTION})
_BEGUN = frozenset({StockState.PERSONALISING, StockState.PERSONALISED})
_READ_OUT = by_act(Act.READ_HOLDER, Scope.SESSION)


# --- writing


@site.page("/applications/{application}/card", writing.personalise)
def show(view: View, application: int) -> Page:
    """Put a blank on the reader and press one button; or see what is in the way."""
    found = dossiers.of(view, application)
    context = dossiers.step_context(view, found, "card") | readers_of(view)
    laid_out = None
    if found.application.permit_number is not None:
        with view.call.store.read() as transaction:
            laid_out = ledger.live_card(transaction, found.application.permit_number)
    context |= {
        "over": found.application.state not in _WRITABLE,
        "serial": None if laid_out is None else laid_out.serial,
        "torn": laid_out is not None and laid_out.state in _BEGUN,
    }
    return Page(template="card.html", title="card.title", context=context)


@site.form("/applications/{application}/card", writing.personalise, back=show)
def write(view: View, application: int) -> str | Page:
    """Lay out the blank that is in the reader, unless one is, and begin to write."""
    body = RunIn(reader=view.text("reader"), can=view.text("can") or None)
    try:
        _lay_out(view, application, body.reader)
        run: RunOut = writing.personalise(application, body, view.call, view.request)
    except Refused as refused:
        return _refused(view, refused, show(view, application))
    return f"{PREFIX}/runs/{run.id}"


@site.form("/applications/{application}/blank/release", applications.release, back=show)
def release(view: View, application: int) -> str:
    """Put the blank back that was laid out and not written on."""
    applications.release(application, view.call)
    return then(view, f"{PREFIX}/applications/{application}/card")


@site.page("/runs/{run}", writing.run)
def watch(view: View, run: str) -> Page:
    """How far it is; when it has ended, what came of it and what to do next."""
    found: RunOut = writing.run(run, view.call, view.request)
    with view.call.store.read() as transaction:
        waiting = transaction.scalars(
            select(Application)
            .where(Application.permit_number == found.permit)
            .order_by(Application.id.desc())
            .limit(1)
        ).one_or_none()
    context: dict[str, Any] = {
        "run": found,
        "steps": run_steps.lines(found, view.lang),
        "action": run_steps.what_to_do(found.problem.code, found.problem.action, view.lang) if found.problem else "",
        "changes": run_steps.changes(found, view.lang),
        "application": None if waiting is None else waiting.id,
        "way": way(waiting, "card") if found.kind == "issue" else [],
    }
    return Page(template="run.html", title=f"run.{found.kind}.title", context=context)


# --- into the hand


@site.page("/applications/{application}/handover", applications.hand_over)
def handing(view: View, application: int) -> Page:
    """Who it is, what they show, what they get."""
    found = dossiers.of(view, application)
    context = dossiers.step_context(view, found, "handover")
    context["over"] = found.application.state != ApplicationState.READY
    return Page(template="handover.html", title="handover.title", context=context)


@site.form("/applications/{application}/handover", applications.hand_over, back=handing)
def hand_over(view: View, application: int) -> str:
    """Against the slip; the permit is in force from here on."""
    applications.hand_over(application, HandOverIn(slip=view.text("slip").replace(" ", "")), view.call)
    return then(view, f"{PREFIX}/applications/{application}/handover")


# --- reading


@site.page("/readers", agents.readers)
def readers(view: View) -> Page:
    """Which reader is where, and what it is doing."""
    context = readers_of(view)
    with view.call.store.read() as transaction:
        places = figures.districts(transaction, (reader.district for reader in context["readers"] if reader.district))
    context |= {"places": places, "agents_shown": view.call.actor.role in access_of(agents.agents).roles}
    return Page(template="readers.html", title="readers.title", context=context)


@site.page("/my-card", _READ_OUT)
def my_card(view: View) -> Page:
    """For the holder: put the card on the reader, type the number on its face."""
    return Page(template="my_card.html", title="my-card.title", context=readers_of(view) | {"said": None})


@site.form("/my-card", _READ_OUT, back=my_card)
def read_out(view: View) -> Page:
    """What the chip says, all of it; nothing is kept."""
    body = RunIn(reader=view.text("reader"), can=view.text("can"))
    page = my_card(view)
    try:
        said = card_looks.read(view.call, body.reader, body.can or "")
    except Refused as refused:
        return _refused(view, refused, page)
    view.typed = FormData()  # the number on the face goes with the card
    services = run_steps.services(said.services, view.lang)
    return Page(template=page.template, title=page.title, context={**page.context, "said": said, "services": services})


# --- what they share


def _lay_out(view: View, application: int, reader: str) -> None:
    """The blank in the reader is laid out for this application, unless one is already."""
    if dossiers.of(view, application).application.state != ApplicationState.APPROVED:
        return
    seen = card_looks.look(view.call, reader)
    if seen.life_cycle is not LifeCycle.BLANK:  # the ledger would only say that it cannot be
        reason = Refusal.CARD_RESERVED if seen.stock in _BEGUN else Refusal.ALREADY_PERSONALISED
        raise Refused(reason, serial=seen.serial, permit=seen.permit)
    desk = "" if view.present is None else view.present.desk
    body = BlankIn(desk=desk, serial=seen.serial, district=view.call.actor.place.id)
    applications.allocate(application, body, view.call)


def readers_of(view: View) -> dict[str, Any]:
    return {"readers": agents.readers(view.call), "reader": _usual(view)}


def _usual(view: View) -> str:
    """The reader that was chosen, the one of this desk, or the only one."""
    found = agents.readers(view.call)
    desk = "" if view.present is None else view.present.desk
    here = [reader.name for reader in found if desk and desk in (reader.name, reader.desk)]
    names = here or [reader.name for reader in found]
    return view.text("reader") or (names[0] if len(names) == 1 else "")


def _refused(view: View, refused: Refused, page: Page) -> Page:
    """The page again, with what the card or the reader had against it."""
    line = refusal_lines(refused, view.lang)[0]
    title, _, action = line.partition("：" if "：" in line else ": ")
    action = run_steps.what_to_do(refused.reason.value, action, view.lang)
    view.problem = Told(code=refused.reason.value, status=409, title=title, action=action)
    return Page(template=page.template, title=page.title, context=page.context, status=409)
