"""Moving a card: the one place where a card changes its state, with the line in the ledger and its status.

The life cycle's table says whether; this carries it out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session as Transaction

from keys.status_list import Status

from ..domain.card_stock import CARD_STOCK, LIVE_CARD, StockEvent, StockFacts, StockState
from ..domain.reasons import Reason, refusal
from ..domain.table import Transition, moved
from .models.stock import Card, StatusEntry
from .unit import Unit

_MATCHING = StockFacts()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawer:
    """Where cards lie: a place, and a desk of it; an empty desk is the vault."""

    district_id: int
    desk: str = ""


def card(unit: Unit, serial: str) -> Card:
    """The card. Raises ActRefused(NO_CARD)."""
    found = unit.transaction.get(Card, serial)
    if found is None:
        raise refusal(Reason.NO_CARD, serial=serial)
    return found


def live_card(transaction: Transaction, permit_number: str) -> Card | None:
    """The one card of a permit that is not void."""
    return transaction.scalars(
        select(Card).where(Card.permit_number == permit_number, Card.state.in_([state.value for state in LIVE_CARD]))
    ).one_or_none()


def move(
    unit: Unit,
    card: Card,
    event: StockEvent,
    facts: StockFacts = _MATCHING,
    *,
    to: Drawer | None = None,
    note: str = "",
) -> Transition[StockState]:
    """Move a card by its table; `to` where it comes to lie in another drawer. The caller sees to other effects."""
    source = StockState(card.state)
    transition = moved(CARD_STOCK, source, event, facts)
    target = to or Drawer(district_id=card.district_id, desk=card.desk)
    if transition.state is not source or to is not None:
        unit.movements.append(
            {
                "event": event.value,
                "serial": card.serial,
                "quantity": 1,
                "from_state": source.value,
                "from_district_id": card.district_id,
                "from_desk": card.desk,
                "to_state": transition.state.value,
                "to_district_id": target.district_id,
                "to_desk": target.desk,
                "note": note,
            }
        )
    card.state = transition.state.value
    card.district_id, card.desk = target.district_id, target.desk
    card.updated_at = unit.now
    if transition.status is not None:
        set_status(unit, card.serial, transition.status)
    return transition


def receive(unit: Unit, serials: tuple[str, ...], drawer: Drawer, *, note: str) -> None:
    """New blanks, by their serials. The database refuses one that it knows."""
    moved(CARD_STOCK, None, StockEvent.RECEIVE, _MATCHING)
    common = {"district_id": drawer.district_id, "desk": drawer.desk, "received_at": unit.now, "updated_at": unit.now}
    unit.transaction.execute(
        insert(Card),
        [
            {"serial": serial, "state": StockState.RECEIVED.value, "version": 1, "profile_digest": "", "reason": ""}
            | common
            for serial in serials
        ],
    )
    unit.movements += [_arrival(drawer, serial=serial, quantity=1, note=note) for serial in serials]


def receive_unlisted(unit: Unit, count: int, drawer: Drawer, *, note: str) -> None:
    """Blanks whose serials nobody listed; a negative count takes some back. They are named when they are first used."""
    unit.movements.append(_arrival(drawer, serial=None, quantity=count, note=note))


def enter(unit: Unit, serial: str, drawer: Drawer) -> Card:
    """A blank from among the unlisted ones shows its serial; the ledger had it already."""
    found = Card(
        serial=serial,
        state=StockState.RECEIVED.value,
        district_id=drawer.district_id,
        desk=drawer.desk,
        received_at=unit.now,
        updated_at=unit.now,
    )
    unit.transaction.add(found)
    unit.transaction.flush()
    return found


def _arrival(drawer: Drawer, *, serial: str | None, quantity: int, note: str) -> dict[str, Any]:
    return {
        "event": StockEvent.RECEIVE.value,
        "serial": serial,
        "quantity": quantity,
        "from_state": None,
        "from_district_id": None,
        "from_desk": None,
        "to_state": StockState.RECEIVED.value,
        "to_district_id": drawer.district_id,
        "to_desk": drawer.desk,
        "note": note,
    }


# --- status


def status_entry(transaction: Transaction, serial: str) -> StatusEntry | None:
    """The card's place in a status list, once it has one."""
    return transaction.scalars(select(StatusEntry).where(StatusEntry.serial == serial)).one_or_none()


def status_entries(transaction: Transaction, serials: Sequence[str]) -> dict[str, StatusEntry]:
    """Those of many cards, in one look-up; a card that has no place yet is left out."""
    rows = transaction.scalars(select(StatusEntry).where(StatusEntry.serial.in_(serials)))
    return {row.serial: row for row in rows}


def set_status(unit: Unit, serial: str, status: Status) -> None:
    """What the status list must say of the card from now on. INVALID is for good, whatever comes after."""
    entry = status_entry(unit.transaction, serial)
    if entry is not None and entry.status not in (status, Status.INVALID):
        entry.status = int(status)
        entry.changed_at = unit.now
