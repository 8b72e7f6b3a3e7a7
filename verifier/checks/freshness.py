"""Step 11: how old our own data is, by the times at which it was signed."""

from __future__ import annotations

from datetime import datetime, timedelta

from ..policy import Check, Policy
from ..reason import Reason
from ..verdict import DataAge, Outcome, Step

NUMBER = "11"


def check(ages: DataAge, policy: Policy, *, now: datetime, set_back: bool) -> Step:
    """Missing data counts as too old; a warning is never worse than that."""
    against: list[Reason] = [Reason.CLOCK_SET_BACK] if set_back else []
    warnings: list[Reason] = []
    if ages.trust_signed is None:
        against.append(Reason.REVOCATION_UNKNOWN)
    else:
        age = now - ages.trust_signed
        _judge(age, policy.trust_warn, policy.trust_refuse, _TRUST, against, warnings)
    if ages.status_signed is not None:
        age = now - ages.status_signed
        _judge(age, policy.status_warn, policy.status_refuse, _STATUS, against, warnings)
    elif Check.STATUS in policy.required:
        against.append(Reason.STATUS_LIST_MISSING)
    detail = f"trust {_text(ages.trust_signed)}, status {_text(ages.status_signed)}"
    if against:
        return Step(number=NUMBER, outcome=Outcome.FAILED, reasons=tuple(against), detail=detail)
    outcome = Outcome.WARNING if warnings else Outcome.PASSED
    return Step(number=NUMBER, outcome=outcome, reasons=tuple(warnings), detail=detail)


_TRUST = (Reason.TRUST_AGEING, Reason.TRUST_TOO_OLD)
_STATUS = (Reason.STATUS_LIST_AGEING, Reason.STATUS_LIST_TOO_OLD)


def against_services(ages: DataAge, policy: Policy, *, now: datetime) -> tuple[Reason, ...]:
    """Why data of this age is not enough to grant a service, although it may still do to judge the card."""
    known = (
        (ages.trust_signed, policy.trust_services, Reason.TRUST_TOO_OLD_FOR_SERVICES),
        (ages.status_signed, policy.status_services, Reason.STATUS_LIST_TOO_OLD_FOR_SERVICES),
    )
    return tuple(reason for signed, limit, reason in known if signed is not None and now - signed >= limit)


def _judge(
    age: timedelta,
    warn: timedelta,
    refuse: timedelta,
    reasons: tuple[Reason, Reason],
    against: list[Reason],
    warnings: list[Reason],
) -> None:
    if age >= refuse:
        against.append(reasons[1])
    elif age >= warn:
        warnings.append(reasons[0])


def _text(time: datetime | None) -> str:
    return "missing" if time is None else time.isoformat()
