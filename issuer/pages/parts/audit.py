"""The audit trail: what was done, whether the chain holds, and a copy of it to take along."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select
from starlette.datastructures import QueryParams

from ...service.problems import Problem
from ...service.routers import audit
from ...store.models.operations import AuditRecord
from .. import audit_words, refusals
from ..site import Page, Site, View

site = Site()
LINES = 50


@site.page("/audit", audit.records)
def show(view: View) -> Page:
    """A city's auditor sees the newest first until something is asked for; others in order, from a number on."""
    return _page(view, None)


@site.page("/audit/verification", audit.verify)
def verify(view: View) -> Page:
    """Every record and every signature, from the first."""
    try:
        return _page(view, audit.verify(view.call))
    except Problem as problem:
        view.problem = refusals.told(problem, view.lang)
        page = _page(view, None)
        return Page(template=page.template, title=page.title, context=page.context, status=problem.status)


def _page(view: View, verified: Any) -> Page:
    subject, actor = (_plain(view.asked(name, 64)) for name in ("subject", "actor"))
    after = view.asked("after", 15)
    whole_city = len(view.call.actor.place.ids) == 1
    start = int(after) if after.isascii() and after.isdigit() else None
    if start is None:
        start = 0 if subject or actor or not whole_city else _from_the_end(view)
    found = audit.records(view.call, start, LINES, subject or None, actor or None)
    backwards = whole_city and not after and not subject and not actor
    records = list(reversed(found.records)) if backwards else found.records
    context = {
        "records": [(line, audit_words.told(line.subject, line.detail, view.lang)) for line in records],
        "following": None if found.next is None else str(found.next),
        "earlier": max(start - LINES, 0) if start else None,
        "subject": subject,
        "actor": actor,
        "after": after,
        "more": str(QueryParams({"subject": subject, "actor": actor})) if subject or actor else "",
        "verified": verified,
        "checkpoints": audit.checkpoints(view.call, 0, 500)[-5:],
        "whole_city": whole_city,
        "backwards": backwards,
    }
    return Page(template="audit.html", title="audit.title", context=context)


def _from_the_end(view: View) -> int:
    with view.call.store.read() as transaction:
        last = transaction.scalar(select(func.max(AuditRecord.seq))) or 0
    return max(last - LINES, 0)


def _plain(text: str) -> str:
    return "".join(letter for letter in text if " " <= letter <= "~")
