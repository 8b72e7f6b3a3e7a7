"""Reading a written card as a counter would: PACE with what is printed on it, every byte compared, a verdict.

The verifier's reader captures the evidence of one sector with Chip Authentication, portrait and the whole identity
application; a second session, with the other password, reads what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from card_profiles.errors import TransportFailed
from card_profiles.model import CardProfile, Content, Slot
from card_profiles.protocols.pace import Password
from keys.trust import TrustStore
from verifier.card_files import Progress
from verifier.evidence import Evidence
from verifier.policy import AT_A_COUNTER, Check, Policy
from verifier.read_failed import ReadFailed
from verifier.reader import Request, read
from verifier.reason import Reason
from verifier.verify import verify

from .errors import Refusal, Refused
from .plan import CardContents
from .writer import CardWriter

FULL = AT_A_COUNTER | {Check.PORTRAIT, Check.IDENTITY}
_SECTOR = SERVICE_SECTORS[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """What reading takes beside the card. `told` hears bytes as they arrive."""

    profile: CardProfile
    trust: TrustStore
    now: Callable[[], datetime]
    monotonic: Callable[[], float]
    random: Callable[[int], bytes] = field(repr=False)
    told: Callable[[int], None]


def whole_card(
    writer: CardWriter,
    contents: CardContents,
    slot: Slot,
    passwords: tuple[Password, Password],
    reader: Reader,
    *,
    serial: bytes,
    begins: datetime,
) -> None:
    """Read everything with the first of `passwords`, the rest with the second. Raises Refused(READ_BACK)."""
    try:
        evidence = capture(writer, _SECTOR, passwords[0], reader, serial=serial, identity=True)
    except Refused as refused:
        raise Refused(Refusal.READ_BACK, serial=serial.hex(), file=refused.details.get("file", "CAN")) from refused
    permit = dict(contents.permit)
    found = _captured(evidence, slot, reader.profile)
    for name, raw in found.items():
        _compare(name, raw, permit.pop(name, b""), serial)
    for name, expected in contents.identity.items():
        _compare(name, evidence.identity.get(name, b""), expected, serial)
    rest_of_permit(writer, permit, passwords[1], reader, serial=serial)
    accept(evidence, reader, serial=serial, begins=begins, required=FULL)


def capture(
    writer: CardWriter, sector: Sector, password: Password, reader: Reader, *, serial: bytes, identity: bool = False
) -> Evidence:
    """The evidence of one check, by the verifier's own reader.

    Raises Refused(WRONG_READ_CODE, READ_BACK), and TransportFailed as it came.
    """
    writer.to_master_file()
    seen = 0
    at_hand = ""

    def tell(progress: Progress) -> None:
        nonlocal seen, at_hand
        if progress.file != at_hand:
            seen, at_hand = 0, progress.file
        reader.told(progress.done - seen)
        seen = progress.done

    request = Request(
        profile=reader.profile,
        sector=sector,
        password=password,
        captured=reader.now().replace(microsecond=0),
        knows_signer=reader.trust.knows,
        random=reader.random,
        portrait=identity,
        identity=identity,
    )
    try:
        return read(
            writer.connection, request, clock=reader.monotonic, limits=writer.channel.limits, progress=tell
        ).evidence
    except ReadFailed as failed:
        if isinstance(failed.__cause__, TransportFailed):
            raise failed.__cause__ from failed
        if failed.reason is Reason.WRONG_PASSWORD:
            raise Refused(Refusal.WRONG_READ_CODE) from failed
        raise Refused(Refusal.READ_BACK, serial=serial.hex(), file=f"{failed.reason} {failed.number}") from failed


def rest_of_permit(
    writer: CardWriter, expected: Mapping[str, bytes], password: Password, reader: Reader, *, serial: bytes
) -> None:
    """Files of the permit application over a PACE session of our own, compared. Raises Refused(READ_BACK)."""
    writer.open_pace(password)
    writer.select_secured(reader.profile.permit)
    files = writer.read_all(reader.profile.permit, {name: len(content) for name, content in expected.items()})
    for name, content in expected.items():
        reader.told(len(files[name]))
        _compare(name, files[name], content, serial)


def accept(evidence: Evidence, reader: Reader, *, serial: bytes, begins: datetime, required: frozenset[Check]) -> None:
    """A counter's verdict; a permit that begins later may fail for that reason alone. Raises Refused(READ_BACK)."""
    now = reader.now()
    policy = Policy(sector=Sector(evidence.sector), catalogue=catalogue.load(), required=required)
    verdict = verify(evidence, reader.trust, policy, now=now)
    against = set(verdict.reasons)
    if begins > now:
        against.discard(Reason.PERMIT_NOT_YET_VALID)
    if against or not (verdict.accepted or begins > now):
        raise Refused(Refusal.READ_BACK, serial=serial.hex(), file=", ".join(sorted(against)))


def _captured(evidence: Evidence, slot: Slot, profile: CardProfile) -> dict[str, bytes]:
    """The permit files in `evidence` by their names; an empty one was not read."""
    permit = profile.permit
    found = {
        permit.by_content(Content.ACTIVE).name: evidence.active,
        permit.by_content(Content.MSO, slot=slot).name: evidence.mso,
        permit.by_content(Content.PERMIT, slot=slot, element="permit").name: evidence.permit,
        permit.by_content(Content.SIGNER_CERTIFICATE, slot=slot).name: evidence.signer_certificate,
        permit.by_content(Content.SECTOR, slot=slot, element=evidence.sector).name: evidence.sector_item,
    }
    return {name: raw for name, raw in found.items() if raw}


def _compare(name: str, raw: bytes, expected: bytes, serial: bytes) -> None:
    if raw != expected:
        raise Refused(Refusal.READ_BACK, serial=serial.hex(), file=name)
