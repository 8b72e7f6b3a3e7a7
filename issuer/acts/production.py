"""From an approved application to a card in the holder's hand: a blank, the order for the writer, the handover.

What happens between a blank and a card in force is the journal's (`store.journal`): `issuer.personalise` runs over it.
"""

from __future__ import annotations

import hmac
import json
from dataclasses import dataclass, field
from datetime import date, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from ..domain.application_life import ApplicationEvent, ApplicationFacts, ApplicationState
from ..domain.card_stock import StockEvent, StockState
from ..domain.permit_life import PermitEvent
from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor
from ..store import ledger
from ..store.ledger import Drawer
from ..store.models.people import Capture, District, Holder
from ..store.models.permits import Application, EntitlementGrant, Permit
from ..store.models.stock import Card
from ..store.unit import Receipt, Store, Unit
from . import lives
from .applications import PHOTO


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductionOrder:
    """What to write: `document` is the JSON that `issuer.application.parse` reads (with `start` for its ``today``)."""

    application_id: int
    permit_number: str
    serial: str
    start: date
    document: bytes = field(repr=False)
    photo: bytes = field(repr=False)


def allocate_blank(
    store: Store,
    actor: Actor,
    application_id: int,
    *,
    desk: str = "",
    serial: str | None = None,
    district_id: int | None = None,
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """Lay out a blank for an approved application: `serial`, the one in the reader, or the next of the drawer.

    Of two desks that want one blank, or one application, one gets it; the other a Conflict. Raises also NO_BLANK.
    """

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id, version)
        drawer = lives.drawer(unit, district_id or waiting.district_id, desk)
        lives.move_application(unit, waiting, ApplicationEvent.ALLOCATE, ApplicationFacts())
        blank = _next_blank(unit, drawer) if serial is None else ledger.card(unit, serial)
        if (blank.district_id, blank.desk) != (drawer.district_id, drawer.desk):
            raise refusal(Reason.NOT_IN_THIS_DRAWER, serial=blank.serial)
        ledger.move(unit, blank, StockEvent.ALLOCATE)
        blank.permit_number, blank.application_id = waiting.permit_number, waiting.id
        return _receipt(unit, Act.ALLOCATE_BLANK, waiting, blank)

    request = {"application": application_id, "desk": desk, "serial": serial, "district": district_id}
    return store.perform(actor, Act.ALLOCATE_BLANK, work, key=key, request=request)


def release_blank(
    store: Store, actor: Actor, application_id: int, *, key: str | None = None, version: int | None = None
) -> Receipt:
    """Put an allocated blank back that nothing was written on."""

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id, version)
        blank = _card_of(unit.transaction, waiting)
        if blank is None:
            raise refusal(Reason.NO_CARD, application=application_id)
        ledger.move(unit, blank, StockEvent.RELEASE)
        blank.permit_number = blank.application_id = None
        lives.move_application(unit, waiting, ApplicationEvent.RELEASE, ApplicationFacts())
        return _receipt(unit, Act.RELEASE_BLANK, waiting, blank)

    return store.perform(actor, Act.RELEASE_BLANK, work, key=key, request={"application": application_id})


def production_order(transaction: Transaction, actor: Actor, application_id: int) -> ProductionOrder:
    """What to write on the card that is allocated. Raises ActRefused: NO_APPLICATION, DISTRICT, WRONG_STATE,
    NO_CARD, CHECKLIST_INCOMPLETE (no photo)."""
    waiting = transaction.get(Application, application_id)
    if waiting is None:
        raise refusal(Reason.NO_APPLICATION, application=application_id)
    if not actor.place.covers(transaction.get_one(District, waiting.district_id).place):
        raise refusal(Reason.DISTRICT)
    if waiting.state != ApplicationState.IN_PRODUCTION:
        raise refusal(Reason.WRONG_STATE, table="application", state=waiting.state, event=Act.PERSONALISE)
    card = _card_of(transaction, waiting)
    photo = transaction.get(Capture, (waiting.id, PHOTO))
    if card is None:
        raise refusal(Reason.NO_CARD, application=application_id)
    if photo is None:
        raise refusal(Reason.CHECKLIST_INCOMPLETE, missing=["photo"])
    permit = transaction.scalars(select(Permit).where(Permit.number == waiting.permit_number)).one()
    holder = transaction.get_one(Holder, waiting.holder_id)
    return ProductionOrder(
        application_id=waiting.id,
        permit_number=permit.number,
        serial=card.serial,
        start=permit.valid_from,
        document=document(transaction, waiting, permit, holder),
        photo=photo.content,
    )


def hand_over(
    store: Store,
    actor: Actor,
    application_id: int,
    *,
    slip: str,
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """Give the card to whoever shows the slip: the permit is in force from here on."""

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id, version)
        card = _card_of(unit.transaction, waiting)
        facts = ApplicationFacts(
            slip_shown=hmac.compare_digest((waiting.slip or "-").encode(), slip.encode()),
            card_activated=card is not None and card.state == StockState.ACTIVATED,
        )
        lives.move_application(unit, waiting, ApplicationEvent.HAND_OVER, facts)
        assert card is not None
        ledger.move(unit, card, StockEvent.ISSUE)
        permit = lives.permit(unit, waiting.permit_number or "")
        lives.move_permit(unit, permit, PermitEvent.HAND_OVER, lives.facts_of(unit, permit))
        permit.card_due = permit.card_due or card.endorsed_until != permit.endorsed_until
        photo = unit.transaction.get(Capture, (waiting.id, PHOTO))
        if photo is not None:
            photo.delete_after = unit.today + timedelta(days=unit.rules.capture_days)
        return _receipt(unit, Act.HAND_OVER, waiting, card)

    request = {"application": application_id, "slip": slip}
    return store.perform(actor, Act.HAND_OVER, work, key=key, request=request)


def _next_blank(unit: Unit, drawer: Drawer) -> Card:
    """The first blank of the drawer that nobody else is just taking."""
    query = (
        select(Card)
        .where(
            Card.district_id == drawer.district_id,
            Card.desk == drawer.desk,
            Card.state == StockState.RECEIVED.value,
        )
        .order_by(Card.serial)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    found = unit.transaction.scalars(query).first()
    if found is None:
        raise refusal(Reason.NO_BLANK, desk=drawer.desk)
    return found


def _card_of(transaction: Transaction, waiting: Application) -> Card | None:
    if waiting.permit_number is None:
        return None
    card = ledger.live_card(transaction, waiting.permit_number)
    return card if card is not None and card.application_id == waiting.id else None


def document(transaction: Transaction, waiting: Application, permit: Permit, holder: Holder) -> bytes:
    """The application as `issuer.application.parse` reads it."""
    granted = transaction.execute(
        select(EntitlementGrant.service, EntitlementGrant.valid_until).where(
            EntitlementGrant.permit_id == permit.id,
            EntitlementGrant.superseded_at.is_(None),
            EntitlementGrant.valid_until >= permit.valid_from,
        )
    )
    fields = {
        "permit_number": permit.number,
        "document_number": waiting.document_number,
        "names": {
            "native": holder.name_native,
            "latin_surname": holder.latin_surname,
            "latin_given": holder.latin_given,
        },
        "sex": holder.sex,
        "birth_date": holder.birth_date.isoformat(),
        "nationality": holder.nationality,
        "ethnicity": holder.ethnicity or None,
        "personal_number": holder.personal_number or None,
        "hukou_address": holder.hukou_address or None,
        "address": holder.address,
        "permit_class": permit.permit_class,
        "valid_from": permit.valid_from.isoformat(),
        "endorsed_until": permit.endorsed_until.isoformat(),
        "expiry_date": permit.expires_on.isoformat(),
        "entitlements": {row.service: row.valid_until.isoformat() for row in granted},
    }
    return json.dumps({name: value for name, value in fields.items() if value is not None}).encode()


def _receipt(unit: Unit, act: Act, waiting: Application, card: Card) -> Receipt:
    unit.transaction.flush()
    data = {"application": waiting.id, "permit": waiting.permit_number, "serial": card.serial, "card": card.state}
    unit.record(act, f"card:{card.serial}", application=waiting.id, permit=waiting.permit_number, state=card.state)
    return Receipt(
        act=act, subject=f"application:{waiting.id}", state=waiting.state, version=waiting.version, data=data
    )
