"""How the counter's own data stands before any card comes: its age, and whether the clock can be right."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from ..checks import freshness
from ..checks.signers import signer_reason
from ..counter import Counter
from ..policy import Check
from ..read_failed import ReadFailed
from ..reason import Reason
from ..verdict import DataAge, Outcome
from ..verify import clock_set_back


def look(counter: Counter, now: datetime) -> dict[str, Any]:
    """Outcome and reasons as in the facet *data age*, and the times. Raises ReadFailed when the data cannot be used.

    Of status lists only the release is known that they came with: which list a card needs, the card says.
    """
    trust = counter.trust()
    try:
        signed = trust.as_of(trust.crl_time())
    except Exception as error:
        if signer_reason(error) is None:
            raise
        raise ReadFailed(Reason.TRUST_DAMAGED, freshness.NUMBER, str(error)) from error
    ages = DataAge(trust_signed=signed, status_signed=trust.published)
    policy = counter.policy.without(Check.STATUS)
    step = freshness.check(ages, policy, now=now, set_back=clock_set_back(ages, policy, now))
    return {
        "outcome": step.outcome,
        "reasons": list(step.reasons),
        "trust_signed": _iso(ages.trust_signed),
        "status_signed": _iso(ages.status_signed),
    }


def unusable(failed: ReadFailed) -> dict[str, Any]:
    """The same for data that cannot be used."""
    return {"outcome": Outcome.FAILED, "reasons": [failed.reason], "trust_signed": None, "status_signed": None}


def _iso(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
