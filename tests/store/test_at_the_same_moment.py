"""Two desks want one thing at one moment: one has it, the other is told. A request that comes again changes nothing."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select

from issuer.acts import applications, permits, persons, production, staff, stock
from issuer.acts.permits import ReplacementReason
from issuer.audit import log
from issuer.domain.card_stock import LIVE_CARD
from issuer.domain.reasons import ActRefused, Conflict, Reason
from issuer.domain.roles import Role
from issuer.journal import IntentKind
from issuer.service.passwords import Passwords
from issuer.service.sessions import FREE_ATTEMPTS, LONGEST_LOCK, Sessions, SignedIn
from issuer.store.models.operations import AuditRecord
from issuer.store.models.people import Holder, Operator
from issuer.store.models.stock import Card
from issuer.store.unit import Receipt
from tests import status_places as places
from tests.service.house import CHEAP
from tests.store.office import Office, conflict, refused, serial

DESKS = 6


def race(*calls: Callable[[], object]) -> tuple[list[object], list[ActRefused]]:
    """All at once, each in its thread: what those came to that went through, and why the others did not."""
    barrier = threading.Barrier(len(calls))
    done: list[object] = []
    told: list[ActRefused] = []
    wrong: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        barrier.wait()
        try:
            done.append(call())
        except ActRefused as refused:
            told.append(refused)
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=run, args=(call,)) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    return done, told


def one_wins(*calls: Callable[[], object]) -> object:
    """One goes through; each of the others gets a Conflict."""
    done, told = race(*calls)
    assert len(done) == 1, told
    assert len(told) == len(calls) - 1
    assert all(isinstance(refused, Conflict) for refused in told), told
    return done[0]


def test_one_blank_for_six_applications(office: Office) -> None:
    waiting = [office.approved()[0] for _ in range(DESKS)]
    office.blanks(1)
    store, registrar = office.store, office.registrar
    one_wins(
        *(
            lambda number=number: production.allocate_blank(store, registrar, number, serial=serial(1))
            for number in waiting
        )
    )
    with store.read() as transaction:
        assert transaction.get_one(Card, serial(1)).application_id in waiting
        assert log.verify(transaction, {}).records == log.size(transaction)


def test_one_application_and_six_blanks(office: Office) -> None:
    number, _, permit = office.approved()
    office.blanks(*range(DESKS))
    store, registrar = office.store, office.registrar
    one_wins(
        *(
            lambda blank=blank: production.allocate_blank(store, registrar, number, serial=serial(blank))
            for blank in range(DESKS)
        )
    )
    with store.read() as transaction:
        taken = transaction.scalars(select(Card.permit_number).where(Card.permit_number.is_not(None))).all()
    assert taken == [permit]


def test_the_next_blank_is_nobody_elses(office: Office) -> None:
    """Whoever asks for any blank gets one, and no two the same: where the database can, without waiting."""
    waiting = [office.approved()[0] for _ in range(DESKS)]
    office.blanks(*range(DESKS))
    store, registrar = office.store, office.registrar
    done, told = race(
        *(lambda number=number: production.allocate_blank(store, registrar, number) for number in waiting)
    )
    assert not told
    given = {receipt.data["serial"] for receipt in done if isinstance(receipt, Receipt)}
    assert given == {serial(number) for number in range(DESKS)}


def test_approved_once(office: Office) -> None:
    number, _ = office.accepted()
    approver, store = office.approver, office.store
    one_wins(*(lambda: applications.approve(store, approver, number, office.decision()) for _ in range(3)))


def test_endorsed_once(office: Office) -> None:
    permit = office.issued(1)
    office.clock.to(date(2027, 11, 1))
    registrar, store = office.registrar, office.store
    done, told = race(*(lambda: permits.endorse(store, registrar, permit, office.decision()) for _ in range(3)))
    assert len(done) == 1
    assert {refused.reason for refused in told} <= {Reason.TOO_EARLY, Reason.CHANGED_MEANWHILE}


def test_replaced_once(office: Office) -> None:
    permit = office.issued(1)
    registrar, store = office.registrar, office.store
    lost = ReplacementReason.LOST
    one_wins(*(lambda: permits.replace(store, registrar, permit, reason=lost) for _ in range(3)))


def test_one_person_registered_at_two_desks(office: Office) -> None:
    """Without an identity number, and so without a unique index that could tell."""
    person = office.person(birth_date=date(1991, 4, 17))
    registrar, store = office.registrar, office.store
    done, told = race(*(lambda: persons.register(store, registrar, person) for _ in range(4)))
    assert len(done) == 1
    assert {refused.reason for refused in told} == {Reason.POSSIBLE_DUPLICATE}


def test_one_permit_on_two_cards(office: Office) -> None:
    """Two writers that got past every check: the database has the last word."""
    office.blanks(1, 2)
    journals = [office.journal(allocated_only=False) for _ in range(2)]
    intents = [journal.begin(IntentKind.ISSUE, permit_number="RP77", reader="r") for journal in journals]
    outcomes: list[object] = []

    def bind(at: int) -> None:
        card = bytes.fromhex(serial(at + 1))
        try:
            journals[at].bind(intents[at], card, office.binding("RP77"), places.at(at))
            outcomes.append(True)
        except Exception as error:
            outcomes.append(error)

    race(lambda: bind(0), lambda: bind(1))
    assert outcomes.count(True) == 1, outcomes
    with office.store.read() as transaction:
        live = [state.value for state in LIVE_CARD]
        count = select(func.count()).where(Card.permit_number == "RP77", Card.state.in_(live))
        assert transaction.scalars(count).one() == 1


def test_one_index_for_two_cards(office: Office) -> None:
    """Two machines, each with its own copy of what was given out, draw the same at the same moment."""
    office.blanks(1, 2)
    outcomes: list[int] = []

    def bind(at: int) -> None:
        journal, card = office.journal(allocated_only=False), bytes.fromhex(serial(at))
        intent = journal.begin(IntentKind.ISSUE, permit_number=f"RP{at}", reader="r")
        for _ in range(3):
            try:
                record = journal.bind(intent, card, office.binding(f"RP{at}"), places.at(0, 1))
            except Exception:  # who was second draws again when it is asked again
                continue
            outcomes.append(record.status_index)
            return

    race(lambda: bind(1), lambda: bind(2))
    assert sorted(outcomes) == [0, 1]


def test_many_desks_keep_one_chain(office: Office) -> None:
    registrar, store = office.registrar, office.store
    people = [office.person() for _ in range(24)]
    done, told = race(
        *(
            lambda part=part: [persons.register(store, registrar, person) for person in part]
            for part in (people[at::6] for at in range(6))
        )
    )
    assert (len(done), told) == (6, [])
    with store.read() as transaction:
        assert log.verify(transaction, {}).records == 24
        assert transaction.scalars(select(func.count()).select_from(Holder)).one() == 24


# --- the same request, again


def test_again_with_the_key(office: Office) -> None:
    person = office.person()
    first = persons.register(office.store, office.registrar, person, key="k1")
    again = persons.register(office.store, office.registrar, person, key="k1")
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.subject, again.data, again.version) == (first.subject, first.data, first.version)
    with office.store.read() as transaction:
        assert log.size(transaction) == 1
    other = persons.register(office.store, office.actor(operator=2), office.person(), key="k1")
    assert other.subject != first.subject  # another operator's key is another key


def test_another_request_with_the_key(office: Office) -> None:
    persons.register(office.store, office.registrar, office.person(), key="k1")
    assert conflict(persons.register, office.store, office.registrar, office.person(), key="k1") is Reason.KEY_REUSED
    number = office.registered().data["application"]
    assert conflict(applications.apply, office.store, office.registrar, number, present=[], key="k1") is (
        Reason.KEY_REUSED
    )


def test_a_refusal_is_not_remembered(office: Office) -> None:
    number, _ = office.accepted()
    office.clock.forward(days=1)
    accept = (applications.accept, office.store, office.registrar, number)
    assert refused(*accept, key="k1") is Reason.WRONG_STATE
    applications.withdraw(office.store, office.registrar, number, key="k1")


def test_the_same_request_at_the_same_moment(office: Office) -> None:
    person, store, registrar = office.person(), office.store, office.registrar
    done, told = race(*(lambda: persons.register(store, registrar, person, key="k1") for _ in range(5)))
    assert not told
    receipts = [receipt for receipt in done if isinstance(receipt, Receipt)]
    assert len({receipt.subject for receipt in receipts}) == 1
    assert Counter(receipt.replayed for receipt in receipts) == {False: 1, True: 4}


@pytest.mark.parametrize("key", ["", "x" * 65, "a\nb", "\ud800"])
def test_keys_that_are_none(office: Office, key: str) -> None:
    call = (persons.register, office.store, office.registrar, office.person())
    assert refused(*call, key=key) is Reason.INVALID_VALUE


# --- a thing that changed since it was looked at


def test_an_old_version(office: Office) -> None:
    number = office.registered().data["application"]
    seen = applications.apply(office.store, office.registrar, number, present=[]).version
    applications.apply(office.store, office.registrar, number, present=["photo"])  # type: ignore[list-item]
    outcome = conflict(applications.withdraw, office.store, office.registrar, number, version=seen)
    assert outcome is Reason.CHANGED_MEANWHILE
    office.blanks(1)
    assert conflict(stock.spoil, office.store, office.registrar, serial(1), reason="x", version=9) is (
        Reason.CHANGED_MEANWHILE
    )


def sessions(office: Office) -> Sessions:
    return Sessions(office.store, Passwords(CHEAP), lifetime=timedelta(hours=10), idle=timedelta(minutes=30))


def sign_in(office: Office, name: str, password: str) -> SignedIn:
    return sessions(office).sign_in(name, password, desk="", program=True, before=None)


def test_guesses_at_one_moment_all_count(office: Office) -> None:
    administrator = office.actor(Role.KEY_ADMINISTRATOR, operator=4)
    named = {"name": "li", "display_name": "李", "role": Role.REGISTRAR, "password": "correct horse battery"}
    staff.create_operator(office.store, administrator, district_id=3, **named)  # type: ignore[arg-type]
    _, told = race(*(lambda: sign_in(office, "li", "wrong") for _ in range(FREE_ATTEMPTS)))
    assert {refused.reason for refused in told} == {Reason.CREDENTIALS}
    assert refused(sign_in, office, "li", "correct horse battery") is Reason.LOCKED_OUT
    with office.store.read() as transaction:
        failed = select(func.count()).where(AuditRecord.act == "sign-in-failed")
        assert transaction.scalars(failed).one() == FREE_ATTEMPTS
    office.clock.now += LONGEST_LOCK
    assert sign_in(office, "li", "correct horse battery").actor.role is Role.REGISTRAR


def test_people_and_places(office: Office) -> None:
    administrator = office.actor(Role.KEY_ADMINISTRATOR, operator=4)
    store = office.store
    made = staff.create_district(store, administrator, code="c2", name="村", parent_id=office.districts["other"])
    district = made.data["district"]
    named = {"display_name": "", "role": Role.APPROVER, "district_id": district, "password": "x" * 12}
    created = staff.create_operator(store, administrator, name="zhao", **named)  # type: ignore[arg-type]
    signed_in = sign_in(office, "zhao", "x" * 12)
    assert sessions(office).present(signed_in.token) is not None
    assert signed_in.actor.place.ids == (1, 2, 4, district)
    call = (staff.create_operator, store, administrator)
    assert conflict(*call, name="zhao", **named) is Reason.NAME_TAKEN
    assert refused(*call, name="short", **(named | {"password": "short"})) is Reason.INVALID_VALUE
    assert refused(*call, name="machine", **(named | {"role": Role.SYSTEM})) is Reason.INVALID_VALUE
    below = (staff.create_district, store, administrator)
    assert refused(*below, code="c3", name="", parent_id=district) is Reason.INVALID_VALUE
    assert conflict(*below, code="c2", name="", parent_id=1) is Reason.NAME_TAKEN
    assert refused(staff.create_district, store, None, code="x", name="", parent_id=None) is Reason.NO_DISTRICT
    assert refused(staff.create_operator, store, None, name="root", **named) is Reason.ROLE
    number = created.data["operator"]
    staff.set_password(store, administrator, number, "y" * 12)
    assert sessions(office).present(signed_in.token) is None
    assert refused(sign_in, office, "zhao", "x" * 12) is Reason.CREDENTIALS
    signed_in = sign_in(office, "zhao", "y" * 12)
    staff.disable_operator(store, administrator, number)
    assert sessions(office).present(signed_in.token) is None
    assert refused(sign_in, office, "zhao", "y" * 12) is Reason.CREDENTIALS
    assert refused(sign_in, office, "nobody", "y" * 12) is Reason.CREDENTIALS
    assert refused(staff.disable_operator, store, administrator, 99) is Reason.NO_OPERATOR
    with store.read() as transaction:
        assert "argon2id" in transaction.get_one(Operator, number).password_hash
