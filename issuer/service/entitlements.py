"""From what is known of a holder to a decision of the rules, with every reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import date
from functools import lru_cache

from pydantic_core import from_json
from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from card_profiles.entitlements import catalogue

from ..acts.applications import Decision, Grant
from ..domain.reasons import Reason, refusal
from ..rules import rule_set as rule_sets
from ..rules import texts
from ..rules.assessment import Assessment, grant_record, record, refusal_record
from ..rules.bulk import Batch
from ..rules.evaluate import evaluate
from ..rules.facts import INDEX, Facts, from_record
from ..rules.faults import RulesRefused
from ..rules.rule_set import RuleSet
from ..store import queries
from ..store.models.people import District, Holder
from ..store.models.permits import RuleSet as StoredRuleSet
from ..store.unit import Unit
from ..texts import Language
from .problem_texts import Code
from .problems import Fault, Problem


def active(transaction: Transaction) -> RuleSet:
    """The rule set in force. Raises Problem(NO_RULE_SET)."""
    row = transaction.scalars(select(StoredRuleSet).where(StoredRuleSet.state == "active")).one_or_none()
    if row is None:
        raise Problem(Code.NO_RULE_SET)
    return compiled(row.document)


@lru_cache(maxsize=16)
def compiled(document: str) -> RuleSet:
    """A rule set, compiled once."""
    return rule_sets.parse(document.encode())


def known(transaction: Transaction, holder: Holder) -> Facts:
    """What is known of a holder: the recorded facts, and what the register itself knows."""
    facts = json.loads(holder.facts)
    code = transaction.get_one(District, holder.district_id).code
    facts |= {"residence": f"{holder.residence_since}/..", "birth": holder.birth_date.isoformat()}
    facts.setdefault("district", code.upper())
    try:
        return from_record(facts)
    except RulesRefused as refused:
        raise mistakes(refused, "facts") from refused


def batches(transaction: Transaction) -> Iterator[Batch]:
    """The cells of every holder, streamed as columns: what `known` gives, without making values of what goes back into
    cells. The places are the districts' ids."""
    codes = {row.id: row.code.upper() for row in queries.places(transaction)}
    periods, births = _Cells(lambda since: f"{since}/.."), _Cells(date.isoformat)
    for part in queries.facts_of_all(transaction):
        ids, districts, since, born, texts_ = zip(*part, strict=True)
        known = [from_json(text) for text in texts_]
        facts = {name: [facts.get(name) for facts in known] for name in INDEX}
        facts["residence"] = list(map(periods.__getitem__, since))
        facts["birth"] = list(map(births.__getitem__, born))
        facts["district"] = [
            facts.get("district", codes[district]) for facts, district in zip(known, districts, strict=True)
        ]
        yield Batch(ids=ids, places=districts, facts=tuple(facts.values()))


class _Cells(dict[date, str]):
    """Day → cell: there are far fewer days than holders."""

    def __init__(self, cell: Callable[[date], str]) -> None:
        super().__init__()
        self._cell = cell

    def __missing__(self, day: date) -> str:
        found = self[day] = self._cell(day)
        return found


def mistakes(refused: RulesRefused, where: str) -> Problem:
    """All that is wrong with a rule set or with facts."""
    return Problem(
        Code.RULES_MISTAKES if where == "body" else Reason.INVALID_VALUE,
        errors=[Fault(at=f"{where}.{item.path}", what=item.fault.value) for item in refused.mistakes[:100]],
    )


def assess(transaction: Transaction, holder: Holder, today: date, *, until: date | None = None) -> Assessment:
    """What the rules in force give this holder today."""
    return evaluate(active(transaction), known(transaction, holder), today, endorsed_until=until)


def decide(unit: Unit, holder: Holder, until: date | None) -> Decision:
    """What the rules in force say, within an act. Raises Problem(NO_RULE_SET), ActRefused(NOT_ELIGIBLE)."""
    return decision(assess(unit.transaction, holder, unit.today, until=until))


def decision(found: Assessment) -> Decision:
    """For the acts. Raises ActRefused(NOT_ELIGIBLE)."""
    if found.permit_class is None:
        raise refusal(Reason.NOT_ELIGIBLE, rule_set=found.version)
    grants = [
        Grant(service=code, until=grant.valid_until, explanation=grant_record(grant))
        for code, grant in found.grants.items()
    ]
    grants += [
        Grant(service=code, until=None, explanation=refusal_record(refused)) for code, refused in found.refusals.items()
    ]
    return Decision(
        permit_class=found.permit_class,
        rule_set=found.version,
        grants=tuple(sorted(grants, key=lambda grant: grant.service)),
    )


def spoken(found: Assessment, lang: Language) -> list[str]:
    """Lines for a clerk to read aloud."""
    services = catalogue.load()
    lines = [texts.standing_line(found, lang)]
    lines += (texts.grant_line(code, grant, services, lang) for code, grant in found.grants.items())
    for code, refused in found.refusals.items():
        lines += texts.refusal_lines(code, refused, services, lang)
    return lines


__all__ = ["active", "assess", "compiled", "decide", "decision", "known", "mistakes", "record", "spoken"]
