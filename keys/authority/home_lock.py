"""The lock of an authority's home: one run that changes something at a time."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from .errors import AuthorityError, AuthorityReason


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
