"""The journal of personalisation in the issuing service's database: `issuer.journal.Journal`, run by one operator.

`issuer.personalise`, `endorse` and `void` run over it unchanged. Each method that changes anything is one act: the
card's row, the ledger of the stock, its status entry, the application it is for and the audit record go together.

With `allocated_only` (the service) a card is written on only if it was laid out for the permit. Without (one desk, no
applications) any blank is taken, from among those that were received without their serials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date

from sqlalchemy import Select, delete, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session as Transaction

from keys.status_list import Status

from ..domain.application_life import ApplicationEvent, ApplicationFacts, ApplicationState
from ..domain.card_stock import VOID_CARD, StockEvent, StockFacts, StockState
from ..domain.reasons import ActRefused
from ..domain.roles import Act, Actor
from ..errors import Refusal, Refused
from ..journal import (
    Allocate,
    Balance,
    Binding,
    CardRecord,
    CardState,
    Event,
    EventKind,
    Intent,
    IntentKind,
    SignedBy,
)
from ..store import balance as books
from ..store import ledger, status
from ..store.ledger import Drawer
from ..store.models.permits import Application
from ..store.models.stock import Card, PersonalisationEvent, PersonalisationIntent, StatusEntry
from ..store.unit import Receipt, Store, Unit
from . import lives
from .journal_rows import (
    ANY_INTENT,
    INTENDED,
    LIVE,
    ROW,
    STATES,
    UNKNOWN_TO_JOURNAL,
    WRITABLE,
    end_intents,
    enter_event,
    live_card,
    no_longer_due,
    record_of,
    require,
    subject_of,
    translate,
)


class StoreJournal:
    """The journal of one operator's work at one drawer. Raises Refused(JOURNAL_UNUSABLE) when the database fails."""

    def __init__(self, store: Store, actor: Actor, drawer: Drawer, *, allocated_only: bool = True) -> None:
        self._store = store
        self._actor = actor
        self._drawer = drawer
        self._allocated_only = allocated_only

    def close(self) -> None:
        """The store is its owner's to close."""

    # --- reading

    def card(self, serial: bytes) -> CardRecord | None:
        """The card, once the journal has seen it."""
        found = self._records(ROW.where(Card.serial == serial.hex()))
        return found[0] if found else None

    def live_card(self, permit_number: str) -> CardRecord | None:
        """The one card of the permit that is begun or in force."""
        found = self._records(ROW.where(Card.permit_number == permit_number, Card.state.in_(LIVE)))
        return found[0] if found else None

    def cards(self) -> tuple[CardRecord, ...]:
        """All of this drawer; the last changed first."""
        return self._records(
            ROW.where(Card.district_id == self._drawer.district_id, Card.desk == self._drawer.desk).order_by(
                Card.updated_at.desc(), Card.serial
            )
        )

    def revocations_due(self) -> tuple[CardRecord, ...]:
        """What the outbox has of cards that are void, of all drawers: `store.status` publishes it."""
        due = (StatusEntry.status == int(Status.INVALID), StatusEntry.published != int(Status.INVALID))
        return self._records(ROW.where(*due).order_by(Card.serial))

    def open_intents(self) -> tuple[Intent, ...]:
        """What this operator began and did not end."""
        with self._reading() as transaction:
            rows = transaction.scalars(
                select(PersonalisationIntent)
                .where(PersonalisationIntent.operator_id == self._actor.operator)
                .order_by(PersonalisationIntent.number)
            )
            return tuple(
                Intent(
                    number=row.number,
                    kind=IntentKind(row.kind),
                    permit_number=row.permit_number,
                    reader=row.reader,
                    serial=None if row.serial is None else bytes.fromhex(row.serial),
                    opened_at=row.opened_at,
                )
                for row in rows
            )

    def events(self, serial: bytes | None = None) -> tuple[Event, ...]:
        """The history, oldest first."""
        query = select(PersonalisationEvent).order_by(PersonalisationEvent.number)
        if serial is not None:
            query = query.where(PersonalisationEvent.serial == serial.hex())
        with self._reading() as transaction:
            return tuple(
                Event(
                    at=row.at,
                    kind=EventKind(row.kind),
                    serial=bytes.fromhex(row.serial),
                    permit_number=row.permit_number,
                    detail=row.detail,
                    count=row.count,
                )
                for row in transaction.scalars(query)
            )

    def balance(self) -> Balance:
        """The drawer's books, in the journal's words."""
        with self._reading() as transaction:
            found = books.balance(transaction, self._drawer)
        counts = dict.fromkeys(CardState, 0)
        for state, count in found.cards.items():
            if state in STATES:
                counts[STATES[state]] += count
        return Balance(
            received=found.received,
            activated=counts[CardState.ACTIVATED],
            void=counts[CardState.VOID],
            unresolved=found.unresolved,
        )

    # --- writing

    def begin(self, kind: IntentKind, *, permit_number: str, reader: str) -> int:
        """Record an intent; returns its number."""

        def work(unit: Unit) -> Receipt:
            intent = PersonalisationIntent(
                kind=kind.value,
                permit_number=permit_number,
                reader=reader,
                opened_at=unit.now,
                operator_id=unit.actor.operator,
            )
            unit.transaction.add(intent)
            unit.transaction.flush()
            return Receipt(act=INTENDED[kind], subject="intent", data={"number": intent.number})

        return int(self._perform(INTENDED[kind], work).data["number"])

    def identify(self, intent: int, serial: bytes) -> None:
        """Complete the intent with the serial of the card that answered."""

        def work(unit: Unit) -> Receipt:
            unit.transaction.get_one(PersonalisationIntent, intent).serial = serial.hex()
            return Receipt(act=ANY_INTENT, subject="intent")

        self._perform(ANY_INTENT, work)

    def withdraw(self, intent: int) -> None:
        """Forget an intent that changed nothing."""

        def work(unit: Unit) -> Receipt:
            unit.transaction.execute(delete(PersonalisationIntent).where(PersonalisationIntent.number == intent))
            return Receipt(act=ANY_INTENT, subject="intent")

        self._perform(ANY_INTENT, work)

    def bind(self, intent: int, serial: bytes, binding: Binding, allocate: Allocate) -> CardRecord:
        """Bind a card to a permit, or take up an unresolved binding again; see `Journal.bind`."""

        def work(unit: Unit) -> Receipt:
            live = live_card(unit.transaction, binding.permit_number)
            if live is not None and live.serial != serial.hex():
                unresolved = STATES[StockState(live.state)] is not CardState.ACTIVATED
                reason = Refusal.PERMIT_UNRESOLVED if unresolved else Refusal.PERMIT_HAS_CARD
                raise Refused(reason, permit=binding.permit_number, serial=live.serial)
            card = self._blank(unit, serial.hex(), binding.permit_number)
            fresh = StockState(card.state) is StockState.ALLOCATED
            require(card, WRITABLE)
            if card.permit_number != binding.permit_number:
                raise Refused(Refusal.CARD_RESERVED, serial=card.serial, permit=card.permit_number)
            ledger.move(unit, card, StockEvent.BIND, StockFacts(same_permit=True))
            status.give_place(unit, card.serial, allocate)
            card.profile_digest = binding.profile_digest.hex()
            card.valid_from, card.endorsed_until = binding.valid_from, binding.endorsed_until
            no_longer_due(unit, card)  # what is written now is what the permit says now
            detail = binding.profile_digest.hex()
            enter_event(unit, EventKind.BOUND if fresh else EventKind.RESUMED, card, detail=detail if fresh else "")
            unit.record(Act.CARD_BOUND, subject_of(card), permit=card.permit_number, profile=detail, resumed=not fresh)
            # Earlier attempts for this permit or with this card are taken up by this one.
            unit.transaction.execute(
                delete(PersonalisationIntent).where(
                    PersonalisationIntent.number != intent,
                    PersonalisationIntent.kind == IntentKind.ISSUE.value,
                    or_(
                        PersonalisationIntent.serial == card.serial,
                        PersonalisationIntent.permit_number == binding.permit_number,
                    ),
                )
            )
            return Receipt(act=Act.CARD_BOUND, subject=subject_of(card))

        self._perform(Act.CARD_BOUND, work)
        return self._known(serial)

    def signed(self, serial: bytes, signatures: Sequence[SignedBy]) -> None:
        """Note signatures before they are made."""

        def work(unit: Unit, card: Card) -> None:
            for one in signatures:
                enter_event(unit, EventKind.SIGNED, card, detail=str(one))
                unit.record(Act.CARD_SIGNED, subject_of(card), permit=card.permit_number, key=str(one))

        self._change(Act.CARD_SIGNED, serial, work)

    def putting_keys(self, serial: bytes, *, old: int, new: int) -> None:
        """Note a PUT KEY before it is sent."""
        versions = f"{old:02X} {new:02X}"

        def work(unit: Unit, card: Card) -> None:
            enter_event(unit, EventKind.KEYS_PUT, card, detail=versions)
            unit.record(Act.CARD_KEYS, subject_of(card), permit=card.permit_number, versions=versions)

        self._change(Act.CARD_KEYS, serial, work)

    def verified(self, serial: bytes) -> None:
        """The card was read back as a counter would, and everything agreed."""

        def work(unit: Unit, card: Card) -> None:
            require(card, (CardState.WRITING, CardState.VERIFIED))
            ledger.move(unit, card, StockEvent.VERIFY)
            enter_event(unit, EventKind.VERIFIED, card)
            unit.record(Act.CARD_VERIFIED, subject_of(card), permit=card.permit_number)

        self._change(Act.CARD_VERIFIED, serial, work)

    def activated(self, intent: int, serial: bytes) -> None:
        """The card is in force; its application is ready."""

        def work(unit: Unit, card: Card) -> None:
            require(card, (CardState.VERIFIED, CardState.ACTIVATED))
            if card.state != StockState.ISSUED:
                ledger.move(unit, card, StockEvent.ACTIVATE)
            enter_event(unit, EventKind.ACTIVATED, card)
            unit.record(Act.CARD_ACTIVATED, subject_of(card), permit=card.permit_number)
            waiting = None
            if card.application_id is not None:
                waiting = unit.transaction.get_one(Application, card.application_id)
            if waiting is not None and waiting.state == ApplicationState.IN_PRODUCTION:
                lives.move_application(unit, waiting, ApplicationEvent.CARD_READY, ApplicationFacts())
                waiting.ready_at = unit.now
            end_intents(unit, intent, card.serial)

        self._change(Act.CARD_ACTIVATED, serial, work)

    def endorsed(self, intent: int, serial: bytes, *, until: date, counter: int) -> None:
        """The other slot counts; `counter` is that of EF.Active. The permit is no longer ahead of its card."""

        def work(unit: Unit, card: Card) -> None:
            require(card, (CardState.ACTIVATED,))
            card.endorsed_until, card.updated_at = until, unit.now
            no_longer_due(unit, card)
            enter_event(unit, EventKind.ENDORSED, card, detail=until.isoformat(), count=counter)
            unit.record(
                Act.CARD_ENDORSED, subject_of(card), permit=card.permit_number, until=until.isoformat(), counter=counter
            )
            end_intents(unit, intent, card.serial)

        self._change(Act.CARD_ENDORSED, serial, work)

    def void(self, intent: int | None, serial: bytes, *, reason: str, profile_digest: bytes) -> CardRecord:
        """For good. Without an intent the card is not here: one that was issued is then lost. A card that is not in the
        stock is received and spoiled, so that the books know it."""

        def work(unit: Unit) -> Receipt:
            card = unit.transaction.get(Card, serial.hex()) or self._strange(unit, serial.hex())
            if StockState(card.state) not in VOID_CARD:
                event, to = StockEvent.SPOIL, None
                if card.state == StockState.ISSUED:
                    event, to = (StockEvent.LOSE, None) if intent is None else (StockEvent.RETURN, self._drawer)
                ledger.move(unit, card, event, to=to, note=reason)
                card.reason = reason
                card.profile_digest = card.profile_digest or profile_digest.hex()
                lives.back_to_approved(unit, card, ApplicationEvent.CARD_VOID)
                enter_event(unit, EventKind.VOIDED, card, detail=reason)
                unit.record(Act.CARD_VOIDED, subject_of(card), permit=card.permit_number, reason=reason)
            end_intents(unit, intent, card.serial)
            return Receipt(act=Act.CARD_VOIDED, subject=subject_of(card))

        self._perform(Act.CARD_VOIDED, work)
        return self._known(serial)

    def status_published(self, serial: bytes) -> None:
        """The status list says INVALID."""

        def work(unit: Unit, card: Card) -> None:
            entry = ledger.status_entry(unit.transaction, card.serial)
            if entry is not None and entry.status == Status.INVALID:
                entry.published = int(Status.INVALID)
            enter_event(unit, EventKind.STATUS_PUBLISHED, card)
            unit.record(Act.STATUS_PUBLISHED, subject_of(card), permit=card.permit_number)

        self._change(Act.CARD_VOIDED, serial, work)

    def receive(self, count: int, *, note: str) -> None:
        """`count` blanks came into the drawer without a list of their serials (negative: handed on)."""

        def work(unit: Unit) -> Receipt:
            ledger.receive_unlisted(unit, count, self._drawer, note=note)
            unit.transaction.add(
                PersonalisationEvent(
                    at=unit.now,
                    kind=EventKind.STOCK_RECEIVED.value,
                    serial="",
                    permit_number="",
                    detail=note,
                    count=count,
                )
            )
            subject = f"drawer:{self._drawer.district_id}/{self._drawer.desk}"
            unit.record(Act.RECEIVE_STOCK, subject, count=count, note=note)
            return Receipt(act=Act.RECEIVE_STOCK, subject=subject)

        self._perform(Act.RECEIVE_STOCK, work)

    # --- inside

    def _blank(self, unit: Unit, serial: str, permit_number: str) -> Card:
        """The card, laid out for the permit where that is not a step of its own."""
        card = unit.transaction.get(Card, serial)
        if card is None and not self._allocated_only:
            card = ledger.enter(unit, serial, self._drawer)
        if card is None or (self._allocated_only and card.state == StockState.RECEIVED):
            raise Refused(Refusal.CARD_NOT_IN_JOURNAL, serial=serial)
        if card.state == StockState.RECEIVED:
            ledger.move(unit, card, StockEvent.ALLOCATE)
            card.permit_number = permit_number
        return card

    def _strange(self, unit: Unit, serial: str) -> Card:
        if not self._allocated_only:
            return ledger.enter(unit, serial, self._drawer)
        ledger.receive(unit, (serial,), self._drawer, note="not on any list")
        return unit.transaction.get_one(Card, serial)

    def _change(self, act: Act, serial: bytes, change: Callable[[Unit, Card], None]) -> None:
        def work(unit: Unit) -> Receipt:
            card = unit.transaction.get(Card, serial.hex())
            if card is None or card.state in UNKNOWN_TO_JOURNAL:
                raise Refused(Refusal.CARD_NOT_IN_JOURNAL, serial=serial.hex())
            change(unit, card)
            return Receipt(act=act, subject=subject_of(card))

        self._perform(act, work)

    def _perform(self, act: Act, work: Callable[[Unit], Receipt]) -> Receipt:
        try:
            return self._store.perform(self._actor, act, work)
        except ActRefused as refused:
            translate(refused)
        except SQLAlchemyError as error:
            raise Refused(Refusal.JOURNAL_UNUSABLE, path="database", error=error) from error

    def _known(self, serial: bytes) -> CardRecord:
        found = self.card(serial)
        assert found is not None
        return found

    def _records(self, query: Select[Card, StatusEntry]) -> tuple[CardRecord, ...]:
        with self._reading() as transaction:
            return tuple(record_of(card, entry) for card, entry in transaction.execute(query))

    @contextmanager
    def _reading(self) -> Iterator[Transaction]:
        try:
            with self._store.read() as transaction:
                yield transaction
        except SQLAlchemyError as error:
            raise Refused(Refusal.JOURNAL_UNUSABLE, path="database", error=error) from error
