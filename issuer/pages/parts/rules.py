"""Rule sets: which is in force, what a new one says, whether it is sound, and whom it would change beforehand."""

from __future__ import annotations

import json
from typing import Any

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import Catalogue

from ...domain.reasons import Reason
from ...rules import texts as rule_texts
from ...rules.phrases import FLAWS
from ...service.problem_texts import Code
from ...service.problems import Problem
from ...service.routers import rules
from ...texts import Language, say
from .. import charts
from ..receipts import then
from ..site import PREFIX, Page, Site, View

site = Site()
_SECONDS = 2
"""How often the page of a running computation is loaded again, where there is no script to ask."""


@site.page("/rules", rules.versions)
def show(view: View) -> Page:
    """All versions, the newest first; one is in force."""
    found = sorted(rules.versions(view.call), key=lambda row: row.created_at, reverse=True)
    return Page(template="rules.html", title="rules.title", context={"versions": found})


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
    """One version: its check, its services, and what may be done with it."""
    return _one(view, version, None)


def _one(view: View, version: str, job: Any) -> Page:
    found = next((row for row in rules.versions(view.call) if row.version == version), None)
    if found is None:
        raise Problem(Code.NO_RULE_SET, version=version)
    document = rules.document(version, view.call)
    checked = rules.check(version, view.call)
    services = catalogue.load()
    context = {
        "row": found,
        "name": document.get(view.lang.value, ""),
        "effective": document.get("effective_from", ""),
        "services": [rule_texts.title(code, services, view.lang) for code in sorted(document.get("services", {}))],
        "document": json.dumps(document, ensure_ascii=False, indent=2),
        "checked": checked,
        "findings": [(item, say(FLAWS[item.flaw], view.lang, {"subject": item.subject})) for item in checked.findings],
        "job": job,
    }
    return Page(template="rule_set.html", title=version, context=context)


@site.form("/rules/{version}/effect", rules.effect, back=one)
def effect(view: View, version: str) -> str:
    """Begin to work it out over all holders."""
    job = rules.effect(version, view.call)
    return f"{PREFIX}/rules/{version}/effect/{job.id}"


@site.page("/rules/{version}/effect/{job}", rules.effect_of)
def watch(view: View, version: str, job: str) -> Page:
    """How far it is; then who gains and who loses, by class and service."""
    found = rules.effect_of(job, view.call)
    context: dict[str, Any] = {"version": version, "job": found, "seconds": _SECONDS}
    if found.state == "done" and found.result is not None:
        context |= _pictures(view, found.result)
    return Page(template="effect.html", title="effect.title", context=context)


@site.form("/rules/{version}/activate", rules.activate, back=one)
def activate(view: View, version: str) -> str:
    """From here on it decides."""
    rules.activate(version, view.call)
    return then(view, f"{PREFIX}/rules")


def _pictures(view: View, result: dict[str, Any]) -> dict[str, Any]:
    services = catalogue.load()
    moved = [
        charts.Pair(
            label=rule_texts.title(code, services, view.lang),
            gained=part["gained"]["count"],
            lost=part["lost"]["count"],
        )
        for code, part in result["services"].items()
        if part["gained"]["count"] or part["lost"]["count"]
    ]
    classes = [
        charts.Bar(
            label=f"{_class(view, part['from'])} → {_class(view, part['to'])}",
            value=part["count"],
            colour=0 if _better(part["from"], part["to"]) else 3,
        )
        for part in result["classes"]
    ]
    same = result["holders"] - result["affected"]["count"]
    whole = [
        charts.Bar(label=view.say("effect.affected"), value=result["affected"]["count"], colour=2),
        charts.Bar(label=view.say("effect.unaffected"), value=same, colour=0),
    ]
    return {
        "result": result,
        "services_chart": charts.pairs(
            view.say("effect.by-service"), moved, view.say("effect.gained"), view.say("effect.lost")
        )
        if moved
        else None,
        "classes_chart": charts.bars(view.say("effect.by-class"), classes) if classes else None,
        "whole_chart": charts.stack(view.say("effect.whole"), whole),
        "examples": [
            (_title(code, services, view.lang), part)
            for code, part in result["services"].items()
            if part["gained"]["count"] or part["lost"]["count"]
        ],
    }


def _title(code: str, services: Catalogue, lang: Language) -> str:
    return rule_texts.title(code, services, lang)


def _class(view: View, number: int | None) -> str:
    return view.say("effect.no-class") if number is None else view.say("permit.class-n", number=number)


def _better(old: int | None, new: int | None) -> bool:
    """Class 1 is the best; none is the worst."""
    return (new or 9) < (old or 9)
