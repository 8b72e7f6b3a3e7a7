"""From the first visit to the end of a permit, act by act, on both databases."""

from __future__ import annotations

import json
from datetime import date, timedelta

import pytest
from sqlalchemy import select

from issuer import application as parser
from issuer.acts import applications, permits, persons, production, stock
from issuer.acts.applications import Grant
from issuer.acts.permits import NewAddress, ReplacementReason
from issuer.audit import log
from issuer.domain.application_life import ApplicationState
from issuer.domain.card_stock import StockState
from issuer.domain.checklist import Ground, Item
from issuer.domain.permit_life import Ending, PermitState, Standing, Suspension
from issuer.domain.reasons import ActRefused, Reason
from issuer.domain.roles import Role
from issuer.store import queries
from issuer.store.models.people import Capture
from issuer.store.models.permits import Application, EntitlementGrant, Permit
from issuer.store.models.stock import Card, StatusEntry
from keys.status_list import Status
from tests.store.office import NOW, PHOTO, TODAY, Office, conflict, refused, serial

NEXT_YEAR = date(2027, 11, 21)


def card(office: Office, number: int) -> Card:
    with office.store.read() as transaction:
        return transaction.get_one(Card, serial(number))


def permit(office: Office, number: str) -> Permit:
    with office.store.read() as transaction:
        return transaction.scalars(select(Permit).where(Permit.number == number)).one()


def application(office: Office, number: int) -> Application:
    with office.store.read() as transaction:
        return transaction.get_one(Application, number)


def status(office: Office, number: int) -> Status:
    with office.store.read() as transaction:
        found = transaction.scalars(select(StatusEntry).where(StatusEntry.serial == serial(number))).one()
    return Status(found.status)


def test_the_whole_way(office: Office) -> None:
    store, registrar = office.store, office.registrar
    receipt = persons.register(store, registrar, office.person())
    number = receipt.data["application"]
    assert receipt.data["eligible_from"] == "2026-07-10"
    told = applications.apply(store, registrar, number, present=[Item.IDENTITY_DOCUMENT])
    assert told.data["missing"] == ["photo", "proof-of-address", "proof-of-ground"]
    assert refused(applications.accept, store, registrar, number) is Reason.CHECKLIST_INCOMPLETE
    applications.capture_photo(store, registrar, number, PHOTO)
    accepted = applications.accept(
        store, registrar, number, present=[Item.PROOF_OF_ADDRESS, Item.PROOF_OF_GROUND], ground=Ground.STUDY
    )
    assert accepted.data["due_on"] == "2026-12-06"
    slip = accepted.data["slip"]
    approved = applications.approve(store, office.approver, number, office.decision())
    permit_number = approved.data["permit"]
    assert permit(office, permit_number).state == PermitState.PENDING
    office.blanks(1, 2)
    laid_out = production.allocate_blank(store, registrar, number)
    assert laid_out.data["serial"] == serial(1)  # the first in the drawer
    with store.read() as transaction:
        order = production.production_order(transaction, registrar, number)
    parsed = parser.parse(order.document, today=TODAY, start=order.start)
    assert (parsed.permit_number, parsed.name_native, parsed.endorsed_until) == (permit_number, "陈晓雯", NEXT_YEAR)
    assert parsed.entitlements == (("H01", NEXT_YEAR),)
    assert order.photo == PHOTO
    office.written(permit_number, 1)
    assert application(office, number).state == ApplicationState.READY
    assert application(office, number).due_on is None
    assert refused(production.hand_over, store, registrar, number, slip="0000000000") is Reason.WRONG_SLIP
    production.hand_over(store, registrar, number, slip=slip)
    assert permit(office, permit_number).state == PermitState.ACTIVE
    assert card(office, 1).state == StockState.ISSUED
    assert status(office, 1) is Status.VALID
    with store.read() as transaction:
        photo = transaction.get_one(Capture, (number, "photo"))
        assert photo.delete_after == TODAY + timedelta(days=90)
        dossier = queries.dossier(transaction, permit_number, TODAY, store.rules.years)
        assert dossier is not None
        assert dossier.standing is Standing.IN_FORCE
        assert [(service.code, service.until) for service in dossier.services] == [("E02", None), ("H01", NEXT_YEAR)]
        assert dossier.services[0].explanation == {"short": "E02: six months short"}
        assert (dossier.serial, dossier.status) == (serial(1), Status.VALID)
        verified = log.verify(transaction, {})
    assert verified.records == log_length(office) > 10


def log_length(office: Office) -> int:
    with office.store.read() as transaction:
        return log.size(transaction)


def test_no_record_without_an_act_and_no_act_without_a_record(office: Office) -> None:
    before = log_length(office)
    refused(applications.approve, office.store, office.approver, 99, office.decision())
    assert log_length(office) == before
    number, _ = office.accepted()
    assert log_length(office) == before + 3
    with office.store.read() as transaction:
        records = list(log.records(transaction))
    assert [record.act for record in records] == ["register", "apply", "accept"]
    assert records[0].at == NOW
    told = "".join(record.detail + record.subject for record in records)
    for secret in ("陈", "CHEN", "1991", "梧桐", application(office, number).slip or "-"):
        assert secret not in told


def test_what_was_not_told_is_not_asked_later(office: Office) -> None:
    number = office.registered().data["application"]
    present = [Item.IDENTITY_DOCUMENT, Item.PROOF_OF_ADDRESS, Item.PROOF_OF_GROUND]
    told = applications.apply(office.store, office.registrar, number, present=present)
    assert told.data["missing"] == ["photo"]
    again = applications.apply(office.store, office.registrar, number, present=[])
    assert again.data["missing"] == ["photo"]
    accepted = applications.accept(office.store, office.registrar, number, present=[Item.PHOTO])
    assert accepted.state == ApplicationState.ACCEPTED


def test_six_months(office: Office) -> None:
    number = office.registered(residence_since=date(2026, 5, 22)).data["application"]
    applications.apply(office.store, office.registrar, number, present=Item)
    assert refused(applications.accept, office.store, office.registrar, number) is Reason.NOT_ELIGIBLE
    office.clock.forward(days=1)
    applications.accept(office.store, office.registrar, number)


def test_four_eyes(office: Office) -> None:
    """Whoever registered or accepted does not approve, not even when appointed approver since."""
    number, _ = office.accepted()
    promoted = office.actor(Role.APPROVER, operator=1)
    assert refused(applications.approve, office.store, promoted, number, office.decision()) is Reason.FOUR_EYES
    assert refused(applications.reject, office.store, promoted, number, reason="no") is Reason.FOUR_EYES
    assert refused(applications.approve, office.store, office.registrar, number, office.decision()) is Reason.ROLE
    assert application(office, number).state == ApplicationState.ACCEPTED


def test_out_of_reach(office: Office) -> None:
    other = office.actor(place="other")
    assert refused(persons.register, office.store, other, office.person()) is Reason.DISTRICT
    number, _, permit_number = office.approved()
    assert refused(applications.apply, office.store, other, number, present=[]) is Reason.DISTRICT
    approver = office.actor(Role.APPROVER, place="other", operator=3)
    assert refused(permits.suspend, office.store, approver, permit_number, reason="x") is Reason.DISTRICT
    below = office.actor(place="community")
    assert refused(applications.apply, office.store, below, number, present=[]) is Reason.DISTRICT


def test_the_deadline_is_extended_once(office: Office) -> None:
    number, _ = office.accepted()
    office.clock.forward(days=10)
    extended = applications.extend(office.store, office.approver, number, reason="floods")
    assert extended.data["due_on"] == "2026-12-21"  # 30 days from acceptance
    assert refused(applications.extend, office.store, office.approver, number, reason="x") is Reason.DEADLINE_AT_MAXIMUM


def test_the_queue_of_deadlines(office: Office) -> None:
    late, _ = office.accepted()
    office.clock.forward(days=2)
    later, _ = office.accepted()
    elsewhere, _ = office.accepted(district_id=office.districts["other"])
    with office.store.read() as transaction:
        city, town = office.actor().place, office.actor(place="town").place
        first = queries.deadlines(transaction, city, limit=1)
        assert [row.id for row in first.rows] == [late]
        assert [row.id for row in queries.deadlines(transaction, city, after=first.after).rows] == [later, elsewhere]
        assert [row.id for row in queries.deadlines(transaction, town).rows] == [late, later]
        tray = queries.open_applications(transaction, town, ApplicationState.ACCEPTED)
        assert [row.id for row in tray.rows] == [late, later]


# --- endorsement


def test_an_endorsement_in_one_pass(office: Office) -> None:
    number = office.issued(1)
    assert refused(permits.endorse, office.store, office.registrar, number, office.decision()) is Reason.TOO_EARLY
    office.clock.to(NEXT_YEAR - timedelta(days=20))
    decision = office.decision(
        permit_class=1, rule_set="2027.1", grants=(Grant(service="E02", until=date(2028, 9, 1)),)
    )
    address = NewAddress(address="旧港区1号", since=office.today, district_id=office.districts["other"])
    view = permits.endorse(office.store, office.registrar, number, decision, address=address, rehearsal=True)
    assert permit(office, number).endorsed_until == NEXT_YEAR  # only looked at
    done = permits.endorse(office.store, office.registrar, number, decision, address=address, key="k")
    assert done.data["changes"] == view.data["changes"]
    assert [(change["name"], change["new"]) for change in done.data["changes"]] == [
        ("valid until", "2028-11-21"),
        ("class", "1"),
        ("E02", "2028-09-01"),
        ("H01", ""),
        ("address", "旧港区1号"),
        ("district", str(office.districts["other"])),
    ]
    found = permit(office, number)
    assert (found.endorsed_until, found.card_due, found.permit_class) == (date(2028, 11, 21), True, 1)
    assert found.town_id == office.districts["other"]
    with office.store.read() as transaction:
        rows = transaction.scalars(select(EntitlementGrant).where(EntitlementGrant.permit_id == found.id)).all()
        assert len(rows) == 3  # what was superseded stays
        records = list(log.records(transaction))
    assert "旧港" not in records[-1].detail
    journal = office.journal()
    journal.endorsed(0, bytes.fromhex(serial(1)), until=date(2028, 11, 21), counter=2)
    assert not permit(office, number).card_due


def test_a_missed_endorsement(office: Office) -> None:
    number = office.issued(1)
    office.clock.to(NEXT_YEAR + timedelta(days=100))
    with office.store.read() as transaction:
        dossier = queries.dossier(transaction, number, office.today, office.store.rules.years)
        assert dossier is not None
        assert dossier.standing is Standing.ENDORSEMENT_MISSED
    assert permit(office, number).state == PermitState.ACTIVE  # nobody did anything
    permits.endorse(office.store, office.registrar, number, office.decision())
    found = permit(office, number)
    assert found.endorsed_until == date(2029, 2, 28)
    assert found.years_since == date(2027, 2, 28)  # the gap does not count


def test_reminders(office: Office) -> None:
    number = office.issued(1)
    place = office.actor(place="town").place
    with office.store.read() as transaction:
        assert not queries.reminders(transaction, place, NEXT_YEAR - timedelta(days=32)).rows
        due = queries.reminders(transaction, place, NEXT_YEAR - timedelta(days=30))
        assert [row.number for row in due.rows] == [number]
        elsewhere = office.actor(place="other").place
        assert not queries.reminders(transaction, elsewhere, NEXT_YEAR - timedelta(days=30)).rows


# --- loss, suspension, replacement, end


def test_lost_by_phone_and_found(office: Office) -> None:
    number = office.issued(1)
    office.lost(number)
    assert permit(office, number).suspension == Suspension.LOST
    assert status(office, 1) is Status.SUSPENDED
    office.lost(number)  # a second call is no mistake
    store, registrar = office.store, office.registrar
    assert refused(permits.restore, store, registrar, number, in_person=False) is Reason.IN_PERSON_ONLY
    permits.restore(store, registrar, number, in_person=True)
    assert permit(office, number).state == PermitState.ACTIVE
    assert status(office, 1) is Status.VALID


def test_an_order_is_lifted_by_an_approver_only(office: Office) -> None:
    number = office.issued(1)
    store = office.store
    office.lost(number)
    permits.suspend(store, office.approver, number, reason="inquiry")
    office.lost(number)  # does not turn the order into a loss
    assert permit(office, number).suspension == Suspension.ORDER
    assert refused(permits.restore, store, office.registrar, number, in_person=True) is Reason.BY_ORDER
    lost = ReplacementReason.LOST
    assert refused(permits.replace, store, office.registrar, number, reason=lost) is Reason.BY_ORDER
    permits.restore(store, office.approver, number, in_person=True)
    assert permit(office, number).state == PermitState.ACTIVE


def test_a_lost_card_is_replaced(office: Office) -> None:
    number = office.issued(1)
    store, registrar = office.store, office.registrar
    office.lost(number)
    receipt = permits.replace(store, registrar, number, reason=ReplacementReason.LOST)
    assert receipt.data["fee"] == 2000
    assert status(office, 1) is Status.INVALID
    assert card(office, 1).state == StockState.LOST
    waiting = receipt.data["application"]
    assert refused(production.allocate_blank, store, registrar, waiting) is Reason.WRONG_STATE  # not approved yet
    applications.capture_photo(store, registrar, waiting, PHOTO)
    applications.approve(store, office.approver, waiting, office.decision())
    office.blanks(2)
    production.allocate_blank(store, registrar, waiting)
    office.written(number, 2)
    assert permit(office, number).state == PermitState.SUSPENDED
    production.hand_over(store, registrar, waiting, slip=receipt.data["slip"])
    assert permit(office, number).state == PermitState.ACTIVE
    assert (status(office, 1), status(office, 2)) == (Status.INVALID, Status.VALID)
    first, second = (application(office, found) for found in (waiting - 1, waiting))
    assert first.document_number != second.document_number
    stock.take_back(store, registrar, serial(1), district_id=office.districts["other"])
    assert (card(office, 1).state, status(office, 1)) == (StockState.RETURNED, Status.INVALID)


def test_a_damaged_card_comes_back(office: Office) -> None:
    number = office.issued(1)
    store, registrar = office.store, office.registrar
    damaged = ReplacementReason.DAMAGED
    assert refused(permits.replace, store, registrar, number, reason=damaged) is Reason.OLD_CARD_MISSING
    wrong = refused(permits.replace, store, registrar, number, reason=damaged, old_serial=serial(2))
    assert wrong is Reason.OLD_CARD_MISSING
    permits.replace(store, registrar, number, reason=damaged, old_serial=serial(1), desk="7")
    back = card(office, 1)
    assert (back.state, back.desk, back.district_id) == (StockState.RETURNED, "7", office.districts["city"])
    again = conflict(permits.replace, store, registrar, number, reason=damaged)
    assert again is Reason.APPLICATION_OPEN


@pytest.mark.parametrize("here", [True, False])
def test_the_end(office: Office, here: bool) -> None:
    number = office.issued(1)
    permits.terminate(
        office.store,
        office.approver,
        number,
        ending=Ending.NO_LONGER_ELIGIBLE,
        old_serial=serial(1) if here else None,
    )
    assert permit(office, number).state == PermitState.TERMINATED
    assert status(office, 1) is Status.INVALID
    assert card(office, 1).state == (StockState.RETURNED if here else StockState.LOST)
    assert conflict(office.lost, number) is Reason.WRONG_STATE
    # Somebody whose permit has ended may come again; the person is known.
    with office.store.read() as transaction:
        holder = transaction.scalars(select(Permit.holder_id).where(Permit.number == number)).one()
    assert persons.register_again(office.store, office.registrar, holder).state == ApplicationState.REGISTERED


def test_revoked_while_the_replacement_is_being_made(office: Office) -> None:
    number = office.issued(1)
    store, registrar = office.store, office.registrar
    waiting = permits.replace(store, registrar, number, reason=ReplacementReason.LOST).data["application"]
    applications.capture_photo(store, registrar, waiting, PHOTO)
    applications.approve(store, office.approver, waiting, office.decision())
    office.blanks(2)
    production.allocate_blank(store, registrar, waiting)
    office.written(number, 2)
    permits.revoke(store, office.approver, number, reason="stolen")
    assert card(office, 2).state == StockState.SPOILED
    assert status(office, 2) is Status.INVALID
    assert application(office, waiting).state == ApplicationState.WITHDRAWN
    assert conflict(production.hand_over, store, registrar, waiting, slip="x") is Reason.WRONG_STATE


def test_a_blank_laid_out_goes_back_when_the_permit_ends(office: Office) -> None:
    waiting, _, number = office.approved()
    office.blanks(1)
    production.allocate_blank(office.store, office.registrar, waiting)
    permits.terminate(office.store, office.approver, number, ending=Ending.DEATH)
    assert (card(office, 1).state, card(office, 1).permit_number) == (StockState.RECEIVED, None)


def test_withdrawn_after_approval(office: Office) -> None:
    waiting, _, number = office.approved()
    applications.withdraw(office.store, office.registrar, waiting)
    assert permit(office, number).state == PermitState.TERMINATED


# --- addresses and districts


def test_an_address_reported_late(office: Office) -> None:
    holder = office.registered().data["holder"]
    change = {"address": "新区2号", "since": TODAY - timedelta(days=11)}
    assert persons.change_address(office.store, office.registrar, holder, **change).data["late"]
    change["since"] = TODAY - timedelta(days=10)
    assert not persons.change_address(office.store, office.registrar, holder, **change).data["late"]
    change["since"] = TODAY + timedelta(days=1)
    assert refused(persons.change_address, office.store, office.registrar, holder, **change) is Reason.INVALID_VALUE


def test_a_move_takes_everything_along(office: Office) -> None:
    number, _ = office.accepted()
    holder = application(office, number).holder_id
    town, other = office.actor(place="town"), office.actor(place="other")
    persons.move_district(office.store, town, holder, district_id=office.districts["other"])
    assert application(office, number).district_id == office.districts["other"]
    with office.store.read() as transaction:
        assert not queries.find_by_name(transaction, "陈", town.place).rows
        assert len(queries.find_by_name(transaction, "chen x", other.place).rows) == 1
    moved_away = refused(persons.move_district, office.store, town, holder, district_id=office.districts["town"])
    assert moved_away is Reason.DISTRICT


# --- what cannot be


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"sex": "?"}, "sex"),
        ({"address": ""}, "address"),
        ({"latin_given": "12"}, "names.latin_given"),
        ({"birth_date": date(2030, 1, 1)}, "birth_date"),
        ({"residence_since": date(2026, 12, 1)}, "residence_since"),
        ({"name_native": "陈\ud800", "birth_date": date(1991, 1, 1)}, "text"),
        ({"address": "a\0b"}, "text"),
    ],
)
def test_mistakes_are_told(office: Office, changes: dict[str, object], field: str) -> None:
    with pytest.raises(ActRefused) as caught:
        office.registered(**changes)
    assert caught.value.reason is Reason.INVALID_VALUE
    mistakes = caught.value.details.get("mistakes", [{"field": caught.value.details["field"]}])
    assert field in json.dumps(mistakes)


def test_things_that_are_not_there(office: Office) -> None:
    store, registrar = office.store, office.registrar
    assert refused(applications.apply, store, registrar, 7, present=[]) is Reason.NO_APPLICATION
    assert refused(office.lost, "RP0") is Reason.NO_PERMIT
    assert refused(stock.spoil, store, registrar, serial(9), reason="x") is Reason.NO_CARD
    assert refused(persons.move_district, store, registrar, 9, district_id=1) is Reason.NO_HOLDER
    assert refused(office.registered, district_id=99) is Reason.NO_DISTRICT
