"""From a blank card to a permit in hand: the shell around plan, assembly and writer.

The order is what makes it safe. An intent stands in the journal before the first command; the card is bound to the
permit before the first command that changes it; nothing is written that was not cross-checked; everything is read back
before the last command, which alone puts the card in force; what is printed on the card is handed over before that.
So after a cut at any moment the same command, with the same card, goes on; or the card is voided with a reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from card_profiles.errors import CardError, CardMisbehaved
from card_profiles.model import Content, Slot
from card_profiles.protocols.pace import Password
from card_profiles.protocols.scp03 import max_plain
from keys.algorithms import Purpose
from keys.errors import DecodeError

from . import assemble, crosscheck, plan, read_back
from .application import PermitApplication
from .assemble import Signer, StatusReference, Validity, WholeCard
from .desk import Desk
from .errors import Refusal, Refused
from .journal import Binding, CardRecord, IntentKind, SignedBy
from .plan import CardContents, Step, StepKind
from .progress import Meter, Told
from .resume import CardView, Decision, decide
from .void import terminate
from .writer import CardWriter

HandOver = Callable[[str], None]
"""Takes the CAN for the card's face, before the card is in force; it may refuse, and then it never is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What to issue. `image` is as `photo.accept` gives it, `can` six digits, `reader` a name for the journal."""

    application: PermitApplication
    image: bytes = field(repr=False)
    can: str = field(repr=False)
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Issued:
    """A card in force. `resumed`: begun by an earlier run. `can` is empty when that run had handed it over."""

    card: CardRecord
    can: str = field(repr=False)
    resumed: bool
    size: int  # bytes of all files
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stand:
    """A signer for rehearsals: the real certificate, for its size, and a key of the moment."""

    kid: bytes
    certificate: bytes
    private_key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def of(cls, signer: Signer) -> _Stand:
        return cls(kid=signer.kid, certificate=signer.certificate, private_key=ec.generate_private_key(ec.SECP256R1()))


def rehearse(order: Order, desk: Desk) -> CardContents:
    """All that would be written, with a chip key and signatures that are worth nothing: the sizes are right.

    Uses no key of the authority. Raises Refused(CONTENT_TOO_LARGE).
    """
    chip_key = ec.generate_private_key(ec.SECP256R1()).public_key()
    card = assemble.whole_card(
        order.application,
        order.image,
        chip_key=chip_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint),
        validity=_validity(order, desk),
        status=StatusReference(uri=desk.status_uri, index=0xFFFF),
        office=desk.office,
        signers=(_Stand.of(desk.document_signer()), _Stand.of(desk.entitlement_signer())),
        profile=desk.profile,
        random=desk.random,
    )
    return CardContents(identity=card.identity, permit=card.permit)


def chunk_size(writer: CardWriter) -> int:
    """Bytes in one UPDATE BINARY under SCP03."""
    return max_plain(writer.channel.limits.max_data)


def issue(order: Order, desk: Desk, writer: CardWriter, *, told: Told, hand_over: HandOver) -> Issued:
    """Issue, or go on with what an earlier run began.

    Raises Refused, TransportFailed. Until the card is bound, card and journal are as they were.
    """
    begun = desk.monotonic()
    crosscheck.require_openssl()
    desk.check_ready()
    rehearsal = rehearse(order, desk)
    number = order.application.permit_number
    intent = desk.journal.begin(IntentKind.ISSUE, permit_number=number, reader=order.reader)
    try:
        card = writer.identify()
        desk.journal.identify(intent, card.serial)
        known = desk.journal.card(card.serial)
        outcome = decide(card, known, number, desk.profile)
        if outcome.decision is Decision.FOREIGN:
            assert outcome.refusal is not None
            raise _foreign(outcome.refusal, card, known)
        if outcome.decision in (Decision.FRESH, Decision.RESUME):
            _require_no_other_card(desk, number, card)
            writer.fit_limits()
            _open_permit(writer, card, desk)  # whoever cannot prove to know the keys is not bound
            record = desk.journal.bind(intent, card.serial, _binding(order, desk), desk.allocate)
        opened = outcome.decision is Decision.ALREADY_DONE and _opened_by(order.can, writer)
    except (Refused, CardError):
        desk.journal.withdraw(intent)
        raise
    if outcome.decision is Decision.ALREADY_DONE:
        if opened:
            hand_over(order.can)  # the run before this one may have ended with nobody having read it
        desk.journal.activated(intent, card.serial)
        can = order.can if opened else ""
        return _issued(order, desk, card, can=can, resumed=True, size=rehearsal.size, begun=begun)
    if outcome.decision is Decision.VOID:
        assert outcome.spoiled is not None
        terminate(desk, writer, card, intent=intent, reason=outcome.spoiled)
        raise Refused(Refusal.SPOILED, serial=card.serial.hex(), why=outcome.spoiled)
    meter = Meter(plan.issue(card, rehearsal, desk.profile, chunk=chunk_size(writer)), told, desk.monotonic)
    run = _Run(order, desk, writer, card, record, meter)
    contents = run.write()
    desk.journal.verified(card.serial)
    hand_over(order.can)
    run.put_in_force()
    desk.journal.activated(intent, card.serial)
    resumed = outcome.decision is Decision.RESUME
    return _issued(order, desk, card, can=order.can, resumed=resumed, size=contents.size, begun=begun)


class _Run:
    """The steps of one plan, on one card."""

    def __init__(
        self, order: Order, desk: Desk, writer: CardWriter, card: CardView, record: CardRecord, meter: Meter
    ) -> None:
        self._order = order
        self._desk = desk
        self._writer = writer
        self._card = card
        self._record = record
        self._meter = meter
        self._chip_key = b""
        self._contents: CardContents | None = None
        self._validity = _validity(order, desk)
        self._can = Password.from_can(order.can)
        self._mrz = Password.from_mrz(order.application.mrz_information)

    def write(self) -> CardContents:
        """Everything but the last step."""
        first, *rest = plan.prepare(self._card)
        self._meter.begin(first)  # the session that proved the keys is still up
        self._meter.end()
        for step in rest:
            self._do(step)
        self._do(Step(kind=StepKind.ASSEMBLE))
        assert self._contents is not None
        for kind, steps in groupby(
            plan.write(self._contents, self._desk.profile, chunk=chunk_size(self._writer)), key=lambda step: step.kind
        ):
            if kind is StepKind.WRITE:
                self._write_run(tuple(steps))
            else:
                for step in steps:
                    self._do(step)
        self._do(plan.finish(self._contents)[0])
        return self._contents

    def put_in_force(self) -> None:
        """ACTIVATE, in a session of its own."""
        assert self._contents is not None
        for step in plan.finish(self._contents)[1:]:
            self._do(step)

    def _do(self, step: Step) -> None:
        self._meter.begin(step)
        try:
            self._perform(step)
        except (CardMisbehaved, DecodeError) as error:
            raise self._failed(step, error) from error
        self._meter.end()

    def _write_run(self, steps: tuple[Step, ...]) -> None:
        at_hand = steps[0]

        def begun(step: Step) -> None:
            nonlocal at_hand
            at_hand = step
            self._meter.begin(step)

        try:
            self._writer.update_all(steps, begun, self._meter.end)
        except (CardMisbehaved, DecodeError) as error:
            raise self._failed(at_hand, error) from error

    def _failed(self, step: Step, error: Exception) -> Refused:
        what = f"{step.kind} {step.file}".strip()
        return Refused(Refusal.CARD_FAILED, step=what, error=error, serial=self._card.serial.hex())

    def _perform(self, step: Step) -> None:
        profile, writer = self._desk.profile, self._writer
        match step.kind:
            case StepKind.OPEN:
                writer.open(profile.identity if step.application == profile.identity.name else profile.permit)
            case StepKind.PUT_KEYS:
                writer.put_keys(self._card.serial)
            case StepKind.CHIP_KEY:
                self._chip_key = writer.chip_key()
            case StepKind.ASSEMBLE:
                self._contents = self._assemble()
            case StepKind.PASSWORD_CAN:
                writer.put_password(self._can)
            case StepKind.PASSWORD_MRZ:
                writer.put_password(self._mrz)
            case StepKind.READ_BACK:
                self._read_back()
            case StepKind.ACTIVATE:
                writer.activate()

    def _assemble(self) -> CardContents:
        """Sign for this chip, and let both implementations look at it."""
        desk = self._desk
        signers = desk.card_signers()
        purposes = (Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER)
        desk.journal.signed(
            self._card.serial,
            [
                SignedBy(purpose=purpose, kid=signer.kid, at=self._validity.signed)
                for purpose, signer in zip(purposes, signers, strict=True)
            ],
        )
        card = assemble.whole_card(
            self._order.application,
            self._order.image,
            chip_key=self._chip_key,
            validity=self._validity,
            status=StatusReference(uri=self._record.status_uri, index=self._record.status_index),
            office=desk.office,
            signers=signers,
            profile=desk.profile,
            random=desk.random,
        )
        candidate = _candidate(card, desk)
        crosscheck.check(
            candidate, desk.trust(), desk.profile, signed=self._validity.signed, begins=self._validity.begins
        )
        return CardContents(identity=card.identity, permit=card.permit)

    def _read_back(self) -> None:
        desk = self._desk
        assert self._contents is not None
        reader = read_back.Reader(
            profile=desk.profile,
            trust=desk.trust(),
            now=desk.now,
            monotonic=desk.monotonic,
            random=desk.random,
            told=self._meter.add,
        )
        read_back.whole_card(
            self._writer,
            self._contents,
            Slot.A,
            (self._can, self._mrz),
            reader,
            serial=self._card.serial,
            begins=self._validity.begins,
        )


def _candidate(card: WholeCard, desk: Desk) -> crosscheck.Candidate:
    active = desk.profile.permit.by_content(Content.ACTIVE).name
    return crosscheck.Candidate(
        slot=Slot.A,
        permit={name: raw for name, raw in card.permit.items() if name != active},
        active=card.active,
        identity=card.identity,
        card_access=assemble.card_access(desk.profile),
    )


def _validity(order: Order, desk: Desk) -> Validity:
    return Validity.over(order.application.valid_from, order.application.endorsed_until, now=desk.now())


def _binding(order: Order, desk: Desk) -> Binding:
    return Binding(
        permit_number=order.application.permit_number,
        profile_digest=desk.profile.digest(),
        valid_from=order.application.valid_from,
        endorsed_until=order.application.endorsed_until,
    )


def _require_no_other_card(desk: Desk, number: str, card: CardView) -> None:
    """The journal asks again when it binds; here the card has not even been asked to open a session."""
    live = desk.journal.live_card(number)
    if live is not None and live.serial != card.serial:
        reason = Refusal.PERMIT_UNRESOLVED if live.unresolved else Refusal.PERMIT_HAS_CARD
        raise Refused(reason, permit=number, serial=live.serial.hex())


def _open_permit(writer: CardWriter, card: CardView, desk: Desk) -> None:
    try:
        writer.open(desk.profile.permit)
    except Refused as error:
        raise Refused(error.reason, serial=card.serial.hex()) from error
    except CardMisbehaved as error:
        raise Refused(Refusal.CARD_FAILED, step=StepKind.OPEN, error=error, serial=card.serial.hex()) from error


def _opened_by(can: str, writer: CardWriter) -> bool:
    """Whether a card that is in force has this CAN. Raises TransportFailed."""
    try:
        writer.open_pace(Password.from_can(can))
    except (CardMisbehaved, DecodeError):
        return False
    return True


def _foreign(refusal: Refusal, card: CardView, known: CardRecord | None) -> Refused:
    return Refused(
        refusal,
        serial=card.serial.hex(),
        permit=known.permit_number if known else "-",
        why=known.reason if known else "-",
    )


def _issued(order: Order, desk: Desk, card: CardView, *, can: str, resumed: bool, size: int, begun: float) -> Issued:
    record = desk.journal.card(card.serial)
    assert record is not None
    return Issued(card=record, can=can, resumed=resumed, size=size, seconds=desk.monotonic() - begun)
