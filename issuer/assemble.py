"""From an application to the bytes of every file, and what must be signed. Pure: time and salts are passed in.

The two sides of the card are assembled apart. The identity side is written once; the permit side is made anew at each
endorsement, from what the card says of its holder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric import ec

from card_profiles.entitlements.active import EMPTY, FIRST_SFI, ActiveFile, encode_active
from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from card_profiles.entitlements.mso import MobileSecurityObject, encode_mso
from card_profiles.entitlements.sector_files import PermitData, SectorEntitlements, digest, encode_item
from card_profiles.lds import com, dg1, dg2, dg11, dg12, dg14, sod
from card_profiles.lds.com import Com
from card_profiles.lds.dg2 import Gender, ImageType, Portrait
from card_profiles.lds.dg11 import Dg11
from card_profiles.lds.dg12 import Dg12
from card_profiles.lds.mrz import Mrz
from card_profiles.lds.sod import LdsSecurityObject
from card_profiles.model import CardProfile, Content, Slot
from card_profiles.protocols.points import BY_PARAMETER_ID, decode_point
from card_profiles.protocols.security_infos import (
    ChipAuthenticationInfo,
    ChipAuthenticationPublicKeyInfo,
    Oid,
    PaceInfo,
    SecurityInfos,
)
from keys.envelopes import cms, cose

from .application import PermitApplication
from .errors import Refusal, Refused

CIVIL_TIME = timedelta(hours=8)
"""The authority's time zone: a day, on a card, ends at midnight there. The verifier's policy has the same."""

DATA_GROUPS = {1: Content.DG1, 2: Content.DG2, 11: Content.DG11, 12: Content.DG12, 14: Content.DG14}
_COM = com.encode(Com(data_groups=tuple(DATA_GROUPS)))
CHIP_AUTHENTICATION = Oid.ID_CA_ECDH_AES_CBC_CMAC_128
MRZ_OPTIONAL_2 = 11
_GENDERS = {"F": Gender.FEMALE, "M": Gender.MALE, "X": Gender.UNSPECIFIED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """Who issues: the name on the permit (up to 74 UTF-8 bytes) and the State in the MRZ (1 to 3 letters)."""

    name: str
    country: str


class Signer(Protocol):
    """A signing key with its certificate (DER) and its kid (8 bytes), wherever the key is kept."""

    @property
    def kid(self) -> bytes: ...

    @property
    def certificate(self) -> bytes: ...

    @property
    def private_key(self) -> ec.EllipticCurvePrivateKey: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Validity:
    """UTC, whole seconds: when signed, and from when until when it counts."""

    signed: datetime
    begins: datetime
    ends: datetime

    @classmethod
    def over(cls, begin: date, until: date, *, now: datetime) -> Validity:
        """From the first second of `begin` (or from `now`, if that is later) to the last of `until`, civil time."""
        signed = now.astimezone(UTC).replace(microsecond=0)
        return cls(
            signed=signed,
            begins=max(signed, _midnight(begin)),
            ends=_midnight(until + timedelta(days=1)) - timedelta(seconds=1),
        )

    @property
    def until(self) -> date:
        """The last day."""
        return civil_date(self.ends)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReference:
    """Where a card's status stands."""

    uri: str
    index: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedIdentity:
    """Files by their content, without EF.SOD, and the LDSSecurityObject (DER) that has to be signed.

    `portrait_sha256` is what it says of DG2.
    """

    files: Mapping[Content, bytes]
    security_object: bytes
    portrait_sha256: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class UnsignedPermit:
    """The ten items by element, and the MobileSecurityObjectBytes that have to be signed."""

    items: Mapping[str, bytes]
    mso: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedPermit:
    """What a slot holds: EF.MSO, the items by element, EF.SignerCert."""

    items: Mapping[str, bytes]
    mso: bytes
    certificate: bytes


def civil_date(moment: datetime) -> date:
    """The date at the authority."""
    return (moment.astimezone(UTC) + CIVIL_TIME).date()


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) - CIVIL_TIME


def security_infos(profile: CardProfile, chip_key: bytes) -> SecurityInfos:
    """Content of DG14: the PACE variants of EF.CardAccess, Chip Authentication, and the chip's key (65-byte point)."""
    point = decode_point(BY_PARAMETER_ID[profile.chip_key_parameter_id], chip_key)
    return SecurityInfos.of(
        *_pace_infos(profile),
        ChipAuthenticationInfo(oid=CHIP_AUTHENTICATION, key_id=profile.chip_key_id),
        ChipAuthenticationPublicKeyInfo(public_key=point, key_id=profile.chip_key_id),
    )


def identity(
    application: PermitApplication, image: bytes, *, chip_key: bytes, office: Office, profile: CardProfile
) -> UnsignedIdentity:
    """The ICAO application. `image` is a portrait as `photo.accept` gives it, `chip_key` a 65-byte point.

    Raises Refused(CONTENT_TOO_LARGE) for a file that the profile has no room for.
    """
    files = {
        Content.DG1: dg1.encode(zone(application, office)),
        Content.DG2: dg2.encode(
            Portrait(image=image, image_type=ImageType.FULL_FRONTAL, gender=_GENDERS[application.sex])
        ),
        # The address of residence changes without a new card, so it is not here: it is printed, and in the register.
        Content.DG11: dg11.encode(
            Dg11(
                name=application.name_native,
                personal_number=application.personal_number or None,
                birth_date=application.birth_date,
                permanent_address=application.hukou_address or None,
                personal_summary=application.ethnicity or None,
            )
        ),
        Content.DG12: dg12.encode(Dg12(authority=office.name, issue_date=application.valid_from)),
        Content.DG14: dg14.encode(security_infos(profile, chip_key)),
        Content.COM: _COM,
    }
    _named(files, profile)
    security_object = LdsSecurityObject.over({number: files[content] for number, content in DATA_GROUPS.items()})
    return UnsignedIdentity(
        files=files,
        security_object=sod.encode(security_object),
        portrait_sha256=security_object.data_group_hashes[2],
    )


def zone(application: PermitApplication, office: Office) -> Mrz:
    """The machine readable zone of DG1 and of the card's back. The document number is the card's own; the permit's
    number stands in the optional data where it fits (11 characters, 9303-5 §4.2.2.2), so that both sides of the chip
    name it."""
    number = application.permit_number
    return Mrz(
        optional_data_2=number if len(number) <= MRZ_OPTIONAL_2 else "",
        issuing_state=office.country,
        document_number=application.document_number,
        birth_date=f"{application.birth_date:%y%m%d}",
        sex=application.sex,
        expiry_date=f"{application.expiry_date:%y%m%d}",
        nationality=application.nationality,
        primary=application.primary,
        secondary=application.secondary,
    )


def permit_data(application: PermitApplication, unsigned: UnsignedIdentity, office: Office) -> PermitData:
    """What every counter needs; the portrait is bound by length and SHA-256 of the whole DG2 file."""
    return PermitData(
        number=application.permit_number,
        name_native=application.name_native,
        name_latin=latin_name(application.primary, application.secondary),
        birth_date=application.birth_date,
        sex=application.sex,
        permit_class=application.permit_class,
        authority=office.name,
        portrait_sha256=unsigned.portrait_sha256,
        portrait_length=len(unsigned.files[Content.DG2]),
    )


def latin_name(primary: str, secondary: str) -> str:
    """``LYU, XIAOLI``: the identifiers of the MRZ, untruncated, as 9303-3 §3.4 separates them."""
    return f"{primary}, {secondary}" if secondary else primary


def permit(
    data: PermitData,
    entitlements: Mapping[str, date],
    *,
    chip_key: bytes,
    validity: Validity,
    status: StatusReference,
    random: Callable[[int], bytes],
    address: str = "",
) -> UnsignedPermit:
    """The permit side: `data`, service codes with their last day, the residence address. `random` gives salts.

    Raises Refused(CONTENT_TOO_LARGE) when the services of a sector do not fit its file.
    """
    values: list[PermitData | SectorEntitlements] = [data]
    by_sector: dict[Sector, dict[str, date]] = {sector: {} for sector in SERVICE_SECTORS}
    for code, until in sorted(entitlements.items()):
        by_sector[Sector.of_code(code)][code] = until
    for sector, services in by_sector.items():
        own = address if sector is Sector.HOUSEHOLD else ""
        values.append(SectorEntitlements(sector=sector, services=services, address=own))
    items: dict[str, bytes] = {}
    digests = {}
    for value in values:
        try:
            items[value.sector] = raw = encode_item(value, random=random)
        except ValueError as error:
            raise Refused(Refusal.CONTENT_TOO_LARGE, file=f"EF.NS.{value.sector}", size="-", limit="-") from error
        digests[value.sector.digest_id] = digest(raw)
    mso = MobileSecurityObject(
        value_digests=digests,
        device_key=chip_key,
        signed=validity.signed,
        valid_from=validity.begins,
        valid_until=validity.ends,
        status_index=status.index,
        status_uri=status.uri,
    )
    return UnsignedPermit(items=items, mso=encode_mso(mso))


def sign_identity(
    unsigned: UnsignedIdentity, signer: Signer, profile: CardProfile, *, at: datetime
) -> dict[str, bytes]:
    """The files of the identity application by their names, EF.SOD among them."""
    envelope = cms.build(
        unsigned.security_object,
        content_type=sod.LDS_SECURITY_OBJECT_OID,
        certificate=signer.certificate,
        private_key=signer.private_key,
        signing_time=at.replace(microsecond=0),
    )
    return _named({**unsigned.files, Content.SOD: sod.wrap(envelope)}, profile)


def sign_permit(unsigned: UnsignedPermit, signer: Signer) -> SignedPermit:
    """EF.MSO with the kid only: the certificate stands in a file of its own, for counters that do not have it."""
    mso = cose.sign1(unsigned.mso, sign=cose.raw_signer(signer.private_key), kid=signer.kid)
    return SignedPermit(items=unsigned.items, mso=mso, certificate=signer.certificate)


def slot_files(signed: SignedPermit, slot: Slot, profile: CardProfile) -> dict[str, bytes]:
    """The twelve files of `slot` by their names. Raises Refused(CONTENT_TOO_LARGE)."""
    files = {}
    for file in profile.permit.slot_files(slot):
        if file.content is Content.MSO:
            raw = signed.mso
        elif file.content is Content.SIGNER_CERTIFICATE:
            raw = signed.certificate
        else:
            raw = signed.items[file.element]
        files[file.name] = _fits(file.name, raw, file.size)
    return files


def activate_slot(before: ActiveFile, files: Mapping[str, bytes], profile: CardProfile) -> ActiveFile:
    """What EF.Active says once `files`, of the slot that `before` leaves spare, count."""
    slot = Slot(before.spare)
    names = [file.name for file in profile.permit.slot_files(slot)]
    return before.successor({FIRST_SFI + at: len(files[name]) for at, name in enumerate(names)})


@dataclass(frozen=True, slots=True, kw_only=True)
class WholeCard:
    """Everything that a new card gets, signed; `active` is the content of EF.Active."""

    identity: Mapping[str, bytes]
    permit: Mapping[str, bytes]
    active: bytes


def whole_card(
    application: PermitApplication,
    image: bytes,
    *,
    chip_key: bytes,
    validity: Validity,
    status: StatusReference,
    office: Office,
    signers: tuple[Signer, Signer],
    profile: CardProfile,
    random: Callable[[int], bytes],
) -> WholeCard:
    """Both sides of a new card, slot A. `signers` are those of documents and of entitlements.

    Raises Refused(CONTENT_TOO_LARGE).
    """
    unsigned = identity(application, image, chip_key=chip_key, office=office, profile=profile)
    items = permit(
        permit_data(application, unsigned, office),
        dict(application.entitlements),
        chip_key=chip_key,
        validity=validity,
        status=status,
        random=random,
        address=application.address,
    )
    files = slot_files(sign_permit(items, signers[1]), Slot.A, profile)
    active = encode_active(activate_slot(EMPTY, files, profile))
    return WholeCard(
        identity=sign_identity(unsigned, signers[0], profile, at=validity.signed),
        permit={**files, profile.permit.by_content(Content.ACTIVE).name: active},
        active=active,
    )


def card_access(profile: CardProfile) -> bytes:
    """EF.CardAccess as the card's maker must have written it."""
    return SecurityInfos.of(*_pace_infos(profile)).encode()


def _pace_infos(profile: CardProfile) -> tuple[PaceInfo, ...]:
    return tuple(PaceInfo(oid=Oid(offer.oid), parameter_id=offer.parameter_id) for offer in profile.pace)


def _named(files: Mapping[Content, bytes], profile: CardProfile) -> dict[str, bytes]:
    """Files of the identity application by their names. Raises Refused(CONTENT_TOO_LARGE)."""
    return {
        file.name: _fits(file.name, files[file.content], file.size)
        for file in profile.identity.files
        if file.content in files
    }


def _fits(name: str, raw: bytes, size: int) -> bytes:
    if len(raw) > size:
        raise Refused(Refusal.CONTENT_TOO_LARGE, file=name, size=len(raw), limit=size)
    return raw
