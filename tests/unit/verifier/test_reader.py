"""The reader against the software card, and against cards that are something else or answer nonsense."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from card_profiles.entitlements.active import SIZE as ACTIVE_SIZE
from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from card_profiles.errors import CardFault, TransportFailed, TransportFault
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.model import LifeCycle, Slot
from card_profiles.protocols.pace import Password
from card_profiles.protocols.security_infos import Oid, PaceInfo, SecurityInfos
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import InProcessConnection, Tear, TornConnection
from card_profiles.softcard.image import CardState, MemoryImage
from tests.factory import CAN, NOW, IssuedPermit, authority, decide, issue, salts
from verifier.card_files import Progress
from verifier.evidence import decode, encode
from verifier.policy import Check
from verifier.read_failed import TRANSPORT_REASONS, ReadFailed
from verifier.reader import Reading, Request, read
from verifier.reason import Reason
from verifier.verdict import Outcome

PERMIT = issue()
EXTENDED = Limits.from_atr(RESIDENCE_PERMIT_V1.atr)


def request(**changes: Any) -> Request:
    values: dict[str, Any] = {
        "profile": RESIDENCE_PERMIT_V1,
        "sector": Sector.HEALTH,
        "password": Password.from_can(CAN),
        "captured": NOW,
        "knows_signer": lambda kid: True,
        "random": salts("reader"),
    }
    return Request(**values | changes)


def read_card(
    connection: Connection | IssuedPermit = PERMIT,
    *,
    limits: Limits | None = None,
    progress: Callable[[Progress], None] | None = None,
    on_limits: Callable[[Limits], None] | None = None,
    **changes: Any,
) -> Reading:
    if isinstance(connection, IssuedPermit):
        connection = InProcessConnection(connection.card(random=salts("card")))
    ticks = count()
    return read(
        connection,
        request(**changes),
        clock=lambda: next(ticks) / 1000,
        limits=limits,
        progress=progress,
        on_limits=on_limits,
    )


def card_of(state: CardState) -> InProcessConnection:
    return InProcessConnection(SoftCard(RESIDENCE_PERMIT_V1, MemoryImage(state)))


def reason_of(connection: Connection | IssuedPermit, **changes: Any) -> Reason:
    with pytest.raises(ReadFailed) as failed:
        read_card(connection, **changes)
    return failed.value.reason


@pytest.mark.parametrize(("limits", "commands"), [(None, 13), (Limits(), 17)], ids=["extended", "short"])
def test_the_number_of_commands(limits: Limits | None, commands: int) -> None:
    reading = read_card(limits=limits)
    assert reading.commands == commands
    assert decide(reading.evidence).accepted
    assert [step.number for step in reading.steps] == ["1", "2", "3", "8"]
    assert all(step.milliseconds == pytest.approx(1) for step in reading.steps)


def test_the_reader_captures_what_the_factory_expects() -> None:
    found, made = read_card().evidence, PERMIT.evidence()
    assert (found.mso, found.permit, found.sector_item) == (made.mso, made.permit, made.sector_item)
    assert (found.card_access, found.active, found.atr) == (made.card_access, made.active, made.atr)
    assert len(found.active) == ACTIVE_SIZE
    assert found.signer_certificate == b""
    assert found.identity == {}
    assert CAN.encode() not in encode(found)


@pytest.mark.parametrize("sector", SERVICE_SECTORS)
@pytest.mark.parametrize("slot", list(Slot))
def test_every_sector_in_both_slots(sector: Sector, slot: Slot) -> None:
    permit = issue(slot=slot)
    reading = read_card(permit, sector=sector)
    assert reading.evidence.sector_item == permit.permit[f"EF.NS.{sector}"]
    assert decide(reading.evidence).accepted


def test_an_unknown_signer_is_read_from_the_card() -> None:
    reading = read_card(knows_signer=authority().trust(signers=False).knows)
    assert reading.commands == 14
    assert reading.evidence.signer_certificate == authority().entitlement_signer.certificate
    assert decide(reading.evidence, authority().trust(signers=False)).accepted


def test_the_mrz_opens_the_card_too() -> None:
    reading = read_card(password=Password.from_mrz(PERMIT.person.mrz.information))
    assert decide(reading.evidence).accepted


@pytest.mark.parametrize(("limits", "commands"), [(None, 16), (Limits(), 22)], ids=["extended", "short"])
def test_the_portrait(limits: Limits | None, commands: int) -> None:
    reading = read_card(limits=limits, portrait=True)
    assert reading.evidence.portrait == PERMIT.identity["DG2"]
    assert reading.commands == commands
    assert decide(reading.evidence, also=frozenset({Check.PORTRAIT})).accepted


@pytest.mark.parametrize("portrait", [True, False])
@pytest.mark.parametrize("limits", [None, Limits()], ids=["extended", "short"])
def test_the_identity_application(limits: Limits | None, portrait: bool) -> None:
    reading = read_card(limits=limits, identity=True, portrait=portrait)
    assert dict(reading.evidence.identity) == PERMIT.identity
    assert decide(reading.evidence, also=frozenset({Check.IDENTITY})).accepted


def test_evidence_survives_a_file() -> None:
    evidence = read_card(identity=True).evidence
    assert decode(encode(evidence)) == evidence


def test_progress_tells_steps_and_bytes() -> None:
    told: list[Progress] = []
    read_card(progress=told.append, portrait=True, limits=Limits())
    assert list(dict.fromkeys(progress.number for progress in told)) == ["1", "2", "3", "8", "9a"]
    portrait = [progress for progress in told if progress.file == "DG2"]
    assert portrait[-1].done == portrait[-1].total == len(PERMIT.identity["DG2"])
    assert [progress.done for progress in portrait] == sorted({progress.done for progress in portrait})


# --- cards that are not what we want -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("life_cycle", "reason"),
    [
        (LifeCycle.BLANK, Reason.NOT_ACTIVATED),
        (LifeCycle.PERSONALISING, Reason.NOT_ACTIVATED),
        (LifeCycle.TERMINATED, Reason.TERMINATED),
    ],
)
def test_a_card_out_of_use(life_cycle: LifeCycle, reason: Reason) -> None:
    assert reason_of(InProcessConnection(PERMIT.card(life_cycle=life_cycle))) is reason


@pytest.mark.parametrize("password", [Password.from_can("111111"), Password.from_mrz("RP0402137<59103143310520" + "5")])
def test_a_wrong_password(password: Password) -> None:
    assert reason_of(PERMIT, password=password) is Reason.WRONG_PASSWORD


class Scripted:
    """A card of another kind: answers by the first two bytes of a command, 6A82 to all else."""

    atr = bytes.fromhex("3B8F8001804F0CA000000306030001000000006A")

    def __init__(self, answers: dict[str, str] | None = None) -> None:
        self.answers = {bytes.fromhex(key): bytes.fromhex(value) for key, value in (answers or {}).items()}

    def transmit(self, command: bytes) -> bytes:
        found = (answer for key, answer in self.answers.items() if command.startswith(key))
        return next(found, b"\x6a\x82")

    def reset(self) -> bytes:
        return self.atr

    def close(self) -> None:
        pass


@pytest.mark.parametrize("answer", ["6A82", "6D00", "6E00", "9000", "6985"])
def test_another_kind_of_card(answer: str) -> None:
    assert reason_of(Scripted({"00B09C": answer})) is Reason.OTHER_CARD


def test_a_passport_is_another_kind_of_card() -> None:
    """PACE works, but the password is not its own, and it has no permit application."""
    access = PERMIT.card_access.hex()
    assert reason_of(Scripted({"00B09C": access + "9000", "0022C1A4": "9000"})) is Reason.OTHER_CARD


def test_noise_is_not_a_card_of_ours() -> None:
    assert reason_of(Scripted({"00B09C": "FF"})) is Reason.OTHER_CARD
    assert reason_of(Scripted({"00B09C": "FFFFFFFF"})) is Reason.OTHER_CARD


class Rewriting:
    """Passes on to a software card, and rewrites answers on the way."""

    def __init__(self, rewrite: Callable[[int, bytes, bytes], bytes], permit: IssuedPermit = PERMIT) -> None:
        self.inner = InProcessConnection(permit.card())
        self.rewrite = rewrite
        self.sent = 0

    @property
    def atr(self) -> bytes:
        return self.inner.atr

    def transmit(self, command: bytes) -> bytes:
        self.sent += 1
        return self.rewrite(self.sent, command, self.inner.transmit(command))

    def reset(self) -> bytes:
        return self.inner.reset()

    def close(self) -> None:
        self.inner.close()


@pytest.mark.parametrize(
    "offer",
    [
        PaceInfo(oid=Oid.ID_PACE_ECDH_GM_3DES_CBC_CBC, parameter_id=12),
        PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=13),
        PaceInfo(oid=Oid.ID_PACE_ECDH_GM_AES_CBC_CMAC_256, parameter_id=12),
    ],
)
def test_only_the_parameters_of_the_profile(offer: PaceInfo) -> None:
    weaker = SecurityInfos.of(offer).encode() + b"\x90\x00"
    connection = Rewriting(lambda n, command, answer: weaker if n == 1 else answer)
    assert reason_of(connection) is Reason.PACE_REQUIRED


def test_no_way_down_to_bac() -> None:
    """The card hides EF.CardAccess: no GET CHALLENGE follows."""
    commands: list[bytes] = []

    def hide(n: int, command: bytes, answer: bytes) -> bytes:
        commands.append(command)
        return b"\x6a\x82" if n == 1 else answer

    assert reason_of(Rewriting(hide)) is Reason.PACE_REQUIRED
    assert 0x84 not in {command[1] for command in commands}


def test_a_naked_answer_within_the_pace_session() -> None:
    """Command 8 reads EF.Active."""
    naked = bytes(ACTIVE_SIZE) + b"\x90\x00"
    connection = Rewriting(lambda n, command, answer: naked if n == 8 else answer)
    assert reason_of(connection) in {Reason.CHIP_NAKED_RESPONSE, Reason.CARD_FAULT}
    assert reason_of(Rewriting(lambda n, command, answer: b"\x90\x00" if n == 8 else answer)) is (
        Reason.CHIP_NAKED_RESPONSE
    )


@pytest.mark.parametrize(
    ("answer", "reason", "fault"),
    [
        (b"\x90\x00", Reason.CHIP_NAKED_RESPONSE, CardFault.NAKED_RESPONSE),
        (b"\x69\x88", Reason.CHIP_NOT_PROVEN, CardFault.STATUS_WORD),
        (bytes.fromhex("990290008E0800000000000000009000"), Reason.CHIP_NOT_PROVEN, CardFault.BAD_MAC),
    ],
    ids=["naked", "error", "mac"],
)
def test_a_failure_after_chip_authentication_is_evidence(answer: bytes, reason: Reason, fault: CardFault) -> None:
    """Command 13 reads the sector's file under the new keys. The reader goes on to a verdict: refused."""
    reading = read_card(Rewriting(lambda n, command, real: answer if n >= 13 else real), limits=EXTENDED)
    assert reading.evidence.chip_fault == fault
    verdict = decide(reading.evidence)
    assert verdict.genuine.outcome is Outcome.FAILED
    assert reason in verdict.genuine.reasons


def test_a_card_with_another_chip_key() -> None:
    """The files of one card copied onto another: everything reads, and the chip is not proven."""
    learned: list[Limits] = []
    clone = replace(PERMIT.card_state(), chip_key=issue(chip="blank card").card_state().chip_key)
    verdict = decide(read_card(card_of(clone), on_limits=learned.append).evidence)
    assert verdict.genuine.reasons[0] is Reason.CHIP_NOT_PROVEN
    assert verdict.genuine.outcome is Outcome.FAILED
    assert learned == []


@pytest.mark.parametrize("tear", list(Tear))
@pytest.mark.parametrize("at", range(13))
def test_a_card_taken_away_at_any_command(at: int, tear: Tear) -> None:
    connection = TornConnection(InProcessConnection(PERMIT.card()), at=at, when=tear)
    assert reason_of(connection) is Reason.CARD_REMOVED


class Failing(Scripted):
    """A way to the card that fails at once."""

    def __init__(self, fault: TransportFault) -> None:
        super().__init__()
        self.fault = fault

    def transmit(self, command: bytes) -> bytes:
        raise TransportFailed("x", fault=self.fault)


@pytest.mark.parametrize("fault", list(TransportFault))
def test_every_transport_fault_has_a_reason(fault: TransportFault) -> None:
    assert reason_of(Failing(fault)) is TRANSPORT_REASONS[fault]


# --- reads that have to become shorter -----------------------------------------------------------------------


def at_most(limit: int) -> Callable[[int, bytes, bytes], bytes]:
    """A card that refuses, without protection, to answer more than `limit` bytes, and so loses its session."""

    def rewrite(n: int, command: bytes, answer: bytes) -> bytes:
        return b"\x67\x00" if len(answer) - 2 > limit else answer

    return rewrite


def test_a_chip_that_answers_192_bytes() -> None:
    learned: list[Limits] = []
    reading = read_card(Rewriting(at_most(192)), on_limits=learned.append)
    assert decide(reading.evidence).accepted
    assert learned[-1].max_response <= 192


def test_a_chip_that_answers_next_to_nothing() -> None:
    assert reason_of(Rewriting(at_most(20))) is Reason.CARD_FAULT


@pytest.mark.parametrize("length", [0xFFFF, 1025])
def test_a_length_that_the_file_cannot_have(length: int) -> None:
    state = PERMIT.card_state()
    active = bytearray(PERMIT.active)
    active[5:7] = length.to_bytes(2)
    state.files[RESIDENCE_PERMIT_V1.permit.name, RESIDENCE_PERMIT_V1.permit.file("EF.Active").fid] = bytes(active)
    assert reason_of(card_of(state)) is Reason.MALFORMED


def test_an_active_file_that_names_no_slot() -> None:
    state = PERMIT.card_state()
    state.files[RESIDENCE_PERMIT_V1.permit.name, RESIDENCE_PERMIT_V1.permit.file("EF.Active").fid] = bytes(ACTIVE_SIZE)
    assert reason_of(card_of(state)) is Reason.NOT_ACTIVATED


def test_a_malformed_mso_is_captured_and_refused() -> None:
    state = PERMIT.card_state()
    key = RESIDENCE_PERMIT_V1.permit.name, RESIDENCE_PERMIT_V1.permit.file("EF.MSO/A").fid
    state.files[key] = b"\xff" + state.files[key][1:]
    reading = read_card(card_of(state))
    verdict = decide(reading.evidence)
    assert verdict.genuine.reasons[0] is Reason.MALFORMED


def test_the_recorded_exchanges_are_the_protected_answers() -> None:
    chip = read_card(limits=Limits()).evidence.chip
    assert chip is not None
    for raw_command, raw_response in chip.exchanges:
        assert CommandApdu.parse(raw_command).ins == 0xB0
        assert ResponseApdu.parse(raw_response).data[:1] == b"\x87"
