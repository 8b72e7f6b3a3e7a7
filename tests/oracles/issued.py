"""Cards that the real issuer wrote for the sample applicants, and foreign terminals that are put in front of them."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import pytest

from card_profiles.lds.mrz import Mrz
from card_profiles.model import Content
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.image import MemoryImage
from issuer import application, personalise, photo
from issuer.application import PermitApplication
from issuer.assemble import civil_date
from issuer.personalise import Order
from issuer.writer import CardWriter
from tests.simulator.issuing import NOW, World, authority_home, blank, power_up

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "issuer" / "samples"
BUILD = ROOT / "build" / "oracles"
PATIENCE = 120.0  # seconds for a foreign terminal, its start included
AUTHORITY_NAME = "乌托邦省示例市居住证办公室"


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedCard:
    """A card, what was asked for, and where the authority publishes. `serial` numbers blank and CAN."""

    image: MemoryImage
    application: PermitApplication
    portrait: bytes
    can: str
    trust: Path

    def file(self, name: str) -> bytes:
        """Content of a file of the identity application, as it lies in the card."""
        return self.image.state.files[PROFILE.identity.name, PROFILE.identity.file(name).fid]

    def with_file(self, name: str, raw: bytes) -> IssuedCard:
        """The same card, but for one file."""
        key = PROFILE.identity.name, PROFILE.identity.file(name).fid
        state = self.image.state
        return replace(self, image=MemoryImage(replace(state, files={**state.files, key: raw})))

    def copied_onto(self, other: IssuedCard) -> IssuedCard:
        """Everything that can be read of this card, on the chip of `other`."""
        return replace(self, image=MemoryImage(replace(self.image.state, chip_key=other.image.state.chip_key)))

    @property
    def mrz_password(self) -> tuple[str, str, str]:
        """Document number, birth and expiry date as they are typed from the printed card."""
        known = self.application
        return known.document_number, _short(known.birth_date), _short(known.expiry_date)

    @property
    def mrz(self) -> Mrz:
        from card_profiles.lds import dg1

        return dg1.decode(self.file("DG1"))


def _short(day: date) -> str:
    return f"{day:%y%m%d}"


def issue_samples(home: Path) -> dict[str, IssuedCard]:
    """A card for each good sample, by the name of its file."""
    world, cards = World(authority_home(home)), {}
    files = sorted(path for path in SAMPLES.glob("[0-9][0-9]-*.json"))
    assert files
    limit = PROFILE.identity.by_content(Content.DG2).size
    for number, path in enumerate(files, 1):
        (picture,) = (found for found in SAMPLES.glob(f"{path.stem}.j*") if found != path)
        image, can = blank(number), f"{700_000 + number}"
        with world.desk() as desk:
            record = application.parse(path.read_bytes(), today=civil_date(NOW))
            portrait = photo.accept(picture.read_bytes(), limit=limit)
            connection = power_up(image)
            try:
                order = Order(application=record, image=portrait, can=can, reader="oracle")
                personalise.issue(
                    order,
                    desk,
                    CardWriter(connection, desk.keyring, desk.profile),
                    told=lambda _: None,
                    hand_over=lambda _: None,
                )
            finally:
                connection.close()
        cards[path.stem] = IssuedCard(
            image=image, application=record, portrait=portrait, can=can, trust=world.home / "trust"
        )
    return cards


def program(name: str, *, debian: str) -> str:
    """Path of a program; fails with the line that installs it. An oracle that is not there is never skipped."""
    found = shutil.which(name)
    if found is None:
        pytest.fail(f"{name} is missing; install it: sudo apt-get install -y {debian}", pytrace=False)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """What a foreign terminal said about a card: findings by name, or the step that failed and why."""

    found: dict[str, str]
    refused: tuple[str, str] | None
    commands: int


def present(card: IssuedCard, terminal: Sequence[str | Path]) -> Session:
    """Run `terminal` in front of `card`, powered up. Lines with tabs: apdu HEX, found NAME VALUE, refused STEP WHY."""
    found: dict[str, str] = {}
    refused, commands = None, 0
    connection = power_up(card.image)
    process = subprocess.Popen(
        [str(part) for part in terminal], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            for line in process.stdout:
                kind, *rest = line.rstrip("\n").split("\t")
                if kind == "apdu":
                    commands += 1
                    process.stdin.write(connection.transmit(bytes.fromhex(rest[0])).hex() + "\n")
                    process.stdin.flush()
                elif kind == "found":
                    found[rest[0]] = rest[1].replace("\\n", "\n")
                elif kind == "refused":
                    refused = rest[0], rest[1]
                else:
                    pytest.fail(f"not a line of the protocol: {line!r}")
        finally:
            process.kill()
            connection.close()
    return Session(found=found, refused=refused, commands=commands)
