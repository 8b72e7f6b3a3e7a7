"""Status lists and clocks that must not let a card through."""

from __future__ import annotations

from datetime import timedelta

import pytest

from keys.status_list import Status
from tests.factory import DAY, NOW, STATUS_URI, authority, decide, issue
from tests.hostile.test_verify_mso import assert_refused, flip
from verifier.reason import Reason
from verifier.verdict import ExitCode, Outcome

CITY = authority()
PERMIT = issue()
EVIDENCE = PERMIT.evidence()
INDEX = PERMIT.mso.status_index


@pytest.mark.parametrize(
    ("status", "reason"), [(Status.INVALID, Reason.STATUS_REVOKED), (Status.SUSPENDED, Reason.STATUS_SUSPENDED)]
)
def test_a_card_that_the_list_names(status: Status, reason: Reason) -> None:
    trust = CITY.trust(status={STATUS_URI: CITY.status_list({INDEX: status})})
    assert_refused(EVIDENCE, reason, trust=trust)
    verdict = decide(EVIDENCE, trust)
    assert verdict.genuine.outcome is Outcome.PASSED
    assert verdict.current.reasons == (reason,)


def test_neighbours_in_the_list_do_not_matter() -> None:
    entries = {INDEX - 1: Status.INVALID, INDEX + 1: Status.SUSPENDED}
    assert decide(EVIDENCE, CITY.trust(status={STATUS_URI: CITY.status_list(entries)})).accepted


def test_an_index_that_the_list_does_not_have() -> None:
    assert_refused(issue(status_index=1024).evidence(), Reason.STATUS_UNKNOWN)


def test_no_list() -> None:
    verdict = decide(EVIDENCE, CITY.trust(status={}))
    assert verdict.exit_code is ExitCode.OWN_DATA
    assert verdict.current.outcome is Outcome.NOT_CHECKED
    assert verdict.current.reasons == (Reason.STATUS_LIST_MISSING,)


def test_a_list_of_another_address() -> None:
    trust = CITY.trust(status={STATUS_URI: CITY.status_list(uri=STATUS_URI + "1")})
    verdict = decide(EVIDENCE, trust)
    assert verdict.exit_code is ExitCode.OWN_DATA
    assert verdict.current.reasons == (Reason.STATUS_LIST_INVALID,)


def test_an_expired_list() -> None:
    shard = CITY.status_list(iat=NOW - 2 * DAY, life=2 * DAY)
    verdict = decide(EVIDENCE, CITY.trust(status={STATUS_URI: shard}))
    assert verdict.exit_code is ExitCode.OWN_DATA
    assert verdict.current.reasons == (Reason.STATUS_LIST_EXPIRED,)


def test_an_expired_list_still_revokes() -> None:
    shard = CITY.status_list({INDEX: Status.INVALID}, iat=NOW - 2 * DAY, life=2 * DAY)
    assert_refused(EVIDENCE, Reason.STATUS_REVOKED, trust=CITY.trust(status={STATUS_URI: shard}))


def test_no_byte_of_a_list_can_change() -> None:
    shard = CITY.status_list({INDEX: Status.INVALID})
    for at in range(len(shard)):
        verdict = decide(EVIDENCE, CITY.trust(status={STATUS_URI: flip(shard, at)}))
        assert not verdict.accepted, at


@pytest.mark.parametrize(
    ("age", "outcome", "reason"),
    [
        (timedelta(hours=47), Outcome.PASSED, None),
        (timedelta(hours=48), Outcome.WARNING, Reason.STATUS_LIST_AGEING),
        (timedelta(days=30), Outcome.FAILED, Reason.STATUS_LIST_TOO_OLD),
    ],
)
def test_the_age_of_the_list(age: timedelta, outcome: Outcome, reason: Reason | None) -> None:
    trust = CITY.trust(status={STATUS_URI: CITY.status_list(iat=NOW - age)})
    verdict = decide(EVIDENCE, trust)
    assert verdict.data_age.outcome is outcome
    assert verdict.data_age.reasons == (() if reason is None else (reason,))
    assert verdict.exit_code is (ExitCode.OWN_DATA if outcome is Outcome.FAILED else ExitCode.ACCEPTED)


@pytest.mark.parametrize(
    ("age", "outcome", "reason"),
    [
        (timedelta(days=44), Outcome.PASSED, None),
        (timedelta(days=45), Outcome.WARNING, Reason.TRUST_AGEING),
        (timedelta(days=120), Outcome.FAILED, Reason.TRUST_TOO_OLD),
    ],
)
def test_the_age_of_the_trust_data(age: timedelta, outcome: Outcome, reason: Reason | None) -> None:
    trust = CITY.trust(crls=(CITY.crl(this_update=NOW - age, life=90 * DAY),))
    verdict = decide(EVIDENCE, trust)
    assert verdict.data_age.outcome is outcome
    assert verdict.data_age.reasons == (() if reason is None else (reason,))


def test_a_clock_behind_the_watermark() -> None:
    for behind, accepted in ((timedelta(minutes=5), True), (timedelta(minutes=5, seconds=1), False)):
        verdict = decide(EVIDENCE, watermark=NOW + behind)
        assert verdict.accepted is accepted
    assert verdict.current.reasons == (Reason.CLOCK_SET_BACK,)
    assert verdict.data_age.reasons == (Reason.CLOCK_SET_BACK,)
    assert verdict.exit_code is ExitCode.OWN_DATA


def test_a_clock_behind_our_own_signed_data() -> None:
    """Without any watermark: the status list was signed tomorrow, so it is not today."""
    trust = CITY.trust(status={STATUS_URI: CITY.status_list(iat=NOW + DAY)})
    verdict = decide(EVIDENCE, trust)
    assert Reason.CLOCK_SET_BACK in verdict.reasons
    assert verdict.exit_code is ExitCode.OWN_DATA


def test_a_missed_endorsement_cannot_be_undone_by_the_clock() -> None:
    permit = issue(valid_until=NOW - DAY, signed=NOW - 30 * DAY)
    verdict = decide(permit.evidence(), now=NOW - 2 * DAY, watermark=NOW)
    assert not verdict.accepted
    assert Reason.CLOCK_SET_BACK in verdict.reasons


def test_a_refusal_outweighs_our_own_old_data() -> None:
    shard = CITY.status_list({INDEX: Status.INVALID}, iat=NOW - 31 * DAY)
    verdict = decide(EVIDENCE, CITY.trust(status={STATUS_URI: shard}))
    assert verdict.exit_code is ExitCode.REFUSED
    assert {Reason.STATUS_REVOKED, Reason.STATUS_LIST_TOO_OLD} <= set(verdict.reasons)
