"""Where the PIN of a token comes from: a file or an environment variable. Read when needed, and not kept."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from ..errors import DecodeError
from ..files import read_regular
from . import CustodyError, CustodyReason

MAX_PIN = 255

VARIABLE_FILE = "PERMIT_PKCS11_PIN_FILE"
"""Environment variable: path of a PIN file, or of a directory with one file per token, named like the token."""
VARIABLE_PIN = "PERMIT_PKCS11_PIN"
"""Environment variable: the PIN itself. Child processes inherit it; a file is better."""


class PinSource(Protocol):
    """Gives the PIN of a token."""

    def read(self, token: str) -> str:
        """The PIN of the token with this label; `CustodyError` (PIN_MISSING, OPEN_PERMISSIONS)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PinFile:
    """A file of mode 0600 or stricter that holds the PIN and perhaps a line end; or a directory of such files."""

    path: str

    def read(self, token: str) -> str:
        """See `PinSource`."""
        path = self.path
        if os.path.isdir(path):
            if "/" in token or token.startswith("."):
                raise _missing(f"token label {token!r} is no file name; name one PIN file instead of a directory")
            path = os.path.join(path, token)
        try:
            raw, mode = read_regular(path, limit=MAX_PIN)
        except (OSError, DecodeError):
            raise _missing(f"cannot read PIN file {path}; write the PIN into it, readable by you alone") from None
        if mode & 0o077:
            raise CustodyError(
                f"PIN file {path} can be read by others; chmod 600 it and change the PIN",
                reason=CustodyReason.OPEN_PERMISSIONS,
                uri=f"file:{path}",
            )
        return _pin(raw.removesuffix(b"\n").removesuffix(b"\r"), path)


@dataclass(frozen=True, slots=True, kw_only=True)
class PinVariable:
    """An environment variable that holds the PIN."""

    name: str = VARIABLE_PIN
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def read(self, token: str) -> str:
        """See `PinSource`."""
        return _pin(self.environment.get(self.name, "").encode(), self.name)


def pin_source(environment: Mapping[str, str]) -> PinSource:
    """What the environment names: `VARIABLE_FILE` before `VARIABLE_PIN`."""
    if path := environment.get(VARIABLE_FILE):
        return PinFile(path=path)
    return PinVariable(environment=environment)


def _pin(raw: bytes, where: str) -> str:
    try:
        pin = raw.decode()
    except UnicodeDecodeError:
        raise _missing(f"the PIN in {where} is not UTF-8") from None
    if not pin:
        raise _missing(f"no PIN in {where}; set {VARIABLE_FILE} or {VARIABLE_PIN}")
    return pin


def _missing(message: str) -> CustodyError:
    return CustodyError(message, reason=CustodyReason.PIN_MISSING, uri="pkcs11:…")
