"""Which rule of the database was broken, and what that means to the one who tried."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sqlalchemy.exc import IntegrityError

from ..domain.reasons import Reason

_REASONS = {
    "uq_card_live": Reason.PERMIT_HAS_CARD,
    "pk_card": Reason.CARD_KNOWN,
    "uq_holder_number_hash": Reason.HOLDER_KNOWN,
    "uq_application_open": Reason.APPLICATION_OPEN,
    "uq_permit_live": Reason.HOLDER_HAS_PERMIT,
    "uq_operator_name": Reason.NAME_TAKEN,
    "uq_district_code": Reason.NAME_TAKEN,
    "uq_agent_name": Reason.NAME_TAKEN,
    "pk_rule_set": Reason.NAME_TAKEN,
    "pk_stock_day": Reason.DAY_CLOSED,
}
# SQLite names the columns and not the index.
_BY_COLUMNS = {
    "card.permit_number": "uq_card_live",
    "card.serial": "pk_card",
    "holder.number_hash": "uq_holder_number_hash",
    "application.holder_id": "uq_application_open",
    "permit.holder_id": "uq_permit_live",
    "operator.name": "uq_operator_name",
    "district.code": "uq_district_code",
    "agent.name": "uq_agent_name",
    "rule_set.version": "pk_rule_set",
    "stock_day.district_id, stock_day.desk, stock_day.day": "pk_stock_day",
    "idempotency_key.operator_id, idempotency_key.key": "pk_idempotency_key",
}
_UNIQUE_VIOLATION = "23505"
_SQLITE = re.compile(r"UNIQUE constraint failed: (.*)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A constraint, by its name in PostgreSQL, and the reason for a refusal."""

    name: str
    reason: Reason


def broken(error: IntegrityError) -> Broken | None:
    """What was broken, if it is that something must exist only once; any other rule is only broken by a mistake of
    ours. Something not listed means that the world changed under the act."""
    if getattr(error.orig, "sqlstate", None) == _UNIQUE_VIOLATION:
        name = getattr(getattr(error.orig, "diag", None), "constraint_name", None) or ""
    elif found := _SQLITE.search(str(error.orig)):
        name = _BY_COLUMNS.get(found[1].strip(), found[1])
    else:
        return None
    return Broken(name=name, reason=_REASONS.get(name, Reason.CHANGED_MEANWHILE))
