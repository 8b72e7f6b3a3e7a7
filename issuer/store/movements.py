"""Entering movements in the ledger of the card stock, each on the day that is open for its drawer.

What happens after a drawer was closed belongs to its next day; so a revocation need not wait for a desk to open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session as Transaction

from .models.stock import CardMovement, StockDay


def post(
    transaction: Transaction, rows: Sequence[Mapping[str, Any]], *, now: datetime, today: date, operator: int
) -> None:
    """Enter `rows`. The caller has made sure that nobody closes a drawer until this is committed."""
    drawers = {drawer for row in rows for drawer in (_side(row, "from"), _side(row, "to")) if drawer is not None}
    days = {drawer: open_day(transaction, *drawer, today=today) for drawer in drawers}
    common = {"at": now, "operator_id": operator}
    entered = []
    for row in rows:
        source, target = _side(row, "from"), _side(row, "to")
        assert target is not None
        entered.append({**row, **common, "from_day": days[source] if source else None, "to_day": days[target]})
    transaction.execute(insert(CardMovement), entered)


def open_day(transaction: Transaction, district_id: int, desk: str, *, today: date) -> date:
    """The day on which a movement of this drawer is entered."""
    closed = transaction.scalars(
        select(StockDay.day)
        .where(StockDay.district_id == district_id, StockDay.desk == desk)
        .order_by(StockDay.day.desc())
        .limit(1)
    ).first()
    return today if closed is None else max(today, closed + timedelta(days=1))


def _side(row: Mapping[str, Any], side: str) -> tuple[int, str] | None:
    district = row[f"{side}_district_id"]
    return None if district is None else (district, row[f"{side}_desk"])
