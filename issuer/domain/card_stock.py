"""The life of a card as an object: from the maker's box to the shredder, each step a line in the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from keys.status_list import Status

from .reasons import Reason
from .table import Effect, Row, Table


class StockState(StrEnum):
    """Where a card is. From PERSONALISING on it carries something; from SPOILED on it is void."""

    RECEIVED = "received"  # a blank in the drawer
    ALLOCATED = "allocated"  # laid out for one permit, nothing written
    PERSONALISING = "personalising"  # an intent to write stands in the journal
    PERSONALISED = "personalised"  # read back as a counter would; ACTIVATE may or may not be executed
    ACTIVATED = "activated"  # in force, in the drawer
    ISSUED = "issued"  # with its holder
    SPOILED = "spoiled"  # void before it was issued, in the drawer
    RETURNED = "returned"  # issued once, void, back in the drawer
    LOST = "lost"  # issued once, void, not coming back
    DESTROYED = "destroyed"


class StockEvent(StrEnum):
    """What happens to it."""

    RECEIVE = "receive"
    TRANSFER = "transfer"
    ALLOCATE = "allocate"
    RELEASE = "release"
    BIND = "bind"
    VERIFY = "verify"
    ACTIVATE = "activate"
    ISSUE = "issue"
    SPOIL = "spoil"
    RETURN = "return"
    LOSE = "lose"
    FIND = "find"
    DESTROY = "destroy"


class StockGuard(StrEnum):
    """Conditions."""

    SAME_PERMIT = "same-permit"


@dataclass(frozen=True, slots=True, kw_only=True)
class StockFacts:
    """What the guards look at; the defaults agree."""

    same_permit: bool = True  # the card is laid out for, or carries, the permit in question


_S, _E, _G = StockState, StockEvent, StockGuard
_VOID = (_S.SPOILED, _S.RETURNED, _S.LOST)

CARD_STOCK = Table[StockState, StockEvent, StockGuard, StockFacts](
    "card",
    (
        Row(state=None, event=_E.RECEIVE, next=_S.RECEIVED),
        Row(state=_S.RECEIVED, event=_E.TRANSFER, next=_S.RECEIVED),
        Row(state=_S.RECEIVED, event=_E.ALLOCATE, next=_S.ALLOCATED),
        Row(state=_S.ALLOCATED, event=_E.RELEASE, next=_S.RECEIVED, effects=(Effect.REOPEN_PRODUCTION,)),
        Row(
            state=_S.ALLOCATED,
            event=_E.BIND,
            guards=(_G.SAME_PERMIT,),
            next=_S.PERSONALISING,
            status=Status.VALID,
        ),
        *(
            Row(state=state, event=_E.BIND, guards=(_G.SAME_PERMIT,), next=_S.PERSONALISING)
            for state in (_S.PERSONALISING, _S.PERSONALISED)
        ),
        Row(state=_S.PERSONALISING, event=_E.VERIFY, next=_S.PERSONALISED),
        Row(state=_S.PERSONALISED, event=_E.VERIFY, next=_S.PERSONALISED),
        Row(state=_S.PERSONALISED, event=_E.ACTIVATE, next=_S.ACTIVATED),
        Row(state=_S.ACTIVATED, event=_E.ACTIVATE, next=_S.ACTIVATED),
        Row(state=_S.ACTIVATED, event=_E.ISSUE, next=_S.ISSUED),
        *(
            Row(
                state=state,
                event=_E.SPOIL,
                next=_S.SPOILED,
                effects=(Effect.REOPEN_PRODUCTION,),
                status=Status.INVALID,
            )
            for state in (_S.RECEIVED, _S.ALLOCATED, _S.PERSONALISING, _S.PERSONALISED, _S.ACTIVATED)
        ),
        Row(state=_S.ISSUED, event=_E.RETURN, next=_S.RETURNED, status=Status.INVALID),
        Row(state=_S.ISSUED, event=_E.LOSE, next=_S.LOST, status=Status.INVALID),
        Row(state=_S.LOST, event=_E.FIND, next=_S.RETURNED),
        Row(state=_S.SPOILED, event=_E.DESTROY, next=_S.DESTROYED),
        Row(state=_S.RETURNED, event=_E.DESTROY, next=_S.DESTROYED),
    ),
    {_G.SAME_PERMIT: lambda facts: None if facts.same_permit else Reason.CARD_TAKEN},
    final=frozenset({_S.DESTROYED}),
)
LIVE_CARD = frozenset({_S.ALLOCATED, _S.PERSONALISING, _S.PERSONALISED, _S.ACTIVATED, _S.ISSUED})
"""States of which a permit has at most one card."""
VOID_CARD = frozenset({*_VOID, _S.DESTROYED})
UNRESOLVED_CARD = frozenset({_S.PERSONALISING, _S.PERSONALISED})
BLANK = frozenset({_S.RECEIVED, _S.ALLOCATED})
"""What lies in the drawer at the end of the day and can be counted as blanks."""
