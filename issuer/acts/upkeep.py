"""What the authority does by itself, or is reminded of: forgetting in time, and reminding people."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

from sqlalchemy import delete, select, update

from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor
from ..store.models.operations import IdempotencyKey
from ..store.models.people import Capture, Session
from ..store.models.permits import Application
from ..store.unit import Receipt, Store, Unit
from . import lives

PIECE = 500  # rows of one transaction: whoever works meanwhile hardly waits
KEY_DAYS = 7
"""How long a request may come again and be recognised."""
MAX_REMINDED = 200


def purge_captures(store: Store, actor: Actor) -> int:
    """Delete photos whose time is over, piece by piece; how many there were. Each piece has its audit record."""
    total = 0
    while True:

        def work(unit: Unit) -> Receipt:
            _date_the_abandoned(unit)
            keys = unit.transaction.execute(
                select(Capture.application_id, Capture.kind)
                .where(Capture.delete_after < unit.today)
                .order_by(Capture.delete_after)
                .limit(PIECE)
            ).all()
            for application, kind in keys:
                unit.transaction.execute(
                    delete(Capture).where(Capture.application_id == application, Capture.kind == kind)
                )
            if keys:
                unit.record(Act.PURGE_CAPTURES, "captures", applications=sorted({row.application_id for row in keys}))
            return Receipt(act=Act.PURGE_CAPTURES, subject="captures", data={"count": len(keys)})

        count = int(store.perform(actor, Act.PURGE_CAPTURES, work).data["count"])
        total += count
        if count < PIECE:
            return total


def forget_requests(store: Store, actor: Actor) -> int:
    """Delete the keys of requests that are too old to come again, and sessions that have ended; how many."""
    total = 0
    while True:

        def work(unit: Unit) -> Receipt:
            keys = unit.transaction.execute(
                select(IdempotencyKey.operator_id, IdempotencyKey.key)
                .where(IdempotencyKey.at < unit.now - timedelta(days=KEY_DAYS))
                .order_by(IdempotencyKey.at)
                .limit(PIECE)
            ).all()
            for operator, key in keys:
                unit.transaction.execute(
                    delete(IdempotencyKey).where(IdempotencyKey.operator_id == operator, IdempotencyKey.key == key)
                )
            unit.transaction.execute(delete(Session).where(Session.expires_at < unit.now))
            return Receipt(act=Act.PURGE_CAPTURES, subject="requests", data={"count": len(keys)})

        count = int(store.perform(actor, Act.PURGE_CAPTURES, work).data["count"])
        total += count
        if count < PIECE:
            return total


def remind(store: Store, actor: Actor, numbers: Iterable[str], *, key: str | None = None) -> Receipt:
    """These permits' holders were told that their endorsement is open; `store.queries.reminders` lists who is due."""
    given = tuple(sorted(set(numbers)))

    def work(unit: Unit) -> Receipt:
        if not 0 < len(given) <= MAX_REMINDED:
            raise refusal(Reason.INVALID_VALUE, field="permits", count=len(given))
        for number in given:
            permit = lives.permit(unit, number)
            permit.reminded_for = permit.endorsed_until
        unit.record(Act.REMIND, "permits", permits=given)
        return Receipt(act=Act.REMIND, subject="permits", data={"count": len(given)})

    return store.perform(actor, Act.REMIND, work, key=key, request={"permits": given})


def _date_the_abandoned(unit: Unit) -> None:
    """A capture without an end is of an application under way, or of one that came to nothing: that is over too."""
    closed = (
        select(Application.id)
        .join(Capture, Capture.application_id == Application.id)
        .where(
            Capture.delete_after.is_(None), Application.closed_at < unit.now - timedelta(days=unit.rules.capture_days)
        )
        .limit(PIECE)
    )
    abandoned = unit.transaction.scalars(closed).all()
    if abandoned:
        unit.transaction.execute(
            update(Capture)
            .where(Capture.application_id.in_(abandoned), Capture.delete_after.is_(None))
            .values(delete_after=unit.today - timedelta(days=1))
        )
