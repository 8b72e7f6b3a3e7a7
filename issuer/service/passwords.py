"""Passwords: argon2id, a few at a time so that a flood of attempts cannot eat the memory, and the same time for names
that nobody has."""

from __future__ import annotations

import secrets
import threading

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from .problem_texts import Code
from .problems import Problem

MIN_LENGTH = 12
MAX_LENGTH = 128
_AT_ONCE = 4


class Passwords:
    """Hashes and verifies. The cost is argon2-cffi's default, RFC 9106's second choice: 64 MiB, three passes."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._few = threading.BoundedSemaphore(_AT_ONCE)
        self._nobody = self._hasher.hash(secrets.token_urlsafe(32))

    def check(self, password: str, *, name: str) -> None:
        """Raises Problem(WEAK_PASSWORD)."""
        short = not MIN_LENGTH <= len(password) <= MAX_LENGTH
        if short or name.casefold() in password.casefold() or len(set(password)) < 5 or not _encodes(password):
            raise Problem(Code.WEAK_PASSWORD, least=MIN_LENGTH, most=MAX_LENGTH)

    def verify(self, encoded: str | None, password: str) -> bool:
        """Whether it is the password; takes as long for an account that is not there (None)."""
        with self._few:
            try:
                self._hasher.verify(encoded or self._nobody, password)
            except (Argon2Error, InvalidHashError, ValueError):
                return False
        return encoded is not None

    def hash_again(self, encoded: str, password: str) -> str | None:
        """A new hash where `encoded` was made at another cost than the present one; the password is known as right."""
        if not self._hasher.check_needs_rehash(encoded):
            return None
        with self._few:
            return self._hasher.hash(password)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
