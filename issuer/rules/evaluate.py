"""One holder against one rule set: class, grants, refusals. Pure; the same input gives the same answer.

Unknown facts follow three-valued logic: what turns on them is neither granted nor denied, it is refused as *open* and
says which document to bring. No grant rests on a fact that is not known.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from . import days as calendar
from . import needs
from .assessment import Assessment, Cure, Finding, Grant, Refusal, Shortfall
from .days import ALWAYS, Days
from .facts import FACTS, Fact, Facts, Kind, Period, Value
from .model import CLASSES
from .needs import Children, Months, Need, Range
from .normal import ELIGIBLE, Way, class_goal
from .rule_set import RuleSet

ENDORSEMENT_MONTHS = 12  # Decree 663 art. 10: every year
MAX_ALTERNATIVES = 2

# How far a way is, in days: an unknown fact is a walk home for a paper, a change is worth eleven years of waiting, and
# what cannot be cured comes last.
_BRING = 30
_CHANGE = 4_000
_IMPOSSIBLE = 10_000_000


def evaluate(rule_set: RuleSet, facts: Facts, today: date, *, endorsed_until: date | None = None) -> Assessment:
    """What `facts` give on `today`.

    A grant holds until the next endorsement, which is `endorsed_until` (its last day; a year from `today` if not
    given), or until a fact ends before: a lease, a contract, the year in which a child turns seven. Raises ValueError
    where `endorsed_until` lies before `today`.
    """
    return _Evaluation(rule_set, facts, today, endorsed_until).assessment()


@dataclass(frozen=True, slots=True)
class _Answer:
    """A question put to the holder. `days` None: not known. `cost` 0: it holds today."""

    value: Value | None
    days: Days | None
    cost: int
    wait: int


@dataclass(frozen=True, slots=True)
class _Path:
    """A way for this holder. `days`: when its known conditions hold together."""

    days: Days
    unknown: bool
    met: bool
    cost: int


class _Evaluation:
    """One evaluation; questions and ways are shared by many goals and looked at once."""

    def __init__(self, rule_set: RuleSet, facts: Facts, today: date, endorsed_until: date | None) -> None:
        self._set = rule_set
        self._facts = facts
        self._today = today
        self._day = today.toordinal()
        self._endorsed = min(calendar.later(self._day, ENDORSEMENT_MONTHS), calendar.AFTER_ALL - 1)
        if endorsed_until is not None:
            self._endorsed = endorsed_until.toordinal()
        if self._endorsed < self._day:
            raise ValueError("endorsed_until lies before today: a permit that missed its endorsement has no grants")
        self._answers = [self._answer(fact, need) for fact, need in rule_set.questions]
        self._paths = [self._path(path) for path in rule_set.paths]

    def assessment(self) -> Assessment:
        reached = {goal: any(self._paths[at].met for at in route) for goal, route in self._set.routes.items()}
        permit_class = next((number for number in CLASSES if reached[class_goal(number)]), None)
        goals = [ELIGIBLE, *map(class_goal, CLASSES)]
        better = {goal: self._refusal(goal) for goal in goals if not reached[goal]}
        services = self._set.services
        return Assessment(
            version=self._set.version,
            digest=self._set.digest,
            today=self._today,
            eligible=True if reached[ELIGIBLE] else None if better[ELIGIBLE].open else False,
            permit_class=permit_class,
            standing=None if permit_class is None else self._grant(class_goal(permit_class)),
            better=MappingProxyType(better),
            grants=MappingProxyType({code: self._grant(code) for code in services if reached[code]}),
            refusals=MappingProxyType({code: self._refusal(code) for code in services if not reached[code]}),
        )

    # --- questions and ways

    def _answer(self, place: int, need: Need) -> _Answer:
        value = self._facts.values[place]
        if value is None:
            return _Answer(None, None, _BRING, 0)
        found = needs.days(FACTS[place], need, value)
        if calendar.holds(found, self._day):
            return _Answer(value, found, 0, 0)
        when = calendar.next_from(found, self._day)
        if when is not None:
            return _Answer(value, found, 1, when - self._day)
        return _Answer(value, found, _IMPOSSIBLE if _incurable(FACTS[place], need) else _CHANGE, 0)

    def _path(self, path: tuple[int, ...]) -> _Path:
        found, unknown, cost, wait = ALWAYS, False, 0, 0
        for at in path:
            answer = self._answers[at]
            if answer.days is None:
                unknown = True
            elif answer.days != ALWAYS:
                found = calendar.common(found, answer.days)
            cost += answer.cost
            wait = max(wait, answer.wait)
        if wait:
            # Two conditions that will each be met, but never on the same day, need a change too.
            when = calendar.next_from(found, self._day)
            cost += wait if when is None else max(wait, when - self._day)
            cost += _CHANGE if when is None and cost < _CHANGE else 0
        return _Path(found, unknown, not cost, cost)

    # --- answers

    def _grant(self, goal: str) -> Grant:
        route = self._set.routes[goal]
        certain = [at for at in range(len(route)) if not self._paths[route[at]].unknown]
        reach = calendar.union(*(self._paths[route[at]].days for at in certain))
        last = calendar.last_from(reach, self._day)
        assert last is not None
        # Of the ways that hold today, the one that holds longest explains the grant.
        ends = {at: calendar.last_from(self._paths[route[at]].days, self._day) or 0 for at in certain}
        best = max(certain, key=lambda at: (ends[at], -at))
        explanation = tuple(
            self._finding(condition.origins, question)
            for condition, question in zip(self._set.goals[goal][best], self._set.paths[route[best]], strict=True)
        )
        valid_until = date.fromordinal(min(last, self._endorsed))
        ended_by = None
        if last < self._endorsed:
            ended_by = next((finding.fact for finding in explanation if finding.until == valid_until), None)
            ended_by = ended_by or next(finding.fact for finding in explanation if finding.until is not None)
        return Grant(valid_until=valid_until, ended_by=ended_by, explanation=explanation)

    def _finding(self, origins: tuple[str, ...], question: int) -> Finding:
        place, need = self._set.questions[question]
        answer = self._answers[question]
        assert answer.value is not None
        assert answer.days is not None
        last = calendar.last_from(answer.days, self._day)
        until = None if last is None or last >= calendar.AFTER_ALL else date.fromordinal(last)
        return Finding(rule=origins, fact=FACTS[place].name, need=need, have=answer.value, until=until)

    def _refusal(self, goal: str) -> Refusal:
        route = self._set.routes[goal]
        order = sorted(range(len(route)), key=lambda at: (self._paths[route[at]].cost, at))
        chosen: list[tuple[Shortfall, ...]] = []
        for at in order:
            if chosen and self._paths[route[at]].cost >= _IMPOSSIBLE:
                break
            found = self._shortfalls(self._set.goals[goal][at], self._set.paths[route[at]])
            facts = {item.fact for item in found}
            if not any({item.fact for item in other} <= facts for other in chosen):
                chosen.append(found)
            if len(chosen) > MAX_ALTERNATIVES:
                break
        whens = [calendar.next_from(self._paths[at].days, self._day) for at in route if not self._paths[at].unknown]
        when = min((day for day in whens if day is not None), default=None)
        open_ways = (self._paths[at] for at in route if self._paths[at].unknown)
        return Refusal(
            shortfalls=chosen[0] if chosen else (),
            alternatives=tuple(chosen[1:]),
            open=any(calendar.holds(path.days, self._day) for path in open_ways),
            granted_on=None if when is None else date.fromordinal(when),
        )

    def _shortfalls(self, way: Way, path: tuple[int, ...]) -> tuple[Shortfall, ...]:
        return tuple(
            self._shortfall(condition.origins, question)
            for condition, question in zip(way, path, strict=True)
            if self._answers[question].cost
        )

    def _shortfall(self, origins: tuple[str, ...], question: int) -> Shortfall:
        place, need = self._set.questions[question]
        answer = self._answers[question]
        met_on = None
        if answer.days is None:
            cure = Cure.DOCUMENT
        elif answer.wait:
            cure, met_on = Cure.TIME, date.fromordinal(self._day + answer.wait)
        else:
            cure = Cure.NONE if answer.cost >= _IMPOSSIBLE else Cure.CHANGE
        return Shortfall(
            rule=origins,
            fact=FACTS[place].name,
            need=need,
            have=answer.value,
            short=None if answer.value is None else _distance(need, answer.value, self._day),
            cure=cure,
            met_on=met_on,
        )


def counted(value: Value, day: int) -> int | None:
    """What a threshold is compared with: full months of a period, full years of an age, a number."""
    if isinstance(value, Period):
        if value.since is None:
            return 0
        stop = calendar.AFTER_ALL if value.until is None else value.until.toordinal() + 1
        return calendar.full_months(value.since.toordinal(), min(day, stop))
    if isinstance(value, date):
        return calendar.full_months(value.toordinal(), day) // 12
    return value if isinstance(value, int) else None


def _distance(need: Need, value: Value, day: int) -> int | None:
    have = counted(value, day)
    if have is None or not isinstance(need, Range | Months):
        return None
    if need.low is not None and have < need.low:
        return need.low - have
    return have - need.high if need.high is not None and have > need.high else None


def _incurable(fact: Fact, need: Need) -> bool:
    """Neither time nor anything else gives back an age that has passed, or unmakes a child."""
    return fact.kind is Kind.BIRTH or (isinstance(need, Children) and bool(need.none))
