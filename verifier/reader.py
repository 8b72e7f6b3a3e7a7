"""Reads a card as a counter does, and captures evidence (steps 1 to 3, and the card's part of 8 and 9).

The reader decides nothing that the verdict depends on. It stops only where it cannot go on; whatever looks wrong in
what it read is captured, and `verifier.verify` says so. When Chip Authentication fails, that is evidence too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from card_profiles.entitlements.active import SIZE as ACTIVE_SIZE
from card_profiles.entitlements.active import ActiveFile, ActiveSlot, decode_active
from card_profiles.entitlements.catalogue import Sector
from card_profiles.errors import CardFault, CardMisbehaved, TransportFailed
from card_profiles.iso7816 import commands, tlv
from card_profiles.iso7816.apdu import SHORT_NE
from card_profiles.iso7816.connection import Channel, Connection, CountingConnection, Limits
from card_profiles.iso7816.exchange import run
from card_profiles.iso7816.status import StatusWord
from card_profiles.model import CardProfile, Content, LifeCycle
from card_profiles.protocols import chip_authentication, pace
from card_profiles.protocols.pace import Password
from card_profiles.protocols.security_infos import Oid, PaceInfo, SecurityInfos
from keys.errors import DecodeError

from .card_files import CardFiles, Progress, Recorder
from .evidence import ChipTranscript, Evidence
from .read_failed import TRANSPORT_REASONS, ReadFailed, card_reason
from .reason import Reason
from .unverified import Claims, claims, portrait_length
from .verdict import Step

T = TypeVar("T")

_MAX_SESSIONS = 4  # each time with shorter reads; a card that dislikes even 64 bytes is broken
_HIDDEN = (
    StatusWord.FILE_NOT_FOUND,
    StatusWord.SECURITY_STATUS_NOT_SATISFIED,
    StatusWord.CONDITIONS_NOT_SATISFIED,
    StatusWord.NO_CURRENT_FILE,
)
_LIFE_CYCLE_TAG = 0x8A  # ISO/IEC 7816-4 Table 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to read. `knows_signer` tells whether trust data has the signer with this kid."""

    profile: CardProfile
    sector: Sector
    password: Password
    captured: datetime
    knows_signer: Callable[[bytes], bool]
    random: Callable[[int], bytes]
    portrait: bool = False
    identity: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Evidence and what it took: steps with their times, commands, bytes to and from the card."""

    evidence: Evidence
    steps: tuple[Step, ...]
    commands: int
    bytes_sent: int
    bytes_received: int


def read(
    connection: Connection,
    request: Request,
    *,
    clock: Callable[[], float],
    limits: Limits | None = None,
    on_limits: Callable[[Limits], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
    before_portrait: Callable[[Evidence], None] | None = None,
) -> Reading:
    """Read the card in reach. `clock` gives seconds, for the times of the steps.

    `limits` are what is known of this kind of card, from its ATR otherwise; `on_limits` hears when a card needed
    shorter reads. `before_portrait` hears what steps 1 to 8 captured, before step 9. Raises `ReadFailed`.
    """
    counting = CountingConnection(connection)
    learned: list[Limits] = []
    channel = Channel(counting, limits or Limits.from_atr(connection.atr), on_limits=learned.append)
    session = _Session(channel, request, clock, progress or _ignore, before_portrait or _ignore)
    for _ in range(_MAX_SESSIONS):
        try:
            evidence = session.read()
            break
        except _ShorterReads:
            _reset(channel, session.number)
    else:
        raise ReadFailed(Reason.CARD_FAULT, session.number, "every read is refused")
    if learned and on_limits is not None and not evidence.chip_fault:
        on_limits(channel.limits)  # only now: a copy that refuses reads must teach us nothing about its kind
    return Reading(
        evidence=evidence,
        steps=tuple(session.steps),
        commands=counting.commands,
        bytes_sent=counting.bytes_sent,
        bytes_received=counting.bytes_received,
    )


def _ignore(_: object) -> None:
    pass


def unusable(channel: Channel, profile: CardProfile) -> Reason | None:
    """What the card in reach tells to anybody: OTHER_CARD, NOT_ACTIVATED, TERMINATED, or None: it may be read.

    Ends a session and selects the permit application: reset the card before `read`. Raises CardMisbehaved,
    TransportFailed.
    """
    channel.secure = None
    response = channel.send(commands.select_application(profile.permit.aid, fcp=True))
    if response.sw == StatusWord.TERMINATION_WARNING:
        return Reason.TERMINATED
    if not response.ok:
        return Reason.OTHER_CARD
    reasons: dict[LifeCycle | None, Reason] = {
        LifeCycle.BLANK: Reason.NOT_ACTIVATED,
        LifeCycle.PERSONALISING: Reason.NOT_ACTIVATED,
        LifeCycle.TERMINATED: Reason.TERMINATED,
    }
    return reasons.get(_life_cycle(response.data))


def _reset(channel: Channel, number: str) -> None:
    channel.secure = None
    try:
        channel.connection.reset()
    except TransportFailed as error:
        raise ReadFailed(TRANSPORT_REASONS[error.fault], number, str(error)) from error


class _ShorterReads(Exception):
    """The card refused a read under secure messaging, which ended the session; shorter ones are in force now."""


class _Session:
    """One power-up of the card."""

    def __init__(
        self,
        channel: Channel,
        request: Request,
        clock: Callable[[], float],
        progress: Callable[[Progress], None],
        before_portrait: Callable[[Evidence], None],
    ) -> None:
        self._channel = channel
        self._before_portrait = before_portrait
        self._request = request
        self._profile = request.profile
        self._clock = clock
        self._progress = progress
        self._files = CardFiles(channel, request.profile, progress)
        self._begun_with = channel.limits
        self.steps: list[Step] = []
        self.number = "1"

    def read(self) -> Evidence:
        """All of it, in the order of docs/VERIFICATION.md."""
        self.steps.clear()
        evidence = Evidence(
            profile=self._profile.name,
            captured=self._request.captured,
            sector=self._request.sector,
            atr=self._channel.connection.atr,
        )
        evidence, info = self._step("1", lambda: self._card_access(evidence))
        self._step("2", lambda: self._pace(info))
        evidence, active, claim = self._step("3", lambda: self._permit(evidence))
        evidence = self._step("8", lambda: self._chip(evidence, active, claim))
        self._before_portrait(evidence)
        if self._request.portrait and not evidence.chip_fault:
            evidence = self._step("9a", lambda: self._portrait(evidence))
        if self._request.identity and not evidence.chip_fault:
            evidence = self._step("9b", lambda: self._identity(evidence))
        return evidence

    def _step(self, number: str, act: Callable[[], T]) -> T:
        self.number = self._files.number = number
        self._progress(Progress(number=number))
        begin = self._clock()
        try:
            result = act()
        except CardMisbehaved as error:
            if error.fault is CardFault.TOO_SHORT:  # whatever the length of the reads
                raise ReadFailed(Reason.MALFORMED, number, str(error)) from error
            if error.sw in commands.LE_TOO_LARGE and self._channel.secure is not None and self._shorter():
                raise _ShorterReads from error
            raise self._failed(error) from error
        except TransportFailed as error:
            raise ReadFailed(TRANSPORT_REASONS[error.fault], number, str(error)) from error
        milliseconds = (self._clock() - begin) * 1000
        self.steps.append(replace(Step.passed(number), milliseconds=milliseconds))
        return result

    def _shorter(self) -> bool:
        """Whether shorter reads than the last session's can be tried."""
        return self._channel.limits != self._begun_with or self._channel.lower_limits()

    # --- step 1 ------------------------------------------------------------------------------------------------

    def _card_access(self, evidence: Evidence) -> tuple[Evidence, PaceInfo]:
        """In the clear: the MF is current after a reset. Le 00 asks for all there is, at most 256 bytes."""
        self._begun_with = self._channel.limits
        file = self._profile.master_file.by_content(Content.SECURITY_INFOS)
        response = self._channel.send(commands.read_binary(sfi=file.sfi, ne=SHORT_NE))
        if not response.data or response.sw not in (StatusWord.OK, StatusWord.END_OF_FILE):
            hidden = response.ok or response.sw in _HIDDEN
            otherwise = Reason.PACE_REQUIRED if hidden else Reason.CARD_FAULT
            raise self._diagnosed(otherwise, f"EF.CardAccess: {response.sw:04X}")
        try:
            offers = SecurityInfos.decode(response.data).pace
        except DecodeError as error:
            raise self._diagnosed(Reason.PACE_REQUIRED, str(error)) from error
        # Only what the profile lists, whatever else the card offers: EF.CardAccess is not signed.
        for wanted in self._profile.pace:
            for info in offers:
                if (info.oid, info.parameter_id) == (wanted.oid, wanted.parameter_id):
                    self._read_limits()
                    return replace(evidence, card_access=response.data), info
        raise self._diagnosed(Reason.PACE_REQUIRED, "no PACE parameters of the profile")

    def _read_limits(self) -> None:
        """EF.ATR/INFO pays only before a long file: one command that saves several."""
        if not (self._request.portrait or self._request.identity) or not self._channel.limits.extended:
            return
        if self._channel.limits != Limits.from_atr(self._channel.connection.atr):
            return  # the caller knows better
        file = self._profile.master_file.by_content(Content.ATR_INFO)
        response = self._channel.send(commands.read_binary(sfi=file.sfi, ne=SHORT_NE))
        try:
            self._channel.limits = Limits.from_atr_info(response.data)
        except DecodeError:
            return  # a hint; without it the limits of the ATR stay
        self._begun_with = self._channel.limits

    def _diagnosed(self, otherwise: Reason, detail: str) -> ReadFailed:
        """Why the card does not let us in: another kind of card, not activated, terminated, or `otherwise`."""
        try:
            reason = unusable(self._channel, self._profile)
        except CardMisbehaved:
            reason = Reason.OTHER_CARD
        return ReadFailed(reason or otherwise, self.number, detail)

    def _failed(self, error: CardMisbehaved) -> ReadFailed:
        detail = str(error)
        if self.number in ("1", "2"):
            try:
                return self._diagnosed(card_reason(error.fault), detail)
            except TransportFailed as lost:
                return ReadFailed(TRANSPORT_REASONS[lost.fault], self.number, str(lost))
        return ReadFailed(card_reason(error.fault), self.number, detail)

    # --- step 2 ------------------------------------------------------------------------------------------------

    def _pace(self, info: PaceInfo) -> None:
        exchange = pace.terminal(info, self._request.password, self._request.random)
        self._channel.secure = run(exchange, self._channel.send)

    # --- step 3 ------------------------------------------------------------------------------------------------

    def _permit(self, evidence: Evidence) -> tuple[Evidence, ActiveFile, Claims | None]:
        application = self._profile.permit
        self._files.select(application)
        raw = self._files.exact(application.by_content(Content.ACTIVE), ACTIVE_SIZE)
        try:
            active = decode_active(raw)
        except DecodeError as error:
            raise ReadFailed(Reason.MALFORMED, self.number, str(error)) from error
        if active.slot is ActiveSlot.NONE:
            raise ReadFailed(Reason.NOT_ACTIVATED, self.number, "EF.Active names no slot")
        mso = self._files.of_slot(active, Content.MSO)
        permit = self._files.of_slot(active, Content.PERMIT, "permit")
        evidence = replace(evidence, active=raw, mso=mso, permit=permit)
        claim = claims(mso)
        if claim is not None and not self._request.knows_signer(claim.kid):
            certificate = self._files.of_slot(active, Content.SIGNER_CERTIFICATE)
            evidence = replace(evidence, signer_certificate=certificate)
        return evidence, active, claim

    # --- step 8 ------------------------------------------------------------------------------------------------

    def _chip(self, evidence: Evidence, active: ActiveFile, claim: Claims | None) -> Evidence:
        """A failure of the card here is what the verdict is about, so it is captured and not raised."""
        if claim is None:
            return evidence
        recorder: Recorder | None = None
        limits = self._channel.limits
        item, fault, private = b"", "", b""
        try:
            exchange = chip_authentication.terminal(
                claim.device_key, key_id=self._profile.chip_key_id, random=self._request.random
            )
            result = run(exchange, self._channel.send)
            private = result.ephemeral_private
            recorder = Recorder(result.secure_messaging)
            self._channel.secure = recorder
            item = self._files.of_slot(active, Content.SECTOR, self._request.sector)
        except CardMisbehaved as error:
            # Never a matter of length: the MSO, which is longer than any sector file, was read by these limits.
            self._channel.limits = limits
            fault = error.fault
        if recorder is None:
            return replace(evidence, chip_fault=fault)
        transcript = ChipTranscript(
            oid=Oid.ID_CA_ECDH_AES_CBC_CMAC_128,
            key_id=self._profile.chip_key_id,
            ephemeral_private=private,
            exchanges=tuple(recorder.exchanges),
        )
        return replace(evidence, sector_item=item, chip=transcript, chip_fault=fault)

    # --- step 9 ------------------------------------------------------------------------------------------------

    def _portrait(self, evidence: Evidence) -> Evidence:
        length = portrait_length(evidence.permit)
        if length is None:
            return evidence
        self._files.select(self._profile.identity)
        return replace(evidence, identity={"DG2": self._dg2(length)})

    def _dg2(self, length: int) -> bytes:
        """DG2 in the length that was signed; a shorter one is somebody else's, captured as it is for the verdict."""
        file = self._profile.identity.file("DG2")
        try:
            return self._files.exact(file, length)
        except CardMisbehaved as error:
            if error.fault is not CardFault.TOO_SHORT:
                raise
        return self._files.template(file)

    def _identity(self, evidence: Evidence) -> Evidence:
        files = dict(evidence.identity)
        if not files:
            self._files.select(self._profile.identity)
        length = portrait_length(evidence.permit)
        for file in self._profile.identity.files:
            if file.name in files:
                continue
            if file.name == "DG2" and length is not None:
                files[file.name] = self._dg2(length)
            elif content := self._files.template(file):
                files[file.name] = content
        return replace(evidence, identity=files)


def _life_cycle(control_parameters: bytes) -> LifeCycle | None:
    """The life cycle status byte in template 62; None when it says nothing that we know."""
    try:
        found = tlv.find(tlv.unwrap(control_parameters, 0x62).children(), _LIFE_CYCLE_TAG)
        return LifeCycle(found.value[0]) if found is not None and len(found.value) == 1 else None
    except ValueError:  # DecodeError is one
        return None
