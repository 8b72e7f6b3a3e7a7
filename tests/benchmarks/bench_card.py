"""Commands and bytes on the wire: issue, endorse, check, check with photo; short and extended; beside the floor."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector, load
from card_profiles.iso7816.connection import Connection, CountingConnection, Limits
from card_profiles.model import Slot
from card_profiles.protocols.pace import Password
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.image import MemoryImage
from issuer import samples
from issuer.endorse import Standing, endorse
from issuer.writer import CardWriter
from keys.trust import TrustStore
from verifier.reader import Request, read

from . import floor
from .floor import Wire

sys.path.insert(0, str(Path(__file__).parents[1] / "simulator"))
import issuing  # the desk of the tests

AID = len(PROFILE.permit.aid)
IDENTITY_AID = len(PROFILE.identity.aid)
EXTENDED_ROOM = (PROFILE.max_command - 9 - floor.SCP03_MAC) // 16 * 16 - 1  # whole APDU of 2048 bytes
EVERY_SERVICE = {service.code: "+1y" for sector in SERVICE_SECTORS for service in load().of(sector)}


class ShortConnection:
    """A reader that carries short APDUs only: the card capabilities in its ATR say so."""

    def __init__(self, inner: Connection) -> None:
        self._inner = inner
        self.transmit, self.reset, self.close = inner.transmit, inner.reset, inner.close

    @property
    def atr(self) -> bytes:
        return self._inner.atr.replace(b"\x73\x84\x01\xc0", b"\x73\x84\x01\x80")


@dataclass(frozen=True, slots=True)
class Row:
    """One act, measured and computed."""

    name: str
    extended: bool
    measured: Wire
    floor: Wire


def _count(image: MemoryImage, *, extended: bool) -> CountingConnection:
    connection: Connection = issuing.power_up(image)
    return CountingConnection(connection if extended else ShortConnection(connection))


def _wire(counting: CountingConnection) -> Wire:
    return Wire(counting.commands, counting.bytes_sent, counting.bytes_received)


def rows() -> Iterator[Row]:
    """Issue, check and endorse one card with every service of the catalogue, in both lengths."""
    original = issuing.small_photo
    issuing.small_photo = (Path(samples.__file__).parent / "01-chen-xiaowen.jpg").read_bytes
    try:
        for extended in (True, False):
            with TemporaryDirectory() as directory:
                yield from _life(Path(directory), extended=extended)
    finally:
        issuing.small_photo = original


def _life(directory: Path, *, extended: bool) -> Iterator[Row]:
    world = issuing.World(issuing.authority_home(directory))
    image = issuing.blank()
    counting = _count(image, extended=extended)
    world.issue(counting, tree=issuing.applicant(entitlements=EVERY_SERVICE))
    yield Row("issue", extended, _wire(counting), _issue_floor(image, extended=extended))
    for sector in (Sector.HEALTH, Sector.EDUCATION):
        for portrait in (False, True):
            counting = _count(image, extended=extended)
            _check(world, counting, sector, portrait=portrait, extended=extended)
            name = f"check {sector}" + (" with photo" if portrait else "")
            yield Row(name, extended, _wire(counting), _check_floor(image, sector, portrait, extended=extended))
    counting = _count(image, extended=extended)
    _endorse(world, counting)
    yield Row("endorse", extended, _wire(counting), _endorse_floor(image, extended=extended))


def _check(world: issuing.World, connection: Connection, sector: Sector, *, portrait: bool, extended: bool) -> None:
    trust = TrustStore.load(world.home / "trust")
    request = Request(
        profile=PROFILE,
        sector=sector,
        password=Password.from_can(issuing.CAN),
        captured=datetime.now(UTC).replace(microsecond=0),
        knows_signer=trust.knows,
        random=os.urandom,
        portrait=portrait,
    )
    read(connection, request, clock=lambda: 0.0, limits=_limits(extended=extended))


def _limits(*, extended: bool) -> Limits:
    """What a reader remembers of this kind of card."""
    if not extended:
        return Limits()
    return Limits(extended=True, max_command=PROFILE.max_command, max_response=PROFILE.max_response)


def _endorse(world: issuing.World, connection: Connection) -> None:
    def change(old: Standing, start: date, expiry: date) -> Standing:
        return replace(old, until=start.replace(year=start.year + 1))

    with world.desk() as desk:
        endorse(
            change,
            desk,
            CardWriter(connection, desk.keyring, desk.profile),
            Password.from_can(issuing.CAN),
            reader="bench",
            told=lambda _: None,
            show=lambda _: True,
        )


# --- floors: what docs/VERIFICATION.md and the issuing procedure ask for, at the least the protocols allow ---------


def _sizes(image: MemoryImage, slot: Slot) -> dict[str, int]:
    return {
        file.name.split("/")[0]: len(image.state.files["permit", file.fid]) for file in PROFILE.permit.slot_files(slot)
    }


def _identity_sizes(image: MemoryImage) -> dict[str, int]:
    return {file.name: len(image.state.files["identity", file.fid]) for file in PROFILE.identity.files}


def _check_floor(image: MemoryImage, sector: Sector, portrait: bool, *, extended: bool, slot: Slot = Slot.A) -> Wire:
    sizes = _sizes(image, slot)
    wire = floor.check(
        card_access=len(image.state.files["MF", 0x011C]),
        aid=AID,
        files=(PROFILE.permit.file("EF.Active").size, sizes["EF.MSO"], sizes["EF.NS.permit"]),
        sector=sizes[f"EF.NS.{sector}"],
        extended=extended,
    )
    if portrait:
        wire += floor.portrait(aid=IDENTITY_AID, size=_identity_sizes(image)["DG2"], extended=extended)
    return wire


def _identify_floor() -> Wire:
    """SELECT with control parameters (62 {84 AID, 8A state}: 16 bytes), INITIALIZE UPDATE."""
    return floor.plain(AID, 2 + 2 + AID + 3, le=True) + floor.plain(8, 32, le=True)


def _write_floor(sizes: dict[str, int], *, extended: bool) -> Wire:
    room = EXTENDED_ROOM if extended else floor.SCP03_SHORT_PLAIN
    return floor.total(floor.scp03_write(size, room=room) for size in sizes.values())


def _issue_floor(image: MemoryImage, *, extended: bool) -> Wire:
    permit, identity = _sizes(image, Slot.A), _identity_sizes(image)
    active = {"EF.Active": PROFILE.permit.file("EF.Active").size}
    keys = floor.scp03(1 + 3 * (1 + 1 + 1 + 16 + 1 + 3), 1 + 3 * 3, le=True)
    own = floor.scp03(5, 2 + 1 + 2 + floor.POINT, le=True) + floor.scp03(6, 0, le=False) + floor.scp03(20, 0, le=False)
    wire = _identify_floor() + floor.scp03_session(AID) + keys  # transport keys out
    wire += floor.scp03_session(AID) + own + _write_floor(permit | active, extended=extended)
    wire += floor.scp03_session(IDENTITY_AID) + _write_floor(identity, extended=extended)
    back = permit.copy()
    for name in ("EF.MSO", "EF.NS.permit", "EF.NS.health"):
        back.pop(name)
    wire += floor.plain(2, 0, le=False) + _check_floor(image, Sector.HEALTH, False, extended=extended)  # by the CAN
    wire += floor.select(IDENTITY_AID) + _read_floor(identity, extended=extended)
    wire += floor.plain(2, 0, le=False) + floor.plain(0, 20, le=True) + floor.PACE + floor.select(AID)  # by the MRZ
    wire += _read_floor(back, extended=extended)
    return wire + floor.scp03_session(AID) + floor.scp03(0, 0, le=False)  # ACTIVATE


def _read_floor(sizes: dict[str, int], *, extended: bool) -> Wire:
    return floor.total(floor.secured_read(size, extended=extended) for size in sizes.values())


def _endorse_floor(image: MemoryImage, *, extended: bool) -> Wire:
    sizes = _sizes(image, Slot.B)
    active = {"EF.Active": PROFILE.permit.file("EF.Active").size}
    others = {name: size for name, size in sizes.items() if name not in ("EF.MSO", "EF.NS.permit", "EF.NS.health")}
    items = {name: size for name, size in others.items() if name != "EF.SignerCert"}
    restart = floor.plain(2, 0, le=False)
    before = _check_floor(image, Sector.HEALTH, False, extended=extended) + _read_floor(items, extended=extended)
    after = _check_floor(image, Sector.HEALTH, False, extended=extended, slot=Slot.B)
    after += _read_floor(others, extended=extended)
    write = floor.scp03_session(AID) + _write_floor(sizes, extended=extended) + _write_floor(active, extended=extended)
    return _identify_floor() + restart + before + write + restart + after


def main(write: Callable[[str], object] = print) -> None:
    """The table."""
    write(f"{'act':28} {'length':9} {'commands':>8} {'floor':>6} {'bytes':>7} {'floor':>7} {'ratio':>6}")
    for row in rows():
        ratio = row.measured.total / row.floor.total
        length = "extended" if row.extended else "short"
        write(
            f"{row.name:28} {length:9} {row.measured.commands:8} {row.floor.commands:6}"
            f" {row.measured.total:7} {row.floor.total:7} {ratio:6.3f}"
        )
