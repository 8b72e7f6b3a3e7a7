"""The parts of the desk: each module has a `site` with its pages and forms."""

from __future__ import annotations

from . import (
    agents,
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
    agents.site,  # before people: /people/agents is no number of an operator
    people.site,
    keys.site,
)
