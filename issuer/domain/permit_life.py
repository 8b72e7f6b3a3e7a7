"""The life of a permit, and what it means to a counter.

That an endorsement was missed is no state: nobody does it, the calendar does. `standing` derives it, and the card says
it by itself, because what is signed on it ends on that day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from keys.status_list import Status

from .calendar import DECREE_663, Endorsement, YearsRule, endorsement
from .reasons import Reason
from .table import Effect, Row, Table


class PermitState(StrEnum):
    """What people decided about it."""

    PENDING = "pending"  # approved, not yet handed over
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    TERMINATED = "terminated"


class Suspension(StrEnum):
    """Why it is suspended."""

    LOST = "lost"  # reported by the holder, by phone or at a desk
    ORDER = "order"  # an officer's decision


class PermitEvent(StrEnum):
    """What happens to it."""

    APPROVE = "approve"
    HAND_OVER = "hand-over"
    ENDORSE = "endorse"
    CHANGE_ENTITLEMENTS = "change-entitlements"
    CHANGE_ADDRESS = "change-address"
    MOVE_DISTRICT = "move-district"
    REPORT_LOST = "report-lost"
    SUSPEND = "suspend"
    RESTORE = "restore"
    REPLACE = "replace"
    REVOKE = "revoke"
    TERMINATE = "terminate"


class PermitGuard(StrEnum):
    """Conditions."""

    WINDOW_OPEN = "window-open"
    NOT_TOO_LATE = "not-too-late"
    NOT_EXPIRED = "not-expired"
    IN_PERSON = "in-person"
    LOSS_ONLY = "loss-only"
    APPROVED_BY_ORDER = "approved-by-order"
    OLD_CARD_BACK_OR_LOST = "old-card-back-or-lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class PermitFacts:
    """What the guards look at; the defaults agree."""

    endorsement: Endorsement = Endorsement.OPEN
    expired: bool = False
    in_person: bool = True
    suspension: Suspension | None = None
    may_lift_order: bool = False  # who acts may have ordered it
    old_card_back: bool = True
    old_card_lost: bool = False


_S, _E, _G = PermitState, PermitEvent, PermitGuard
_LIVE = (_S.ACTIVE, _S.SUSPENDED)

PERMIT = Table[PermitState, PermitEvent, PermitGuard, PermitFacts](
    "permit",
    (
        Row(state=None, event=_E.APPROVE, next=_S.PENDING),
        Row(state=_S.PENDING, event=_E.HAND_OVER, next=_S.ACTIVE, status=Status.VALID),
        # A replacement, handed over: of a card that was damaged, or lost; not around an officer's order.
        Row(state=_S.ACTIVE, event=_E.HAND_OVER, next=_S.ACTIVE, status=Status.VALID),
        Row(
            state=_S.SUSPENDED,
            event=_E.HAND_OVER,
            guards=(_G.LOSS_ONLY,),
            next=_S.ACTIVE,
            status=Status.VALID,
        ),
        Row(
            state=_S.ACTIVE,
            event=_E.ENDORSE,
            guards=(_G.IN_PERSON, _G.NOT_EXPIRED, _G.NOT_TOO_LATE, _G.WINDOW_OPEN),
            next=_S.ACTIVE,
            effects=(Effect.EXTEND_ENDORSEMENT, Effect.COUNT_YEARS, Effect.UPDATE_CARD),
        ),
        # The card is lost, the permit is not: without this its replacement could be late for its own endorsement.
        Row(
            state=_S.SUSPENDED,
            event=_E.ENDORSE,
            guards=(_G.IN_PERSON, _G.LOSS_ONLY, _G.NOT_EXPIRED, _G.NOT_TOO_LATE, _G.WINDOW_OPEN),
            next=_S.SUSPENDED,
            effects=(Effect.EXTEND_ENDORSEMENT, Effect.COUNT_YEARS, Effect.UPDATE_CARD),
        ),
        Row(
            state=_S.ACTIVE,
            event=_E.CHANGE_ENTITLEMENTS,
            guards=(_G.NOT_EXPIRED,),
            next=_S.ACTIVE,
            effects=(Effect.UPDATE_CARD,),
        ),
        # The household offices' file on the card holds the address: no new card, but this one written anew.
        *(
            Row(state=state, event=_E.CHANGE_ADDRESS, next=state, effects=(Effect.UPDATE_CARD,))
            for state in (_S.PENDING, *_LIVE)
        ),
        *(Row(state=state, event=_E.MOVE_DISTRICT, next=state) for state in (_S.PENDING, *_LIVE)),
        # By phone: nobody shows a face, so it only ever takes away. Again is no mistake.
        *(Row(state=state, event=_E.REPORT_LOST, next=_S.SUSPENDED, status=Status.SUSPENDED) for state in _LIVE),
        # An order holds over a report of loss too, or a replacement would be the way around it.
        *(Row(state=state, event=_E.SUSPEND, next=_S.SUSPENDED, status=Status.SUSPENDED) for state in _LIVE),
        Row(
            state=_S.SUSPENDED,
            event=_E.RESTORE,
            guards=(_G.IN_PERSON, _G.APPROVED_BY_ORDER),
            next=_S.ACTIVE,
            status=Status.VALID,
        ),
        *(
            Row(
                state=state,
                event=_E.REPLACE,
                guards=(_G.IN_PERSON, _G.NOT_EXPIRED, _G.LOSS_ONLY, _G.OLD_CARD_BACK_OR_LOST),
                next=state,
                effects=(Effect.RETIRE_CARD,),
                status=Status.INVALID,
            )
            for state in _LIVE
        ),
        *(
            Row(
                state=state,
                event=_E.REVOKE,
                next=_S.REVOKED,
                effects=(Effect.RETIRE_CARD, Effect.CLOSE_APPLICATION),
                status=Status.INVALID,
            )
            for state in _LIVE
        ),
        *(
            Row(
                state=state,
                event=_E.TERMINATE,
                next=_S.TERMINATED,
                effects=(Effect.RETIRE_CARD, Effect.CLOSE_APPLICATION),
                status=Status.INVALID,
            )
            for state in (_S.PENDING, *_LIVE)
        ),
    ),
    {
        _G.WINDOW_OPEN: lambda facts: Reason.TOO_EARLY if facts.endorsement is Endorsement.TOO_EARLY else None,
        _G.NOT_TOO_LATE: lambda facts: Reason.RE_REGISTER if facts.endorsement is Endorsement.RE_REGISTER else None,
        _G.NOT_EXPIRED: lambda facts: Reason.EXPIRED if facts.expired else None,
        _G.IN_PERSON: lambda facts: None if facts.in_person else Reason.IN_PERSON_ONLY,
        _G.LOSS_ONLY: lambda facts: Reason.BY_ORDER if facts.suspension is Suspension.ORDER else None,
        _G.APPROVED_BY_ORDER: lambda facts: (
            Reason.BY_ORDER if facts.suspension is Suspension.ORDER and not facts.may_lift_order else None
        ),
        _G.OLD_CARD_BACK_OR_LOST: lambda facts: (
            None if facts.old_card_back or facts.old_card_lost else Reason.OLD_CARD_MISSING
        ),
    },
    final=frozenset({_S.REVOKED, _S.TERMINATED}),
)
LIVE_PERMIT = frozenset({_S.PENDING, *_LIVE})


class Ending(StrEnum):
    """Why a permit is terminated (`lifecycle.yaml`)."""

    NO_LONGER_ELIGIBLE = "no-longer-eligible"
    LOCAL_REGISTRATION = "local-registration"
    DEATH = "death"
    FALSE_MATERIAL = "false-material"


class Standing(StrEnum):
    """What a permit is worth today."""

    PENDING = "pending"
    IN_FORCE = "in-force"
    ENDORSEMENT_MISSED = "endorsement-missed"
    EXPIRED = "expired"
    LOST = "lost"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    TERMINATED = "terminated"


def standing(
    state: PermitState,
    *,
    endorsed_until: date | None,
    expires: date | None,
    today: date,
    suspension: Suspension | None = None,
    rule: YearsRule = DECREE_663,
) -> Standing:
    """What the state and the calendar make of it together."""
    if state is PermitState.SUSPENDED:
        return Standing.LOST if suspension is Suspension.LOST else Standing.SUSPENDED
    if state is not PermitState.ACTIVE:
        return Standing(state.value)
    if expires is not None and today > expires:
        return Standing.EXPIRED
    if endorsed_until is None or endorsement(until=endorsed_until, today=today, rule=rule) in (
        Endorsement.LATE,
        Endorsement.RE_REGISTER,
    ):
        return Standing.ENDORSEMENT_MISSED
    return Standing.IN_FORCE
