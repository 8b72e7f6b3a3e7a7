"""What a process of the service is told by its environment; everything else stands in the database."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from socket import gethostname
from types import MappingProxyType
from typing import NoReturn

from ..domain.calendar import DECREE_663, WUXI, XUCHANG, YearsRule
from ..store.unit import Rules

YEARS_RULES = MappingProxyType({"decree-663": DECREE_663, "wuxi": WUXI, "xuchang": XUCHANG})
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
SECRET_FILE = "number-secret"  # noqa: S105 - the name of a file
DATABASE_FILE = "issuer.db"
_OTHERS = ("PERMIT_PKCS11_", "PERMIT_TRUST", "PERMIT_STATE")  # of tokens, and of the verifier
_IMAGE, _PCSC = "image:", "pcsc:"


class SettingWrong(Exception):
    """A variable of the environment has a value that cannot be used."""

    def __init__(self, variable: str, why: str) -> None:
        super().__init__(f"{variable}: {why}")
        self.variable = variable


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderSetting:
    """A reader beside this process: a software card's image, or the name of a PC/SC reader."""

    name: str
    image: Path | None = None
    pcsc: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All of them. `database` is a URL, and may hold a password: it is not shown."""

    home: Path
    database: str = field(repr=False)
    passphrase_file: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8080
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    behind_tls: bool = False  # a proxy ends TLS in front of this process
    address: str = ""  # what other processes call this one
    readers: Mapping[str, ReaderSetting] = field(default_factory=dict)
    session_hours: int = 10
    idle_minutes: int = 30
    pool_size: int = 10
    publish_seconds: int = 60
    log_level: str = "info"
    rules: Rules = field(default_factory=Rules)

    @property
    def secure(self) -> bool:
        """Whether browsers reach the service by HTTPS, so that cookies may be bound to it."""
        return self.tls_certificate is not None or self.behind_tls

    @property
    def secret_file(self) -> Path:
        """The file with the key of the hashes of identity numbers."""
        return self.home / SECRET_FILE


VARIABLES: Mapping[str, str] = MappingProxyType(
    {
        "PERMIT_HOME": "directory of the authority: keys, trust data, secret of the number hashes (./authority)",
        "PERMIT_DATABASE": "postgresql://user@host/name, or sqlite:///path (issuer.db in the home)",
        "PERMIT_PASSPHRASE_FILE": "file whose first line opens the authority's keys; without it no card is written",
        "PERMIT_HOST": "address to listen on (127.0.0.1)",
        "PERMIT_PORT": "port to listen on (8080)",
        "PERMIT_TLS_CERTIFICATE": "PEM file, chain included; required beyond loopback unless a proxy ends TLS",
        "PERMIT_TLS_KEY": "PEM file of its key",
        "PERMIT_BEHIND_TLS": "1: a proxy in front ends TLS; cookies are bound to HTTPS",
        "PERMIT_ADDRESS": "what this process is called at the others, where there are several (http(s)://HOSTNAME:PORT)",
        "PERMIT_READERS": "readers beside this process: desk-1=pcsc:NAME;demo=image:/path/to/card.img",
        "PERMIT_SESSION_HOURS": "a session ends after so many hours (10)",
        "PERMIT_IDLE_MINUTES": "and after so many minutes without a request (30)",
        "PERMIT_POOL_SIZE": "connections to the database for each process (10)",
        "PERMIT_PUBLISH_SECONDS": "seconds between turns of the clockwork: changes of status to the list; 0 never (60)",
        "PERMIT_LOG_LEVEL": "debug, info, warning or error (info)",
        "PERMIT_YEARS_RULE": f"what a missed endorsement does to the years: {', '.join(YEARS_RULES)} (decree-663)",
        "PERMIT_VALIDITY_YEARS": "validity of a permit in years, 1 to 10 (5)",
        "PERMIT_CAPTURE_DAYS": "days that a photo is kept after the card was handed over (90)",
        "PERMIT_REPLACEMENT_FEE": "fee of a replacement in fen (2000)",
        "PERMIT_NUMBER_PREFIX": "first letters of permit numbers (RP)",
    }
)


def from_environment(environment: Mapping[str, str] | None = None) -> Settings:
    """Settings by `VARIABLES`. Raises SettingWrong; a misspelt PERMIT_ variable is an error too."""
    given = os.environ if environment is None else environment
    reading = _Reading(given)
    home = Path(given.get("PERMIT_HOME") or "authority").absolute()
    rules = Rules(
        years=reading.years(),
        validity_years=reading.number("PERMIT_VALIDITY_YEARS", 5, 1, 10),
        capture_days=reading.number("PERMIT_CAPTURE_DAYS", 90, 0, 3650),
        replacement_fee=reading.number("PERMIT_REPLACEMENT_FEE", 2000, 0, 10**6),
        permit_prefix=reading.prefix(),
    )
    settings = Settings(
        home=home,
        database=given.get("PERMIT_DATABASE") or f"sqlite:///{home / DATABASE_FILE}",
        passphrase_file=reading.path("PERMIT_PASSPHRASE_FILE"),
        host=given.get("PERMIT_HOST") or "127.0.0.1",
        port=reading.number("PERMIT_PORT", 8080, 0, 65535),
        tls_certificate=reading.path("PERMIT_TLS_CERTIFICATE"),
        tls_key=reading.path("PERMIT_TLS_KEY"),
        behind_tls=reading.number("PERMIT_BEHIND_TLS", 0, 0, 1) == 1,
        address=reading.address(),
        readers=reading.readers(),
        session_hours=reading.number("PERMIT_SESSION_HOURS", 10, 1, 24),
        idle_minutes=reading.number("PERMIT_IDLE_MINUTES", 30, 1, 1440),
        pool_size=reading.number("PERMIT_POOL_SIZE", 10, 1, 200),
        publish_seconds=reading.number("PERMIT_PUBLISH_SECONDS", 60, 0, 3600),
        log_level=reading.choice("PERMIT_LOG_LEVEL", "info", ("debug", "info", "warning", "error")),
        rules=rules,
    )
    if (settings.tls_certificate is None) != (settings.tls_key is None):
        raise SettingWrong("PERMIT_TLS_KEY", "certificate and key come together")
    if settings.host not in LOOPBACK and not settings.secure:
        raise SettingWrong(
            "PERMIT_HOST", "beyond loopback only with TLS: PERMIT_TLS_CERTIFICATE, or PERMIT_BEHIND_TLS=1"
        )
    return settings


class _Reading:
    def __init__(self, given: Mapping[str, str]) -> None:
        self._given = given
        for name in given:
            if name.startswith("PERMIT_") and name not in VARIABLES and not name.startswith(_OTHERS):
                self._wrong(name, f"no such setting; there are {', '.join(VARIABLES)}")

    def _wrong(self, variable: str, why: str) -> NoReturn:
        raise SettingWrong(variable, why)

    def number(self, variable: str, default: int, least: int, most: int) -> int:
        text = self._given.get(variable) or str(default)
        if not text.isascii() or not text.isdigit() or not least <= int(text) <= most:
            self._wrong(variable, f"a whole number from {least} to {most}")
        return int(text)

    def choice(self, variable: str, default: str, choices: tuple[str, ...]) -> str:
        text = (self._given.get(variable) or default).lower()
        if text not in choices:
            self._wrong(variable, f"one of {', '.join(choices)}")
        return text

    def path(self, variable: str) -> Path | None:
        text = self._given.get(variable)
        if not text:
            return None
        path = Path(text).absolute()
        if not path.is_file():
            self._wrong(variable, "no such file")
        return path

    def years(self) -> YearsRule:
        return YEARS_RULES[self.choice("PERMIT_YEARS_RULE", "decree-663", tuple(YEARS_RULES))]

    def address(self) -> str:
        given = self._given.get("PERMIT_ADDRESS") or ""
        if given and not (given.startswith(("http://", "https://")) and given.isprintable() and len(given) <= 200):
            self._wrong("PERMIT_ADDRESS", "http(s)://host:port")
        secure = self._given.get("PERMIT_TLS_CERTIFICATE") or self._given.get("PERMIT_BEHIND_TLS") == "1"
        port = self._given.get("PERMIT_PORT") or "8080"
        return given or f"http{'s' if secure else ''}://{gethostname()}:{port}"[:200]

    def prefix(self) -> str:
        text = self._given.get("PERMIT_NUMBER_PREFIX") or "RP"
        if not (text.isascii() and text.isalnum() and text.isupper() and len(text) <= 4):
            self._wrong("PERMIT_NUMBER_PREFIX", "one to four capitals or digits, beginning with a capital")
        return text

    def readers(self) -> Mapping[str, ReaderSetting]:
        found: dict[str, ReaderSetting] = {}
        for part in filter(None, (self._given.get("PERMIT_READERS") or "").split(";")):
            name, equals, where = part.strip().partition("=")
            plain = name.replace("-", "").isalnum() and name.isascii() and len(name) <= 32
            if not equals or not plain or name in found:
                self._wrong("PERMIT_READERS", "name=pcsc:READER or name=image:PATH, separated by semicolons")
            if where.startswith(_IMAGE):
                found[name] = ReaderSetting(name=name, image=Path(where.removeprefix(_IMAGE)).absolute())
            elif where.startswith(_PCSC):
                found[name] = ReaderSetting(name=name, pcsc=where.removeprefix(_PCSC))
            else:
                self._wrong("PERMIT_READERS", "a reader is pcsc:READER or image:PATH")
        return MappingProxyType(found)
