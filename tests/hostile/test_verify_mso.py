"""Attacks on EF.MSO and on what hangs on it: every one is refused, with its reason."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import cbor2
import pytest

from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.mso import encode_mso
from keys.envelopes import cose
from tests.factory import DAY, NOW, Person, authority, decide, issue, sign_mso
from verifier.evidence import Evidence
from verifier.reason import Reason
from verifier.verdict import CheckFailed, ExitCode, Outcome

PERMIT = issue()
EVIDENCE = PERMIT.evidence(certificate=True)
TRUST = authority().trust()


def flip(raw: bytes, at: int, mask: int = 0x01) -> bytes:
    return raw[:at] + bytes((raw[at] ^ mask,)) + raw[at + 1 :]


def assert_refused(evidence: Evidence, *reasons: Reason, **options: Any) -> None:
    verdict = decide(evidence, options.pop("trust", TRUST), **options)
    assert not verdict.accepted
    assert verdict.exit_code is ExitCode.REFUSED
    assert set(verdict.reasons) & set(reasons), verdict.reasons
    with pytest.raises(CheckFailed):
        verdict.require()


def test_the_untouched_evidence_is_accepted() -> None:
    assert decide(EVIDENCE, TRUST).accepted


@pytest.mark.parametrize("mask", [0x01, 0x80])
def test_no_byte_of_the_mso_can_change(mask: int) -> None:
    for at in range(len(EVIDENCE.mso)):
        verdict = decide(replace(EVIDENCE, mso=flip(EVIDENCE.mso, at, mask)), TRUST)
        assert verdict.exit_code is ExitCode.REFUSED, at
        assert verdict.genuine.outcome is Outcome.FAILED, at
        assert verdict.holder is None, at


@pytest.mark.parametrize("field", ["permit", "sector_item"])
def test_no_byte_of_an_item_can_change(field: str) -> None:
    raw = getattr(EVIDENCE, field)
    for at in range(len(raw)):
        verdict = decide(replace(EVIDENCE, **{field: flip(raw, at)}), TRUST)
        assert verdict.exit_code is ExitCode.REFUSED, at
        reasons = set(verdict.reasons)
        assert reasons & {Reason.DIGEST_MISMATCH, Reason.ELEMENT_NOT_LISTED}, at


@pytest.mark.parametrize("field", ["mso", "permit", "sector_item"])
def test_files_cannot_be_cut_or_extended(field: str) -> None:
    raw = getattr(EVIDENCE, field)
    for changed in (raw[:-1], raw + b"\0"):
        assert not decide(replace(EVIDENCE, **{field: changed}), TRUST).accepted


def test_the_sector_file_of_another_holder() -> None:
    other = issue(person=Person(number="RP0555555"), chip="other chip")
    assert_refused(replace(EVIDENCE, sector_item=other.permit["EF.NS.health"]), Reason.DIGEST_MISMATCH)


def test_the_permit_file_of_another_holder() -> None:
    other = issue(person=Person(number="RP0555555"), chip="other chip")
    assert_refused(replace(EVIDENCE, permit=other.permit["EF.NS.permit"]), Reason.DIGEST_MISMATCH)


def test_another_sectors_file_in_place_of_ours() -> None:
    assert_refused(replace(EVIDENCE, sector_item=PERMIT.permit["EF.NS.education"]), Reason.ELEMENT_MISPLACED)


def test_evidence_of_another_sector() -> None:
    evidence = PERMIT.evidence(Sector.EDUCATION)
    verdict = decide(evidence, TRUST)
    assert verdict.accepted
    assert_refused(replace(evidence, sector="health"), Reason.ELEMENT_MISPLACED)


def test_an_element_that_the_mso_does_not_list() -> None:
    outer = cbor2.loads(PERMIT.permit["EF.NS.health"])
    inner = cbor2.loads(outer.value)
    inner["digestID"] = 13
    inner["elementIdentifier"] = "surveillance"
    inner["elementValue"] = {}
    stray = cbor2.dumps(cbor2.CBORTag(24, cbor2.dumps(inner)))
    assert_refused(replace(EVIDENCE, sector_item=stray), Reason.ELEMENT_NOT_LISTED)


def altered_mso(change: Any) -> bytes:
    """An MSO that the authority signed, with a payload that our encoder would not write."""
    outer = cbor2.loads(encode_mso(PERMIT.mso))
    inner = cbor2.loads(outer.value, tag_hook=lambda decoder, tag: tag)
    change(inner)
    return sign_mso(cbor2.dumps(cbor2.CBORTag(24, cbor2.dumps(inner))), authority().entitlement_signer)


def test_another_doc_type() -> None:
    def change(inner: dict[str, Any]) -> None:
        inner["validityInfo"] = tagged_times()
        inner["docType"] = "org.iso.18013.5.1.mDL"

    assert_refused(replace(EVIDENCE, mso=altered_mso(change)), Reason.DOC_TYPE_MISMATCH)


def tagged_times() -> dict[str, Any]:
    mso = PERMIT.mso
    times = {"signed": mso.signed, "validFrom": mso.valid_from, "validUntil": mso.valid_until}
    return {name: cbor2.CBORTag(0, time.strftime("%Y-%m-%dT%H:%M:%SZ")) for name, time in times.items()}


@pytest.mark.parametrize("label", [-2, -3])
def test_a_coordinate_of_31_bytes(label: int) -> None:
    def change(inner: dict[str, Any]) -> None:
        inner["validityInfo"] = tagged_times()
        key = inner["deviceKeyInfo"]["deviceKey"]
        key[label] = key[label][1:]

    assert_refused(replace(EVIDENCE, mso=altered_mso(change)), Reason.MALFORMED)


def test_a_device_key_off_the_curve() -> None:
    def change(inner: dict[str, Any]) -> None:
        inner["validityInfo"] = tagged_times()
        inner["deviceKeyInfo"]["deviceKey"][-3] = flip(inner["deviceKeyInfo"]["deviceKey"][-3], 31)

    assert_refused(replace(EVIDENCE, mso=altered_mso(change)), Reason.MALFORMED)


def test_the_altered_mso_without_an_alteration_is_accepted() -> None:
    def change(inner: dict[str, Any]) -> None:
        inner["validityInfo"] = tagged_times()

    assert decide(replace(EVIDENCE, mso=altered_mso(change)), TRUST).accepted


def test_an_expired_mso_is_a_missed_endorsement() -> None:
    until = NOW + 20 * DAY
    evidence = issue(valid_until=until).evidence()
    assert decide(evidence, now=until - timedelta(seconds=1)).accepted
    late = decide(evidence, now=until)
    assert late.genuine.outcome is Outcome.PASSED
    assert late.current.reasons == (Reason.ENDORSEMENT_MISSED,)
    assert late.exit_code is ExitCode.REFUSED


def test_a_permit_that_is_not_valid_yet() -> None:
    permit = issue(valid_from=NOW + DAY)
    assert_refused(permit.evidence(), Reason.PERMIT_NOT_YET_VALID)


def test_a_signature_without_kid_or_by_a_wrong_key() -> None:
    other = replace(authority().entitlement_signer, private_key=authority().document_signer.private_key)
    payload = encode_mso(PERMIT.mso)
    forged = cose.sign1(payload, sign=cose.raw_signer(other.private_key), kid=authority().entitlement_signer.kid)
    assert_refused(replace(EVIDENCE, mso=forged), Reason.SIGNATURE_INVALID)


def test_nothing_was_read_is_not_accepted() -> None:
    verdict = decide(replace(EVIDENCE, mso=b"", permit=b"", sector_item=b"", chip=None), TRUST)
    assert verdict.exit_code is ExitCode.REFUSED
    assert verdict.genuine.reasons == (Reason.NOT_CHECKED,)
