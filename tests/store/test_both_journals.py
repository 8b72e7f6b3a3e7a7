"""What every journal promises: one suite over the one in a file and the one in the service's database."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from issuer import journal_export
from issuer.errors import Refusal, Refused
from issuer.journal import DRAWS, NEXT, Allocate, Binding, CardState, EventKind, IntentKind, Journal, SignedBy
from issuer.journal_sqlite import SqliteJournal
from issuer.store.engine import open_engine
from keys.algorithms import Purpose
from keys.status_list import Place
from tests.status_places import URI, at, in_order
from tests.store.conftest import database
from tests.store.office import NOW, Clock, Office

SERIAL, OTHER = bytes(range(10)), bytes(range(10, 20))
PERMIT = "RP00000017"


@pytest.fixture(params=["file", "sqlite", "postgresql"])
def journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Journal]:
    """One desk without applications, as the command line has it."""
    if request.param == "file":
        opened = SqliteJournal(tmp_path / "journal.sqlite", clock=lambda: NOW)
        yield opened
        opened.close()
        return
    with database(request.param, tmp_path) as url:
        engine = open_engine(url)
        yield Office.founded(engine, Clock()).journal(allocated_only=False)
        engine.dispose()


def binding(permit: str = PERMIT) -> Binding:
    return Binding(
        permit_number=permit,
        profile_digest=bytes(32),
        valid_from=date(2026, 11, 21),
        endorsed_until=date(2027, 11, 21),
    )


def bind(journal: Journal, card: bytes = SERIAL, permit: str = PERMIT, allocate: Allocate | None = None) -> int:
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    journal.identify(intent, card)
    journal.bind(intent, card, binding(permit), allocate or at(7))
    return intent


def issue(journal: Journal, card: bytes = SERIAL, permit: str = PERMIT, allocate: Allocate | None = None) -> None:
    intent = bind(journal, card, permit, allocate)
    journal.verified(card)
    journal.activated(intent, card)


def reason(call: object, *values: object, **named: object) -> Refusal:
    with pytest.raises(Refused) as caught:
        call(*values, **named)  # type: ignore[operator]
    return caught.value.reason


def test_the_whole_way(journal: Journal) -> None:
    intent = bind(journal)
    assert journal.live_card(PERMIT) == journal.card(SERIAL)
    journal.verified(SERIAL)
    journal.activated(intent, SERIAL)
    card = journal.card(SERIAL)
    assert card is not None
    assert (card.state, card.status_index, card.status_uri) == (CardState.ACTIVATED, 7, URI)
    assert (card.valid_from, card.unresolved) == (date(2026, 11, 21), False)
    assert journal.cards() == (card,)
    assert journal.open_intents() == ()
    kinds = [event.kind for event in journal.events(SERIAL)]
    assert kinds == [EventKind.BOUND, EventKind.VERIFIED, EventKind.ACTIVATED]


def test_one_live_card_for_a_permit(journal: Journal) -> None:
    intent = bind(journal)
    second = journal.begin(IntentKind.ISSUE, permit_number=PERMIT, reader="r")
    assert reason(journal.bind, second, OTHER, binding(), at(8)) is Refusal.PERMIT_UNRESOLVED
    journal.verified(SERIAL)
    journal.activated(intent, SERIAL)
    assert reason(journal.bind, second, OTHER, binding(), at(8)) is Refusal.PERMIT_HAS_CARD
    journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    journal.bind(second, OTHER, binding(), at(8))
    live = journal.live_card(PERMIT)
    assert live is not None
    assert live.serial == OTHER


def test_one_permit_for_a_card(journal: Journal) -> None:
    bind(journal)
    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000018", reader="r")
    assert reason(journal.bind, intent, SERIAL, binding("RP00000018"), at(8)) is Refusal.CARD_RESERVED


# --- places in the status lists


def test_a_resume_keeps_its_place(journal: Journal) -> None:
    bind(journal, allocate=at(7))

    def nobody() -> Place:
        raise AssertionError("a place was taken and wasted")

    bind(journal, allocate=nobody)
    card = journal.card(SERIAL)
    assert card is not None
    assert card.status_index == 7
    assert len(journal.open_intents()) == 1


def test_no_place_is_taken_for_a_card_that_is_refused(journal: Journal) -> None:
    issue(journal)
    given: list[Place] = []

    def allocate() -> Place:
        given.append(Place(uri=URI, index=len(given)))
        return given[-1]

    intent = journal.begin(IntentKind.ISSUE, permit_number=PERMIT, reader="r")
    assert reason(journal.bind, intent, OTHER, binding(), allocate) is Refusal.PERMIT_HAS_CARD
    assert given == []


def test_a_place_is_had_once(journal: Journal) -> None:
    """A void card keeps its place for ever; who gives out places may have forgotten, and is asked again."""
    bind(journal, allocate=at(7))
    journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    bind(journal, OTHER, allocate=at(7, 7, 7, 8))
    card = journal.card(OTHER)
    assert card is not None
    assert card.status_index == 8


def test_the_same_index_of_another_shard(journal: Journal) -> None:
    bind(journal, allocate=at(7))
    bind(journal, OTHER, "RP00000018", at(7, uri="https://permits.utopia.example/status/2"))
    cards = {card.serial: (card.status_uri[-1], card.status_index) for card in journal.cards()}
    assert cards == {SERIAL: ("1", 7), OTHER: ("2", 7)}


def test_asked_in_vain(journal: Journal) -> None:
    bind(journal, allocate=at(7))
    asked = []

    def forgetful() -> Place:
        asked.append(None)
        return Place(uri=URI, index=7)

    intent = journal.begin(IntentKind.ISSUE, permit_number="RP00000018", reader="r")
    assert reason(journal.bind, intent, OTHER, binding("RP00000018"), forgetful) is Refusal.NO_STATUS_INDEX
    assert len(asked) == DRAWS
    assert journal.card(OTHER) is None


def test_a_failure_inside_a_transaction_undoes_it(journal: Journal) -> None:
    intent = journal.begin(IntentKind.ISSUE, permit_number=PERMIT, reader="r")

    def unpublished() -> Place:
        raise Refused(Refusal.TRUST_UNUSABLE, error="no list")

    assert reason(journal.bind, intent, SERIAL, binding(), unpublished) is Refusal.TRUST_UNUSABLE
    assert journal.card(SERIAL) is None
    assert journal.events() == ()


# --- states


@pytest.mark.parametrize("source", CardState)
@pytest.mark.parametrize("target", [CardState.WRITING, CardState.VERIFIED, CardState.ACTIVATED])
def test_states_follow_the_table(journal: Journal, source: CardState, target: CardState) -> None:
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
            journal.bind(intent, SERIAL, binding(), at(8))
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


def test_endorsed(journal: Journal) -> None:
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


def test_new_keys_are_noted(journal: Journal) -> None:
    assert reason(journal.putting_keys, SERIAL, old=0x30, new=0x31) is Refusal.CARD_NOT_IN_JOURNAL
    issue(journal)
    journal.putting_keys(SERIAL, old=0x30, new=0x31)
    last = journal.events(SERIAL)[-1]
    assert (last.kind, last.permit_number, last.detail) == (EventKind.KEYS_PUT, PERMIT, "30 31")


def test_a_void_card_owes_its_publication(journal: Journal) -> None:
    issue(journal)
    assert journal.revocations_due() == ()
    record = journal.void(None, SERIAL, reason="lost", profile_digest=bytes(32))
    assert record.revocation_due
    assert journal.revocations_due() == (record,)
    journal.status_published(SERIAL)
    assert journal.revocations_due() == ()
    assert not journal.void(None, SERIAL, reason="again", profile_digest=bytes(32)).revocation_due
    card = journal.card(SERIAL)
    assert card is not None
    assert card.reason == "lost"


def test_a_spoiled_blank_is_accounted_for(journal: Journal) -> None:
    journal.receive(3, note="delivery")
    journal.receive(-1, note="to the next desk")
    card = journal.void(None, OTHER, reason="bent", profile_digest=bytes(32))
    assert not card.revocation_due
    bind(journal)
    found = journal.balance()
    assert (found.received, found.void, found.unresolved, found.remaining) == (2, 1, 1, 0)


def test_a_withdrawn_intent_leaves_nothing(journal: Journal) -> None:
    intent = journal.begin(IntentKind.ISSUE, permit_number=PERMIT, reader="r")
    journal.identify(intent, SERIAL)
    journal.withdraw(intent)
    assert (journal.cards(), journal.events(), journal.open_intents()) == ((), (), ())


# --- issuance records


def test_what_a_drill_goes_by(journal: Journal) -> None:
    """Who signed which card, and whether it reached it, comes out of either journal alike."""
    allocate = in_order()
    first, second = (
        SignedBy(purpose=Purpose.ENTITLEMENT_SIGNER, kid=kid, at=NOW) for kid in (b"ent-sign", b"ent-next")
    )
    for card, permit in ((SERIAL, PERMIT), (OTHER, "RP00000018")):
        intent = bind(journal, card, permit, allocate)
        journal.signed(card, [first])
        journal.verified(card)
        journal.activated(intent, card)
    again = journal.begin(IntentKind.ENDORSE, permit_number="", reader="r")
    journal.signed(OTHER, [second])
    journal.endorsed(again, OTHER, until=date(2028, 1, 1), counter=2)
    journal.signed(SERIAL, [second])  # and torn
    found = {card.serial: card for card in journal_export.cards(journal)}
    assert list(found) == [SERIAL, OTHER]
    signed = {serial: [(one.kid, one.done) for one in card.signatures] for serial, card in found.items()}
    assert signed == {
        SERIAL: [(b"ent-sign", True), (b"ent-next", False)],
        OTHER: [(b"ent-sign", True), (b"ent-next", True)],
    }
    assert [(card.status_uri, card.status_index) for card in found.values()] == [(URI, 0), (URI, 1)]
    assert found[OTHER].endorsed_until == date(2028, 1, 1)
