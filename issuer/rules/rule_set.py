"""A rule set ready for use: parsed, brought into its normal form, with the conditions numbered."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib import resources
from types import MappingProxyType

from . import normal, parser
from .facts import FACTS
from .faults import Fault, Mistake, RulesRefused
from .model import CLASSES, Rules
from .needs import Need
from .normal import ELIGIBLE, Condition, Ways, class_goal

_SETS = "issuer.rules.sets"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RuleSet:
    """One version of the rules.

    `digest` is the SHA-256 of the file, in hexadecimal: it goes into the record of every grant. `goals` holds the ways
    to everything that can be reached; `questions` the distinct conditions, as (place of the fact, need), and `paths`
    the distinct ways as places in `questions`; `routes` names for each goal its ways as places in `paths`.
    """

    rules: Rules
    digest: str
    goals: Mapping[str, Ways]
    questions: tuple[tuple[int, Need], ...]
    paths: tuple[tuple[int, ...], ...]
    routes: Mapping[str, tuple[int, ...]]

    @property
    def version(self) -> str:
        return self.rules.version

    @property
    def effective_from(self) -> date:
        return self.rules.effective_from

    @property
    def services(self) -> tuple[str, ...]:
        """The codes that have a rule, in order."""
        return tuple(sorted(self.rules.services))


def parse(raw: bytes) -> RuleSet:
    """Read and compile a rule set in JSON (docs/RULES.md). Raises RulesRefused with every mistake found."""
    return compiled(parser.parse(raw), hashlib.sha256(raw).hexdigest())


def compiled(rules: Rules, digest: str) -> RuleSet:
    """Number conditions and ways. Raises RulesRefused(TOO_COMPLEX)."""
    try:
        goals = normal.goals(rules)
    except normal.TooComplex as error:
        details = {"value": str(error), "known": str(normal.MAX_WAYS)}
        raise RulesRefused((Mistake(path="", fault=Fault.TOO_COMPLEX, details=details),)) from error
    questions: dict[tuple[int, Need], int] = {}
    paths: dict[tuple[int, ...], int] = {}
    routes: dict[str, tuple[int, ...]] = {}
    for goal, ways in goals.items():
        numbered = []
        for way in ways:
            path = tuple(questions.setdefault(_question(condition), len(questions)) for condition in way)
            numbered.append(paths.setdefault(path, len(paths)))
        routes[goal] = tuple(numbered)
    return RuleSet(
        rules=rules,
        digest=digest,
        goals=MappingProxyType(goals),
        questions=tuple(questions),
        paths=tuple(paths),
        routes=MappingProxyType(routes),
    )


def versions() -> tuple[str, ...]:
    """The bundled versions, oldest first."""
    names = [entry.name.removesuffix(".json") for entry in resources.files(_SETS).iterdir() if entry.name[0].isdigit()]
    return tuple(sorted(names, key=lambda name: [int(part) for part in name.split("-")]))


@cache
def load(version: str) -> RuleSet:
    """A bundled version. Raises LookupError where there is none, RulesRefused where its file is wrong."""
    if version not in versions():
        raise LookupError(f"no rule set {version!r}; there are {', '.join(versions())}")
    found = parse(resources.files(_SETS).joinpath(f"{version}.json").read_bytes())
    if found.version != version:
        mistake = Mistake(path="version", fault=Fault.NOT_A_VERSION, details={"value": found.version})
        raise RulesRefused((mistake,))
    return found


def class_of(goal: str) -> int | None:
    """The class of a class goal."""
    return next((permit_class for permit_class in CLASSES if class_goal(permit_class) == goal), None)


def is_service(goal: str) -> bool:
    """Whether a goal is a service of the catalogue."""
    return goal != ELIGIBLE and class_of(goal) is None


def _question(condition: Condition) -> tuple[int, Need]:
    assert condition.fact < len(FACTS)
    return condition.fact, condition.need
