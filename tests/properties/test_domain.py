"""A year of an office at random: whatever clerks do, in whatever order, twice, and cut off in the middle, afterwards
each permit has one live card at most, each blank is somewhere, the status lists follow, and the audit chain holds."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, multiple, rule
from sqlalchemy import Connection, event, select

from issuer.acts import applications, permits, persons, production, stock
from issuer.acts.permits import ReplacementReason
from issuer.audit import log
from issuer.domain.application_life import OPEN_APPLICATION, ApplicationState
from issuer.domain.card_stock import LIVE_CARD, VOID_CARD, StockState
from issuer.domain.checklist import Item
from issuer.domain.permit_life import LIVE_PERMIT, Ending, PermitState
from issuer.domain.reasons import ActRefused, Reason
from issuer.journal import IntentKind
from issuer.store import migrate, status
from issuer.store.balance import balance
from issuer.store.engine import open_engine
from issuer.store.ledger import Drawer
from issuer.store.models.permits import Application, Permit
from issuer.store.models.stock import Card, CardMovement, StatusEntry
from keys.status_list import Status
from tests import status_places as places
from tests.kept import kept_directory
from tests.store.office import PHOTO, Clock, Office, serial

LONG = bool(os.environ.get("SOAK"))


class Killed(BaseException):
    """The process ends here."""


@cache
def _template() -> Path:
    path = kept_directory() / "template.db"
    engine = open_engine(str(path))
    migrate.upgrade(engine)
    engine.dispose()
    return path


class OfficeYear(RuleBasedStateMachine):
    """Applications by number, permits by number, cards by number; half of the acts are done twice with one key."""

    applications = Bundle("applications")
    permits = Bundle("permits")

    def __init__(self) -> None:
        super().__init__()
        self.home = Path(mkdtemp(prefix="permit-office-"))
        path = shutil.copy(_template(), self.home / "office.db")
        self.engine = open_engine(str(path))
        self.office = Office.founded(self.engine, Clock())
        self.blank = 0
        self.key = 0
        self.slips: dict[int, str] = {}
        self.acknowledged: Counter[str] = Counter()
        self.invalid: set[str] = set()
        self.kill_at = 0
        event.listen(self.engine, "before_cursor_execute", self._count)

    def _count(self, _connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        if self.kill_at and statement.lstrip().startswith(("INSERT", "UPDATE", "DELETE")):
            self.kill_at -= 1
            if self.kill_at == 0:
                raise Killed

    def teardown(self) -> None:
        self.engine.dispose()
        shutil.rmtree(self.home)

    def do(self, act: Callable[..., Any], *values: Any, kill: int, twice: bool = True, **named: Any) -> Any:
        """Do it; cut off at the `kill`-th write, do it again; with a key, once more. None where the office says no."""
        self.key += 1
        keyed = {"key": f"k{self.key}"} if twice else {}
        for at in (kill, 0):
            self.kill_at = at
            try:
                receipt = act(self.office.store, *values, **named, **keyed)
            except Killed:
                continue
            except ActRefused as refused:
                if refused.reason is Reason.CHANGED_MEANWHILE:  # nobody else is here
                    raise
                return None
            finally:
                self.kill_at = 0
            break
        self.acknowledged[receipt.act.value] += 1
        if twice:
            again = act(self.office.store, *values, **named, **keyed)
            assert again.replayed
            assert (again.subject, again.data) == (receipt.subject, receipt.data)
        return receipt

    @initialize(count=st.integers(0, 3))
    def open_the_office(self, count: int) -> None:
        self.delivery(count=count + 1, kill=0)

    @rule(count=st.integers(1, 3), kill=st.integers(0, 6))
    def delivery(self, count: int, kill: int) -> None:
        serials = [serial(self.blank + number) for number in range(count)]
        named = {"district_id": self.office.districts["town"], "serials": serials}
        assert self.do(stock.receive_stock, self.office.registrar, kill=kill, **named)
        self.blank += count

    @rule(target=applications, kill=st.integers(0, 9))
    def somebody_comes(self, kill: int) -> int:
        receipt = self.do(persons.register, self.office.registrar, self.office.person(), kill=kill)
        number: int = receipt.data["application"]
        return number

    @rule(number=applications, kill=st.integers(0, 6))
    def on_paper(self, number: int, kill: int) -> None:
        """Everything up to the approver."""
        registrar = self.office.registrar
        self.do(applications.apply, registrar, number, present=tuple(Item), kill=kill)
        self.do(applications.capture_photo, registrar, number, PHOTO, kill=kill)
        receipt = self.do(applications.accept, registrar, number, kill=kill)
        if receipt:
            self.slips[number] = receipt.data["slip"]

    @rule(number=applications, kill=st.integers(0, 9), say_no=st.sampled_from([False, False, False, True]))
    def approver(self, number: int, kill: int, say_no: bool) -> None:
        if say_no:
            self.do(applications.reject, self.office.approver, number, reason="no", kill=kill)
        else:
            self.do(applications.approve, self.office.approver, number, self.office.decision(), kill=kill)

    @rule(number=applications, kill=st.integers(0, 6))
    def lay_out(self, number: int, kill: int) -> None:
        self.do(production.allocate_blank, self.office.registrar, number, kill=kill)

    @rule(number=applications, kill=st.integers(0, 4))
    def put_back(self, number: int, kill: int) -> None:
        self.do(production.release_blank, self.office.registrar, number, kill=kill)

    @rule(number=applications, kill=st.integers(0, 24), torn=st.booleans())
    def write(self, number: int, kill: int, torn: bool) -> None:
        """What `personalise` asks of the journal, cut off somewhere; then the same card again, or it is spoiled."""
        office, journal = self.office, self.office.journal()
        with office.store.read() as transaction:
            found = transaction.get_one(Application, number)
            blank = transaction.scalars(
                select(Card).where(Card.application_id == number, Card.state.in_([s.value for s in LIVE_CARD]))
            ).one_or_none()
        if found.state != ApplicationState.IN_PRODUCTION or blank is None or found.permit_number is None:
            return
        permit, card = found.permit_number, bytes.fromhex(blank.serial)
        for at in (kill, 0):
            self.kill_at = at
            try:
                intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
                journal.identify(intent, card)
                journal.bind(intent, card, office.binding(permit), places.at(int(blank.serial, 16)))
                if torn:
                    journal.void(intent, card, reason="card-defective", profile_digest=bytes(32))
                    self.invalid.add(blank.serial)
                    break
                journal.verified(card)
                journal.activated(intent, card)
                break
            except Killed:
                # The commit of the last step may have been made: what the journal knows decides how to go on.
                record = journal.card(card)
                if record is not None and not record.unresolved:
                    break
            finally:
                self.kill_at = 0

    @rule(target=permits, number=applications, kill=st.integers(0, 9))
    def collect(self, number: int, kill: int) -> Any:
        slip = self.slips.get(number, "0000000000")
        receipt = self.do(production.hand_over, self.office.registrar, number, slip=slip, kill=kill)
        return receipt.data["permit"] if receipt else multiple()

    @rule(number=applications, kill=st.integers(0, 6))
    def think_again(self, number: int, kill: int) -> None:
        self.do(applications.withdraw, self.office.registrar, number, kill=kill)

    @rule(days=st.sampled_from([1, 20, 335, 400]))
    def time_goes_by(self, days: int) -> None:
        self.office.clock.now += timedelta(days=days)

    @rule(number=permits, kill=st.integers(0, 9))
    def endorse(self, number: str, kill: int) -> None:
        self.do(permits.endorse, self.office.registrar, number, self.office.decision(), kill=kill)

    @rule(number=permits, kill=st.integers(0, 6))
    def telephone(self, number: str, kill: int) -> None:
        self.do(permits.report_lost, self.office.registrar, number, in_person=False, kill=kill)

    @rule(number=permits, kill=st.integers(0, 6), in_person=st.booleans(), approver=st.booleans())
    def restore(self, number: str, kill: int, in_person: bool, approver: bool) -> None:
        who = self.office.approver if approver else self.office.registrar
        self.do(permits.restore, who, number, in_person=in_person, kill=kill)

    @rule(number=permits, kill=st.integers(0, 6))
    def suspend(self, number: str, kill: int) -> None:
        self.do(permits.suspend, self.office.approver, number, reason="inquiry", kill=kill)

    @rule(target=applications, number=permits, kill=st.integers(0, 9), back=st.booleans())
    def replace(self, number: str, kill: int, back: bool) -> Any:
        with self.office.store.read() as transaction:
            live = transaction.scalars(
                select(Card.serial).where(Card.permit_number == number, Card.state == StockState.ISSUED.value)
            ).one_or_none()
        reason = ReplacementReason.DAMAGED if back else ReplacementReason.LOST
        named = {"reason": reason, "old_serial": live if back else None, "desk": "2"}
        receipt = self.do(permits.replace, self.office.registrar, number, kill=kill, **named)
        if not receipt:
            return multiple()
        if live:
            self.invalid.add(live)
        number_of_application: int = receipt.data["application"]
        self.slips[number_of_application] = receipt.data["slip"]
        self.do(applications.capture_photo, self.office.registrar, number_of_application, PHOTO, kill=0)
        return number_of_application

    @rule(number=consumes(permits), kill=st.integers(0, 9), revoke=st.booleans())
    def end(self, number: str, kill: int, revoke: bool) -> None:
        if revoke:
            self.do(permits.revoke, self.office.approver, number, reason="stolen", kill=kill)
        else:
            self.do(permits.terminate, self.office.approver, number, ending=Ending.DEATH, kill=kill)

    @rule(number=st.integers(0, 12), kill=st.integers(0, 6))
    def spoil(self, number: int, kill: int) -> None:
        if self.do(stock.spoil, self.office.registrar, serial(number), reason="bent", kill=kill):
            self.invalid.add(serial(number))

    @rule(kill=st.integers(0, 4))
    def close_the_day(self, kill: int) -> None:
        drawer = Drawer(district_id=self.office.districts["town"])
        with self.office.store.read() as transaction:
            counted = balance(transaction, drawer).remaining
        named = {"district_id": drawer.district_id, "counted": counted}
        self.do(stock.end_of_day, self.office.registrar, kill=kill, **named)

    @rule()
    def publish(self) -> None:
        with self.office.store.read() as transaction:
            due = status.pending(transaction)
        for shard in due:
            status.published(self.office.store, self.office.system, shard)
            self.acknowledged["status-published"] += 1

    # --- what must hold

    @invariant()
    def one_live_card_for_a_permit(self) -> None:
        with self.office.store.read() as transaction:
            cards = transaction.scalars(select(Card)).all()
            entries = {entry.serial: entry for entry in transaction.scalars(select(StatusEntry))}
            permits_ = {permit.number: permit for permit in transaction.scalars(select(Permit))}
            open_ones = transaction.scalars(
                select(Application.holder_id).where(Application.state.in_([state.value for state in OPEN_APPLICATION]))
            ).all()
        live = Counter(card.permit_number for card in cards if StockState(card.state) in LIVE_CARD)
        assert max(live.values(), default=0) <= 1
        assert max(Counter(open_ones).values(), default=0) <= 1
        assert len(cards) == self.blank
        for card in cards:
            entry = entries.get(card.serial)
            if StockState(card.state) in VOID_CARD and entry is not None:
                assert entry.status == Status.INVALID
            if card.serial in self.invalid and entry is not None:
                assert entry.status == Status.INVALID
            if StockState(card.state) is StockState.ISSUED:
                assert entry is not None
                state = PermitState(permits_[card.permit_number or ""].state)
                assert state in LIVE_PERMIT
                expected = {PermitState.ACTIVE: Status.VALID, PermitState.SUSPENDED: Status.SUSPENDED}
                assert entry.status == expected[state]

    @invariant()
    def every_blank_is_somewhere(self) -> None:
        drawers = (("town", ""), ("city", "2"))
        counted: Counter[str] = Counter()
        with self.office.store.read() as transaction:
            for place, desk in drawers:
                books = balance(transaction, Drawer(district_id=self.office.districts[place], desk=desk))
                assert books.balanced
                counted.update({state.value: count for state, count in books.cards.items() if count})
            there = Counter(transaction.scalars(select(Card.state)).all())
            lines = transaction.scalars(select(CardMovement.quantity).where(CardMovement.from_state.is_(None))).all()
        assert counted == there
        assert sum(lines) == self.blank

    @invariant()
    def the_chain_tells_of_every_act(self) -> None:
        with self.office.store.read() as transaction:
            records = list(log.records(transaction))
            log.verify(transaction, {})
        told = Counter(record.act for record in records)
        for act, count in self.acknowledged.items():
            assert told[act] >= count


OfficeYear.TestCase.settings = settings(
    max_examples=100 if LONG else 10,
    stateful_step_count=50 if LONG else 30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
TestOfficeYear = OfficeYear.TestCase


def test_a_kill_leaves_nothing_half_done() -> None:
    """The state machine's own tool, looked at: every write of an act is a place to end it, and it does end there."""
    assert issubclass(Killed, BaseException)
    assert not issubclass(Killed, Exception)
    machine = OfficeYear()
    try:
        machine.delivery(count=1, kill=0)
        for at in range(1, 30):
            machine.kill_at = at
            before = _rows(machine)
            try:
                machine.office.registered()
            except Killed:
                assert _rows(machine) == before
                continue
            finally:
                machine.kill_at = 0
            assert at > 5
            break
        else:
            raise AssertionError("never came to its end")
    finally:
        machine.teardown()


def _rows(machine: OfficeYear) -> tuple[int, int]:
    with machine.office.store.read() as transaction:
        return log.size(transaction), len(transaction.scalars(select(Application.id)).all())
