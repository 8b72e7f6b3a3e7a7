"""Places: a tree of four levels, city → county or district → town or sub-district → village or community.

A place knows its ancestors by a materialised path, ``/1/12/130/``: whatever is below it begins with its own path.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Level(IntEnum):
    """The level of a place; its number is the count of its path's parts."""

    CITY = 1
    COUNTY = 2
    TOWN = 3
    COMMUNITY = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A district as an act needs it: `ids` from the city down to itself."""

    ids: tuple[int, ...]

    @property
    def id(self) -> int:
        """Its own."""
        return self.ids[-1]

    @property
    def level(self) -> Level:
        """How far down it lies."""
        return Level(len(self.ids))

    @property
    def path(self) -> str:
        """``/1/12/130/``."""
        return f"/{'/'.join(map(str, self.ids))}/"

    def at(self, level: Level) -> int | None:
        """The id of the ancestor (or itself) at `level`; None below itself."""
        return self.ids[level - 1] if level <= len(self.ids) else None

    def covers(self, other: Place) -> bool:
        """Whether `other` is this place, or lies below it."""
        return other.ids[: len(self.ids)] == self.ids


def parse_path(path: str) -> Place:
    """The place of a materialised path. Raises ValueError."""
    parts = path.split("/")
    if parts[0] or parts[-1] or not 1 <= len(parts) - 2 <= Level.COMMUNITY:
        raise ValueError(f"no path of a place: {path!r}")
    return Place(ids=tuple(int(part) for part in parts[1:-1]))
