"""The steps of an application: documents told once and in full, photo, entitlements explained, accepted, decided."""

from __future__ import annotations

from typing import Any

import anyio.from_thread
from starlette.responses import RedirectResponse, Response

from ... import photo_check
from ...acts import applications as acts
from ...domain.application_life import ApplicationState
from ...domain.checklist import REQUIRED, Ground, Item
from ...domain.reasons import Reason
from ...domain.roles import Act
from ...errors import Refused
from ...photo_check.finding_texts import spoken
from ...service.photo_desk import beside
from ...service.problem_texts import Code
from ...service.problems import Problem
from ...service.routers import applications, holders, photos
from ...service.schemas.applications import AcceptIn, Handed, Why
from ...store.models.people import Capture
from ...texts import refusal_lines
from .. import dossiers
from ..receipts import then
from ..site import PREFIX, Page, Site, View
from ..steps import STEPS, next_step

site = Site()
_READ = applications.application


@site.page("/applications/{application}", _READ)
def overview(view: View, application: int) -> Page:
    """Where it is, what comes next and who does it, and how it came to where it is."""
    found = dossiers.of(view, application)
    context = dossiers.step_context(view, found, "")
    return Page(template="application.html", title="application.title", context=context)


# --- documents


@site.page("/applications/{application}/documents", applications.checklist)
def documents(view: View, application: int) -> Page:
    """What to bring: ticked by the clerk, and what lacks is told one time, all of it (Decree 663 art. 9)."""
    found = dossiers.of(view, application)
    context = dossiers.step_context(view, found, "documents")
    told = found.application.told is not None
    context |= {
        "told": told,
        "open": found.application.state in (ApplicationState.REGISTERED, ApplicationState.APPLIED),
        "asked": [item for item in sorted(REQUIRED) if not told or item in context["lacking"]],
    }
    return Page(template="documents.html", title="documents.title", context=context)


@site.form("/applications/{application}/documents", applications.checklist, back=documents)
def hand_in(view: View, application: int) -> str:
    """Go on with the photo when the papers are there; else stay, with the list to take along."""
    body = Handed(present=[Item(name) for name in view.texts("present") if name in set(Item)])
    receipt = applications.checklist(application, body, view.call)
    lack = set(receipt.data["missing"]) - {Item.PHOTO.value}
    return then(view, STEPS["documents" if lack else "photo"].path(application))


# --- photo


@site.page("/applications/{application}/photo", photos.keep_photo)
def photo(view: View, application: int) -> Page:
    """From the camera or a file, with what to change; the one that is kept is looked at again each time."""
    found = dossiers.of(view, application)
    context = dossiers.step_context(view, found, "photo")
    context |= {"report": _kept(view, application) if found.photo else None, "spoken": _spoken(view)}
    return Page(template="photo.html", title="photo.title", context=context)


@site.form("/applications/{application}/photo", photos.keep_photo, back=photo)
def keep(view: View, application: int) -> str:
    """Cut, cleaned and encoded for the card by the API's own means; a blemish does not keep anybody from a permit."""
    raw = view.file("photo")
    if raw is None:
        raise Problem(Reason.INVALID_VALUE, facts={"field": "photo"})
    if not view.call.repeated():
        dossiers.of(view, application)
    image = anyio.from_thread.run(beside, lambda: _cut(view, raw))
    view.call.done(acts.capture_photo(*view.call.by, application, image, key=view.call.key))
    return then(view, STEPS["photo"].path(application))


def _cut(view: View, raw: bytes) -> bytes:
    try:
        return photo_check.for_card(raw, limit=photos.ROOM)
    except Refused as refused:
        told = refusal_lines(refused, view.lang)[0]
        raise Problem(Code.PHOTO, detail=told, facts={"field": "photo"}, reason=refused.reason) from refused


def _kept(view: View, application: int) -> Any:
    with view.call.store.read() as transaction:
        kept = transaction.get(Capture, (application, acts.PHOTO))
    if kept is None:
        return None
    try:
        return anyio.from_thread.run(beside, lambda: photo_check.check(kept.content, limit=photos.ROOM))
    except (Refused, Problem):
        return None  # what cannot be looked at now is kept all the same


def _spoken(view: View) -> Any:
    return lambda finding: spoken(finding, view.lang)


# --- entitlements, and accepting


@site.page("/applications/{application}/entitlements", applications.accept)
def entitlements(view: View, application: int) -> Page:
    """Class and services with their reasons, to be read aloud; then it is accepted against a slip."""
    found = dossiers.of(view, application)
    context = dossiers.step_context(view, found, "entitlements")
    context |= assessed(view, found.holder.id)
    context |= {
        "grounds": [(ground.value, view.say(f"ground.{ground.value}")) for ground in Ground],
        "too_early": view.today < context["eligible_from"],
        "open": found.application.state == ApplicationState.APPLIED,
    }
    return Page(template="entitlements.html", title="entitlements.title", context=context)


@site.form("/applications/{application}/entitlements", applications.accept, back=entitlements)
def accept(view: View, application: int) -> str:
    """The slip is on the page that comes next."""
    ground = view.text("ground")
    body = AcceptIn(ground=Ground(ground) if ground in set(Ground) else None)
    applications.accept(application, body, view.call)
    return then(view, f"{PREFIX}/applications/{application}")


def assessed(view: View, holder: int) -> dict[str, Any]:
    """What the rules in force give a holder: the line of the class, what is granted, what is not and why."""
    try:
        found = holders.preview(holder, view.call, view.request)
    except Problem as problem:
        if problem.code is not Code.NO_RULE_SET:
            raise
        return {"standing": None, "granted": [], "refused": [], "rule_set": ""}
    granted = len(found.assessment["grants"])
    return {
        "standing": found.lines[0],
        "eligible": found.eligible,
        "permit_class": found.permit_class,
        "granted": found.lines[1 : 1 + granted],
        "refused": found.lines[1 + granted :],
        "rule_set": found.rule_set,
    }


# --- the second officer


@site.page("/applications/{application}/decide", _READ)
def decide(view: View, application: int) -> Page:
    """All that the second officer looks at, on one page. Whoever registered or accepted it cannot decide."""
    found = dossiers.of(view, application)
    context = dossiers.step_context(view, found, "decide") | assessed(view, found.holder.id)
    waiting = found.application
    context |= {
        "own": view.call.actor.operator in (waiting.registered_by, waiting.accepted_by),
        "open": waiting.state == ApplicationState.ACCEPTED,
        "days_left": None if waiting.due_on is None else (waiting.due_on - view.today).days,
    }
    return Page(template="decide.html", title="decide.title", context=context)


@site.form("/applications/{application}/decide", applications.approve, back=decide)
def approve(view: View, application: int) -> str:
    """On with the next of the queue."""
    applications.approve(application, view.call)
    return then(view, f"{PREFIX}/approvals")


@site.form("/applications/{application}/reject", applications.reject, back=decide)
def reject(view: View, application: int) -> str:
    """With the reason, which the applicant is told."""
    applications.reject(application, Why(reason=view.text("reason")), view.call)
    return then(view, f"{PREFIX}/approvals")


@site.form("/applications/{application}/extend", applications.extend, back=decide)
def extend(view: View, application: int) -> str:
    """To thirty days, once."""
    applications.extend(application, Why(reason=view.text("why")), view.call)
    return then(view, f"{PREFIX}/applications/{application}/decide")


@site.form("/applications/{application}/withdraw", applications.withdraw, back=overview)
def withdraw(view: View, application: int) -> str:
    """The applicant does not want it any more."""
    applications.withdraw(application, view.call)
    return then(view, f"{PREFIX}/applications/{application}")


@site.page("/applications/{application}/next", _READ)
def onward(view: View, application: int) -> Response:
    """To the page of the step that comes next."""
    found = dossiers.of(view, application)
    step = next_step(found.application)
    there = step is not None and (view.may(step.act) or step.act is Act.APPROVE)
    return RedirectResponse(
        step.path(application) if step and there else f"{PREFIX}/applications/{application}", status_code=303
    )
