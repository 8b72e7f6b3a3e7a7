"""How a run at the reader is told: the plan line by line, old → new, and the services by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import Sector

from ..plan import StepKind
from ..service.schemas.writing import RunOut
from ..texts import STEPS, Language, say
from .texts import known
from .texts import say as tell


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A line of the plan. `key` is how the script finds it: the kind of step and the file."""

    key: str
    text: str
    file: str
    bytes: int
    state: str  # over, now, waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of a card."""

    code: str
    name: str
    until: date


def lines(run: RunOut, lang: Language) -> list[Line]:
    """The plan, with what is over. A run that ended well has all of it behind it."""
    at = None if run.progress is None else _key(run.progress.step, run.progress.file)
    keys = [_key(line.step, line.file) for line in run.plan]
    reached = keys.index(at) if at in keys else (-1 if at is None else len(keys))
    if run.state == "done":
        reached = len(keys)
    states = {True: "over", False: "waiting"}
    return [
        Line(
            key=key,
            text=say(STEPS[StepKind(line.step)], lang),
            file=line.file,
            bytes=line.bytes,
            state="now" if number == reached else states[number < reached],
        )
        for number, (key, line) in enumerate(zip(keys, run.plan, strict=True))
    ]


def changes(run: RunOut, lang: Language) -> list[tuple[str, str, str]]:
    """Old → new as it stands on the card."""
    return [(named(line["name"], lang), line["old"], line["new"]) for line in run.changes]


def what_to_do(reason: str, otherwise: str, lang: Language) -> str:
    """In the words of the pages, where those of the command line would speak of commands."""
    key = f"refused.{reason}.do"
    return tell(key, lang) if known(key) else otherwise


def named(name: str, lang: Language) -> str:
    """What a line of old → new is about: a member of the permit, or a service by its code."""
    if known(f"change.{name}"):
        return tell(f"change.{name}", lang)
    service = catalogue.load().services.get(name)
    return name if service is None else f"{name} {_name(service, lang)}"


def services(found: Mapping[str, date], lang: Language) -> list[tuple[str, list[Service]]]:
    """By sector, in the order of the card's files."""
    known_services = catalogue.load().services
    by_sector: dict[Sector, list[Service]] = {sector: [] for sector in Sector}
    for code, until in sorted(found.items()):
        name = _name(known_services[code], lang) if code in known_services else code
        by_sector[Sector.of_code(code)].append(Service(code=code, name=name, until=until))
    return [(_name(sector, lang), of) for sector, of in by_sector.items() if of]


def _name(of: object, lang: Language) -> str:
    return str(getattr(of, lang.value))


def _key(step: str, file: str) -> str:
    return f"{step}:{file}"
