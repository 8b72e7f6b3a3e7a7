"""DG11: additional personal details (ICAO Doc 9303-10 §4.7.11).

The name stands here in the script of the holder's own papers, the MRZ has it in A to Z. The identity application is
written once, so only what stays for the life of the card belongs here: the *registered* (hukou) address, not the
address of residence, which changes without a new card.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

from card_profiles.iso7816 import tlv
from keys.errors import DecodeError

from . import tag_list

TAG = 0x6B
MAX_SIZE = 4096  # bytes
MAX_OTHER_NAMES = 9

FULL_NAME = 0x5F0E
OTHER_NAMES = tag_list.REPEATED
PERSONAL_NUMBER = 0x5F10
BIRTH_DATE = 0x5F2B
_TEXTS = {
    "name": FULL_NAME,
    "personal_number": PERSONAL_NUMBER,
    "place_of_birth": 0x5F11,
    "permanent_address": 0x5F42,
    "telephone": 0x5F12,
    "profession": 0x5F13,
    "title": 0x5F14,
    "personal_summary": 0x5F15,
}
# The order of the table in 9303-10. 5F16 to 5F18 (proof of citizenship, other documents, custody) are not for us.
_ORDER = (
    *(FULL_NAME, OTHER_NAMES, PERSONAL_NUMBER, BIRTH_DATE),
    *(0x5F11, 0x5F42, 0x5F12, 0x5F13, 0x5F14, 0x5F15),
)
_COUNT, _OTHER_NAME = 0x02, 0x5F0F


@dataclass(frozen=True, slots=True, kw_only=True)
class Dg11:
    """Additional personal details; what is None or empty is not on the chip.

    Texts are free UTF-8 without control characters; ICAO's custom parts their components by ``<``.
    """

    name: str | None = None  # 5F0E, in national characters
    other_names: tuple[str, ...] = ()  # A0 {02, 5F0F ...}
    personal_number: str | None = None  # 5F10
    birth_date: date | None = None  # 5F2B, CCYYMMDD
    place_of_birth: str | None = None  # 5F11
    permanent_address: str | None = None  # 5F42: the registered (hukou) address
    telephone: str | None = None  # 5F12
    profession: str | None = None  # 5F13
    title: str | None = None  # 5F14
    personal_summary: str | None = None  # 5F15: we write the ethnicity here, a field that the law wants on a permit
    raw: bytes = field(init=False, repr=False, compare=False)  # the whole file, encoded once

    def __post_init__(self) -> None:
        texts = [getattr(self, name) for name in _TEXTS]
        if not all(tag_list.is_text(text) for text in (*texts, *self.other_names) if text is not None):
            raise ValueError("a text of DG11 is empty or has a control character")
        if len(self.other_names) > MAX_OTHER_NAMES:
            raise ValueError("too many other names")
        if self.birth_date is None and not self.other_names and all(text is None for text in texts):
            raise ValueError("an empty DG11 is left out")
        object.__setattr__(self, "raw", _encode(self))
        if len(self.raw) > MAX_SIZE:
            raise ValueError(f"more than {MAX_SIZE} bytes")


def encode(details: Dg11) -> bytes:
    """The whole file, tag 6B."""
    return details.raw


def _encode(details: Dg11) -> bytes:
    values = {tag: text.encode() for name, tag in _TEXTS.items() if (text := getattr(details, name)) is not None}
    if details.birth_date is not None:
        values[BIRTH_DATE] = tag_list.encode_day(details.birth_date)
    if details.other_names:
        names = [(_OTHER_NAME, name.encode()) for name in details.other_names]
        values[OTHER_NAMES] = tlv.encode_sequence(((_COUNT, bytes((len(names),))), *names))
    return tag_list.encode(TAG, _ORDER, values, repeated=_OTHER_NAME)


def decode(raw: bytes) -> Dg11:
    """The record of the whole file. Raises DecodeError."""
    found = tag_list.decode(raw, TAG, _ORDER, repeated=_OTHER_NAME, max_size=MAX_SIZE, path="DG11")
    if not found:
        raise DecodeError("empty", path="DG11")
    return Dg11(
        birth_date=tag_list.day(found.get(BIRTH_DATE), "DG11/5F2B"),
        other_names=_other_names(found.get(OTHER_NAMES)),
        **{name: tag_list.text(found.get(tag), f"DG11/{tag:X}") for name, tag in _TEXTS.items()},
    )


def _other_names(element: tlv.Tlv | None) -> tuple[str, ...]:
    if element is None:
        return ()
    count, *names = element.children() or (None,)
    if count is None or count.tag != _COUNT or any(name.tag != _OTHER_NAME for name in names):
        raise DecodeError("not a count and names", offset=element.offset, path="DG11/A0")
    if not 1 <= len(names) <= MAX_OTHER_NAMES or count.value != bytes((len(names),)):
        raise DecodeError("the count is not that of the names", offset=count.offset, path="DG11/A0/02")
    return tuple(text for name in names if (text := tag_list.text(name, "DG11/A0/5F0F")) is not None)
