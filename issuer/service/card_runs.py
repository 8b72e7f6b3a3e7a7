"""What a run does: the desk's own issuing and endorsing, over the journal in the database, at a reader here."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.lds import mrz
from card_profiles.protocols.pace import Password
from card_profiles.protocols.scp03 import max_plain
from keys.errors import DecodeError

from .. import application, endorse, personalise
from .. import plan as plans
from ..acts.journal import StoreJournal
from ..acts.production import ProductionOrder
from ..assemble import civil_date
from ..desk import Desk
from ..domain.cans import assigned_can
from ..domain.reasons import Reason, refusal
from ..endorse import Difference, Standing
from ..errors import Refusal, Refused
from ..journal import SERIAL_LENGTH
from ..personalise import Order
from ..progress import Progress
from ..resume import CardView
from ..store import queries
from ..store.ledger import Drawer
from ..store.models.stock import Card
from ..writer import CardWriter
from . import readers
from .access import Call
from .problem_texts import Code
from .problems import Problem
from .readers import Opener
from .runs import Run

_NOT_THERE = {
    TransportFault.NO_SERVICE: Refusal.NO_READER,
    TransportFault.NO_READER: Refusal.NO_READER,
    TransportFault.READER_BUSY: Refusal.NO_READER,
    TransportFault.TORN: Refusal.TRANSPORT_FAILED,
    TransportFault.TIMED_OUT: Refusal.TRANSPORT_FAILED,
}


def begin_issue(call: Call, order: ProductionOrder, reader_name: str, can: str | None) -> Run:
    """Write the card that was laid out. Raises Problem, Refused before anything is begun."""
    key = call.key or ""
    if (before := call.service.runs.repeated(call.actor.operator, key)) is not None:
        return before
    reader, desk = reader_of(call, reader_name), _desk(call, order.serial)
    number = can or assigned_can(order.serial, call.store.number_secret)
    try:
        record = application.parse(order.document, today=civil_date(desk.now()), start=order.start)
        whole = Order(application=record, image=order.photo, can=number, reader=f"{reader_name}")
        plan = _plan(whole, desk)
    except Refused as refused:
        raise _unusable(refused) from refused

    def work(run: Run, told: Callable[[Progress], None]) -> None:
        def hand_over(given: str) -> None:
            run.can = given

        with inserted(reader) as connection:
            writer = CardWriter(connection, desk.keyring, desk.profile, random=desk.random)
            issued = personalise.issue(whole, desk, writer, told=told, hand_over=hand_over)
        run.serial, run.resumed = issued.card.serial.hex(), issued.resumed

    return call.service.runs.begin(
        "issue",
        reader=reader_name,
        operator=call.actor.operator,
        key=key,
        permit=order.permit_number,
        plan=plan,
        work=work,
    )


def begin_update(call: Call, found: queries.Dossier, reader_name: str, can: str | None) -> Run:
    """Make the card say what the permit says. Raises Problem, ActRefused(NO_CARD) before anything is begun."""
    key = call.key or ""
    if (before := call.service.runs.repeated(call.actor.operator, key)) is not None:
        return before
    if not found.serial:
        raise refusal(Reason.NO_CARD, permit=found.permit.number)
    reader, desk = reader_of(call, reader_name), _desk(call, found.serial)
    wanted = _wanted(found, civil_date(desk.now()))
    password = Password.from_mrz(_mrz(found)) if can is None else Password.from_can(can)

    def change(_old: Standing, _start: date, _expiry: date) -> Standing:
        return wanted

    def work(run: Run, told: Callable[[Progress], None]) -> None:
        def show(lines: tuple[Difference, ...]) -> bool:
            run.changes = tuple({"name": line.name, "old": line.old, "new": line.new} for line in lines)
            return True

        with inserted(reader) as connection:
            writer = CardWriter(connection, desk.keyring, desk.profile, random=desk.random)
            done = endorse.endorse(
                change,
                desk,
                writer,
                password,
                reader=reader_name,
                permit_number=found.permit.number,
                renews=True,  # all that the card shall say is the register's word, nothing the card's own
                told=told,
                show=show,
            )
        run.serial = done.card.serial.hex()

    return call.service.runs.begin(
        "endorse",
        reader=reader_name,
        operator=call.actor.operator,
        key=key,
        permit=found.permit.number,
        plan=(),
        work=work,
    )


@contextmanager
def inserted(reader: Opener) -> Iterator[Connection]:
    """The card in the reader. Raises Refused(NO_READER, NO_CARD, FOREIGN_CARD); what breaks later is TransportFailed,
    here a Refused too."""
    try:
        connection = reader()
    except TransportFailed as failed:
        raise Refused(_NOT_THERE.get(failed.fault, Refusal.NO_CARD), error=failed.fault) from failed
    except Misuse as error:
        raise Refused(Refusal.NO_READER, error=error) from error
    except (DecodeError, OSError) as error:
        raise Refused(Refusal.FOREIGN_CARD) from error
    try:
        yield connection
    except TransportFailed as failed:
        raise Refused(Refusal.TRANSPORT_FAILED, error=failed.fault) from failed
    finally:
        connection.close()


def reader_of(call: Call, name: str) -> Opener:
    """The reader of that name, when no run is at it. Raises Problem(NO_READER, READER_ELSEWHERE, READER_BUSY)."""
    found = readers.find(call.service, call.actor.place, name)
    if call.service.runs.busy(name):
        raise Problem(Code.READER_BUSY, reader=name)
    return found


def _desk(call: Call, serial: str) -> Desk:
    """The authority's keys, over the journal of this operator at the drawer of the card."""
    keys = call.service.keys
    if keys is None:
        raise Problem(Code.KEYS_UNUSABLE, reason=call.service.keyless)
    with call.store.read() as transaction:
        found = transaction.get(Card, serial)
    if found is None:
        raise refusal(Reason.NO_CARD, serial=serial)
    drawer = Drawer(district_id=found.district_id, desk=found.desk)
    return dataclasses.replace(keys.desk, journal=StoreJournal(call.store, call.actor, drawer))


def _plan(order: Order, desk: Desk) -> tuple[Mapping[str, Any], ...]:
    """The steps, and how many bytes, before anything is begun."""
    profile = desk.profile
    blank = CardView(
        serial=bytes(SERIAL_LENGTH),
        key_version=profile.scp03.transport_key_version,
        life_cycle=profile.life_cycle[0].source,
    )
    contents = personalise.rehearse(order, desk)
    steps = plans.issue(blank, contents, profile, chunk=max_plain(Limits.from_atr(profile.atr).max_data))
    return tuple(
        {"step": line.kind.value, "file": line.file, "commands": line.commands, "bytes": line.length}
        for line in plans.summary(steps)
    )


def _wanted(found: queries.Dossier, today: date) -> Standing:
    return Standing(
        until=found.permit.endorsed_until,
        permit_class=found.permit.permit_class,
        services={
            service.code: service.until
            for service in found.services
            if service.until is not None and service.until >= today
        },
        address=found.holder.address,
    )


def _mrz(found: queries.Dossier) -> str:
    born, expires = found.holder.birth_date, found.permit.expires_on
    return mrz.mrz_information(found.document_number, f"{born:%y%m%d}", f"{expires:%y%m%d}")


def _unusable(refused: Refused) -> Problem:
    if refused.reason in (Refusal.KEYS_EXPIRED, Refusal.NO_AUTHORITY, Refusal.KEYS_LOCKED, Refusal.TRUST_UNUSABLE):
        return Problem(Code.KEYS_UNUSABLE, reason=refused.reason)
    return Problem(Reason.INVALID_VALUE, reason=refused.reason)


__all__ = ["begin_issue", "begin_update", "inserted", "reader_of"]
