"""Made-up holders by the hundred thousand, with plausible facts; the same seed makes the same holders."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import TypeVar

from issuer.rules.facts import FACTS, INDEX, Row

TODAY = date(2026, 11, 21)
NAMES = tuple(fact.name for fact in FACTS)
DISTRICTS = tuple(f"9901{number:02}" for number in (1, 2, 3, 4, 5, 21, 22, 23))
HOMES, EDUCATION, SKILL = (FACTS[INDEX[name]].choices for name in ("home_kind", "education", "skill"))
Item = TypeVar("Item")


def rows(count: int, *, seed: int = 1) -> Iterator[tuple[int, Row]]:
    """`count` holders: a number and the stored form of the facts."""
    random = Random(seed)
    for number in range(count):
        yield number, row(random)


def row(random: Random) -> Row:
    """One holder: most are workers who rent; a tenth of the papers is missing."""
    arrived = _ago(random, 15 * 365)
    age = random.triangular(18, 70, 33)
    births = sorted(str(_ago(random, 18 * 365)) for _ in range(_one(random, (0, 1, 2, 3), (45, 30, 20, 5))))
    facts: dict[str, str | int | None] = {
        "residence": f"{arrived}/..",
        "employment": _period(random, arrived, 0.8),
        "social_insurance": _period(random, arrived, 0.6),
        "study": _period(random, arrived, 0.05),
        "home": _period(random, arrived, 0.85),
        "home_kind": _one(random, HOMES, (8, 60, 20, 3, 7, 2)),
        "education": _one(random, EDUCATION, (2, 15, 45, 22, 9, 6, 0.9, 0.1)),
        "skill": _one(random, SKILL, (70, 15, 8, 5, 1.5, 0.5)),
        "skill_test": _period(random, arrived, 0.2),
        "business": _period(random, arrived, 0.08),
        "investment": _one(random, (0, random.randrange(10**4, 3 * 10**6)), (95, 5)),
        "birth": str(TODAY - timedelta(days=int(age * 365.25))),
        "children": ",".join(births),
        "points": random.randrange(0, 121),
        "hardship": _period(random, arrived, 0.04),
        "district": random.choice(DISTRICTS),
    }
    for name in ("education", "skill", "points", "home_kind", "social_insurance", "children"):
        if random.random() < 0.1:
            facts[name] = None
    return tuple(facts[name] for name in NAMES)


def _one(random: Random, items: tuple[Item, ...], weights: tuple[float, ...]) -> Item:
    return random.choices(items, weights)[0]


def _ago(random: Random, days: int) -> date:
    return TODAY - timedelta(days=random.randrange(days))


def _period(random: Random, arrived: date, share: float) -> str:
    if random.random() > share:
        return "never"
    since = arrived + timedelta(days=random.randrange(max((TODAY - arrived).days, 1)))
    if random.random() < 0.6:
        return f"{since}/.."
    return f"{since}/{max(since, TODAY + timedelta(days=random.randrange(-400, 700)))}"
