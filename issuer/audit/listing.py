"""A page of the audit records of a district, from an index, however long the chain is and however few are its own.

A district and what is below it is a range of paths, and no index gives a range in the order of numbers. So each place
is asked for its next records by (place, number), and the earliest of them are the page.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session as Transaction

from ..domain.places import Place
from ..store.models.operations import AuditRecord
from ..store.models.people import District
from . import log


def page(
    transaction: Transaction,
    place: Place,
    *,
    after: int = 0,
    limit: int = 100,
    subject: str | None = None,
    actor: str | None = None,
) -> Sequence[AuditRecord]:
    """At most `limit` records after number `after`, in order, that were done in `place` and below."""
    query = select(AuditRecord).where(AuditRecord.seq > after).order_by(AuditRecord.seq).limit(limit)
    if subject is not None:
        query = query.where(AuditRecord.subject == subject)
    if actor is not None:
        query = query.where(AuditRecord.actor == actor)
    if len(place.ids) > 1:
        if subject is None and actor is None:
            found = _next(transaction, place, after, limit)
            if not found:
                return ()
            query = query.where(AuditRecord.seq.in_(found))
        else:
            # What happened to one permit, or was done by one person, is little: the index of those is the better one.
            query = query.where(AuditRecord.place.startswith(place.path, autoescape=True))
    return transaction.scalars(query).all()


def _next(transaction: Transaction, place: Place, after: int, limit: int) -> list[int]:
    found: list[int] = []
    # What is appended while the places are asked is left for later: one that was asked already may have had a record
    # before it, and the page after this one would not look back.
    until = log.last(transaction)[0]
    end = place.path[:-1] + "0"  # "0" follows "/"
    paths = select(District.path).where(District.path >= place.path, District.path < end)
    for path in transaction.scalars(paths).all():
        if len(found) == limit:  # later ones than these are for another page
            until = found[-1]
        own = transaction.scalars(
            select(AuditRecord.seq)
            .where(AuditRecord.place == path, AuditRecord.seq > after, AuditRecord.seq <= until)
            .order_by(AuditRecord.seq)
            .limit(limit)
        ).all()
        found = sorted([*found, *own])[:limit]
    return found
