"""Making an authority: its keys, certificates, first CRL and status list, complete or not at all."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from datetime import datetime

from ..algorithms import Purpose
from ..custody.software import ScryptCost
from ..files import PUBLIC, sync_directory, write_new
from ..registry.lifecycle import RULES
from ..registry.registry import FILE_NAME, Actor, Registry
from ..rotation.rotation import Rotation
from ..trust import TrustStore
from .authority import Authority, custody_at
from .errors import AuthorityError, AuthorityReason
from .file import AuthoritySettings
from .home_lock import locked

FOLDERS = ("csca", "link", "signers", "crl", "status")


def found(
    home: str,
    settings: AuthoritySettings,
    passphrase: bytes,
    *,
    catalogue: bytes | None,
    now: datetime,
    random: Callable[[int], bytes],
    cost: ScryptCost | None,
    actor: Actor,
) -> None:
    """Make an authority at `home`, which must not exist or be an empty directory; `AuthorityError` (EXISTS) otherwise.

    Everything is made in `home`.partial, checked through a verifier's eyes, and moved into place by one rename. What an
    interrupted run left there has signed nothing that anyone saw, so the next run starts over.
    """
    require_free(home)
    partial = f"{home}.partial"
    os.makedirs(partial, mode=0o700, exist_ok=True)
    with locked(partial):
        for name in os.listdir(partial):
            _remove(os.path.join(partial, name))
        _found(partial, settings, passphrase, catalogue, now, random, cost, actor)
        require_free(home)
        move_into_place(partial, home)


def require_free(home: str) -> None:
    """`AuthorityError` (EXISTS) unless there is nothing at `home`, or an empty directory."""
    if os.path.lexists(home) and (os.path.islink(home) or not os.path.isdir(home) or os.listdir(home)):
        raise AuthorityError(f"{home} exists", reason=AuthorityReason.EXISTS, detail=home)


def move_into_place(partial: str, home: str) -> None:
    """One rename, durable when it returns."""
    try:
        os.rename(partial, home)
    except OSError as error:
        raise AuthorityError(f"{home} exists", reason=AuthorityReason.EXISTS, detail=home) from error
    sync_directory(os.path.dirname(home))


def _found(
    home: str,
    settings: AuthoritySettings,
    passphrase: bytes,
    catalogue: bytes | None,
    now: datetime,
    random: Callable[[int], bytes],
    cost: ScryptCost | None,
    actor: Actor,
) -> None:
    for folder in FOLDERS:
        os.makedirs(os.path.join(home, "trust", folder), mode=0o755)
    os.mkdir(os.path.join(home, "keys"), 0o700)
    own_transport_keys = settings.transport_keys is not None
    registry = Registry.create(os.path.join(home, FILE_NAME), settings, own_transport_keys=own_transport_keys)
    try:
        custody = custody_at(home, passphrase, cost=cost, random=random)
        authority = Authority(home, registry, custody, clock=lambda: now, random=random)
        rotation = Rotation(authority, actor, founding=True)
        for purpose in RULES:
            rotation.stage(purpose)
            rotation.activate(purpose)
        if catalogue is not None:
            write_new(os.path.join(authority.trust_dir, "catalogue.json"), catalogue, mode=PUBLIC)
        if settings.transport_keys is not None:
            custody.store_card_keys(settings.key_uri("transport-1", ".key"), settings.transport_keys)
        _check(authority, now)
    finally:
        registry.close()


def _check(authority: Authority, now: datetime) -> None:
    """Look at what was made as a counter will: every signer chains for its purpose, the status list verifies."""
    store = TrustStore.load(authority.trust_dir)
    for key in authority.registry.keys:
        if key.certificate and key.purpose is not Purpose.CSCA:
            store.validate(authority.certificate(key).der, purpose=key.purpose, at=now, now=now)
    store.status_list(authority.status_uri, now=now)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.unlink(path)
