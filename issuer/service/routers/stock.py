"""Cards as objects: the ledger of the stock, and the books of each drawer."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import Path, Query, Response
from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from keys.status_list import Status

from ...acts import stock
from ...domain.card_stock import StockState
from ...domain.reasons import Reason, refusal
from ...domain.roles import Act
from ...store.balance import balance, closed_on
from ...store.ledger import Drawer, status_entries, status_entry
from ...store.models.people import District
from ...store.models.stock import Card, CardMovement, StatusEntry
from ..access import OFFICE, Caller, Endpoints, Scope, by_act, by_role, etag
from ..pages import After, Limit, decode, encode
from ..schemas.base import BIGGEST, ReceiptOut
from ..schemas.stock import (
    BalanceOut,
    CardHistory,
    CardOut,
    CardPage,
    DayIn,
    DestroyIn,
    MovementOut,
    SpoilIn,
    StockIn,
    TakeBackIn,
)
from .holders import today

api = Endpoints("cards and stock")
SerialPath = Annotated[str, Path(pattern=r"^[0-9a-f]{20}$", max_length=20)]
DistrictQuery = Annotated[int, Query(ge=1, le=BIGGEST, description="the place whose drawer it is")]
DeskQuery = Annotated[str, Query(max_length=32, pattern=r"^[A-Za-z0-9._-]*$", description="empty: the vault")]
_READ = by_role(*OFFICE, scope=Scope.DISTRICT)
_MOVING = (Reason.NO_CARD, Reason.WRONG_STATE)


@api.get("/cards", _READ, "Cards of a drawer", Reason.NO_DISTRICT, response_model=CardPage)
def cards(
    call: Caller,
    district: DistrictQuery,
    desk: DeskQuery = "",
    state: StockState = StockState.RECEIVED,
    after: After = None,
    limit: Limit = 50,
) -> Any:
    """Those in one state, in the order of serials."""
    key = decode(after, str)
    with call.store.read() as transaction:
        _reach(transaction, district, call)
        query = (
            select(Card)
            .where(Card.district_id == district, Card.desk == desk, Card.state == state.value)
            .order_by(Card.serial)
            .limit(limit)
        )
        if key is not None:
            query = query.where(Card.serial > key[0])
        rows = transaction.scalars(query).all()
        following = encode(rows[-1].serial) if len(rows) == limit else None
        entries = status_entries(transaction, [row.serial for row in rows])
        return CardPage(cards=[_out(row, entries.get(row.serial)) for row in rows], next=following)


@api.get("/cards/{serial}", _READ, "A card", Reason.NO_CARD, response_model=CardHistory)
def card(serial: SerialPath, call: Caller, response: Response) -> Any:
    """Where it is, what the status list says of it, and every line of the ledger about it."""
    with call.store.read() as transaction:
        found = transaction.get(Card, serial)
        if found is None:
            raise refusal(Reason.NO_CARD, serial=serial)
        _reach(transaction, found.district_id, call)
        rows = transaction.scalars(
            select(CardMovement).where(CardMovement.serial == serial).order_by(CardMovement.id).limit(500)
        )
        movements = [
            MovementOut(
                at=row.at,
                event=row.event,
                from_state=row.from_state,
                to_state=row.to_state,
                district=row.to_district_id,
                desk=row.to_desk,
                operator=row.operator_id,
                note=row.note,
            )
            for row in rows
        ]
        out = _out(found, status_entry(transaction, serial))
    response.headers["ETag"] = etag(found.version)
    return CardHistory(**out.model_dump(), movements=movements)


@api.get("/stock", _READ, "Balance of a drawer", Reason.NO_DISTRICT, response_model=BalanceOut)
def books(call: Caller, district: DistrictQuery, desk: DeskQuery = "", day: date | None = None) -> Any:
    """What came in, and what became of it, up to and including `day`."""
    until = day or today(call)
    drawer = Drawer(district_id=district, desk=desk)
    with call.store.read() as transaction:
        _reach(transaction, district, call)
        found = balance(transaction, drawer, until=until)
        closed = closed_on(transaction, drawer, until) is not None
    return BalanceOut(
        district=district,
        desk=desk,
        day=until,
        closed=closed,
        received=found.received,
        remaining=found.remaining,
        unresolved=found.unresolved,
        balanced=found.balanced,
        cards={state.value: count for state, count in sorted(found.cards.items()) if count},
    )


@api.act(
    "/stock/receive",
    by_act(Act.RECEIVE_STOCK),
    "Receive blanks",
    Reason.NO_DISTRICT,
    Reason.CARD_KNOWN,
    Reason.DAY_CLOSED,
    response_model=ReceiptOut,
)
def receive(body: StockIn, call: Caller) -> Any:
    """By the serials on the delivery note, all or none."""
    return call.done(
        stock.receive_stock(
            *call.by,
            district_id=body.district,
            serials=body.serials,
            desk=body.desk,
            note=body.note,
            key=call.key,
        )
    )


@api.act(
    "/stock/transfer",
    by_act(Act.TRANSFER_STOCK),
    "Hand blanks on",
    *_MOVING,
    Reason.NO_DISTRICT,
    Reason.DAY_CLOSED,
    response_model=ReceiptOut,
)
def transfer(body: StockIn, call: Caller) -> Any:
    """To another drawer, all or none: from the vault to a desk in the morning."""
    return call.done(
        stock.transfer_stock(
            *call.by,
            serials=body.serials,
            district_id=body.district,
            desk=body.desk,
            note=body.note,
            key=call.key,
        )
    )


@api.act("/cards/{serial}/spoil", by_act(Act.SPOIL), "Spoil", *_MOVING, Reason.DAY_CLOSED, response_model=ReceiptOut)
def spoil(serial: SerialPath, body: SpoilIn, call: Caller) -> Any:
    """Not issued yet, and of no use any more: what was written on it is INVALID, its application needs another
    blank."""
    return call.done(stock.spoil(*call.by, serial, reason=body.reason, **call.once))


@api.act(
    "/cards/{serial}/return",
    by_act(Act.TAKE_BACK),
    "Take back a card that was found",
    *_MOVING,
    Reason.NO_DISTRICT,
    Reason.DAY_CLOSED,
    response_model=ReceiptOut,
)
def take_back(serial: SerialPath, body: TakeBackIn, call: Caller) -> Any:
    """It was written off as lost; it stays void."""
    return call.done(stock.take_back(*call.by, serial, district_id=body.district, desk=body.desk, **call.once))


@api.act(
    "/stock/destroy", by_act(Act.DESTROY), "Destroy void cards", *_MOVING, Reason.DAY_CLOSED, response_model=ReceiptOut
)
def destroy(body: DestroyIn, call: Caller) -> Any:
    """Through the shredder, before a witness who is named."""
    return call.done(stock.destroy(*call.by, body.serials, witness=body.witness, key=call.key))


@api.act(
    "/stock/days",
    by_act(Act.END_OF_DAY),
    "Close the day",
    Reason.NO_DISTRICT,
    Reason.DAY_CLOSED,
    Reason.STOCK_DIFFERS,
    Reason.CARDS_UNRESOLVED,
    response_model=ReceiptOut,
)
def close_day(body: DayIn, call: Caller) -> Any:
    """`counted` are the blanks in the drawer, by hand. Where they differ from the ledger a `note` must say why."""
    return call.done(
        stock.end_of_day(
            *call.by,
            district_id=body.district,
            counted=body.counted,
            desk=body.desk,
            note=body.note,
            key=call.key,
        )
    )


def _reach(transaction: Transaction, district: int, call: Caller) -> None:
    found = transaction.get(District, district)
    if found is None:
        raise refusal(Reason.NO_DISTRICT, district=district)
    if not call.actor.place.covers(found.place):
        raise refusal(Reason.DISTRICT)


def _out(found: Card, entry: StatusEntry | None) -> CardOut:
    return CardOut(
        serial=found.serial,
        state=found.state,
        district=found.district_id,
        desk=found.desk,
        permit=found.permit_number,
        application=found.application_id,
        endorsed_until=found.endorsed_until,
        status=None if entry is None else Status(entry.status).name.lower(),
        published=None if entry is None else entry.status == entry.published,
        reason=found.reason,
        version=found.version,
    )
