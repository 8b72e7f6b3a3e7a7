"""A card as the issuer writes it, with a drawn portrait of some 12 kB, and counters that check what is made of it.

Issued by `permit-issuer` itself, once for each process that runs tests; a test then changes the memory of the card as
no writer could, and puts it before a counter.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from pathlib import Path
from shutil import copytree
from time import perf_counter

from card_profiles.entitlements.catalogue import Sector
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.model import Slot
from card_profiles.protocols.pace import Password
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import InProcessConnection
from card_profiles.softcard.image import (
    CardState,
    MemoryImage,
    decode_state,
    encode_state,
    new_card_state,
    write_atomically,
)
from issuer import cli
from keys.authority.authority import TEST_TRANSPORT_KEYS
from tests.kept import kept_directory
from tests.simulator.issuing import NOW, PASSPHRASE, authority_home
from verifier.counter import Checked, Counter
from verifier.read_failed import ReadFailed
from verifier.reason import Blame, Reason, blame
from verifier.store import Watermark
from verifier.verdict import ExitCode

SAMPLES = Path(cli.__file__).parent / "samples"
CAN = "617203"
FIRST, SECOND = "01-chen-xiaowen", "02-lyu-siyuan"


@dataclass(frozen=True, slots=True, kw_only=True)
class RealCard:
    """The memory of an activated card, and the authority's trust directory beside it."""

    state: CardState
    trust: Path

    def content(self, name: str) -> bytes:
        """A file by its name in the profile; permit files without the slot, which is A."""
        return self.state.files[place(name)]

    def with_files(self, **changes: bytes) -> RealCard:
        """Other contents, by name with "." and "/" as the profile has them (pass a mapping with **)."""
        files = {**self.state.files, **{place(name): content for name, content in changes.items()}}
        return replace(self, state=replace(self.state, files=files))

    def flipped(self, name: str, at: int, mask: int) -> RealCard:
        """One byte changed."""
        raw = self.content(name)
        return self.with_files(**{name: raw[:at] + bytes((raw[at] ^ mask,)) + raw[at + 1 :]})

    def power_up(self) -> InProcessConnection:
        """In the reader."""
        return InProcessConnection(SoftCard(PROFILE, MemoryImage(self.state)))


def place(name: str) -> tuple[str, int]:
    """Application and FID of a file."""
    for application in (PROFILE.identity, PROFILE.permit, PROFILE.master_file):
        for file in application.files:
            if name in (file.name, file.name.removesuffix(f"/{Slot.A.name}")):
                return application.name, file.fid
    raise KeyError(name)


@cache
def issued(sample: str = FIRST) -> RealCard:
    """The card of a sample applicant. The authority is one and the same for all of them."""
    home, passphrase = _authority()
    image = home.parent / f"{sample}.img"
    serial = sample.encode()[:10]
    blank = new_card_state(PROFILE, serial=serial, transport_key=TEST_TRANSPORT_KEYS.enc)
    write_atomically(image, encode_state(blank))
    photo = next(SAMPLES.glob(f"{sample}.j*[gp2]"))
    arguments = ["issue", "--application", str(SAMPLES / f"{sample}.json"), "--photo", str(photo), "--can", CAN]
    arguments += ["--image", str(image), "--home", str(home), "--passphrase-file", str(passphrase)]
    assert cli.main(arguments, now=lambda: NOW) == 0
    return RealCard(state=decode_state(image.read_bytes()), trust=home / "trust")


@cache
def _authority() -> tuple[Path, Path]:
    directory = kept_directory()
    passphrase = directory / "passphrase"
    passphrase.write_bytes(PASSPHRASE)
    return authority_home(directory), passphrase


@cache
def trust_without_the_signer() -> Path:
    """What a counter has that never heard of the entitlement signer: it must take its certificate from the card."""
    target = kept_directory() / "trust"
    copytree(issued().trust, target)
    (known,) = [path for path in target.rglob("*.der") if path.read_bytes() == issued().content("EF.SignerCert")]
    known.unlink()
    return target


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a counter says of a card: its exit code, and why."""

    code: ExitCode
    reasons: tuple[Reason, ...]
    checked: Checked | None = None  # None when the card could not be read


class CounterDesk:
    """One counter, for many cards."""

    def __init__(
        self,
        trust: Path,
        *,
        sector: Sector = Sector.HEALTH,
        portrait: bool = False,
        identity: bool = False,
        now: datetime = NOW,
    ) -> None:
        self._counter = Counter(
            sector=sector,
            trust_directory=str(trust),
            watermark=Watermark(str(trust.parent / "no-state")),
            now=lambda: now,
            clock=perf_counter,
            random=os.urandom,
            portrait=portrait,
            identity=identity,
        )

    def check(self, connection: Connection, *, password: Password | None = None, limits: Limits | None = None) -> Told:
        """By the path that `permit-verifier check` takes. Raises nothing that a card may cause."""
        try:
            checked = self._counter.check(connection, password or Password.from_can(CAN), limits=limits)
        except ReadFailed as failed:
            codes = {Blame.CARD: ExitCode.REFUSED, Blame.DATA: ExitCode.OWN_DATA, Blame.READING: ExitCode.NOT_READ}
            return Told(code=codes[blame(failed.reason)], reasons=(failed.reason,))
        finally:
            connection.close()
        return Told(code=checked.verdict.exit_code, reasons=checked.verdict.reasons, checked=checked)
