"""Desk agents: who may lend a reader, the link itself, and which readers are where."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Path, WebSocket
from sqlalchemy import select
from starlette.responses import JSONResponse

from ...acts import agents as acts
from ...agent import messages
from ...agent.messages import ReaderCondition
from ...domain.reasons import Reason
from ...domain.roles import Act, Role
from ...store.models.desks import Agent
from ...store.models.people import District
from .. import logs
from ..access import OFFICE, PREFIX, Caller, Endpoints, Scope, by_act, by_role
from ..agents import new_token
from ..problem_texts import Code
from ..problems import MEDIA_TYPE, Problem, body, language
from ..schemas.base import BIGGEST, ReceiptOut
from ..schemas.desks import AgentIn, AgentOut, AgentTokenOut, ReaderOut
from ..sessions import digest
from ..state import Service

api = Endpoints("readers and desk agents")
AgentId = Annotated[int, Path(ge=1, le=BIGGEST)]
_CARD = frozenset({ReaderCondition.CARD, ReaderCondition.BUSY})


@api.get(
    "/readers",
    by_role(*OFFICE, Role.KEY_ADMINISTRATOR, scope=Scope.WITHIN),
    "Readers",
    response_model=list[ReaderOut],
)
def readers(call: Caller) -> Any:
    """Those beside this process (PERMIT_READERS), and those of the desk agents in the own district and below."""
    service = call.service
    found = [
        ReaderOut(
            name=reader.name,
            kind="pcsc" if reader.image is None else "image",
            busy=service.runs.busy(reader.name),
        )
        for reader in service.settings.readers.values()
    ]
    for one in service.agents.linked(call.actor.place):
        status, whose = one.status, one.admitted
        found.append(
            ReaderOut(
                name=whose.name,
                kind="agent",
                busy=service.runs.busy(whose.name),
                desk=whose.desk,
                district=whose.district,
                state=None if status is None else status.condition,
                reader=None if status is None else status.name,
                card=None if status is None else status.condition in _CARD,
                since=one.since,
                process=one.process,
            )
        )
    return found


@api.get(
    "/agents",
    by_role(Role.KEY_ADMINISTRATOR, Role.AUDITOR, scope=Scope.WITHIN),
    "The desk agents",
    response_model=list[AgentOut],
)
def agents(call: Caller) -> Any:
    """Those of the own district and below, the revoked ones too."""
    linked = {one.admitted.agent for one in call.service.agents.linked(call.actor.place)}
    with call.store.read() as transaction:
        rows = transaction.execute(
            select(Agent, District).join(District, District.id == Agent.district_id).order_by(Agent.name, Agent.id)
        )
        return [
            AgentOut(
                id=row.Agent.id,
                name=row.Agent.name,
                desk=row.Agent.desk,
                district=row.Agent.district_id,
                created_at=row.Agent.created_at,
                expires_at=row.Agent.expires_at,
                revoked_at=row.Agent.revoked_at,
                linked=row.Agent.id in linked,
            )
            for row in rows
            if call.actor.place.covers(row.District.place)
        ]


@api.act(
    "/agents",
    by_act(Act.CREATE_AGENT),
    "Let a desk lend its reader",
    Reason.NO_DISTRICT,
    Reason.NAME_TAKEN,
    response_model=AgentTokenOut,
)
def create(body: AgentIn, call: Caller) -> Any:
    """The token goes into a file at the desk (`permit-issuer desk --token-file`). Only its hash is kept: whoever lost
    it revokes the agent and makes it anew. `name` is what a run asks for, unique among those that were not revoked."""
    if body.name in call.service.settings.readers:
        raise Problem(Reason.NAME_TAKEN, name=body.name)
    token = new_token()
    receipt = call.done(
        acts.create_agent(
            call.store,
            call.actor,
            name=body.name,
            desk=body.desk,
            district_id=body.district,
            days=body.days,
            token_hash=digest(token),
            key=call.key,
        )
    )
    return AgentTokenOut(
        agent=receipt.data["agent"],
        name=receipt.data["name"],
        token=None if receipt.replayed else token,
        replayed=receipt.replayed,
    )


@api.act(
    "/agents/{agent}/revoke",
    by_act(Act.REVOKE_AGENT),
    "Take it back",
    Reason.NO_AGENT,
    response_model=ReceiptOut,
)
def revoke(agent: AgentId, call: Caller) -> Any:
    """Its token counts no more; a link that is up ends at once, at another process within half a minute."""
    receipt = call.done(acts.revoke_agent(call.store, call.actor, agent, key=call.key))
    call.service.agents.drop(agent)
    return receipt


@api.router.websocket(messages.PATH.removeprefix(PREFIX))
async def link(socket: WebSocket) -> None:
    """A desk agent, by its token in the header Authorization. No browser can send that header with a WebSocket; what
    comes with an Origin is a browser, and refused."""
    service: Service = socket.app.state.service
    scheme, _, token = socket.headers.get("authorization", "").partition(" ")
    admitted = None
    if scheme.lower() == "bearer" and "origin" not in socket.headers:
        admitted = await asyncio.to_thread(service.agents.admit, token.strip())
    if admitted is None:
        logs.log("agent-refused", problem=Code.AGENT_TOKEN.value)
        service.metrics.problems.labels(Code.AGENT_TOKEN.value).inc()
        document = body(Problem(Code.AGENT_TOKEN), language(socket), "00000000-0000-0000-0000-000000000000")
        headers = {"WWW-Authenticate": 'Bearer realm="permit-desk"'}
        await socket.send_denial_response(JSONResponse(document, 401, headers=headers, media_type=MEDIA_TYPE))
        return
    await socket.accept()
    await service.agents.serve(socket, admitted)
