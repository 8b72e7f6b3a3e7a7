"""DG14: SecurityInfos under the signature of EF.SOD (ICAO Doc 9303-10 §4.7.14, 9303-11 §9.2).

Holds the copy of EF.CardAccess and the chip's public key. The key proves a genuine chip only once passive
authentication has bound this file: a clone carries a key of its own.
"""

from __future__ import annotations

from card_profiles.iso7816 import tlv
from card_profiles.protocols.security_infos import MAX_SIZE, SecurityInfos
from keys.errors import DecodeError

TAG = 0x6E


def encode(security_infos: SecurityInfos) -> bytes:
    """The whole file, tag 6E."""
    return tlv.encode(TAG, security_infos.encode())


def decode(raw: bytes) -> SecurityInfos:
    """The record of the whole file. Raises DecodeError."""
    children = tlv.unwrap(raw, TAG, max_size=MAX_SIZE).children()
    if len(children) != 1:
        raise DecodeError("one SET expected", path="DG14")
    return SecurityInfos.from_element(children[0])
