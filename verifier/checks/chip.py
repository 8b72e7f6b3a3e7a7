"""Step 8: the chip holds the private key of `deviceKey`, and the sector's file came from that chip.

The keys are computed again from our recorded ephemeral key and the key in the *verified* MSO, and every recorded answer
is opened with them. What the reader's own session made of the answers counts for nothing.
"""

from __future__ import annotations

from card_profiles.errors import CardFault, CardMisbehaved, Misuse
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.protocols import chip_authentication
from card_profiles.protocols.security_infos import Oid
from keys.errors import DecodeError

from ..evidence import ChipTranscript, Evidence
from ..reason import Reason
from ..verdict import Step

NUMBER = "8"
_READ_BINARY = 0xB0
_SFI_BIT = 0x80


class _Mismatch(Exception):
    """The transcript is no exact read of one file."""


def check(evidence: Evidence, device_key: bytes) -> Step:
    """`device_key` is the uncompressed point (65 bytes) of the MSO."""
    transcript = evidence.chip
    if transcript is None:
        if evidence.chip_fault:
            return Step.failed(NUMBER, _reason(evidence.chip_fault), evidence.chip_fault)
        return Step.not_checked(NUMBER, "Chip Authentication did not run")
    try:
        content = _replay(transcript, device_key)
    except CardMisbehaved as error:
        return Step.failed(NUMBER, _reason(error.fault), str(error))
    except (DecodeError, Misuse, ValueError, _Mismatch) as error:
        return Step.failed(NUMBER, Reason.CHIP_TRANSCRIPT_MISMATCH, str(error))
    if evidence.chip_fault:  # the card stopped half-way, after answers that hold
        return Step.failed(NUMBER, _reason(evidence.chip_fault), evidence.chip_fault)
    if not content:
        return Step.not_checked(NUMBER, "nothing was read under the new keys")
    if content != evidence.sector_item:
        return Step.failed(NUMBER, Reason.CHIP_TRANSCRIPT_MISMATCH, "another content than the sector file")
    return Step.passed(NUMBER, f"{len(transcript.exchanges)} answers")


def _reason(fault: str) -> Reason:
    return Reason.CHIP_NAKED_RESPONSE if fault == CardFault.NAKED_RESPONSE else Reason.CHIP_NOT_PROVEN


def _replay(transcript: ChipTranscript, device_key: bytes) -> bytes:
    """The content read; CardMisbehaved when an answer does not open, _Mismatch when it is not a read of one file."""
    if transcript.oid != Oid.ID_CA_ECDH_AES_CBC_CMAC_128:
        raise _Mismatch("a mechanism that the profile does not have")
    session = chip_authentication.replay(transcript.ephemeral_private, device_key)
    content = b""
    for raw_command, raw_response in transcript.exchanges:
        command = CommandApdu.parse(raw_command)
        session.wrap(command, extended=True)  # the counter and the instruction are part of what the answer's MAC covers
        response = session.unwrap(ResponseApdu.parse(raw_response))
        by_sfi = bool(command.p1 & _SFI_BIT)
        offset = command.p2 if by_sfi else command.p1 << 8 | command.p2
        if (command.cla, command.ins, command.data) != (0, _READ_BINARY, b"") or by_sfi != (not content):
            raise _Mismatch("not a read of one file")
        if offset != len(content) or len(response.data) > command.ne:
            raise _Mismatch("reads that do not follow each other")
        content += response.data
    return content
