"""The sectors and the services that a permit can entitle to, with their names in two languages.

Import-light: the bundled catalogue (`services.json` beside this module) is read on the first `load()`. A newer
catalogue may arrive in a trust bundle; `parse` reads it. The catalogue names codes, it grants nothing: what a holder
may have stands on the card.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from types import MappingProxyType
from typing import Any, TypeVar

from keys.errors import DecodeError

MAX_SIZE = 256 * 1024
_FORMAT = "residence-permit-catalogue-1"
_FIRST_DIGEST_ID = 3


class Sector(StrEnum):
    """The elements of namespace ``org.residencepermit.1``: what every counter needs, and nine kinds of counter.

    The value is the elementIdentifier. The order is that of the files: `digest_id` is the slot-A SFI, 3 to 12.
    """

    PERMIT = "permit"
    HEALTH = "health"
    FAMILY = "family"
    EDUCATION = "education"
    EMPLOYMENT = "employment"
    INSURANCE = "insurance"
    HOUSEHOLD = "household"
    HOUSING = "housing"
    LEGAL = "legal"
    CULTURE = "culture"

    @property
    def digest_id(self) -> int:
        """The digestID of the sector's item, and the SFI of its file in slot A."""
        return _DIGEST_IDS[self]

    @property
    def letter(self) -> str:
        """The first letter of the sector's service codes; empty for `PERMIT`, which grants none."""
        return _LETTERS[self]

    @property
    def zh(self) -> str:
        return _NAMES[self][0]

    @property
    def en(self) -> str:
        return _NAMES[self][1]

    @classmethod
    def of_digest_id(cls, digest_id: int) -> Sector:
        """Raises `ValueError` for a digestID that the profile does not have."""
        for sector, known in _DIGEST_IDS.items():
            if known == digest_id:
                return sector
        raise ValueError(f"no sector has digestID {digest_id}")

    @classmethod
    @lru_cache(maxsize=256)
    def of_code(cls, code: str) -> Sector:
        """The sector that may carry `code`: a letter and two digits, such as ``H01``. Raises `ValueError`."""
        sector = _BY_LETTER.get(code[:1])
        if sector is not None and len(code) == 3 and code[1:].isascii() and code[1:].isdigit():
            return sector
        raise ValueError(f"{code!r} is not a service code: one of the letters {''.join(_LETTERS.values())}, two digits")


_DIGEST_IDS = {sector: _FIRST_DIGEST_ID + place for place, sector in enumerate(Sector)}
_LETTERS: dict[Sector, str] = dict(zip(Sector, ["", *"HFEJIPRLC"], strict=True))
_BY_LETTER = {letter: sector for sector, letter in _LETTERS.items() if letter}
_NAMES = {
    Sector.PERMIT: ("居住证", "Permit"),
    Sector.HEALTH: ("医疗卫生", "Health"),
    Sector.FAMILY: ("计划生育", "Family planning"),
    Sector.EDUCATION: ("教育", "Education"),
    Sector.EMPLOYMENT: ("就业", "Employment"),
    Sector.INSURANCE: ("社会保险", "Social insurance"),
    Sector.HOUSEHOLD: ("户籍与公安", "Household and police services"),
    Sector.HOUSING: ("住房", "Housing"),
    Sector.LEGAL: ("法律援助", "Legal aid"),
    Sector.CULTURE: ("文化与社会参与", "Culture and participation"),
}

SERVICE_SECTORS: tuple[Sector, ...] = tuple(Sector)[1:]
"""The nine sectors that carry services."""


class ServiceStatus(StrEnum):
    IN_FORCE = "in force"
    PROPOSED = "proposed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of a sector. `note` limits the status, such as to some districts."""

    code: str
    sector: Sector
    zh: str
    en: str
    status: ServiceStatus
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """A right (``D12-…``) or convenience (``D13-…``) of State Council Decree 663; reference data, never on a card."""

    code: str
    zh: str
    en: str


_Entry = TypeVar("_Entry", Service, Right)


class UnknownServiceCode(LookupError):
    """A code that the catalogue does not have; `nearest` are up to three that look like it."""

    def __init__(self, code: str, nearest: tuple[str, ...]) -> None:
        hint = f"; did you mean {', '.join(nearest)}?" if nearest else ""
        super().__init__(f"no service has the code {code!r}{hint}")
        self.code = code
        self.nearest = nearest


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """Services by code, in the order of the sectors; rights of Decree 663 by code."""

    version: int
    services: Mapping[str, Service]
    rights: Mapping[str, Right]

    def service(self, code: str) -> Service:
        """Raises `UnknownServiceCode`, which names the nearest codes."""
        try:
            return self.services[code]
        except KeyError:
            raise UnknownServiceCode(code, self._nearest(code)) from None

    def of(self, sector: Sector) -> tuple[Service, ...]:
        """The services of `sector`, by code."""
        return tuple(service for service in self.services.values() if service.sector is sector)

    def _nearest(self, code: str) -> tuple[str, ...]:
        from difflib import SequenceMatcher

        wanted = code.strip().upper()
        scored = sorted((-SequenceMatcher(None, wanted, known).ratio(), known) for known in self.services)
        return tuple(known for score, known in scored[:3] if score <= -0.5)


@cache
def load() -> Catalogue:
    """The bundled catalogue."""
    with open(os.path.join(os.path.dirname(__file__), "services.json"), "rb") as file:
        return parse(file.read(MAX_SIZE + 1))


def parse(raw: bytes) -> Catalogue:
    """Read a catalogue in JSON, as bundled. Raises `DecodeError`."""
    import json

    if len(raw) > MAX_SIZE:
        raise DecodeError(f"{len(raw)} bytes, at most {MAX_SIZE} allowed", offset=MAX_SIZE, path="catalogue")
    try:
        tree = json.loads(raw, object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise DecodeError(str(error), path="catalogue") from error
    version, services, rights = _fields(tree, "catalogue", format=str, version=int, services=list, rights=list)[1:]
    if tree["format"] != _FORMAT or version < 1:
        raise DecodeError(f"not a {_FORMAT}", path="catalogue/format")
    return Catalogue(
        version=version,
        services=_by_code([_service(entry, f"catalogue/services/{at}") for at, entry in enumerate(services)]),
        rights=_by_code([_right(entry, f"catalogue/rights/{at}") for at, entry in enumerate(rights)]),
    )


def _service(entry: object, path: str) -> Service:
    code, zh, en, status, note = _fields(entry, path, code=str, zh=str, en=str, status=str, note=str)
    try:
        return Service(code=code, sector=Sector.of_code(code), zh=zh, en=en, status=ServiceStatus(status), note=note)
    except ValueError as error:
        raise DecodeError(str(error), path=path) from error


def _right(entry: object, path: str) -> Right:
    code, zh, en = _fields(entry, path, code=str, zh=str, en=str)
    return Right(code=code, zh=zh, en=en)


def _by_code(entries: list[_Entry]) -> Mapping[str, _Entry]:
    found = {entry.code: entry for entry in entries}
    if len(found) != len(entries):
        raise DecodeError("a code stands twice", path="catalogue")
    return MappingProxyType(found)


def _fields(entry: object, path: str, **kinds: type) -> list[Any]:
    """The values of exactly the fields in `kinds`, each of its type."""
    if not isinstance(entry, dict) or entry.keys() != kinds.keys():
        raise DecodeError(f"the fields must be {', '.join(kinds)}", path=path)
    for name, kind in kinds.items():
        if type(entry[name]) is not kind:
            raise DecodeError(f"not of type {kind.__name__}", path=f"{path}/{name}")
    return [entry[name] for name in kinds]


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("duplicate field")
    return tree
