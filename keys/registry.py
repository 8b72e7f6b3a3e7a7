"""The registry of an authority: its settings and the list of its keys, a file without secrets; and its lock."""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from . import authority_file
from .algorithms import Purpose
from .authority_file import AuthoritySettings
from .errors import DecodeError
from .files import read_regular

FILE_NAME = "registry.json"
FORMAT = 1

SIGNERS = {
    Purpose.DOCUMENT_SIGNER: "DS",
    Purpose.ENTITLEMENT_SIGNER: "ES",
    Purpose.STATUS_SIGNER: "SS",
}
"""The signers that every authority has, and how their common names begin."""

_MAX_SIZE = 1 << 20


class AuthorityReason(StrEnum):
    """Why the authority cannot do what was asked."""

    EXISTS = "exists"
    NOT_FOUND = "not_found"
    BUSY = "busy"
    DAMAGED = "damaged"
    CLOCK = "clock"
    """The clock stands before what was signed already."""
    KEY_PERIOD_ENDED = "key_period_ended"
    STATUS_FINAL = "status_final"
    """A status would leave INVALID."""
    STATUS_INDEX = "status_index"


class AuthorityError(Exception):
    """The authority refuses, for `reason`; `detail` is the path, key, moment or index concerned."""

    def __init__(self, message: str, *, reason: AuthorityReason, detail: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRecord:
    """A key of the authority: where custody keeps it, and the file of its certificate within `trust/`."""

    purpose: Purpose
    generation: int
    uri: str
    certificate: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Registry:
    """What `registry.json` holds."""

    settings: AuthoritySettings
    keys: tuple[KeyRecord, ...]
    own_transport_keys: bool
    """Whether custody keeps transport keys; without, blanks carry the GlobalPlatform test key."""

    def newest(self, purpose: Purpose) -> KeyRecord:
        """The newest generation of a key."""
        return max((key for key in self.keys if key.purpose is purpose), key=lambda key: key.generation)


def encode(registry: Registry) -> bytes:
    """JSON in UTF-8, for people to read too."""
    members = {
        "format": FORMAT,
        "authority": registry.settings.public(),
        "keys": [
            {"purpose": key.purpose, "generation": key.generation, "uri": key.uri, "certificate": key.certificate}
            for key in registry.keys
        ],
        "own_transport_keys": registry.own_transport_keys,
    }
    return (json.dumps(members, ensure_ascii=False, indent=2) + "\n").encode()


def load(home: str) -> Registry:
    """Read the registry of the authority at `home`; `AuthorityError` (NOT_FOUND, DAMAGED) otherwise."""
    path = os.path.join(home, FILE_NAME)
    try:
        raw, _ = read_regular(path, limit=_MAX_SIZE)
        return _decode(raw)
    except FileNotFoundError:
        raise AuthorityError(f"no authority at {home}", reason=AuthorityReason.NOT_FOUND, detail=home) from None
    except (DecodeError, OSError) as error:
        raise AuthorityError(f"{path}: {error}", reason=AuthorityReason.DAMAGED, detail=path) from error


@contextmanager
def locked(directory: str, *, wait: float = 0.0) -> Iterator[None]:
    """Hold the directory's lock, waiting at most `wait` seconds for it; `AuthorityError` (BUSY) if it is not to be had.

    The system drops the lock with the process, so a killed run locks nobody out.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    deadline = time.monotonic() + wait
    try:
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise AuthorityError(
                        f"{directory} is in use by another run", reason=AuthorityReason.BUSY, detail=directory
                    ) from None
                time.sleep(0.02)
        yield
    finally:
        os.close(descriptor)


def _decode(raw: bytes) -> Registry:
    try:
        members: Any = json.loads(raw)
        if members["format"] != FORMAT:
            raise DecodeError(f"format {members['format']!r:.20} is not known", path="format")
        keys = tuple(
            KeyRecord(
                purpose=Purpose(key["purpose"]),
                generation=int(key["generation"]),
                uri=str(key["uri"]),
                certificate=str(key["certificate"]),
            )
            for key in members["keys"]
        )
        if missing := {Purpose.CSCA, *SIGNERS} - {key.purpose for key in keys}:
            raise DecodeError(f"no {', '.join(sorted(missing))}", path="keys")
        return Registry(
            settings=authority_file.from_members(members["authority"]),
            keys=keys,
            own_transport_keys=bool(members["own_transport_keys"]),
        )
    except DecodeError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DecodeError(f"{type(error).__name__}: {error}") from error
