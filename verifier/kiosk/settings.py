"""What an installer sets for one counter: a TOML file, and the command line above it."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any

from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector
from keys.errors import DecodeError
from keys.files import read_regular

from ..policy import Policy
from ..texts import Language

DEFAULT_PORT = 8470
MAX_FILE = 16 * 1024
LOOPBACK = ("127.0.0.1", "::1")
FRESHNESS = ("trust_warn", "trust_services", "trust_refuse", "status_warn", "status_services", "status_refuse")


class SettingsWrong(ValueError):
    """A setting that cannot be: which one, and what it may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One counter.

    `readers` are parts of reader names, none for all. The first of `languages` is shown first. `freshness` are limits
    of `Policy`, never looser than its own. A printed code stays on the screen for `clear_seconds`, a check takes
    `check_seconds` at the most, the portrait not counted.
    """

    sector: Sector
    name: str = ""
    readers: tuple[str, ...] = ()
    languages: tuple[Language, ...] = (Language.ZH, Language.EN)
    portrait: bool = True
    host: str = LOOPBACK[0]
    port: int = DEFAULT_PORT
    clear_seconds: int = 90
    check_seconds: int = 20
    freshness: Mapping[str, timedelta] = field(default_factory=dict)

    def uses(self, reader: str) -> bool:
        """Whether cards on this reader are ours."""
        return not self.readers or any(part in reader for part in self.readers)


def load(path: str | None, given: Mapping[str, Any]) -> Settings:
    """The file's settings, those that are `given` (not None) in their place. Raises SettingsWrong."""
    tree = {} if path is None else _parse(path)
    tree |= {name: value for name, value in given.items() if value is not None}
    if "sector" not in tree:
        raise SettingsWrong('no sector: give --sector, or sector = "health" in the settings')
    freshness = tree.pop("freshness_days", {})
    known = {one.name for one in fields(Settings)} - {"freshness"}
    if unknown := sorted(set(tree) - known):
        raise SettingsWrong(f"unknown: {', '.join(unknown)}; there are: {', '.join(sorted(known))}, freshness_days")
    return Settings(**{name: _READ[name](name, value) for name, value in tree.items()}, freshness=_freshness(freshness))


def _parse(path: str) -> dict[str, Any]:
    try:
        raw, _ = read_regular(path, limit=MAX_FILE)
        return tomllib.loads(raw.decode())
    except (DecodeError, OSError, ValueError) as error:
        raise SettingsWrong(f"{path}: {error}") from error


def _sector(name: str, value: object) -> Sector:
    try:
        sector = Sector(str(value))
    except ValueError:
        sector = Sector.PERMIT
    if sector not in SERVICE_SECTORS:
        raise SettingsWrong(f"{name}: one of {', '.join(SERVICE_SECTORS)}")
    return sector


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or len(value) > 64:
        raise SettingsWrong(f"{name}: a text of at most 64 characters")
    return value


def _texts(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)):
        raise SettingsWrong(f"{name}: a list of texts")
    return tuple(_text(name, one) for one in value)


def _languages(name: str, value: object) -> tuple[Language, ...]:
    try:
        found = tuple(Language(one) for one in _texts(name, value))
    except ValueError:
        found = ()
    if not found or len(set(found)) != len(found):
        raise SettingsWrong(f"{name}: a list of {' and '.join(Language)}, the first is shown first")
    return found


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise SettingsWrong(f"{name}: true or false")
    return value


def _host(name: str, value: object) -> str:
    if value not in LOOPBACK:
        raise SettingsWrong(f"{name}: {' or '.join(LOOPBACK)}; the page is for this machine only")
    return str(value)


def _whole(least: int, most: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            raise SettingsWrong(f"{name}: a whole number from {least} to {most}")
        return value

    return read


_READ: dict[str, Callable[[str, Any], Any]] = {
    "sector": _sector,
    "name": _text,
    "readers": _texts,
    "languages": _languages,
    "portrait": _switch,
    "host": _host,
    "port": _whole(0, 65535),
    "clear_seconds": _whole(5, 600),
    "check_seconds": _whole(2, 120),
}


def _freshness(days: object) -> Mapping[str, timedelta]:
    """Limits in days by their names in `Policy`: a counter may be stricter than the authority asks, never looser."""
    if not isinstance(days, dict) or set(days) - set(FRESHNESS):
        raise SettingsWrong(f"freshness_days: {', '.join(FRESHNESS)}, each in days")
    given: dict[str, Any] = {one.name: one.default for one in fields(Policy) if one.name in FRESHNESS}
    found: dict[str, timedelta] = {}
    for name, value in days.items():
        most = given[name].days
        if not isinstance(value, (int, float)) or isinstance(value, bool) or not 0 < value <= most:
            raise SettingsWrong(f"freshness_days.{name}: days, more than 0 and at most {most}")
        found[name] = timedelta(days=value)
    for kind in ("trust", "status"):
        steps = [(given | found)[f"{kind}_{step}"] for step in ("warn", "services", "refuse")]
        if steps != sorted(steps):
            raise SettingsWrong(f"freshness_days: {kind}_warn, then {kind}_services, then {kind}_refuse")
    return found
