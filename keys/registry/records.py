"""Lines of the registry: keys, events, intents, and the people in them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..algorithms import Purpose
from .lifecycle import KeyState, require_signing, rules_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """Who does something, and who watches. Names of people, as they sign the minutes."""

    operator: str = ""
    witness: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key of the authority. Moments are UTC in whole seconds; None for what has not come about."""

    purpose: Purpose
    generation: int
    kid: bytes
    """8 bytes; of a card master key, the start of SHA-256 over the keys that it gives to serial number 0."""
    state: KeyState
    uri: str
    certificate: str
    """File within `trust/`; empty without one."""
    serial: str
    """Of the certificate, in hex."""
    generated_at: datetime
    staged_at: datetime | None
    published_at: datetime | None
    """When the first release that carries it came out."""
    activated_at: datetime | None
    retired_at: datetime | None
    destroyed_at: datetime | None
    compromised_at: datetime | None
    """Since when it is not to be believed: no later than when that was noticed."""
    active_from: datetime | None
    active_until: datetime | None
    """The private-key usage period."""
    expires_at: datetime | None
    """End of the certificate: until then, what the key signed can be checked."""
    cap: int | None
    signatures: int

    @property
    def name(self) -> str:
        """What people and commands call it, such as DS-3."""
        return key_name(self.purpose, self.generation)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the history."""

    number: int
    at: datetime
    key: str
    """Name of the key, or empty."""
    kind: str
    actor: Actor
    detail: Mapping[str, Any]
    digest: bytes
    """SHA-256 over this event and the digest of the one before it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """A command that was begun and not yet finished, with everything it needs to be finished as it was meant."""

    number: int
    command: str
    arguments: Mapping[str, Any]


def key_name(purpose: Purpose, generation: int) -> str:
    """What people call a key."""
    return f"{rules_of(purpose).label}-{generation}"


def require_may_sign(key: KeyRecord, *, now: datetime, count: int = 1) -> None:
    """Whether a key may make `count` more signatures now; `AuthorityError` that says why not."""
    require_signing(
        key.state,
        key.purpose,
        now=now,
        active_from=key.active_from,
        active_until=key.active_until,
        signatures=key.signatures,
        cap=key.cap,
        wanted=count,
    )
