"""What goes over the wire: strict on the way in, complete on the way out."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from ..acts.permits import ReplacementReason
from ..domain.checklist import Ground, Item
from ..domain.permit_life import Ending
from ..domain.roles import Role

BIGGEST = 2**53 - 1


def _printable(text: str) -> str:
    if not text.isprintable():
        raise ValueError("control characters are not taken")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("not text in UTF-8") from error
    return text


Id = Annotated[int, Field(ge=1, le=BIGGEST)]
Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Note = Annotated[str, Field(max_length=400), AfterValidator(_printable)]
Desk = Annotated[str, Field(max_length=32, pattern=r"^[A-Za-z0-9._-]*$", description="a desk; empty: the vault")]
PermitNumber = Annotated[str, Field(pattern=r"^[A-Z0-9]{4,20}$", max_length=20, examples=["RP0123456789"])]
Serial = Annotated[str, Field(pattern=r"^[0-9a-f]{20}$", max_length=20, examples=["00000000000000000001"])]
Version = Annotated[str, Field(pattern=r"^[0-9A-Za-z.-]{1,64}$", max_length=64, examples=["2026-1"])]
Day = Annotated[date, Field(ge=date(1850, 1, 1), le=date(2200, 1, 1))]


class In(BaseModel):
    """Anything that is handed in: unknown members are refused, nothing is coerced but texts of dates."""

    model_config = ConfigDict(extra="forbid")


class Out(BaseModel):
    """Anything that is answered."""

    model_config = ConfigDict(extra="forbid")


# --- problems and receipts


class FaultOut(Out):
    at: str = Field(description="where: body.address, query.limit, header.idempotency-key")
    what: str


class ProblemOut(Out):
    """RFC 9457 problem details."""

    type: str = Field(description="a page that explains it, relative to the service")
    title: str = Field(description="what happened, in the language of Accept-Language (zh or en)")
    status: int
    detail: str
    action: str = Field(description="what to do")
    instance: str = Field(description="the request, as in the log")
    code: str = Field(description="for programs")
    facts: dict[str, Any] | None = None
    errors: list[FaultOut] | None = None


class ReceiptOut(Out):
    """What an act came to. The same request with the same Idempotency-Key gives the same receipt, `replayed`."""

    act: str
    subject: str = Field(description="kind:id", examples=["application:17"])
    state: str = Field(description="the state that it is in now, where it has one")
    version: int = Field(description="for If-Match")
    data: dict[str, Any] = Field(description="what else there is to know, by the act")
    replayed: bool


# --- people and places


class SignIn(In):
    name: Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_printable)]
    password: Annotated[str, Field(min_length=1, max_length=256, json_schema_extra={"format": "password"})]
    desk: Desk = ""
    program: bool = Field(default=False, description="answer with a token for Authorization: Bearer, set no cookie")

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "li.registrar", "password": "correct horse battery", "desk": "desk-1"}]
        },
    )


class SessionOut(Out):
    operator: int
    name: str
    display_name: str
    role: Role
    district: int
    district_path: str
    desk: str
    csrf: str = Field(description="for the header X-CSRF-Token; empty for a program")
    token: str | None = Field(default=None, description="for programs, this one time")
    expires_in: int | None = None


class DistrictIn(In):
    code: Annotated[str, Field(min_length=1, max_length=32, pattern=r"^[A-Za-z0-9-]+$")]
    name: Line
    parent: Id


class DistrictOut(Out):
    id: int
    code: str
    name: str
    level: int = Field(description="1 city, 2 county or district, 3 town or sub-district, 4 village or community")
    parent: int | None
    path: str


class OperatorIn(In):
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{1,63}$", max_length=64)]
    display_name: Line
    role: Literal[Role.REGISTRAR, Role.APPROVER, Role.KEY_ADMINISTRATOR, Role.AUDITOR]
    district: Id
    password: Annotated[str, Field(min_length=1, max_length=256)]


class PasswordIn(In):
    password: Annotated[str, Field(min_length=1, max_length=256)]


class OperatorOut(Out):
    id: int
    name: str
    display_name: str
    role: Role
    district: int
    disabled: bool
    locked_until: datetime | None
    version: int


# --- holders


class Names(In):
    native: Line
    latin_surname: Line
    latin_given: Annotated[str, Field(max_length=200), AfterValidator(_printable)]


class HolderIn(In):
    """Who registers, and since when they live here."""

    district: Id
    names: Names
    sex: Literal["F", "M", "X"]
    birth_date: Day
    nationality: Annotated[str, Field(pattern=r"^[A-Z]{1,3}$", max_length=3)]
    ethnicity: Annotated[str, Field(max_length=60), AfterValidator(_printable)] = ""
    personal_number: Annotated[str, Field(max_length=40), AfterValidator(_printable)] = ""
    hukou_address: Annotated[str, Field(max_length=200), AfterValidator(_printable)] = ""
    address: Line
    residence_since: Day
    ground: Ground | None = None
    facts: dict[Annotated[str, Field(max_length=40)], str | int | None] = Field(
        default_factory=dict, max_length=40, description="what the rules look at: docs/RULES.md"
    )
    not_the_same: list[Id] = Field(
        default_factory=list, max_length=50, description="candidates that were compared and are other people"
    )

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "district": 4,
                    "names": {"native": "陈晓雯", "latin_surname": "CHEN", "latin_given": "XIAOWEN"},
                    "sex": "F",
                    "birth_date": "1991-04-17",
                    "nationality": "UTO",
                    "address": "新城区梧桐街道书香里8号2单元301室",
                    "residence_since": "2025-03-01",
                    "ground": "employment",
                    "facts": {"employment": "2025-03-01/..", "home": "2025-03-01/..", "home_kind": "rented"},
                }
            ]
        },
    )


class DuplicateCheck(In):
    names: Names
    sex: Literal["F", "M", "X"]
    birth_date: Day
    personal_number: Annotated[str, Field(max_length=40), AfterValidator(_printable)] = ""


class FactsIn(In):
    facts: dict[Annotated[str, Field(max_length=40)], str | int | None] = Field(max_length=40)


class HolderLine(Out):
    """A holder in a list: as little as it takes to know who it is."""

    id: int
    name_native: str
    name_latin: str
    birth_date: date
    sex: str
    district: int


class HolderOut(HolderLine):
    nationality: str
    ethnicity: str
    personal_number: str
    hukou_address: str
    address: str
    address_since: date
    residence_since: date
    eligible_from: date
    ground: Ground | None
    facts: dict[str, str | int | None]
    applications: list[int]
    permits: list[str]
    version: int


class HolderPage(Out):
    holders: list[HolderLine]
    next: str | None = Field(description="give it as `after` for the next page")


class Candidates(Out):
    certain: int | None = Field(description="the holder with this identity number")
    candidates: list[HolderLine] = Field(description="perhaps the same person, also across scripts")


# --- applications


class Handed(In):
    present: list[Item] = Field(max_length=8, description="what was handed in")

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"present": ["identity-document", "proof-of-address"]}]}
    )


class AcceptIn(In):
    present: list[Item] = Field(default_factory=list, max_length=8)
    ground: Ground | None = None


class Why(In):
    reason: Line


class ApplicationOut(Out):
    id: int
    holder: int
    kind: str
    state: str
    district: int
    present: list[Item]
    missing: list[Item]
    told_at: datetime | None
    permit: str | None
    registered_by: int
    accepted_by: int | None
    approved_by: int | None
    accepted_on: date | None
    due_on: date | None
    days_left: int | None
    extended: bool
    ready_at: datetime | None
    closed_at: datetime | None
    reason: str
    version: int


class ApplicationPage(Out):
    applications: list[ApplicationOut]
    next: str | None


class BlankIn(In):
    desk: Desk = ""
    serial: Serial | None = Field(default=None, description="the one in the reader; the next of the drawer if left out")
    district: Id | None = None


class HandOverIn(In):
    slip: Annotated[str, Field(pattern=r"^[0-9]{1,16}$", max_length=16)]


# --- permits


class GrantOut(Out):
    service: str
    valid_until: date | None = Field(description="null: not granted")
    rule_set: str
    explanation: dict[str, Any]


class PermitOut(Out):
    number: str
    holder: int
    state: str
    standing: str = Field(
        description="what state and calendar make of it: in-force, endorsement-missed, expired, lost, …"
    )
    district: int
    permit_class: int
    rule_set: str
    valid_from: date
    endorsed_until: date
    window_opens: date
    expires_on: date
    card: str | None = Field(description="serial of the live card")
    card_due: bool = Field(description="the card says something older: write it")
    grants: list[GrantOut]
    ended_on: date | None
    reason: str
    version: int


class PermitLine(Out):
    number: str
    holder: int
    endorsed_until: date
    standing: str
    reminded_for: date | None = Field(description="the endorsement that the holder was told of last")


class RemindIn(In):
    permits: list[PermitNumber] = Field(min_length=1, max_length=200)


class PermitPage(Out):
    permits: list[PermitLine]
    next: str | None


class InPerson(In):
    in_person: bool = Field(description="false: on the telephone")


class ReplaceIn(In):
    reason: ReplacementReason
    old_serial: Serial | None = Field(default=None, description="the old card, where it was handed in")
    desk: Desk = ""


class RevokeIn(In):
    reason: Line
    old_serial: Serial | None = None
    desk: Desk = ""


class TerminateIn(In):
    ending: Ending
    old_serial: Serial | None = None
    desk: Desk = ""


class AddressIn(In):
    address: Line
    since: Day


class NewAddressIn(In):
    address: Line
    since: Day
    district: Id | None = None


class EndorseIn(In):
    address: NewAddressIn | None = None


class MoveIn(In):
    district: Id


# --- stock


class StockIn(In):
    district: Id
    desk: Desk = ""
    serials: list[Serial] = Field(min_length=1, max_length=1000)
    note: Note = ""


class SpoilIn(In):
    reason: Line


class TakeBackIn(In):
    district: Id
    desk: Desk = ""


class DestroyIn(In):
    serials: list[Serial] = Field(min_length=1, max_length=1000)
    witness: Line


class DayIn(In):
    district: Id
    desk: Desk = ""
    counted: Annotated[int, Field(ge=0, le=1_000_000)]
    note: Note = ""


class CardOut(Out):
    serial: str
    state: str
    district: int
    desk: str
    permit: str | None
    application: int | None
    endorsed_until: date | None
    status: str | None = Field(description="what the status list says or will say: valid, invalid, suspended")
    published: bool | None
    reason: str
    version: int


class MovementOut(Out):
    at: datetime
    event: str
    from_state: str | None
    to_state: str
    district: int
    desk: str
    operator: int
    note: str


class CardHistory(CardOut):
    movements: list[MovementOut]


class CardPage(Out):
    cards: list[CardOut]
    next: str | None


class BalanceOut(Out):
    district: int
    desk: str
    day: date
    closed: bool
    received: int
    remaining: int = Field(description="blanks that must lie in the drawer")
    unresolved: int
    balanced: bool = Field(description="received = the sum of what the cards became")
    cards: dict[str, int] = Field(description="by state")


# --- writing cards


class RunIn(In):
    reader: Annotated[str, Field(pattern=r"^[A-Za-z0-9-]{1,32}$", max_length=32)]
    can: Annotated[str, Field(pattern=r"^[0-9]{6}$", max_length=6)] | None = Field(
        default=None, description="the number printed on the face; at issue a random one if left out"
    )


class PlanLine(Out):
    step: str
    file: str
    commands: int
    bytes: int


class RunProgress(Out):
    step: str
    file: str
    position: int
    steps: int
    bytes_done: int
    bytes_total: int
    seconds_left: float | None


class RunOut(Out):
    """A card being written. What counts stands in the journal; this is for whoever waits at the desk."""

    id: str
    kind: Literal["issue", "endorse"]
    state: Literal["running", "done", "failed"]
    reader: str
    permit: str
    plan: list[PlanLine]
    progress: RunProgress | None
    can: str | None = Field(description="for the face of the card, once it was read back; for who began the run only")
    changes: list[dict[str, str]] = Field(description="endorsing: old → new, as it stands on the card")
    serial: str | None
    resumed: bool
    seconds: float | None
    problem: ProblemOut | None


class RunEvent(Out):
    number: int
    at: datetime
    what: str
    file: str


class RunEvents(Out):
    events: list[RunEvent]
    next: int
    ended: bool


class ReaderOut(Out):
    name: str
    kind: Literal["image", "pcsc"]
    busy: bool


# --- rules, audit, keys, my card


class RuleSetOut(Out):
    version: str
    state: str
    digest: str
    created_at: datetime
    activated_at: datetime | None


class FindingOut(Out):
    path: str
    flaw: str
    subject: str
    severity: str


class LintOut(Out):
    version: str
    digest: str
    sound: bool
    findings: list[FindingOut]


class JobOut(Out):
    """A computation over all holders."""

    id: str
    state: Literal["running", "done", "failed"]
    done: int
    total: int
    result: dict[str, Any] | None


class RecordOut(Out):
    seq: int
    at: datetime
    act: str
    actor: str
    role: str
    place: str
    subject: str
    detail: dict[str, Any]
    hash: str


class RecordPage(Out):
    records: list[RecordOut]
    next: int | None


class VerifiedOut(Out):
    records: int
    seq: int
    hash: str
    checkpoints: int
    signed_seq: int = Field(description="up to here a checkpoint vouches")


class CheckpointOut(Out):
    seq: int
    at: datetime
    hash: str
    signed: str = Field(description="COSE_Sign1, hex: keep a copy elsewhere")


class KeyOut(Out):
    name: str
    purpose: str
    state: str
    active_until: datetime | None
    signatures: int
    cap: int | None


class KeysOut(Out):
    usable: bool = Field(description="this process can sign and write cards")
    why_not: str | None
    keys: list[KeyOut]


class MyCard(Out):
    """What is on a holder's card, and what is not, to be read by the holder."""

    permit: str
    standing: str
    name_native: str
    name_latin: str
    birth_date: date
    sex: str
    permit_class: int
    endorsed_until: date
    expires_on: date
    services: list[GrantOut]
    not_granted: list[GrantOut]
    said_by_card: date | None = Field(description="until when the card itself says that it is endorsed")
    card_due: bool
    never_on_it: list[str]


class Preview(Out):
    """What the rules give today, and why; nothing is changed."""

    eligible: bool | None = Field(description="null: facts are missing to say")
    permit_class: int | None
    rule_set: str
    assessment: dict[str, Any]
    lines: list[str] = Field(description="to be read aloud, in the language of Accept-Language")
    changes: list[dict[str, str]] = Field(default_factory=list, description="old → new")
