"""An application on its way: told what is missing, accepted against a slip, approved by a second officer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any, TypeAlias

from sqlalchemy import select, update

from ..application import MAX_YEARS
from ..audit.record import canonical_json
from ..domain.application_life import ApplicationEvent, ApplicationFacts, ApplicationKind
from ..domain.calendar import ENDORSEMENT_MONTHS, add_months, eligible_from
from ..domain.checklist import Ground, Item, missing
from ..domain.permit_life import PERMIT, PermitEvent, PermitFacts
from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor
from ..domain.table import Effect, moved
from ..store.models.people import Capture, Holder
from ..store.models.permits import Application, EntitlementGrant, Permit
from ..store.unit import Receipt, Store, Unit, plain
from . import lives

PHOTO = "photo"
MAX_PHOTO = 64 * 1024
_DOCUMENT_LETTERS = "23456789CFGHJKLMNPRTVWXYZ"  # none that is mistaken for another, no vowels
_PERMIT_DIGITS = 10
_DOCUMENT_LENGTH = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """What the rules say of one service: until when, or None, and why, for the holder to be told."""

    service: str
    until: date | None
    explanation: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the rules make of a holder."""

    permit_class: int
    rule_set: str
    grants: tuple[Grant, ...]


Decide: TypeAlias = Callable[[Unit, Holder, date | None], Decision]
"""The rules, asked within the act, so that its repetition is answered whatever they have come to say since: about a
holder, and the day until which the permit is endorsed, where there is one. Raises ActRefused(NOT_ELIGIBLE)."""


def apply(
    store: Store,
    actor: Actor,
    application_id: int,
    *,
    present: Iterable[Item],
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """Hand in what there is. The first time, `data["missing"]` is everything that lacks: it is told once, in full."""
    items = frozenset(present)

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id, version)
        transition = lives.move_application(unit, waiting, ApplicationEvent.APPLY, ApplicationFacts())
        lack = _hand_in(waiting, items)
        if Effect.TELL_CHECKLIST in transition.effects:
            waiting.told, waiting.told_at = _text(lack), unit.now
        return _receipt(unit, Act.APPLY, waiting, missing=lack)

    request = {"application": application_id, "present": items}
    return store.perform(actor, Act.APPLY, work, key=key, request=request)


def accept(
    store: Store,
    actor: Actor,
    application_id: int,
    *,
    present: Iterable[Item] = (),
    ground: Ground | None = None,
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """Accept what is complete; the slip's number is in the receipt, the deadline runs."""
    items = frozenset(present)

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id, version)
        holder = unit.transaction.get_one(Holder, waiting.holder_id)
        if ground is not None:
            holder.ground = ground.value
        lack = _hand_in(waiting, items)
        facts = ApplicationFacts(
            missing=len(lack),
            eligible=holder.ground is not None and unit.today >= eligible_from(holder.residence_since),
        )
        lives.move_application(unit, waiting, ApplicationEvent.ACCEPT, facts)
        waiting.accepted_by = unit.actor.operator
        return _receipt(unit, Act.ACCEPT, waiting, slip=waiting.slip, due_on=waiting.due_on)

    request = {"application": application_id, "present": items, "ground": ground}
    return store.perform(actor, Act.ACCEPT, work, key=key, request=request)


def capture_photo(store: Store, actor: Actor, application_id: int, photo: bytes, *, key: str | None = None) -> Receipt:
    """Keep the photo for the card; it replaces an earlier one. The service has looked at it (`issuer.photo`)."""

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id)
        if not 0 < len(photo) <= MAX_PHOTO:
            raise refusal(Reason.INVALID_VALUE, field="photo")
        if waiting.closed_at is not None:
            raise refusal(Reason.WRONG_STATE, table="application", state=waiting.state, event=Act.CAPTURE)
        unit.transaction.merge(
            Capture(application_id=waiting.id, kind=PHOTO, content=photo, captured_at=unit.now, delete_after=None)
        )
        _hand_in(waiting, frozenset({Item.PHOTO}))
        return _receipt(unit, Act.CAPTURE, waiting, size=len(photo))

    request = {"application": application_id, "photo": photo}
    return store.perform(actor, Act.CAPTURE, work, key=key, request=request)


def extend(
    store: Store, actor: Actor, application_id: int, *, reason: str, key: str | None = None, version: int | None = None
) -> Receipt:
    """The deadline becomes 30 days from acceptance, once, for a reason."""

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id, version)
        facts = ApplicationFacts(extended=waiting.extended)
        lives.move_application(unit, waiting, ApplicationEvent.EXTEND, facts)
        return _receipt(unit, Act.EXTEND, waiting, due_on=waiting.due_on, reason=reason)

    request = {"application": application_id, "reason": reason}
    return store.perform(actor, Act.EXTEND, work, key=key, request=request)


def approve(
    store: Store,
    actor: Actor,
    application_id: int,
    decision: Decision | Decide,
    *,
    key: str | None = None,
    version: int | None = None,
) -> Receipt:
    """Approve, as somebody who has neither registered nor accepted it. A permit is opened, or kept at a replacement."""

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id, version)
        transition = lives.move_application(unit, waiting, ApplicationEvent.APPROVE, _four_eyes(unit, waiting))
        waiting.approved_by = unit.actor.operator
        waiting.document_number = _document_number(unit)
        if Effect.OPEN_PERMIT in transition.effects and waiting.kind == ApplicationKind.FIRST:
            said = decided(unit, decision, waiting.holder_id, None)
            permit = _open_permit(unit, waiting, said)
        else:
            permit = lives.permit(unit, waiting.permit_number or "")
            said = decided(unit, decision, waiting.holder_id, None)
            permit.permit_class, permit.rule_set = said.permit_class, said.rule_set
        unit.transaction.flush()
        grant(unit, permit, said)
        return _receipt(
            unit, Act.APPROVE, waiting, permit=permit.number, permit_class=permit.permit_class, rule_set=permit.rule_set
        )

    request = {"application": application_id} | given(decision)
    return store.perform(actor, Act.APPROVE, work, key=key, request=request)


def reject(
    store: Store, actor: Actor, application_id: int, *, reason: str, key: str | None = None, version: int | None = None
) -> Receipt:
    """Say no, as a second officer, and why."""

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id, version)
        lives.move_application(unit, waiting, ApplicationEvent.REJECT, _four_eyes(unit, waiting))
        waiting.reason = reason
        return _receipt(unit, Act.REJECT, waiting)

    request = {"application": application_id, "reason": reason}
    return store.perform(actor, Act.REJECT, work, key=key, request=request)


def withdraw(
    store: Store, actor: Actor, application_id: int, *, key: str | None = None, version: int | None = None
) -> Receipt:
    """The applicant does not want it any more. A permit that was approved for it ends."""

    def work(unit: Unit) -> Receipt:
        waiting = lives.application(unit, application_id, version)
        lives.move_application(unit, waiting, ApplicationEvent.WITHDRAW, ApplicationFacts())
        if waiting.permit_number is not None and waiting.kind == ApplicationKind.FIRST:
            permit = lives.permit(unit, waiting.permit_number)
            lives.move_permit(unit, permit, PermitEvent.TERMINATE, PermitFacts(), reason="withdrawn")
        return _receipt(unit, Act.WITHDRAW, waiting)

    return store.perform(actor, Act.WITHDRAW, work, key=key, request={"application": application_id})


def decided(unit: Unit, decision: Decision | Decide, holder_id: int, until: date | None) -> Decision:
    """What the rules say now, if it was not handed in."""
    if isinstance(decision, Decision):
        return decision
    return decision(unit, unit.transaction.get_one(Holder, holder_id), until)


def given(decision: Decision | Decide) -> dict[str, Any]:
    """What of it is a part of the request, by which a repetition is recognised."""
    return {"decision": decision} if isinstance(decision, Decision) else {}


def grant(unit: Unit, permit: Permit, decision: Decision) -> list[dict[str, str]]:
    """Put `decision` in force: what changed is superseded, never overwritten. Returns old → new, service by service."""
    if decision.permit_class not in (1, 2, 3):
        raise refusal(Reason.INVALID_VALUE, field="permit_class")
    if len({given.service for given in decision.grants}) != len(decision.grants):
        raise refusal(Reason.INVALID_VALUE, field="grants")
    rows = unit.transaction.scalars(
        select(EntitlementGrant).where(
            EntitlementGrant.permit_id == permit.id, EntitlementGrant.superseded_at.is_(None)
        )
    )
    current = {row.service: row for row in rows}
    new = {given.service: given for given in decision.grants}
    changes, ended, fresh = [], [], []
    for service in sorted(current.keys() | new.keys()):
        old, given = current.get(service), new.get(service)
        until = None if given is None or given.until is None else min(given.until, permit.expires_on)
        explanation = canonical_json(plain(given.explanation)) if given else ""
        before = old.valid_until if old else None
        if before != until:
            changes.append({"name": service, "old": _date(before), "new": _date(until)})
        if old is not None and given is not None and (before, old.explanation) == (until, explanation):
            continue
        if old is not None:
            ended.append(old.id)
        if given is not None:
            fresh.append((service, until, explanation))
    if ended:
        unit.transaction.execute(
            update(EntitlementGrant).where(EntitlementGrant.id.in_(ended)).values(superseded_at=unit.now)
        )
    unit.transaction.add_all(
        EntitlementGrant(
            permit_id=permit.id,
            service=service,
            valid_until=until,
            rule_set=decision.rule_set,
            explanation=explanation,
            granted_at=unit.now,
        )
        for service, until, explanation in fresh
    )
    return changes


def _open_permit(unit: Unit, waiting: Application, decision: Decision) -> Permit:
    transition = moved(PERMIT, None, PermitEvent.APPROVE, PermitFacts())
    expires = add_months(unit.today, 12 * min(unit.rules.validity_years, MAX_YEARS))
    permit = Permit(
        number=unit.rules.permit_prefix + unit.digits(_PERMIT_DIGITS),
        holder_id=waiting.holder_id,
        state=transition.state.value,
        permit_class=decision.permit_class,
        rule_set=decision.rule_set,
        valid_from=unit.today,
        endorsed_until=min(add_months(unit.today, ENDORSEMENT_MONTHS), expires),
        expires_on=expires,
        years_since=unit.today,
    )
    permit.put(lives.place_of(unit, waiting.district_id))
    waiting.permit_number = permit.number
    unit.transaction.add(permit)
    return permit


def _document_number(unit: Unit) -> str:
    return "".join(_DOCUMENT_LETTERS[unit.below(len(_DOCUMENT_LETTERS))] for _ in range(_DOCUMENT_LENGTH))


def _four_eyes(unit: Unit, waiting: Application) -> ApplicationFacts:
    return ApplicationFacts(same_officer=unit.actor.operator in (waiting.registered_by, waiting.accepted_by))


def _hand_in(waiting: Application, items: frozenset[Item]) -> frozenset[Item]:
    """Add what was brought; returns what is still missing."""
    present = _items(waiting.present) | items
    waiting.present = _text(present)
    return missing(present, None if waiting.told is None else _items(waiting.told))


def _items(text: str) -> frozenset[Item]:
    return frozenset(Item(name) for name in text.split(",") if name)


def _text(items: frozenset[Item]) -> str:
    return ",".join(sorted(items))


def _date(day: date | None) -> str:
    return "" if day is None else day.isoformat()


def _receipt(unit: Unit, act: Act, waiting: Application, **detail: Any) -> Receipt:
    unit.transaction.flush()
    data = plain(detail)
    # Whoever shows the slip gets the card: its number is for the applicant alone.
    told = {name: value for name, value in data.items() if name != "slip"}
    unit.record(act, f"application:{waiting.id}", state=waiting.state, **told)
    return Receipt(
        act=act,
        subject=f"application:{waiting.id}",
        state=waiting.state,
        version=waiting.version,
        data={"application": waiting.id, **data},
    )
