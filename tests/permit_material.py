"""A realistic permit with fixed keys and times, for the tests of entitlements and status lists and for the oracles."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from itertools import count

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector, ServiceStatus, load
from card_profiles.entitlements.mso import MobileSecurityObject, encode_mso
from card_profiles.entitlements.sector_files import PermitData, SectorEntitlements, digest, encode_item
from keys.envelopes import cose

CURVE = ec.SECP256R1()
SIGNER = ec.derive_private_key(0x5157, CURVE)
CHIP = ec.derive_private_key(0xC41B, CURVE)
KID = bytes.fromhex("a1b2c3d4e5f60718")
STATUS_URI = "https://status.permit.example/7"
AGGREGATION_URI = "https://status.permit.example/all"
SIGNED = datetime(2026, 7, 1, 8, 30, tzinfo=UTC)
ENDORSED_UNTIL = datetime(2027, 7, 1, tzinfo=UTC)

PERMIT = PermitData(
    number="GY2026004711",
    name_native="阿依古丽·买买提艾力",
    name_latin="AYIGULI MAIMAITIAILI",
    birth_date=date(1988, 3, 9),
    sex="F",
    permit_class=3,
    authority="贵阳市公安局云岩分局",
    portrait_sha256=hashlib.sha256(b"portrait").digest(),
    portrait_length=14_211,
)


def randomness(seed: str = "salt") -> Callable[[int], bytes]:
    """A repeatable source of bytes that look random; never twice the same."""
    turns = count()

    def random(size: int) -> bytes:
        return hashlib.shake_256(f"{seed} {next(turns)}".encode()).digest(size)

    return random


def point(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def entitlements(sector: Sector) -> SectorEntitlements:
    """Every service of `sector` that is in force."""
    services = {
        service.code: date(2027, 6, 30) for service in load().of(sector) if service.status is ServiceStatus.IN_FORCE
    }
    return SectorEntitlements(sector=sector, services=services)


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """The files of one slot. `items` by sector; `mso` as it was signed; `issuer_auth` is EF.MSO."""

    items: dict[Sector, bytes]
    mso: MobileSecurityObject
    issuer_auth: bytes


def material(
    *, permit: PermitData = PERMIT, signer: ec.EllipticCurvePrivateKey = SIGNER, **changes: object
) -> Material:
    """A permit with every service in force (43); `changes` replace fields of the MSO."""
    random = randomness()
    items = {Sector.PERMIT: encode_item(permit, random=random)}
    for sector in SERVICE_SECTORS:
        items[sector] = encode_item(entitlements(sector), random=random)
    mso = MobileSecurityObject(
        value_digests={sector.digest_id: digest(raw) for sector, raw in items.items()},
        device_key=point(CHIP),
        signed=SIGNED,
        valid_from=SIGNED,
        valid_until=ENDORSED_UNTIL,
        status_index=204_711,
        status_uri=STATUS_URI,
    )
    mso = replace(mso, **changes)  # type: ignore[arg-type]
    return Material(items=items, mso=mso, issuer_auth=sign(encode_mso(mso), signer))


def sign(payload: bytes, signer: ec.EllipticCurvePrivateKey = SIGNER) -> bytes:
    """EF.MSO over `payload`: an untagged COSE_Sign1 with nothing but the kid beside the signature."""
    return cose.sign1(payload, sign=cose.raw_signer(signer), kid=KID)
