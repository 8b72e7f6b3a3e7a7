"""A small rule set to change, and the sample set with changes."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

from issuer.rules import rule_set
from issuer.rules.facts import Facts, from_record
from issuer.rules.rule_set import RuleSet

TODAY = date(2026, 11, 21)
_SAMPLE = Path(rule_set.__file__).parent / "sets" / "2026-1.json"

WORKER: dict[str, Any] = {
    "residence": "2026-05-01/..",
    "employment": "2026-05-02/2027-03-31",
    "social_insurance": "2026-05-02/..",
    "study": "never",
    "home": "2026-04-01/..",
    "home_kind": "rented",
    "education": "senior",
    "skill": "none",
    "skill_test": "never",
    "business": "never",
    "investment": 0,
    "birth": "1991-04-17",
    "children": "2020-03-01",
    "points": 65,
    "hardship": "never",
    "district": "990101",
}


def worker(**changes: Any) -> Facts:
    """Six months here, a contract to March, a child of six."""
    return from_record(WORKER | changes)


def small(**changes: Any) -> dict[str, Any]:
    """A rule set of one service, as JSON; `changes` replace whole fields."""
    return {
        "format": "residence-permit-rules-1",
        "version": "2030-1",
        "effective_from": "2030-01-01",
        "zh": "规则",
        "en": "rules",
        "eligibility": {"residence": {"at_least": 6}},
        "classes": {
            "1": {"education": {"at_least": "bachelor"}},
            "2": {"residence": {"at_least": 36}},
            "3": {"everyone": True},
        },
        "services": {"H01": {"when": {"everyone": True}}},
    } | changes


def service(when: Any, **more: Any) -> dict[str, Any]:
    """The small rule set with one condition for H01."""
    return small(services={"H01": {"when": when, **more}})


def sample() -> dict[str, Any]:
    """The bundled set, to be changed."""
    tree: dict[str, Any] = json.loads(_SAMPLE.read_bytes())
    return tree


def parsed(tree: dict[str, Any]) -> RuleSet:
    return rule_set.parse(json.dumps(tree).encode())
