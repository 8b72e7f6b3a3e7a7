"""Endorsing an activated card: a fresh MSO and fresh items into the slot that does not count, then one UPDATE BINARY.

What the card says now is read as a counter would read it and must be genuine; a missed endorsement is no obstacle.
The new slot is cross-checked before it is written and compared byte for byte before EF.Active names it, so the card
holds the old endorsement or the new one, whenever the connection breaks.

A card whose keys are older than the card master key in use gets new ones first (`key_renewal`), also when nothing else
changes: an endorsement is the one time a year that a card comes to a desk.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.active import ActiveFile, decode_active, encode_active
from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from card_profiles.entitlements.mso import MobileSecurityObject, decode_mso
from card_profiles.entitlements.sector_files import PermitData, SectorEntitlements, decode_item, digest
from card_profiles.errors import CardError, CardMisbehaved
from card_profiles.lds import dg1
from card_profiles.model import Content, LifeCycle, Slot
from card_profiles.protocols.pace import Password
from keys.algorithms import Purpose
from keys.envelopes import cose
from keys.errors import DecodeError
from verifier.policy import AT_A_COUNTER, Check, Policy
from verifier.reason import Reason
from verifier.verify import verify

from . import assemble, crosscheck, plan, read_back
from .application import PermitApplication
from .assemble import StatusReference, Validity, civil_date
from .desk import Desk
from .errors import Refusal, Refused
from .journal import CardRecord, CardState, IntentKind, SignedBy
from .key_renewal import KeyRenewal
from .personalise import chunk_size
from .plan import Step, StepKind
from .progress import Meter, Told
from .resume import CardView
from .writer import CardWriter

SECTOR = SERVICE_SECTORS[0]
_NO_OBSTACLE = frozenset({Reason.ENDORSEMENT_MISSED, Reason.PERMIT_NOT_YET_VALID})


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a card says: last day, class, services with their last days, residence address."""

    until: date
    permit_class: int
    services: Mapping[str, date]
    address: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One line of old → new; empty where there is, or was, nothing."""

    name: str
    old: str
    new: str


Change = Callable[[Standing, date, date], Standing]
"""From what the card says, the day from which intervals count and the card's expiry, to what it shall say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """A genuine card as read. `serial` is 10 bytes, `expiry` and `document_number` from the MRZ."""

    active: ActiveFile
    mso: MobileSecurityObject
    permit: PermitData
    standing: Standing
    expiry: date
    document_number: str
    signer_revoked: bool = False
    """Whether its endorsement has to be signed anew, whatever it says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endorsed:
    """What came of it; `written` False when the card said all of it already, and has the keys it should have."""

    card: CardRecord
    differences: tuple[Difference, ...]
    until: date
    written: bool


def differences(old: Standing, new: Standing) -> tuple[Difference, ...]:
    """What changes, the services in the order of their codes."""
    lines = []
    if old.until != new.until:
        lines.append(Difference(name="valid until", old=old.until.isoformat(), new=new.until.isoformat()))
    if old.permit_class != new.permit_class:
        lines.append(Difference(name="class", old=str(old.permit_class), new=str(new.permit_class)))
    if old.address != new.address:
        lines.append(Difference(name="address", old=old.address, new=new.address))
    for code in sorted(old.services.keys() | new.services.keys()):
        before, after = (services.get(code) for services in (old.services, new.services))
        if before != after:
            texts = [day.isoformat() if day else "" for day in (before, after)]
            lines.append(Difference(name=code, old=texts[0], new=texts[1]))
    return tuple(lines)


def starts(card: CardRecord, today: date) -> date:
    """The day from which intervals count: the end of the last endorsement, or today if that has passed.

    The journal's word and not the card's: so a repetition after a cut comes to the same day.
    """
    return max(today, card.endorsed_until or today)


def by_application(application: PermitApplication) -> Change:
    """Class, services, address and last day of an application."""

    def change(old: Standing, start: date, expiry: date) -> Standing:
        return Standing(
            until=application.endorsed_until,
            permit_class=application.permit_class,
            services=dict(application.entitlements),
            address=application.address,
        )

    return change


def endorse(
    change: Change,
    desk: Desk,
    writer: CardWriter,
    password: Password,
    *,
    reader: str,
    permit_number: str | None = None,
    renews: bool = False,
    told: Told,
    show: Callable[[tuple[Difference, ...]], bool],
) -> Endorsed:
    """Endorse the card in reach. `show` sees old → new before anything is written, and may say no (False).

    With `permit_number` the card must be of that permit. `renews`: `change` takes nothing from what the card says, so
    a card whose signer was revoked since is signed anew (`read_card`). Raises Refused, TransportFailed; until the first
    byte is written, card and journal are as they were.
    """
    crosscheck.require_openssl()
    desk.check_ready()
    intent = desk.journal.begin(IntentKind.ENDORSE, permit_number=permit_number or "", reader=reader)
    try:
        card = writer.identify()
        desk.journal.identify(intent, card.serial)
        known = known_card(desk, card, permit_number)
        renewal = KeyRenewal.due(card, desk)
        current = read_card(desk, writer, password, known, renews=renews)
        today = civil_date(desk.now())
        wanted = change(current.standing, starts(known, today), current.expiry)
        _plausible(current.standing, wanted, today, current.expiry)
        lines = differences(current.standing, wanted)
        if current.signer_revoked:
            lines = (Difference(name="signature", old="revoked", new="new"), *lines)
        shown = lines
        if renewal is not None:
            shown = (*lines, Difference(name="card keys", old=f"{renewal.old:02X}", new=f"{renewal.new:02X}"))
        if not show(shown):
            desk.journal.withdraw(intent)
            return Endorsed(card=known, differences=shown, until=current.standing.until, written=False)
        if lines:
            files, active, validity = _assembled(desk, known, current, wanted)
        if shown:
            writer.fit_limits()
            _open(writer, desk, known)
    except (Refused, CardError):
        desk.journal.withdraw(intent)
        raise
    counter = current.active.update_counter
    if lines:
        _write(desk, writer, current, files, active, password, told, known.serial, validity, renewal)
        counter = active.update_counter
    elif renewal is not None:
        renewal.run(desk, writer, Meter(renewal.steps, told, desk.monotonic))
    desk.journal.endorsed(intent, known.serial, until=wanted.until, counter=counter)
    record = desk.journal.card(known.serial)
    assert record is not None
    return Endorsed(card=record, differences=shown, until=wanted.until, written=bool(shown))


def known_card(desk: Desk, card: CardView, permit_number: str | None) -> CardRecord:
    """The journal's row of an activated card, of that permit if named. Raises Refused for any other card."""
    serial = card.serial.hex()
    known = desk.journal.card(card.serial)
    refusal = {
        LifeCycle.BLANK: Refusal.NOT_PERSONALISED,
        LifeCycle.PERSONALISING: Refusal.HALF_WRITTEN,
        LifeCycle.TERMINATED: Refusal.CARD_TERMINATED,
    }.get(card.life_cycle)
    if refusal is not None:
        raise Refused(refusal, serial=serial)
    if known is None:
        raise Refused(Refusal.CARD_NOT_IN_JOURNAL, serial=serial)
    if known.state is CardState.VOID:
        raise Refused(Refusal.CARD_VOID, serial=serial, why=known.reason)
    if known.unresolved:
        raise Refused(Refusal.HALF_WRITTEN, serial=serial)
    if permit_number is not None and known.permit_number != permit_number:
        raise Refused(Refusal.OTHER_PERMIT, permit=known.permit_number, wanted=permit_number)
    return known


def read_card(
    desk: Desk, writer: CardWriter, password: Password, known: CardRecord, *, renews: bool = False
) -> Current:
    """What the card says, once it is genuine. Raises Refused(CARD_NOT_GENUINE, WRONG_READ_CODE).

    A signer that was revoked since may have been a thief: what it says is granted counts for nothing. Such a card is
    read only to be signed anew by an application (`renews`); who it is for, and which chip it is, the document signer
    must vouch for.
    """
    serial = known.serial.hex()
    reader = _reader(desk, _nobody)
    try:
        evidence = read_back.capture(writer, SECTOR, password, reader, serial=known.serial)
        policy = Policy(sector=SECTOR, catalogue=catalogue.load(), required=AT_A_COUNTER)
        against = set(verify(evidence, reader.trust, policy, now=desk.now()).reasons) - _NO_OBSTACLE
        signer_revoked = renews and Reason.SIGNER_REVOKED in against
        if signer_revoked:
            evidence = read_back.capture(writer, SECTOR, password, reader, serial=known.serial, identity=True)
            trust = reader.trust.despite_revocation(cose.parse(evidence.mso, tagged=False).kid or b"")
            policy = replace(policy, required=AT_A_COUNTER | {Check.PORTRAIT, Check.IDENTITY})
            against = set(verify(evidence, trust, policy, now=desk.now()).reasons) - _NO_OBSTACLE
        if against:
            raise Refused(Refusal.CARD_NOT_GENUINE, serial=serial, why=", ".join(sorted(against)))
        mso = decode_mso(cose.parse(evidence.mso, tagged=False).payload)
        permit = decode_item(evidence.permit, Sector.PERMIT).value
        assert isinstance(permit, PermitData)
        if (mso.status_index, permit.number) != (known.status_index, known.permit_number):
            raise Refused(Refusal.CARD_NOT_GENUINE, serial=serial, why="journal")
        active = decode_active(evidence.active)
        items = {SECTOR: evidence.sector_item, **_other_items(desk, writer, password, active)}
        services: dict[str, date] = {}
        address = ""
        for sector, raw in items.items():
            if digest(raw) != mso.value_digests[sector.digest_id]:
                raise Refused(Refusal.CARD_NOT_GENUINE, serial=serial, why=f"digest {sector}")
            value = decode_item(raw, sector).value
            assert isinstance(value, SectorEntitlements)
            services |= value.services
            address = address or value.address
        writer.select_secured(desk.profile.identity)
        zone = dg1.decode(writer.read(desk.profile.identity, "DG1", dg1.SIZE))
    except DecodeError as error:
        raise Refused(Refusal.CARD_NOT_GENUINE, serial=serial, why=error) from error
    except CardMisbehaved as error:
        raise Refused(Refusal.CARD_FAILED, step="read", error=error, serial=serial) from error
    standing = Standing(
        until=civil_date(mso.valid_until), permit_class=permit.permit_class, services=services, address=address
    )
    return Current(
        active=active,
        mso=mso,
        permit=permit,
        standing=standing,
        expiry=zone.expires,
        signer_revoked=signer_revoked,
        document_number=zone.document_number,
    )


def _other_items(desk: Desk, writer: CardWriter, password: Password, active: ActiveFile) -> dict[Sector, bytes]:
    """The sector files that the verifier's reader, being of one sector, did not read."""
    permit, slot = desk.profile.permit, Slot(active.slot)
    writer.open_pace(password)
    writer.select_secured(permit)
    names = {
        permit.by_content(Content.SECTOR, slot=slot, element=sector).name: sector for sector in SERVICE_SECTORS[1:]
    }
    lengths = {
        name: active.length(permit.by_content(Content.SECTOR, slot=Slot.A, element=sector).sfi)
        for name, sector in names.items()
    }
    return {names[name]: raw for name, raw in writer.read_all(permit, lengths).items()}


def _plausible(old: Standing, new: Standing, today: date, expiry: date) -> None:
    """Only what changes is judged: a service that ended long ago may stay on the card."""
    changed = {new.until} - {old.until}
    changed |= {until for code, until in new.services.items() if old.services.get(code) != until}
    for day in sorted(changed):
        if day < today:
            raise Refused(Refusal.DATE_PAST, value=day)
        if day > expiry:
            raise Refused(Refusal.AFTER_EXPIRY, value=day, expiry=expiry)


def _assembled(
    desk: Desk, known: CardRecord, current: Current, wanted: Standing
) -> tuple[dict[str, bytes], ActiveFile, Validity]:
    """The files of the spare slot, signed and cross-checked, and the EF.Active that will make it count."""
    validity = Validity.over(civil_date(desk.now()), wanted.until, now=desk.now())
    slot = Slot(current.active.spare)
    unsigned = assemble.permit(
        replace(current.permit, permit_class=wanted.permit_class),
        wanted.services,
        chip_key=current.mso.device_key,
        validity=validity,
        status=StatusReference(uri=current.mso.status_uri, index=current.mso.status_index),
        random=desk.random,
        address=wanted.address,
    )
    signer = desk.entitlement_signer()
    note = SignedBy(purpose=Purpose.ENTITLEMENT_SIGNER, kid=signer.kid, at=validity.signed)
    desk.journal.signed(known.serial, [note])
    files = assemble.slot_files(assemble.sign_permit(unsigned, signer), slot, desk.profile)
    active = assemble.activate_slot(current.active, files, desk.profile)
    candidate = crosscheck.Candidate(
        slot=slot,
        permit=files,
        active=encode_active(active),
        identity={},
        card_access=assemble.card_access(desk.profile),
    )
    crosscheck.check(candidate, desk.trust(), desk.profile, signed=validity.signed, begins=validity.begins)
    return files, active, validity


def _write(
    desk: Desk,
    writer: CardWriter,
    current: Current,
    files: Mapping[str, bytes],
    active: ActiveFile,
    password: Password,
    told: Told,
    serial: bytes,
    validity: Validity,
    renewal: KeyRenewal | None,
) -> None:
    permit = desk.profile.permit
    writes = plan.write_files(permit, files, chunk=chunk_size(writer))
    compare = Step(kind=StepKind.READ_BACK, application=permit.name, length=sum(map(len, files.values())))
    switch = plan.switch(permit, encode_active(active))
    opening, judge = Step(kind=StepKind.OPEN, application=permit.name), Step(kind=StepKind.READ_BACK)
    renewing = () if renewal is None else renewal.steps
    meter = Meter((*renewing, *writes, compare, opening, switch, judge), told, desk.monotonic)
    reader = _reader(desk, meter.add)
    step = opening

    def begun(next_one: Step) -> None:
        nonlocal step
        step = next_one
        meter.begin(next_one)

    if renewal is not None:
        renewal.run(desk, writer, meter)
    try:
        writer.update_all(writes, begun, meter.end)
        step = compare
        meter.begin(step)
        read_back.rest_of_permit(writer, files, password, reader, serial=serial)
        meter.end()
        for step in (opening, switch):
            meter.begin(step)
            writer.open(permit) if step is opening else writer.update(step)
            meter.end()
        step = judge
        meter.begin(step)
        try:
            evidence = read_back.capture(writer, SECTOR, password, reader, serial=serial)
            read_back.accept(evidence, reader, serial=serial, begins=validity.begins, required=AT_A_COUNTER)
        except Refused:
            # The old slot is whole: better the old endorsement than one that no counter takes.
            back = replace(current.active, update_counter=active.update_counter + 1)
            writer.open(permit)
            writer.update(plan.switch(permit, encode_active(back)))
            raise
        meter.end()
    except Refused as error:
        if error.reason is not Refusal.READ_BACK:
            raise
        raise Refused(Refusal.NOT_ENDORSED, serial=serial.hex(), file=error.details["file"]) from error
    except (CardMisbehaved, DecodeError) as error:
        raise Refused(Refusal.CARD_FAILED, step=f"{step.kind} {step.file}", error=error, serial=serial.hex()) from error


def _open(writer: CardWriter, desk: Desk, known: CardRecord) -> None:
    try:
        writer.open(desk.profile.permit)
    except Refused as error:
        raise Refused(error.reason, serial=known.serial.hex()) from error
    except CardMisbehaved as error:
        raise Refused(Refusal.CARD_FAILED, step="open", error=error, serial=known.serial.hex()) from error


def _reader(desk: Desk, told: Callable[[int], None]) -> read_back.Reader:
    return read_back.Reader(
        profile=desk.profile,
        trust=desk.trust(),
        now=desk.now,
        monotonic=desk.monotonic,
        random=desk.random,
        told=told,
    )


def _nobody(_: int) -> None:
    pass
