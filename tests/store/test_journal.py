"""The journal in the database of the service: what it asks beyond what every journal promises (test_both_journals)."""

from __future__ import annotations

from datetime import date

import pytest

from issuer.acts import applications, production, stock
from issuer.acts.journal import StoreJournal
from issuer.domain.application_life import ApplicationState
from issuer.domain.card_stock import StockState
from issuer.domain.reasons import Reason
from issuer.domain.roles import Role
from issuer.errors import Refusal, Refused
from issuer.journal import Binding, CardState, IntentKind
from issuer.store.balance import balance
from issuer.store.ledger import Drawer
from issuer.store.models.permits import Application
from issuer.store.models.stock import Card, StatusEntry
from tests.status_places import URI, at
from tests.store.office import TODAY, Office, refused, serial

SERIAL, OTHER = bytes(range(10)), bytes(range(10, 20))


def binding(permit: str = "RP00000017") -> Binding:
    return Binding(
        permit_number=permit,
        profile_digest=bytes(32),
        valid_from=date(2026, 11, 21),
        endorsed_until=date(2027, 11, 21),
    )


def reason(call: object, *values: object, **named: object) -> Refusal:
    with pytest.raises(Refused) as caught:
        call(*values, **named)  # type: ignore[operator]
    return caught.value.reason


def test_only_a_card_that_was_laid_out_is_written(office: Office) -> None:
    application, _, permit = office.approved()
    office.blanks(1, 2)
    journal = office.journal()
    wanted = binding(permit)
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    on_no_list, blank, other = (bytes.fromhex(serial(number)) for number in (9, 1, 2))
    assert reason(journal.bind, intent, on_no_list, wanted, at(1)) is Refusal.CARD_NOT_IN_JOURNAL
    assert reason(journal.bind, intent, blank, wanted, at(1)) is Refusal.CARD_NOT_IN_JOURNAL
    production.allocate_blank(office.store, office.registrar, application, serial=serial(1))
    assert journal.card(blank) is None  # to the journal it is a blank still
    assert reason(journal.bind, intent, blank, binding("RP1"), at(1)) is Refusal.CARD_RESERVED
    assert reason(journal.bind, intent, other, wanted, at(1)) is Refusal.CARD_NOT_IN_JOURNAL
    assert journal.bind(intent, blank, wanted, at(1)).state is CardState.WRITING


def test_a_card_spoiled_in_writing_frees_its_application(office: Office) -> None:
    application, _, permit = office.approved()
    office.blanks(1, 2)
    production.allocate_blank(office.store, office.registrar, application, serial=serial(1))
    journal, first = office.journal(), bytes.fromhex(serial(1))
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    journal.bind(intent, first, binding(permit), at(1))
    record = journal.void(intent, first, reason="read-back-failed", profile_digest=bytes(32))
    assert record.revocation_due
    with office.store.read() as transaction:
        assert transaction.get_one(Application, application).state == ApplicationState.APPROVED
        assert transaction.get_one(Card, serial(1)).state == StockState.SPOILED
    production.allocate_blank(office.store, office.registrar, application, serial=serial(2))
    office.written(permit, 2)
    with office.store.read() as transaction:
        found = balance(transaction, Drawer(district_id=office.districts["town"]))
    assert found.balanced
    assert found.cards == {StockState.SPOILED: 1, StockState.ACTIVATED: 1, **_zeros(found.cards)}


def test_a_ready_card_that_is_void_needs_another(office: Office) -> None:
    application, slip, _ = office.ready(1)
    stock.spoil(office.store, office.registrar, serial(1), reason="scratched")
    with office.store.read() as transaction:
        found = transaction.get_one(Application, application)
        assert (found.state, found.due_on is not None) == (ApplicationState.APPROVED, True)
        assert transaction.get_one(StatusEntry, (URI, 1)).status == 1
    outcome = refused(production.hand_over, office.store, office.registrar, application, slip=slip)
    assert outcome is Reason.WRONG_STATE


@pytest.mark.parametrize(("present", "state"), [(True, StockState.RETURNED), (False, StockState.LOST)])
def test_voiding_an_issued_card(office: Office, present: bool, state: StockState) -> None:
    permit = office.issued(1)
    journal, card = office.journal(desk="5"), bytes.fromhex(serial(1))
    intent = journal.begin(IntentKind.VOID, permit_number="", reader="r") if present else None
    assert journal.void(intent, card, reason="found in the street", profile_digest=bytes(32)).revocation_due
    assert journal.live_card(permit) is None
    with office.store.read() as transaction:
        assert transaction.get_one(Card, serial(1)).state == state


def test_a_stranger_voided_is_received_and_spoiled(office: Office) -> None:
    journal = office.journal()
    journal.void(None, OTHER, reason="not ours", profile_digest=bytes(32))
    found = journal.balance()
    assert (found.received, found.void, found.remaining) == (1, 1, 0)


def test_who_may_not(office: Office) -> None:
    auditor = office.actor(Role.AUDITOR, operator=4)
    journal = StoreJournal(office.store, auditor, Drawer(district_id=3))
    named = {"permit_number": "RP1", "reader": "r"}
    assert reason(journal.begin, IntentKind.ISSUE, **named) is Refusal.JOURNAL_UNUSABLE


def test_the_database_is_gone(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    from sqlalchemy.exc import OperationalError

    def gone(*_: object, **__: object) -> None:
        raise OperationalError("SELECT", {}, Exception("gone"))

    journal = office.journal()
    monkeypatch.setattr(office.store.engine, "connect", gone)
    monkeypatch.setattr(office.store.engine, "begin", gone)
    assert reason(journal.card, SERIAL) is Refusal.JOURNAL_UNUSABLE
    assert reason(journal.events) is Refusal.JOURNAL_UNUSABLE


def test_an_approved_application_is_written_today(office: Office) -> None:
    """The order for the writer keeps the day of approval, however late the card is made."""
    application, _, permit = office.approved()
    office.blanks(1)
    office.clock.forward(days=9)
    production.allocate_blank(office.store, office.registrar, application)
    with office.store.read() as transaction:
        order = production.production_order(transaction, office.registrar, application)
    assert (order.start, order.permit_number, order.serial) == (TODAY, permit, serial(1))


def test_no_order_before_its_time(office: Office) -> None:
    application, _, _ = office.approved()
    with office.store.read() as transaction:
        assert refused(production.production_order, transaction, office.registrar, 99) is Reason.NO_APPLICATION
        outcome = refused(production.production_order, transaction, office.registrar, application)
        assert outcome is Reason.WRONG_STATE
        other = office.actor(place="other")
        assert refused(production.production_order, transaction, other, application) is Reason.DISTRICT


def test_no_order_without_a_photo(office: Office) -> None:
    application, _ = office.accepted()
    applications.approve(office.store, office.approver, application, office.decision())
    office.blanks(1)
    production.allocate_blank(office.store, office.registrar, application)
    with office.store.read() as transaction:
        outcome = refused(production.production_order, transaction, office.registrar, application)
    assert outcome is Reason.CHECKLIST_INCOMPLETE


def test_a_blank_goes_back(office: Office) -> None:
    application, _, _ = office.approved()
    office.blanks(1)
    production.allocate_blank(office.store, office.registrar, application)
    production.release_blank(office.store, office.registrar, application)
    assert refused(production.release_blank, office.store, office.registrar, application) is Reason.NO_CARD
    production.allocate_blank(office.store, office.registrar, application, serial=serial(1))


def _zeros(cards: object) -> dict[StockState, int]:
    assert isinstance(cards, dict)
    return {state: 0 for state, count in cards.items() if count == 0}
