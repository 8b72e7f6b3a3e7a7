"""The registry of the first release, a JSON file: read once, to make the database out of it."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

from . import authority_file
from .algorithms import Purpose
from .authority_errors import AuthorityError, AuthorityReason
from .authority_file import AuthoritySettings
from .errors import DecodeError
from .files import read_regular, sync_directory
from .home_lock import locked
from .lifecycle import RULES, KeyEvent, KeyState, periods
from .parsed_certificate import read_certificate
from .registry import Actor, Registry
from .spki import certificate_spki, key_id

FILE_NAME = "registry.json"
MIGRATED = "registry.json.migrated"
FORMAT = 1
MASTER_URI = "file:card-master-1.key"
"""Where the first release kept the one card master key, without a word in its registry."""

_MAX_SIZE = 1 << 20
_NEEDED = {Purpose.CSCA, Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER}
_MIGRATION = Actor(operator="permit-keys")


def is_there(home: str) -> bool:
    """Whether there is an authority of the first release at `home`."""
    return os.path.lexists(os.path.join(home, FILE_NAME))


def migrate(home: str, path: str) -> None:
    """Make the database at `path`, complete or not at all. `AuthorityError` (DAMAGED, BUSY)."""
    source = os.path.join(home, FILE_NAME)
    with locked(home, wait=10.0):
        if os.path.lexists(path):
            return  # another run was faster
        try:
            raw, _ = read_regular(source, limit=_MAX_SIZE)
            settings, keys, own_transport_keys = _decode(raw)
            partial = f"{path}.partial"
            for name in (partial, f"{partial}-wal", f"{partial}-shm"):
                if os.path.lexists(name):
                    os.unlink(name)
            registry = Registry.create(partial, settings, own_transport_keys=own_transport_keys)
            with registry.transaction():
                for key in keys:
                    _take_over(registry, home, key)
                _take_over_master(registry)
            registry.close()
        except (DecodeError, OSError) as error:
            raise AuthorityError(f"{source}: {error}", reason=AuthorityReason.DAMAGED, detail=source) from error
        os.rename(partial, path)
        os.rename(source, os.path.join(home, MIGRATED))
        sync_directory(home)


def _take_over(registry: Registry, home: str, key: dict[str, Any]) -> None:
    der, _ = read_regular(os.path.join(home, "trust", key["certificate"]), limit=1 << 16)
    certificate, purpose = read_certificate(der), Purpose(key["purpose"])
    if certificate.key_use is None or certificate.key_use[1] is None:
        raise DecodeError("no private-key usage period", path=key["certificate"])
    begin = certificate.not_before
    record = registry.add(
        purpose,
        int(key["generation"]),
        uri=str(key["uri"]),
        kid=key_id(certificate_spki(der)),
        at=begin,
        cap=periods(purpose, registry.settings).cap,
        actor=_MIGRATION,
    )
    # What it signed so far was not counted: the history says so.
    told = {"migrated": True, "signatures": "not counted before"}
    dates: dict[str, datetime | str | None] = {
        "certificate": str(key["certificate"]),
        "serial": f"{certificate.serial:x}",
        "active_from": begin,
        "active_until": certificate.key_use[1],
        "expires_at": certificate.not_after,
        "staged_at": begin,
    }
    registry.move(record, KeyEvent.STAGE, KeyState.STAGED, at=begin, actor=_MIGRATION, detail=told, **dates)
    registry.move(
        record, KeyEvent.ACTIVATE, KeyState.ACTIVE, at=begin, actor=_MIGRATION, detail=told, activated_at=begin
    )


def _take_over_master(registry: Registry) -> None:
    begin = registry.active(Purpose.CSCA).activated_at or datetime.now(UTC)
    record = registry.add(Purpose.CARD_MASTER_KEY, 1, uri=MASTER_URI, kid=b"", at=begin, cap=None, actor=_MIGRATION)
    until = begin + periods(Purpose.CARD_MASTER_KEY, registry.settings).use
    dates: dict[str, datetime | str | None] = {"staged_at": begin, "active_from": begin, "active_until": until}
    told = {"migrated": True}
    registry.move(record, KeyEvent.STAGE, KeyState.STAGED, at=begin, actor=_MIGRATION, detail=told, **dates)
    registry.move(
        record, KeyEvent.ACTIVATE, KeyState.ACTIVE, at=begin, actor=_MIGRATION, detail=told, activated_at=begin
    )


def _decode(raw: bytes) -> tuple[AuthoritySettings, list[dict[str, Any]], bool]:
    try:
        members: Any = json.loads(raw)
        if members["format"] != FORMAT:
            raise DecodeError(f"format {members['format']!r:.20} is not known", path="format")
        keys = [
            {name: key[name] for name in ("purpose", "generation", "uri", "certificate")} for key in members["keys"]
        ]
        purposes = {Purpose(key["purpose"]) for key in keys}
        if missing := _NEEDED - purposes or purposes - set(RULES):
            raise DecodeError(f"no {', '.join(sorted(missing))}", path="keys")
        return authority_file.from_members(members["authority"]), keys, bool(members["own_transport_keys"])
    except DecodeError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DecodeError(f"{type(error).__name__}: {error}") from error
