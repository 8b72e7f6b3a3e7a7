"""The life of a key as a table: every event in every state, every guard, and the database that keeps to the table."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from keys.algorithms import Purpose
from keys.authority import file as authority_file
from keys.authority.errors import AuthorityReason
from keys.registry import lifecycle
from keys.registry.lifecycle import OVERRIDABLE, RULES, Facts, Guard, KeyEvent, KeyState, decide, require_signing
from tests.key_home import DAY, MEMBERS, NOW, Home, reason_of

G, S, A, R, D, C = KeyState
SETTINGS = authority_file.from_members(MEMBERS)

EXPECTED: dict[KeyEvent, dict[KeyState, KeyState]] = {
    KeyEvent.GENERATE: {},
    KeyEvent.STAGE: {G: S},
    KeyEvent.ACTIVATE: {S: A},
    KeyEvent.RETIRE: {S: R, A: R},
    KeyEvent.DESTROY: {G: D, R: D, C: C},
    KeyEvent.COMPROMISE: {G: C, S: C, A: C, R: C, C: C},
}

GOOD = Facts(
    now=NOW,
    purpose=Purpose.DOCUMENT_SIGNER,
    published_at=NOW - 14 * DAY,
    active_from=NOW,
    active_until=NOW + 90 * DAY,
    lead=14 * DAY,
    successor=True,
    operator="Li",
    witness="Wang",
)


@pytest.mark.parametrize("event", KeyEvent)
@pytest.mark.parametrize("state", KeyState)
def test_every_event_in_every_state(event: KeyEvent, state: KeyState) -> None:
    expected = EXPECTED[event].get(state)
    if expected is None:
        assert reason_of(lambda: decide(event, state, GOOD, override="because")) is AuthorityReason.KEY_STATE
    else:
        assert decide(event, state, GOOD).target is expected


# What a guard looks at, the change that breaks it, and where it stands.
GUARDS: dict[Guard, tuple[KeyEvent, KeyState, dict[str, Any]]] = {
    Guard.CERTIFIED: (KeyEvent.STAGE, G, {"certified": False}),
    Guard.PUBLISHED: (KeyEvent.ACTIVATE, S, {"published_at": None, "lead": timedelta(0)}),
    Guard.PUBLISHED_AHEAD: (KeyEvent.ACTIVATE, S, {"published_at": NOW - 14 * DAY + timedelta(seconds=1)}),
    Guard.COVERED: (KeyEvent.ACTIVATE, S, {"coverage": 0.94, "threshold": 0.95}),
    Guard.PERIOD_BEGUN: (KeyEvent.ACTIVATE, S, {"active_from": NOW + timedelta(seconds=1)}),
    Guard.PERIOD_RUNS: (KeyEvent.ACTIVATE, S, {"active_until": NOW - timedelta(seconds=1)}),
    Guard.SUCCEEDED: (KeyEvent.RETIRE, A, {"successor": False}),
    Guard.NOT_NEEDED: (KeyEvent.DESTROY, R, {"needed_until": NOW + timedelta(seconds=1)}),
    Guard.WITNESSED: (KeyEvent.DESTROY, R, {"witness": ""}),
}


@pytest.mark.parametrize("guard", Guard)
def test_each_guard_refuses_with_its_reason(guard: Guard) -> None:
    event, state, broken = GUARDS[guard]
    facts = replace(GOOD, **broken)
    assert decide(event, state, GOOD)
    assert reason_of(lambda: decide(event, state, facts)) is AuthorityReason(guard.value)
    overridden = reason_of(lambda: decide(event, state, facts, override="a reason"))
    assert overridden is (None if guard in OVERRIDABLE else AuthorityReason(guard.value))


@pytest.mark.parametrize(("operator", "witness"), [("", ""), ("Li", ""), ("", "Wang"), ("Li", "Li")])
def test_two_people_are_two_people(operator: str, witness: str) -> None:
    facts = replace(GOOD, purpose=Purpose.CSCA, operator=operator, witness=witness)
    assert reason_of(lambda: decide(KeyEvent.ACTIVATE, S, facts)) is AuthorityReason.NO_WITNESS
    # A signer's routine needs no second person, and no compromise waits for one.
    signer = replace(facts, purpose=Purpose.STATUS_SIGNER)
    assert decide(KeyEvent.ACTIVATE, S, signer)
    assert decide(KeyEvent.COMPROMISE, A, facts)


SIGNING: dict[str, tuple[dict[str, Any], AuthorityReason | None]] = {
    "in its period": ({}, None),
    "on the first second": ({"active_from": NOW}, None),
    "on the last second": ({"active_until": NOW}, None),
    "a second early": ({"active_from": NOW + timedelta(seconds=1)}, AuthorityReason.KEY_PERIOD_NOT_BEGUN),
    "a second late": ({"active_until": NOW - timedelta(seconds=1)}, AuthorityReason.KEY_PERIOD_ENDED),
    "the last document": ({"signatures": 9}, None),
    "one too many": ({"signatures": 10}, AuthorityReason.KEY_CAP_REACHED),
    "a batch too many": ({"signatures": 9, "wanted": 2}, AuthorityReason.KEY_CAP_REACHED),
    "without a cap": ({"signatures": 10**9, "cap": None}, None),
    **{f"{state}": ({"state": state}, AuthorityReason.KEY_STATE) for state in KeyState if state is not KeyState.ACTIVE},
}


@pytest.mark.parametrize("name", SIGNING)
def test_who_may_sign(name: str) -> None:
    change, reason = SIGNING[name]
    facts: dict[str, Any] = {
        "state": A,
        "purpose": Purpose.DOCUMENT_SIGNER,
        "now": NOW,
        "active_from": NOW - DAY,
        "active_until": NOW + DAY,
        "signatures": 0,
        "cap": 10,
        "wanted": 1,
        **change,
    }
    assert reason_of(lambda: require_signing(**facts)) is reason


@pytest.mark.parametrize("purpose", RULES)
def test_periods_fit_into_each_other(purpose: Purpose) -> None:
    """A successor can be staged, wait for its lead and take over while the key before it still signs."""
    limits = lifecycle.periods(purpose, SETTINGS)
    until = NOW + limits.use
    due = lifecycle.stage_due(purpose, SETTINGS, until)
    assert NOW < due < until - limits.lead
    begin = lifecycle.next_begin(purpose, SETTINGS, until, due)
    assert begin == until - limits.overlap
    late = lifecycle.next_begin(purpose, SETTINGS, until, until)
    assert late == until + limits.lead


@pytest.mark.parametrize("days", [1, 2, 3, 7, 30, 90, 366])
def test_short_lives_have_short_leads(days: int) -> None:
    settings = authority_file.from_members({**MEMBERS, "validity": {"signer_key_days": days, "staging_days": 60}})
    limits = lifecycle.periods(Purpose.STATUS_SIGNER, settings)
    assert limits.lead + limits.overlap < limits.use


def test_card_master_keys_are_needed_by_cards() -> None:
    longest = timedelta(days=SETTINGS.validity.longest_card_days)
    assert lifecycle.needed_until(Purpose.CARD_MASTER_KEY, SETTINGS, NOW) == NOW + longest
    assert lifecycle.needed_until(Purpose.CSCA, SETTINGS, NOW) is None


@pytest.mark.parametrize("source", KeyState)
@pytest.mark.parametrize("target", KeyState)
def test_the_database_keeps_to_the_table(tmp_path: Path, source: KeyState, target: KeyState) -> None:
    allowed = {(a, b) for steps in EXPECTED.values() for a, b in steps.items()}
    database = sqlite3.connect(Home(tmp_path).path / "registry.db")
    # A key in any state, put there past the rules.
    database.execute("DROP TRIGGER life_begins")
    database.execute("DROP INDEX one_active_key_per_purpose")
    database.execute(
        "INSERT INTO keys (purpose, generation, kid, state, uri, generated_at) VALUES ('csca', 9, x'99', ?, 'x', 1)",
        (source.value,),
    )
    change = ("UPDATE keys SET state = ? WHERE generation = 9", (target.value,))
    if source is target or (source, target) in allowed:
        database.execute(*change)
    else:
        with pytest.raises(sqlite3.IntegrityError):
            database.execute(*change)
    database.close()


FORBIDDEN = {
    "an event is changed": "UPDATE events SET operator = 'somebody else' WHERE number = 1",
    "an event is removed": "DELETE FROM events WHERE number = 1",
    "a key is forgotten": "DELETE FROM keys WHERE purpose = 'csca'",
    "a key changes its name": "UPDATE keys SET generation = 7 WHERE purpose = 'csca'",
    "a key changes its kid": "UPDATE keys SET kid = x'00' WHERE purpose = 'csca'",
    "a key begins as active": (
        "INSERT INTO keys (purpose, generation, kid, state, uri, generated_at) "
        "VALUES ('csca', 2, x'01', 'active', 'x', 1)"
    ),
    "two keys are active": ("UPDATE keys SET state = 'active', purpose = 'csca' WHERE purpose = 'document-signer'"),
    "signatures are uncounted": "UPDATE keys SET signatures = signatures - 1 WHERE purpose = 'csca'",
    "a cap is passed": "UPDATE keys SET signatures = cap + 1 WHERE purpose = 'document-signer'",
    "a revocation is removed": "DELETE FROM revocations",
    "a revocation moves on": "UPDATE revocations SET revoked_at = revoked_at + 1",
    "a compromise is taken back": "UPDATE keys SET compromised_at = NULL WHERE purpose = 'status-signer'",
    "a mark falls": "UPDATE high_water SET value = value - 1",
    "a mark goes": "DELETE FROM high_water",
}


@pytest.mark.parametrize("name", FORBIDDEN)
def test_what_the_database_refuses(tmp_path: Path, name: str) -> None:
    home = Home(tmp_path).days(1)
    home.rotation().compromise("SS-1")
    database = sqlite3.connect(home.path / "registry.db", isolation_level=None)
    with pytest.raises(sqlite3.IntegrityError):
        database.execute(FORBIDDEN[name])
    database.close()
