"""Lists of what is under way: by state, by deadline, and the approver's tray."""

from __future__ import annotations

from typing import Any

from starlette.responses import RedirectResponse, Response

from ...domain.application_life import ApplicationState
from ...service.routers import applications
from ...service.schemas.applications import ApplicationPage
from .. import figures
from ..site import PREFIX, Page, Site, View

site = Site()
LINES = 25
_S = ApplicationState
TRAYS = (_S.REGISTERED, _S.APPLIED, _S.ACCEPTED, _S.APPROVED, _S.IN_PRODUCTION, _S.READY)


@site.page("/queue", applications.in_state)
def queue(view: View) -> Page:
    """Applications in one state, the oldest first."""
    asked = view.asked("state", 20)
    state = _S(asked) if asked in {tray.value for tray in TRAYS} else _S.APPROVED
    found = applications.in_state(view.call, state, view.asked("after") or None, LINES)
    return _page(view, found, state, "queue.title")


@site.page("/approvals", applications.in_state)
def approvals(view: View) -> Page:
    """What waits for a second officer, the most urgent first."""
    found = applications.deadlines(view.call, view.asked("after") or None, LINES)
    only = ApplicationPage(
        applications=[line for line in found.applications if line.state == _S.ACCEPTED], next=found.next
    )
    return _page(view, only, _S.ACCEPTED, "approvals.title")


@site.page("/deadlines", applications.deadlines)
def deadlines(view: View) -> Page:
    """All whose days run, the most urgent first."""
    found = applications.deadlines(view.call, view.asked("after") or None, LINES)
    return _page(view, found, None, "deadlines.title")


@site.page("/approvals/next", applications.in_state)
def following(view: View) -> Response:
    """The most urgent that this officer may decide."""
    after = None
    for _ in range(20):
        found = applications.deadlines(view.call, after, 200)
        for line in found.applications:
            if line.state == _S.ACCEPTED and view.call.actor.operator not in (line.registered_by, line.accepted_by):
                return RedirectResponse(f"{PREFIX}/applications/{line.id}/decide", status_code=303)
        after = found.next
        if after is None:
            break
    return RedirectResponse(f"{PREFIX}/approvals", status_code=303)


def _page(view: View, found: ApplicationPage, state: ApplicationState | None, title: str) -> Page:
    with view.call.store.read() as transaction:
        people = figures.people(transaction, (line.holder for line in found.applications))
        places = figures.districts(transaction, (line.district for line in found.applications))
    context: dict[str, Any] = {
        "lines": found.applications,
        "following": found.next,
        "people": people,
        "places": places,
        "state": state,
        "trays": TRAYS,
        "after": view.asked("after"),
        "kind": title.partition(".")[0],
        "own": view.call.actor.operator,
    }
    return Page(template="queue.html", title=title, context=context)
