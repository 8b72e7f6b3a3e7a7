"""Looking at the card in a reader: which one it is, and what it says of its holder. Nothing is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

from card_profiles.model import LifeCycle
from card_profiles.protocols.pace import Password

from .. import endorse
from ..acts.journal import StoreJournal
from ..desk import Desk
from ..domain.card_stock import StockState
from ..domain.reasons import Reason, refusal
from ..store.ledger import Drawer
from ..store.models.people import District
from ..store.models.permits import Permit
from ..store.models.stock import Card
from ..writer import CardWriter
from .access import Call
from .card_runs import inserted
from .problem_texts import Code
from .problems import Problem
from .readers import Opener, find


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """A card of our profile. `serial` is 20 hex digits; `stock` and `permit` come from the register, if it knows it."""

    serial: str
    life_cycle: LifeCycle
    stock: StockState | None
    permit: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a genuine card says. `services`: code → last day; `stale`: the register says something newer."""

    serial: str
    permit: str
    name_native: str
    name_latin: str
    birth_date: date
    authority: str
    permit_class: int
    address: str
    until: date
    expires: date
    document_number: str
    services: Mapping[str, date]
    stale: bool


def look(call: Call, reader_name: str) -> Look:
    """Which card lies on the reader. Raises Problem, Refused (NO_CARD, FOREIGN_CARD, CARD_FAILED)."""
    desk = _keys(call)
    with inserted(_opener(call, reader_name)) as connection:
        seen = CardWriter(connection, desk.keyring, desk.profile, random=desk.random).identify()
    with call.store.read() as transaction:
        row = transaction.get(Card, seen.serial.hex())
        return Look(
            serial=seen.serial.hex(),
            life_cycle=seen.life_cycle,
            stock=None if row is None else StockState(row.state),
            permit=None if row is None else row.permit_number,
        )


def read(call: Call, reader_name: str, can: str) -> Said:
    """All that the card says, to somebody with its card access number, once it has proved to be genuine.

    Raises Problem, Refused (WRONG_READ_CODE, CARD_NOT_GENUINE …), ActRefused (DISTRICT: a card of another place).
    """
    keys = _keys(call)
    with inserted(_opener(call, reader_name)) as connection:
        writer = CardWriter(connection, keys.keyring, keys.profile, random=keys.random)
        seen = writer.identify()
        desk = _over(call, keys, seen.serial.hex())
        known = endorse.known_card(desk, seen, None)
        current = endorse.read_card(desk, writer, Password.from_can(can), known)
    with call.store.read() as transaction:
        permit = transaction.query(Permit).where(Permit.number == known.permit_number).one_or_none()
        due = permit is not None and permit.card_due
    return Said(
        serial=seen.serial.hex(),
        permit=known.permit_number,
        name_native=current.permit.name_native,
        name_latin=current.permit.name_latin,
        birth_date=current.permit.birth_date,
        authority=current.permit.authority,
        permit_class=current.standing.permit_class,
        address=current.standing.address,
        until=current.standing.until,
        expires=current.expiry,
        document_number=current.document_number,
        services=MappingProxyType(dict(sorted(current.standing.services.items()))),
        stale=due,
    )


def _opener(call: Call, name: str) -> Opener:
    found = find(call.service, call.actor.place, name)
    if call.service.runs.busy(name):
        raise Problem(Code.READER_BUSY, reader=name)
    return found


def _keys(call: Call) -> Desk:
    if call.service.keys is None:
        raise Problem(Code.KEYS_UNUSABLE, reason=call.service.keyless)
    return call.service.keys.desk


def _over(call: Call, desk: Desk, serial: str) -> Desk:
    """The desk over the journal in the database, for a card of a place within reach."""
    with call.store.read() as transaction:
        row = transaction.get(Card, serial)
        if row is None:
            raise refusal(Reason.NO_CARD, serial=serial)
        if not call.actor.place.covers(transaction.get_one(District, row.district_id).place):
            raise refusal(Reason.DISTRICT)
        drawer = Drawer(district_id=row.district_id, desk=row.desk)
    return dataclasses.replace(desk, journal=StoreJournal(call.store, call.actor, drawer))
