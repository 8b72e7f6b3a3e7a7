"""What an evaluation answers: records with the rule, the comparison, what is there, what is needed, and the cure.

Nothing here is text for people; `issuer.rules.texts` reads these records aloud in Chinese and English.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from . import needs
from .facts import FACTS, INDEX, Fact, Value, encode
from .needs import Need
from .normal import Way


class Cure(StrEnum):
    """What makes an unmet condition met."""

    TIME = "time"  # it will be met by itself, on `Shortfall.met_on`
    DOCUMENT = "document"  # nothing is known of it: bring the document of the fact
    CHANGE = "change"  # something must change; the document then proves it
    NONE = "none"  # nothing can: an age that has passed


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A condition that holds: `have` satisfies `need` until `until` (None: without end, if nothing changes).

    `rule` are the paths of the comparisons in the rule set that the condition was merged from.
    """

    rule: tuple[str, ...]
    fact: str
    need: Need
    have: Value
    until: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortfall:
    """A condition that does not hold. `have` None: not known.

    `short` is the distance to the threshold: months, full years of age, or the number's own unit; None where there is
    no distance. `met_on` is given with `Cure.TIME` only.
    """

    rule: tuple[str, ...]
    fact: str
    need: Need
    have: Value | None
    short: int | None
    cure: Cure
    met_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Granted up to and including `valid_until`. `ended_by`: the fact that ends it; None: the next endorsement."""

    valid_until: date
    ended_by: str | None
    explanation: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Not granted. Curing all of `shortfalls`, the shortest way, grants it; so does each of `alternatives` by itself.

    `open`: not decided, because facts that it turns on are not known. `granted_on`: the first day on which time alone
    grants it, None if it never does. `shortfalls` is empty, and so are `alternatives`, only if no holder whatever can
    have it: the linter does not let such a rule pass.
    """

    shortfalls: tuple[Shortfall, ...]
    alternatives: tuple[tuple[Shortfall, ...], ...]
    open: bool
    granted_on: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What the rules of `version` say of one holder on `today`.

    `eligible` None: not decided. `permit_class` is the best class that is certain; None where not eligible.
    `standing` explains it; `better` says what is short of eligibility (under `normal.ELIGIBLE`) and of each better
    class (under `normal.class_goal`). Services without a rule in the set are in neither mapping.
    """

    version: str
    digest: str
    today: date
    eligible: bool | None
    permit_class: int | None
    standing: Grant | None
    better: Mapping[str, Refusal]
    grants: Mapping[str, Grant]
    refusals: Mapping[str, Refusal]


def fact_of(name: str) -> Fact:
    return FACTS[INDEX[name]]


def record(assessment: Assessment) -> dict[str, Any]:
    """For JSON: the whole assessment, as it is stored with the grants."""
    return {
        "version": assessment.version,
        "digest": assessment.digest,
        "today": str(assessment.today),
        "eligible": assessment.eligible,
        "permit_class": assessment.permit_class,
        "standing": None if assessment.standing is None else grant_record(assessment.standing),
        "better": {goal: refusal_record(refusal) for goal, refusal in assessment.better.items()},
        "grants": {code: grant_record(grant) for code, grant in assessment.grants.items()},
        "refusals": {code: refusal_record(refusal) for code, refusal in assessment.refusals.items()},
    }


def grant_record(grant: Grant) -> dict[str, Any]:
    """For JSON: one grant."""
    return {
        "valid_until": str(grant.valid_until),
        "ended_by": grant.ended_by,
        "explanation": [
            _condition(item) | {"until": None if item.until is None else str(item.until)} for item in grant.explanation
        ],
    }


def refusal_record(refusal: Refusal) -> dict[str, Any]:
    """For JSON: one refusal."""
    return {
        "open": refusal.open,
        "granted_on": None if refusal.granted_on is None else str(refusal.granted_on),
        "shortfalls": [_shortfall(item) for item in refusal.shortfalls],
        "alternatives": [[_shortfall(item) for item in way] for way in refusal.alternatives],
    }


def way_record(way: Way) -> list[dict[str, Any]]:
    """For JSON: the conditions of a way."""
    return [
        {
            "rule": list(item.origins),
            "fact": FACTS[item.fact].name,
            "need": needs.record(FACTS[item.fact], item.need),
        }
        for item in way
    ]


def _shortfall(item: Shortfall) -> dict[str, Any]:
    met_on = None if item.met_on is None else str(item.met_on)
    return _condition(item) | {"short": item.short, "cure": str(item.cure), "met_on": met_on}


def _condition(item: Finding | Shortfall) -> dict[str, Any]:
    return {
        "rule": list(item.rule),
        "fact": item.fact,
        "need": needs.record(fact_of(item.fact), item.need),
        "have": None if item.have is None else encode(item.have),
    }
