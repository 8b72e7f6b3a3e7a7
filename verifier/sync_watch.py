"""Synchronising without anybody: from a stick as soon as it is plugged in, or every so often from one place.

A stick is known by the repository on it, `metadata/timestamp.json` at most three folders below the watched one; it is
taken up once, until it is pulled out or holds something newer. Nothing on it says how it is to be trusted: the root of
trust is the store's own, or was handed over in person.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress

MOUNT_POINTS = ("/media", "/run/media", "/mnt")
"""Where desktops and our own rule put sticks."""
POLL_SECONDS = 2.0
_DEPTH = 3  # /run/media/USER/STICK, and a folder on it
_MOST = 64  # folders looked into at each level
_TIMESTAMP = ("metadata/timestamp.json", "current/metadata/timestamp.json")

Mark = tuple[int, int, int, int]
"""What tells a release on a stick from another: device, file, size and time of its timestamp."""


def repositories(roots: Iterable[str]) -> dict[str, Mark]:
    """Directories below `roots` (and they themselves) that hold a repository. What cannot be read is not there."""
    found: dict[str, Mark] = {}
    for root in roots:
        for directory in _folders(root, _DEPTH):
            for name in _TIMESTAMP:
                with suppress(OSError):
                    status = os.stat(os.path.join(directory, name))
                    found[directory] = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)
                    break
    return found


def watch(roots: Iterable[str], act: Callable[[str], object], *, wait: Callable[[float], bool]) -> None:
    """`act` on each repository that appears or changes. `wait` for a number of seconds; False ends it."""
    places = tuple(roots)
    known: dict[str, Mark] = {}
    while True:
        found = repositories(places)
        for directory, mark in found.items():
            if known.get(directory) != mark:
                act(directory)
        known = found
        if not wait(POLL_SECONDS):
            return


def every(seconds: float, act: Callable[[], object], *, wait: Callable[[float], bool]) -> None:
    """`act` now and then every `seconds`; False of `wait` ends it."""
    while True:
        act()
        if not wait(seconds):
            return


def _folders(root: str, depth: int) -> Iterator[str]:
    """The directory and those in it, no link followed."""
    yield root
    if not depth:
        return
    try:
        with os.scandir(root) as entries:
            names = sorted(
                entry.name
                for entry in entries
                if entry.is_dir(follow_symlinks=False) and not entry.name.startswith(".")
            )
    except OSError:
        return
    if "timestamp.json" in names or len(names) > _MOST:
        return
    for name in names:
        if name not in ("metadata", "targets", "current", "releases"):
            yield from _folders(os.path.join(root, name), depth - 1)
