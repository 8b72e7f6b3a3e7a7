"""Keys of the publication's roles in the registry: which there are, the roots say; what each does is counted here.

A root key may be anywhere, in five people's hands: its public half, its dates and the roots that it signed are known
from the roots themselves, so nothing of it need ever come to this machine.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from tuf.api.metadata import Root

from ..algorithms import Purpose
from ..authority.authority import Authority
from ..authority.errors import AuthorityError
from ..errors import DecodeError
from ..registry import lifecycle
from ..registry.lifecycle import KeyEvent, KeyState
from ..registry.records import Actor, KeyRecord, key_name
from ..spki import key_id
from . import home
from .metadata import signed_at
from .root import Role, parse

PURPOSES = {
    Role.ROOT: Purpose.ROOT,
    Role.TARGETS: Purpose.TARGETS,
    Role.SNAPSHOT: Purpose.SNAPSHOT,
    Role.TIMESTAMP: Purpose.TIMESTAMP,
}
ELSEWHERE = "offline:"
"""Begins the URI of a key that is not in this authority's custody."""


def take_up(authority: Authority, actor: Actor) -> None:
    """Enter every key that a root names, and retire those that the newest root names no more. Run as often as you
    like."""
    history = [parse(raw) for raw in home.roots(authority.home)]
    if not history:
        return
    uris, registry = home.load_settings(authority.home).keys, authority.registry
    known = {key.kid: key for key in registry.keys if key.purpose in lifecycle.ROLE_RULES}
    signed: Counter[bytes] = Counter()
    last: dict[bytes, int] = {}
    holders: dict[str, bytes] = {}
    with registry.transaction():
        for number, metadata in enumerate(history):
            root = metadata.signed
            for role, purpose in PURPOSES.items():
                for identifier in root.roles[role].keyids:
                    kid = holders[identifier] = kid_of(root, identifier)
                    last[kid] = number
                    if kid not in known:
                        known[kid] = _enter(authority, purpose, kid, uris.get(identifier, ""), _moment(root), actor)
            # A root is signed by keys of the one before it, too.
            signed.update(holders[one] for one in metadata.signatures if one in holders)
        for kid, number in last.items():
            if number + 1 < len(history):
                _retire(authority, known[kid], history[number + 1].signed, actor)
        for kid, count in signed.items():
            registry.raise_signatures(known[kid], count)


def count(authority: Authority, kid: bytes) -> None:
    """Count a signature that a role's key is about to make; `AuthorityError` when it may not make it."""
    key = authority.registry.by_name(kid.hex())
    authority.registry.spend(key, 1, now=authority.clock())


def may_sign(authority: Authority, kid: bytes) -> bool:
    """Count a signature that a role's key is about to make, unless it is one that makes no more."""
    try:
        count(authority, kid)
    except AuthorityError:
        return False
    return True


def kid_of(root: Root, identifier: str) -> bytes:
    """The kid of a key by its TUF key id; `DecodeError` for a key of another kind than ours."""
    public: Any = load_pem_public_key(str(root.keys[identifier].keyval["public"]).encode())
    if not isinstance(public, ec.EllipticCurvePublicKey):
        raise DecodeError("not a key of ours", path=f"root/{identifier[:16]}")
    return kid(public)


def kid(public: ec.EllipticCurvePublicKey) -> bytes:
    """First 8 bytes of SHA-256 over the key."""
    return key_id(public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def next_generation(authority: Authority, purpose: Purpose) -> int:
    """The number that the next key of a role will have."""
    return max((key.generation for key in authority.registry.keys if key.purpose is purpose), default=0) + 1


def _retire(authority: Authority, key: KeyRecord, root: Root, actor: Actor) -> None:
    if key.state is KeyState.ACTIVE:
        at, told = _moment(root), {"root": root.version}
        authority.registry.move(key, KeyEvent.RETIRE, KeyState.RETIRED, at=at, actor=actor, detail=told, retired_at=at)


def _enter(authority: Authority, purpose: Purpose, kid: bytes, uri: str, at: datetime, actor: Actor) -> KeyRecord:
    registry = authority.registry
    limits = lifecycle.periods(purpose, authority.settings)
    generation = next_generation(authority, purpose)
    name = key_name(purpose, generation)
    key = registry.add(
        purpose, generation, uri=uri or f"{ELSEWHERE}{name}", kid=kid, at=at, cap=limits.cap, actor=actor
    )
    registry.move(
        key,
        KeyEvent.STAGE,
        KeyState.STAGED,
        at=at,
        actor=actor,
        staged_at=at,
        published_at=at,
        active_from=at,
        active_until=at + limits.use,
    )
    registry.move(key, KeyEvent.ACTIVATE, KeyState.ACTIVE, at=at, actor=actor, activated_at=at)
    return registry.by_name(name)


def _moment(root: Root) -> datetime:
    """When a root was drafted."""
    return signed_at(root).astimezone(UTC)
