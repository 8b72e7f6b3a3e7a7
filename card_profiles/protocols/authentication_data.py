"""Dynamic authentication data of GENERAL AUTHENTICATE: template 7C, one object a step (ISO/IEC 7816-4:2020, 11.5.5)."""

from __future__ import annotations

from card_profiles.errors import CardFault
from card_profiles.iso7816 import tlv
from card_profiles.protocols.points import IdentityEncoded, NotOnCurve
from keys.errors import DecodeError

TAG = 0x7C


def encode(tag: int | None = None, value: bytes = b"") -> bytes:
    """7C with one data object, or empty: a request."""
    return tlv.encode(TAG, b"" if tag is None else tlv.encode(tag, value))


def decode(data: bytes, tag: int | None) -> bytes:
    """The value of the only object in 7C, which must be `tag`; with None, 7C must be empty. DecodeError."""
    children = tlv.unwrap(data, TAG).children()
    if tag is None and not children:
        return b""
    if len(children) != 1 or children[0].tag != tag:
        raise DecodeError("not the data object of this step", path="7C")
    return children[0].value


def encode_reference(number: int) -> bytes:
    """A key or domain-parameter reference, data object 84: unsigned, minimal, at least one byte."""
    return number.to_bytes(max(1, (number.bit_length() + 7) // 8), "big")


def point_fault(error: DecodeError) -> CardFault:
    """How a card is at fault when its public key does not decode."""
    match error:
        case NotOnCurve():
            return CardFault.NOT_ON_CURVE
        case IdentityEncoded():
            return CardFault.WEAK_PARAMETERS
        case _:
            return CardFault.MALFORMED_RESPONSE
