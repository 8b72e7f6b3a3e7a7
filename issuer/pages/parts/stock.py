"""The stock of cards: each drawer's books, what came in and went out, the end of the day, each card's own history."""

from __future__ import annotations

import re

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction
from starlette.responses import Response

from ...domain.card_stock import BLANK, CARD_STOCK, StockEvent, StockState
from ...domain.places import Place
from ...domain.reasons import Reason
from ...service.problems import Problem
from ...service.routers import stock
from ...service.schemas.stock import DayIn, DestroyIn, SpoilIn, StockIn, TakeBackIn
from ...store import queries
from ...store.models.stock import Card, StockDay
from .. import charts, figures
from ..receipts import then
from ..site import PREFIX, Page, Site, View

site = Site()
LINES = 50
_DAYS = 14
_SERIAL = re.compile(r"[0-9a-fA-F]{20}")
_COLOURS = {
    StockState.RECEIVED: 0,
    StockState.ALLOCATED: 0,
    StockState.PERSONALISING: 3,
    StockState.PERSONALISED: 3,
    StockState.ACTIVATED: 1,
    StockState.ISSUED: 1,
    StockState.SPOILED: 2,
    StockState.RETURNED: 2,
    StockState.LOST: 2,
    StockState.DESTROYED: 4,
}


@site.page("/stock", stock.books)
def show(view: View) -> Page:
    """The books of one drawer: what came in, and what became of it."""
    district, desk = _drawer(view)
    found = stock.books(view.call, district, desk, view.day_asked("day"))
    with view.call.store.read() as transaction:
        places = _places(transaction, view.call.actor.place)
        desks = _desks(transaction, district)
        days = transaction.scalars(
            select(StockDay)
            .where(StockDay.district_id == district, StockDay.desk == desk)
            .order_by(StockDay.day.desc())
            .limit(_DAYS)
        ).all()
    rows = [
        charts.Bar(
            label=view.say(f"stock.{state.value}"), value=found.cards.get(state.value, 0), colour=_COLOURS[state]
        )
        for state in StockState
    ]
    title = view.say("stock.chart")
    context = {
        "books": found,
        "rows": [(state, found.cards.get(state.value, 0)) for state in StockState],
        "chart": charts.bars(title, rows),
        "whole": charts.stack(title, [row for row in rows if row.value > 0]),
        "places": places,
        "desks": desks,
        "district": district,
        "desk": desk,
        "days": days,
        "blank": {state.value for state in BLANK},
        "query": f"district={district}&desk={desk}",
        "is_today": found.day == view.today,
    }
    return Page(template="stock.html", title="stock.title", context=context)


@site.page("/stock/cards", stock.cards)
def cards(view: View) -> Page:
    """The cards of a drawer in one state, by serial."""
    district, desk = _drawer(view)
    asked = view.asked("state", 20)
    state = StockState(asked) if asked in set(StockState) else StockState.RECEIVED
    after = view.asked("after")
    found = stock.cards(view.call, district, desk, state, after or None, LINES)
    context = {
        "lines": found.cards,
        "following": found.next,
        "after": after,
        "state": state,
        "states": list(StockState),
        "query": f"district={district}&desk={desk}",
        "more": f"district={district}&desk={desk}&state={state.value}",
    }
    return Page(template="stock_cards.html", title="stock.cards", context=context)


@site.page("/stock/cards/{serial}", stock.card)
def card(view: View, serial: str) -> Page:
    """One card: where it is, every line of the ledger about it, and what may be done with it."""
    found = stock.card(serial, view.call, Response())
    with view.call.store.read() as transaction:
        places = figures.districts(transaction, [found.district, *(line.district for line in found.movements)])
        people = figures.operators(transaction, (line.operator for line in found.movements))
    state = StockState(found.state)
    context = {
        "card": found,
        "places": places,
        "people": people,
        "spoilable": CARD_STOCK.row(state, StockEvent.SPOIL) is not None,
        "findable": CARD_STOCK.row(state, StockEvent.FIND) is not None,
        "here": view.call.actor.place.id,
        "desk": view.call.present.desk,
    }
    return Page(template="stock_card.html", title="stock.card", context=context)


@site.form("/stock/cards/{serial}/spoil", stock.spoil, back=card)
def spoil(view: View, serial: str) -> str:
    """Of no use any more."""
    stock.spoil(serial, SpoilIn(reason=view.text("reason")), view.call)
    return then(view, f"{PREFIX}/stock/cards/{serial}")


@site.form("/stock/cards/{serial}/return", stock.take_back, back=card)
def take_back(view: View, serial: str) -> str:
    """Found again: into the drawer of this desk, void as it is."""
    body = TakeBackIn(district=view.call.actor.place.id, desk=view.call.present.desk)
    stock.take_back(serial, body, view.call)
    return then(view, f"{PREFIX}/stock/cards/{serial}")


@site.page("/stock/receive", stock.receive)
def receiving(view: View) -> Page:
    """Blanks come in, by the serials on the delivery note."""
    return _moving(view, "receive")


@site.form("/stock/receive", stock.receive, back=receiving)
def receive(view: View) -> str:
    """All or none."""
    stock.receive(_batch(view), view.call)
    return _back(view)


@site.page("/stock/transfer", stock.transfer)
def transferring(view: View) -> Page:
    """Blanks go to another drawer."""
    return _moving(view, "transfer")


@site.form("/stock/transfer", stock.transfer, back=transferring)
def transfer(view: View) -> str:
    """All or none."""
    stock.transfer(_batch(view), view.call)
    return _back(view)


@site.page("/stock/destroy", stock.destroy)
def destroying(view: View) -> Page:
    """Void cards go through the shredder, before a witness."""
    district, desk = _drawer(view)
    with view.call.store.read() as transaction:
        void = transaction.scalars(
            select(Card)
            .where(
                Card.district_id == district,
                Card.desk == desk,
                Card.state.in_([StockState.SPOILED.value, StockState.RETURNED.value]),
            )
            .order_by(Card.serial)
            .limit(200)
        ).all()
        desks = _desks(transaction, district)
    context = {"void": void, "district": district, "desk": desk, "desks": desks}
    return Page(template="stock_destroy.html", title="stock.destroy", context=context)


@site.form("/stock/destroy", stock.destroy, back=destroying)
def destroy(view: View) -> str:
    """Those that were ticked."""
    stock.destroy(DestroyIn(serials=view.texts("serials"), witness=view.text("witness")), view.call)
    return then(view, f"{PREFIX}/stock")


@site.page("/stock/close", stock.close_day)
def closing(view: View) -> Page:
    """The blanks are counted by hand before the page says how many there should be."""
    district, desk = _drawer(view)
    found = stock.books(view.call, district, desk)
    context = {"books": found, "district": district, "desk": desk, "query": f"district={district}&desk={desk}"}
    return Page(template="stock_close.html", title="stock.close", context=context)


@site.form("/stock/close", stock.close_day, back=closing)
def close(view: View) -> str:
    """The day is closed for this drawer."""
    district, desk = _drawer(view)
    counted = view.number("counted")
    if counted is None:
        raise Problem(Reason.INVALID_VALUE, facts={"field": "counted"})
    stock.close_day(DayIn(district=district, desk=desk, counted=counted, note=view.text("note")), view.call)
    return _back(view)


def _moving(view: View, kind: str) -> Page:
    district, desk = _drawer(view)
    with view.call.store.read() as transaction:
        places = _places(transaction, view.call.actor.place)
    context = {"kind": kind, "places": places, "district": district, "desk": desk}
    return Page(template="stock_move.html", title=f"stock.{kind}", context=context)


def _batch(view: View) -> StockIn:
    """Serials as a scanner or a hand writes them: apart by whatever is no letter; or the first and how many."""
    serials = [part.lower() for part in re.split(r"[^0-9A-Za-z]+", view.text("serials")) if part]
    count = view.number("count")
    if count and len(serials) == 1 and _SERIAL.fullmatch(serials[0]) and count <= 1000:
        first = int(serials[0], 16)
        serials = [f"{first + number:020x}" for number in range(count)]
    return StockIn(
        district=view.number("district") or 0, desk=view.text("desk"), serials=serials, note=view.text("note")
    )


def _back(view: View) -> str:
    district, desk = _drawer(view)
    return f"{PREFIX}/stock?district={district}&desk={desk}&receipt={view.call.key}"


def _drawer(view: View) -> tuple[int, str]:
    """The drawer that the address or the form names; else that of the desk that is signed in."""
    desk = view.text("desk") if view.sent else view.asked("desk", 32)
    named = view.text("district") if view.sent else view.asked("district", 15)
    if named.isascii() and named.isdigit():
        return int(named), desk if re.fullmatch(r"[A-Za-z0-9._-]*", desk) else ""
    return view.call.actor.place.id, view.call.present.desk


def _places(transaction: Transaction, place: Place) -> list[tuple[int, str]]:
    return [
        (found.id, "　" * (found.level - place.level) + found.name)
        for found in queries.places(transaction)
        if place.covers(found.place)
    ]


def _desks(transaction: Transaction, district: int) -> list[str]:
    """The drawers of a place that ever had a card, by hops along the index, however many cards there are."""
    found: list[str] = []
    last: str | None = None
    while len(found) < 100:
        query = select(Card.desk).where(Card.district_id == district).order_by(Card.desk).limit(1)
        following = transaction.scalars(query if last is None else query.where(Card.desk > last)).first()
        if following is None:
            break
        found.append(following)
        last = following
    return found
