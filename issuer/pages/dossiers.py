"""What a page needs to know of an application: the person, the steps, the names of who did what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session as Transaction

from ..domain.calendar import eligible_from
from ..domain.checklist import REQUIRED, Item
from ..domain.reasons import Reason
from ..service.routers.holders import within
from ..store.models.people import Capture, Holder
from ..store.models.permits import Application
from . import figures
from .site import View
from .steps import items, missing, next_step, way


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """An application of the operator's district, with its holder."""

    application: Application
    holder: Holder
    place: str
    officers: Mapping[int, str]
    photo: bool

    @property
    def latin(self) -> str:
        """The name in Latin letters."""
        return f"{self.holder.latin_surname} {self.holder.latin_given}".strip()


def of(view: View, application: int) -> Dossier:
    """Raises ActRefused(NO_APPLICATION, DISTRICT)."""
    with view.call.store.read() as transaction:
        found = _reached(transaction, view, application)
        return Dossier(
            application=found,
            holder=transaction.get_one(Holder, found.holder_id),
            place=figures.districts(transaction, [found.district_id])[found.district_id],
            officers=figures.operators(transaction, [found.registered_by, found.accepted_by, found.approved_by]),
            photo=transaction.get(Capture, (application, "photo")) is not None,
        )


def _reached(transaction: Transaction, view: View, application: int) -> Application:
    found = transaction.get(Application, application)
    return within(transaction, found, view.call.actor.place, Reason.NO_APPLICATION)


def step_context(view: View, found: Dossier, here: str) -> dict[str, Any]:
    """What every page of a step shows of it: the way, the person, what comes next."""
    following = next_step(found.application)
    return {
        "found": found,
        "app": found.application,
        "holder": found.holder,
        "way": way(found.application, here),
        "following": following,
        "mine": following is not None and view.may(following.act),
        "items": sorted(REQUIRED),
        "handed_in": items(found.application.present),
        "lacking": sorted(missing(found.application)),
        "photo_item": Item.PHOTO,
        "eligible_from": eligible_from(found.holder.residence_since),
    }
