"""The parts of the desk: each module has a `site` with its pages and forms."""

from __future__ import annotations

from . import sign, today

PARTS = (sign.site, today.site)
