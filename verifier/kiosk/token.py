"""The secret of one counter: programs show it, and the page's link and cookie come from it.

A file of its owner alone. Whoever may read it may check cards here; it opens nothing else. Delete it for a new one.
"""

from __future__ import annotations

import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from hmac import digest as mac

from keys.errors import DecodeError
from keys.files import PRIVATE, read_regular, write_new

FILE = "kiosk-token"
_LENGTH = 43  # 32 random bytes in base64url


class TokenWrong(Exception):
    """The file is there, and is not what it has to be: why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """`value` is what a program sends as ``Authorization: Bearer``; 43 characters."""

    value: str = field(repr=False)

    def accepts(self, given: str) -> bool:
        """Whether a program showed it."""
        return compare_digest(given.encode(), self.value.encode())

    @property
    def link(self) -> str:
        """What the link to the page carries: it opens the page, and is no token for a program."""
        return self._derived(b"link")

    @property
    def cookie(self) -> str:
        """What the page's browser keeps."""
        return self._derived(b"cookie")

    def _derived(self, use: bytes) -> str:
        return mac(self.value.encode(), b"permit-verifier kiosk " + use, sha256).hex()


def load(directory: str) -> Token:
    """The token in `directory`, made when there is none. Raises TokenWrong, OSError."""
    path = os.path.join(directory, FILE)
    os.makedirs(directory, mode=0o700, exist_ok=True)
    try:
        raw, mode = read_regular(path, limit=_LENGTH + 1)
    except FileNotFoundError:
        made = secrets.token_urlsafe(32)
        try:
            write_new(path, f"{made}\n".encode(), mode=PRIVATE)
        except FileExistsError:  # another counter of this user started at the same moment
            return load(directory)
        return Token(value=made)
    except DecodeError as error:
        raise TokenWrong(f"{path}: {error}") from error
    if mode & 0o077:
        raise TokenWrong(f"{path} is open to others ({mode:o}): delete it, and a new one is made")
    value = raw.decode("ascii", "replace").rstrip("\n")
    if len(value) != _LENGTH:
        raise TokenWrong(f"{path} holds no token: delete it, and a new one is made")
    return Token(value=value)
