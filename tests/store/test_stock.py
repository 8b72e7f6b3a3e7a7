"""Every blank is accounted for: received = remaining + issued + spoiled + …, drawer by drawer, day by day."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select, text

from issuer.acts import permits, production, stock
from issuer.acts.permits import ReplacementReason
from issuer.domain.card_stock import StockState
from issuer.domain.reasons import Reason
from issuer.domain.roles import Role
from issuer.store.balance import DrawerBalance, balance
from issuer.store.ledger import Drawer
from issuer.store.models.stock import CardMovement, StockDay
from tests.status_places import at
from tests.store.office import Office, conflict, refused, serial

WRONG = [(), ("zz",), (serial(1), serial(1)), (serial(1).upper() + "A",), ("AB" * 10,)]


def books(office: Office, place: str = "town", desk: str = "") -> DrawerBalance:
    with office.store.read() as transaction:
        return balance(transaction, Drawer(district_id=office.districts[place], desk=desk))


def figures(found: DrawerBalance) -> dict[StockState, int]:
    assert found.balanced
    return {state: count for state, count in found.cards.items() if count}


def close(office: Office, counted: int, **more: str) -> object:
    return stock.end_of_day(
        office.store, office.registrar, district_id=office.districts["town"], counted=counted, **more
    ).data


def test_a_day_of_a_drawer(office: Office) -> None:
    office.blanks(*range(10, 20))
    office.issued(1)
    office.ready(2)
    stock.spoil(office.store, office.registrar, serial(10), reason="bent")
    town = office.districts["town"]
    stock.transfer_stock(office.store, office.registrar, serials=[serial(11), serial(12)], district_id=town, desk="3")
    expected = {StockState.ISSUED: 1, StockState.ACTIVATED: 1, StockState.SPOILED: 1, StockState.RECEIVED: 7}
    assert figures(books(office)) == expected
    assert books(office).received == 10  # twelve, less two that were handed on
    assert figures(books(office, desk="3")) == {StockState.RECEIVED: 2}
    assert close(office, 7) == {
        "received": 10,
        "remaining": 7,
        "difference": 0,
        "cards": {"activated": 1, "issued": 1, "received": 7, "spoiled": 1},
    }
    assert conflict(close, office, 7) is Reason.DAY_CLOSED


def test_what_happens_after_closing_belongs_to_the_next_day(office: Office) -> None:
    """A revocation does not wait for a desk to open, and no closed day changes."""
    permit = office.issued(1)
    close(office, 0)
    permits.revoke(office.store, office.approver, permit, reason="stolen")
    with office.store.read() as transaction:
        drawer = Drawer(district_id=office.districts["town"])
        closed = balance(transaction, drawer, until=office.today)
        assert figures(closed) == {StockState.ISSUED: 1}
    assert figures(books(office)) == {StockState.LOST: 1}
    office.clock.forward(days=1)
    office.blanks(2)
    assert close(office, 1) == {
        "received": 2,
        "remaining": 1,
        "difference": 0,
        "cards": {"lost": 1, "received": 1},
    }


def test_days_add_up(office: Office) -> None:
    """What is carried on comes to the same as everything counted anew."""
    for day in range(4):
        office.blanks(100 + day, 200 + day)
        office.issued(day + 1)
        close(office, 2 * (day + 1))
        office.clock.forward(days=1)
    expected = {StockState.ISSUED: 4, StockState.RECEIVED: 8}
    assert figures(books(office)) == expected
    with office.store.read() as transaction:
        days = transaction.scalars(select(StockDay).order_by(StockDay.day)).all()
        assert [day.received for day in days] == [3, 6, 9, 12]
        lines = transaction.scalars(select(CardMovement)).all()
    total = sum(line.quantity for line in lines if line.from_state is None)
    assert total == books(office).received


def test_a_card_that_comes_back_elsewhere(office: Office) -> None:
    permit = office.issued(1)
    damaged = ReplacementReason.DAMAGED
    permits.replace(office.store, office.actor(place="city"), permit, reason=damaged, old_serial=serial(1), desk="1")
    assert (figures(books(office)), books(office).received) == ({}, 0)
    assert figures(books(office, "city", "1")) == {StockState.RETURNED: 1}
    assert books(office, "city", "1").received == 1
    stock.destroy(office.store, office.approver, [serial(1)], witness="Wang")
    assert figures(books(office, "city", "1")) == {StockState.DESTROYED: 1}


def test_a_count_that_differs_needs_a_word(office: Office) -> None:
    office.blanks(1, 2)
    assert refused(close, office, 1) is Reason.STOCK_DIFFERS
    assert close(office, 1, note="one under the cupboard")["difference"] == -1  # type: ignore[index]


def test_no_end_of_day_over_a_half_written_card(office: Office) -> None:
    application, _, permit = office.approved()
    office.blanks(1)
    production.allocate_blank(office.store, office.registrar, application)
    journal, card = office.journal(), bytes.fromhex(serial(1))
    from issuer.journal import IntentKind

    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    journal.bind(intent, card, office.binding(permit), at(1))
    assert refused(close, office, 0) is Reason.CARDS_UNRESOLVED
    journal.void(intent, card, reason="torn", profile_digest=bytes(32))
    close(office, 0)


def test_books_and_cards_that_disagree(office: Office) -> None:
    """Somebody went around the program: the end of the day does not hide it."""
    office.blanks(1, 2)
    with office.store.engine.begin() as connection:
        connection.execute(text("UPDATE card SET state = 'spoiled' WHERE serial = :serial"), {"serial": serial(1)})
    assert refused(close, office, 2, note="whatever") is Reason.STOCK_DIFFERS


def test_blanks_that_nobody_listed(office: Office) -> None:
    journal = office.journal(allocated_only=False)
    journal.receive(3, note="a box")
    journal.void(None, bytes(10), reason="bent", profile_digest=bytes(32))
    assert figures(books(office)) == {StockState.RECEIVED: 2, StockState.SPOILED: 1}
    close(office, 2)


def test_more_used_than_received(office: Office) -> None:
    office.journal(allocated_only=False).void(None, bytes(10), reason="bent", profile_digest=bytes(32))
    assert not books(office).balanced
    assert refused(close, office, 0, note="x") is Reason.STOCK_DIFFERS


def test_a_card_is_received_once(office: Office) -> None:
    office.blanks(1)
    assert conflict(office.blanks, 2, 1) is Reason.CARD_KNOWN
    assert figures(books(office)) == {StockState.RECEIVED: 1}  # all or none


@pytest.mark.parametrize("serials", WRONG)
def test_implausible_deliveries(office: Office, serials: tuple[str, ...]) -> None:
    town = office.districts["town"]
    outcome = refused(stock.receive_stock, office.store, office.registrar, district_id=town, serials=serials)
    assert outcome is Reason.INVALID_VALUE


def test_who_may(office: Office) -> None:
    town = office.districts["town"]
    for actor, reason in ((office.approver, Reason.ROLE), (office.actor(place="other"), Reason.DISTRICT)):
        call = (stock.receive_stock, office.store, actor)
        assert refused(*call, district_id=town, serials=[serial(1)]) is reason
    office.blanks(1)
    assert refused(stock.spoil, office.store, office.actor(place="other"), serial(1), reason="x") is Reason.DISTRICT
    destroyed = refused(stock.destroy, office.store, office.approver, [serial(1)], witness="Wang")
    assert destroyed is Reason.WRONG_STATE  # a good blank is not shredded
    stock.spoil(office.store, office.registrar, serial(1), reason="bent")
    assert refused(stock.destroy, office.store, office.approver, [serial(1)], witness=" ") is Reason.INVALID_VALUE
    auditor = office.actor(Role.AUDITOR, operator=4)
    assert refused(stock.destroy, office.store, auditor, [serial(1)], witness="Wang") is Reason.ROLE


def test_the_drawer_counts(office: Office) -> None:
    application, _, _ = office.approved()
    allocate, store, registrar = production.allocate_blank, office.store, office.registrar
    assert refused(allocate, store, registrar, application) is Reason.NO_BLANK
    office.blanks(1, desk="3")
    assert refused(allocate, store, registrar, application, serial=serial(1)) is Reason.NOT_IN_THIS_DRAWER
    allocate(store, registrar, application, desk="3")


def test_a_day_is_a_civil_day(office: Office) -> None:
    """At 23:30 UTC it is tomorrow at the authority."""
    office.clock.now = office.clock.now.replace(hour=23, minute=30)
    office.blanks(1)
    with office.store.read() as transaction:
        line = transaction.scalars(select(CardMovement)).one()
    assert line.to_day == office.today + timedelta(days=1)
