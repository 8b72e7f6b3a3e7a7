"""The profile `residence_permit_v1`: two applications on one chip, declared.

Identity is an ICAO Doc 9303 LDS 1 application, written once. The permit application changes during the card's life: its
files stand in two slots, and EF.Active says in one UPDATE BINARY which slot counts. docs/CARD_PROFILE.md is generated
from this module.
"""

from __future__ import annotations

from .model import (
    Application,
    CardProfile,
    Condition,
    Content,
    ElementaryFile,
    Grant,
    LifeCycle,
    Operation,
    OperationRule,
    PaceParameters,
    Scp03Parameters,
    Slot,
    Transition,
)

BLANK, PERSONALISING, ACTIVATED, TERMINATED = LifeCycle

# --- who may do what ----------------------------------------------------------------------------------------

ANYONE = tuple(Grant(state=state, condition=Condition.ALWAYS) for state in (BLANK, PERSONALISING, ACTIVATED))
READER = (
    Grant(state=PERSONALISING, condition=Condition.SECURE_MESSAGING),
    Grant(state=ACTIVATED, condition=Condition.SECURE_MESSAGING),
)
WRITER_ONCE = (Grant(state=PERSONALISING, condition=Condition.SCP03),)
WRITER_ALWAYS = (
    Grant(state=PERSONALISING, condition=Condition.SCP03),
    Grant(state=ACTIVATED, condition=Condition.SCP03),
)

OPERATIONS = (
    OperationRule(operation=Operation.IDENTIFY, grants=(*ANYONE, Grant(state=TERMINATED, condition=Condition.ALWAYS))),
    OperationRule(operation=Operation.OPEN_SCP03, grants=ANYONE),
    # Also when activated: the card master key is rotated at the next endorsement.
    OperationRule(operation=Operation.PUT_KEY, grants=(Grant(state=BLANK, condition=Condition.SCP03), *WRITER_ALWAYS)),
    OperationRule(operation=Operation.GENERATE_KEY, grants=WRITER_ONCE),
    OperationRule(operation=Operation.READ_PUBLIC_KEY, grants=WRITER_ALWAYS),
    OperationRule(operation=Operation.PUT_PASSWORD, grants=WRITER_ONCE),
    # A card that is not activated lets nobody in but the writer, who reads it back before activating it.
    OperationRule(
        operation=Operation.PACE,
        grants=(
            Grant(state=PERSONALISING, condition=Condition.AFTER_SCP03),
            Grant(state=ACTIVATED, condition=Condition.ALWAYS),
        ),
    ),
    OperationRule(operation=Operation.CHIP_AUTHENTICATION, grants=READER),
    OperationRule(operation=Operation.ACTIVATE, grants=WRITER_ONCE),
    OperationRule(
        operation=Operation.TERMINATE, grants=(Grant(state=BLANK, condition=Condition.SCP03), *WRITER_ALWAYS)
    ),
)

LIFE_CYCLE = (
    Transition(source=BLANK, on=Operation.PUT_KEY, target=PERSONALISING),
    Transition(source=PERSONALISING, on=Operation.ACTIVATE, target=ACTIVATED),
    Transition(source=BLANK, on=Operation.TERMINATE, target=TERMINATED),
    Transition(source=PERSONALISING, on=Operation.TERMINATE, target=TERMINATED),
    Transition(source=ACTIVATED, on=Operation.TERMINATE, target=TERMINATED),
)

# --- the MF -------------------------------------------------------------------------------------------------

IDENTITY_AID = bytes.fromhex("A0000002471001")  # 9303-10 §3.1
PERMIT_AID = bytes.fromhex("F05245535045524D01")  # F0, "RESPERM", version 1
MAX_COMMAND = 2048  # command data bytes in one extended-length APDU
MAX_RESPONSE = 32767

MASTER_FILE = Application(
    name="MF",
    aid=b"",
    files=(
        # Content follows from `pace` below: written when the card is initialised.
        ElementaryFile(
            name="EF.CardAccess", fid=0x011C, sfi=0x1C, size=64, content=Content.SECURITY_INFOS, read=ANYONE
        ),
        ElementaryFile(
            name="EF.ATR/INFO",
            fid=0x2F01,
            sfi=0x01,
            size=32,
            content=Content.ATR_INFO,
            read=ANYONE,
            # ISO/IEC 7816-4 §12.7.1: 7F66, extended-length information: largest command, largest response.
            initial=bytes.fromhex("7F6608")
            + b"\x02\x02"
            + MAX_COMMAND.to_bytes(2)
            + b"\x02\x02"
            + MAX_RESPONSE.to_bytes(2),
        ),
        ElementaryFile(
            name="EF.DIR",
            fid=0x2F00,
            sfi=0x1E,
            size=64,
            content=Content.DIRECTORY,
            read=ANYONE,
            # ISO/IEC 7816-4 §12.2.2: one application template 61{4F AID} each.
            initial=b"\x61\x09\x4f\x07" + IDENTITY_AID + b"\x61\x0b\x4f\x09" + PERMIT_AID,
        ),
    ),
)

# --- identity: ICAO Doc 9303-10 -----------------------------------------------------------------------------


def _identity(name: str, fid: int, size: int, content: Content) -> ElementaryFile:
    return ElementaryFile(
        name=name, fid=fid, sfi=fid & 0x1F, size=size, content=content, read=READER, update=WRITER_ONCE
    )


IDENTITY = Application(
    name="identity",
    aid=IDENTITY_AID,
    files=(
        _identity("EF.COM", 0x011E, 64, Content.COM),
        _identity("DG1", 0x0101, 128, Content.DG1),
        _identity("DG2", 0x0102, 15_360, Content.DG2),
        _identity("DG11", 0x010B, 1024, Content.DG11),
        _identity("DG12", 0x010C, 512, Content.DG12),
        _identity("DG14", 0x010E, 512, Content.DG14),
        _identity("EF.SOD", 0x011D, 3072, Content.SOD),
    ),
)

# --- permit: ISO/IEC 18013-5 IssuerSigned split over files --------------------------------------------------

SECTORS = (
    "health",
    "family",
    "education",
    "employment",
    "insurance",
    "household",
    "housing",
    "legal",
    "culture",
)


def _permit(name: str, sfi: int, size: int, content: Content, slot: Slot, *, element: str = "") -> ElementaryFile:
    sfi = sfi if slot is Slot.A else 0x10 | sfi
    return ElementaryFile(
        name=f"{name}/{slot.name}",
        fid=0x0100 | sfi,
        sfi=sfi,
        size=size,
        content=content,
        read=READER,
        update=WRITER_ALWAYS,
        slot=slot,
        element=element,
    )


def _slot(slot: Slot) -> tuple[ElementaryFile, ...]:
    return (
        _permit("EF.MSO", 0x02, 1024, Content.MSO, slot),
        _permit("EF.NS.permit", 0x03, 1024, Content.PERMIT, slot, element="permit"),
        *(
            _permit(f"EF.NS.{sector}", 0x04 + n, 512, Content.SECTOR, slot, element=sector)
            for n, sector in enumerate(SECTORS)
        ),
        _permit("EF.SignerCert", 0x0D, 1024, Content.SIGNER_CERTIFICATE, slot),
    )


PERMIT = Application(
    name="permit",
    aid=PERMIT_AID,
    files=(
        ElementaryFile(
            name="EF.Active",
            fid=0x0101,
            sfi=0x01,
            size=29,
            content=Content.ACTIVE,
            read=READER,
            update=WRITER_ALWAYS,
        ),
        *_slot(Slot.A),
        *_slot(Slot.B),
    ),
)

# --- the whole ----------------------------------------------------------------------------------------------

PACE_ECDH_GM_AES_CBC_CMAC_128 = "0.4.0.127.0.7.2.2.4.2.2"

RESIDENCE_PERMIT_V1 = CardProfile(
    name="residence_permit_v1",
    doc_type="org.residencepermit.1",
    namespace="org.residencepermit.1",
    # 80 category; 31 card service data: selection by AID, EF.DIR and EF.ATR/INFO, READ BINARY, with MF; 73 card
    # capabilities: full DF name and SFI, one-byte data units, command chaining, extended length; 64 issuer data "RPV1".
    historical_bytes=bytes.fromhex("8031B8738401C06452505631"),
    max_command=MAX_COMMAND,
    max_response=MAX_RESPONSE,
    pace=(PaceParameters(oid=PACE_ECDH_GM_AES_CBC_CMAC_128, parameter_id=12),),  # P-256
    bac=False,
    chip_key_id=1,
    chip_key_parameter_id=12,
    scp03=Scp03Parameters(i=0x70, level=0x33, key_length=16, transport_key_version=0x01, authority_key_version=0x30),
    master_file=MASTER_FILE,
    identity=IDENTITY,
    permit=PERMIT,
    operations=OPERATIONS,
    life_cycle=LIFE_CYCLE,
)
