"""DG1: the machine readable zone of a TD1 card, in a template (ICAO Doc 9303-10 §4.7.1)."""

from __future__ import annotations

from card_profiles.iso7816 import tlv
from keys.errors import DecodeError

from . import mrz
from .mrz import Mrz

TAG = 0x61
MRZ_TAG = 0x5F1F
SIZE = 95  # bytes: 2 + 3 + 90


def encode(zone: Mrz) -> bytes:
    """The whole file, 95 bytes."""
    return tlv.encode(TAG, tlv.encode(MRZ_TAG, mrz.encode(zone).encode("ascii")))


def decode(raw: bytes) -> Mrz:
    """The zone of the whole file. Raises DecodeError, with offsets into the file."""
    elements = tlv.unwrap(raw, TAG, max_size=SIZE).children()
    if [element.tag for element in elements] != [MRZ_TAG]:
        raise DecodeError("not one machine readable zone", path="DG1")
    start = elements[0].value_offset
    try:
        zone = elements[0].value.decode("ascii")
    except UnicodeDecodeError as error:
        raise DecodeError("not ASCII", offset=start + error.start, path="DG1") from None
    try:
        return mrz.decode(zone)
    except DecodeError as error:
        raise DecodeError(error.args[0], offset=start + error.offset, path=f"DG1/{error.path}") from None
