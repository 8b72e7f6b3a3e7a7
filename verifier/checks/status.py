"""Step 7: the status list says that the permit is valid."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from keys.errors import DecodeError
from keys.status_list import Status, StatusListError
from keys.trust import TrustError, TrustReason, TrustStore

from ..reason import Reason
from ..verdict import Step
from .signers import signer_reason

NUMBER = "7"


class StatusReference(Protocol):
    """What names a list and a place in it: an MSO, or a printed code."""

    @property
    def status_uri(self) -> str: ...

    @property
    def status_index(self) -> int: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """The step, and when the list was signed (None without a usable list)."""

    step: Step
    signed: datetime | None = None


def check(card: StatusReference, trust: TrustStore, *, now: datetime, crl_grace: timedelta) -> Looked:
    """The shard that is named, not another. An expired list still revokes, for no status ever leaves INVALID."""
    try:
        found = trust.status_list(card.status_uri, now=now, crl_grace=crl_grace)
    except TrustError as error:
        missing = error.reason is TrustReason.NO_STATUS_LIST
        reason = Reason.STATUS_LIST_MISSING if missing else Reason.STATUS_LIST_INVALID
        return Looked(step=Step.failed(NUMBER, reason, str(error)))
    except (DecodeError, StatusListError) as error:
        return Looked(step=Step.failed(NUMBER, Reason.STATUS_LIST_INVALID, str(error)))
    except Exception as error:
        if (cause := signer_reason(error)) is None:
            raise
        # A bad list is our own data, whoever signed it; without revocation lists nobody can say.
        reason = cause if cause is Reason.REVOCATION_UNKNOWN else Reason.STATUS_LIST_INVALID
        return Looked(step=Step.failed(NUMBER, reason, f"{cause}: {error}"))
    detail = f"list of {found.iat.isoformat()}"
    try:
        status = found.lookup(card.status_index)
    except StatusListError as error:
        return Looked(step=Step.failed(NUMBER, Reason.STATUS_UNKNOWN, str(error)), signed=trust.as_of(found.iat))
    except DecodeError as error:
        return Looked(step=Step.failed(NUMBER, Reason.STATUS_LIST_INVALID, str(error)))
    against = _reason(status, expired=now >= found.exp)
    step = Step.passed(NUMBER, detail) if against is None else Step.failed(NUMBER, against, detail)
    return Looked(step=step, signed=trust.as_of(found.iat))


def _reason(status: Status, *, expired: bool) -> Reason | None:
    if status is Status.INVALID:
        return Reason.STATUS_REVOKED
    if expired:
        return Reason.STATUS_LIST_EXPIRED
    return Reason.STATUS_SUSPENDED if status is Status.SUSPENDED else None
