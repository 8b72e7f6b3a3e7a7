"""Life cycles as tables: what may happen to a thing in a state, on what condition, and what follows.

A table is data. `transition` interprets it; the acts carry out the effects it names; the pictures and the pages about
life cycles are drawn from it. So nothing moves but by a row, and each row is written down once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType
from typing import Generic, TypeVar

from keys.status_list import Status

from .reasons import ActRefused, Reason, refusal

S = TypeVar("S", bound=StrEnum)
E = TypeVar("E", bound=StrEnum)
G = TypeVar("G", bound=StrEnum)
F = TypeVar("F")


class Effect(StrEnum):
    """What an act does beside the change of state."""

    TELL_CHECKLIST = "tell-checklist"  # everything that is missing, one time, in full
    ISSUE_SLIP = "issue-slip"
    START_DEADLINE = "start-deadline"  # 15 days
    EXTEND_DEADLINE = "extend-deadline"  # to 30 days
    END_DEADLINE = "end-deadline"
    OPEN_PERMIT = "open-permit"
    REOPEN_PRODUCTION = "reopen-production"  # the application needs another blank
    HAND_OVER_PERMIT = "hand-over-permit"
    EXTEND_ENDORSEMENT = "extend-endorsement"
    COUNT_YEARS = "count-years"
    UPDATE_CARD = "update-card"  # the card must be written anew to say what the database says
    RETIRE_CARD = "retire-card"  # the live card is void for good
    CLOSE_APPLICATION = "close-application"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row(Generic[S, E, G]):
    """In `state`, on `event`, if every guard agrees: to `next`, with `effects`; the card's status becomes `status`.

    `state` None stands for a thing that is not there yet. `status` None leaves the status list as it is.
    """

    state: S | None
    event: E
    guards: tuple[G, ...] = ()
    next: S
    effects: tuple[Effect, ...] = ()
    status: Status | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition(Generic[S]):
    """What is to be done."""

    state: S
    effects: tuple[Effect, ...]
    status: Status | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """Why nothing is to be done."""

    reason: Reason
    details: Mapping[str, object]

    def error(self) -> ActRefused:
        """The exception that says so."""
        return refusal(self.reason, **self.details)


Guarded = Callable[[F], Reason | None]
"""Looks at the facts; the reason why not, or None."""


class Table(Generic[S, E, G, F]):
    """The rows of one life cycle, and what its guards mean. Raises ValueError for a table that contradicts itself."""

    def __init__(
        self, name: str, rows: tuple[Row[S, E, G], ...], guards: Mapping[G, Guarded[F]], *, final: frozenset[S]
    ) -> None:
        self.name = name
        self.rows = rows
        self.guards = MappingProxyType(dict(guards))
        self.final = final
        by_key = {(row.state, row.event): row for row in rows}
        if len(by_key) != len(rows):
            raise ValueError(f"{name}: two rows for one state and event")
        if leaving := [row for row in rows if row.state in final]:
            raise ValueError(f"{name}: {leaving[0].state} is final")
        if unknown := {guard for row in rows for guard in row.guards} - guards.keys():
            raise ValueError(f"{name}: guards without a meaning: {sorted(unknown)}")
        self._by_key = by_key

    def row(self, state: S | None, event: E) -> Row[S, E, G] | None:
        """The row, if there is one."""
        return self._by_key.get((state, event))


def transition(table: Table[S, E, G, F], state: S | None, event: E, facts: F) -> Transition[S] | Denied:
    """What `event` does to a thing in `state`, given `facts`."""
    row = table.row(state, event)
    if row is None:
        return Denied(reason=Reason.WRONG_STATE, details={"table": table.name, "state": state or "-", "event": event})
    for guard in row.guards:
        reason = table.guards[guard](facts)
        if reason is not None:
            return Denied(reason=reason, details={"table": table.name, "state": state or "-", "event": event})
    return Transition(state=row.next, effects=row.effects, status=row.status)


def moved(table: Table[S, E, G, F], state: S | None, event: E, facts: F) -> Transition[S]:
    """`transition` for those who do it: raises ActRefused."""
    outcome = transition(table, state, event, facts)
    if isinstance(outcome, Denied):
        raise outcome.error()
    return outcome
