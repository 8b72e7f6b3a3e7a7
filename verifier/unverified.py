"""What a card claims, before anything is checked: enough to steer the reader, and nothing that a verdict may use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.mso import decode_mso
from card_profiles.entitlements.sector_files import PermitData, decode_item
from keys.envelopes import cose
from keys.errors import DecodeError

MAX_MSO = 1024
"""Bytes of EF.MSO, as the profile has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """The signer's kid (empty if there is none) and the chip's key, an uncompressed point of 65 bytes."""

    kid: bytes
    device_key: bytes


def claims(mso: bytes) -> Claims | None:
    """What EF.MSO claims; None when it cannot be read, which the verdict will say with a reason."""
    try:
        envelope = mso_envelope(mso)
        return Claims(kid=envelope.kid or b"", device_key=decode_mso(envelope.payload).device_key)
    except DecodeError:
        return None


@lru_cache(maxsize=2)
def mso_envelope(raw: bytes) -> cose.Sign1:
    """EF.MSO, decoded once for the reader and once more asked for by the verdict. Raises DecodeError."""
    return cose.parse(raw, max_size=MAX_MSO, tagged=False)


def portrait_length(permit: bytes) -> int | None:
    """Bytes of DG2 by EF.NS.permit; None when it cannot be read."""
    try:
        value = decode_item(permit, Sector.PERMIT).value
    except DecodeError:
        return None
    return value.portrait_length if isinstance(value, PermitData) else None
