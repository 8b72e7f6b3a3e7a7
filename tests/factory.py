"""Permits for tests: an authority in memory, a sample person, the files of a card, a loaded software card, evidence.

Everything is deterministic but the ECDSA signatures. Times hang on `NOW`; nothing here looks at a clock. `Authority`
signs anything it is told to, so that a test can make what a real authority would refuse to.
"""

from __future__ import annotations

import functools
import hashlib
import io
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from card_profiles.entitlements.active import ActiveFile, ActiveSlot, encode_active
from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from card_profiles.entitlements.catalogue import load as load_catalogue
from card_profiles.entitlements.mso import MobileSecurityObject, encode_mso
from card_profiles.entitlements.sector_files import PermitData, SectorEntitlements, digest, encode_item
from card_profiles.iso7816.apdu import ResponseApdu
from card_profiles.iso7816.commands import read_binary
from card_profiles.iso7816.exchange import run
from card_profiles.lds import com, dg1, dg2, dg11, dg12, dg14, sod
from card_profiles.lds.mrz import Mrz
from card_profiles.model import CardProfile, LifeCycle, Slot
from card_profiles.protocols.chip_authentication import CardChipAuthentication
from card_profiles.protocols.chip_authentication import terminal as chip_authentication_terminal
from card_profiles.protocols.points import P_256, decode_point
from card_profiles.protocols.security_infos import (
    ChipAuthenticationInfo,
    ChipAuthenticationPublicKeyInfo,
    Oid,
    PaceInfo,
    SecurityInfos,
)
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from keys import status_list
from keys.algorithms import Purpose
from keys.certificates import (
    AuthorityNames,
    CertificationAuthority,
    Periods,
    Revocation,
    csca,
    document_signer,
    purpose_signer,
)
from keys.certificates import crl as build_crl
from keys.envelopes import cms, cose
from keys.spki import key_id
from keys.trust import TrustStore, status_file_name
from verifier.evidence import ChipTranscript, Evidence
from verifier.policy import AT_A_COUNTER, Check, Policy
from verifier.verdict import Verdict
from verifier.verify import verify

if TYPE_CHECKING:
    from card_profiles.softcard.card import SoftCard
    from card_profiles.softcard.image import CardState

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
"""The time of the tests: ten in the morning at the authority."""
DAY = timedelta(days=1)
STATUS_URI = "https://permits.example/status/0"
AGGREGATION_URI = "https://permits.example/status"
SERIAL = bytes.fromhex("52505631000000000001")
CAN = "617203"


def key(name: str, curve: ec.EllipticCurve | None = None) -> ec.EllipticCurvePrivateKey:
    """The same private key for the same name, each time."""
    scalar = int.from_bytes(hashlib.sha512(name.encode()).digest()[:31])
    return ec.derive_private_key(scalar, curve or ec.SECP256R1())


def der(certificate: x509.Certificate) -> bytes:
    """DER of a certificate."""
    return certificate.public_bytes(Encoding.DER)


def kid(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """The key identifier of a public key."""
    return key_id(public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def point(public_key: ec.EllipticCurvePublicKey) -> bytes:
    """04 x y."""
    return public_key.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def salts(seed: str) -> Callable[[int], bytes]:
    """A source of randomness that repeats itself."""
    state = {"n": 0}

    def draw(count: int) -> bytes:
        state["n"] += 1
        return hashlib.shake_128(f"{seed}/{state['n']}".encode()).digest(count)

    return draw


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """A signing key with its certificate (DER)."""

    private_key: ec.EllipticCurvePrivateKey
    certificate: bytes

    @property
    def kid(self) -> bytes:
        return kid(self.private_key.public_key())


@dataclass(frozen=True, slots=True, kw_only=True)
class Authority:
    """A CSCA with one signer of each purpose; `seed` tells authorities apart."""

    seed: str
    names: AuthorityNames
    csca: CertificationAuthority
    document_signer: Signer
    entitlement_signer: Signer
    status_signer: Signer

    def signer(
        self, purpose: Purpose, name: str, *, begin: datetime, use: timedelta = 90 * DAY, life: timedelta = 4000 * DAY
    ) -> Signer:
        """One more signer: in use from `begin` for `use`, its certificate valid for `life`."""
        private_key = key(f"{self.seed}/{name}")
        common: dict[str, Any] = {
            "issuer": self.csca,
            "common_name": name,
            "public_key": private_key.public_key(),
            "periods": Periods(not_before=begin, key_use_until=begin + use, not_after=begin + life),
            "serial": serial(f"{self.seed}/{name}"),
        }
        if purpose is Purpose.DOCUMENT_SIGNER:
            certificate = document_signer(self.names, document_types=["IR"], **common)
        else:
            certificate = purpose_signer(self.names, purpose=purpose, **common)
        return Signer(private_key=private_key, certificate=der(certificate))

    def crl(
        self, *revoked: Signer, number: int = 1, this_update: datetime = NOW - DAY, life: timedelta = 60 * DAY
    ) -> bytes:
        """A revocation list, DER."""
        revocations = [
            Revocation(
                serial=x509.load_der_x509_certificate(signer.certificate).serial_number, revoked_at=this_update - DAY
            )
            for signer in revoked
        ]
        built = build_crl(
            issuer=self.csca,
            number=number,
            this_update=this_update,
            next_update=this_update + life,
            revocations=revocations,
        )
        return built.public_bytes(Encoding.DER)

    def status_list(
        self,
        entries: Mapping[int, status_list.Status] | None = None,
        *,
        uri: str = STATUS_URI,
        iat: datetime = NOW - timedelta(hours=6),
        life: timedelta = 40 * DAY,
        size: int = 1024,
        signer: Signer | None = None,
    ) -> bytes:
        """A signed shard."""
        signer = signer or self.status_signer
        return status_list.build(
            entries or {},
            uri=uri,
            iat=iat,
            exp=iat + life,
            ttl=3600,
            aggregation_uri=AGGREGATION_URI,
            kid=signer.kid,
            sign=cose.raw_signer(signer.private_key),
            size=size,
        )

    def trust_files(
        self,
        *,
        signers: bool = True,
        crl: bytes | None = None,
        status: Mapping[str, bytes] | None = None,
        more_signers: tuple[Signer, ...] = (),
    ) -> dict[str, bytes]:
        """The files of a trust directory, by relative path; `status` maps URIs to signed shards.

        `signers` False leaves the entitlement signer out, so that EF.SignerCert has to be read.
        """
        files = {"csca/csca.der": der(self.csca.certificate), "crl/csca.crl": self.crl() if crl is None else crl}
        known = [self.document_signer, self.status_signer, *([self.entitlement_signer] if signers else ())]
        for signer in (*known, *more_signers):
            files[f"signers/{signer.kid.hex()}.der"] = signer.certificate
        lists = {STATUS_URI: self.status_list()} if status is None else status
        return files | {f"status/{status_file_name(uri)}": raw for uri, raw in lists.items()}

    def trust(
        self,
        *,
        signers: bool = True,
        crls: tuple[bytes, ...] | None = None,
        status: Mapping[str, bytes] | None = None,
        more_signers: tuple[Signer, ...] = (),
    ) -> TrustStore:
        """A trust store in memory; `status` maps URIs to signed shards."""
        known = [self.document_signer, self.status_signer, *([self.entitlement_signer] if signers else ())]
        return TrustStore(
            csca=[der(self.csca.certificate)],
            signers=[signer.certificate for signer in (*known, *more_signers)],
            crls=(self.crl(),) if crls is None else crls,
            status={STATUS_URI: self.status_list()} if status is None else status,
        )


def write_files(directory: Path, files: Mapping[str, bytes]) -> Path:
    """Lay `files` out under `directory`."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return directory


def serial(name: str) -> int:
    """A serial number of 16 octets."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:16]) & (2**127 - 1) | 1 << 126


@functools.cache
def authority(seed: str = "city") -> Authority:
    """The authority called `seed`."""
    names = AuthorityNames(
        country="UT", mrz_country="UTO", contact_uri="https://permits.example", crl_uri="https://permits.example/crl"
    )
    root_key = key(f"{seed}/csca", ec.SECP384R1())
    begin = NOW - 300 * DAY
    root = csca(
        names,
        common_name=f"CSCA {seed}",
        private_key=root_key,
        periods=Periods(not_before=begin, key_use_until=begin + 1200 * DAY, not_after=begin + 6000 * DAY),
        serial=serial(f"{seed}/csca"),
    )
    placeholder = Signer(private_key=root_key, certificate=b"")
    made = Authority(
        seed=seed,
        names=names,
        csca=CertificationAuthority(certificate=root, private_key=root_key),
        document_signer=placeholder,
        entitlement_signer=placeholder,
        status_signer=placeholder,
    )
    return replace(
        made,
        document_signer=made.signer(Purpose.DOCUMENT_SIGNER, "document signer", begin=NOW - 60 * DAY),
        entitlement_signer=made.signer(Purpose.ENTITLEMENT_SIGNER, "entitlement signer", begin=NOW - 60 * DAY),
        status_signer=made.signer(Purpose.STATUS_SIGNER, "status signer", begin=NOW - 60 * DAY),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A sample holder."""

    number: str = "RP0402137"
    name_native: str = "陈晓梅"
    primary: str = "CHEN"
    secondary: str = "XIAOMEI"
    birth_date: date = date(1991, 3, 14)
    sex: str = "F"
    nationality: str = "UTO"
    permit_class: int = 2
    authority_name: str = "安和市公安局"
    address: str = "安和市新城区和平街 7 号"
    expiry: date = date(2031, 5, 20)
    portrait_shade: int = 90

    @property
    def mrz(self) -> Mrz:
        return Mrz(
            issuing_state="UTO",
            document_number=self.number,
            birth_date=self.birth_date.strftime("%y%m%d"),
            sex=self.sex,
            expiry_date=self.expiry.strftime("%y%m%d"),
            nationality=self.nationality,
            primary=self.primary,
            secondary=self.secondary,
        )


SERVICES: dict[Sector, dict[str, date]] = {
    Sector.HEALTH: {"H01": date(2027, 5, 20), "H02": date(2026, 6, 1), "H03": date(2026, 5, 31)},
    Sector.EDUCATION: {"E01": date(2027, 5, 20)},
    Sector.EMPLOYMENT: {"J01": date(2027, 5, 20)},
}
"""H02 counts for the last day at `NOW`, H03 ended the day before; the other sectors give nothing."""


@functools.cache
def jpeg(shade: int) -> bytes:
    """A small grey JPEG."""
    from PIL import Image

    out = io.BytesIO()
    Image.linear_gradient("L").resize((120, 150)).point(lambda value: min(255, value // 2 + shade)).save(out, "JPEG")
    return out.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuedPermit:
    """Everything that goes on one card, by the file names of the profile (permit files without the slot)."""

    person: Person
    chip_key: ec.EllipticCurvePrivateKey
    mso: MobileSecurityObject
    identity: dict[str, bytes]
    permit: dict[str, bytes]
    card_access: bytes
    slot: Slot = Slot.A
    can: str = CAN
    serial: bytes = SERIAL
    update_counter: int = 1
    profile: CardProfile = field(default=RESIDENCE_PERMIT_V1, repr=False)

    @property
    def active(self) -> bytes:
        """EF.Active."""
        lengths = tuple(len(self.permit[file.name.split("/")[0]]) for file in self.profile.permit.slot_files(self.slot))
        return encode_active(
            ActiveFile(slot=ActiveSlot(self.slot), update_counter=self.update_counter, lengths=lengths)
        )

    def files(self) -> dict[tuple[str, int], bytes]:
        """Content of the card's files by application name and FID, MF aside."""
        found = {
            (self.profile.identity.name, file.fid): self.identity[file.name] for file in self.profile.identity.files
        }
        found[self.profile.permit.name, self.profile.permit.file("EF.Active").fid] = self.active
        for file in self.profile.permit.slot_files(self.slot):
            found[self.profile.permit.name, file.fid] = self.permit[file.name.split("/")[0]]
        return found

    def card_state(self, *, life_cycle: LifeCycle = LifeCycle.ACTIVATED) -> CardState:
        """The memory of a software card that carries the permit."""
        from card_profiles.protocols.pace import Password
        from card_profiles.softcard.image import new_card_state

        blank = new_card_state(self.profile, serial=self.serial, transport_key=bytes(range(16)))
        return replace(
            blank,
            life_cycle=life_cycle,
            chip_key=self.chip_key.private_numbers().private_value.to_bytes(32),
            passwords={
                1: Password.from_mrz(self.person.mrz.information).secret,
                2: Password.from_can(self.can).secret,
            },
            files={**blank.files, **self.files()},
        )

    def evidence(
        self,
        sector: Sector = Sector.HEALTH,
        *,
        portrait: bool = False,
        identity: bool = False,
        certificate: bool = False,
        ephemeral: str = "reader",
    ) -> Evidence:
        """What a reader captures of the card, without a card."""
        raw = self.permit[f"EF.NS.{sector}"]
        names = [name for name in self.identity if identity or (portrait and name == "DG2")]
        return Evidence(
            profile=self.profile.name,
            captured=NOW,
            sector=sector,
            atr=self.profile.atr,
            card_access=self.card_access,
            active=self.active,
            mso=self.permit["EF.MSO"],
            permit=self.permit["EF.NS.permit"],
            signer_certificate=self.permit["EF.SignerCert"] if certificate else b"",
            sector_item=raw,
            chip=transcript(self.chip_key, raw, ephemeral=key(ephemeral)),
            identity={name: self.identity[name] for name in names},
        )

    def card(
        self, *, life_cycle: LifeCycle = LifeCycle.ACTIVATED, random: Callable[[int], bytes] = os.urandom
    ) -> SoftCard:
        """The software card, in memory."""
        from card_profiles.softcard.card import SoftCard
        from card_profiles.softcard.image import MemoryImage

        return SoftCard(self.profile, MemoryImage(self.card_state(life_cycle=life_cycle)), random=random)


def transcript(
    chip_key: ec.EllipticCurvePrivateKey,
    content: bytes,
    *,
    ephemeral: ec.EllipticCurvePrivateKey,
    sfi: int = 4,
    most: int = 256,
) -> ChipTranscript:
    """What a chip with `chip_key` answers to reads of `content`, at most `most` bytes each."""
    card = CardChipAuthentication(chip_key, key_id=RESIDENCE_PERMIT_V1.chip_key_id)
    private = ephemeral.private_numbers().private_value.to_bytes(32)
    chip_point = point(chip_key.public_key())
    ours = run(
        chip_authentication_terminal(
            chip_point, key_id=RESIDENCE_PERMIT_V1.chip_key_id, random=lambda count: private[:count]
        ),
        card.handle,
    ).secure_messaging
    theirs = card.secure_messaging
    assert theirs is not None
    exchanges = []
    for offset in range(0, len(content), most):
        part = content[offset : offset + most]
        command = read_binary(ne=len(part), sfi=sfi if offset == 0 else None, offset=offset)
        theirs.unwrap_command(ours.wrap(command, extended=True))
        response = theirs.wrap_response(ResponseApdu(data=part, sw=0x9000))
        ours.unwrap(response)
        exchanges.append((command.encode(extended=True), response.encode()))
    return ChipTranscript(
        oid=Oid.ID_CA_ECDH_AES_CBC_CMAC_128,
        key_id=RESIDENCE_PERMIT_V1.chip_key_id,
        ephemeral_private=private,
        exchanges=tuple(exchanges),
    )


def permit_data(person: Person, portrait: bytes) -> PermitData:
    """The element ``permit``."""
    return PermitData(
        number=person.number,
        name_native=person.name_native,
        name_latin=f"{person.primary} {person.secondary}",
        birth_date=person.birth_date,
        sex=person.sex,
        permit_class=person.permit_class,
        authority=person.authority_name,
        portrait_sha256=hashlib.sha256(portrait).digest(),
        portrait_length=len(portrait),
    )


def sign_mso(payload: bytes, signer: Signer) -> bytes:
    """EF.MSO over any payload."""
    return cose.sign1(payload, sign=cose.raw_signer(signer.private_key), kid=signer.kid)


def sign_sod(data_groups: Mapping[int, bytes], signer: Signer, *, at: datetime) -> bytes:
    """EF.SOD over whole files by data group number."""
    content = sod.encode(sod.LdsSecurityObject.over(data_groups))
    signed = cms.build(
        content,
        content_type=sod.LDS_SECURITY_OBJECT_OID,
        certificate=signer.certificate,
        private_key=signer.private_key,
        signing_time=at,
    )
    return sod.wrap(signed)


def security_infos(profile: CardProfile, chip_point: bytes) -> tuple[SecurityInfos, SecurityInfos]:
    """EF.CardAccess and DG14."""
    offers = [PaceInfo(oid=Oid(offer.oid), parameter_id=offer.parameter_id) for offer in profile.pace]
    chip = (
        ChipAuthenticationInfo(oid=Oid.ID_CA_ECDH_AES_CBC_CMAC_128, key_id=profile.chip_key_id),
        ChipAuthenticationPublicKeyInfo(public_key=decode_point(P_256, chip_point), key_id=profile.chip_key_id),
    )
    return SecurityInfos.of(*offers), SecurityInfos.of(*offers, *chip)


def issue(
    by: Authority | None = None,
    *,
    person: Person | None = None,
    services: Mapping[Sector, Mapping[str, date]] | None = None,
    signed: datetime = NOW - 10 * DAY,
    valid_from: datetime | None = None,
    valid_until: datetime = NOW + 300 * DAY,
    status_index: int = 7,
    status_uri: str = STATUS_URI,
    signer: Signer | None = None,
    sod_signer: Signer | None = None,
    sod_signed: datetime | None = None,
    chip: str = "chip",
    slot: Slot = Slot.A,
    can: str = CAN,
) -> IssuedPermit:
    """A permit as a good authority issues it, save for what the arguments say."""
    by = by or authority()
    person = person or Person()
    signer = signer or by.entitlement_signer
    services = SERVICES if services is None else services
    profile = RESIDENCE_PERMIT_V1
    chip_key = key(chip)
    chip_point = point(chip_key.public_key())
    access, chip_infos = security_infos(profile, chip_point)
    groups = {
        1: dg1.encode(person.mrz),
        2: dg2.encode(dg2.Portrait(image=jpeg(person.portrait_shade))),
        11: dg11.encode(dg11.Dg11(name=person.name_native, birth_date=person.birth_date)),
        12: dg12.encode(dg12.Dg12(authority=person.authority_name, issue_date=signed.date())),
        14: dg14.encode(chip_infos),
    }
    draw = salts(f"{person.number}/{chip}")
    items = {Sector.PERMIT: encode_item(permit_data(person, groups[2]), random=draw)}
    for sector in SERVICE_SECTORS:
        address = person.address if sector is Sector.HOUSEHOLD else ""
        granted = SectorEntitlements(sector=sector, services=services.get(sector, {}), address=address)
        items[sector] = encode_item(granted, random=draw)
    mso = MobileSecurityObject(
        value_digests={sector.digest_id: digest(raw) for sector, raw in items.items()},
        device_key=chip_point,
        signed=signed,
        valid_from=valid_from or signed,
        valid_until=valid_until,
        status_index=status_index,
        status_uri=status_uri,
    )
    return IssuedPermit(
        person=person,
        chip_key=chip_key,
        mso=mso,
        identity={
            "EF.COM": com.encode(com.Com(data_groups=tuple(groups))),
            **{f"DG{number}": raw for number, raw in groups.items()},
            "EF.SOD": sign_sod(groups, sod_signer or by.document_signer, at=sod_signed or signed),
        },
        permit={
            "EF.MSO": sign_mso(encode_mso(mso), signer),
            **{f"EF.NS.{sector}": raw for sector, raw in items.items()},
            "EF.SignerCert": signer.certificate,
        },
        card_access=access.encode(),
        slot=slot,
        can=can,
    )


def policy(sector: Sector = Sector.HEALTH, **changes: Any) -> Policy:
    """What a counter demands; `changes` are fields of `Policy`."""
    return Policy(sector=sector, catalogue=load_catalogue(), **changes)


def decide(
    evidence: Evidence,
    trust: TrustStore | None = None,
    *,
    now: datetime = NOW,
    also: frozenset[Check] = frozenset(),
    **changes: Any,
) -> Verdict:
    """The verdict at `now`; `trust` is that of `authority()` by default, `also` are more checks to require."""
    demanded = policy(Sector(evidence.sector), **{"required": AT_A_COUNTER | also, **changes})
    return verify(evidence, trust or authority().trust(), demanded, now=now)
