"""Copies and false proofs: the chip has to hold the key of the verified MSO, and the sector file to come from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from card_profiles.errors import CardFault
from card_profiles.iso7816.apdu import ResponseApdu
from card_profiles.iso7816.commands import read_binary
from tests.factory import Person, authority, decide, issue, key, transcript
from tests.hostile.test_verify_mso import assert_refused, flip
from verifier.evidence import ChipTranscript, Evidence
from verifier.policy import BEFORE_WRITING, Check
from verifier.reason import Reason
from verifier.verdict import ExitCode, Outcome

PERMIT = issue()
EVIDENCE = PERMIT.evidence()
CHIP = EVIDENCE.chip
assert CHIP is not None


def with_chip(evidence: Evidence = EVIDENCE, **changes: object) -> Evidence:
    assert evidence.chip is not None
    return replace(evidence, chip=replace(evidence.chip, **changes))  # type: ignore[arg-type]


def test_files_copied_to_a_card_without_the_key() -> None:
    clone = transcript(key("clone"), EVIDENCE.sector_item, ephemeral=key("reader"))
    assert_refused(replace(EVIDENCE, chip=clone), Reason.CHIP_NOT_PROVEN)


def test_the_clone_that_carries_its_own_key_in_the_mso() -> None:
    """It would have to sign the MSO itself."""
    forger = authority("forger")
    clone = issue(forger, chip="clone")
    assert_refused(clone.evidence(certificate=True), Reason.SIGNER_UNTRUSTED)


def test_a_transcript_of_another_card() -> None:
    other = issue(person=Person(number="RP0555555"), chip="other chip").evidence()
    assert_refused(replace(EVIDENCE, chip=other.chip), Reason.CHIP_NOT_PROVEN)


def test_evidence_with_another_ephemeral_key() -> None:
    private = key("another reader").private_numbers().private_value.to_bytes(32)
    assert_refused(with_chip(ephemeral_private=private), Reason.CHIP_NOT_PROVEN)


@pytest.mark.parametrize("private", [b"", bytes(32), b"\xff" * 32, b"\x01" * 31], ids=["none", "0", "n", "31"])
def test_an_ephemeral_key_that_is_none(private: bytes) -> None:
    assert_refused(with_chip(ephemeral_private=private), Reason.CHIP_TRANSCRIPT_MISMATCH)


def test_the_proof_of_another_file_of_the_same_card() -> None:
    """Chip and keys are right, but what was read under them is not the file that is presented."""
    other = transcript(PERMIT.chip_key, PERMIT.permit["EF.NS.education"], ephemeral=key("reader"), sfi=6)
    assert_refused(replace(EVIDENCE, chip=other), Reason.CHIP_TRANSCRIPT_MISMATCH)


def test_a_naked_response() -> None:
    (command, _), *_ = CHIP.exchanges
    naked = ResponseApdu(data=EVIDENCE.sector_item, sw=0x9000).encode()
    verdict = decide(with_chip(exchanges=((command, naked),)))
    assert verdict.genuine.outcome is Outcome.FAILED
    assert verdict.exit_code is ExitCode.REFUSED
    assert_refused(with_chip(exchanges=((command, b"\x90\x00"),)), Reason.CHIP_NAKED_RESPONSE)


def test_no_byte_of_an_answer_can_change() -> None:
    (command, response), *_ = CHIP.exchanges
    for at in range(len(response)):
        verdict = decide(with_chip(exchanges=((command, flip(response, at)),)))
        assert verdict.exit_code is ExitCode.REFUSED, at


def test_answers_cannot_be_dropped_doubled_or_swapped() -> None:
    long = transcript(PERMIT.chip_key, EVIDENCE.sector_item, ephemeral=key("reader"), most=40)
    first, second, *rest = long.exchanges
    assert decide(replace(EVIDENCE, chip=long)).accepted
    for exchanges in ((second, first, *rest), (first, *rest), (first, first, second, *rest), (first, second)):
        assert_refused(
            replace(EVIDENCE, chip=replace(long, exchanges=exchanges)),
            Reason.CHIP_NOT_PROVEN,
            Reason.CHIP_TRANSCRIPT_MISMATCH,
        )


def test_answers_to_other_commands_prove_nothing() -> None:
    (_, response), *_ = CHIP.exchanges
    for command in (read_binary(ne=256, offset=0), read_binary(ne=256, sfi=4, offset=1), read_binary(ne=5, sfi=4)):
        assert_refused(
            with_chip(exchanges=((command.encode(extended=True), response),)), Reason.CHIP_TRANSCRIPT_MISMATCH
        )


def test_another_mechanism() -> None:
    assert_refused(with_chip(oid="0.4.0.127.0.7.2.2.3.2.1"), Reason.CHIP_TRANSCRIPT_MISMATCH)


def test_no_chip_authentication_is_a_failure() -> None:
    verdict = decide(replace(EVIDENCE, chip=None))
    assert verdict.genuine.outcome is Outcome.NOT_CHECKED
    assert verdict.genuine.reasons == (Reason.NOT_CHECKED,)
    assert verdict.exit_code is ExitCode.REFUSED


def test_an_empty_transcript_is_no_proof() -> None:
    empty = ChipTranscript(oid=CHIP.oid, key_id=1, ephemeral_private=CHIP.ephemeral_private, exchanges=())
    assert_refused(replace(EVIDENCE, chip=empty), Reason.NOT_CHECKED)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (CardFault.STATUS_WORD, Reason.CHIP_NOT_PROVEN),
        (CardFault.BAD_MAC, Reason.CHIP_NOT_PROVEN),
        (CardFault.NAKED_RESPONSE, Reason.CHIP_NAKED_RESPONSE),
    ],
)
def test_what_the_reader_saw_fail(fault: CardFault, reason: Reason) -> None:
    assert_refused(replace(EVIDENCE, chip=None, sector_item=b"", chip_fault=fault), reason)
    # A reader that says so has evidence that holds: still refused.
    assert_refused(replace(EVIDENCE, chip_fault=fault), reason)


def test_before_writing_there_is_no_chip_yet_but_a_wrong_one_is_wrong() -> None:
    bare = replace(EVIDENCE, chip=None)
    assert decide(bare, required=BEFORE_WRITING).accepted
    clone = transcript(key("clone"), EVIDENCE.sector_item, ephemeral=key("reader"))
    verdict = decide(replace(EVIDENCE, chip=clone), required=BEFORE_WRITING)
    assert verdict.exit_code is ExitCode.REFUSED
    assert Check.CHIP not in BEFORE_WRITING
