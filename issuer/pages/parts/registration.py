"""Entering a person, once: with a look at who it may be already, while one types and when one sends."""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from ...domain.checklist import Ground
from ...domain.places import Level, Place
from ...domain.reasons import Reason
from ...rules.facts import Kind
from ...service.problems import Problem
from ...service.routers import holders
from ...service.schemas.holders import HolderIn, Names
from ...store import queries
from ...store.base import SCOPES
from ...store.models.people import District, Holder
from .. import facts_form, figures
from ..receipts import then
from ..site import Page, Site, View
from ..steps import STEPS, way

site = Site()
SEXES = ("F", "M", "X")


@site.page("/registration", holders.register)
def show(view: View) -> Page:
    """The form. What was used last here stands in it: most people of a day come from one district."""
    place = view.call.actor.place
    with view.call.store.read() as transaction:
        last = _last(transaction, place)
        places = _below(transaction, place)
        told = view.problem.facts if view.problem else {}
        wanted = [int(number) for number in told.get("candidates", [])]
        if told.get("holder") is not None:
            wanted.append(int(told["holder"]))
        people = figures.people(transaction, wanted)
        of = dict(
            transaction.execute(
                select(Holder.id, District.name)
                .join(District, District.id == Holder.district_id)
                .where(Holder.id.in_(wanted))
            ).all()
        )
    context = {
        "way": way(None, "register"),
        "places": [(found.id, "　" * (found.level - place.level) + found.name) for found in places],
        "district": last.district_id if last else place.id,
        "nationality": last.nationality if last else "CHN",
        "sexes": [(sex, view.say(f"sex.{sex}")) for sex in SEXES],
        "grounds": [(ground.value, view.say(f"ground.{ground.value}")) for ground in Ground],
        "groups": facts_form.groups(view.lang),
        "kinds": Kind,
        "children": facts_form.CHILDREN,
        "candidates": [(people[number], of[number]) for number in wanted if number in people],
        "certain": told.get("holder"),
    }
    return Page(template="registration.html", title="register.title", context=context)


@site.form("/registration", holders.register, back=show)
def register(view: View) -> str:
    """By the API's own act: every mistake at once, and who it may be already."""
    body = HolderIn(
        district=view.number("district") or 0,
        names=Names(
            native=view.text("name_native"),
            latin_surname=view.text("latin_surname").upper(),
            latin_given=view.text("latin_given").upper(),
        ),
        sex=_any(view.text("sex")),
        birth_date=_day(view, "birth_date"),
        nationality=view.text("nationality").upper(),
        ethnicity=view.text("ethnicity"),
        personal_number=view.text("personal_number").upper(),
        hukou_address=view.text("hukou_address"),
        address=view.text("address"),
        residence_since=_day(view, "residence_since"),
        ground=Ground(view.text("ground")) if view.text("ground") in set(Ground) else None,
        facts=facts_form.typed(view),
        not_the_same=[int(text) for text in view.texts("not_the_same") if text.isascii() and text.isdigit()][:50],
    )
    receipt = holders.register(body, view.call)
    return then(view, STEPS["documents"].path(receipt.data["application"]))


def _any(text: str) -> Any:
    """As typed: the record itself says whether it will do."""
    return text


def _day(view: View, name: str) -> date:
    found = view.day(name)
    if found is None:
        raise Problem(Reason.INVALID_VALUE, facts={"field": name})
    return found


def _last(transaction: Transaction, place: Place) -> Holder | None:
    column = SCOPES[place.level]
    query = select(Holder).order_by(Holder.id.desc()).limit(1)
    if column:
        query = query.where(getattr(Holder, column) == place.id)
    return transaction.scalars(query).first()


def _below(transaction: Transaction, place: Place) -> list[District]:
    """The place and what lies below, in the order of the tree."""
    if place.level is Level.COMMUNITY:
        return list(transaction.scalars(select(District).where(District.id == place.id)))
    return [found for found in queries.places(transaction) if place.covers(found.place)]
