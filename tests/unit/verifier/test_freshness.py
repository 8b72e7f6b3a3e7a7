"""Ageing data: first a warning, then no services, then nothing; counted from the release that repeated it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from card_profiles.entitlements.catalogue import Sector, load
from card_profiles.protocols.pace import Password
from card_profiles.softcard.connection import InProcessConnection
from keys.mapped_status import open_list
from keys.status_list import Status
from keys.trust import TrustStore, status_file_name
from tests.distribution import CITY, anchor, release
from tests.factory import CAN, DAY, NOW, STATUS_URI, decide, issue, salts
from verifier import generations
from verifier.counter import Counter, load_trust, read_watermark
from verifier.policy import Policy
from verifier.read_failed import ReadFailed
from verifier.reason import Reason
from verifier.store import Watermark
from verifier.sync import sync
from verifier.verdict import CheckFailed, ExitCode, Outcome, Verdict

PERMIT = issue()
EVIDENCE = PERMIT.evidence()
SECOND = timedelta(seconds=1)


def aged(*, trust: timedelta = DAY, status: timedelta = timedelta(hours=6)) -> Verdict:
    """The verdict with data signed that long ago."""
    store = CITY.trust(
        crls=(CITY.crl(this_update=NOW - trust, life=90 * DAY),),
        status={STATUS_URI: CITY.status_list(iat=NOW - status)},
    )
    return decide(EVIDENCE, store)


STAGES = [
    ({"status": 2 * DAY - SECOND}, Outcome.PASSED, None, None, ExitCode.ACCEPTED),
    ({"status": 2 * DAY}, Outcome.WARNING, Reason.STATUS_LIST_AGEING, None, ExitCode.ACCEPTED),
    ({"status": 14 * DAY - SECOND}, Outcome.WARNING, Reason.STATUS_LIST_AGEING, None, ExitCode.ACCEPTED),
    (
        {"status": 14 * DAY},
        Outcome.WARNING,
        Reason.STATUS_LIST_AGEING,
        Reason.STATUS_LIST_TOO_OLD_FOR_SERVICES,
        ExitCode.OWN_DATA,
    ),
    (
        {"status": 30 * DAY},
        Outcome.FAILED,
        Reason.STATUS_LIST_TOO_OLD,
        Reason.STATUS_LIST_TOO_OLD_FOR_SERVICES,
        ExitCode.OWN_DATA,
    ),
    ({"trust": 45 * DAY - SECOND}, Outcome.PASSED, None, None, ExitCode.ACCEPTED),
    ({"trust": 45 * DAY}, Outcome.WARNING, Reason.TRUST_AGEING, None, ExitCode.ACCEPTED),
    ({"trust": 90 * DAY}, Outcome.WARNING, Reason.TRUST_AGEING, Reason.TRUST_TOO_OLD_FOR_SERVICES, ExitCode.OWN_DATA),
    ({"trust": 120 * DAY}, Outcome.FAILED, Reason.TRUST_TOO_OLD, Reason.TRUST_TOO_OLD_FOR_SERVICES, ExitCode.OWN_DATA),
]


@pytest.mark.parametrize(("ages", "outcome", "reason", "services", "code"), STAGES)
def test_warn_then_no_services_then_nothing(
    ages: dict[str, timedelta], outcome: Outcome, reason: Reason | None, services: Reason | None, code: ExitCode
) -> None:
    verdict = aged(**ages)
    assert verdict.data_age.outcome is outcome
    assert verdict.data_age.reasons == (() if reason is None else (reason,))
    assert verdict.exit_code is code
    entitled = [service for service in verdict.services if service.entitled]
    if services is None:
        assert entitled
        verdict.require(entitled[0].code)
        return
    assert verdict.services
    assert not entitled
    assert services in verdict.entitled.reasons
    with pytest.raises(CheckFailed):
        verdict.require(verdict.services[0].code)


def test_between_no_services_and_nothing_the_card_is_still_judged() -> None:
    verdict = aged(status=20 * DAY)
    assert verdict.accepted
    verdict.require()


@pytest.mark.parametrize("field", ["trust_warn", "trust_services", "status_warn", "status_services"])
def test_the_stages_follow_one_another(field: str) -> None:
    arguments: dict[str, Any] = {"sector": Sector.HEALTH, "catalogue": load(), field: 400 * DAY}
    with pytest.raises(ValueError, match="services"):
        Policy(**arguments)


# --- a store that synchronisation filled -----------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Synchronised now, with lists that the authority signed three weeks ago and has repeated since."""
    content = CITY.trust_files(
        crl=CITY.crl(this_update=NOW - 80 * DAY, life=90 * DAY),
        status={STATUS_URI: CITY.status_list({5: Status.INVALID}, iat=NOW - 21 * DAY)},
    )
    release(tmp_path / "repository", content)
    sync(str(tmp_path / "repository"), str(tmp_path / "store"), now=NOW, anchor=anchor())
    return tmp_path / "store"


def test_a_list_that_did_not_change_is_as_fresh_as_the_release(store: Path) -> None:
    verdict = decide(EVIDENCE, load_trust(str(store)))
    assert verdict.exit_code is ExitCode.ACCEPTED
    assert verdict.data_age.outcome is Outcome.PASSED
    assert (verdict.ages.trust_signed, verdict.ages.status_signed) == (NOW, NOW)
    later = decide(EVIDENCE, load_trust(str(store)), now=NOW + 3 * DAY)
    assert later.data_age.reasons == (Reason.STATUS_LIST_AGEING,)


def test_the_same_files_copied_by_hand_are_as_old_as_their_signatures(store: Path) -> None:
    verdict = decide(EVIDENCE, TrustStore.load(generations.resolve(str(store))))
    assert Reason.STATUS_LIST_AGEING in verdict.data_age.reasons
    assert Reason.STATUS_LIST_TOO_OLD_FOR_SERVICES in verdict.entitled.reasons


def test_the_check_maps_the_list(store: Path) -> None:
    (store / "current" / "status" / status_file_name(STATUS_URI)).unlink()
    trust = load_trust(str(store))
    assert trust.status_list(STATUS_URI, now=NOW).lookup(5) is Status.INVALID
    revoked = issue(status_index=5)
    assert Reason.STATUS_REVOKED in decide(revoked.evidence(), trust).reasons


def test_no_byte_of_a_mapped_list_can_change_unnoticed(store: Path) -> None:
    path = store / "current" / "mapped" / f"{status_file_name(STATUS_URI).removesuffix('.cwt')}.map"
    good = path.read_bytes()
    step = 7
    for at in [*range(0, 264, 1), *range(264, len(good), step)]:
        path.write_bytes(good[:at] + bytes((good[at] ^ 1,)) + good[at + 1 :])
        assert not decide(EVIDENCE, load_trust(str(store))).accepted, at
    for length in (0, 1, 263, 264, len(good) - 1):
        path.write_bytes(good[:length])
        verdict = decide(EVIDENCE, load_trust(str(store)))
        assert verdict.current.reasons == (Reason.STATUS_LIST_INVALID,)
    path.write_bytes(good)
    assert len(open_list(str(path), STATUS_URI)) == 1024


def test_the_watermark_of_the_last_synchronisation_counts(store: Path, tmp_path: Path) -> None:
    own = Watermark(str(tmp_path / "state"))
    assert read_watermark(own, str(store)) == NOW
    own.advance(NOW + DAY)
    assert read_watermark(own, str(store)) == NOW + DAY


def test_a_damaged_record(store: Path) -> None:
    (store / "current" / "sync.json").write_text("{}")
    with pytest.raises(ReadFailed) as caught:
        load_trust(str(store))
    assert caught.value.reason is Reason.TRUST_DAMAGED


def test_a_counter_at_work_takes_up_what_was_synchronised_meanwhile(store: Path, tmp_path: Path) -> None:
    counter = Counter(
        sector=Sector.HEALTH,
        trust_directory=str(store),
        watermark=Watermark(str(tmp_path / "state")),
        now=lambda: NOW + DAY,
        clock=lambda: 0.0,
        random=salts("counter"),
    )

    def verdict() -> Verdict:
        card = InProcessConnection(PERMIT.card(random=salts("card")))
        return counter.check(card, Password.from_can(CAN)).verdict

    assert verdict().exit_code is ExitCode.ACCEPTED
    content = CITY.trust_files(
        crl=CITY.crl(this_update=NOW - 80 * DAY, life=90 * DAY),
        status={STATUS_URI: CITY.status_list({5: Status.INVALID, 7: Status.INVALID}, iat=NOW + DAY)},
    )
    release(tmp_path / "repository", content, now=NOW + DAY)
    sync(str(tmp_path / "repository"), str(store), now=NOW + DAY)
    revoked = verdict()
    assert revoked.exit_code is ExitCode.REFUSED
    assert revoked.reasons == (Reason.STATUS_REVOKED,)
