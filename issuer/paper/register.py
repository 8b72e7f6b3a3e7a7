"""From the register to a record to print, and the line in the audit chain that it was printed.

A slip opens the way to a card and a face carries everything of a person: so printing is an act, with who and when, and
without a name or a number of the paper.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from ..acts import production
from ..acts.applications import PHOTO
from ..domain.application_life import DEADLINE_RUNS, ApplicationKind, ApplicationState
from ..domain.calendar import window_opens
from ..domain.card_stock import StockState
from ..domain.checklist import REQUIRED, Item
from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor
from ..store.models.people import Capture, District, Holder
from ..store.models.permits import Application, Permit
from ..store.models.stock import Card
from ..store.unit import Receipt, Store, Unit
from .records import ChecklistLine, HandoverReceipt, Slip

_WITH_SLIP = DEADLINE_RUNS | {ApplicationState.READY}
_WITH_CARD = (ApplicationState.READY, ApplicationState.HANDED_OVER)


def slip_of(transaction: Transaction, waiting: Application, *, office: str) -> Slip:
    """What the applicant takes home now. Raises ActRefused(WRONG_STATE) where nothing was told yet, or all is over."""
    if waiting.state == ApplicationState.APPLIED:
        told, accepted = waiting.told_at, False
    elif waiting.state in _WITH_SLIP and waiting.accepted_on is not None:
        told, accepted = None, True
    else:
        raise _wrong_state(waiting)
    holder = transaction.get_one(Holder, waiting.holder_id)
    present = _items(waiting.present)
    asked = REQUIRED if waiting.told is None else REQUIRED & (_items(waiting.told) | present)
    accepted_on = waiting.accepted_on if accepted else None
    day = accepted_on if told is None else told.date()
    assert day is not None
    return Slip(
        office=office,
        district=_district(transaction, waiting.district_id),
        application=waiting.id,
        name_native=holder.name_native,
        name_latin=_latin(holder),
        sex=holder.sex,
        birth_date=holder.birth_date,
        replacement=waiting.kind == ApplicationKind.REPLACEMENT,
        told_on=day,
        # What is in hand, and what was told to be missing; a replacement rests on the file of the first permit.
        checklist=tuple(
            ChecklistLine(item=item, present=accepted or item in present) for item in Item if item in asked
        ),
        slip=waiting.slip or "" if accepted else "",
        accepted_on=accepted_on,
        due_on=waiting.due_on if accepted else None,
        extended=waiting.extended,
    )


def receipt_of(transaction: Transaction, waiting: Application, *, office: str, today: date) -> HandoverReceipt:
    """For the holder's signature, at the desk or afterwards. Raises ActRefused: WRONG_STATE, NO_CARD."""
    permit, card = card_of(transaction, waiting)
    holder = transaction.get_one(Holder, waiting.holder_id)
    return HandoverReceipt(
        office=office,
        district=_district(transaction, waiting.district_id),
        application=waiting.id,
        permit_number=permit.number,
        document_number=waiting.document_number or "",
        card_serial=card.serial,
        name_native=holder.name_native,
        name_latin=_latin(holder),
        handed_over_on=today if waiting.closed_at is None else waiting.closed_at.date(),
        endorsed_until=card.endorsed_until or permit.endorsed_until,
        window_opens=window_opens(permit.endorsed_until),
        expires_on=permit.expires_on,
    )


def card_of(transaction: Transaction, waiting: Application) -> tuple[Permit, Card]:
    """The permit, and the card in force that was made for this application. Raises ActRefused: WRONG_STATE, NO_CARD."""
    if waiting.state not in _WITH_CARD:
        raise _wrong_state(waiting)
    card = transaction.scalars(
        select(Card)
        .where(Card.application_id == waiting.id, Card.state.in_([StockState.ACTIVATED, StockState.ISSUED]))
        .order_by(Card.serial)
    ).first()
    if card is None:
        raise refusal(Reason.NO_CARD, application=waiting.id)
    return transaction.scalars(select(Permit).where(Permit.number == waiting.permit_number)).one(), card


def document_and_photo(transaction: Transaction, waiting: Application, permit: Permit) -> tuple[bytes, bytes | None]:
    """The application as the card was written from it, and the photo while it is kept."""
    holder = transaction.get_one(Holder, waiting.holder_id)
    photo = transaction.get(Capture, (waiting.id, PHOTO))
    return production.document(transaction, waiting, permit, holder), None if photo is None else photo.content


def printed(store: Store, actor: Actor, application: int, what: str, *, key: str | None) -> Receipt:
    """Note in the audit chain that it was printed."""

    def work(unit: Unit) -> Receipt:
        unit.record(Act.PRINT, f"application:{application}", what=what)
        data: dict[str, Any] = {"application": application, "what": what}
        return Receipt(act=Act.PRINT, subject=f"application:{application}", data=data)

    return store.perform(actor, Act.PRINT, work, key=key, request={"application": application, "what": what})


def _district(transaction: Transaction, district_id: int) -> str:
    return transaction.get_one(District, district_id).name


def _latin(holder: Holder) -> str:
    return f"{holder.latin_surname} {holder.latin_given}".strip()


def _items(text: str) -> frozenset[Item]:
    return frozenset(Item(name) for name in text.split(",") if name)


def _wrong_state(waiting: Application) -> Exception:
    return refusal(Reason.WRONG_STATE, table="application", state=waiting.state, event=Act.PRINT)
