"""What stands on each sheet. Texts are NFC; dates are civil days."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from ..application import PermitApplication
from ..assemble import Office, zone
from ..domain.checklist import Item


@dataclass(frozen=True, slots=True, kw_only=True)
class CardFace:
    """Front and back of a card. `mrz` are the 90 characters of DG1, `code` the text of the printed code, `photo` the
    image of DG2, `can` six digits. `office_en` may be empty."""

    office: str
    office_en: str
    country: str
    name_native: str
    name_latin: str
    sex: str  # F, M or X
    birth_date: date
    nationality: str
    ethnicity: str
    personal_number: str = field(repr=False)
    hukou_address: str
    address: str
    permit_number: str
    document_number: str
    permit_class: int
    valid_from: date
    expiry_date: date
    can: str = field(repr=False)
    photo: bytes = field(repr=False)
    mrz: str = field(repr=False)
    code: str = field(repr=False)

    @classmethod
    def of(
        cls, application: PermitApplication, office: Office, *, can: str, photo: bytes, code: str, office_en: str = ""
    ) -> CardFace:
        """The face of the card that is written for `application`: the same words as on its chip."""
        from card_profiles.lds import mrz

        return cls(
            office=office.name,
            office_en=office_en,
            country=office.country,
            name_native=application.name_native,
            name_latin=f"{application.latin_surname} {application.latin_given}".strip(),
            sex=application.sex,
            birth_date=application.birth_date,
            nationality=application.nationality,
            ethnicity=application.ethnicity,
            personal_number=application.personal_number,
            hukou_address=application.hukou_address,
            address=application.address,
            permit_number=application.permit_number,
            document_number=application.document_number,
            permit_class=application.permit_class,
            valid_from=application.valid_from,
            expiry_date=application.expiry_date,
            can=can,
            photo=photo,
            mrz=mrz.encode(zone(application, office)),
            code=code,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistLine:
    """One thing to bring."""

    item: Item
    present: bool


class SlipKind(StrEnum):
    """What the applicant takes home."""

    NOTICE = "notice"  # what is missing, told one time and in full (Decree 663 art. 9)
    ACCEPTED = "accepted"  # complete: the card is ready by a day


@dataclass(frozen=True, slots=True, kw_only=True)
class Slip:
    """For the applicant after the visit. An accepted one has `slip`, `accepted_on` and `due_on`; a notice has none."""

    office: str
    district: str
    application: int
    name_native: str
    name_latin: str
    sex: str
    birth_date: date
    replacement: bool
    told_on: date
    checklist: tuple[ChecklistLine, ...]
    slip: str = field(default="", repr=False)
    accepted_on: date | None = None
    due_on: date | None = None
    extended: bool = False

    @property
    def kind(self) -> SlipKind:
        """Which of both it is."""
        return SlipKind.NOTICE if self.accepted_on is None else SlipKind.ACCEPTED


@dataclass(frozen=True, slots=True, kw_only=True)
class HandoverReceipt:
    """Signed when a card goes over the desk."""

    office: str
    district: str
    application: int
    permit_number: str
    document_number: str
    card_serial: str
    name_native: str
    name_latin: str
    handed_over_on: date
    endorsed_until: date
    window_opens: date
    expires_on: date
