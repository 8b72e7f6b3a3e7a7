"""The service's issuance records as `permit-keys drill` and `permit-keys simulate` take them: every card of the city,
whatever drawer it came from, with the keys that signed it.

Cards and history are read side by side, by serial, as they stood at one moment: a card that is signed meanwhile is in
the export with its signature, or neither is. Two million cards take no more memory than one.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from sqlalchemy import Connection, func, select
from sqlalchemy.orm import Session as Transaction

from keys.rotation.issued_cards import IssuedCard

from ..journal import Event, EventKind
from ..journal_export import issued_card
from ..store.engine import READ_ONLY
from ..store.models.stock import Card, PersonalisationEvent
from ..store.unit import Store
from .journal_rows import ROW, record_of

_AT_ONCE = 500  # rows that the database hands over together


def cards(store: Store) -> Iterator[IssuedCard]:
    """Every card that was ever bound to a permit, by serial."""
    with (
        store.engine.connect().execution_options(**{READ_ONLY: True}) as connection,
        Transaction(_of_one_moment(connection)) as transaction,
    ):
        number = PersonalisationEvent.number
        noting_since = transaction.scalars(
            select(func.min(number)).where(PersonalisationEvent.kind == EventKind.SIGNED.value)
        ).one()
        history = groupby(_events(transaction), key=lambda one: one[1].serial)
        at_hand = next(history, None)
        bound = ROW.where(Card.permit_number.is_not(None)).order_by(Card.serial)
        for card, entry in transaction.execute(bound.execution_options(yield_per=_AT_ONCE)):
            serial = bytes.fromhex(card.serial)
            while at_hand is not None and at_hand[0] < serial:  # of a card that was spoiled before any permit
                at_hand = next(history, None)
            events = list(at_hand[1]) if at_hand is not None and at_hand[0] == serial else []
            yield issued_card(record_of(card, entry), events, noting_since)


def _events(transaction: Transaction) -> Iterator[tuple[int, Event]]:
    rows = transaction.scalars(
        select(PersonalisationEvent)
        .order_by(PersonalisationEvent.serial, PersonalisationEvent.number)
        .execution_options(yield_per=_AT_ONCE)
    )
    for row in rows:
        yield (
            row.number,
            Event(
                at=row.at,
                kind=EventKind(row.kind),
                serial=bytes.fromhex(row.serial),
                permit_number=row.permit_number,
                detail=row.detail,
                count=row.count,
            ),
        )


def _of_one_moment(connection: Connection) -> Connection:
    """What a transaction of SQLite sees anyway."""
    if connection.dialect.name == "postgresql":
        return connection.execution_options(isolation_level="REPEATABLE READ")
    return connection
