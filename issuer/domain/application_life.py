"""The life of an application: from the first visit to the card in the holder's hand."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from .reasons import Reason
from .table import Effect, Row, Table


class ApplicationKind(StrEnum):
    """What is applied for."""

    FIRST = "first"
    REPLACEMENT = "replacement"


class ApplicationState(StrEnum):
    """Where an application is."""

    REGISTERED = "registered"  # the person is known; the six months run
    APPLIED = "applied"  # what is missing was told, one time
    ACCEPTED = "accepted"  # complete; the slip is out, the deadline runs
    APPROVED = "approved"  # by a second officer; waits for a blank
    IN_PRODUCTION = "in-production"  # a blank is allocated
    READY = "ready"  # the card is in force and lies in the drawer
    HANDED_OVER = "handed-over"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


class ApplicationEvent(StrEnum):
    """What happens to it."""

    REGISTER = "register"
    REQUEST_REPLACEMENT = "request-replacement"
    APPLY = "apply"
    ACCEPT = "accept"
    EXTEND = "extend"
    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    ALLOCATE = "allocate"
    RELEASE = "release"
    CARD_READY = "card-ready"
    CARD_VOID = "card-void"
    HAND_OVER = "hand-over"
    PERMIT_ENDED = "permit-ended"


class ApplicationGuard(StrEnum):
    """Conditions."""

    COMPLETE = "complete"
    ELIGIBLE = "eligible"
    SECOND_OFFICER = "second-officer"
    NOT_EXTENDED = "not-extended"
    SLIP_SHOWN = "slip-shown"
    CARD_IN_HAND = "card-in-hand"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplicationFacts:
    """What the guards look at; the defaults agree."""

    missing: int = 0  # items still to be brought
    eligible: bool = True
    same_officer: bool = False  # who acts has registered or accepted it
    extended: bool = False
    slip_shown: bool = True
    card_activated: bool = True


_S, _E, _G = ApplicationState, ApplicationEvent, ApplicationGuard

APPLICATION = Table[ApplicationState, ApplicationEvent, ApplicationGuard, ApplicationFacts](
    "application",
    (
        Row(state=None, event=_E.REGISTER, next=_S.REGISTERED),
        # The file is complete and the person known: what a replacement lacks is the second officer.
        Row(
            state=None,
            event=_E.REQUEST_REPLACEMENT,
            next=_S.ACCEPTED,
            effects=(Effect.ISSUE_SLIP, Effect.START_DEADLINE),
        ),
        Row(state=_S.REGISTERED, event=_E.APPLY, next=_S.APPLIED, effects=(Effect.TELL_CHECKLIST,)),
        Row(state=_S.APPLIED, event=_E.APPLY, next=_S.APPLIED),
        Row(
            state=_S.APPLIED,
            event=_E.ACCEPT,
            guards=(_G.COMPLETE, _G.ELIGIBLE),
            next=_S.ACCEPTED,
            effects=(Effect.ISSUE_SLIP, Effect.START_DEADLINE),
        ),
        *(
            Row(
                state=state,
                event=_E.EXTEND,
                guards=(_G.NOT_EXTENDED,),
                next=state,
                effects=(Effect.EXTEND_DEADLINE,),
            )
            for state in (_S.ACCEPTED, _S.APPROVED, _S.IN_PRODUCTION)
        ),
        Row(
            state=_S.ACCEPTED,
            event=_E.APPROVE,
            guards=(_G.SECOND_OFFICER,),
            next=_S.APPROVED,
            effects=(Effect.OPEN_PERMIT,),
        ),
        Row(
            state=_S.ACCEPTED,
            event=_E.REJECT,
            guards=(_G.SECOND_OFFICER,),
            next=_S.REJECTED,
            effects=(Effect.END_DEADLINE,),
        ),
        *(
            Row(state=state, event=_E.WITHDRAW, next=_S.WITHDRAWN, effects=(Effect.END_DEADLINE,))
            for state in (_S.REGISTERED, _S.APPLIED, _S.ACCEPTED, _S.APPROVED)
        ),
        # What is left open when its permit ends has nothing to lead to.
        *(
            Row(state=state, event=_E.PERMIT_ENDED, next=_S.WITHDRAWN, effects=(Effect.END_DEADLINE,))
            for state in (_S.ACCEPTED, _S.APPROVED, _S.IN_PRODUCTION, _S.READY)
        ),
        Row(state=_S.APPROVED, event=_E.ALLOCATE, next=_S.IN_PRODUCTION),
        Row(state=_S.IN_PRODUCTION, event=_E.RELEASE, next=_S.APPROVED),
        Row(state=_S.IN_PRODUCTION, event=_E.CARD_VOID, next=_S.APPROVED),
        Row(state=_S.IN_PRODUCTION, event=_E.CARD_READY, next=_S.READY, effects=(Effect.END_DEADLINE,)),
        Row(state=_S.READY, event=_E.CARD_VOID, next=_S.APPROVED, effects=(Effect.START_DEADLINE,)),
        Row(
            state=_S.READY,
            event=_E.HAND_OVER,
            guards=(_G.SLIP_SHOWN, _G.CARD_IN_HAND),
            next=_S.HANDED_OVER,
            effects=(Effect.HAND_OVER_PERMIT,),
        ),
    ),
    {
        _G.COMPLETE: lambda facts: Reason.CHECKLIST_INCOMPLETE if facts.missing else None,
        _G.ELIGIBLE: lambda facts: None if facts.eligible else Reason.NOT_ELIGIBLE,
        _G.SECOND_OFFICER: lambda facts: Reason.FOUR_EYES if facts.same_officer else None,
        _G.NOT_EXTENDED: lambda facts: Reason.DEADLINE_AT_MAXIMUM if facts.extended else None,
        _G.SLIP_SHOWN: lambda facts: None if facts.slip_shown else Reason.WRONG_SLIP,
        _G.CARD_IN_HAND: lambda facts: None if facts.card_activated else Reason.NO_CARD,
    },
    final=frozenset({_S.HANDED_OVER, _S.REJECTED, _S.WITHDRAWN}),
)
OPEN_APPLICATION = frozenset(ApplicationState) - APPLICATION.final
DEADLINE_RUNS = frozenset({_S.ACCEPTED, _S.APPROVED, _S.IN_PRODUCTION})
