"""Where private keys live: one seam, addressed by URI (`file:NAME`: `software`; `pkcs11:token=…;object=…`: `pkcs11`).

A custody hands out *usable* keys, never their bytes: private keys that sign, and the card master key that diversifies.
`CustodyByUri` sends each URI to the custody of its scheme.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric import ec

SERIAL_SIZE = 10
"""Bytes of a card serial: the context of its keys' derivation."""
LABEL_ENC, LABEL_MAC, LABEL_DEK = b"SCP03 ENC", b"SCP03 MAC", b"SCP03 DEK"
"""Labels of the derivation of card keys (SP 800-108r1 §4.1): every custody derives the same from the same master."""
SELF_TEST = b"self-test of a residence-permit key, signs nothing: "
"""What a self-test signs begins so: no certificate, CMS attribute set or Sig_structure does."""


class CustodyReason(StrEnum):
    """Why a custody refuses."""

    NOT_FOUND = "not_found"
    ALREADY_EXISTS = "already_exists"
    WRONG_PASSPHRASE = "wrong_passphrase"  # noqa: S105 - a reason, not a secret
    DAMAGED = "damaged"
    OPEN_PERMISSIONS = "open_permissions"
    UNSUPPORTED_URI = "unsupported_uri"
    STILL_THERE = "still_there"
    INCOMPLETE = "incomplete"
    SELF_TEST_FAILED = "self_test_failed"
    # Tokens only (PKCS #11).
    DRIVER_MISSING = "driver_missing"
    MODULE_MISSING = "module_missing"
    MODULE_FAILED = "module_failed"
    TOKEN_MISSING = "token_missing"  # noqa: S105
    TOKEN_AMBIGUOUS = "token_ambiguous"  # noqa: S105
    TOKEN_REMOVED = "token_removed"  # noqa: S105
    TOKEN_FAILED = "token_failed"  # noqa: S105
    MECHANISM_MISSING = "mechanism_missing"
    SESSION_LOST = "session_lost"
    LOGIN_TAKEN = "login_taken"
    FORKED = "forked"
    PIN_MISSING = "pin_missing"
    WRONG_PIN = "wrong_pin"
    PIN_LOCKED = "pin_locked"
    NOT_EXTRACTABLE = "not_extractable"
    UNPROTECTED = "unprotected"
    WORKER_LOST = "worker_lost"
    TIMED_OUT = "timed_out"


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


class KeyKind(StrEnum):
    """What lies under a URI."""

    KEY_PAIR = "key-pair"
    CARD_MASTER_KEY = "card-master-key"
    CARD_KEYS = "card-keys"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyInfo:
    """One line of a listing: what a custody can tell without using the key."""

    uri: str
    kind: KeyKind | None
    """None for what is not one of ours, or only half there."""
    purpose: str
    """As given when the key was made; empty when this custody does not keep it."""
    curve: str
    """As `cryptography` names it; empty when there is none, or when only the opened key would tell."""
    in_hardware: bool
    """Made inside a token that says it never gives the key away."""


class Custody(Protocol):
    """A place that keeps private keys. Every method raises `CustodyError`; none returns key bytes but `card_keys`."""

    def generate(self, uri: str, curve: ec.EllipticCurve, *, purpose: str = "") -> ec.EllipticCurvePrivateKey:
        """Make a key pair under a new `uri`; an existing one is never overwritten. `purpose` labels it for people."""

    def public_key(self, uri: str) -> ec.EllipticCurvePublicKey:
        """The public half of the key pair under `uri`."""

    def self_test(self, uri: str) -> None:
        """Use what lies under `uri` once and check the outcome; `CustodyError` (SELF_TEST_FAILED) when it is wrong."""

    def destroy(self, uri: str) -> None:
        """Erase what lies under `uri` and look that it is gone; STILL_THERE when it is not."""

    def inventory(self) -> tuple[KeyInfo, ...]:
        """What this custody holds, sorted by URI."""

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


class CustodyWarning(StrEnum):
    """What people should know about a custody that works."""

    KEYS_ON_DISK = "keys_on_disk"


def print_warning(warning: CustodyWarning) -> None:
    """Tell whoever runs the process, on standard error."""
    texts = {
        CustodyWarning.KEYS_ON_DISK: "warning: private keys are kept in files on this disk. "
        "Whoever copies them and learns the passphrase can sign; use a token (pkcs11:) for real permits.",
    }
    print(texts[warning], file=sys.stderr)


class CustodyByUri:
    """The custody of each scheme, made when a URI first asks for it. Implements `Custody`.

    `custodies` maps a scheme (`file`, `pkcs11`) to what makes its custody. `warn` is called once, when private keys
    turn out to lie in files.
    """

    def __init__(
        self,
        custodies: Mapping[str, Callable[[], Custody]],
        *,
        warn: Callable[[CustodyWarning], None] = print_warning,
    ) -> None:
        self._makers = dict(custodies)
        self._made: dict[str, Custody] = {}
        self._warn = warn

    def generate(self, uri: str, curve: ec.EllipticCurve, *, purpose: str = "") -> ec.EllipticCurvePrivateKey:
        """See `Custody`."""
        return self._of(uri).generate(uri, curve, purpose=purpose)

    def private_key(self, uri: str) -> ec.EllipticCurvePrivateKey:
        """See `Custody`."""
        return self._of(uri).private_key(uri)

    def public_key(self, uri: str) -> ec.EllipticCurvePublicKey:
        """See `Custody`."""
        return self._of(uri).public_key(uri)

    def self_test(self, uri: str) -> None:
        """See `Custody`."""
        self._of(uri).self_test(uri)

    def destroy(self, uri: str) -> None:
        """See `Custody`."""
        self._of(uri).destroy(uri)

    def inventory(self) -> tuple[KeyInfo, ...]:
        """What all custodies hold that can be made here."""
        custodies = [self._custody(scheme) for scheme in sorted(self._makers)]
        return tuple(info for custody in custodies for info in custody.inventory())

    def generate_card_master_key(self, uri: str) -> CardMasterKey:
        """See `Custody`."""
        return self._of(uri).generate_card_master_key(uri)

    def card_master_key(self, uri: str) -> CardMasterKey:
        """See `Custody`."""
        return self._of(uri).card_master_key(uri)

    def store_card_keys(self, uri: str, keys: CardKeys) -> None:
        """See `Custody`."""
        self._of(uri).store_card_keys(uri, keys)

    def card_keys(self, uri: str) -> CardKeys:
        """See `Custody`."""
        return self._of(uri).card_keys(uri)

    def _of(self, uri: str) -> Custody:
        scheme, colon, _ = uri.partition(":")
        if not colon or scheme not in self._makers:
            # Nothing of the URI goes into the message: a PIN may have been pasted into it.
            known = ", ".join(f"{name}:" for name in sorted(self._makers))
            raise CustodyError(
                f"no custody for this key URI; use one of {known}", reason=CustodyReason.UNSUPPORTED_URI, uri="…"
            )
        return self._custody(scheme)

    def _custody(self, scheme: str) -> Custody:
        if scheme not in self._made:
            self._made[scheme] = self._makers[scheme]()
            if scheme == "file":
                self._warn(CustodyWarning.KEYS_ON_DISK)
        return self._made[scheme]
