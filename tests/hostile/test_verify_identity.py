"""Attacks on portrait and identity application (step 9). Each byte of each file in turn: `test_card_bytes`."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from card_profiles.lds import com, dg1, dg2, dg14
from card_profiles.protocols.security_infos import Oid, PaceInfo, SecurityInfos
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from keys.algorithms import Purpose
from tests.factory import (
    DAY,
    NOW,
    IssuedPermit,
    Person,
    authority,
    decide,
    issue,
    jpeg,
    key,
    point,
    security_infos,
    sign_sod,
)
from verifier.evidence import Evidence
from verifier.policy import Check
from verifier.reason import Reason
from verifier.verdict import ExitCode, Outcome

CITY = authority()
PERMIT = issue()
EVIDENCE = PERMIT.evidence(identity=True)
BOTH = frozenset({Check.PORTRAIT, Check.IDENTITY})
GROUPS = (1, 2, 11, 12, 14)


def assert_refused(evidence: Evidence, *reasons: Reason) -> None:
    verdict = decide(evidence, also=BOTH)
    assert verdict.exit_code is ExitCode.REFUSED
    assert verdict.genuine.outcome is not Outcome.PASSED
    assert set(verdict.genuine.reasons) & set(reasons), verdict.genuine.reasons


def with_file(name: str, content: bytes | None, evidence: Evidence = EVIDENCE) -> Evidence:
    files = {**evidence.identity, name: content}
    return replace(evidence, identity={name: raw for name, raw in files.items() if raw is not None})


def resigned(permit: IssuedPermit = PERMIT, **groups: bytes) -> Evidence:
    """EF.SOD by the real document signer over changed groups: the issuer's mistake, or its accomplice."""
    files = {**permit.identity, **groups}
    signed = {int(name[2:]): raw for name, raw in files.items() if name.startswith("DG")}
    files["EF.SOD"] = sign_sod(signed, CITY.document_signer, at=NOW - 10 * DAY)
    files["EF.COM"] = com.encode(com.Com(data_groups=tuple(sorted(signed))))
    return replace(permit.evidence(identity=True), identity=files)


def test_the_untouched_identity_is_accepted() -> None:
    assert decide(EVIDENCE, also=BOTH).accepted
    assert decide(resigned(), also=BOTH).accepted


def test_the_portrait_of_another_holder() -> None:
    other = dg2.encode(dg2.Portrait(image=jpeg(20)))
    evidence = replace(PERMIT.evidence(portrait=True), identity={"DG2": other})
    verdict = decide(evidence, also=frozenset({Check.PORTRAIT}))
    assert verdict.genuine.reasons == (Reason.PORTRAIT_MISMATCH,)
    assert verdict.exit_code is ExitCode.REFUSED
    # Also when the portrait was not asked for: what is there has to hold.
    assert not decide(evidence).accepted


def test_a_portrait_that_was_asked_for_and_not_read() -> None:
    verdict = decide(PERMIT.evidence(), also=frozenset({Check.PORTRAIT}))
    assert verdict.genuine.reasons == (Reason.NOT_CHECKED,)
    assert verdict.exit_code is ExitCode.REFUSED


def test_an_identity_that_was_asked_for_and_not_read() -> None:
    verdict = decide(PERMIT.evidence(portrait=True), also=BOTH)
    assert verdict.genuine.reasons == (Reason.NOT_CHECKED,)


@pytest.mark.parametrize("number", GROUPS)
def test_a_data_group_that_is_missing(number: int) -> None:
    assert_refused(with_file(f"DG{number}", None), Reason.DATA_GROUP_MISSING)


def test_a_data_group_that_ef_sod_does_not_list() -> None:
    assert_refused(with_file("DG13", b"\x6d\x01\x00"), Reason.DATA_GROUP_NOT_LISTED)
    announced = com.encode(com.Com(data_groups=(*GROUPS[:-1], 13, 14)))
    assert_refused(with_file("EF.COM", announced), Reason.DATA_GROUP_NOT_LISTED)


def test_ef_com_hides_a_data_group() -> None:
    assert_refused(with_file("EF.COM", com.encode(com.Com(data_groups=GROUPS[:-1]))), Reason.DATA_GROUP_MISSING)


def test_the_identity_of_another_holder() -> None:
    """All of it, well signed, from a card of the same authority."""
    other = issue(person=Person(number="RP0555555", portrait_shade=20), chip="other chip")
    verdict = decide(replace(EVIDENCE, identity=other.identity), also=BOTH)
    assert {Reason.PORTRAIT_MISMATCH, Reason.CHIP_KEY_MISMATCH} <= set(verdict.genuine.reasons)


@pytest.mark.parametrize(
    "person",
    [
        Person(number="RP0555555"),
        Person(birth_date=date(1991, 3, 15)),
        Person(sex="M"),
        Person(primary="WANG"),
        Person(secondary="XIAOMIN"),
    ],
    ids=["number", "birth", "sex", "primary", "secondary"],
)
def test_identity_and_permit_are_about_one_person(person: Person) -> None:
    assert_refused(resigned(DG1=dg1.encode(person.mrz)), Reason.HOLDER_MISMATCH)


def test_the_chip_key_of_dg14_is_the_device_key() -> None:
    _, infos = security_infos(RESIDENCE_PERMIT_V1, point(key("other chip").public_key()))
    assert_refused(resigned(DG14=dg14.encode(infos)), Reason.CHIP_KEY_MISMATCH)


def test_pace_is_offered_as_it_was_signed() -> None:
    """The downgrade of an unsigned EF.CardAccess shows in DG14."""
    weaker = SecurityInfos.of(PaceInfo(oid=Oid.ID_PACE_ECDH_GM_3DES_CBC_CBC, parameter_id=12))
    assert_refused(replace(EVIDENCE, card_access=weaker.encode()), Reason.CARD_ACCESS_MISMATCH)
    assert_refused(replace(EVIDENCE, card_access=b""), Reason.MALFORMED)


def test_the_signers_country_is_the_documents() -> None:
    zone = replace(PERMIT.person.mrz, issuing_state="ATA")
    assert_refused(resigned(DG1=dg1.encode(zone)), Reason.COUNTRY_MISMATCH)


def test_the_signer_may_sign_this_type_of_document() -> None:
    zone = replace(PERMIT.person.mrz, document_code="IP")
    assert_refused(resigned(DG1=dg1.encode(zone)), Reason.SIGNER_WRONG_PURPOSE)


@pytest.mark.parametrize("purpose", [Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER], ids=str)
def test_ef_sod_by_a_signer_of_another_purpose(purpose: Purpose) -> None:
    signer = CITY.signer(purpose, f"sod {purpose}", begin=NOW - 60 * DAY)
    assert_refused(issue(sod_signer=signer).evidence(identity=True), Reason.SIGNER_WRONG_PURPOSE)


def test_ef_sod_by_another_authority() -> None:
    stranger = authority("stranger").document_signer
    assert_refused(issue(sod_signer=stranger).evidence(identity=True), Reason.SIGNER_UNTRUSTED)


def test_ef_sod_signed_outside_the_key_usage_period() -> None:
    evidence = issue(sod_signed=NOW + 31 * DAY).evidence(identity=True)
    assert_refused(evidence, Reason.SIGNER_KEY_PERIOD, Reason.SIGNER_NOT_IN_PERIOD)


def test_ef_sod_by_a_revoked_signer() -> None:
    trust = CITY.trust(crls=(CITY.crl(CITY.document_signer),))
    verdict = decide(EVIDENCE, trust, also=BOTH)
    assert verdict.genuine.reasons == (Reason.SIGNER_REVOKED,)


def test_something_else_in_place_of_ef_sod() -> None:
    for raw in (b"\x77\x00", b"\x77\x02\x30\x00", PERMIT.identity["DG1"], b"\x30\x80" * 100):
        assert_refused(with_file("EF.SOD", raw), Reason.SECURITY_OBJECT_INVALID)
