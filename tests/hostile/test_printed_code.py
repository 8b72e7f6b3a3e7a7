"""Printed codes that must not be believed: forged, altered, expired, copied off a revoked card, or no code at all."""

from __future__ import annotations

import os
import zlib
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_profiles import printed_code
from card_profiles.entitlements.mso import encode_mso
from keys.algorithms import CoseAlgorithm, Purpose
from keys.envelopes import cose
from keys.errors import DecodeError
from keys.status_list import Status
from tests.factory import DAY, NOW, STATUS_URI, Signer, authority, issue, key, policy, sign_mso
from tests.printed_codes import CODE, OTHER, decide, mutations, signed, text
from verifier import printed
from verifier.read_failed import ReadFailed
from verifier.reason import Reason
from verifier.verdict import Assurance, CheckFailed, ExitCode, Outcome

SOAK = "SOAK" in os.environ
MUTATED = 100_000 if SOAK else 5_000
PARTS = 4
CITY = authority()
GENUINE = text()


def refused(of: str, reason: Reason, **how: object) -> None:
    verdict = decide(of, **how)  # type: ignore[arg-type]
    assert verdict.exit_code is ExitCode.REFUSED
    assert reason in verdict.reasons
    assert verdict.assurance is Assurance.PRINTED
    assert verdict.holder is None or verdict.genuine.good


def unread(of: str) -> Reason:
    with pytest.raises(ReadFailed) as failed:
        decide(of)
    return failed.value.reason


# --- a copy, and what its verdict says


def test_a_genuine_code_is_a_warning_at_best_and_no_card() -> None:
    verdict = decide(GENUINE)
    assert verdict.exit_code is ExitCode.ACCEPTED
    assert verdict.assurance is Assurance.PRINTED
    assert verdict.genuine.outcome is Outcome.WARNING
    assert verdict.genuine.reasons == (Reason.COPY_NOT_EXCLUDED,)
    with pytest.raises(CheckFailed) as failed:
        verdict.require()
    assert failed.value.reasons == (Reason.COPY_NOT_EXCLUDED,)
    with pytest.raises(CheckFailed):
        verdict.require("C03")
    assert verdict.require("C03", assurance=Assurance.PRINTED) is verdict


def test_a_chip_is_enough_where_print_would_be() -> None:
    from tests.factory import decide as decide_card

    verdict = decide_card(issue().evidence())
    assert verdict.assurance is Assurance.CHIP
    verdict.require("H01", assurance=Assurance.PRINTED)


def test_a_copy_of_a_revoked_card_is_refused() -> None:
    for status, reason in ((Status.INVALID, Reason.STATUS_REVOKED), (Status.SUSPENDED, Reason.STATUS_SUSPENDED)):
        trust = CITY.trust(status={STATUS_URI: CITY.status_list({CODE.status_index: status})})
        refused(GENUINE, reason, trust=trust)


def test_what_is_not_printed_is_not_refused_and_not_granted() -> None:
    verdict = decide(GENUINE, sector="family")
    assert verdict.entitled.outcome is Outcome.NOT_CHECKED
    assert verdict.entitled.reasons == (Reason.SERVICES_ON_CHIP_ONLY,)
    assert verdict.services == ()
    with pytest.raises(CheckFailed) as failed:
        verdict.require("F01", assurance=Assurance.PRINTED)
    assert failed.value.reasons == (Reason.SERVICES_ON_CHIP_ONLY,)


def test_an_open_service_that_ended_is_not_granted() -> None:
    verdict = decide(GENUINE, sector="employment")
    assert [(one.code, one.reason) for one in verdict.services] == [("J02", Reason.SERVICE_EXPIRED)]
    with pytest.raises(CheckFailed):
        verdict.require("J02", assurance=Assurance.PRINTED)


# --- time


def test_a_print_that_ran_out_sends_to_the_chip() -> None:
    for moment in (CODE.valid_until, CODE.valid_until + DAY):
        trust = CITY.trust(
            crls=(CITY.crl(this_update=moment - DAY),),
            status={STATUS_URI: CITY.status_list(iat=moment - DAY)},
        )
        refused(GENUINE, Reason.PRINTED_CODE_EXPIRED, now=moment, trust=trust)


def test_a_code_ahead_of_its_time() -> None:
    refused(text(replace(CODE, valid_from=NOW + DAY)), Reason.PERMIT_NOT_YET_VALID)


def test_a_clock_set_back_is_our_own_fault() -> None:
    verdict = decide(GENUINE, watermark=NOW + DAY)
    assert verdict.exit_code is ExitCode.OWN_DATA
    assert Reason.CLOCK_SET_BACK in verdict.reasons


def test_own_data_missing_or_old() -> None:
    assert decide(GENUINE, CITY.trust(status={})).exit_code is ExitCode.OWN_DATA
    old = CITY.trust(status={STATUS_URI: CITY.status_list(iat=NOW - 20 * DAY)})
    verdict = decide(GENUINE, old)
    assert verdict.exit_code is ExitCode.OWN_DATA
    assert verdict.services[0].reason is Reason.STATUS_LIST_TOO_OLD_FOR_SERVICES
    assert printed.verify(b"", None, policy(), now=NOW).reasons[:1] == (Reason.TRUST_MISSING,)


# --- signers


def test_signers_that_must_not_sign_codes() -> None:
    stranger = authority("elsewhere")
    refused(text(by=stranger), Reason.SIGNER_UNKNOWN)
    refused(text(by=stranger), Reason.SIGNER_UNTRUSTED, trust=CITY.trust(more_signers=(stranger.entitlement_signer,)))
    refused(text(signer=CITY.document_signer), Reason.SIGNER_WRONG_PURPOSE)
    refused(text(signer=CITY.status_signer), Reason.SIGNER_WRONG_PURPOSE)
    refused(GENUINE, Reason.SIGNER_REVOKED, trust=CITY.trust(crls=(CITY.crl(CITY.entitlement_signer),)))
    late = CITY.signer(Purpose.ENTITLEMENT_SIGNER, "late", begin=NOW - 200 * DAY, use=100 * DAY)
    refused(text(signer=late), Reason.SIGNER_KEY_PERIOD, trust=CITY.trust(more_signers=(late,)))
    forged = Signer(private_key=key("stranger"), certificate=b"")
    kid = CITY.entitlement_signer.kid
    refused(signed(printed_code.encode_claims(CODE), signer=forged, kid=kid), Reason.SIGNATURE_INVALID)


def test_an_mso_is_no_code_and_a_code_no_mso() -> None:
    signer = CITY.entitlement_signer
    mso = cose.sign1(encode_mso(issue().mso), sign=cose.raw_signer(signer.private_key), kid=signer.kid, tagged=True)
    assert printed.verify(mso, CITY.trust(), policy(), now=NOW).reasons[0] is Reason.MALFORMED
    from tests.factory import decide as decide_card

    evidence = replace(issue().evidence(), mso=sign_mso(printed_code.encode_claims(CODE), CITY.entitlement_signer))
    assert not decide_card(evidence).accepted


def test_a_signed_service_that_is_not_open_is_not_shown() -> None:
    """Even if an authority errs: a counter does not read out of a print what must not be printed."""
    from keys import cbor

    claims = cbor.decode(printed_code.encode_claims(CODE), max_size=512)
    claims[printed_code.PERMIT][5] = {20_900: "F01"}
    verdict = decide(signed(cbor.encode(claims)), sector="family")
    assert verdict.reasons[0] is Reason.MALFORMED
    assert verdict.services == ()


# --- envelopes and wrappings


def test_headers_that_have_no_place() -> None:
    payload = printed_code.encode_claims(CODE)
    refused(signed(payload, protected_extra={cose.TYP: "application/cwt"}), Reason.MALFORMED)
    refused(signed(payload, kid_protected=True), Reason.MALFORMED)
    untagged = cose.sign1(payload, sign=cose.raw_signer(CITY.entitlement_signer.private_key), kid=bytes(8))
    refused(printed_code.wrap(untagged), Reason.MALFORMED)
    assert CoseAlgorithm.ES256 == -7


@pytest.mark.parametrize(
    "other", ["", "A", "https://example.org/pay?x=1", "HC1:6BF5", "0" * 420, "陈晓梅", GENUINE.lower(), GENUINE + "00"]
)
def test_codes_of_another_kind(other: str) -> None:
    assert unread(other) is Reason.CODE_OF_OTHER_KIND


def test_no_code_at_all() -> None:
    with pytest.raises(ReadFailed) as failed:
        printed.envelope([])
    assert failed.value.reason is Reason.CODE_NOT_FOUND


def test_a_second_code_beside_the_right_one() -> None:
    assert printed.envelope(["https://example.org", GENUINE]) == printed_code.unwrap(GENUINE)


def test_packings_of_the_same_bytes_that_we_do_not_write() -> None:
    raw = printed_code.unwrap(GENUINE)
    for packed in (
        zlib.compress(raw, 0),
        zlib.compress(raw, 9),
        printed_code.deflate(raw) + b"\0",
        printed_code.deflate(raw)[:-1],
        printed_code.deflate(raw)[:-4] + bytes(4),
    ):
        assert unread(printed_code.base45_encode(packed)) is Reason.CODE_OF_OTHER_KIND


def test_a_bomb_inflates_to_no_more_than_the_cap() -> None:
    bomb = zlib.compress(bytes(200_000), 9)
    assert len(bomb) < 279
    with pytest.raises(DecodeError):
        printed_code.unwrap(printed_code.base45_encode(bomb))


# --- any input


@given(st.text(max_size=450))
def test_the_decoder_is_total_for_text(of: str) -> None:
    with pytest.raises(DecodeError):
        printed_code.decode(of)


@given(st.binary(max_size=300))
def test_the_decoder_is_total_for_bytes(raw: bytes) -> None:
    for of in (printed_code.wrap(raw), printed_code.base45_encode(raw)):
        with pytest.raises(DecodeError):
            printed_code.decode(of)


@given(st.binary(max_size=300))
def test_claims_are_decoded_or_refused(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        printed_code.decode_claims(payload)


@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.timeout(3600 if SOAK else 300)
def test_no_mutated_code_is_accepted(part: int) -> None:
    """Each ends in a reason: none is accepted, and nothing of a forged holder is shown."""
    trust = CITY.trust()
    draw = mutations([GENUINE, text(OTHER), text(replace(CODE, services=None))], Random(part))
    ended: dict[str, int] = {}
    for _ in range(MUTATED // PARTS):
        of = draw()
        try:
            verdict = decide(of, trust)
        except ReadFailed as failed:
            ended[failed.reason] = ended.get(failed.reason, 0) + 1
            continue
        assert not verdict.accepted, of
        assert verdict.holder is None, of
        assert verdict.services == (), of
        ended[verdict.reasons[0]] = ended.get(verdict.reasons[0], 0) + 1
    # The mutations reach every layer: no reason alone takes them all.
    assert {Reason.CODE_OF_OTHER_KIND, Reason.MALFORMED, Reason.SIGNATURE_INVALID, Reason.SIGNER_UNKNOWN} <= set(ended)
    assert min(ended[reason] for reason in (Reason.MALFORMED, Reason.SIGNATURE_INVALID)) > MUTATED // PARTS // 20
