"""The audit chain, and the state of keys and lists."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Any

from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import select

from keys.authority.authority import Authority
from keys.registry.lifecycle import KeyState

from ...audit import listing
from ...audit import log as audit_log
from ...audit.chain import ChainBroken
from ...domain.reasons import Reason, refusal
from ...domain.roles import Act, Role
from ...store import status
from ...store.models.operations import Checkpoint
from ...store.unit import Receipt, Unit
from .. import authority_keys
from ..access import Caller, Endpoints, Scope, by_act, by_role
from ..problem_texts import Code
from ..problems import Problem
from ..schemas.base import BIGGEST, ReceiptOut
from ..schemas.oversight import CheckpointOut, KeyOut, KeysOut, RecordOut, RecordPage, VerifiedOut

api = Endpoints("audit and keys")
_READ = by_act(Act.AUDIT_EXPORT, Scope.WITHIN)
_KEYS = by_role(Role.KEY_ADMINISTRATOR, Role.AUDITOR, scope=Scope.SESSION)
AfterSeq = Annotated[int, Query(ge=0, le=BIGGEST, description="number of the record before the first")]


@api.get("/audit", _READ, "Audit records", response_model=RecordPage)
def records(
    call: Caller,
    after: AfterSeq = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    subject: Annotated[str | None, Query(max_length=64, pattern=r"^[ -~]*$")] = None,
    actor: Annotated[str | None, Query(max_length=64, pattern=r"^[ -~]*$")] = None,
) -> Any:
    """In order of numbers, those done in the own district and below. They hold ids, states and numbers: no names."""
    with call.store.read() as transaction:
        rows = listing.page(transaction, call.actor.place, after=after, limit=limit, subject=subject, actor=actor)
    return RecordPage(
        records=[
            RecordOut(
                seq=row.seq,
                at=row.at,
                act=row.act,
                actor=row.actor,
                role=row.role,
                place=row.place,
                subject=row.subject,
                detail=json.loads(row.detail),
                hash=row.hash,
            )
            for row in rows
        ],
        next=rows[-1].seq if len(rows) == limit else None,
    )


@api.get("/audit/verification", _READ, "Verify the chain", Code.CHAIN_BROKEN, response_model=VerifiedOut)
def verify(call: Caller) -> Any:
    """Every record and every checkpoint, from the first. 409 with the number of the record where it does not hold."""
    keys = authority_keys.audit_keys(call.service.settings.home)
    try:
        with call.store.read() as transaction:
            found = audit_log.verify(transaction, keys)
    except ChainBroken as broken:
        raise Problem(Code.CHAIN_BROKEN, seq=broken.seq, fault=broken.fault) from broken
    return VerifiedOut(
        records=found.records,
        seq=found.seq,
        hash=found.hash,
        checkpoints=found.checkpoints,
        signed_seq=found.signed_seq,
    )


@api.get(
    "/audit/export",
    by_act(Act.AUDIT_EXPORT, Scope.CITY),
    "Export the chain",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}, "description": "docs/DOMAIN.md"}},
)
def export(call: Caller, after: AfterSeq = 0) -> StreamingResponse:
    """A text file that any tool can verify: `permit-issuer audit verify --file`. For the city's auditor only, since a
    chain cannot be cut by district; that it was exported is a record of its own."""
    with call.store.read() as transaction:
        if after > audit_log.size(transaction):
            raise refusal(Reason.INVALID_VALUE, field="after")

    def work(unit: Unit) -> Receipt:
        unit.record(Act.AUDIT_EXPORT, f"audit:{after}")
        return Receipt(act=Act.AUDIT_EXPORT, subject=f"audit:{after}")

    call.store.perform(call.actor, Act.AUDIT_EXPORT, work)

    def lines() -> Iterator[bytes]:
        with call.store.read() as transaction:
            yield from audit_log.export_lines(transaction, after=after)

    return StreamingResponse(lines(), media_type="text/plain; charset=utf-8")


@api.get("/audit/checkpoints", _READ, "Checkpoints", response_model=list[CheckpointOut])
def checkpoints(call: Caller, after: AfterSeq = 0, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> Any:
    """The audit signer's signed words. Keep copies elsewhere: whoever has one is a witness."""
    with call.store.read() as transaction:
        rows = transaction.scalars(
            select(Checkpoint).where(Checkpoint.seq > after).order_by(Checkpoint.seq).limit(limit)
        ).all()
    return [CheckpointOut(seq=row.seq, at=row.at, hash=row.hash, signed=row.signed.hex()) for row in rows]


@api.act(
    "/audit/checkpoints",
    by_act(Act.CHECKPOINT, Scope.CITY),
    "Sign a checkpoint",
    Code.KEYS_UNUSABLE,
    Code.CHAIN_BROKEN,
    response_model=ReceiptOut,
)
def sign_checkpoint(call: Caller) -> Any:
    """The chain is verified from the last checkpoint on, twice, and signed as it stands."""
    keys = call.service.keys
    if keys is None:
        raise Problem(Code.KEYS_UNUSABLE, reason=call.service.keyless)
    try:
        return call.done(authority_keys.sign_checkpoint(keys, call.store, call.actor))
    except ChainBroken as broken:
        raise Problem(Code.CHAIN_BROKEN, seq=broken.seq, fault=broken.fault) from broken


@api.get("/keys", _KEYS, "Keys", response_model=KeysOut)
def keys(call: Caller) -> Any:
    """What they are for, their states and periods; no key material is in reach of this service's answers."""
    service = call.service
    try:
        found = Authority.look(service.settings.home).registry.keys
    except Exception:
        return KeysOut(usable=False, why_not=service.keyless, keys=[])
    lines = [
        KeyOut(
            name=key.name,
            purpose=key.purpose,
            state=key.state,
            active_until=key.active_until,
            signatures=key.signatures,
            cap=key.cap,
        )
        for key in found
        if key.state is not KeyState.DESTROYED
    ]
    return KeysOut(usable=service.keys is not None, why_not=service.keyless, keys=lines)


@api.get("/status-list", _KEYS, "How far the status list is", response_model=dict[str, datetime | int | None])
def status_list(call: Caller) -> Any:
    """`pending` changes that no list says yet, and since when: it must be less than 18 hours."""
    with call.store.read() as transaction:
        waiting = status.pending(transaction)
        since = status.oldest_pending(transaction)
    return {"pending": sum(len(shard.changes) for shard in waiting), "since": since}


@api.act(
    "/status-list",
    by_act(Act.STATUS_PUBLISHED, Scope.CITY),
    "Publish the status list",
    Code.KEYS_UNUSABLE,
    response_model=ReceiptOut,
)
def publish(call: Caller) -> Any:
    """Now, and not only when the clock of the service does."""
    keys = call.service.keys
    if keys is None:
        raise Problem(Code.KEYS_UNUSABLE, reason=call.service.keyless)
    count = authority_keys.publish(keys, call.store, call.actor)
    receipt = Receipt(act=Act.STATUS_PUBLISHED, subject="status-list:all", data={"count": count})
    return call.done(receipt)
