"""The parts of the desk: each module has a `site` with its pages and forms."""

from __future__ import annotations

from . import (
    applications,
    audit,
    cards,
    holders,
    keys,
    papers,
    people,
    permit_acts,
    permits,
    queues,
    registration,
    rules,
    sign,
    stock,
    today,
)

PARTS = (
    sign.site,
    today.site,
    registration.site,
    applications.site,
    queues.site,
    cards.site,
    papers.site,
    holders.site,
    permits.site,
    permit_acts.site,
    stock.site,
    rules.site,
    audit.site,
    people.site,
    keys.site,
)
