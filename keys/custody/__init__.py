"""Where private keys live: one seam, addressed by URI (`file:` here; `pkcs11:` has the same shape).

A custody hands out *usable* keys, never their bytes: private keys that sign, and the card master key that diversifies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec


class CustodyReason(StrEnum):
    """Why a custody refuses."""

    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    WRONG_PASSPHRASE = "wrong_passphrase"  # noqa: S105 - a reason, not a secret
    DAMAGED = "damaged"
    OPEN_PERMISSIONS = "open_permissions"
    UNSUPPORTED_URI = "unsupported_uri"


class CustodyError(Exception):
    """A key could not be made or handed out. `uri` names the key; no secret is ever in the message."""

    def __init__(self, message: str, *, reason: CustodyReason, uri: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.uri = uri


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKeys:
    """The three static keys of a card's security domain (GlobalPlatform SCP03): 16, 24 or 32 bytes each."""

    enc: bytes = field(repr=False)
    mac: bytes = field(repr=False)
    dek: bytes = field(repr=False)

    def __post_init__(self) -> None:
        sizes = {len(self.enc), len(self.mac), len(self.dek)}
        if len(sizes) != 1 or not sizes <= {16, 24, 32}:
            raise ValueError("SCP03 keys are three AES keys of one length: 16, 24 or 32 bytes")


class CardMasterKey(Protocol):
    """The key from which each card's own keys are derived."""

    def diversify(self, serial: bytes) -> CardKeys:
        """Derive the keys of the card with this `serial` (10 bytes of SCP03 key diversification data)."""


class Custody(Protocol):
    """A place that keeps private keys. Every method raises `CustodyError`; none returns key bytes."""

    def generate(self, uri: str, curve: ec.EllipticCurve) -> ec.EllipticCurvePrivateKey:
        """Make a key pair under a new `uri`; an existing one is never overwritten."""

    def private_key(self, uri: str) -> ec.EllipticCurvePrivateKey:
        """The key pair under `uri`."""

    def generate_card_master_key(self, uri: str) -> CardMasterKey:
        """Make a card master key under a new `uri`."""

    def card_master_key(self, uri: str) -> CardMasterKey:
        """The card master key under `uri`."""

    def store_card_keys(self, uri: str, keys: CardKeys) -> None:
        """Keep card keys that come from elsewhere: the transport keys of a delivery of blanks."""

    def card_keys(self, uri: str) -> CardKeys:
        """The card keys kept under `uri`."""
