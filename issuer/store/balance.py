"""What a drawer's books come to: received = remaining + issued + spoiled + …, at any moment and at the end of a day.

A closed day carries its figures on, so that only the movements since are added up, however old the drawer is.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session as Transaction

from ..domain.card_stock import BLANK, UNRESOLVED_CARD, StockState
from .ledger import Drawer
from .models.stock import Card, CardMovement, StockDay

IN_THE_DRAWER = frozenset(StockState) - {StockState.ISSUED, StockState.LOST, StockState.DESTROYED}


@dataclass(frozen=True, slots=True, kw_only=True)
class DrawerBalance:
    """`received`: blanks that came in from outside and from other drawers, less what went to others. `cards`: by state.

    `received` is the sum of `cards`, or cards were written on that never came in.
    """

    drawer: Drawer
    received: int
    cards: Mapping[StockState, int]

    @property
    def remaining(self) -> int:
        """Blanks that must lie in the drawer."""
        return sum(self.cards.get(state, 0) for state in BLANK)

    @property
    def unresolved(self) -> int:
        """Cards begun and neither activated nor void."""
        return sum(self.cards.get(state, 0) for state in UNRESOLVED_CARD)

    @property
    def balanced(self) -> bool:
        """Whether every card that came in is somewhere, and nothing is less than nothing."""
        return self.received == sum(self.cards.values()) and min(self.cards.values(), default=0) >= 0


def balance(transaction: Transaction, drawer: Drawer, *, until: date | None = None) -> DrawerBalance:
    """The books of a drawer, up to and including the day `until` (default: everything)."""
    closed = transaction.scalars(
        select(StockDay)
        .where(StockDay.district_id == drawer.district_id, StockDay.desk == drawer.desk)
        .where(StockDay.day <= until if until is not None else StockDay.day.is_not(None))
        .order_by(StockDay.day.desc())
        .limit(1)
    ).first()
    cards: Counter[StockState] = Counter()
    received = 0
    if closed is not None:
        cards.update({StockState(name): count for name, count in json.loads(closed.closing).items()})
        received = closed.received
    for incoming in (True, False):
        for row in transaction.execute(_sums(drawer, incoming, None if closed is None else closed.day, until)):
            cards[StockState(row.state)] += row.quantity if incoming else -row.quantity
            if row.crossing:
                received += row.quantity if incoming else -row.quantity
    return DrawerBalance(drawer=drawer, received=received, cards=cards)


def cards_there(transaction: Transaction, drawer: Drawer) -> Counter[StockState]:
    """What the cards themselves say lies in the drawer, by state; issued ones are not asked, they are many."""
    rows = transaction.execute(
        select(Card.state, func.count())
        .where(
            Card.district_id == drawer.district_id,
            Card.desk == drawer.desk,
            Card.state.in_(sorted(state.value for state in IN_THE_DRAWER)),
        )
        .group_by(Card.state)
    )
    return Counter({StockState(state): count for state, count in rows})


def encode_closing(found: DrawerBalance) -> str:
    """For the next day."""
    return json.dumps({state.value: count for state, count in sorted(found.cards.items()) if count})


def closed_on(transaction: Transaction, drawer: Drawer, day: date) -> datetime | None:
    """When the drawer was closed for `day`."""
    return transaction.scalars(
        select(StockDay.closed_at).where(
            StockDay.district_id == drawer.district_id, StockDay.desk == drawer.desk, StockDay.day == day
        )
    ).one_or_none()


def _sums(drawer: Drawer, incoming: bool, since: date | None, until: date | None) -> Select[Any]:
    move = CardMovement
    here, other = ("to", "from") if incoming else ("from", "to")
    district, desk, day, state = (getattr(move, f"{here}_{name}") for name in ("district_id", "desk", "day", "state"))
    same = (getattr(move, f"{other}_district_id") == district) & (getattr(move, f"{other}_desk") == desk)
    crossing = func.coalesce(~same, True).label("crossing")
    query = (
        select(state.label("state"), crossing, func.sum(move.quantity).label("quantity"))
        .where(district == drawer.district_id, desk == drawer.desk)
        .group_by(state, crossing)
    )
    if since is not None:
        query = query.where(day > since)
    return query if until is None else query.where(day <= until)
