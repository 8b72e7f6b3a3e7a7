"""Desk agents: an administrator lets a desk lend its reader, and takes that back."""

from __future__ import annotations

from datetime import timedelta

from ..domain.reasons import Reason, refusal
from ..domain.roles import Act, Actor
from ..store.models.desks import Agent
from ..store.unit import Receipt, Store, Unit
from . import lives

MAX_DAYS = 800  # a token that nobody renews ends by itself


def create_agent(
    store: Store,
    actor: Actor,
    *,
    name: str,
    desk: str,
    district_id: int,
    days: int,
    token_hash: str,
    key: str | None = None,
) -> Receipt:
    """A reader of that name, unique among those that were not revoked. `token_hash`: 64 hexadecimal digits.

    The token is none of the receipt's business, which is kept and answered again: whoever lost it gets a new one.
    """
    if not 1 <= days <= MAX_DAYS:
        raise refusal(Reason.INVALID_VALUE, field="days", most=MAX_DAYS)

    def work(unit: Unit) -> Receipt:
        unit.reach(lives.place_of(unit, district_id))
        agent = Agent(
            name=name,
            desk=desk,
            district_id=district_id,
            token_hash=token_hash,
            created_at=unit.now,
            created_by=unit.actor.operator,
            expires_at=unit.now + timedelta(days=days),
        )
        unit.transaction.add(agent)
        unit.transaction.flush()
        subject = f"agent:{agent.id}"
        unit.record(Act.CREATE_AGENT, subject, name=name, desk=desk, district=district_id, until=agent.expires_at)
        return Receipt(act=Act.CREATE_AGENT, subject=subject, data={"agent": agent.id, "name": name})

    request = {"name": name, "desk": desk, "district": district_id, "days": days}
    return store.perform(actor, Act.CREATE_AGENT, work, key=key, request=request)


def revoke_agent(store: Store, actor: Actor, agent_id: int, *, key: str | None = None) -> Receipt:
    """Its token opens nothing any more. Raises ActRefused(NO_AGENT)."""

    def work(unit: Unit) -> Receipt:
        agent = unit.transaction.get(Agent, agent_id, with_for_update=True)
        if agent is None:
            raise refusal(Reason.NO_AGENT, agent=agent_id)
        unit.reach(lives.place_of(unit, agent.district_id))
        if agent.revoked_at is None:
            agent.revoked_at, agent.revoked_by = unit.now, unit.actor.operator
            unit.record(Act.REVOKE_AGENT, f"agent:{agent_id}", name=agent.name)
        return Receipt(act=Act.REVOKE_AGENT, subject=f"agent:{agent_id}", data={"agent": agent_id})

    return store.perform(actor, Act.REVOKE_AGENT, work, key=key, request={"agent": agent_id})
