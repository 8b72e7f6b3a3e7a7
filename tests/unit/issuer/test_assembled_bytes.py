"""The bytes of cards, frozen: the same application, time, salts and keys give the same files.

Nothing here says that these bytes are right; the codecs' own tests, OpenSSL and the verifier do. A change of format
that is meant prints its new digests in the failure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from importlib import resources
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.active import decode_active, encode_active
from card_profiles.entitlements.mso import decode_mso
from card_profiles.entitlements.sector_files import PermitData, decode_item
from card_profiles.model import Content, Slot
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from issuer import application, assemble
from issuer.application import PermitApplication
from issuer.assemble import Office, StatusReference, Validity, WholeCard

TODAY = date(2026, 1, 15)
NOW = datetime(2026, 1, 15, 2, 3, 4, tzinfo=UTC)
OFFICE = Office(name="乌托邦省示例市公安局", country="UTO")
STATUS = StatusReference(uri="https://permits.utopia.example/status/1", index=65_535)
CHIP_KEY = (
    ec.derive_private_key(7, ec.SECP256R1()).public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
)
# As much of a certificate as an envelope needs: version, serial number 1234, signature algorithm, issuer C=UT.
CERTIFICATE = bytes.fromhex("301c301aa003020102020212343000300d310b3009060355040613025554")
SIGNATURE = bytes.fromhex("30430220" + "51" * 32 + "021f" + "52" * 31)  # r of 32 bytes, s of 31

SAMPLES = {
    "01-chen-xiaowen": (
        "4a41fd5299aa0ba60d56b44e3e474e23e899e849f9115f5514c1a28f71233c41",
        "f38851d8e187ad08f53387aef6e7224b7b5a72499b1db76b20c4b58d79c61b73",
    ),
    "02-lyu-siyuan": (
        "5af27093b60d8fcedaf4cb766f257d26e27a13970f125336a0816c60f36288e8",
        "a73f901c3ebbddebf6f8b7d42c6d48a7844dc4b8c5a4c4a06fcfe9fbdb7a134c",
    ),
    "03-abudureheman-maimaiti": (
        "5bafd21fc285888f8df63c1ec474c4ed605c5cf4c3867476db4b0d6c5c47ffb2",
        "44430e32d0812f29d4264de0b0330e1c5d28d25649c1c14ef5aaf99cc1497d1e",
    ),
    "04-nuerbolati-habuduhalike": (
        "4c11fc285bb9e42534f5a23c73de8dca50993beba3e57c0f71658ee6cf6faf5f",
        "75e3ef69f2fa273104da333457b32531fd18e84819d0133dd0e96b77898a8f46",
    ),
    "05-cairangzhuoma": (
        "a5f8c730db3e3167536458f4bd093b3fdc117fd6f5f340950d118daca8376508",
        "10619e06128da8ec5df9f77ef082fc366ce1e9645fa4ad824c24c97ae4beacf2",
    ),
    "06-ouyang-jianan": (
        "8a25acae783050aef46a480610df5dbed539ef122a92603e43103f2df4f54b3b",
        "12a759eee92ac962646edf099ab5b7279f6bfff4de180978a6e0e2aac53b9aa7",
    ),
    "07-thordarson-soren": (
        "3d90b73b0935e30a03c34113f36d2f44ec864dca9151df86edfc260e31aec244",
        "13a60b9caa48a466128cf8cfde606f4c586faf6d4822aa9786a30df0f56641c3",
    ),
    "08-nguyen-thi-hong-anh": (
        "06c78fa95cf3e2002d2c005a217766ac2c9074ba143987a215c0b8299d8d86a8",
        "144216df4f2e91b6c5ca9cd1c9262a691558f583ff858aca60c7cb0a7eb3d8f8",
    ),
}


@dataclass(eq=False)
class Recorder:
    """Stands where a private key is wanted: keeps what it was to sign, and gives one signature."""

    curve: ec.EllipticCurve = field(default_factory=ec.SECP256R1)
    messages: list[bytes] = field(default_factory=list)

    def sign(self, data: bytes, algorithm: ec.ECDSA) -> bytes:
        assert isinstance(algorithm.algorithm, hashes.SHA256)
        self.messages.append(data)
        return SIGNATURE


@dataclass(frozen=True, kw_only=True)
class RecordingSigner:
    kid: bytes
    certificate: bytes = CERTIFICATE
    private_key: Any = field(default_factory=Recorder)


class Salts:
    """1, 2, 3 … in so many bytes."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, size: int) -> bytes:
        self.count += 1
        return self.count.to_bytes(size, "big")


def sample(name: str) -> tuple[PermitApplication, bytes]:
    folder = resources.files("issuer.samples")
    (image,) = (entry for entry in folder.iterdir() if entry.name.startswith(name) and not entry.name.endswith(".json"))
    return application.parse(folder.joinpath(f"{name}.json").read_bytes(), today=TODAY), image.read_bytes()


def card(record: PermitApplication, image: bytes, *, now: datetime = NOW) -> tuple[WholeCard, str, str]:
    """A card with the digests of its two sides: files by name, and what was signed."""
    documents, entitlements = RecordingSigner(kid=b"\1" * 8), RecordingSigner(kid=b"\2" * 8)
    made = assemble.whole_card(
        record,
        image,
        chip_key=CHIP_KEY,
        validity=Validity.over(record.valid_from, record.endorsed_until, now=now),
        status=STATUS,
        office=OFFICE,
        signers=(documents, entitlements),
        profile=PROFILE,
        random=Salts(),
    )
    return (
        made,
        frozen(made.identity, documents.private_key.messages),
        frozen(made.permit, entitlements.private_key.messages),
    )


def frozen(files: Mapping[str, bytes], messages: Iterable[bytes]) -> str:
    parts = [*(part for name, raw in sorted(files.items()) for part in (name.encode(), raw)), *messages]
    return sha256(b"".join(len(part).to_bytes(4, "big") + part for part in parts)).hexdigest()


@pytest.mark.parametrize(("name", "digests"), SAMPLES.items(), ids=SAMPLES.keys())
def test_samples(name: str, digests: tuple[str, str]) -> None:
    made, *got = card(*sample(name))
    assert tuple(got) == digests
    assert made.active == made.permit[PROFILE.permit.by_content(Content.ACTIVE).name]


def test_everything_full() -> None:
    """Texts as long as they may be, every service of the catalogue, a name that is truncated, a sex not stated."""
    record, image = sample("01-chen-xiaowen")
    record = replace(
        record,
        permit_number="RP" + "9" * 18,
        document_number="X" * 9 + "1234567890123",
        name_native="陈" * 28,
        primary="WOLFESCHLEGELSTEINHAUSENBERGERDORFF",
        secondary="ADOLPH BLAINE CHARLES",
        sex="X",
        address="区" * 80,
        entitlements=tuple((code, record.endorsed_until) for code in sorted(catalogue.load().services)),
    )
    _, *got = card(record, image)
    assert got == [
        "4aa16c1f29247e25e23499bcfc88b66046377468d5247e836caa53f6b0fff657",
        "9e26430e164479af48483aebce4a5076f91cd6ee21675a3be8b19b4884fcb74f",
    ]


def test_next_to_nothing() -> None:
    """No service, no address, nothing in DG11 but name and birth, and a signing time that UTCTime cannot say."""
    record, image = sample("07-thordarson-soren")
    record = replace(
        record,
        secondary="",
        personal_number="",
        hukou_address="",
        ethnicity="",
        address="",
        valid_from=date(2050, 1, 1),
        endorsed_until=date(2051, 1, 1),
        entitlements=(),
    )
    _, *got = card(record, image, now=datetime(2050, 1, 1, 12, tzinfo=UTC))
    assert got == [
        "7b6fca86c1a8b28c9b957a91b28a566e17e7ef8f64fe2783ae6cb5ac598ca8a9",
        "969497cb7c94560bf3cefa4de47d94bd23b31dde33611d410a213f206460a841",
    ]


def test_endorsement() -> None:
    """The spare slot, from what the card says of its holder."""
    record, image = sample("03-abudureheman-maimaiti")
    made, *_ = card(record, image)
    names = {file.content: file.name for file in PROFILE.permit.slot_files(Slot.A)}
    data = decode_item(made.permit[names[Content.PERMIT]], catalogue.Sector.PERMIT).value
    before = decode_active(made.active)
    signer = RecordingSigner(kid=b"\3" * 8)
    unsigned = assemble.permit(
        replace(cast(PermitData, data), permit_class=3),
        {"H01": TODAY + timedelta(days=400), "C04": TODAY + timedelta(days=300)},
        chip_key=CHIP_KEY,
        validity=Validity.over(TODAY, TODAY + timedelta(days=730), now=NOW),
        status=STATUS,
        random=Salts(),
        address="乌托邦省示例市",
    )
    files = assemble.slot_files(assemble.sign_permit(unsigned, signer), Slot.B, PROFILE)
    active = encode_active(assemble.activate_slot(before, files, PROFILE))
    assert decode_mso(unsigned.mso).status_index == STATUS.index
    files[PROFILE.permit.by_content(Content.ACTIVE).name] = active
    assert (
        frozen(files, signer.private_key.messages) == "39524f27c0f6b1b2bb94d2b94cdcfb080f97a9d960c5219397d94c0fc085f352"
    )
