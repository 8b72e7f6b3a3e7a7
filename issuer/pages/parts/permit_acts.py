"""What changes a permit: endorsed with old beside new, its card written, lost, suspended, restored, replaced, ended.

All but the endorsement are one page with other fields: `_ACTS` is the table.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

from starlette.responses import Response

from ...acts.permits import ReplacementReason
from ...domain.permit_life import Ending
from ...domain.reasons import ActRefused, Reason
from ...service.problems import Problem, of_refusal
from ...service.routers import permit_acts, permits, writing
from ...service.schemas.applications import Why
from ...service.schemas.permits import (
    EndorseIn,
    InPerson,
    NewAddressIn,
    PermitOut,
    ReplaceIn,
    RevokeIn,
    TerminateIn,
)
from ...service.schemas.writing import RunIn, RunOut
from ...store.models.people import Holder
from .. import refusals, run_steps
from ..receipts import then
from ..site import PREFIX, Page, Site, View
from . import cards

site = Site()
E = TypeVar("E", bound=StrEnum)
AT_DESK, BY_PHONE = "desk", "phone"


# --- the endorsement


@site.page("/permits/{number}/endorse", permit_acts.endorse)
def endorsing(view: View, number: str) -> Page:
    """Old beside new, worked out and not done; a new address changes it at once."""
    found, context = _permit(view, number)
    changes: list[tuple[str, str, str]] = []
    extended: list[str] = []
    try:
        rehearsed = permit_acts.endorse(number, _endorsement(view), _without_key(view), rehearsal=True)
        changes, extended = _told(rehearsed.data["changes"], view)
    except (Problem, ActRefused) as error:
        if view.problem is None:
            problem = error if isinstance(error, Problem) else of_refusal(error, view.request)
            view.problem = refusals.told(problem, view.lang)
    context |= {
        "changes": changes,
        "extended": extended,
        "possible": bool(changes),
        "moved": bool(view.text("address")),
        "permit": found,
    }
    return Page(template="endorse.html", title="endorse.title", context=context)


@site.form("/permits/{number}/endorse", permit_acts.endorse, back=endorsing)
def endorse(view: View, number: str) -> str | Page:
    """In one pass, as it was shown; then its card is written. `preview` only shows it again, with the new address."""
    if view.text("preview"):
        return endorsing(view, number)
    permit_acts.endorse(number, _endorsement(view), view.call)
    return then(view, f"{PREFIX}/permits/{number}/card")


def _told(changes: list[dict[str, str]], view: View) -> tuple[list[tuple[str, str, str]], list[str]]:
    """Old → new line by line; services that only last as much longer as the permit does are told in one."""
    whole = next(((one["old"], one["new"]) for one in changes if one["name"] == "valid until"), None)
    alike = [one for one in changes if one["name"] != "valid until" and (one["old"], one["new"]) == whole]
    lines = [(run_steps.named(one["name"], view.lang), one["old"], one["new"]) for one in changes if one not in alike]
    return lines, [run_steps.named(one["name"], view.lang) for one in alike]


def _endorsement(view: View) -> EndorseIn:
    if not view.text("address"):
        return EndorseIn()
    since = view.day("since") or view.today
    return EndorseIn(address=NewAddressIn(address=view.text("address"), since=since))


def _without_key(view: View) -> Any:
    """A rehearsal is done as often as somebody looks."""
    return replace(view.call, key=None, version=None)


# --- its card


@site.page("/permits/{number}/card", writing.update_card)
def card(view: View, number: str) -> Page:
    """Put the card on the reader: it is made to say what the permit says."""
    found, context = _permit(view, number)
    context |= cards.readers_of(view) | {"permit": found}
    return Page(template="update_card.html", title="update.title", context=context)


@site.form("/permits/{number}/card", writing.update_card, back=card)
def write(view: View, number: str) -> str:
    """Begin."""
    body = RunIn(reader=view.text("reader"), can=view.text("can") or None)
    run: RunOut = writing.update_card(number, body, view.call, view.request)
    return f"{PREFIX}/runs/{run.id}"


# --- everything else


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """`kind` is a component: choices, area, tick (where there is a card), confirm. `options` are values; their words
    are ``NAME.VALUE``."""

    name: str
    kind: str
    options: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Act:
    """A form of the table: the API's function, its record from what was typed, and its fields."""

    endpoint: Callable[..., Any]
    record: Callable[[View], Any]
    fields: tuple[_Field, ...]
    icon: str
    danger: bool = False


_WHERE = _Field(name="where", kind="choices", options=(AT_DESK, BY_PHONE))
_HERE = _Field(name="in_person", kind="confirm")
_REASON = _Field(name="reason", kind="area")
_CARD_BACK = _Field(name="card_back", kind="tick")


def _in_person(view: View) -> InPerson:
    return InPerson(in_person=view.text("where", AT_DESK) == AT_DESK)


def _chosen(view: View, name: str, kind: type[E]) -> E:
    try:
        return kind(view.text(name))
    except ValueError as error:
        raise Problem(Reason.INVALID_VALUE, facts={"field": name}) from error


def _card_back(view: View) -> dict[str, Any]:
    """The old card lies here, and goes into the drawer of this desk. Which one it is stands in the form: once the act
    is done, the permit has none, and a form that is sent twice would not be the same any more."""
    desk = "" if view.present is None else view.present.desk
    return {"old_serial": view.text("card_back") or None, "desk": desk}


_ACTS: Mapping[str, _Act] = MappingProxyType(
    {
        "report-lost": _Act(endpoint=permit_acts.report_lost, record=_in_person, fields=(_WHERE,), icon="warning"),
        "suspend": _Act(
            endpoint=permit_acts.suspend,
            record=lambda view: Why(reason=view.text("reason")),
            fields=(_REASON,),
            icon="stop",
        ),
        "restore": _Act(
            endpoint=permit_acts.restore,
            record=lambda view: InPerson(in_person=bool(view.text("in_person"))),
            fields=(_HERE,),
            icon="again",
        ),
        "replace": _Act(
            endpoint=permit_acts.replace,
            record=lambda view: ReplaceIn(reason=_chosen(view, "replacement", ReplacementReason), **_card_back(view)),
            fields=(
                _Field(name="replacement", kind="choices", options=tuple(reason.value for reason in ReplacementReason)),
                _CARD_BACK,
            ),
            icon="card",
        ),
        "revoke": _Act(
            endpoint=permit_acts.revoke,
            record=lambda view: RevokeIn(reason=view.text("reason"), **_card_back(view)),
            fields=(_REASON, _CARD_BACK),
            icon="stop",
            danger=True,
        ),
        "terminate": _Act(
            endpoint=permit_acts.terminate,
            record=lambda view: TerminateIn(ending=_chosen(view, "ending", Ending), **_card_back(view)),
            fields=(
                _Field(name="ending", kind="choices", options=tuple(ending.value for ending in Ending)),
                _CARD_BACK,
            ),
            icon="stop",
            danger=True,
        ),
    }
)


def _declare(name: str, act: _Act) -> None:
    @site.page(f"/permits/{{number}}/{name}", act.endpoint)
    def show(view: View, number: str) -> Page:
        found, context = _permit(view, number)
        context |= {"permit": found, "act": name, "form": act}
        return Page(template="permit_act.html", title=f"act.{name}.title", context=context)

    @site.form(f"/permits/{{number}}/{name}", act.endpoint, back=show)
    def do(view: View, number: str) -> str:
        receipt = act.endpoint(number, act.record(view), view.call)
        opened = receipt.data.get("application")
        return then(view, f"{PREFIX}/applications/{opened}" if opened else f"{PREFIX}/permits/{number}")


for _name, _act in _ACTS.items():
    _declare(_name, _act)


def _permit(view: View, number: str) -> tuple[PermitOut, dict[str, Any]]:
    found: PermitOut = permits.permit(number, view.call, Response())
    with view.call.store.read() as transaction:
        holder = transaction.get_one(Holder, found.holder)
    return found, {"holder": holder, "latin": f"{holder.latin_surname} {holder.latin_given}".strip()}
