"""Putting a card out of use: the journal first, then the status list, then the card itself.

In this order a cut leaves a card that is void where it counts: no counter with a fresh list takes it, and whenever it
comes back to a desk it is terminated.
"""

from __future__ import annotations

from card_profiles.errors import CardMisbehaved
from card_profiles.model import LifeCycle

from .desk import Desk
from .errors import Refusal, Refused
from .journal import CardRecord, CardState, IntentKind
from .resume import CardView
from .writer import CardWriter


def present_card(desk: Desk, writer: CardWriter, *, reason: str, reader: str) -> CardRecord:
    """Void the card in the reader. One that proves not to know its keys is refused, and nothing changed."""
    intent = desk.journal.begin(IntentKind.VOID, permit_number="", reader=reader)
    try:
        card = writer.identify()
        desk.journal.identify(intent, card.serial)
        known = desk.journal.card(card.serial)
        if card.life_cycle is LifeCycle.TERMINATED:
            # It can prove nothing any more, so it voids no card in force: somebody may have made it up.
            if known is None or known.state is CardState.ACTIVATED:
                raise Refused(Refusal.CARD_TERMINATED, serial=card.serial.hex())
        else:
            _prove(writer, card, desk)
    except Exception:
        desk.journal.withdraw(intent)
        raise
    return terminate(desk, writer, card, intent=intent, reason=reason)


def absent_card(desk: Desk, serial: bytes, *, reason: str) -> CardRecord:
    """Void a card that does not come back. Raises Refused(CARD_NOT_IN_JOURNAL)."""
    if desk.journal.card(serial) is None:
        raise Refused(Refusal.CARD_NOT_IN_JOURNAL, serial=serial.hex())
    record = desk.journal.void(None, serial, reason=reason, profile_digest=desk.profile.digest())
    desk.publish_revocation(record)
    return _again(desk, serial)


def terminate(desk: Desk, writer: CardWriter, card: CardView, *, intent: int, reason: str) -> CardRecord:
    """Journal, status list, TERMINATE CARD USAGE. A card that refuses the last is void all the same."""
    record = desk.journal.void(intent, card.serial, reason=reason, profile_digest=desk.profile.digest())
    desk.publish_revocation(record)
    if card.life_cycle is not LifeCycle.TERMINATED:
        try:
            writer.open(desk.profile.permit)
            writer.terminate()
        except (CardMisbehaved, Refused):
            # Its keys contradict its state, or it is broken: what counts stands in the journal and in the list.
            pass
    return _again(desk, card.serial)


def _prove(writer: CardWriter, card: CardView, desk: Desk) -> None:
    try:
        writer.open(desk.profile.permit)
    except Refused as error:
        raise Refused(error.reason, serial=card.serial.hex()) from error
    except CardMisbehaved as error:
        raise Refused(Refusal.CARD_FAILED, step="open", error=error, serial=card.serial.hex()) from error


def _again(desk: Desk, serial: bytes) -> CardRecord:
    record = desk.journal.card(serial)
    assert record is not None
    return record
