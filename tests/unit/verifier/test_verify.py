"""The verdict: facets that stay apart, services, exit codes, and `require`, which cannot be overlooked."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest

from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Catalogue, Sector, ServiceStatus
from card_profiles.entitlements.catalogue import Service as CatalogueService
from card_profiles.entitlements.catalogue import load as load_catalogue
from tests.factory import NOW, authority, decide, issue, policy
from verifier.policy import AT_A_COUNTER, BEFORE_WRITING, Check
from verifier.reason import Blame, Reason, blame
from verifier.report import Style, human, json_tree
from verifier.texts import Language
from verifier.verdict import CheckFailed, DataAge, ExitCode, Facet, Outcome, Step, Verdict
from verifier.verify import verify

PERMIT = issue()


def test_a_good_card() -> None:
    verdict = decide(PERMIT.evidence())
    assert verdict.accepted
    assert verdict.exit_code is ExitCode.ACCEPTED
    assert verdict.reasons == ()
    assert [facet.outcome for facet in (verdict.genuine, verdict.current, verdict.entitled, verdict.data_age)] == [
        Outcome.PASSED
    ] * 4
    assert verdict.require() is verdict
    assert verdict.valid_until == PERMIT.mso.valid_until
    assert verdict.holder is not None
    assert (verdict.holder.number, verdict.holder.name_native) == ("RP0402137", "陈晓梅")
    assert [step.number for step in verdict.steps] == ["4", "5", "6", "7", "8", "10", "11"]


def test_the_address_is_shown_at_a_household_office_alone() -> None:
    style = Style(language=Language.EN, colour=False)
    for sector in SERVICE_SECTORS:
        verdict = decide(PERMIT.evidence(sector))
        home = sector is Sector.HOUSEHOLD
        assert verdict.address == ("安和市新城区和平街 7 号" if home else "")
        assert ("和平街" in human(verdict, style, None)) is home
        assert json_tree(verdict, None)["address"] == verdict.address


def test_services_until_the_end_of_their_last_day() -> None:
    found = {service.code: service for service in decide(PERMIT.evidence()).services}
    assert {code: service.reason for code, service in found.items()} == {
        "H01": None,
        "H02": None,  # its last day is today
        "H03": Reason.SERVICE_EXPIRED,
    }
    assert found["H01"].until == date(2027, 5, 20)
    assert found["H01"].zh == "建立健康档案"


def test_the_last_day_ends_at_midnight_of_the_authority() -> None:
    """15:59:59 UTC is a second to midnight in UTC+8."""
    for now, reason in (
        (datetime(2026, 6, 1, 15, 59, 59, tzinfo=UTC), None),
        (datetime(2026, 6, 1, 16, 0, 0, tzinfo=UTC), Reason.SERVICE_EXPIRED),
    ):
        service = decide(PERMIT.evidence(), now=now).service("H02")
        assert service is not None
        assert service.reason is reason


def test_a_sector_without_services_is_accepted_and_not_entitled() -> None:
    verdict = decide(PERMIT.evidence(Sector.LEGAL))
    assert verdict.exit_code is ExitCode.ACCEPTED
    assert verdict.entitled == Facet(outcome=Outcome.FAILED, reasons=(Reason.NO_SERVICES,))
    assert verdict.services == ()
    assert verdict.require() is verdict


def test_only_ended_services() -> None:
    permit = issue(services={Sector.HEALTH: {"H01": date(2026, 5, 31)}})
    verdict = decide(permit.evidence())
    assert verdict.accepted
    assert verdict.entitled.reasons == (Reason.NO_SERVICES, Reason.SERVICE_EXPIRED)


def test_a_service_that_the_catalogue_does_not_know_is_not_granted() -> None:
    permit = issue(services={Sector.HEALTH: {"H99": date(2027, 1, 1)}})
    verdict = decide(permit.evidence())
    assert verdict.services[0].reason is Reason.SERVICE_NOT_IN_CATALOGUE
    assert Reason.SERVICE_NOT_IN_CATALOGUE in verdict.entitled.reasons


def test_the_catalogue_decides_the_sector_of_a_service() -> None:
    odd = CatalogueService(code="H01", sector=Sector.FAMILY, zh="x", en="x", status=ServiceStatus.IN_FORCE)
    catalogue = Catalogue(version=9, services={"H01": odd}, rights={})
    verdict = verify(PERMIT.evidence(), authority().trust(), replace(policy(), catalogue=catalogue), now=NOW)
    service = verdict.service("H01")
    assert service is not None
    assert service.reason is Reason.SERVICE_OF_OTHER_SECTOR


def test_require_a_service() -> None:
    verdict = decide(PERMIT.evidence())
    assert verdict.require("H01") is verdict
    for code, reason in (("H03", Reason.SERVICE_EXPIRED), ("H04", Reason.NO_SERVICES), ("E01", Reason.NO_SERVICES)):
        with pytest.raises(CheckFailed) as failed:
            verdict.require(code)
        assert failed.value.reasons == (reason,)
        assert failed.value.verdict is verdict


def test_require_comes_before_any_service() -> None:
    verdict = decide(replace(PERMIT.evidence(), chip=None))
    assert verdict.entitled.good
    with pytest.raises(CheckFailed) as failed:
        verdict.require("H01")
    assert failed.value.reasons == (Reason.NOT_CHECKED,)


def test_without_trust_data_nothing_is_decided() -> None:
    verdict = verify(PERMIT.evidence(), None, policy(), now=NOW)
    assert verdict.exit_code is ExitCode.OWN_DATA
    assert verdict.holder is None
    assert verdict.genuine.outcome is Outcome.NOT_CHECKED
    assert Reason.TRUST_MISSING in verdict.reasons


@pytest.mark.parametrize("check", sorted(AT_A_COUNTER | {Check.PORTRAIT, Check.IDENTITY}))
def test_a_required_check_without_its_input_is_a_failure(check: Check) -> None:
    """Take away what each check needs, and the card is never accepted."""
    evidence, trust = PERMIT.evidence(identity=True), authority().trust()
    if check is Check.SIGNATURE:
        evidence = replace(evidence, mso=b"")
    elif check is Check.DIGESTS:
        evidence = replace(evidence, permit=b"")
    elif check is Check.VALIDITY:
        evidence = replace(evidence, mso=b"")  # it carries the dates
    elif check is Check.STATUS:
        trust = authority().trust(status={})
    elif check is Check.CHIP:
        evidence = replace(evidence, chip=None)
    else:
        evidence = replace(evidence, identity={})
    verdict = decide(evidence, trust, also=frozenset({Check.PORTRAIT, Check.IDENTITY}))
    assert not verdict.accepted
    step = next(step for step in verdict.steps if step.number == check)
    assert step.outcome is Outcome.NOT_CHECKED


def test_a_check_that_is_not_required_may_be_left_out() -> None:
    bare = replace(PERMIT.evidence(), chip=None)
    assert decide(bare, authority().trust(status={}), required=BEFORE_WRITING).accepted
    assert not decide(bare, authority().trust(status={}), required=BEFORE_WRITING | {Check.STATUS}).accepted


def test_the_sector_file_is_missing() -> None:
    verdict = decide(replace(PERMIT.evidence(), sector_item=b""))
    assert not verdict.accepted
    assert verdict.entitled.outcome is Outcome.NOT_CHECKED
    assert verdict.services == ()


def test_a_warning_is_accepted_and_shows() -> None:
    trust = authority().trust(crls=(authority().crl(this_update=NOW - timedelta(days=50), life=timedelta(days=90)),))
    verdict = decide(PERMIT.evidence(), trust)
    assert verdict.accepted
    assert verdict.data_age == Facet(
        outcome=Outcome.WARNING, reasons=(Reason.TRUST_AGEING,), details=verdict.data_age.details
    )


def test_verify_is_pure_and_repeats_itself() -> None:
    evidence, trust = PERMIT.evidence(identity=True), authority().trust()
    assert decide(evidence, trust) == decide(evidence, trust)


def test_each_step_is_announced_once() -> None:
    told: list[str] = []
    verify(PERMIT.evidence(identity=True), authority().trust(), policy(), now=NOW, begin=told.append)
    assert sorted(told) == ["10", "11", "4", "5", "6", "7", "8", "9a", "9b"]


def test_blame_and_exit_codes() -> None:
    assert blame(Reason.DIGEST_MISMATCH) is Blame.CARD
    assert blame(Reason.NOT_CHECKED) is Blame.CARD
    assert blame(Reason.STATUS_LIST_MISSING) is Blame.DATA
    assert blame(Reason.NO_READER) is Blame.READING
    assert Step.failed("4", Reason.TRUST_DAMAGED).outcome is Outcome.NOT_CHECKED
    assert Step.failed("4", Reason.SIGNATURE_INVALID).outcome is Outcome.FAILED


def facet(outcome: Outcome, *reasons: Reason) -> Facet:
    return Facet(outcome=outcome, reasons=reasons)


@pytest.mark.parametrize(
    ("genuine", "age", "code"),
    [
        (facet(Outcome.PASSED), facet(Outcome.WARNING, Reason.TRUST_AGEING), ExitCode.ACCEPTED),
        (facet(Outcome.FAILED, Reason.SIGNATURE_INVALID), facet(Outcome.PASSED), ExitCode.REFUSED),
        (facet(Outcome.NOT_CHECKED, Reason.NOT_CHECKED), facet(Outcome.PASSED), ExitCode.REFUSED),
        (
            facet(Outcome.NOT_CHECKED, Reason.TRUST_MISSING, Reason.NOT_CHECKED),
            facet(Outcome.PASSED),
            ExitCode.OWN_DATA,
        ),
        (facet(Outcome.PASSED), facet(Outcome.FAILED, Reason.TRUST_TOO_OLD), ExitCode.OWN_DATA),
        (
            facet(Outcome.FAILED, Reason.SIGNATURE_INVALID),
            facet(Outcome.FAILED, Reason.TRUST_TOO_OLD),
            ExitCode.REFUSED,
        ),
    ],
)
def test_exit_codes(genuine: Facet, age: Facet, code: ExitCode) -> None:
    verdict = Verdict(
        sector=Sector.HEALTH,
        at=NOW,
        genuine=genuine,
        current=facet(Outcome.PASSED),
        entitled=facet(Outcome.PASSED),
        data_age=age,
        ages=DataAge(trust_signed=None, status_signed=None),
    )
    assert verdict.exit_code is code


def test_the_bundled_catalogue_knows_the_sample_services() -> None:
    assert {"H01", "H02", "H03", "E01", "J01"} <= load_catalogue().services.keys()
