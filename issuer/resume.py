"""What to do with the card in the reader: the decision, as a table over what the card says and what the journal knows.

The card says its life cycle (FCP of SELECT, tag 8A) and the version of its keys (INITIALIZE UPDATE); the journal knows
whether this serial was begun, for which permit, and how far. Nothing here talks to either.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from card_profiles.model import CardProfile, LifeCycle

from .card_keys import is_authority_version
from .errors import Refusal
from .journal import CardRecord, CardState


class Decision(StrEnum):
    """How an `issue` goes on."""

    FRESH = "fresh"  # a blank: bind it and write
    RESUME = "resume"  # begun for this permit: write on, from the start of what is idempotent
    ALREADY_DONE = "already-done"  # ACTIVATE was executed: what lacks is the journal's last line
    VOID = "void"  # this card can never be this permit's: end it, for the reason given
    FOREIGN = "foreign"  # leave the card alone, for the reason given


@dataclass(frozen=True, slots=True, kw_only=True)
class CardView:
    """What a card says of itself without being asked for keys. `serial` is 10 bytes."""

    serial: bytes
    key_version: int
    life_cycle: LifeCycle


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The decision; `refusal` says why for FOREIGN, `spoiled` for VOID (a code that the journal keeps)."""

    decision: Decision
    refusal: Refusal | None = None
    spoiled: Spoiled | None = None


class Spoiled(StrEnum):
    """Why a card is put out of use by the issuer itself; people give their own reasons beside these."""

    VOID_IN_JOURNAL = "void-in-journal"  # voided while it was away; now that it is here, it is terminated too
    ACTIVATED_UNVERIFIED = "activated-unverified"  # in force without having been read back
    TERMINATED = "terminated"  # ends itself, or somebody else did it
    CONTRADICTORY_KEYS = "contradictory-keys"  # life cycle and key version do not go together
    READ_BACK_FAILED = "read-back-failed"
    CARD_DEFECTIVE = "card-defective"


def decide(card: CardView, known: CardRecord | None, permit_number: str, profile: CardProfile) -> Outcome:
    """Whether `card`, of which the journal has the row `known`, may become or is the card of `permit_number`.

    Whether the permit has another live card is the journal's own check, in the transaction that binds.
    """
    transport = card.key_version == profile.scp03.transport_key_version
    own = is_authority_version(card.key_version, profile.scp03)
    if known is None:
        return _unknown(card, transport=transport, own=own)
    if known.state is CardState.VOID:
        if card.life_cycle is LifeCycle.TERMINATED:
            return _foreign(Refusal.CARD_VOID)
        return _void(Spoiled.VOID_IN_JOURNAL)
    if known.permit_number != permit_number:
        return _foreign(Refusal.CARD_RESERVED if known.unresolved else Refusal.ALREADY_PERSONALISED)
    if card.life_cycle is LifeCycle.TERMINATED:
        return _void(Spoiled.TERMINATED)
    if known.state is CardState.ACTIVATED:
        if card.life_cycle is LifeCycle.ACTIVATED:
            return _foreign(Refusal.ALREADY_DONE)
        return _foreign(Refusal.DUPLICATE_SERIAL)  # no card goes back to blank: this is another one
    if card.life_cycle is LifeCycle.ACTIVATED:
        if known.state is CardState.VERIFIED:
            return Outcome(decision=Decision.ALREADY_DONE)
        return _void(Spoiled.ACTIVATED_UNVERIFIED)
    if (card.life_cycle is LifeCycle.BLANK and transport) or (card.life_cycle is LifeCycle.PERSONALISING and own):
        return Outcome(decision=Decision.RESUME)
    return _void(Spoiled.CONTRADICTORY_KEYS)


def _unknown(card: CardView, *, transport: bool, own: bool) -> Outcome:
    """A card that the journal has never seen."""
    match card.life_cycle:
        case LifeCycle.BLANK:
            return Outcome(decision=Decision.FRESH) if transport else _foreign(Refusal.FOREIGN_KEYS)
        case LifeCycle.PERSONALISING:
            return _foreign(Refusal.UNKNOWN_CARD if own else Refusal.FOREIGN_KEYS)
        case LifeCycle.ACTIVATED:
            return _foreign(Refusal.ALREADY_PERSONALISED)
        case LifeCycle.TERMINATED:
            return _foreign(Refusal.CARD_TERMINATED)


def _foreign(refusal: Refusal) -> Outcome:
    return Outcome(decision=Decision.FOREIGN, refusal=refusal)


def _void(spoiled: Spoiled) -> Outcome:
    return Outcome(decision=Decision.VOID, spoiled=spoiled)
