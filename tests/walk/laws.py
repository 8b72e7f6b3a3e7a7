"""What must hold after any walk, whatever died in it: read from the database and from the cards themselves."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from sqlalchemy import Engine, select
from sqlalchemy.orm import Session as Transaction

from card_profiles.model import LifeCycle
from card_profiles.softcard.image import CardState, decode_state
from issuer.audit import log
from issuer.domain.application_life import OPEN_APPLICATION
from issuer.domain.card_stock import LIVE_CARD, VOID_CARD, StockState
from issuer.domain.permit_life import LIVE_PERMIT, PermitState
from issuer.service.authority_keys import audit_keys
from issuer.store.balance import balance
from issuer.store.ledger import Drawer
from issuer.store.models.permits import Application, Permit
from issuer.store.models.stock import Card, CardMovement, PersonalisationEvent, PersonalisationIntent, StatusEntry
from keys.status_list import Status

IN_FORCE = frozenset({StockState.ACTIVATED, StockState.ISSUED})


def at_any_moment(engine: Engine, blanks: frozenset[str]) -> None:
    """Also while something is half done: one live card for a permit, every blank somewhere, none in force INVALID."""
    with Transaction(engine) as transaction:
        cards = transaction.scalars(select(Card)).all()
        entries = {entry.serial: entry for entry in transaction.scalars(select(StatusEntry))}
        live = Counter(card.permit_number for card in cards if StockState(card.state) in LIVE_CARD)
        assert max(live.values(), default=0) <= 1, live
        open_ones = transaction.scalars(
            select(Application.holder_id).where(Application.state.in_([state.value for state in OPEN_APPLICATION]))
        ).all()
        assert len(set(open_ones)) == len(open_ones), "a person with two open applications"
        assert {card.serial for card in cards} == blanks, "blanks that nobody received, or that are gone"
        _books(transaction, cards, len(blanks))
        for card in cards:
            entry = entries.get(card.serial)
            if StockState(card.state) in VOID_CARD and entry is not None:
                assert entry.status == Status.INVALID, f"{card.serial} is void and not INVALID"
            if StockState(card.state) in IN_FORCE:
                assert entry is not None, f"{card.serial} is in force without a status"
                assert entry.status != Status.INVALID, f"{card.serial} is in force and INVALID"


def _books(transaction: Transaction, cards: list[Card], count: int) -> None:
    drawers = {(card.district_id, card.desk) for card in cards}
    drawers |= {
        (row.to_district_id, row.to_desk)
        for row in transaction.execute(select(CardMovement.to_district_id, CardMovement.to_desk).distinct())
    }
    told: Counter[StockState] = Counter()
    for district, desk in drawers:
        books = balance(transaction, Drawer(district_id=district, desk=desk))
        assert books.balanced, f"the books of {district}/{desk}: {books}"
        told.update({state: number for state, number in books.cards.items() if number})
    assert told == Counter(StockState(card.state) for card in cards), "ledger and cards disagree"
    came = transaction.scalars(select(CardMovement.quantity).where(CardMovement.from_state.is_(None))).all()
    assert sum(came) == count, "deliveries"


def at_the_end(engine: Engine, home: Path, images: dict[str, Path], acknowledged: Counter[str]) -> Counter[str]:
    """When everything was retried: the cards themselves say what the register says, and every act that was
    acknowledged stands in a chain that verifies, once. Returns what became of permits and cards."""
    with Transaction(engine) as transaction:
        log.verify(transaction, audit_keys(home))
        told = Counter(record.act for record in log.records(transaction))
        for act, count in acknowledged.items():
            assert told[act] == count, f"{act}: {count} acknowledged, {told[act]} in the chain"
        permits = {permit.number: permit for permit in transaction.scalars(select(Permit))}
        cards = {card.serial: card for card in transaction.scalars(select(Card))}
        activations = Counter(
            transaction.scalars(select(PersonalisationEvent.serial).where(PersonalisationEvent.kind == "activated"))
        )
        intents = transaction.scalars(select(PersonalisationIntent)).all()
        in_force: Counter[str] = Counter()
        for serial, path in images.items():
            if serial not in cards:
                continue
            card, chip = cards[serial], decode_state(path.read_bytes())
            _agree(card, chip)
            if chip.life_cycle is LifeCycle.ACTIVATED and StockState(card.state) not in VOID_CARD:
                in_force[card.permit_number or ""] += 1
            if StockState(card.state) in IN_FORCE:
                assert activations[serial] == 1, f"{serial} was activated {activations[serial]} times"
                assert serial not in {intent.serial for intent in intents}, f"{serial}: an intent was left"
                permit = permits[card.permit_number or ""]
                live = {*LIVE_PERMIT, PermitState.PENDING}
                assert PermitState(permit.state) in live, f"{serial} outlives its permit"
        assert max(in_force.values(), default=0) <= 1, in_force
        return Counter(f"permit {permit.state}" for permit in permits.values()) + Counter(
            f"card {card.state}" for card in cards.values()
        )


def _agree(card: Card, chip: CardState) -> None:
    state, physical = StockState(card.state), chip.life_cycle
    if state in IN_FORCE:
        assert physical is LifeCycle.ACTIVATED, f"{card.serial} is {state} and the chip {physical.name}"
    if state in (StockState.RECEIVED, StockState.ALLOCATED):
        assert physical is LifeCycle.BLANK, f"{card.serial} is {state} and the chip {physical.name}"
