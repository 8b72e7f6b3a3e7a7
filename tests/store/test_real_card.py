"""`personalise`, `endorse` and `void` run over the service's database as they do over a file: on a software card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from sqlalchemy import Connection, event, select

from card_profiles.errors import TransportFailed
from card_profiles.model import LifeCycle
from card_profiles.protocols.pace import Password
from card_profiles.softcard.connection import Tear, TornConnection
from card_profiles.softcard.image import MemoryImage
from issuer import application as parser
from issuer import endorse, personalise, photo, void
from issuer.acts import applications, permits, persons, production, stock
from issuer.acts.applications import Decision, Grant
from issuer.assemble import civil_date
from issuer.desk import Desk
from issuer.endorse import Change, Standing
from issuer.errors import Refused
from issuer.journal import CardState
from issuer.personalise import Order
from issuer.store import queries, status
from issuer.store.models.permits import Application, Permit
from issuer.store.models.stock import Card
from issuer.writer import CardWriter
from keys.status_list import Status
from tests.simulator.issuing import CAN, PROFILE, World, authority_home, blank, power_up, small_photo
from tests.store.office import Office, serial


class Bench:
    """An office and an authority whose desk writes into the office's database."""

    def __init__(self, office: Office, home: Path) -> None:
        self.office = office
        self.world = World(home=authority_home(home), now=office.clock.now)

    def over_the_store(self, desk: Desk) -> Desk:
        return replace(desk, journal=self.office.journal(), now=self.office.clock)

    def issue(self, application: int, connection: object) -> personalise.Issued:
        office = self.office
        with office.store.read() as transaction:
            order = production.production_order(transaction, office.registrar, application)
        with self.world.desk() as plain:
            desk = self.over_the_store(plain)
            record = parser.parse(order.document, today=civil_date(desk.now()), start=order.start)
            image = photo.accept(order.photo, limit=PROFILE.identity.file("DG2").size)
            return personalise.issue(
                Order(application=record, image=image, can=CAN, reader="r"),
                desk,
                CardWriter(connection, desk.keyring, desk.profile),  # type: ignore[arg-type]
                told=lambda _: None,
                hand_over=lambda _: None,
            )

    def approved(self) -> tuple[int, str, str]:
        office = self.office
        application, slip = office.accepted()
        applications.capture_photo(office.store, office.registrar, application, small_photo())
        grants = (Grant(service="H01", until=date(2027, 6, 1)), Grant(service="E02", until=None))
        decision = Decision(permit_class=2, rule_set="1", grants=grants)
        receipt = applications.approve(office.store, office.approver, application, decision)
        return application, slip, receipt.data["permit"]


@pytest.fixture
def bench(office: Office, tmp_path: Path) -> Bench:
    return Bench(office, tmp_path)


def test_from_approval_to_the_end(bench: Bench) -> None:
    office = bench.office
    store, registrar = office.store, office.registrar
    application, slip, number = bench.approved()
    office.blanks(1)
    production.allocate_blank(store, registrar, application)
    image = blank(1)
    issued = bench.issue(application, power_up(image))
    assert issued.card.state is CardState.ACTIVATED
    production.hand_over(store, registrar, application, slip=slip)
    with store.read() as transaction:
        permit = transaction.scalars(select(Permit).where(Permit.number == number)).one()
        assert not permit.card_due
    grants = (Grant(service="H01", until=date(2027, 11, 21)), Grant(service="E02", until=date(2027, 9, 1)))
    permits.change_entitlements(store, registrar, number, Decision(permit_class=1, rule_set="2", grants=grants))
    with store.read() as transaction:
        permit = transaction.scalars(select(Permit).where(Permit.number == number)).one()
        assert permit.card_due
    persons.change_address(store, registrar, permit.holder_id, address="旧港区1号", since=office.today)
    written = bring_up_to_date(bench, number, image)
    assert [(line.name, line.new) for line in written.differences] == [
        ("class", "1"),
        ("address", "旧港区1号"),
        ("E02", "2027-09-01"),
        ("H01", "2027-11-21"),
    ]
    with store.read() as transaction:
        assert not transaction.scalars(select(Permit).where(Permit.number == number)).one().card_due
    with bench.world.desk() as plain:
        desk = bench.over_the_store(plain)
        writer = CardWriter(power_up(image), desk.keyring, desk.profile)
        record = void.present_card(desk, writer, reason="handed in", reader="r")
    assert (record.state, record.revocation_due) == (CardState.VOID, False)
    assert image.load().life_cycle is LifeCycle.TERMINATED
    with store.read() as transaction:
        assert transaction.get_one(Card, serial(1)).state == "returned"
        assert not status.pending(transaction)


def bring_up_to_date(bench: Bench, number: str, image: MemoryImage) -> endorse.Endorsed:
    """The card is brought to what the permit says."""
    office = bench.office
    with office.store.read() as transaction:
        dossier = queries.dossier(transaction, number, office.today, office.store.rules.years)
    assert dossier is not None
    services = {service.code: service.until for service in dossier.services if service.until}

    def by_permit() -> Change:
        return lambda old, start, expiry: Standing(
            until=dossier.permit.endorsed_until,
            permit_class=dossier.permit.permit_class,
            services=services,
            address=dossier.holder.address,
        )

    with bench.world.desk() as plain:
        desk = bench.over_the_store(plain)
        return endorse.endorse(
            by_permit(),
            desk,
            CardWriter(power_up(image), desk.keyring, desk.profile),
            Password.from_can(CAN),
            reader="r",
            permit_number=number,
            told=lambda _: None,
            show=lambda _: True,
        )


@pytest.mark.parametrize("when", [1, 9, 20, 30])
def test_torn_and_resumed(bench: Bench, when: int) -> None:
    office = bench.office
    application, slip, number = bench.approved()
    office.blanks(1)
    production.allocate_blank(office.store, office.registrar, application)
    image = blank(1)
    with pytest.raises((TransportFailed, Refused)):
        bench.issue(application, TornConnection(power_up(image), at=when, when=Tear.AFTER))
    again = bench.issue(application, power_up(image))
    assert again.card.state is CardState.ACTIVATED
    production.hand_over(office.store, office.registrar, application, slip=slip)
    journal = office.journal()
    assert journal.open_intents() == ()
    assert [card.permit_number for card in journal.cards()] == [number]


class Killed(BaseException):
    """The process ends here."""


class Killer:
    """Ends the process at its n-th write to the database, a row or a commit, before it is made."""

    def __init__(self, at: int) -> None:
        self.left = at

    def write(self, _connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if statement.lstrip().upper().startswith(("INSERT", "UPDATE", "DELETE")):
            self.count()

    def commit(self, _connection: Connection) -> None:
        self.count()

    def count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Killed


@pytest.mark.parametrize("at", [1, 3, 5, 8, 11, 14, 17, 20, 23, 26])
def test_killed_at_a_write_and_resumed(bench: Bench, at: int) -> None:
    office = bench.office
    application, slip, _number = bench.approved()
    office.blanks(1, 2)
    production.allocate_blank(office.store, office.registrar, application, serial=serial(1))
    image = blank(1)
    killer = Killer(at)
    engine = office.store.engine
    listeners: list[tuple[str, Callable[..., None]]] = [
        ("before_cursor_execute", killer.write),
        ("commit", killer.commit),
    ]
    for name, listener in listeners:
        event.listen(engine, name, listener)
    try:
        with pytest.raises(Killed):
            bench.issue(application, power_up(image))
    finally:
        for name, listener in listeners:
            event.remove(engine, name, listener)
    # Where it had come to its end, the card is in force and the application ready: there is nothing left to issue.
    with office.store.read() as transaction:
        ready = transaction.get_one(Application, application).state == "ready"
    if not ready:
        bench.issue(application, power_up(image))
    production.hand_over(office.store, office.registrar, application, slip=slip)
    with office.store.read() as transaction:
        assert transaction.get_one(Application, application).state == "handed-over"
        assert transaction.get_one(Card, serial(2)).state == "received"
    assert office.journal().open_intents() == ()
    assert image.load().life_cycle is LifeCycle.ACTIVATED
    counted = stock.end_of_day(office.store, office.registrar, district_id=office.districts["town"], counted=1)
    assert counted.data["difference"] == 0


def test_what_is_published_in_the_end(office: Office) -> None:
    """The outbox: changed, published, changed again while it was being published."""
    first, second = office.issued(1), office.issued(2)
    office.lost(first)
    office.lost(second)
    with office.store.read() as transaction:
        (before,) = status.pending(transaction)
        assert before.changes == {1: Status.SUSPENDED, 2: Status.SUSPENDED}
        assert status.oldest_pending(transaction) == before.since == office.clock.now
    permits.revoke(office.store, office.approver, first, reason="stolen")
    status.published(office.store, office.system, before)
    with office.store.read() as transaction:
        (after,) = status.pending(transaction)
        assert after.changes == {1: Status.INVALID}
    status.published(office.store, office.system, after)
    status.published(office.store, office.system, before)  # late, out of order: INVALID was said and stays
    with office.store.read() as transaction:
        assert not status.pending(transaction)
        assert status.oldest_pending(transaction) is None
