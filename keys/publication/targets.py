"""What counters need, collected from the authority's trust directory: names and contents of the targets."""

from __future__ import annotations

import os

from ..errors import DecodeError
from ..files import read_regular
from .errors import PublicationError, PublicationReason
from .layout import FOLDERS, Kind, kind_of, max_size

_TEMPORARY = ".tmp"  # as `keys.files` names what it has not finished


def collect(trust_directory: str) -> dict[str, bytes]:
    """Everything in the trust directory that is a target, by target name, sorted.

    A file that is none is an error, not something to leave out: whoever put it there expected it to reach counters.
    `PublicationError` (DAMAGED) names it.
    """
    names = [
        f"{folder}/{entry}"
        for folder in FOLDERS
        for entry in _entries(os.path.join(trust_directory, folder))
        if not entry.endswith(_TEMPORARY)
    ]
    if os.path.lexists(os.path.join(trust_directory, Kind.CATALOGUE)):
        names.append(Kind.CATALOGUE)
    return {name: _read(trust_directory, name) for name in sorted(names)}


def _entries(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []


def _read(directory: str, name: str) -> bytes:
    path = os.path.join(directory, *name.split("/"))
    kind = kind_of(name)
    if kind is None:
        raise PublicationError("not a name of a target", reason=PublicationReason.DAMAGED, detail=path)
    try:
        data, _ = read_regular(path, limit=max_size(kind))
    except (DecodeError, OSError) as error:
        raise PublicationError(f"{path}: {error}", reason=PublicationReason.DAMAGED, detail=path) from error
    return data
