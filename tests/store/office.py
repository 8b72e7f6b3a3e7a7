"""A small authority for the tests: a city with two towns, people who work there, and a clock that a test may turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Engine, insert, text

from issuer.acts import applications, permits, persons, production, stock
from issuer.acts.applications import Decision, Grant
from issuer.acts.journal import StoreJournal
from issuer.acts.persons import Registration
from issuer.audit.checkpoint import AuditSigner
from issuer.domain.checklist import Ground, Item
from issuer.domain.reasons import ActRefused, Conflict, Reason
from issuer.domain.roles import Actor, Role, clockwork
from issuer.journal import Binding, IntentKind
from issuer.store.ledger import Drawer
from issuer.store.models.people import District, Operator
from issuer.store.unit import Receipt, Rules, Store
from keys.envelopes import cose
from tests.status_places import at

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 21)
SECRET = b"a secret of sixteen bytes and more"
PHOTO = b"\xff\xd8 a photo of nobody \xff\xd9"
WELCOME: dict[str, Any] = {
    "name_native": "陈晓雯",
    "latin_surname": "CHEN",
    "latin_given": "XIAOWEN",
    "sex": "F",
    "birth_date": date(1991, 4, 17),
    "nationality": "UTO",
    "address": "新城区梧桐街道8号",
    "residence_since": date(2026, 1, 10),
    "ground": Ground.EMPLOYMENT,
}
DECISION = Decision(
    permit_class=2,
    rule_set="2026.1",
    grants=(
        Grant(service="E02", until=None, explanation={"short": "E02: six months short"}),
        Grant(service="H01", until=date(2027, 11, 21), explanation={"rule": "class 2"}),
    ),
)


class Clock:
    """Time as a test wants it."""

    def __init__(self, now: datetime = NOW) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: int) -> None:
        self.now += timedelta(**by)

    def to(self, day: date) -> None:
        self.now = datetime(day.year, day.month, day.day, 3, 0, tzinfo=UTC)


@cache
def _key() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def audit_signer(kid: bytes = b"auditkey") -> AuditSigner:
    return AuditSigner(kid=kid, sign=cose.raw_signer(_key()), public_key=_key().public_key())


def serial(number: int) -> str:
    return number.to_bytes(10, "big").hex()


def refused(call: Callable[..., object], *values: object, **named: object) -> Reason:
    with pytest.raises(ActRefused) as caught:
        call(*values, **named)
    return caught.value.reason


def conflict(call: Callable[..., object], *values: object, **named: object) -> Reason:
    with pytest.raises(Conflict) as caught:
        call(*values, **named)
    return caught.value.reason


@dataclass
class Office:
    """Places: 1 the city, 2 a county, 3 and 4 towns in it, 5 a community of 3."""

    store: Store
    clock: Clock
    districts: dict[str, int] = field(default_factory=dict)
    _people: int = 0

    @classmethod
    def founded(cls, engine: Engine, clock: Clock, rules: Rules | None = None) -> Office:
        """The tree and the people, entered directly: `acts.staff` has tests of its own, and argon2 takes its time."""
        office = cls(Store(engine, clock=clock, number_secret=SECRET, rules=rules), clock)
        tree = {"city": (), "county": (1,), "town": (1, 2), "other": (1, 2), "community": (1, 2, 3)}
        with engine.begin() as connection:
            for number, (name, above) in enumerate(tree.items(), 1):
                path = "/" + "".join(f"{part}/" for part in (*above, number))
                values = {"id": number, "code": name, "name": name, "level": len(above) + 1, "path": path}
                connection.execute(insert(District).values(parent_id=above[-1] if above else None, **values))
                office.districts[name] = number
            for number, role in enumerate((Role.REGISTRAR, Role.REGISTRAR, Role.APPROVER, Role.KEY_ADMINISTRATOR), 1):
                connection.execute(
                    insert(Operator).values(
                        id=number,
                        name=f"{role}{number}",
                        display_name="",
                        role=role,
                        district_id=1,
                        password_hash="!",
                        failed_attempts=0,
                        disabled=False,
                        created_at=NOW,
                        version=1,
                    )
                )
            if engine.dialect.name == "postgresql":
                for table, used in (("district", len(tree)), ("operator", 4)):
                    connection.execute(text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), {used})"))
        return office

    @property
    def today(self) -> date:
        return self.clock.now.date()

    def actor(self, role: Role = Role.REGISTRAR, place: str = "city", operator: int = 1) -> Actor:
        with self.store.read() as transaction:
            found = transaction.get_one(District, self.districts[place]).place
        return Actor(operator=operator, name=f"{role}{operator}", role=role, place=found)

    @property
    def registrar(self) -> Actor:
        return self.actor()

    @property
    def approver(self) -> Actor:
        return self.actor(Role.APPROVER, operator=3)

    @property
    def system(self) -> Actor:
        return clockwork(self.actor().place)

    def person(self, **changes: Any) -> Registration:
        """Somebody new each time, unless `changes` say who."""
        self._people += 1
        values = {"district_id": self.districts["town"], **WELCOME}
        if not changes.keys() & {"name_native", "birth_date"}:
            values["birth_date"] = date(1960, 1, 1) + timedelta(days=self._people)
        return Registration(**(values | changes))

    # --- the way of an application

    def registered(self, **changes: Any) -> Receipt:
        return persons.register(self.store, self.registrar, self.person(**changes))

    def accepted(self, **changes: Any) -> tuple[int, str]:
        """The application and its slip."""
        number = self.registered(**changes).data["application"]
        applications.apply(self.store, self.registrar, number, present=Item)
        return number, applications.accept(self.store, self.registrar, number).data["slip"]

    def approved(self, **changes: Any) -> tuple[int, str, str]:
        """The application, its slip, the permit."""
        number, slip = self.accepted(**changes)
        applications.capture_photo(self.store, self.registrar, number, PHOTO)
        receipt = applications.approve(self.store, self.approver, number, self.decision())
        return number, slip, receipt.data["permit"]

    def decision(self, **changes: Any) -> Decision:
        return replace(DECISION, **changes)

    def blanks(self, *numbers: int, desk: str = "", place: str = "town") -> None:
        stock.receive_stock(
            self.store,
            self.registrar,
            district_id=self.districts[place],
            desk=desk,
            serials=[serial(number) for number in numbers],
        )

    def journal(self, *, desk: str = "", place: str = "town", allocated_only: bool = True) -> StoreJournal:
        drawer = Drawer(district_id=self.districts[place], desk=desk)
        return StoreJournal(self.store, self.registrar, drawer, allocated_only=allocated_only)

    def binding(self, permit: str) -> Binding:
        return Binding(
            permit_number=permit,
            profile_digest=bytes(32),
            valid_from=self.today,
            endorsed_until=self.today.replace(year=self.today.year + 1),
        )

    def written(self, permit: str, number: int, index: int | None = None) -> None:
        """As `personalise` would do it."""
        journal, card = self.journal(), bytes.fromhex(serial(number))
        intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
        journal.identify(intent, card)
        journal.bind(intent, card, self.binding(permit), at(number if index is None else index))
        journal.verified(card)
        journal.activated(intent, card)

    def ready(self, number: int, **changes: Any) -> tuple[int, str, str]:
        """An application with its card in force, in the drawer."""
        application, slip, permit = self.approved(**changes)
        self.blanks(number)
        production.allocate_blank(self.store, self.registrar, application, serial=serial(number))
        self.written(permit, number)
        return application, slip, permit

    def issued(self, number: int, **changes: Any) -> str:
        """A permit in its holder's hand, on the card of that number."""
        application, slip, permit = self.ready(number, **changes)
        production.hand_over(self.store, self.registrar, application, slip=slip)
        return permit

    def lost(self, permit: str) -> Receipt:
        return permits.report_lost(self.store, self.registrar, permit, in_person=False)
