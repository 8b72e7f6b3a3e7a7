"""The parts of the desk: each module has a `site` with its pages and forms."""

from __future__ import annotations

from . import applications, cards, permit_acts, queues, registration, sign, today

PARTS = (sign.site, today.site, registration.site, applications.site, queues.site, cards.site, permit_acts.site)
