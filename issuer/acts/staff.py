"""Places and the people who work there. How they sign in is the service's matter (`service.sessions`)."""

from __future__ import annotations

from functools import cache

from argon2 import PasswordHasher
from sqlalchemy import delete, select

from ..domain.places import Level, Place
from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor, Role, clockwork
from ..store.models.people import District, Operator, Session
from ..store.unit import Receipt, Store, Unit
from . import lives

MIN_PASSWORD = 12
MAX_PASSWORD = 256


@cache
def _hasher() -> PasswordHasher:
    return PasswordHasher()


def create_district(
    store: Store, actor: Actor | None, *, code: str, name: str, parent_id: int | None, key: str | None = None
) -> Receipt:
    """A place below another; without `actor` and parent the city itself, which is the first of all."""

    def work(unit: Unit) -> Receipt:
        above: tuple[int, ...] = ()
        if parent_id is not None:
            parent = lives.place_of(unit, parent_id)
            unit.reach(parent)
            above = parent.ids
        elif unit.transaction.scalars(select(District.id).limit(1)).first() is not None:
            raise refusal(Reason.NO_DISTRICT)
        if len(above) >= Level.COMMUNITY:
            raise refusal(Reason.INVALID_VALUE, field="level")
        place = District(code=code, name=name, level=len(above) + 1, parent_id=parent_id, path=f"?{code}")
        unit.transaction.add(place)
        unit.transaction.flush()
        place.path = Place(ids=(*above, place.id)).path
        unit.transaction.flush()
        unit.record(Act.CREATE_DISTRICT, f"district:{place.id}", code=code, path=place.path)
        return Receipt(act=Act.CREATE_DISTRICT, subject=f"district:{place.id}", data={"district": place.id})

    who = actor or _founder()
    request = {"code": code, "name": name, "parent": parent_id}
    return store.perform(who, Act.CREATE_DISTRICT, work, key=key, request=request)


def create_operator(
    store: Store,
    actor: Actor | None,
    *,
    name: str,
    display_name: str,
    role: Role,
    district_id: int,
    password: str,
    key: str | None = None,
) -> Receipt:
    """Appoint somebody. Without `actor` the first key administrator of a new authority."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise refusal(Reason.INVALID_VALUE, field="password", least=MIN_PASSWORD)
    digest = _hasher().hash(password)

    def work(unit: Unit) -> Receipt:
        place = lives.place_of(unit, district_id)
        if role is Role.SYSTEM or not 0 < len(name) <= 64 or not name.isprintable():
            raise refusal(Reason.INVALID_VALUE, field="role" if role is Role.SYSTEM else "name")
        if actor is not None:
            unit.reach(place)
        elif unit.transaction.scalars(select(Operator.id).limit(1)).first() is not None:
            raise refusal(Reason.ROLE)
        operator = Operator(
            name=name,
            display_name=display_name,
            role=role.value,
            district_id=district_id,
            password_hash=digest,
            created_at=unit.now,
        )
        unit.transaction.add(operator)
        unit.transaction.flush()
        unit.record(Act.CREATE_OPERATOR, f"operator:{operator.id}", name=name, role=role, district=district_id)
        return Receipt(act=Act.CREATE_OPERATOR, subject=f"operator:{operator.id}", data={"operator": operator.id})

    request = {"name": name, "display_name": display_name, "role": role, "district": district_id}
    return store.perform(actor or _founder(), Act.CREATE_OPERATOR, work, key=key, request=request)


def set_password(store: Store, actor: Actor, operator_id: int, password: str) -> Receipt:
    """A new password: the lock-out ends, and so does every session of theirs."""
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise refusal(Reason.INVALID_VALUE, field="password", least=MIN_PASSWORD)
    digest = _hasher().hash(password)

    def work(unit: Unit) -> Receipt:
        found = _operator(unit, operator_id)
        found.password_hash, found.failed_attempts, found.locked_until = digest, 0, None
        _end_sessions(unit, operator_id)
        unit.record(Act.CHANGE_OPERATOR, f"operator:{operator_id}", changed="password")
        return Receipt(act=Act.CHANGE_OPERATOR, subject=f"operator:{operator_id}")

    return store.perform(actor, Act.CHANGE_OPERATOR, work)


def disable_operator(store: Store, actor: Actor, operator_id: int) -> Receipt:
    """They do not sign in any more, and every session of theirs ends; what they did stays theirs."""

    def work(unit: Unit) -> Receipt:
        _operator(unit, operator_id).disabled = True
        _end_sessions(unit, operator_id)
        unit.record(Act.CHANGE_OPERATOR, f"operator:{operator_id}", changed="disabled")
        return Receipt(act=Act.CHANGE_OPERATOR, subject=f"operator:{operator_id}")

    return store.perform(actor, Act.CHANGE_OPERATOR, work)


def _operator(unit: Unit, operator_id: int) -> Operator:
    found = unit.transaction.get(Operator, operator_id)
    if found is None:
        raise refusal(Reason.NO_OPERATOR, operator=operator_id)
    unit.reach(lives.place_of(unit, found.district_id))
    return found


def _end_sessions(unit: Unit, operator_id: int) -> None:
    """In the same transaction: a process that is killed leaves nobody signed in by an old password."""
    unit.transaction.execute(delete(Session).where(Session.operator_id == operator_id))


def _founder() -> Actor:
    """Who is there before anybody is: only the first place and the first person are made by it."""
    base = clockwork(Place(ids=(0,)))
    return Actor(operator=base.operator, name="founding", role=Role.KEY_ADMINISTRATOR, place=base.place)
