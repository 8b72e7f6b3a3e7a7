"""A permit through the years: endorsed, changed, lost, found, replaced, ended. Each change reaches the status list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from sqlalchemy import select

from ..domain.application_life import (
    APPLICATION,
    OPEN_APPLICATION,
    ApplicationEvent,
    ApplicationFacts,
    ApplicationKind,
)
from ..domain.calendar import years
from ..domain.permit_life import Ending, PermitEvent, Suspension
from ..domain.places import Place
from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor, Role
from ..domain.table import moved
from ..store import ledger
from ..store.ledger import Drawer
from ..store.models.permits import Application, Permit
from ..store.unit import Receipt, Store, Unit
from . import lives, persons
from .applications import Decide, Decision, decided, given, grant


class ReplacementReason(StrEnum):
    """Why a card is replaced."""

    DAMAGED = "damaged"
    CHANGED = "changed"  # a name, a number: what is written once
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewAddress:
    """A change of address, told in passing; `district_id` where the new one lies in another place."""

    address: str
    since: date
    district_id: int | None = None


def endorse(
    store: Store,
    actor: Actor,
    number: str,
    decision: Decision | Decide,
    *,
    address: NewAddress | None = None,
    key: str | None = None,
    version: int | None = None,
    rehearsal: bool = False,
) -> Receipt:
    """The yearly endorsement, with address, district and entitlements in one pass; old → new in `data["changes"]`.

    The card is then written from what the permit says; until the journal tells that it was, `card_due` stands. As a
    `rehearsal` nothing is changed: that is the view before it is done.
    """

    def work(unit: Unit) -> Receipt:
        permit = lives.permit(unit, number, version)
        before = (permit.endorsed_until, permit.permit_class)
        lives.move_permit(unit, permit, PermitEvent.ENDORSE, lives.facts_of(unit, permit))
        changes = _changed("valid until", before[0].isoformat(), permit.endorsed_until.isoformat())
        said = decided(unit, decision, permit.holder_id, max(permit.endorsed_until, unit.today))
        permit.permit_class, permit.rule_set = said.permit_class, said.rule_set
        changes += _changed("class", str(before[1]), str(permit.permit_class))
        changes += grant(unit, permit, said)
        if address is not None:
            changes += _new_address(unit, permit, address)
        return _receipt(
            unit,
            Act.ENDORSE,
            permit,
            changes=changes,
            endorsed_until=permit.endorsed_until.isoformat(),
            years=years(permit.years_since, unit.today),
        )

    if rehearsal:
        return store.rehearse(actor, Act.ENDORSE, work)
    request = {"permit": number, "address": address} | given(decision)
    return store.perform(actor, Act.ENDORSE, work, key=key, request=request)


def change_entitlements(
    store: Store,
    actor: Actor,
    number: str,
    decision: Decision | Decide,
    *,
    address: NewAddress | None = None,
    key: str | None = None,
    version: int | None = None,
    rehearsal: bool = False,
) -> Receipt:
    """What the rules say now, between two endorsements; the card is written anew."""

    def work(unit: Unit) -> Receipt:
        permit = lives.permit(unit, number, version)
        before = permit.permit_class
        lives.move_permit(unit, permit, PermitEvent.CHANGE_ENTITLEMENTS, lives.facts_of(unit, permit))
        # Grants between two endorsements end with the present one.
        said = decided(unit, decision, permit.holder_id, max(permit.endorsed_until, unit.today))
        permit.permit_class, permit.rule_set = said.permit_class, said.rule_set
        changes = _changed("class", str(before), str(permit.permit_class)) + grant(unit, permit, said)
        if address is not None:
            changes += _new_address(unit, permit, address)
        return _receipt(unit, Act.CHANGE_ENTITLEMENTS, permit, changes=changes)

    if rehearsal:
        return store.rehearse(actor, Act.CHANGE_ENTITLEMENTS, work)
    request = {"permit": number, "address": address} | given(decision)
    return store.perform(actor, Act.CHANGE_ENTITLEMENTS, work, key=key, request=request)


def report_lost(
    store: Store, actor: Actor, number: str, *, in_person: bool, key: str | None = None, version: int | None = None
) -> Receipt:
    """Suspends at once, on a call too."""
    return _simple(
        store,
        actor,
        Act.REPORT_LOST,
        PermitEvent.REPORT_LOST,
        number,
        key,
        version,
        in_person=in_person,
        suspension=Suspension.LOST,
    )


def suspend(
    store: Store, actor: Actor, number: str, *, reason: str, key: str | None = None, version: int | None = None
) -> Receipt:
    """By an officer's order."""
    return _simple(
        store,
        actor,
        Act.SUSPEND,
        PermitEvent.SUSPEND,
        number,
        key,
        version,
        reason=reason,
        suspension=Suspension.ORDER,
    )


def restore(
    store: Store, actor: Actor, number: str, *, in_person: bool, key: str | None = None, version: int | None = None
) -> Receipt:
    """The holder is here, with the card. An order is lifted only by who may give one."""
    return _simple(store, actor, Act.RESTORE, PermitEvent.RESTORE, number, key, version, in_person=in_person)


def replace(
    store: Store,
    actor: Actor,
    number: str,
    *,
    reason: ReplacementReason,
    old_serial: str | None = None,
    desk: str = "",
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """Take back the old card (`old_serial`, into the drawer of `desk`), or write it off as lost, and open an
    application for another. From here on the old one is INVALID; a second officer approves the new one."""

    def work(unit: Unit) -> Receipt:
        permit = lives.permit(unit, number, version)
        live = ledger.live_card(unit.transaction, permit.number)
        lost = reason is ReplacementReason.LOST or permit.suspension == Suspension.LOST
        back = live is None or (old_serial is not None and live.serial == old_serial)
        place = lives.place_of(unit, permit.district_id)
        lives.move_permit(
            unit,
            permit,
            PermitEvent.REPLACE,
            lives.facts_of(unit, permit, old_card_back=back, old_card_lost=lost),
            lost=not back or old_serial is None,
            back_to=Drawer(district_id=unit.actor.place.id, desk=desk),
            reason=reason.value,
        )
        opened = _request_replacement(unit, permit, place)
        told = {"reason": reason.value, "fee": unit.rules.replacement_fee, "application": opened.id}
        return _receipt(unit, Act.REPLACE, permit, slip=opened.slip, **told)

    request = {"permit": number, "reason": reason, "old_serial": old_serial, "desk": desk}
    return store.perform(actor, Act.REPLACE, work, key=key, request=request)


def revoke(
    store: Store,
    actor: Actor,
    number: str,
    *,
    reason: str,
    old_serial: str | None = None,
    desk: str = "",
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """For good: stolen, abused. `old_serial` where the card is here."""
    return _end(store, actor, Act.REVOKE, PermitEvent.REVOKE, number, reason, old_serial, desk, key, version)


def terminate(
    store: Store,
    actor: Actor,
    number: str,
    *,
    ending: Ending,
    old_serial: str | None = None,
    desk: str = "",
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """It has come to its end."""
    return _end(
        store, actor, Act.TERMINATE, PermitEvent.TERMINATE, number, ending.value, old_serial, desk, key, version
    )


def _end(
    store: Store,
    actor: Actor,
    act: Act,
    event: PermitEvent,
    number: str,
    reason: str,
    old_serial: str | None,
    desk: str,
    key: str | None,
    version: int | None,
) -> Receipt:
    def work(unit: Unit) -> Receipt:
        permit = lives.permit(unit, number, version)
        live = ledger.live_card(unit.transaction, permit.number)
        here = live is not None and live.serial == old_serial
        if old_serial is not None and not here:
            raise refusal(Reason.OLD_CARD_MISSING, serial=old_serial)
        drawer = Drawer(district_id=unit.actor.place.id, desk=desk)
        lives.move_permit(
            unit,
            permit,
            event,
            lives.facts_of(unit, permit),
            lost=not here,
            back_to=drawer if here else None,
            reason=reason,
        )
        return _receipt(unit, act, permit, reason=reason)

    request = {"permit": number, "reason": reason, "old_serial": old_serial, "desk": desk}
    return store.perform(actor, act, work, key=key, request=request)


def _simple(
    store: Store,
    actor: Actor,
    act: Act,
    event: PermitEvent,
    number: str,
    key: str | None,
    version: int | None,
    *,
    in_person: bool = True,
    suspension: Suspension | None = None,
    reason: str = "",
) -> Receipt:
    def work(unit: Unit) -> Receipt:
        permit = lives.permit(unit, number, version)
        facts = lives.facts_of(unit, permit, in_person=in_person, may_lift_order=unit.actor.role is Role.APPROVER)
        lives.move_permit(unit, permit, event, facts, suspension=suspension)
        return _receipt(unit, act, permit, in_person=in_person, reason=reason, suspension=permit.suspension)

    request = {"permit": number, "in_person": in_person, "reason": reason}
    return store.perform(actor, act, work, key=key, request=request)


def _request_replacement(unit: Unit, permit: Permit, place: Place) -> Application:
    unit.transaction.flush()
    waiting = unit.transaction.scalars(
        select(Application.id).where(
            Application.holder_id == permit.holder_id,
            Application.state.in_([state.value for state in OPEN_APPLICATION]),
        )
    ).first()
    if waiting is not None:
        raise refusal(Reason.APPLICATION_OPEN, application=waiting)
    transition = moved(APPLICATION, None, ApplicationEvent.REQUEST_REPLACEMENT, ApplicationFacts())
    opened = Application(
        holder_id=permit.holder_id,
        kind=ApplicationKind.REPLACEMENT.value,
        state=transition.state.value,
        permit_number=permit.number,
        registered_by=unit.actor.operator,
        accepted_by=unit.actor.operator,
        registered_at=unit.now,
    )
    opened.put(place)
    lives.carry_out(unit, opened, transition)
    unit.transaction.add(opened)
    unit.transaction.flush()
    return opened


def _new_address(unit: Unit, permit: Permit, new: NewAddress) -> list[dict[str, str]]:
    holder = lives.holder(unit, permit.holder_id)
    before, district = holder.address, holder.district_id
    persons.set_address(unit, holder, new.address, new.since)
    changes = _changed("address", before, holder.address)
    if new.district_id is not None and new.district_id != district:
        persons.set_district(unit, holder, new.district_id)
        changes += _changed("district", str(district), str(new.district_id))
    return changes


def _changed(name: str, old: str, new: str) -> list[dict[str, str]]:
    return [] if old == new else [{"name": name, "old": old, "new": new}]


_PERSONAL = frozenset({"address"})
_FOR_THE_HOLDER = frozenset({"slip"})


def _receipt(unit: Unit, act: Act, permit: Permit, **data: Any) -> Receipt:
    unit.transaction.flush()
    told = {name: value for name, value in data.items() if name not in _FOR_THE_HOLDER}
    if "changes" in told:
        # That an address changed is the auditor's business, the address is not.
        told["changes"] = [
            {"name": change["name"]} if change["name"] in _PERSONAL else change for change in told["changes"]
        ]
    unit.record(act, f"permit:{permit.number}", state=permit.state, **told)
    return Receipt(
        act=act,
        subject=f"permit:{permit.number}",
        state=permit.state,
        version=permit.version,
        data={"permit": permit.number, **data},
    )
