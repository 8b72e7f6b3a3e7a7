"""Look-ups of the pages that the API has no list for: counts in the order of an index, never more than a page needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import ColumnElement, func, literal_column, or_, select
from sqlalchemy.orm import Session as Transaction

from ..domain.application_life import OPEN_APPLICATION
from ..domain.calendar import WINDOW_MONTHS, add_months
from ..domain.permit_life import PermitState
from ..domain.places import Place
from ..store.base import SCOPES, among
from ..store.models.people import District, Holder, Operator
from ..store.models.permits import Application, Permit

MOST = 1000
"""Counted no further: whoever has a thousand waiting need not know how many more."""
_OPEN: ColumnElement[bool] = literal_column(f"application.{among('state', OPEN_APPLICATION)}")
_ACTIVE: ColumnElement[bool] = literal_column(f"permit.state = '{PermitState.ACTIVE.value}'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A holder in a list of something else."""

    id: int
    native: str
    latin: str
    birth_date: date
    sex: str


def within(model: Any, place: Place) -> tuple[ColumnElement[bool], ...]:
    """What lies in a place or below, by the column that is indexed for it."""
    column = SCOPES[place.level]
    return (getattr(model, column) == place.id,) if column else ()


def open_by_state(transaction: Transaction, place: Place) -> dict[str, int]:
    """How many open applications are in which state."""
    rows = transaction.execute(
        select(Application.state, func.count()).where(_OPEN, *within(Application, place)).group_by(Application.state)
    )
    return {row[0]: row[1] for row in rows}


def not_reminded(transaction: Transaction, place: Place, today: date) -> int:
    """Holders whose endorsement is open and who were not told; `MOST` for that many or more."""
    found = (
        select(Permit.id)
        .where(
            _ACTIVE,
            Permit.endorsed_until >= today,
            Permit.endorsed_until <= add_months(today, WINDOW_MONTHS),
            or_(Permit.reminded_for.is_(None), Permit.reminded_for != Permit.endorsed_until),
            *within(Permit, place),
        )
        .limit(MOST)
    )
    return transaction.scalar(select(func.count()).select_from(found.subquery())) or 0


def people(transaction: Transaction, ids: Iterable[int]) -> Mapping[int, Person]:
    """The names for a page of a list, in one look-up."""
    rows = transaction.execute(
        select(
            Holder.id, Holder.name_native, Holder.latin_surname, Holder.latin_given, Holder.birth_date, Holder.sex
        ).where(Holder.id.in_(set(ids)))
    )
    return {
        row.id: Person(
            id=row.id,
            native=row.name_native,
            latin=f"{row.latin_surname} {row.latin_given}".strip(),
            birth_date=row.birth_date,
            sex=row.sex,
        )
        for row in rows
    }


def districts(transaction: Transaction, ids: Iterable[int]) -> Mapping[int, str]:
    """The names of places."""
    rows = transaction.execute(select(District.id, District.name).where(District.id.in_(set(ids))))
    return {row[0]: row[1] for row in rows}


def operators(transaction: Transaction, ids: Iterable[int | None]) -> Mapping[int, str]:
    """The names of operators, for who did what."""
    wanted = {number for number in ids if number is not None}
    rows = transaction.execute(select(Operator.id, Operator.display_name).where(Operator.id.in_(wanted)))
    return {row[0]: row[1] for row in rows}


def locked(transaction: Transaction, place: Place, now: datetime) -> int:
    """Operators of a place and below who are locked out at this moment."""
    rows = transaction.scalars(
        select(District.path)
        .join(Operator, Operator.district_id == District.id)
        .where(Operator.locked_until > now)
        .limit(MOST)
    )
    return sum(path.startswith(place.path) for path in rows)
