"""One call for programs in Python: check the card on the reader of this machine, or the text of a printed code.

    from verifier.library import check
    verdict = check("health", can="617203")
    verdict.require("H01")

For a counter that checks card after card, make one `verifier.counter.Counter` and keep it: it holds the own data open.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from time import perf_counter

from card_profiles.entitlements.catalogue import Sector

from . import opening, password, store
from .counter import Counter
from .verdict import Verdict


def check(
    sector: str,
    *,
    can: str | None = None,
    mrz: str | None = None,
    reader: str | None = None,
    image: str | None = None,
    trust: str | None = None,
    state: str | None = None,
    now: Callable[[], datetime] | None = None,
) -> Verdict:
    """Check one card by its CAN (six digits) or MRZ (``NUMBER,YYMMDD,YYMMDD``). Raises `read_failed.ReadFailed`.

    `reader` is a part of a reader's name, `image` a software card instead; `trust` and `state` directories are those of
    `permit-verifier`. Call `require` on the verdict: it raises `verdict.CheckFailed` for a card that is not accepted.
    """
    counter = _counter(sector, trust, state, now)
    secret = password.obtain(can=can, can_file=None, mrz=mrz, environment=os.environ, ask=None)
    connection = opening.image(image) if image is not None else opening.reader(reader)
    limits, on_limits = (None, None) if image is not None else opening.remembered(connection)
    try:
        verdict = counter.check(connection, secret, limits=limits, on_limits=on_limits).verdict
    finally:
        connection.close()
    counter.remember(verdict)
    return verdict


def check_code(
    sector: str,
    text: str,
    *,
    trust: str | None = None,
    state: str | None = None,
    now: Callable[[], datetime] | None = None,
) -> Verdict:
    """Check what a scanner read from the back of a card, at its lower assurance. Raises `read_failed.ReadFailed`.

    `require(…, assurance=Assurance.PRINTED)` on the verdict: without that word print is never enough.
    """
    from . import printed

    counter = _counter(sector, trust, state, now)
    verdict = counter.check_code(printed.envelope([text]))
    counter.remember(verdict)
    return verdict


def _counter(sector: str, trust: str | None, state: str | None, now: Callable[[], datetime] | None) -> Counter:
    environment = dict(os.environ)
    return Counter(
        sector=Sector(sector),
        trust_directory=store.trust_directory(trust, environment),
        watermark=store.Watermark(store.state_directory(state, environment)),
        now=now or (lambda: datetime.now(UTC)),
        clock=perf_counter,
        random=os.urandom,
    )
