"""A desk, blanks and applicants for the tests of issuing: one authority for the whole run, copied for each test."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import Sector
from card_profiles.iso7816.connection import Connection
from card_profiles.model import LifeCycle
from card_profiles.protocols.pace import Password
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.connection import InProcessConnection, Tear, TornConnection
from card_profiles.softcard.image import MemoryImage, new_card_state
from issuer import application, personalise, photo
from issuer.assemble import civil_date
from issuer.desk import Desk, opened
from issuer.personalise import Issued, Order
from issuer.progress import Progress
from issuer.writer import CardWriter
from keys.authority import file as authority_file
from keys.authority.authority import TEST_TRANSPORT_KEYS, Authority
from keys.custody.software import ScryptCost
from keys.trust import TrustStore
from tests.kept import kept_directory
from verifier.policy import AT_A_COUNTER, Check, Policy
from verifier.reader import Request, read
from verifier.verdict import Verdict
from verifier.verify import verify

PASSPHRASE = b"correct horse battery"
NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
SETTINGS = {
    "country": "UT",
    "mrz_country": "UTO",
    "name_zh": "乌托邦省示例市居住证办公室",
    "name_en": "Residence Permit Office, Example City",
    "status_uri": "https://permits.utopia.example/status/1",
}
CAN = "123456"


@cache
def _authority() -> Path:
    home = kept_directory() / "home"
    settings = authority_file.parse(json.dumps(SETTINGS).encode())
    cheap = ScryptCost(log2_n=2, r=1, p=1)
    Authority.create(home, settings, PASSPHRASE, clock=lambda: NOW, cost=cheap)
    return home


def authority_home(target: Path) -> Path:
    """A copy of the authority, with no journal yet."""
    home = target / "authority"
    shutil.copytree(_authority(), home)
    return home


@cache
def small_photo() -> bytes:
    """A JPEG of some 700 bytes: DG2 in one command."""
    picture = BytesIO()
    Image.new("L", (96, 128), 90).save(picture, "JPEG", quality=30)
    return picture.getvalue()


def applicant(**changes: Any) -> dict[str, Any]:
    """The JSON of an application; ``...`` takes a field away."""
    tree: dict[str, Any] = {
        "permit_number": "RP00000017",
        "document_number": "X1234567A",
        "names": {"native": "陈晓雯", "latin_surname": "CHEN", "latin_given": "XIAOWEN"},
        "sex": "F",
        "birth_date": "1991-04-17",
        "nationality": "UTO",
        "address": "乌托邦省示例市新城区",
        "permit_class": 2,
        "valid_from": "today",
        "endorsed_until": "+1y",
        "expiry_date": "+5y",
        "entitlements": {"H01": "+1y", "E01": "+6m"},
    }
    tree.update(changes)
    return {name: value for name, value in tree.items() if value is not ...}


def blank(number: int = 1) -> MemoryImage:
    """A blank card as its maker delivers it."""
    return MemoryImage(
        new_card_state(PROFILE, serial=number.to_bytes(10, "big"), transport_key=TEST_TRANSPORT_KEYS.enc)
    )


def power_up(image: MemoryImage) -> InProcessConnection:
    """The card in the reader."""
    return InProcessConnection(SoftCard(PROFILE, image))


@dataclass
class World:
    """An authority in `home`, and a clock that a test may turn."""

    home: Path
    now: datetime = NOW
    handed: list[str] = field(default_factory=list)
    seen: list[Progress] = field(default_factory=list)

    @contextmanager
    def desk(self) -> Iterator[Desk]:
        with opened(self.home, lambda: PASSPHRASE, now=lambda: self.now) as desk:
            desk.publish_overdue()
            yield desk

    def issue(
        self,
        connection: Connection,
        *,
        tree: dict[str, Any] | None = None,
        can: str = CAN,
        wrap: Callable[[Desk], Desk] = lambda desk: desk,
    ) -> Issued:
        """As the command line does it."""
        raw = json.dumps(tree or applicant()).encode()
        try:
            with self.desk() as plain:
                desk = wrap(plain)
                today = civil_date(desk.now())
                record = application.parse(raw, today=today)
                begun = desk.journal.live_card(record.permit_number)
                if begun is not None and begun.unresolved:
                    record = application.parse(raw, today=today, start=begun.valid_from)
                image = photo.accept(small_photo(), limit=PROFILE.identity.file("DG2").size)
                writer = CardWriter(connection, desk.keyring, desk.profile)
                order = Order(application=record, image=image, can=can, reader="test")
                return personalise.issue(order, desk, writer, told=self.seen.append, hand_over=self.handed.append)
        finally:
            connection.close()

    def torn(self, image: MemoryImage, at: int, when: Tear) -> TornConnection:
        return TornConnection(power_up(image), at=at, when=when)

    def check(self, image: MemoryImage, *, can: str = CAN, sector: Sector = Sector.HEALTH) -> Verdict:
        """As a counter does, with everything asked for."""
        trust = TrustStore.load(self.home / "trust")
        connection = power_up(image)
        request = Request(
            profile=PROFILE,
            sector=sector,
            password=Password.from_can(can),
            captured=self.now,
            knows_signer=trust.knows,
            random=__import__("os").urandom,
            portrait=True,
            identity=True,
        )
        evidence = read(connection, request, clock=lambda: 0.0).evidence
        required = AT_A_COUNTER | {Check.PORTRAIT, Check.IDENTITY}
        policy = Policy(sector=sector, catalogue=catalogue.load(), required=required)
        return verify(evidence, trust, policy, now=self.now)

    def later(self, **interval: float) -> None:
        self.now += timedelta(**interval)


def life_cycle(image: MemoryImage) -> LifeCycle:
    return image.state.life_cycle
