"""Between the journal's words and the rows of the service's database."""

from __future__ import annotations

from typing import NoReturn

from sqlalchemy import delete, or_, select
from sqlalchemy.orm import Session as Transaction

from keys.status_list import Status

from ..domain.card_stock import BLANK, LIVE_CARD, VOID_CARD, StockState
from ..domain.reasons import ActRefused, Reason
from ..domain.roles import Act
from ..errors import Refusal, Refused
from ..journal import CardRecord, CardState, EventKind, IntentKind
from ..store.models.permits import Permit
from ..store.models.stock import Card, PersonalisationEvent, PersonalisationIntent, StatusEntry
from ..store.unit import Unit

STATES = {
    StockState.PERSONALISING: CardState.WRITING,
    StockState.PERSONALISED: CardState.VERIFIED,
    StockState.ACTIVATED: CardState.ACTIVATED,
    StockState.ISSUED: CardState.ACTIVATED,
} | dict.fromkeys(VOID_CARD, CardState.VOID)
"""What the journal calls the states of the stock. A blank, allocated or not, it has not seen yet."""
UNKNOWN_TO_JOURNAL = sorted(state.value for state in BLANK)
LIVE = sorted(state.value for state in LIVE_CARD - BLANK)

ROW = (
    select(Card, StatusEntry)
    .outerjoin(StatusEntry, StatusEntry.serial == Card.serial)
    .where(Card.state.not_in(UNKNOWN_TO_JOURNAL))
)
INTENDED = {IntentKind.ISSUE: Act.PERSONALISE, IntentKind.ENDORSE: Act.ENDORSE, IntentKind.VOID: Act.CARD_VOIDED}
ANY_INTENT = Act.CARD_VOIDED  # what everybody may who may begin one
WRITABLE = (CardState.WRITING, CardState.VERIFIED)
_REFUSALS = {
    Reason.PERMIT_HAS_CARD: Refusal.PERMIT_HAS_CARD,
    Reason.CARD_TAKEN: Refusal.CARD_RESERVED,
    Reason.CARD_KNOWN: Refusal.CARD_RESERVED,
}


def translate(refused: ActRefused) -> NoReturn:
    reason = _REFUSALS.get(refused.reason)
    if reason is None:
        raise Refused(Refusal.JOURNAL_UNUSABLE, path="database", error=refused) from refused
    raise Refused(reason, serial="-", permit="-") from refused


def live_card(transaction: Transaction, permit_number: str) -> Card | None:
    return transaction.scalars(
        select(Card).where(Card.permit_number == permit_number, Card.state.in_(LIVE))
    ).one_or_none()


def require(card: Card, states: tuple[CardState, ...]) -> None:
    """The card is in one of the journal's states, or allocated where it may be written on."""
    state = STATES.get(StockState(card.state))
    if state in states or (state is None and states is WRITABLE):
        return
    reason = Refusal.CARD_VOID if state is CardState.VOID else Refusal.ALREADY_PERSONALISED
    raise Refused(reason, serial=card.serial, permit=card.permit_number or "", why=card.reason)


def enter_event(unit: Unit, kind: EventKind, card: Card, *, detail: str = "", count: int = 0) -> None:
    unit.transaction.add(
        PersonalisationEvent(
            at=unit.now,
            kind=kind.value,
            serial=card.serial,
            permit_number=card.permit_number or "",
            detail=detail,
            count=count,
        )
    )


def no_longer_due(unit: Unit, card: Card) -> None:
    """The card says what its permit says; unless it ends on another day."""
    permit = unit.transaction.scalars(select(Permit).where(Permit.number == card.permit_number)).one_or_none()
    if permit is not None:
        permit.card_due = permit.endorsed_until != card.endorsed_until


def end_intents(unit: Unit, intent: int | None, serial: str) -> None:
    unit.transaction.execute(
        delete(PersonalisationIntent).where(
            or_(PersonalisationIntent.number == intent, PersonalisationIntent.serial == serial)
        )
    )


def subject_of(card: Card) -> str:
    return f"card:{card.serial}"


def record_of(card: Card, entry: StatusEntry | None) -> CardRecord:
    return CardRecord(
        serial=bytes.fromhex(card.serial),
        state=STATES[StockState(card.state)],
        permit_number=card.permit_number or "",
        profile_digest=bytes.fromhex(card.profile_digest),
        status_uri=entry.uri if entry else "",
        status_index=entry.index if entry else -1,
        valid_from=card.valid_from,
        endorsed_until=card.endorsed_until,
        reason=card.reason,
        revocation_due=bool(entry and entry.status == Status.INVALID != entry.published),
        updated_at=card.updated_at,
    )
