"""Everything that the rules say to people, in Chinese and English: a clerk reads it aloud.

Built from tables and from the records of `issuer.rules.assessment`; nothing is decided here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

from card_profiles.entitlements.catalogue import Catalogue, UnknownServiceCode

from ..texts import Language, day, say
from .assessment import Assessment, Cure, Finding, Grant, Refusal, Shortfall, fact_of
from .effect import Effect, Part, ranked, together
from .facts import FACTS, Fact, Kind, Period, Value
from .faults import Mistake
from .lint import Finding as LintFinding
from .model import AllOf, AnyOf, ClassOrBetter, Comparison, Everyone, Node, Not
from .needs import Children, Months, Need, OneOf, Range
from .normal import ELIGIBLE, Way
from .phrases import CHOICES, CURES, DOCUMENTS, FACT_NAMES, FAULTS, FLAWS, NEEDS, UNITS, Phrase
from .rule_set import class_of

MAX_DISTRICTS = 20  # the most affected ones, by name; the others as one line


def grant_line(code: str, grant: Grant, known: Catalogue, lang: Language) -> str:
    """``H02 Child vaccination: until 2027-03-31, because the lease ends``."""
    reason = Phrase.ENDORSED if grant.ended_by is None else Phrase.ENDED
    fact = "" if grant.ended_by is None else say(FACT_NAMES[grant.ended_by], lang)
    until = _phrase(reason, lang, until=day(grant.valid_until, lang), fact=fact)
    return f"{title(code, known, lang)}{colon(lang)}{until}"


def finding_line(item: Finding, lang: Language) -> str:
    """``residence: 14 months, needed 12 or more``."""
    fact = fact_of(item.fact)
    return _phrase(
        Phrase.FOUND,
        lang,
        fact=say(FACT_NAMES[item.fact], lang),
        have=value_text(fact, item.have, lang),
        need=need_text(fact, item.need, lang),
    )


def refusal_lines(code: str, refusal: Refusal, known: Catalogue, lang: Language) -> tuple[str, ...]:
    """What to say to the applicant: the shortest way, when time alone is enough, then other ways."""
    head = f"{title(code, known, lang)}{colon(lang)}"
    if not refusal.shortfalls:
        return (head + _phrase(Phrase.NEVER, lang),)
    lines = [head + _way(refusal.shortfalls, lang)]
    if refusal.granted_on is not None:
        lines.append("  " + _phrase(Phrase.BY_ITSELF, lang, when=day(refusal.granted_on, lang)))
    lines += ("  " + _phrase(Phrase.OR, lang) + _way(way, lang) for way in refusal.alternatives)
    return tuple(lines)


def shortfall_text(item: Shortfall, lang: Language) -> str:
    """``residence 6 months short (needed: 12 or more); bring the registration of residence``."""
    fact = fact_of(item.fact)
    name, need = say(FACT_NAMES[item.fact], lang), need_text(fact, item.need, lang)
    if item.have is None:
        lacking = _phrase(Phrase.UNKNOWN, lang, fact=name, need=need)
    elif item.short is not None and _below(item):
        short = _counted(fact, item.short, lang)
        lacking = _phrase(Phrase.SHORT, lang, fact=name, need=need, short=short)
    else:
        lacking = _phrase(Phrase.UNMET, lang, fact=name, need=need, have=value_text(fact, item.have, lang))
    when = "" if item.met_on is None else day(item.met_on, lang)
    return lacking + say(CURES[item.cure], lang, {"document": say(DOCUMENTS[item.fact], lang), "when": when})


def standing_line(found: Assessment, lang: Language) -> str:
    """Class and until when, or not eligible, or not decided."""
    if found.standing is not None:
        return _phrase(Phrase.CLASS, lang, number=found.permit_class, until=day(found.standing.valid_until, lang))
    return _phrase(Phrase.UNDECIDED if found.eligible is None else Phrase.NOT_ELIGIBLE, lang)


def title(goal: str, known: Catalogue, lang: Language) -> str:
    """Code and name of a service, or the name of another goal."""
    number = class_of(goal)
    if number is not None:
        return _phrase(Phrase.CLASS_GOAL, lang, number=number)
    if goal == ELIGIBLE:
        return _phrase(Phrase.ELIGIBLE_GOAL, lang)
    try:
        service = known.service(goal)
    except UnknownServiceCode:
        return goal
    return f"{goal} {service.zh if lang is Language.ZH else service.en}"


def mistake_line(mistake: Mistake, lang: Language) -> str:
    """``services/E02/when: what is wrong, what to do``."""
    line = say(FAULTS[mistake.fault], lang, {"value": "-", "known": "-"} | dict(mistake.details))
    return f"{mistake.path}: {line}" if mistake.path else line


def lint_line(finding: LintFinding, lang: Language) -> str:
    """``error services/E02: …``."""
    severity = _phrase(Phrase(finding.severity), lang)
    return f"{severity} {finding.path}: {say(FLAWS[finding.flaw], lang, {'subject': finding.subject})}"


def need_text(fact: Fact, need: Need, lang: Language) -> str:
    """``12 months or more``."""
    parts: list[str] = []
    if isinstance(need, Range | Months):
        low = None if isinstance(need, Months) and need.low == 0 else need.low
        if low is not None and need.high is not None:
            parts.append(_need("between", lang, low=_bound(fact, low, lang), high=_bound(fact, need.high, lang)))
        elif low is not None:
            parts.append(_need("at_least", lang, low=_bound(fact, low, lang)))
        elif need.high is not None:
            parts.append(_need("at_most", lang, high=_bound(fact, need.high, lang)))
        if isinstance(need, Months) and need.running is not None:
            parts.append(_need("running" if need.running else "not_running", lang))
    elif isinstance(need, OneOf):
        names = "、".join if lang is Language.ZH else ", ".join
        listed = names(_choice(fact, name, lang) for name in sorted(need.names))
        parts.append(_need("in" if need.among else "not_in", lang, names=listed))
    elif isinstance(need, Children):
        parts += (_need("any_aged", lang, low=low, high=high) for low, high in sorted(need.some))
        parts += (_need("none_aged", lang, low=low, high=high) for low, high in sorted(need.none))
    return ("，" if lang is Language.ZH else ", ").join(parts)


def value_text(fact: Fact, value: Value, lang: Language) -> str:
    """A value as one says it; a period as its dates."""
    if isinstance(value, Period):
        if value.since is None:
            return _phrase(Phrase.NEVER_WAS, lang)
        if value.until is None:
            return _phrase(Phrase.SINCE, lang, since=day(value.since, lang))
        return _phrase(Phrase.FROM_TO, lang, since=day(value.since, lang), until=day(value.until, lang))
    if isinstance(value, tuple):
        born = ", ".join(day(birth, lang) for birth in value)
        return _phrase(Phrase.BORN, lang, born=born) if value else _phrase(Phrase.NO_CHILD, lang)
    if isinstance(value, date):
        return _phrase(Phrase.BORN, lang, born=day(value, lang))
    return _choice(fact, value, lang) if isinstance(value, str) else _counted(fact, value, lang)


def way_text(way: Way, lang: Language) -> str:
    """The conditions of a way, in one line."""
    if not way:
        return _phrase(Phrase.EVERYONE, lang)
    parts = (
        f"{say(FACT_NAMES[FACTS[item.fact].name], lang)} {need_text(FACTS[item.fact], item.need, lang)}" for item in way
    )
    return ("；" if lang is Language.ZH else "; ").join(parts)


def condition_text(node: Node, lang: Language) -> str:
    """A condition as it is written: ``residence: 12 months or more or class 2 or better``. What belongs together
    stands in brackets."""
    match node:
        case Everyone():
            return _phrase(Phrase.EVERYONE, lang)
        case Comparison(fact=fact, need=need):
            return say(FACT_NAMES[FACTS[fact].name], lang) + colon(lang) + need_text(FACTS[fact], need, lang)
        case ClassOrBetter(worst=worst):
            return _phrase(Phrase.CLASS_GOAL, lang, number=worst)
        case AllOf(items=items):
            return joined([_inner(item, lang) for item in items], lang, one_of=False)
        case AnyOf(items=items):
            return joined([_inner(item, lang) for item in items], lang, one_of=True)
        case Not(item=item):
            return _phrase(Phrase.UNLESS, lang, condition=condition_text(item, lang))


def joined(conditions: list[str], lang: Language, *, one_of: bool) -> str:
    """All of some conditions, or one of them, in one line."""
    return _phrase(Phrase.EITHER if one_of else Phrase.ALSO, lang).join(conditions)


def _inner(node: Node, lang: Language) -> str:
    text = condition_text(node, lang)
    if not isinstance(node, AllOf | AnyOf) or len(node.items) == 1:
        return text
    return f"（{text}）" if lang is Language.ZH else f"({text})"


def effect_lines(found: Effect, known: Catalogue, lang: Language) -> Iterator[str]:
    """What a new version changes: the sum, class moves, services that anybody gains or loses."""
    yield _phrase(
        Phrase.EFFECT,
        lang,
        old=found.old,
        new=found.new,
        holders=f"{found.whole.holders:,}",
        affected=f"{found.whole.affected.count:,}",
    )
    nothing = _phrase(Phrase.NO_CLASS, lang)
    for (old, new), move in found.whole.classes.items():
        ids = ", ".join(map(str, move.examples))
        count = f"{move.count:,}"
        yield _phrase(Phrase.EFFECT_CLASS, lang, old=old or nothing, new=new or nothing, count=count, examples=ids)
    for code, service in found.whole.services.items():
        if service.gained.count or service.lost.count:
            yield _phrase(
                Phrase.EFFECT_SERVICE,
                lang,
                name=title(code, known, lang),
                gained=f"{service.gained.count:,}",
                lost=f"{service.lost.count:,}",
                kept=f"{found.kept[code]:,}",
                examples=", ".join(map(str, (*service.gained.examples, *service.lost.examples))),
            )
    ordered = ranked(found.places)
    for place in ordered[:MAX_DISTRICTS]:
        yield _district(_phrase(Phrase.NO_DISTRICT, lang) if place is None else str(place), found.places[place], lang)
    if rest := [found.places[place] for place in ordered[MAX_DISTRICTS:]]:
        yield _district(_phrase(Phrase.REST, lang, count=len(rest)), together(rest), lang)


def _district(name: str, part: Part, lang: Language) -> str:
    figures = {"holders": part.holders, "affected": part.affected.count, "gaining": part.gaining, "losing": part.losing}
    counted = {what: f"{count:,}" for what, count in figures.items()}
    return _phrase(Phrase.EFFECT_DISTRICT, lang, name=name, **counted)


def colon(lang: Language) -> str:
    return "：" if lang is Language.ZH else ": "


def _way(way: tuple[Shortfall, ...], lang: Language) -> str:
    return ("；并且" if lang is Language.ZH else "; and ").join(shortfall_text(item, lang) for item in way)


def _below(item: Shortfall) -> bool:
    """Short of a lower bound, not beyond an upper one."""
    return item.cure is Cure.TIME or not isinstance(item.need, Range | Months) or item.need.high is None


def _choice(fact: Fact, name: str, lang: Language) -> str:
    return name if fact.kind is Kind.CODE else say(CHOICES[fact.name][name], lang)


def _bound(fact: Fact, bound: int, lang: Language) -> str:
    if fact.kind is Kind.LEVEL:
        return _choice(fact, fact.choices[bound], lang)
    return _counted(fact, bound, lang)


def _counted(fact: Fact, number: int, lang: Language) -> str:
    return say(UNITS[fact.name], lang, {"number": f"{number:,}"})


def _need(name: str, lang: Language, **details: object) -> str:
    return say(NEEDS[name], lang, details)


def _phrase(phrase: Phrase, lang: Language, **details: object) -> str:
    return say(phrase.text, lang, details)
