"""Places and the people who work there: appointed, given a new password, shut out."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from ...domain.reasons import Reason
from ...domain.roles import Act, Role
from ...service.problems import Problem
from ...service.routers import staff
from ...service.schemas.people import DistrictIn, OperatorIn, PasswordIn
from ..receipts import then
from ..site import PREFIX, Page, Site, View

site = Site()
ROLES = (Role.REGISTRAR, Role.APPROVER, Role.AUDITOR, Role.KEY_ADMINISTRATOR)
_SHOWN = 200


@site.page("/people", staff.operators)
def show(view: View) -> Page:
    """The operators of the own place and below, and the tree of places."""
    found = staff.operators(view.call)
    places = [place for place in staff.districts(view.call) if place.path.startswith(view.call.actor.place.path)]
    wanted = view.asked("q", 64).lower()
    names = {place.id: place.name for place in places}
    rows = [row for row in found if not wanted or wanted in f"{row.name} {row.display_name}".lower()]
    context = {
        "rows": rows[:_SHOWN],
        "hidden": max(len(rows) - _SHOWN, 0),
        "q": wanted,
        "names": names,
        "tree": places,
        "now": view.call.store.now(),
        "least": min((place.level for place in places), default=1),
        "roles": ROLES,
    }
    return Page(template="people.html", title="people.title", context=context)


@site.page("/people/appoint", staff.create_operator)
def appointing(view: View) -> Page:
    """One person, one role."""
    context = {
        "places": tree(view),
        "roles": [(role.value, view.say(f"role.{role.value}")) for role in ROLES],
        "district": view.call.actor.place.id,
    }
    return Page(template="appoint.html", title="people.appoint", context=context)


@site.form("/people/appoint", staff.create_operator, back=appointing)
def appoint(view: View) -> str:
    """The password is given to the person; they keep it."""
    role: Any = view.text("role")
    body = OperatorIn(
        name=view.text("name").lower(),
        display_name=view.text("display_name"),
        role=role,
        district=view.number("district") or 0,
        password=_password(view),
    )
    receipt = staff.create_operator(body, view.call)
    return then(view, f"{PREFIX}/people/{receipt.data['operator']}")


@site.page("/people/place", staff.create_district)
def founding(view: View) -> Page:
    """A place below another."""
    context = {"places": tree(view, deepest=3), "parent": view.call.actor.place.id}
    return Page(template="place.html", title="people.place", context=context)


@site.form("/people/place", staff.create_district, back=founding)
def found(view: View) -> str:
    """It stands in the tree from now on."""
    body = DistrictIn(code=view.text("code"), name=view.text("name"), parent=view.number("parent") or 0)
    staff.create_district(body, view.call)
    return then(view, f"{PREFIX}/people")


@site.page("/people/{operator}", staff.operator)
def one(view: View, operator: int) -> Page:
    """One operator: the role, the lock, a new password, or shut out."""
    row = staff.operator(operator, view.call, Response())
    names = {place.id: place.name for place in staff.districts(view.call)}
    now = view.call.store.now()
    context = {
        "row": row,
        "names": names,
        "locked": row.locked_until is not None and row.locked_until > now,
        "may_change": view.may(Act.CHANGE_OPERATOR),
        "oneself": operator == view.call.actor.operator,
    }
    return Page(template="operator.html", title=row.display_name, context=context)


@site.form("/people/{operator}/password", staff.set_password, back=one)
def password(view: View, operator: int) -> str:
    """The lock ends, and every session of theirs."""
    staff.set_password(operator, PasswordIn(password=_password(view)), view.call)
    return f"{PREFIX}/people/{operator}?told=password"


@site.form("/people/{operator}/disable", staff.disable, back=one)
def disable(view: View, operator: int) -> str:
    """Signs in no more."""
    staff.disable(operator, view.call)
    return f"{PREFIX}/people/{operator}?told=disabled"


def _password(view: View) -> str:
    """As it was typed, spaces and all."""
    found = view.typed.get("password")
    if not isinstance(found, str) or not found:
        raise Problem(Reason.INVALID_VALUE, facts={"field": "password"})
    return found


def tree(view: View, *, deepest: int = 4) -> list[tuple[int, str]]:
    """The own place and those below, as options."""
    mine = view.call.actor.place
    return [
        (place.id, "　" * (place.level - mine.level) + place.name)
        for place in staff.districts(view.call)
        if place.path.startswith(mine.path) and place.level <= deepest
    ]
