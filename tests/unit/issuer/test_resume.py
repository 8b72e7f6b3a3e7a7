"""The decision table, over everything that a card can say and the journal can know."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import product

import pytest

from card_profiles.model import LifeCycle
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from issuer.errors import Refusal
from issuer.journal import CardRecord, CardState
from issuer.resume import CardView, Decision, Outcome, Spoiled, decide

SERIAL = bytes(10)
TRANSPORT, OWN, OTHER = 0x01, 0x30, 0x20
MINE, THEIRS = "RP00000017", "RP00000018"


def known(state: CardState | None, permit: str) -> CardRecord | None:
    if state is None:
        return None
    return CardRecord(
        serial=SERIAL,
        state=state,
        permit_number=permit,
        profile_digest=bytes(32),
        status_uri="",
        status_index=0,
        valid_from=date(2026, 11, 21),
        endorsed_until=None,
        reason="",
        revocation_due=False,
        updated_at=datetime(2026, 11, 21, tzinfo=UTC),
    )


def outcome(life_cycle: LifeCycle, version: int, state: CardState | None, permit: str = MINE) -> Outcome:
    view = CardView(serial=SERIAL, key_version=version, life_cycle=life_cycle)
    return decide(view, known(state, permit), MINE, PROFILE)


BLANK, PERSONALISING, ACTIVATED, TERMINATED = LifeCycle
WRITING, VERIFIED = CardState.WRITING, CardState.VERIFIED

EXPECTED: list[tuple[LifeCycle, int, CardState | None, str, Decision | Refusal | Spoiled]] = [
    # unknown to the journal
    (BLANK, TRANSPORT, None, MINE, Decision.FRESH),
    (BLANK, OWN, None, MINE, Refusal.FOREIGN_KEYS),
    (BLANK, OTHER, None, MINE, Refusal.FOREIGN_KEYS),
    (PERSONALISING, OWN, None, MINE, Refusal.UNKNOWN_CARD),
    (PERSONALISING, OTHER, None, MINE, Refusal.FOREIGN_KEYS),
    (ACTIVATED, OWN, None, MINE, Refusal.ALREADY_PERSONALISED),
    (TERMINATED, OWN, None, MINE, Refusal.CARD_TERMINATED),
    # begun for this permit
    (BLANK, TRANSPORT, WRITING, MINE, Decision.RESUME),
    (PERSONALISING, OWN, WRITING, MINE, Decision.RESUME),
    (PERSONALISING, OWN, VERIFIED, MINE, Decision.RESUME),
    (ACTIVATED, OWN, VERIFIED, MINE, Decision.ALREADY_DONE),
    (ACTIVATED, OWN, WRITING, MINE, Spoiled.ACTIVATED_UNVERIFIED),
    (BLANK, OWN, WRITING, MINE, Spoiled.CONTRADICTORY_KEYS),
    (PERSONALISING, TRANSPORT, WRITING, MINE, Spoiled.CONTRADICTORY_KEYS),
    (TERMINATED, OWN, WRITING, MINE, Spoiled.TERMINATED),
    # done
    (ACTIVATED, OWN, CardState.ACTIVATED, MINE, Refusal.ALREADY_DONE),
    (BLANK, TRANSPORT, CardState.ACTIVATED, MINE, Refusal.DUPLICATE_SERIAL),
    (PERSONALISING, OWN, CardState.ACTIVATED, MINE, Refusal.DUPLICATE_SERIAL),
    # another permit's
    (BLANK, TRANSPORT, WRITING, THEIRS, Refusal.CARD_RESERVED),
    (PERSONALISING, OWN, VERIFIED, THEIRS, Refusal.CARD_RESERVED),
    (ACTIVATED, OWN, CardState.ACTIVATED, THEIRS, Refusal.ALREADY_PERSONALISED),
    # void in the journal
    (BLANK, TRANSPORT, CardState.VOID, MINE, Spoiled.VOID_IN_JOURNAL),
    (ACTIVATED, OWN, CardState.VOID, THEIRS, Spoiled.VOID_IN_JOURNAL),
    (TERMINATED, OWN, CardState.VOID, MINE, Refusal.CARD_VOID),
]


@pytest.mark.parametrize(("life_cycle", "version", "state", "permit", "expected"), EXPECTED)
def test_the_table(
    life_cycle: LifeCycle,
    version: int,
    state: CardState | None,
    permit: str,
    expected: Decision | Refusal | Spoiled,
) -> None:
    found = outcome(life_cycle, version, state, permit)
    assert expected in (found.decision, found.refusal, found.spoiled)


ALL = list(product(LifeCycle, (TRANSPORT, OWN, OTHER), (None, *CardState), (MINE, THEIRS)))


@pytest.mark.parametrize(("life_cycle", "version", "state", "permit"), ALL)
def test_always_one_answer_with_its_reason(
    life_cycle: LifeCycle, version: int, state: CardState | None, permit: str
) -> None:
    found = outcome(life_cycle, version, state, permit)
    assert (found.refusal is not None) == (found.decision is Decision.FOREIGN)
    assert (found.spoiled is not None) == (found.decision is Decision.VOID)


@pytest.mark.parametrize(("life_cycle", "version", "state", "permit"), ALL)
def test_nothing_of_another_permit_is_ever_written(
    life_cycle: LifeCycle, version: int, state: CardState | None, permit: str
) -> None:
    """What must never happen, whatever the table says."""
    decision = outcome(life_cycle, version, state, permit).decision
    if state is not None and permit == THEIRS and state is not CardState.VOID:
        assert decision is Decision.FOREIGN
    if decision in (Decision.FRESH, Decision.RESUME):
        assert life_cycle in (BLANK, PERSONALISING)
    if decision is Decision.ALREADY_DONE:
        assert (life_cycle, state) == (ACTIVATED, VERIFIED)
