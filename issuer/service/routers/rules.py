"""Rule sets: versioned data, looked at before they are put in force."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import Path, Request
from sqlalchemy import func, select, update

from card_profiles.entitlements import catalogue

from ...domain.reasons import Reason, refusal
from ...domain.roles import Act
from ...rules import effect as effects
from ...rules import lint as linting
from ...rules import rule_set as rule_sets
from ...rules.faults import RulesRefused
from ...store.models.people import Holder
from ...store.models.permits import RuleSet
from ...store.unit import Receipt, Unit
from .. import entitlements
from ..access import PEOPLE, Call, Caller, Endpoints, Scope, by_act, by_role
from ..problem_texts import Code
from ..problems import Fault, Problem
from ..runs import Job
from ..schemas.base import ReceiptOut
from ..schemas.oversight import FindingOut, JobOut, LintOut, RuleSetOut
from .holders import today

api = Endpoints("rules")
VersionPath = Annotated[str, Path(pattern=r"^[0-9A-Za-z.-]{1,64}$", max_length=64)]
JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,40}$", max_length=40)]
_READ = by_role(*PEOPLE, scope=Scope.SESSION)
_WRITE = by_act(Act.ACTIVATE_RULES, Scope.CITY)
_DOCUMENT = {
    "requestBody": {
        "required": True,
        "description": "a rule set as docs/RULES.md describes it",
        "content": {"application/json": {"schema": {"type": "object"}}},
    }
}


@api.get("/rule-sets", _READ, "Rule sets", response_model=list[RuleSetOut])
def versions(call: Caller) -> Any:
    """All that were handed in; one is active."""
    with call.store.read() as transaction:
        rows = transaction.scalars(select(RuleSet).order_by(RuleSet.created_at, RuleSet.version)).all()
    return [
        RuleSetOut(
            version=row.version,
            state=row.state,
            digest=row.digest,
            created_at=row.created_at,
            activated_at=row.activated_at,
        )
        for row in rows
    ]


@api.get("/rule-sets/{version}", _READ, "A rule set", Code.NO_RULE_SET, response_model=dict[str, Any])
def document(version: VersionPath, call: Caller) -> Any:
    """As it was handed in."""
    return json.loads(_stored(call, version).document)


@api.act(
    "/rule-sets",
    _WRITE,
    "Hand in a rule set",
    Reason.NAME_TAKEN,
    Code.RULES_MISTAKES,
    status_code=201,
    response_model=ReceiptOut,
    openapi_extra=_DOCUMENT,
)
async def upload(call: Caller, request: Request) -> Any:
    """As a draft. All mistakes are told at once; whether it makes sense, the check says."""
    from starlette.concurrency import run_in_threadpool

    raw = await request.body()
    return await run_in_threadpool(hand_in, call, raw)


@api.get("/rule-sets/{version}/check", _READ, "Check a rule set", Code.NO_RULE_SET, response_model=LintOut)
def check(version: VersionPath, call: Caller) -> Any:
    """What the parser cannot see: services without a rule, contradictions, parts that do nothing, more that loses."""
    found = entitlements.compiled(_stored(call, version).document)
    findings = linting.lint(found, catalogue.load())
    return LintOut(
        version=found.version,
        digest=found.digest,
        sound=not any(item.severity is linting.Severity.ERROR for item in findings),
        findings=[
            FindingOut(path=item.path, flaw=item.flaw, subject=item.subject, severity=item.severity)
            for item in findings
        ],
    )


@api.other(
    "POST",
    "/rule-sets/{version}/effect",
    _WRITE,
    "Compute the effect",
    Code.NO_RULE_SET,
    status_code=202,
    response_model=JobOut,
)
def effect(version: VersionPath, call: Caller) -> Any:
    """What this version would change, over all holders, beside the one in force. Look at it until it is done."""
    new = entitlements.compiled(_stored(call, version).document)
    day, store = today(call), call.store
    with store.read() as transaction:
        old = entitlements.active(transaction)
        total = transaction.scalar(select(func.count()).select_from(Holder)) or 0

    def work(progress: Any) -> dict[str, Any]:
        with store.read() as transaction:
            return effects.record(effects.effect(old, new, entitlements.rows(transaction), day, progress))

    return _job(call.service.jobs.begin(total, work))


@api.get("/effects/{job}", _WRITE, "The effect of a rule set", Code.NO_RUN, response_model=JobOut)
def effect_of(job: JobId, call: Caller) -> Any:
    """How far the computation is; `result` when it is done: who gains, who loses, by service and class, with
    examples."""
    return _job(call.service.jobs.find(job))


@api.act(
    "/rule-sets/{version}/activate",
    _WRITE,
    "Activate a rule set",
    Code.NO_RULE_SET,
    Code.RULES_UNSOUND,
    Reason.WRONG_STATE,
    response_model=ReceiptOut,
)
def activate(version: VersionPath, call: Caller) -> Any:
    """From here on it decides; the one before is retired. Refused while the check finds an error. What holders have
    changes at their next endorsement or change of entitlements."""
    found = entitlements.compiled(_stored(call, version).document)
    findings = [item for item in linting.lint(found, catalogue.load()) if item.severity is linting.Severity.ERROR]
    if findings:
        raise Problem(
            Code.RULES_UNSOUND, errors=[Fault(at=item.path or "rules", what=item.flaw) for item in findings[:100]]
        )

    def work(unit: Unit) -> Receipt:
        row = unit.transaction.get_one(RuleSet, version, with_for_update=True)
        if row.state != "draft":
            raise refusal(Reason.WRONG_STATE, table="rule set", state=row.state, event="activate")
        unit.transaction.execute(update(RuleSet).where(RuleSet.state == "active").values(state="retired"))
        row.state, row.activated_at = "active", unit.now
        unit.record(Act.ACTIVATE_RULES, f"rule-set:{version}"[:64], digest=row.digest)
        return Receipt(act=Act.ACTIVATE_RULES, subject=f"rule-set:{version}"[:64], state="active")

    return call.done(
        call.store.perform(call.actor, Act.ACTIVATE_RULES, work, key=call.key, request={"activate": version})
    )


def hand_in(call: Call, raw: bytes) -> Receipt:
    """Keep a rule set as a draft. Raises Problem(RULES_MISTAKES, MALFORMED)."""
    try:
        found = rule_sets.parse(raw)
        text = raw.decode()
    except RulesRefused as refused:
        raise entitlements.mistakes(refused, "body") from refused
    except ValueError as error:
        raise Problem(Code.MALFORMED) from error
    if "\0" in text or "\\u0000" in text:
        raise Problem(Code.MALFORMED)

    def work(unit: Unit) -> Receipt:
        unit.transaction.add(
            RuleSet(
                version=found.version,
                state="draft",
                document=text,
                digest=found.digest,
                created_at=unit.now,
                created_by=unit.actor.operator,
            )
        )
        unit.transaction.flush()
        subject = f"rule-set:{found.version}"[:64]
        unit.record(Act.ACTIVATE_RULES, subject, digest=found.digest, step="handed-in")
        return Receipt(act=Act.ACTIVATE_RULES, subject=subject, state="draft", data={"version": found.version})

    request = {"rule_set": found.digest}
    return call.done(call.store.perform(call.actor, Act.ACTIVATE_RULES, work, key=call.key, request=request))


def _stored(call: Caller, version: str) -> RuleSet:
    with call.store.read() as transaction:
        row = transaction.get(RuleSet, version)
    if row is None:
        raise Problem(Code.NO_RULE_SET, version=version)
    return row


def _job(job: Job) -> JobOut:
    return JobOut(id=job.id, state=job.state, done=job.done, total=job.total, result=job.result)
