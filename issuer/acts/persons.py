"""Registering a person, once; where they live; in whose care they are."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from sqlalchemy import select, text, update

from ..application import MAX_TEXT, parse
from ..audit.record import canonical_json
from ..domain.application_life import (
    APPLICATION,
    OPEN_APPLICATION,
    ApplicationEvent,
    ApplicationFacts,
    ApplicationKind,
)
from ..domain.calendar import ADDRESS_REPORT_DAYS, eligible_from
from ..domain.checklist import Ground
from ..domain.names import match_keys, number_hash, search_key
from ..domain.permit_life import LIVE_PERMIT, PERMIT, PermitEvent, PermitState
from ..domain.places import Place
from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor
from ..domain.table import Effect, moved
from ..errors import ApplicationRefused
from ..store.models.people import Holder, HolderMatch, HolderName
from ..store.models.permits import Application, Permit
from ..store.unit import Receipt, Store, Unit, plain
from . import lives


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Who somebody is. `personal_number` may be empty; `facts` is what the rules look at (`issuer.rules.facts`)."""

    district_id: int
    name_native: str
    latin_surname: str
    latin_given: str
    sex: str
    birth_date: date
    nationality: str
    address: str
    residence_since: date
    ethnicity: str = ""
    personal_number: str = ""
    hukou_address: str = ""
    ground: Ground | None = None
    facts: Mapping[str, Any] = field(default_factory=dict)


def register(
    store: Store,
    actor: Actor,
    person: Registration,
    *,
    not_the_same_as: Iterable[int] = (),
    key: str | None = None,
) -> Receipt:
    """Enter a person and open an application; the six months run from `residence_since`.

    Raises ActRefused: INVALID_VALUE with every mistake in `details["mistakes"]`; HOLDER_KNOWN for a known identity
    number; POSSIBLE_DUPLICATE with `candidates`, until `not_the_same_as` names them all.
    """
    others = frozenset(not_the_same_as)

    def work(unit: Unit) -> Receipt:
        place = lives.place_of(unit, person.district_id)
        unit.reach(place)
        _check(unit, person)
        digest = number_hash(person.personal_number, unit.number_secret) if person.personal_number else None
        keys = match_keys(person.name_native, person.latin_surname, person.latin_given)
        _not_known(unit, person, digest, keys, others)
        holder = Holder(
            name_native=person.name_native,
            latin_surname=person.latin_surname,
            latin_given=person.latin_given,
            sex=person.sex,
            birth_date=person.birth_date,
            nationality=person.nationality,
            ethnicity=person.ethnicity,
            personal_number=person.personal_number,
            number_hash=digest,
            hukou_address=person.hukou_address,
            address=person.address,
            address_since=person.residence_since,
            residence_since=person.residence_since,
            ground=person.ground and person.ground.value,
            facts=canonical_json(plain(person.facts)),
            registered_at=unit.now,
            registered_by=unit.actor.operator,
        )
        holder.put(place)
        unit.transaction.add(holder)
        unit.transaction.flush()
        _enter_names(unit, holder, place, keys)
        opened = open_application(unit, holder, place)
        unit.record(Act.REGISTER, f"holder:{holder.id}", application=opened.id, distinct_from=others)
        since = eligible_from(person.residence_since)
        return Receipt(
            act=Act.REGISTER,
            subject=f"holder:{holder.id}",
            state=opened.state,
            version=holder.version,
            data={"holder": holder.id, "application": opened.id, "eligible_from": since.isoformat()},
        )

    request = {"person": person, "not_the_same_as": others}
    return store.perform(actor, Act.REGISTER, work, key=key, request=request)


def open_application(unit: Unit, holder: Holder, place: Place) -> Application:
    """A first application for somebody who has no permit. Raises ActRefused(HOLDER_HAS_PERMIT, APPLICATION_OPEN)."""
    held = unit.transaction.scalars(
        select(Permit.number).where(Permit.holder_id == holder.id, Permit.state.in_([s.value for s in LIVE_PERMIT]))
    ).first()
    if held is not None:
        raise refusal(Reason.HOLDER_HAS_PERMIT, permit=held)
    open_states = [state.value for state in OPEN_APPLICATION]
    waiting = unit.transaction.scalars(
        select(Application.id).where(Application.holder_id == holder.id, Application.state.in_(open_states))
    ).first()
    if waiting is not None:
        raise refusal(Reason.APPLICATION_OPEN, application=waiting)
    transition = moved(APPLICATION, None, ApplicationEvent.REGISTER, ApplicationFacts())
    opened = Application(
        holder_id=holder.id,
        kind=ApplicationKind.FIRST.value,
        state=transition.state.value,
        registered_by=unit.actor.operator,
        registered_at=unit.now,
    )
    opened.put(place)
    unit.transaction.add(opened)
    unit.transaction.flush()
    return opened


def register_again(store: Store, actor: Actor, holder_id: int, *, key: str | None = None) -> Receipt:
    """Another application for a known person whose permit has ended, or who withdrew."""

    def work(unit: Unit) -> Receipt:
        holder = lives.holder(unit, holder_id)
        opened = open_application(unit, holder, lives.place_of(unit, holder.district_id))
        unit.record(Act.REGISTER, f"holder:{holder.id}", application=opened.id)
        return Receipt(
            act=Act.REGISTER,
            subject=f"holder:{holder.id}",
            state=opened.state,
            version=holder.version,
            data={
                "holder": holder.id,
                "application": opened.id,
                "eligible_from": eligible_from(holder.residence_since).isoformat(),
            },
        )

    return store.perform(actor, Act.REGISTER, work, key=key, request={"holder": holder_id})


def change_address(
    store: Store,
    actor: Actor,
    holder_id: int,
    *,
    address: str,
    since: date,
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """A new address within the district: no new card, but what it says is due. `late` in the receipt after ten days."""

    def work(unit: Unit) -> Receipt:
        holder = lives.holder(unit, holder_id, version)
        data = set_address(unit, holder, address, since)
        unit.transaction.flush()
        unit.record(Act.CHANGE_ADDRESS, f"holder:{holder.id}", since=since)
        return Receipt(act=Act.CHANGE_ADDRESS, subject=f"holder:{holder.id}", version=holder.version, data=data)

    request = {"holder": holder_id, "address": address, "since": since}
    return store.perform(actor, Act.CHANGE_ADDRESS, work, key=key, request=request)


def set_address(unit: Unit, holder: Holder, address: str, since: date) -> dict[str, Any]:
    """Enter it. Raises ActRefused(INVALID_VALUE)."""
    if not address.strip() or len(address.encode()) > MAX_TEXT or not address.isprintable():
        raise refusal(Reason.INVALID_VALUE, field="address")
    if since > unit.today or since < holder.residence_since:
        raise refusal(Reason.INVALID_VALUE, field="since")
    _permit_moves(unit, holder, PermitEvent.CHANGE_ADDRESS)
    holder.address, holder.address_since = address, since
    return {"late": unit.today > since + timedelta(days=ADDRESS_REPORT_DAYS)}


def move_district(
    store: Store,
    actor: Actor,
    holder_id: int,
    *,
    district_id: int,
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """Into the care of another district, with open application and permit. Done by who has them in care now."""

    def work(unit: Unit) -> Receipt:
        holder = lives.holder(unit, holder_id, version)
        before = holder.district_id
        set_district(unit, holder, district_id)
        unit.transaction.flush()
        unit.record(Act.MOVE_DISTRICT, f"holder:{holder.id}", old=before, new=district_id)
        return Receipt(
            act=Act.MOVE_DISTRICT,
            subject=f"holder:{holder.id}",
            version=holder.version,
            data={"old": before, "new": district_id},
        )

    request = {"holder": holder_id, "district": district_id}
    return store.perform(actor, Act.MOVE_DISTRICT, work, key=key, request=request)


def set_district(unit: Unit, holder: Holder, district_id: int) -> None:
    """Put the holder and what is open of theirs in the care of another place."""
    place = lives.place_of(unit, district_id)
    for permit in _permit_moves(unit, holder, PermitEvent.MOVE_DISTRICT):
        permit.put(place)
    for waiting in unit.transaction.scalars(
        select(Application).where(
            Application.holder_id == holder.id, Application.state.in_([state.value for state in OPEN_APPLICATION])
        )
    ):
        waiting.put(place)
    holder.put(place)
    columns = ("district_id", "county_id", "town_id", "community_id")
    unit.transaction.execute(
        update(HolderName)
        .where(HolderName.holder_id == holder.id)
        .values({name: getattr(holder, name) for name in columns})
    )


def _permit_moves(unit: Unit, holder: Holder, event: PermitEvent) -> list[Permit]:
    """The holder's permit, if there is one, goes along as its table says."""
    found = list(
        unit.transaction.scalars(
            select(Permit).where(Permit.holder_id == holder.id, Permit.state.in_([s.value for s in LIVE_PERMIT]))
        )
    )
    for permit in found:
        transition = moved(PERMIT, PermitState(permit.state), event, lives.facts_of(unit, permit))
        if Effect.UPDATE_CARD in transition.effects:
            permit.card_due = True
    return found


def _check(unit: Unit, person: Registration) -> None:
    """Whether a permit could be made out in these data, by the parser that every permit goes through."""
    document = {
        "permit_number": "RP00000000",
        "document_number": "X",
        "names": {
            "native": person.name_native,
            "latin_surname": person.latin_surname,
            "latin_given": person.latin_given,
        },
        "sex": person.sex,
        "birth_date": person.birth_date.isoformat(),
        "nationality": person.nationality,
        "ethnicity": person.ethnicity or None,
        "personal_number": person.personal_number or None,
        "hukou_address": person.hukou_address or None,
        "address": person.address,
        "permit_class": 3,
        "valid_from": "today",
        "endorsed_until": "+1y",
        "expiry_date": "+1y",
        "entitlements": {},
    }
    try:
        parse(json.dumps({k: v for k, v in document.items() if v is not None}).encode(), today=unit.today)
    except ApplicationRefused as refused:
        mistakes = [{"field": mistake.field, "fault": mistake.fault.value} for mistake in refused.mistakes]
        raise refusal(Reason.INVALID_VALUE, field=mistakes[0]["field"], mistakes=mistakes) from refused
    if person.residence_since > unit.today or person.residence_since < person.birth_date:
        raise refusal(Reason.INVALID_VALUE, field="residence_since")


def _not_known(
    unit: Unit, person: Registration, digest: str | None, keys: frozenset[str], others: frozenset[int]
) -> None:
    """Raises ActRefused(HOLDER_KNOWN, POSSIBLE_DUPLICATE)."""
    if unit.transaction.get_bind().dialect.name == "postgresql":
        # Two desks that register one person at the same moment come one after the other.
        for key in sorted(keys):
            unit.transaction.execute(
                text("SELECT pg_advisory_xact_lock(hashtext(:key))"), {"key": f"{person.birth_date}{person.sex}{key}"}
            )
    if digest is not None:
        known = unit.transaction.execute(
            select(Holder.id, Holder.district_id).where(Holder.number_hash == digest)
        ).first()
        if known is not None:
            raise refusal(Reason.HOLDER_KNOWN, holder=known.id, district=known.district_id)
    rows = unit.transaction.execute(
        select(Holder.id, Holder.number_hash, Holder.nationality)
        .join(HolderMatch, HolderMatch.holder_id == Holder.id)
        .where(
            HolderMatch.birth_date == person.birth_date,
            HolderMatch.sex == person.sex,
            HolderMatch.key.in_(sorted(keys)),
        )
        .distinct()
    ).all()
    # Two numbers of one State are two people.
    candidates = {
        row.id for row in rows if not (digest and row.number_hash and row.nationality == person.nationality)
    } - others
    if candidates:
        raise refusal(Reason.POSSIBLE_DUPLICATE, candidates=sorted(candidates))


def _enter_names(unit: Unit, holder: Holder, place: Place, keys: frozenset[str]) -> None:
    latin = f"{holder.latin_surname} {holder.latin_given}"
    searched = {search_key(holder.name_native), search_key(latin)} - {""}
    for found in sorted(searched):
        name = HolderName(holder_id=holder.id, key=found)
        name.put(place)
        unit.transaction.add(name)
    unit.transaction.add_all(
        HolderMatch(birth_date=holder.birth_date, sex=holder.sex, key=found, holder_id=holder.id)
        for found in sorted(keys)
    )
