"""The template of DG11 and DG12: a tag list 5C, then just the data objects it lists, in its order (9303-10 §4.7.11).

A data object A0 holds a count and as many repeated elements; the list has the tag of these, not A0, as the sample DG12
of 9303-10 appendix A shows.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date

from card_profiles.iso7816 import tlv
from keys.errors import DecodeError

TAG_LIST = 0x5C
REPEATED = 0xA0
_NO_TEXT = re.compile("[\\x00-\\x1F\\x7F-\\x9F\\uD800-\\uDFFF]")  # control characters and surrogates


def encode(template: int, order: Sequence[int], values: Mapping[int, bytes], *, repeated: int = REPEATED) -> bytes:
    """The file with `template` as its tag; data objects stand in `order`, whatever the order of `values`. `repeated` is
    the tag of the elements in A0, where there is one."""
    tags = [tag for tag in order if tag in values]
    objects = ((tag, values[tag]) for tag in tags)
    return tlv.encode(template, tlv.encode_sequence(((TAG_LIST, _listed(tags, repeated)), *objects)))


def decode(
    raw: bytes, template: int, order: Sequence[int], *, repeated: int = REPEATED, max_size: int, path: str
) -> dict[int, tlv.Tlv]:
    """The data objects by their tags. Raises DecodeError for tags that are unknown, twice, not listed, listed and not
    there, or not in `order`."""
    elements = tlv.unwrap(raw, template, max_size=max_size).children()
    if not elements or elements[0].tag != TAG_LIST:
        raise DecodeError("no tag list", path=path)
    listed, objects = elements[0], elements[1:]
    tags = [element.tag for element in objects]
    if _listed(tags, repeated) != listed.value:
        raise DecodeError("the tag list is not what follows", offset=listed.offset, path=f"{path}/5C")
    known = [tag for tag in order if tag in tags]
    if tags != known:
        raise DecodeError("tags unknown, twice or out of order", offset=listed.offset, path=f"{path}/5C")
    return {element.tag: element for element in objects}


def _listed(tags: Sequence[int], repeated: int) -> bytes:
    return b"".join(tlv.encode_tag(repeated if tag == REPEATED else tag) for tag in tags)


def text(element: tlv.Tlv | None, path: str) -> str | None:
    """UTF-8 of at least one character, without control characters; None where there is no element."""
    if element is None:
        return None
    try:
        value = element.value.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DecodeError("not UTF-8", offset=element.value_offset + error.start, path=path) from None
    if not is_text(value):
        raise DecodeError("empty, or a control character in it", offset=element.value_offset, path=path)
    return value


def is_text(value: str) -> bool:
    """Whether `value` may stand in a text element: not empty, encodable, no control character."""
    return bool(value) and _NO_TEXT.search(value) is None


def day(element: tlv.Tlv | None, path: str) -> date | None:
    """CCYYMMDD in eight ASCII digits; None where there is no element."""
    if element is None:
        return None
    digits = element.value
    if len(digits) != 8 or not digits.isdigit():
        raise DecodeError("not CCYYMMDD", offset=element.value_offset, path=path)
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise DecodeError("not a date", offset=element.value_offset, path=path) from None


def encode_day(value: date) -> bytes:
    """CCYYMMDD."""
    return f"{value.year:04}{value.month:02}{value.day:02}".encode()
