"""The stock of cards: received, handed on, spoiled, destroyed; and the books of each drawer at the end of the day."""

from __future__ import annotations

import re
from collections.abc import Iterable
from hashlib import sha256

from ..domain.application_life import ApplicationEvent
from ..domain.card_stock import StockEvent, StockState
from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor
from ..store import ledger
from ..store.balance import IN_THE_DRAWER, balance, cards_there, closed_on, encode_closing
from ..store.ledger import Drawer
from ..store.models.stock import SERIAL, Card, StockDay
from ..store.unit import Receipt, Store, Unit
from . import lives

MAX_BATCH = 10_000
_SERIAL = re.compile(rf"[0-9a-f]{{{SERIAL}}}")


def receive_stock(
    store: Store,
    actor: Actor,
    *,
    district_id: int,
    serials: Iterable[str],
    desk: str = "",
    note: str = "",
    key: str | None = None,
) -> Receipt:
    """Enter blanks by the serials on the delivery note (20 hex digits each), all or none.

    Raises ActRefused: CARD_KNOWN when one was received before.
    """
    given = tuple(serials)

    def work(unit: Unit) -> Receipt:
        drawer = lives.drawer(unit, district_id, desk)
        _plausible(given)
        ledger.receive(unit, given, drawer, note=note)
        return _receipt(unit, Act.RECEIVE_STOCK, drawer, given, note=note)

    request = {"district": district_id, "desk": desk, "serials": given, "note": note}
    return store.perform(actor, Act.RECEIVE_STOCK, work, key=key, request=request)


def transfer_stock(
    store: Store,
    actor: Actor,
    *,
    serials: Iterable[str],
    district_id: int,
    desk: str = "",
    note: str = "",
    key: str | None = None,
) -> Receipt:
    """Hand blanks on to another drawer; both within reach."""
    given = tuple(serials)

    def work(unit: Unit) -> Receipt:
        drawer = lives.drawer(unit, district_id, desk)
        _plausible(given)
        for serial in given:
            card = _card(unit, serial)
            ledger.move(unit, card, StockEvent.TRANSFER, to=drawer, note=note)
        return _receipt(unit, Act.TRANSFER_STOCK, drawer, given, note=note)

    request = {"district": district_id, "desk": desk, "serials": given, "note": note}
    return store.perform(actor, Act.TRANSFER_STOCK, work, key=key, request=request)


def spoil(
    store: Store, actor: Actor, serial: str, *, reason: str, key: str | None = None, version: int | None = None
) -> Receipt:
    """A card that is not issued yet is of no use any more. What was written on it is INVALID; its application needs
    another blank."""

    def work(unit: Unit) -> Receipt:
        card = _card(unit, serial, version)
        ledger.move(unit, card, StockEvent.SPOIL, note=reason)
        card.reason = reason
        lives.back_to_approved(unit, card, ApplicationEvent.CARD_VOID)
        return _of_card(unit, Act.SPOIL, card, reason=reason)

    return store.perform(actor, Act.SPOIL, work, key=key, request={"serial": serial, "reason": reason})


def take_back(
    store: Store,
    actor: Actor,
    serial: str,
    *,
    district_id: int,
    desk: str = "",
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """A card that was written off as lost was found, and handed in. It stays void."""

    def work(unit: Unit) -> Receipt:
        drawer = lives.drawer(unit, district_id, desk)
        card = ledger.card(unit, serial)  # found wherever it was: no question of reach
        _same(card, version)
        ledger.move(unit, card, StockEvent.FIND, to=drawer)
        return _of_card(unit, Act.TAKE_BACK, card)

    request = {"serial": serial, "district": district_id, "desk": desk}
    return store.perform(actor, Act.TAKE_BACK, work, key=key, request=request)


def destroy(store: Store, actor: Actor, serials: Iterable[str], *, witness: str, key: str | None = None) -> Receipt:
    """Void cards go through the shredder, before a witness."""
    given = tuple(serials)

    def work(unit: Unit) -> Receipt:
        _plausible(given)
        if not witness.strip():
            raise refusal(Reason.INVALID_VALUE, field="witness")
        for serial in given:
            ledger.move(unit, _card(unit, serial), StockEvent.DESTROY, note=witness)
        drawer = Drawer(district_id=unit.actor.place.id)
        return _receipt(unit, Act.DESTROY, drawer, given, witness=witness)

    return store.perform(actor, Act.DESTROY, work, key=key, request={"serials": given, "witness": witness})


def end_of_day(
    store: Store,
    actor: Actor,
    *,
    district_id: int,
    counted: int,
    desk: str = "",
    note: str = "",
    key: str | None = None,
) -> Receipt:
    """Close a drawer for today. `counted` are the blanks that were counted in it, by hand.

    Raises ActRefused: CARDS_UNRESOLVED while a card is half written; STOCK_DIFFERS when books, cards and hand do not
    agree and no `note` says why; DAY_CLOSED.
    """

    def work(unit: Unit) -> Receipt:
        drawer = lives.drawer(unit, district_id, desk)
        unit.lock()  # nobody moves a card of this drawer until it is closed
        if closed_on(unit.transaction, drawer, unit.today) is not None:
            raise refusal(Reason.DAY_CLOSED, day=unit.today)
        books = balance(unit.transaction, drawer, until=unit.today)
        if books.unresolved:
            raise refusal(Reason.CARDS_UNRESOLVED, count=books.unresolved)
        there = cards_there(unit.transaction, drawer)
        wrong = {
            state.value: [books.cards.get(state, 0), there.get(state, 0)]
            for state in sorted(IN_THE_DRAWER - {StockState.RECEIVED})
            if books.cards.get(state, 0) != there.get(state, 0)
        }
        # Blanks whose serials nobody listed stand in the books alone.
        if not books.balanced or wrong or books.cards.get(StockState.RECEIVED, 0) < there.get(StockState.RECEIVED, 0):
            raise refusal(Reason.STOCK_DIFFERS, books="ledger", cards=wrong)
        difference = counted - books.remaining
        if difference and not note.strip():
            raise refusal(Reason.STOCK_DIFFERS, expected=books.remaining, counted=counted)
        unit.transaction.add(
            StockDay(
                district_id=drawer.district_id,
                desk=drawer.desk,
                day=unit.today,
                closing=encode_closing(books),
                received=books.received,
                counted=counted,
                difference=difference,
                note=note,
                closed_at=unit.now,
                closed_by=unit.actor.operator,
            )
        )
        figures = {
            "received": books.received,
            "remaining": books.remaining,
            "difference": difference,
            "cards": {state.value: count for state, count in sorted(books.cards.items()) if count},
        }
        unit.record(Act.END_OF_DAY, f"drawer:{district_id}/{desk}", day=unit.today, note=note, **figures)
        return Receipt(act=Act.END_OF_DAY, subject=f"drawer:{district_id}/{desk}", data=figures)

    request = {"district": district_id, "desk": desk, "counted": counted, "note": note}
    return store.perform(actor, Act.END_OF_DAY, work, key=key, request=request)


def _plausible(serials: tuple[str, ...]) -> None:
    if not 0 < len(serials) <= MAX_BATCH or len(set(serials)) != len(serials):
        raise refusal(Reason.INVALID_VALUE, field="serials", count=len(serials))
    if wrong := [serial for serial in serials if _SERIAL.fullmatch(serial) is None]:
        raise refusal(Reason.INVALID_VALUE, field="serials", value=wrong[0])


def _card(unit: Unit, serial: str, version: int | None = None) -> Card:
    found = ledger.card(unit, serial)
    unit.reach(lives.place_of(unit, found.district_id))
    _same(found, version)
    return found


def _same(card: Card, version: int | None) -> None:
    if version is not None and card.version != version:
        raise refusal(Reason.CHANGED_MEANWHILE, version=card.version)


def _receipt(unit: Unit, act: Act, drawer: Drawer, serials: tuple[str, ...], **more: str) -> Receipt:
    """The audit record holds how many there were and a digest of which; the ledger has a line for each."""
    subject = f"drawer:{drawer.district_id}/{drawer.desk}"
    digest = sha256("\n".join(serials).encode()).hexdigest()
    unit.record(act, subject, count=len(serials), serials=digest, **more)
    return Receipt(act=act, subject=subject, data={"count": len(serials)})


def _of_card(unit: Unit, act: Act, card: Card, **more: str) -> Receipt:
    unit.transaction.flush()
    unit.record(act, f"card:{card.serial}", state=card.state, permit=card.permit_number, **more)
    return Receipt(act=act, subject=f"card:{card.serial}", state=card.state, version=card.version, data=dict(more))
