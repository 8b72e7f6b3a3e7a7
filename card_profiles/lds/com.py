"""EF.COM: the version of the data structure and the data groups that are on the chip (ICAO Doc 9303-10 §4.6.1)."""

from __future__ import annotations

from dataclasses import dataclass

from card_profiles.iso7816 import tlv
from keys.errors import DecodeError

TAG = 0x60
MAX_SIZE = 64  # bytes; all sixteen data groups need 40

LDS_VERSION = "0108"  # LDS 1.8: the version whose LDSSecurityObject repeats it (9303-10 §4.6.2)
UNICODE_VERSION = "040000"

DATA_GROUP_TAGS = {
    **{1: 0x61, 2: 0x75, 3: 0x63, 4: 0x76},
    **{5: 0x65, 6: 0x66, 7: 0x67, 8: 0x68, 9: 0x69, 10: 0x6A},
    **{11: 0x6B, 12: 0x6C, 13: 0x6D, 14: 0x6E, 15: 0x6F, 16: 0x70},
}
"""Data group number to the tag of its template, 9303-10 §4.6.1 table 34."""

_NUMBERS = {tag: number for number, tag in DATA_GROUP_TAGS.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Com:
    """The content of EF.COM. Versions are ASCII digits, four and six; `data_groups` are numbers, ascending.

    Not signed: what it says is a hint, and EF.SOD decides.
    """

    data_groups: tuple[int, ...]
    lds_version: str = LDS_VERSION
    unicode_version: str = UNICODE_VERSION

    def __post_init__(self) -> None:
        if not is_version(self.lds_version, 4) or not is_version(self.unicode_version, 6):
            raise ValueError("a version is four or six digits")
        if not self.data_groups or any(number not in DATA_GROUP_TAGS for number in self.data_groups):
            raise ValueError("not data group numbers")
        if list(self.data_groups) != sorted(set(self.data_groups)):
            raise ValueError("data groups twice or not in order")


def is_version(text: str, length: int) -> bool:
    """Whether `text` is `length` ASCII digits."""
    return len(text) == length and text.isascii() and text.isdecimal()


def encode(com: Com) -> bytes:
    """The whole file, tag 60."""
    return tlv.encode(
        TAG,
        tlv.encode_sequence(
            (
                (0x5F01, com.lds_version.encode()),
                (0x5F36, com.unicode_version.encode()),
                (0x5C, bytes(DATA_GROUP_TAGS[number] for number in com.data_groups)),
            )
        ),
    )


def decode(raw: bytes) -> Com:
    """The record of the whole file. Raises DecodeError."""
    elements = tlv.unwrap(raw, TAG, max_size=MAX_SIZE).children()
    if [element.tag for element in elements] != [0x5F01, 0x5F36, 0x5C]:
        raise DecodeError("not LDS version, Unicode version and tag list", path="EF.COM")
    numbers = []
    for position, tag in enumerate(elements[2].value):
        if tag not in _NUMBERS:
            raise DecodeError("not a data group", offset=elements[2].value_offset + position, path="EF.COM/5C")
        numbers.append(_NUMBERS[tag])
    try:
        return Com(
            lds_version=elements[0].value.decode("ascii"),
            unicode_version=elements[1].value.decode("ascii"),
            data_groups=tuple(numbers),
        )
    except ValueError as error:
        raise DecodeError(f"not a version or not in order: {error}", path="EF.COM") from None
