"""The journal in the database of the service: what the one in a file promises, and what the service asks on top."""

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
from issuer.journal import NEXT, Binding, CardState, EventKind, IntentKind, Journal
from issuer.store.balance import balance
from issuer.store.ledger import Drawer
from issuer.store.models.permits import Application
from issuer.store.models.stock import Card, StatusEntry
from tests.store.office import TODAY, URI, Office, refused, serial

SERIAL, OTHER = bytes(range(10)), bytes(range(10, 20))


def binding(permit: str = "RP00000017") -> Binding:
    return Binding(
        permit_number=permit,
        profile_digest=bytes(32),
        status_uri=URI,
        valid_from=date(2026, 11, 21),
        endorsed_until=date(2027, 11, 21),
    )


@pytest.fixture
def journal(office: Office) -> StoreJournal:
    """One desk without applications, as the command line has it."""
    return office.journal(allocated_only=False)


def bind(journal: Journal, card: bytes = SERIAL, permit: str = "RP00000017", index: int = 7) -> int:
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    journal.identify(intent, card)
    journal.bind(intent, card, binding(permit), lambda used: index)
    return intent


def reason(call: object, *values: object, **named: object) -> Refusal:
    with pytest.raises(Refused) as caught:
        call(*values, **named)  # type: ignore[operator]
    return caught.value.reason


# --- what the journal in a file promises (tests/unit/issuer/test_journal.py)


def test_the_whole_way(journal: StoreJournal) -> None:
    intent = bind(journal)
    assert journal.live_card("RP00000017") == journal.card(SERIAL)
    journal.verified(SERIAL)
    journal.activated(intent, SERIAL)
    card = journal.card(SERIAL)
    assert card is not None
    assert (card.state, card.status_index, card.status_uri) == (CardState.ACTIVATED, 7, URI)
    assert (card.valid_from, card.unresolved) == (date(2026, 11, 21), False)
    assert journal.open_intents() == ()
    assert [event.kind for event in journal.events(SERIAL)] == [
        EventKind.BOUND,
        EventKind.VERIFIED,
        EventKind.ACTIVATED,
    ]


def test_one_live_card_for_a_permit(journal: StoreJournal) -> None:
    intent = bind(journal)
    second = journal.begin(IntentKind.ISSUE, permit_number="RP00000017", reader="r")
    assert reason(journal.bind, second, OTHER, binding(), lambda used: 8) is Refusal.PERMIT_UNRESOLVED
    journal.verified(SERIAL)
    journal.activated(intent, SERIAL)
    assert reason(journal.bind, second, OTHER, binding(), lambda used: 8) is Refusal.PERMIT_HAS_CARD
    journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    journal.bind(second, OTHER, binding(), lambda used: 8)
    live = journal.live_card("RP00000017")
    assert live is not None
    assert live.serial == OTHER


def test_one_permit_for_a_card(journal: StoreJournal) -> None:
    bind(journal)
    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000018", reader="r")
    assert reason(journal.bind, intent, SERIAL, binding("RP00000018"), lambda used: 8) is Refusal.CARD_RESERVED


def test_a_resume_keeps_the_index(journal: StoreJournal) -> None:
    bind(journal, index=7)
    bind(journal, index=9)
    card = journal.card(SERIAL)
    assert card is not None
    assert card.status_index == 7
    assert len(journal.open_intents()) == 1


def test_an_index_is_given_once(journal: StoreJournal) -> None:
    """A void card keeps its index for ever; the draw is told of the ones that it drew in vain."""
    bind(journal, index=7)
    journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    seen: list[frozenset[int]] = []

    def choose(used: frozenset[int]) -> int:
        seen.append(used)
        return 8 if used else 7

    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000017", reader="r")
    assert journal.bind(intent, OTHER, binding(), choose).status_index == 8
    assert seen == [frozenset(), frozenset({7})]


def test_a_shard_nearly_full_is_told_in_full(journal: StoreJournal, office: Office) -> None:
    for number in range(70):
        bind(journal, number.to_bytes(10, "big"), f"RP{number:08}", index=number)
    seen: list[int] = []

    def choose(used: frozenset[int]) -> int:
        seen.append(len(used))
        return 70 if len(used) == 70 else len(used)

    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000099", reader="r")
    assert journal.bind(intent, OTHER, binding("RP00000099"), choose).status_index == 70
    assert seen[-2:] == [63, 70]


@pytest.mark.parametrize("source", CardState)
@pytest.mark.parametrize("target", [CardState.WRITING, CardState.VERIFIED, CardState.ACTIVATED])
def test_states_follow_the_table(journal: StoreJournal, source: CardState, target: CardState) -> None:
    intent = bind(journal)
    if source in (CardState.VERIFIED, CardState.ACTIVATED):
        journal.verified(SERIAL)
    if source is CardState.ACTIVATED:
        journal.activated(intent, SERIAL)
    if source is CardState.VOID:
        journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    before = journal.events()

    def move() -> None:
        if target is CardState.WRITING:
            journal.bind(intent, SERIAL, binding(), lambda used: 8)
        elif target is CardState.VERIFIED:
            journal.verified(SERIAL)
        else:
            journal.activated(intent, SERIAL)

    if target in NEXT[source]:
        move()
        card = journal.card(SERIAL)
        assert card is not None
        assert card.state is target
    else:
        expected = Refusal.CARD_VOID if source is CardState.VOID else Refusal.ALREADY_PERSONALISED
        assert reason(move) is expected
        assert journal.events() == before


def test_a_void_card_owes_its_publication(journal: StoreJournal) -> None:
    bind(journal)
    assert journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32)).revocation_due
    journal.status_published(SERIAL)
    assert not journal.void(None, SERIAL, reason="again", profile_digest=bytes(32)).revocation_due
    card = journal.card(SERIAL)
    assert card is not None
    assert card.reason == "lost"


def test_a_spoiled_blank_is_accounted_for(journal: StoreJournal) -> None:
    journal.receive(3, note="delivery")
    journal.receive(-1, note="to the next desk")
    card = journal.void(None, OTHER, reason="bent", profile_digest=bytes(32))
    assert not card.revocation_due
    bind(journal)
    found = journal.balance()
    assert (found.received, found.void, found.unresolved, found.remaining) == (2, 1, 1, 0)


def test_a_withdrawn_intent_leaves_nothing(journal: StoreJournal) -> None:
    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000017", reader="r")
    journal.identify(intent, SERIAL)
    journal.withdraw(intent)
    assert (journal.cards(), journal.events(), journal.open_intents()) == ((), (), ())


def test_a_failure_inside_a_transaction_undoes_it(journal: StoreJournal) -> None:
    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000017", reader="r")

    def full(used: frozenset[int]) -> int:
        raise Refused(Refusal.NO_STATUS_INDEX, size=0)

    assert reason(journal.bind, intent, SERIAL, binding(), full) is Refusal.NO_STATUS_INDEX
    assert journal.card(SERIAL) is None
    assert journal.events() == ()


def test_endorsed(journal: StoreJournal) -> None:
    intent = bind(journal)
    late = date(2028, 1, 1)
    assert reason(journal.endorsed, intent, SERIAL, until=late, counter=2) is Refusal.ALREADY_PERSONALISED
    journal.verified(SERIAL)
    journal.activated(intent, SERIAL)
    again = journal.begin(IntentKind.ENDORSE, permit_number="", reader="r")
    journal.endorsed(again, SERIAL, until=late, counter=2)
    card = journal.card(SERIAL)
    assert card is not None
    assert card.endorsed_until == late
    assert journal.open_intents() == ()
    last = journal.events(SERIAL)[-1]
    assert (last.kind, last.detail, last.count) == (EventKind.ENDORSED, "2028-01-01", 2)


# --- what the service asks on top


def test_only_a_card_that_was_laid_out_is_written(office: Office) -> None:
    application, _, permit = office.approved()
    office.blanks(1, 2)
    journal = office.journal()
    wanted = binding(permit)
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    on_no_list, blank, other = (bytes.fromhex(serial(number)) for number in (9, 1, 2))
    assert reason(journal.bind, intent, on_no_list, wanted, lambda used: 1) is Refusal.CARD_NOT_IN_JOURNAL
    assert reason(journal.bind, intent, blank, wanted, lambda used: 1) is Refusal.CARD_NOT_IN_JOURNAL
    production.allocate_blank(office.store, office.registrar, application, serial=serial(1))
    assert journal.card(blank) is None  # to the journal it is a blank still
    assert reason(journal.bind, intent, blank, binding("RP1"), lambda used: 1) is Refusal.CARD_RESERVED
    assert reason(journal.bind, intent, other, wanted, lambda used: 1) is Refusal.CARD_NOT_IN_JOURNAL
    assert journal.bind(intent, blank, wanted, lambda used: 1).state is CardState.WRITING


def test_a_card_spoiled_in_writing_frees_its_application(office: Office) -> None:
    application, _, permit = office.approved()
    office.blanks(1, 2)
    production.allocate_blank(office.store, office.registrar, application, serial=serial(1))
    journal, first = office.journal(), bytes.fromhex(serial(1))
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    journal.bind(intent, first, binding(permit), lambda used: 1)
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
