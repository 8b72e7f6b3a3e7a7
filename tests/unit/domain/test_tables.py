"""The life cycles as tables: closed, reachable, and with the consequences that the law wants."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from issuer.domain.application_life import (
    APPLICATION,
    ApplicationEvent,
    ApplicationFacts,
    ApplicationGuard,
    ApplicationState,
)
from issuer.domain.calendar import Endorsement
from issuer.domain.card_stock import CARD_STOCK, LIVE_CARD, VOID_CARD, StockEvent, StockFacts, StockState
from issuer.domain.permit_life import (
    PERMIT,
    PermitEvent,
    PermitFacts,
    PermitGuard,
    PermitState,
    Suspension,
)
from issuer.domain.reasons import KIND_OF, ActRefused, Conflict, Kind, Reason, refusal
from issuer.domain.roles import PERMISSIONS, Act, Role
from issuer.domain.table import Denied, Effect, Row, Table, Transition, moved, transition
from keys.status_list import Status

TABLES: list[tuple[Table[Any, Any, Any, Any], type, type]] = [
    (APPLICATION, ApplicationState, ApplicationEvent),
    (PERMIT, PermitState, PermitEvent),
    (CARD_STOCK, StockState, StockEvent),
]


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_every_state_is_reached_and_every_event_happens(table: Any, states: Any, events: Any) -> None:
    reached: set[Any] = {None}
    while fresh := {row.next for row in table.rows if row.state in reached} - reached:
        reached |= fresh
    assert reached == {None, *states}
    assert {row.event for row in table.rows} == set(events)
    assert {row.state for row in table.rows} | table.final >= set(states)  # no state without a way on but the final


@pytest.mark.parametrize(("table", "states", "events"), TABLES)
def test_what_has_no_row_is_a_conflict(table: Any, states: Any, events: Any) -> None:
    allowed = {(row.state, row.event) for row in table.rows}
    for state in (None, *states):
        for event in events:
            if (state, event) not in allowed:
                with pytest.raises(Conflict) as refused:
                    moved(table, state, event, None)
                assert refused.value.reason is Reason.WRONG_STATE


def test_invalid_is_for_good() -> None:
    """No way leads from a row that makes a card INVALID to one that makes the same card anything else."""
    after: set[StockState] = {row.next for row in CARD_STOCK.rows if row.status is Status.INVALID}
    while fresh := {row.next for row in CARD_STOCK.rows if row.state in after} - after:
        after |= fresh
    assert after == VOID_CARD
    assert not [row for row in CARD_STOCK.rows if row.state in after and row.status not in (None, Status.INVALID)]
    assert not after & LIVE_CARD
    retired = {row.next for row in PERMIT.rows if Effect.RETIRE_CARD in row.effects}
    assert all(row.status is Status.INVALID for row in PERMIT.rows if Effect.RETIRE_CARD in row.effects)
    assert retired >= PERMIT.final


def test_only_a_visit_gives_back() -> None:
    """Whatever makes a suspended permit valid again needs the person, or a card handed over against a slip."""
    for row in PERMIT.rows:
        if row.state is PermitState.SUSPENDED and row.next is PermitState.ACTIVE:
            assert row.event is PermitEvent.HAND_OVER or PermitGuard.IN_PERSON in row.guards
        if row.event is PermitEvent.REPORT_LOST:
            assert not row.guards
            assert row.status is Status.SUSPENDED


PERMIT_CASES: list[tuple[PermitState, PermitEvent, PermitFacts, Reason | PermitState]] = [
    (PermitState.ACTIVE, PermitEvent.ENDORSE, PermitFacts(), PermitState.ACTIVE),
    (PermitState.ACTIVE, PermitEvent.ENDORSE, PermitFacts(endorsement=Endorsement.LATE), PermitState.ACTIVE),
    (PermitState.ACTIVE, PermitEvent.ENDORSE, PermitFacts(endorsement=Endorsement.TOO_EARLY), Reason.TOO_EARLY),
    (PermitState.ACTIVE, PermitEvent.ENDORSE, PermitFacts(endorsement=Endorsement.RE_REGISTER), Reason.RE_REGISTER),
    (PermitState.ACTIVE, PermitEvent.ENDORSE, PermitFacts(in_person=False), Reason.IN_PERSON_ONLY),
    (PermitState.ACTIVE, PermitEvent.ENDORSE, PermitFacts(expired=True), Reason.EXPIRED),
    (PermitState.SUSPENDED, PermitEvent.ENDORSE, PermitFacts(suspension=Suspension.ORDER), Reason.BY_ORDER),
    (PermitState.SUSPENDED, PermitEvent.ENDORSE, PermitFacts(suspension=Suspension.LOST), PermitState.SUSPENDED),
    (PermitState.PENDING, PermitEvent.ENDORSE, PermitFacts(), Reason.WRONG_STATE),
    (PermitState.ACTIVE, PermitEvent.REPORT_LOST, PermitFacts(in_person=False), PermitState.SUSPENDED),
    (PermitState.SUSPENDED, PermitEvent.RESTORE, PermitFacts(in_person=False), Reason.IN_PERSON_ONLY),
    (PermitState.SUSPENDED, PermitEvent.RESTORE, PermitFacts(suspension=Suspension.LOST), PermitState.ACTIVE),
    (PermitState.SUSPENDED, PermitEvent.RESTORE, PermitFacts(suspension=Suspension.ORDER), Reason.BY_ORDER),
    (
        PermitState.SUSPENDED,
        PermitEvent.RESTORE,
        PermitFacts(suspension=Suspension.ORDER, may_lift_order=True),
        PermitState.ACTIVE,
    ),
    (PermitState.SUSPENDED, PermitEvent.REPLACE, PermitFacts(suspension=Suspension.ORDER), Reason.BY_ORDER),
    (PermitState.SUSPENDED, PermitEvent.HAND_OVER, PermitFacts(suspension=Suspension.ORDER), Reason.BY_ORDER),
    (PermitState.SUSPENDED, PermitEvent.SUSPEND, PermitFacts(suspension=Suspension.LOST), PermitState.SUSPENDED),
    (PermitState.ACTIVE, PermitEvent.REPLACE, PermitFacts(old_card_back=False), Reason.OLD_CARD_MISSING),
    (PermitState.ACTIVE, PermitEvent.REPLACE, PermitFacts(old_card_back=False, old_card_lost=True), PermitState.ACTIVE),
    (PermitState.REVOKED, PermitEvent.RESTORE, PermitFacts(), Reason.WRONG_STATE),
    (PermitState.TERMINATED, PermitEvent.HAND_OVER, PermitFacts(), Reason.WRONG_STATE),
]


@pytest.mark.parametrize(("state", "event", "facts", "expected"), PERMIT_CASES)
def test_permit_guards(
    state: PermitState, event: PermitEvent, facts: PermitFacts, expected: Reason | PermitState
) -> None:
    outcome = transition(PERMIT, state, event, facts)
    assert (outcome.reason if isinstance(outcome, Denied) else outcome.state) is expected


APPLICATION_CASES: list[tuple[ApplicationState, ApplicationEvent, ApplicationFacts, Reason]] = [
    (ApplicationState.APPLIED, ApplicationEvent.ACCEPT, ApplicationFacts(missing=1), Reason.CHECKLIST_INCOMPLETE),
    (ApplicationState.APPLIED, ApplicationEvent.ACCEPT, ApplicationFacts(eligible=False), Reason.NOT_ELIGIBLE),
    (ApplicationState.ACCEPTED, ApplicationEvent.APPROVE, ApplicationFacts(same_officer=True), Reason.FOUR_EYES),
    (ApplicationState.ACCEPTED, ApplicationEvent.REJECT, ApplicationFacts(same_officer=True), Reason.FOUR_EYES),
    (ApplicationState.APPROVED, ApplicationEvent.EXTEND, ApplicationFacts(extended=True), Reason.DEADLINE_AT_MAXIMUM),
    (ApplicationState.READY, ApplicationEvent.HAND_OVER, ApplicationFacts(slip_shown=False), Reason.WRONG_SLIP),
    (ApplicationState.READY, ApplicationEvent.HAND_OVER, ApplicationFacts(card_activated=False), Reason.NO_CARD),
]


@pytest.mark.parametrize(("state", "event", "facts", "reason"), APPLICATION_CASES)
def test_application_guards(
    state: ApplicationState, event: ApplicationEvent, facts: ApplicationFacts, reason: Reason
) -> None:
    outcome = transition(APPLICATION, state, event, facts)
    assert isinstance(outcome, Denied)
    assert outcome.reason is reason
    assert isinstance(transition(APPLICATION, state, event, ApplicationFacts()), Transition)


def test_nothing_is_produced_without_a_second_officer() -> None:
    """Every way to a blank goes through APPROVE."""
    rows = [row for row in APPLICATION.rows if row.next is ApplicationState.APPROVED]
    entering = {row.event for row in rows if row.state in (None, ApplicationState.ACCEPTED)}
    assert entering == {ApplicationEvent.APPROVE}
    (approve,) = [row for row in rows if row.event is ApplicationEvent.APPROVE]
    assert ApplicationGuard.SECOND_OFFICER in approve.guards
    assert not PERMISSIONS[Act.APPROVE] & PERMISSIONS[Act.REGISTER]


def test_a_card_of_another_permit_is_not_written() -> None:
    outcome = transition(CARD_STOCK, StockState.ALLOCATED, StockEvent.BIND, StockFacts(same_permit=False))
    assert isinstance(outcome, Denied)
    assert outcome.reason is Reason.CARD_TAKEN


def test_a_table_that_contradicts_itself_is_refused() -> None:
    row: Any = Row(state=PermitState.ACTIVE, event=PermitEvent.ENDORSE, next=PermitState.ACTIVE)
    unknown: Any = Row(
        state=PermitState.ACTIVE, event=PermitEvent.ENDORSE, next=PermitState.ACTIVE, guards=(PermitGuard.IN_PERSON,)
    )
    makers: list[Callable[[], Table[Any, Any, Any, Any]]] = [
        lambda: Table("twice", (row, row), {}, final=frozenset()),
        lambda: Table("final", (row,), {}, final=frozenset({PermitState.ACTIVE})),
        lambda: Table("guard", (unknown,), {}, final=frozenset()),
    ]
    for make in makers:
        with pytest.raises(ValueError):
            make()


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_kind(reason: Reason) -> None:
    error = refusal(reason, where="here")
    assert error.kind is KIND_OF[reason]
    assert isinstance(error, Conflict) == (error.kind is Kind.CONFLICT)
    assert isinstance(error, ActRefused)


def test_every_act_says_who_may() -> None:
    assert set(PERMISSIONS) == set(Act)
    assert all(PERMISSIONS.values())
    alone = {Act.APPROVE, Act.REJECT, Act.REVOKE, Act.TERMINATE, Act.SUSPEND, Act.DESTROY, Act.EXTEND}
    assert all(PERMISSIONS[act] == {Role.APPROVER} for act in alone)
    reading = {Act.READ_HOLDER, Act.AUDIT_EXPORT, Act.SIGN_IN, Act.SIGN_IN_FAILED, Act.SIGN_OUT}
    assert {act for act in Act if Role.AUDITOR in PERMISSIONS[act]} == reading
