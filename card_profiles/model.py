"""What a card profile may say: frozen declarations, no callables, deny by default.

One declaration has three interpreters: the writer (`issuer.personalise`), the reader (`verifier.reader`) and the
software card (`card_profiles.softcard`). `card_profiles.reference` renders it as the reference page.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from enum import Enum, IntEnum, StrEnum
from hashlib import sha256


class LifeCycle(IntEnum):
    """Life-cycle status byte of the card (ISO/IEC 7816-4 Table 14), shown in the FCP under tag 8A."""

    BLANK = 0x01  # creation: transport keys, file system laid out, nothing personal
    PERSONALISING = 0x03  # initialisation: the authority's keys are on; unreadable without them
    ACTIVATED = 0x05  # operational
    TERMINATED = 0x0C  # for good


class Operation(StrEnum):
    """What a card can be asked, apart from reading and updating a file."""

    IDENTIFY = "INITIALIZE UPDATE"  # tells serial and key version
    OPEN_SCP03 = "EXTERNAL AUTHENTICATE"
    PUT_KEY = "PUT KEY"
    GENERATE_KEY = "GENERATE ASYMMETRIC KEY PAIR"
    READ_PUBLIC_KEY = "GENERATE ASYMMETRIC KEY PAIR (read public key)"
    PUT_PASSWORD = "PUT DATA (PACE password)"  # noqa: S105 - the name of a command
    PACE = "PACE"
    BAC = "BAC"
    CHIP_AUTHENTICATION = "Chip Authentication"
    ACTIVATE = "ACTIVATE"
    TERMINATE = "TERMINATE CARD USAGE"


class Condition(StrEnum):
    """Under which protection a command must come."""

    ALWAYS = "always"
    SECURE_MESSAGING = "PACE"  # secure messaging after PACE, or after BAC where the profile switches it on
    SCP03 = "SCP03"
    AFTER_SCP03 = "after SCP03"  # an SCP03 session was opened earlier in this power-up: the writer reads back


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Allows something in one life-cycle state, under one condition. What no grant allows is denied."""

    state: LifeCycle
    condition: Condition


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationRule:
    """The grants of one operation."""

    operation: Operation
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One row of the life cycle: in `source`, a successful `on` leads to `target`. Other successes change nothing."""

    source: LifeCycle
    on: Operation
    target: LifeCycle


class Content(StrEnum):
    """Which codec reads and writes a file; interpreters map it to functions."""

    SECURITY_INFOS = "SecurityInfos"
    ATR_INFO = "EF.ATR/INFO"
    DIRECTORY = "EF.DIR"
    COM = "EF.COM"
    DG1 = "DG1"
    DG2 = "DG2"
    DG11 = "DG11"
    DG12 = "DG12"
    DG14 = "DG14"
    SOD = "EF.SOD"
    ACTIVE = "EF.Active"
    MSO = "MobileSecurityObject"
    PERMIT = "permit item"
    SECTOR = "sector item"
    SIGNER_CERTIFICATE = "X.509 certificate"


class Slot(IntEnum):
    """Of the permit application's two sets of files one is active; an update writes the other."""

    A = 1
    B = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ElementaryFile:
    """A transparent elementary file.

    `fid` is the 2-byte file identifier, `sfi` the short one (1 to 30), `size` the bytes allotted to it. `element`
    is the mdoc data element that a permit or sector file holds. `initial` is content from initialisation.
    """

    name: str
    fid: int
    sfi: int
    size: int
    content: Content
    read: tuple[Grant, ...] = ()
    update: tuple[Grant, ...] = ()
    slot: Slot | None = None
    element: str = ""
    initial: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Application:
    """A DF with its AID (5 to 16 bytes; empty for the MF) and its files."""

    name: str
    aid: bytes
    files: tuple[ElementaryFile, ...]

    def file(self, name: str) -> ElementaryFile:
        """The file called `name`; KeyError if the application has none."""
        for file in self.files:
            if file.name == name:
                return file
        raise KeyError(f"{self.name} has no file {name}")

    def by_content(self, content: Content, *, slot: Slot | None = None, element: str = "") -> ElementaryFile:
        """The file that holds `content` (in `slot`, for `element`); KeyError if there is none."""
        for file in self.files:
            if file.content is content and file.slot in (slot, None) and file.element == element:
                return file
        raise KeyError(f"{self.name} has no {content} {element}")

    def slot_files(self, slot: Slot) -> tuple[ElementaryFile, ...]:
        """The files of one slot, in the order in which EF.Active lists their lengths."""
        return tuple(file for file in self.files if file.slot is slot)


@dataclass(frozen=True, slots=True, kw_only=True)
class PaceParameters:
    """One PACE variant on offer: protocol OID (dotted) and standardised domain parameter id (9303-11 §9.5.1)."""

    oid: str
    parameter_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Scp03Parameters:
    """GlobalPlatform Amendment D: `i` parameter, security level, length of each static key in bytes, key versions."""

    i: int
    level: int
    key_length: int
    transport_key_version: int
    authority_key_version: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CardProfile:
    """All that a kind of card is. `historical_bytes` are those of the ATR (ISO/IEC 7816-4 §12.1.1, category 80)."""

    name: str
    doc_type: str
    namespace: str
    historical_bytes: bytes
    max_command: int
    max_response: int
    pace: tuple[PaceParameters, ...]
    bac: bool
    chip_key_id: int
    chip_key_parameter_id: int
    scp03: Scp03Parameters
    master_file: Application
    identity: Application
    permit: Application
    operations: tuple[OperationRule, ...]
    life_cycle: tuple[Transition, ...]

    @property
    def applications(self) -> tuple[Application, ...]:
        """Those that are selected by AID."""
        return (self.identity, self.permit)

    @property
    def atr(self) -> bytes:
        """3B 8n 80 01, the historical bytes, TCK: what PC/SC gives contactless cards (PC/SC part 3 §3.1.3.2.3)."""
        body = bytes((0x80 | len(self.historical_bytes), 0x80, 0x01)) + self.historical_bytes
        check = 0
        for byte in body:
            check ^= byte
        return b"\x3b" + body + bytes((check,))

    def sector_elements(self) -> tuple[str, ...]:
        """Names of the sector data elements, in file order."""
        return tuple(file.element for file in self.permit.slot_files(Slot.A) if file.content is Content.SECTOR)

    def grants(self, operation: Operation) -> tuple[Grant, ...]:
        """Who may ask for `operation`; empty when nobody."""
        return next((rule.grants for rule in self.operations if rule.operation is operation), ())

    def after(self, state: LifeCycle, operation: Operation) -> LifeCycle:
        """The life-cycle state once `operation` has succeeded in `state`."""
        for row in self.life_cycle:
            if row.source is state and row.on is operation:
                return row.target
        return state

    def digest(self) -> bytes:
        """SHA-256 (32 bytes) of the whole declaration: it goes into the record of every card."""
        return sha256(_canonical(self).encode()).digest()


def _canonical(value: object) -> str:
    if is_dataclass(value):
        inner = ",".join(f"{field.name}={_canonical(getattr(value, field.name))}" for field in fields(value))
        return f"{type(value).__name__}({inner})"
    if isinstance(value, tuple):
        return "[" + ",".join(_canonical(item) for item in value) + "]"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    return repr(value)
