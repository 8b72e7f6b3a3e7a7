"""Rule sets: which is in force, what a new one says otherwise, and whom it would change, before it decides."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

from card_profiles.entitlements import catalogue

from ...domain.places import Level
from ...domain.reasons import Reason
from ...domain.roles import Act
from ...rules import texts as rule_texts
from ...rules.changes import written
from ...rules.phrases import FLAWS
from ...rules.texts import MAX_DISTRICTS
from ...service import entitlements
from ...service.problem_texts import Code
from ...service.problems import Problem
from ...service.routers import rules
from ...service.schemas.effects import DistrictEffectOut, EffectOut, JobOut
from ...store import queries
from ...texts import Language, say
from .. import charts
from ..receipts import then
from ..site import PREFIX, Page, Site, View, access_of

site = Site()
_SECONDS = 2
"""How often the page of a running computation is loaded again, where there is no script to ask."""


@site.page("/rules", rules.versions)
def show(view: View) -> Page:
    """All versions, the newest first; one is in force."""
    found = sorted(rules.versions(view.call), key=lambda row: (row.created_at, row.version), reverse=True)
    context = {"versions": found, "deciding": _deciding(view), "named": _named(view)}
    return Page(template="rules.html", title="rules.title", context=context)


@site.form("/rules", rules.upload, back=show)
def upload(view: View) -> str:
    """A file, as a draft; all its mistakes at once."""
    raw = view.file("document")
    if raw is None:
        raise Problem(Reason.INVALID_VALUE, facts={"field": "document"})
    receipt = rules.hand_in(view.call, raw)
    return then(view, f"{PREFIX}/rules/{receipt.data['version']}")


@site.page("/rules/{version}", rules.document)
def one(view: View, version: str) -> Page:
    """One version: what it says otherwise, whom it would change, its check, and what may be done with it."""
    found = next((row for row in rules.versions(view.call) if row.version == version), None)
    if found is None:
        raise Problem(Code.NO_RULE_SET, version=version)
    document = rules.document(version, view.call)
    checked = rules.check(version, view.call)
    context = {
        "row": found,
        "named": _named(view),
        "ahead": (found.effective_from - view.today).days,
        "told": rules.told_changes(view.call, version, view.lang),
        "goals": _goals(document, view.lang),
        "document": json.dumps(document, ensure_ascii=False, indent=2),
        "checked": checked,
        "findings": [(item, say(FLAWS[item.flaw], view.lang, {"subject": item.subject})) for item in checked.findings],
        "job": _latest(view, version),
        "deciding": _deciding(view),
    }
    return Page(template="rule_set.html", title=version, context=context)


@site.form("/rules/{version}/effect", rules.effect, back=one)
def effect(view: View, version: str) -> str:
    """Begin to work it out over all holders."""
    job = rules.effect(version, view.call)
    return f"{PREFIX}/rules/{version}/effect/{job.id}"


@site.page("/rules/{version}/effect/{job}", rules.effect_of)
def watch(view: View, version: str, job: str) -> Page:
    """How far it is; then who gains and who loses, by class, service and district: in all that one may see, or in the
    district that the address names."""
    asked = view.asked("district", 16)
    if asked and not (asked.isascii() and asked.isdigit() and int(asked) > 0):
        raise Problem(Reason.NO_DISTRICT)
    found = rules.effect_of(job, view.call, int(asked) if asked else None)
    draft = any(row.version == version and row.state == "draft" for row in rules.versions(view.call))
    context: dict[str, Any] = {
        "version": version,
        "job": found,
        "seconds": _SECONDS,
        "deciding": _deciding(view),
        "draft": draft,
    }
    if found.result is not None:
        context |= _pictures(view, found.result) | _places(view, found)
    return Page(template="effect.html", title="effect.title", context=context)


@site.form("/rules/{version}/effect/{job}/stop", rules.stop_effect, back=watch)
def stop(view: View, version: str, job: str) -> str:
    """Nobody waits for it any more; nothing has changed."""
    rules.stop_effect(job, view.call)
    return f"{PREFIX}/rules/{version}/effect/{job}"


@site.form("/rules/{version}/activate", rules.activate, back=one)
def activate(view: View, version: str) -> str:
    """From here on it decides. Before the day that it names itself only if that was ticked."""
    if date.fromisoformat(rules.document(version, view.call)["effective_from"]) > view.today and not view.text("early"):
        raise Problem(Reason.INVALID_VALUE, facts={"field": "early"})
    rules.activate(version, view.call)
    return then(view, f"{PREFIX}/rules")


def _deciding(view: View) -> bool:
    """Whether versions are this operator's to decide on: the role's, for the whole city."""
    return view.may(Act.ACTIVATE_RULES) and view.call.actor.place.level is Level.CITY


def _named(view: View) -> Any:
    return lambda row: row.zh if view.lang is Language.ZH else row.en


def _goals(document: dict[str, Any], lang: Language) -> list[tuple[str, bool, list[str]]]:
    """The rules in words: of each goal, whether one of its conditions is enough, and these."""
    services = catalogue.load()
    return [
        (
            rule_texts.title(goal, services, lang),
            rule.one_of,
            [rule_texts.condition_text(item.node, lang) for item in rule.conditions],
        )
        for goal, rule in written(entitlements.compiled(json.dumps(document))).items()
    ]


def _latest(view: View, version: str) -> JobOut | None:
    """What was worked out last for this version, for those who may look at it."""
    if view.call.actor.role not in access_of(rules.latest_effect).roles:
        return None
    try:
        found: JobOut = rules.latest_effect(version, view.call)
    except Problem as problem:
        if problem.code is not Code.NO_RUN:
            raise
        return None
    return found


def _pictures(view: View, result: EffectOut) -> dict[str, Any]:
    services = catalogue.load()
    changed = [
        (rule_texts.title(code, services, view.lang), part)
        for code, part in result.services.items()
        if part.gained.count or part.lost.count
    ]
    pairs = [charts.Pair(label=name, gained=part.gained.count, lost=part.lost.count) for name, part in changed]
    moves = [
        charts.Bar(
            label=f"{_class(view, part.before)} → {_class(view, part.to)}",
            value=part.count,
            colour=0 if (part.to or 9) < (part.before or 9) else 3,
        )
        for part in result.classes
    ]
    both = result.gaining + result.losing - result.affected.count
    whole = [
        charts.Bar(label=view.say("effect.gaining-only"), value=result.gaining - both, colour=0),
        charts.Bar(label=view.say("effect.both"), value=both, colour=2),
        charts.Bar(label=view.say("effect.losing-only"), value=result.losing - both, colour=3),
        charts.Bar(label=view.say("effect.unaffected"), value=result.holders - result.affected.count, colour=4),
    ]
    words = {"gained": view.say("effect.gained"), "lost": view.say("effect.lost")}
    return {
        "result": result,
        "whole": whole,
        "whole_chart": charts.stack(view.say("effect.whole"), whole),
        "classes_chart": charts.bars(view.say("effect.by-class"), moves) if moves else None,
        "services_chart": charts.pairs(view.say("effect.by-service"), pairs, **words) if pairs else None,
        "changed": changed,
    }


def _places(view: View, job: JobOut) -> dict[str, Any]:
    """The districts below, the most affected ones by name and the others as one line, which opens to all; and the way
    down to here."""
    assert job.result is not None
    reach, result = view.call.actor.place, job.result
    with view.call.store.read() as transaction:
        tree = {row.id: row for row in queries.places(transaction)}
    here = tree[result.district]
    named = len(result.districts) if view.asked("all", 3) else MAX_DISTRICTS
    rows, rest = result.districts[:named], result.districts[named:]
    lines = [(row.name, row, "" if row.district == here.id else f"?district={row.district}") for row in rows]
    if rest:
        lines.append((view.say("effect.rest", count=len(rest)), _sum(rest), f"?district={here.id}&all=yes"))
    pairs = [
        charts.Pair(label=name, gained=row.gaining, lost=row.losing)
        for name, row, _ in lines
        if row.gaining + row.losing
    ]
    words = {"gained": view.say("effect.gaining"), "lost": view.say("effect.losing")}
    return {
        "above": [tree[number] for number in here.place.ids[len(reach.ids) - 1 : -1]],
        "here": here,
        "lines": lines,
        "districts_chart": charts.pairs(view.say("effect.by-district"), pairs, **words) if pairs else None,
    }


def _sum(rows: list[DistrictEffectOut]) -> DistrictEffectOut:
    figures = {
        name: sum(getattr(row, name) for row in rows) for name in ("holders", "affected", "gaining", "losing", "below")
    }
    return DistrictEffectOut(district=0, code="", name="", **figures)


def _class(view: View, number: int | None) -> str:
    return view.say("effect.no-class") if number is None else view.say("permit.class-n", number=number)
