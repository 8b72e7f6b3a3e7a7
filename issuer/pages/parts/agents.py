"""Desk agents: which desk lends its reader, a token for another one, and one taken back."""

from __future__ import annotations

from ...domain.reasons import Reason
from ...service.problems import Problem
from ...service.routers import agents, staff
from ...service.schemas.desks import AgentIn, AgentOut
from ..receipts import then
from ..site import PREFIX, Page, Site, View
from .people import tree

site = Site()
TOKEN_FILE = "/etc/permit-desk/token"  # noqa: S105 - where docs/DESK.md has it
_SHOWN = 200
_DAYS = 400


@site.page("/people/agents", agents.agents)
def show(view: View) -> Page:
    """Those of the own place and below; what was revoked comes last."""
    names = {place.id: place.name for place in staff.districts(view.call)}
    wanted = view.asked("q", 64).lower()
    rows = [
        row
        for row in agents.agents(view.call)
        if not wanted or wanted in f"{row.name} {row.desk} {names.get(row.district, '')}".lower()
    ]
    rows.sort(key=lambda row: (row.revoked_at is not None, row.name))
    context = {
        "rows": rows[:_SHOWN],
        "hidden": max(len(rows) - _SHOWN, 0),
        "q": wanted,
        "names": names,
        "now": view.call.store.now(),
    }
    return Page(template="agents.html", title="agents.title", context=context)


@site.page("/people/agents/new", agents.create)
def enrolling(view: View) -> Page:
    """A desk with a reader."""
    context = {"places": tree(view), "district": view.call.actor.place.id, "days": _DAYS}
    return Page(template="agent_new.html", title="agents.new", context=context)


@site.form("/people/agents/new", agents.create, back=enrolling)
def enrol(view: View) -> Page:
    """The token stands on this answer and nowhere else: no address leads to it, and a form sent twice shows none."""
    body = AgentIn(
        name=view.text("name"),
        desk=view.text("desk"),
        district=view.number("district") or 0,
        days=view.number("days") or 0,
    )
    made = agents.create(body, view.call)
    scheme = "https" if view.service.settings.secure else view.request.url.scheme
    server = f"{scheme}://{view.request.url.netloc}"
    context = {"made": made, "file": TOKEN_FILE, "directory": TOKEN_FILE.rpartition("/")[0], "server": server}
    return Page(template="agent_token.html", title="agents.made", context=context)


@site.page("/people/agents/{agent}/revoke", agents.revoke)
def revoking(view: View, agent: int) -> Page:
    """Which one it is, before it is taken back."""
    row = _one(view, agent)
    names = {place.id: place.name for place in staff.districts(view.call)}
    return Page(template="agent_revoke.html", title="agents.revoke", context={"row": row, "names": names})


@site.form("/people/agents/{agent}/revoke", agents.revoke, back=revoking)
def revoke(view: View, agent: int) -> str:
    """Its token counts no more."""
    agents.revoke(agent, view.call)
    return then(view, f"{PREFIX}/people/agents")


def _one(view: View, agent: int) -> AgentOut:
    found: AgentOut | None = next((row for row in agents.agents(view.call) if row.id == agent), None)
    if found is None:
        raise Problem(Reason.NO_AGENT, agent=agent)
    return found
