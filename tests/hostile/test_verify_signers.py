"""Signers that must not be believed: unknown, self-made, of another purpose, out of their time, revoked."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from cryptography import x509

from keys.algorithms import Purpose
from keys.trust import TrustStore
from tests.factory import (
    DAY,
    NOW,
    STATUS_URI,
    Signer,
    authority,
    decide,
    der,
    issue,
)
from tests.hostile.test_verify_mso import assert_refused, flip
from verifier.evidence import Evidence
from verifier.reason import Reason
from verifier.verdict import ExitCode, Outcome

CITY = authority()


def from_card(signer: Signer, **options: object) -> Evidence:
    """Evidence of a permit by `signer`, with its certificate as the card offers it."""
    return issue(signer=signer, **options).evidence(certificate=True)  # type: ignore[arg-type]


def trust_without_signer() -> TrustStore:
    return CITY.trust(signers=False)


def test_a_signer_known_from_the_card_only() -> None:
    assert decide(issue().evidence(certificate=True), trust_without_signer()).accepted


def test_a_signer_that_nobody_knows() -> None:
    assert_refused(issue().evidence(), Reason.SIGNER_UNKNOWN, trust=trust_without_signer())


def test_a_signer_of_another_authority() -> None:
    stranger = authority("stranger")
    assert_refused(from_card(stranger.entitlement_signer), Reason.SIGNER_UNTRUSTED)


def test_a_self_signed_signer() -> None:
    own = authority("self-made")
    root = Signer(private_key=own.csca.private_key, certificate=der(own.csca.certificate))
    evidence = issue().evidence()
    assert_refused(
        replace(evidence, signer_certificate=root.certificate), Reason.SIGNER_UNTRUSTED, trust=trust_without_signer()
    )
    # A root of its own in place of the city's, with all else right.
    assert_refused(from_card(own.entitlement_signer), Reason.SIGNER_UNTRUSTED)


@pytest.mark.parametrize("purpose", [Purpose.DOCUMENT_SIGNER, Purpose.STATUS_SIGNER, Purpose.AUDIT_SIGNER], ids=str)
def test_a_signer_of_another_purpose(purpose: Purpose) -> None:
    """The leaf without the extended key usage is the document signer."""
    other = CITY.signer(purpose, f"other {purpose}", begin=NOW - 60 * DAY)
    assert_refused(from_card(other), Reason.SIGNER_WRONG_PURPOSE)
    assert_refused(from_card(other), Reason.SIGNER_WRONG_PURPOSE, trust=CITY.trust(more_signers=(other,)))


def test_signed_after_the_key_usage_period() -> None:
    old = CITY.signer(Purpose.ENTITLEMENT_SIGNER, "old", begin=NOW - 200 * DAY, use=90 * DAY)
    assert decide(from_card(old, signed=NOW - 111 * DAY)).accepted
    assert_refused(from_card(old, signed=NOW - 109 * DAY), Reason.SIGNER_KEY_PERIOD)


def test_signed_before_the_certificate() -> None:
    young = CITY.signer(Purpose.ENTITLEMENT_SIGNER, "young", begin=NOW - 10 * DAY)
    assert_refused(from_card(young, signed=NOW - 11 * DAY), Reason.SIGNER_NOT_IN_PERIOD, Reason.SIGNER_KEY_PERIOD)


def test_an_expired_signer_certificate() -> None:
    short = CITY.signer(Purpose.ENTITLEMENT_SIGNER, "short", begin=NOW - 60 * DAY, use=30 * DAY, life=50 * DAY)
    assert_refused(from_card(short, signed=NOW - 40 * DAY), Reason.SIGNER_NOT_IN_PERIOD)


def test_a_revoked_signer() -> None:
    trust = CITY.trust(crls=(CITY.crl(CITY.entitlement_signer),))
    assert_refused(issue().evidence(), Reason.SIGNER_REVOKED, trust=trust)
    assert_refused(issue().evidence(certificate=True), Reason.SIGNER_REVOKED, trust=trust)


def test_no_byte_of_the_signer_certificate_can_change() -> None:
    evidence = issue().evidence(certificate=True)
    trust = trust_without_signer()
    for at in range(0, len(evidence.signer_certificate)):
        changed = replace(evidence, signer_certificate=flip(evidence.signer_certificate, at))
        verdict = decide(changed, trust)
        assert verdict.exit_code is ExitCode.REFUSED, at
        assert verdict.genuine.outcome is Outcome.FAILED, at


def test_a_certificate_on_the_card_does_not_replace_ours() -> None:
    """The store knows the signer, so what the card says about it is not looked at."""
    evidence = replace(issue().evidence(), signer_certificate=authority("stranger").entitlement_signer.certificate)
    assert decide(evidence).accepted


def test_without_a_revocation_list_nobody_can_say() -> None:
    verdict = decide(issue().evidence(), CITY.trust(crls=()))
    assert verdict.genuine.outcome is Outcome.NOT_CHECKED
    assert verdict.genuine.reasons[0] is Reason.REVOCATION_UNKNOWN
    assert verdict.exit_code is ExitCode.OWN_DATA


def test_a_revocation_list_of_somebody_else_is_none() -> None:
    verdict = decide(issue().evidence(), CITY.trust(crls=(authority("stranger").crl(),)))
    assert verdict.exit_code is ExitCode.OWN_DATA
    assert Reason.REVOCATION_UNKNOWN in verdict.reasons


def test_a_revocation_list_past_its_grace() -> None:
    crl = CITY.crl(this_update=NOW - 40 * DAY, life=20 * DAY)
    trust = CITY.trust(crls=(crl,))
    assert decide(issue().evidence(), trust).accepted
    verdict = decide(issue().evidence(), trust, crl_grace=timedelta(days=19))
    assert verdict.exit_code is ExitCode.OWN_DATA
    assert Reason.REVOCATION_UNKNOWN in verdict.reasons


def test_a_damaged_trust_store_is_our_own_fault() -> None:
    trust = CITY.trust(crls=(b"\x30\x03\x02\x01\x00",))
    verdict = decide(issue().evidence(), trust)
    assert verdict.exit_code is ExitCode.OWN_DATA
    assert Reason.TRUST_DAMAGED in verdict.reasons


def test_the_status_signer_has_to_be_one() -> None:
    status = {STATUS_URI: CITY.status_list(signer=CITY.entitlement_signer)}
    verdict = decide(issue().evidence(), CITY.trust(status=status))
    assert verdict.current.outcome is Outcome.NOT_CHECKED
    assert Reason.STATUS_LIST_INVALID in verdict.reasons
    assert verdict.exit_code is ExitCode.OWN_DATA


def test_unused_bits_of_a_signature_are_refused() -> None:
    """Nothing signs how many bits of the BIT STRING are unused, so the count must be zero."""
    names = (f"even {n}" for n in range(64))
    made = (CITY.signer(Purpose.ENTITLEMENT_SIGNER, name, begin=NOW - 60 * DAY) for name in names)
    signer = next(signer for signer in made if signer.certificate[-1] & 1 == 0)
    signature = x509.load_der_x509_certificate(signer.certificate).signature
    at = len(signer.certificate) - len(signature) - 1
    assert signer.certificate[at] == 0
    assert decide(from_card(signer)).accepted
    evidence = replace(from_card(signer), signer_certificate=flip(signer.certificate, at))
    assert_refused(evidence, Reason.SIGNER_UNTRUSTED)
