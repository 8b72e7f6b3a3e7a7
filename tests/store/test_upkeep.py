"""Forgetting in time, reminding in time."""

from __future__ import annotations

from datetime import date, timedelta

from sqlalchemy import func, insert, select

from issuer.acts import applications, persons, upkeep
from issuer.audit import log
from issuer.domain.reasons import Reason
from issuer.store import queries
from issuer.store.models.operations import IdempotencyKey
from issuer.store.models.people import Capture, Session
from issuer.store.models.permits import Permit
from tests.store.office import PHOTO, Office, refused


def captures(office: Office) -> list[int]:
    with office.store.read() as transaction:
        return list(transaction.scalars(select(Capture.application_id).order_by(Capture.application_id)))


def test_photos_are_forgotten(office: Office) -> None:
    """Ninety days after the card was handed over, or after it came to nothing; never while it is under way."""
    office.issued(1)
    under_way, _ = office.accepted()
    rejected, _ = office.accepted()
    for number in (under_way, rejected):
        applications.capture_photo(office.store, office.registrar, number, PHOTO)
    applications.reject(office.store, office.approver, rejected, reason="false papers")
    everything = captures(office)
    assert len(everything) == 3
    office.clock.forward(days=90)
    assert upkeep.purge_captures(office.store, office.system) == 0
    office.clock.forward(days=1)
    assert upkeep.purge_captures(office.store, office.system) == 2
    assert captures(office) == [under_way]
    with office.store.read() as transaction:
        *_, last = log.records(transaction)
        assert (last.act, last.subject) == ("purge-captures", "captures")
    assert refused(upkeep.purge_captures, office.store, office.registrar) is Reason.ROLE


def test_many_photos_in_pieces(office: Office, monkeypatch: object) -> None:
    numbers = [office.registered().data["application"] for _ in range(5)]
    with office.store.engine.begin() as connection:
        for number in numbers:
            values = {"kind": "photo", "content": PHOTO, "captured_at": office.clock.now}
            connection.execute(insert(Capture).values(application_id=number, delete_after=date(2020, 1, 1), **values))
    monkeypatch.setattr(upkeep, "PIECE", 2)  # type: ignore[attr-defined]
    assert upkeep.purge_captures(office.store, office.system) == 5
    assert captures(office) == []


def test_requests_and_sessions_are_forgotten(office: Office) -> None:
    person = office.person()
    persons.register(office.store, office.registrar, person, key="old")
    now = office.clock.now
    with office.store.engine.begin() as connection:
        session = {"csrf_hash": "", "operator_id": 1, "desk": "", "created_at": now, "seen_at": now}
        for token, hours in (("a", 1), ("b", 24 * 30)):
            connection.execute(
                insert(Session).values(token_hash=token, expires_at=now + timedelta(hours=hours), **session)
            )
    office.clock.forward(days=upkeep.KEY_DAYS)
    assert persons.register(office.store, office.registrar, person, key="old").replayed
    office.clock.forward(days=1)
    office.registered()
    persons.register(office.store, office.registrar, office.person(), key="new")
    assert upkeep.forget_requests(office.store, office.system) == 1
    with office.store.read() as transaction:
        assert transaction.scalars(select(IdempotencyKey.key)).all() == ["new"]
        assert transaction.scalars(select(func.count()).select_from(Session)).one() == 1


def test_reminded(office: Office) -> None:
    number = office.issued(1)
    office.clock.to(date(2027, 11, 1))
    place = office.actor().place
    with office.store.read() as transaction:
        assert [row.number for row in queries.reminders(transaction, place, office.today).rows] == [number]
    upkeep.remind(office.store, office.registrar, [number])
    with office.store.read() as transaction:
        (row,) = queries.reminders(transaction, place, office.today).rows
        assert row.reminded_for == row.endorsed_until
    for wrong, reason in (([], Reason.INVALID_VALUE), (["RP0"], Reason.NO_PERMIT)):
        assert refused(upkeep.remind, office.store, office.registrar, wrong) is reason
    elsewhere = office.actor(place="other")
    assert refused(upkeep.remind, office.store, elsewhere, [number]) is Reason.DISTRICT
    with office.store.read() as transaction:
        assert transaction.scalars(select(Permit)).one().reminded_for == date(2027, 11, 21)
