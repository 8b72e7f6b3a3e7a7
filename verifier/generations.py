"""A counter's store on its disk: whole generations of trust data, and one link that says which one counts.

    DIR/current           a link to the generation that counts
    DIR/generations/<n>/  csca/ link/ signers/ crl/ status/ catalogue.json: as `keys.trust` reads them
                          mapped/  the status lists, verified, to be mapped  ·  tuf/  metadata  ·  sync.json

A generation is complete before `current` points to it. What is in the generation before it is linked, not copied. That
one is kept, for a check that is under way.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from keys.files import sync_directory

CURRENT, GENERATIONS, MAPPED, METADATA, RECORD = "current", "generations", "mapped", "tuf", "sync.json"
_PARTIAL = ".partial"
_KEPT = 2


class StoreBusy(Exception):
    """Another run is writing to the store."""


def current(store: str) -> str | None:
    """The directory of the generation that counts, its links resolved; None when `store` has none."""
    link = os.path.join(store, CURRENT)
    if not os.path.islink(link):
        return None
    generation = os.path.realpath(link)
    return generation if os.path.isdir(generation) else None


def resolve(directory: str) -> str:
    """The trust directory behind `directory`: the generation that counts in a store, any other directory itself."""
    return current(directory) or directory


@contextmanager
def building(store: str) -> Iterator[tuple[str, Callable[[], str]]]:
    """A directory for the next generation, and what puts it in place (returning its final path).

    Without that call, and after any exception, nothing of it is left. A run that was killed leaves `.partial`, which
    the next one removes. Raises StoreBusy, and OSError when the disk will not do it.
    """
    import shutil

    with _locked(store):
        generations = os.path.join(store, GENERATIONS)
        os.makedirs(generations, exist_ok=True)
        partial = os.path.join(generations, _PARTIAL)
        if os.path.lexists(partial):
            shutil.rmtree(partial)
        os.mkdir(partial, 0o755)
        try:
            yield partial, lambda: _commit(store, partial)
        finally:
            if os.path.lexists(partial):
                shutil.rmtree(partial)
            if not os.listdir(generations):
                os.rmdir(generations)


def _commit(store: str, partial: str) -> str:
    import shutil

    for folder, _, names in os.walk(partial):
        for name in names:
            _flush(os.path.join(folder, name))
        sync_directory(folder)
    generations = os.path.join(store, GENERATIONS)
    number = 1 + max(_numbers(generations), default=0)
    final = os.path.join(generations, str(number))
    os.rename(partial, final)
    sync_directory(generations)
    temporary = os.path.join(store, f".{CURRENT}")
    if os.path.lexists(temporary):
        os.unlink(temporary)
    os.symlink(os.path.join(GENERATIONS, str(number)), temporary)
    os.rename(temporary, os.path.join(store, CURRENT))
    sync_directory(store)
    for old in sorted(_numbers(generations))[:-_KEPT]:
        shutil.rmtree(os.path.join(generations, str(old)))
    return final


def _flush(path: str) -> None:
    """Make a file durable, unless the generation before has it already."""
    status = os.lstat(path)
    if stat.S_ISREG(status.st_mode) and status.st_nlink == 1:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _numbers(generations: str) -> list[int]:
    return [int(name) for name in os.listdir(generations) if name.isascii() and name.isdigit()]


@contextmanager
def _locked(store: str) -> Iterator[None]:
    """The system drops the lock with the process: a killed run locks nobody out."""
    import fcntl  # not at start-up

    created = not os.path.isdir(store)
    os.makedirs(store, exist_ok=True)
    descriptor = os.open(store, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StoreBusy(store) from None
        yield
    finally:
        os.close(descriptor)
        if created and not os.listdir(store):
            os.rmdir(store)
