"""Looking things up: every list in the order of an index, from a key on, so that the last page costs what the first did
and two million holders cost what twenty thousand did.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import ColumnElement, literal_column, select, tuple_
from sqlalchemy.orm import Session as Transaction

from ..domain.application_life import DEADLINE_RUNS, OPEN_APPLICATION, ApplicationState
from ..domain.calendar import WINDOW_MONTHS, YearsRule, add_months, years
from ..domain.names import number_hash, search_key
from ..domain.permit_life import PermitState, Standing, Suspension, standing
from ..domain.places import Place
from .base import SCOPES, among
from .ledger import live_card, status_entry
from .models.people import District, Holder, HolderName
from .models.permits import Application, EntitlementGrant, Permit

PAGE = 50
MAX_PAGE = 200
_PART = 2_000  # rows of a part, where all rows are read
_LAST = "\U0010ffff"
_ACTIVE: ColumnElement[bool] = literal_column(f"permit.state = '{PermitState.ACTIVE.value}'")
_DEADLINE: ColumnElement[bool] = literal_column(f"application.{among('state', DEADLINE_RUNS)}")
_OPEN: ColumnElement[bool] = literal_column(f"application.{among('state', OPEN_APPLICATION)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some rows; `after` is where the next page begins, None after the last."""

    rows: Sequence[Any]
    after: tuple[Any, ...] | None


def places(transaction: Transaction) -> Sequence[District]:
    """The whole tree, in the order of paths: some thousand rows."""
    return transaction.scalars(select(District).order_by(District.path)).all()


def find_by_name(
    transaction: Transaction,
    name: str,
    place: Place,
    *,
    birth_date: date | None = None,
    after: tuple[Any, ...] | None = None,
    limit: int = PAGE,
) -> Page:
    """Holders in a place whose native or Latin name begins with `name`, in the order of names."""
    key = search_key(name)
    if not key:
        return Page(rows=(), after=None)
    query = (
        select(HolderName.key, Holder)
        .join(Holder, Holder.id == HolderName.holder_id)
        .where(HolderName.key >= key, HolderName.key < key + _LAST, *_within(HolderName, place))
        .order_by(HolderName.key, HolderName.holder_id)
    )
    if birth_date is not None:
        query = query.where(Holder.birth_date == birth_date)
    if after is not None:
        query = query.where(tuple_(HolderName.key, HolderName.holder_id) > tuple_(*after))
    count = _limit(limit)
    rows = transaction.execute(query.limit(count)).all()
    return Page(
        rows=[row.Holder for row in rows],
        after=(rows[-1].key, rows[-1].Holder.id) if len(rows) == count else None,
    )


def find_by_number(transaction: Transaction, number: str, secret: bytes) -> Holder | None:
    """The holder of an identity number, wherever they are: the caller asks whether it is within reach."""
    return transaction.scalars(select(Holder).where(Holder.number_hash == number_hash(number, secret))).one_or_none()


def deadlines(
    transaction: Transaction, place: Place, *, after: tuple[Any, ...] | None = None, limit: int = PAGE
) -> Page:
    """Applications whose deadline runs, the most urgent first."""
    query = select(Application).where(_DEADLINE, *_within(Application, place))
    return _page(transaction, query, (Application.due_on, Application.id), after, limit)


def open_applications(
    transaction: Transaction,
    place: Place,
    state: ApplicationState,
    *,
    after: tuple[Any, ...] | None = None,
    limit: int = PAGE,
) -> Page:
    """Applications in a state, the oldest first: the approver's tray, the drawer of cards to collect."""
    query = select(Application).where(_OPEN, Application.state == state.value, *_within(Application, place))
    return _page(transaction, query, (Application.id,), after, limit)


def reminders(
    transaction: Transaction, place: Place, today: date, *, after: tuple[Any, ...] | None = None, limit: int = PAGE
) -> Page:
    """Permits whose endorsement is open now, the nearest end first; one that was reminded has its `reminded_for`."""
    query = select(Permit).where(
        _ACTIVE,
        Permit.endorsed_until >= today,
        Permit.endorsed_until <= add_months(today, WINDOW_MONTHS),
        *_within(Permit, place),
    )
    return _page(transaction, query, (Permit.endorsed_until, Permit.id), after, limit)


def facts_of_all(transaction: Transaction) -> Iterator[Sequence[Any]]:
    """Of every holder the id, the district, since when here, when born, and the facts in JSON; streamed, `_PART` at a
    time. Bare columns by the connection: objects of two million holders would cost more than what is done with them."""
    query = select(Holder.id, Holder.district_id, Holder.residence_since, Holder.birth_date, Holder.facts)
    connection = transaction.connection()
    yield from connection.execute(query.order_by(Holder.id), execution_options={"yield_per": _PART}).partitions()


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What a permit says of one service, and why."""

    code: str
    until: date | None
    rule_set: str
    explanation: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dossier:
    """A permit with all that hangs on it: for the clerk, and as "what is on my card" for the holder."""

    holder: Holder
    permit: Permit
    standing: Standing
    years: int
    services: tuple[Service, ...]
    serial: str
    card_state: str
    status: int | None
    document_number: str
    applications: Sequence[Application]


def dossier(transaction: Transaction, number: str, today: date, rule: YearsRule) -> Dossier | None:
    """All about a permit, in a handful of look-ups."""
    permit = transaction.scalars(select(Permit).where(Permit.number == number)).one_or_none()
    if permit is None:
        return None
    card = live_card(transaction, number)
    entry = None if card is None else status_entry(transaction, card.serial)
    found = transaction.scalars(
        select(Application).where(Application.holder_id == permit.holder_id).order_by(Application.id)
    ).all()
    documents = {application.id: application.document_number or "" for application in found}
    return Dossier(
        holder=transaction.get_one(Holder, permit.holder_id),
        permit=permit,
        standing=standing(
            PermitState(permit.state),
            endorsed_until=permit.endorsed_until,
            expires=permit.expires_on,
            today=today,
            suspension=None if permit.suspension is None else Suspension(permit.suspension),
            rule=rule,
        ),
        years=years(permit.years_since, today),
        services=services(transaction, permit.id),
        serial="" if card is None else card.serial,
        card_state="" if card is None else card.state,
        status=None if entry is None else entry.status,
        document_number="" if card is None else documents.get(card.application_id or 0, ""),
        applications=found,
    )


def services(transaction: Transaction, permit_id: int) -> tuple[Service, ...]:
    """What holds now, by code."""
    rows = transaction.scalars(
        select(EntitlementGrant)
        .where(EntitlementGrant.permit_id == permit_id, EntitlementGrant.superseded_at.is_(None))
        .order_by(EntitlementGrant.service)
    )
    return tuple(
        Service(code=row.service, until=row.valid_until, rule_set=row.rule_set, explanation=json.loads(row.explanation))
        for row in rows
    )


def _within(model: Any, place: Place) -> tuple[ColumnElement[bool], ...]:
    column = SCOPES[place.level]
    return (getattr(model, column) == place.id,) if column else ()


def _page(
    transaction: Transaction, query: Any, order: tuple[Any, ...], after: tuple[Any, ...] | None, limit: int
) -> Page:
    if after is not None:
        query = query.where(tuple_(*order) > tuple_(*after))
    count = _limit(limit)
    rows = transaction.scalars(query.order_by(*order).limit(count)).all()
    last = tuple(getattr(rows[-1], column.key) for column in order) if len(rows) == count else None
    return Page(rows=rows, after=last)


def _limit(limit: int) -> int:
    return max(1, min(limit, MAX_PAGE))
