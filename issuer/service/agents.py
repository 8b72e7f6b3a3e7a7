"""The desk agents: whose tokens count, which are linked to this process, and which to another one.

The newest link of a token counts. A link may die without a word, and the desk that comes again must not wait until
somebody notices; two machines with one token are told so (`CLOSE_REPLACED`), and take turns once a minute at most.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session as Transaction
from starlette.websockets import WebSocket

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.iso7816.connection import Connection

from ..agent.messages import CLOSE_ENDED, CLOSE_PROTOCOL, CLOSE_REPLACED, ReaderCondition, ReaderStatus
from ..domain.places import Place, parse_path
from ..store.models.desks import Agent
from ..store.models.desks import AgentLink as LinkRow
from ..store.models.people import District
from ..store.unit import Store
from . import logs
from .agent_link import AgentConnection, AgentLink
from .sessions import digest

TOKEN_BYTES = 32
HEARTBEAT = 30.0  # seconds between two looks at the token of a link
FRESH = timedelta(seconds=100)  # what another process said of a link is believed so long
_INTRODUCTION = 10.0  # seconds for the first message


class Standing(StrEnum):
    """Whether a link may go on."""

    GOOD = "good"
    ENDED = "ended"  # revoked or expired
    REPLACED = "replaced"  # the same token came to another process, later


@dataclass(frozen=True, slots=True, kw_only=True)
class Admitted:
    """An agent whose token counts. `place` is where its desk is."""

    agent: int
    name: str
    desk: str
    district: int
    place: Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """An agent's reader as this process knows it. `process` is the address of another one that has it; then `status`
    is not known."""

    admitted: Admitted
    since: datetime
    status: ReaderStatus | None = None
    process: str | None = None


@dataclass(slots=True, kw_only=True)
class _Held:
    admitted: Admitted
    link: AgentLink = field(repr=False)
    since: datetime


def new_token() -> str:
    """What an administrator hands over, this one time."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Agents:
    """Those of one process, whose own address is `process`."""

    def __init__(self, store: Store, *, process: str, heartbeat: float = HEARTBEAT) -> None:
        self._store = store
        self._process = process[:200]
        self._heartbeat = heartbeat
        self._lock = threading.Lock()
        self._held: dict[int, _Held] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    # --- in threads

    def admit(self, token: str) -> Admitted | None:
        """Whose token it is; None when it counts for nothing."""
        now = self._store.now()
        with self._store.read() as transaction:
            row = transaction.execute(
                select(Agent, District.path)
                .join(District, District.id == Agent.district_id)
                .where(Agent.token_hash == digest(token), Agent.revoked_at.is_(None), Agent.expires_at > now)
            ).first()
        return None if row is None else _admitted(row.Agent, row.path)

    def linked(self, place: Place) -> list[Linked]:
        """The readers of agents at `place` and below, in the order of their names: here, or said to be elsewhere."""
        with self._lock:
            held = list(self._held.values())
        found = {
            one.admitted.name: Linked(admitted=one.admitted, since=one.since, status=one.link.status) for one in held
        }
        for other in self._elsewhere():
            found.setdefault(other.admitted.name, other)
        return [found[name] for name in sorted(found) if place.covers(found[name].admitted.place)]

    def find(self, name: str, place: Place) -> Linked | None:
        """The reader of that name, where `place` covers it."""
        return next((one for one in self.linked(place) if one.admitted.name == name), None)

    def opener(self, name: str) -> Callable[[], Connection]:
        """Opens the card in the reader of that name. It raises TransportFailed."""

        def open_() -> Connection:
            with self._lock:
                held = next((one for one in self._held.values() if one.admitted.name == name), None)
            if held is None:
                raise TransportFailed("the desk agent is not linked", fault=TransportFault.NO_READER)
            return AgentConnection(held.link)

        return open_

    def drop(self, agent: int) -> None:
        """Its token was revoked: what it has here ends now, elsewhere within a heartbeat."""
        with self._lock:
            held, loop = self._held.get(agent), self._loop
        if held is not None and loop is not None:
            ending = held.link.end(CLOSE_ENDED)
            try:
                asyncio.run_coroutine_threadsafe(ending, loop)
            except RuntimeError:  # the loop is closed, and so is the link
                ending.close()

    # --- in the event loop

    async def serve(self, socket: WebSocket, admitted: Admitted) -> None:
        """A link that was accepted, to its end."""
        link = AgentLink(socket)
        held = _Held(admitted=admitted, link=link, since=self._store.now())
        with self._lock:
            self._loop = asyncio.get_running_loop()
            before = self._held.get(admitted.agent)
            self._held[admitted.agent] = held
        if before is not None:
            await before.link.end(CLOSE_REPLACED)
        logs.log("agent-linked", what=admitted.name)
        watching = asyncio.create_task(self._watch(held))
        try:
            await link.serve()
        finally:
            watching.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await watching
            with self._lock:
                last = self._held.get(admitted.agent) is held
                if last:
                    del self._held[admitted.agent]
            logs.log("agent-gone", what=admitted.name)
            if last:
                await asyncio.to_thread(self._forget, held)

    async def _watch(self, held: _Held) -> None:
        """Tell the other processes, and see whether the token still counts."""
        try:
            await asyncio.wait_for(held.link.introduced.wait(), _INTRODUCTION)
        except TimeoutError:
            await held.link.end(CLOSE_PROTOCOL)
            return
        while True:
            standing = await asyncio.to_thread(self._standing, held)
            if standing is not Standing.GOOD:
                await held.link.end(CLOSE_ENDED if standing is Standing.ENDED else CLOSE_REPLACED)
                return
            await asyncio.sleep(self._heartbeat)

    # --- the table, for the other processes

    def _standing(self, held: _Held) -> Standing:
        agent, now = held.admitted.agent, self._store.now()
        try:
            with Transaction(self._store.engine) as transaction, transaction.begin():
                row = transaction.get(Agent, agent)
                if row is None or row.revoked_at is not None or row.expires_at <= now:
                    return Standing.ENDED
                for other in transaction.scalars(select(LinkRow).where(LinkRow.agent_id == agent)):
                    fresh = now - other.seen_at <= FRESH
                    later = other.since > held.since and other.process != self._process
                    if fresh and later and other.instance != held.link.instance:
                        return Standing.REPLACED
                transaction.merge(
                    LinkRow(
                        agent_id=agent,
                        process=self._process,
                        instance=held.link.instance,
                        since=held.since,
                        seen_at=now,
                    )
                )
        except SQLAlchemyError as error:  # the link itself needs no database; it is looked at again
            logs.log("agent-standing", level=logging.WARNING, error=error)
        return Standing.GOOD

    def _forget(self, held: _Held) -> None:
        try:
            with Transaction(self._store.engine) as transaction, transaction.begin():
                transaction.execute(
                    delete(LinkRow).where(
                        LinkRow.agent_id == held.admitted.agent,
                        LinkRow.process == self._process,
                        LinkRow.since == held.since,
                    )
                )
        except SQLAlchemyError as error:
            logs.log("agent-standing", level=logging.WARNING, error=error)

    def _elsewhere(self) -> list[Linked]:
        now = self._store.now()
        with self._store.read() as transaction:
            rows = transaction.execute(
                select(LinkRow, Agent, District.path)
                .join(Agent, Agent.id == LinkRow.agent_id)
                .join(District, District.id == Agent.district_id)
                .where(LinkRow.process != self._process, LinkRow.seen_at > now - FRESH, Agent.revoked_at.is_(None))
            ).all()
        return [
            Linked(admitted=_admitted(row.Agent, row.path), since=row[0].since, process=row[0].process) for row in rows
        ]


def _admitted(agent: Agent, path: str) -> Admitted:
    return Admitted(
        agent=agent.id, name=agent.name, desk=agent.desk, district=agent.district_id, place=parse_path(path)
    )


__all__ = ["Admitted", "Agents", "Linked", "ReaderCondition", "new_token"]
