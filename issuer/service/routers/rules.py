"""Rule sets: versioned data, looked at before they are put in force."""

from __future__ import annotations

import json
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any

from fastapi import Path, Query, Request
from sqlalchemy import select, update

from card_profiles.entitlements import catalogue

from ...domain.reasons import Reason, refusal
from ...domain.roles import Act, Role
from ...rules import lint as linting
from ...rules import rule_set as rule_sets
from ...rules import texts
from ...rules.changes import Rule
from ...rules.changes import changes as compare
from ...rules.faults import RulesRefused
from ...store.models.permits import RuleSet
from ...store.unit import Receipt, Unit
from ...texts import Language
from .. import effects, entitlements
from ..access import PEOPLE, Call, Caller, Endpoints, Scope, by_act, by_role
from ..problem_texts import Code
from ..problems import Fault, Problem, language
from ..schemas.base import BIGGEST, ReceiptOut
from ..schemas.effects import JobOut
from ..schemas.oversight import ConditionOut, FindingOut, LintOut, RuleChangeOut, RuleChangesOut, RuleOut, RuleSetOut
from .holders import today

api = Endpoints("rules")
VersionPath = Annotated[str, Path(pattern=r"^[0-9A-Za-z.-]{1,64}$", max_length=64)]
JobId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,40}$", max_length=40)]
DistrictQuery = Annotated[int | None, Query(ge=1, le=BIGGEST, description="a district's id; else the caller's own")]
_READ = by_role(*PEOPLE, scope=Scope.SESSION)
_LOOK = by_role(Role.APPROVER, Role.AUDITOR, Role.KEY_ADMINISTRATOR, scope=Scope.WITHIN)
_PLACES = (Reason.NO_DISTRICT, Reason.DISTRICT)
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
    decided = _in_turn(rows)
    replaced = {row.version: next_.activated_at for row, next_ in pairwise(decided)}
    found = []
    for row in rows:
        document = json.loads(row.document)
        found.append(
            RuleSetOut(
                version=row.version,
                state=row.state,
                digest=row.digest,
                zh=document["zh"],
                en=document["en"],
                effective_from=document["effective_from"],
                created_at=row.created_at,
                activated_at=row.activated_at,
                replaced_at=replaced.get(row.version),
            )
        )
    return found


@api.get("/rule-sets/{version}", _READ, "A rule set", Code.NO_RULE_SET, response_model=dict[str, Any])
def document(version: VersionPath, call: Caller) -> Any:
    """As it was handed in."""
    return json.loads(_stored(call, version).document)


@api.get(
    "/rule-sets/{version}/changes", _READ, "What a rule set changes", Code.NO_RULE_SET, response_model=RuleChangesOut
)
def changes(version: VersionPath, call: Caller, request: Request) -> Any:
    """Rule by rule and in words, beside the version in force; for one that is or was in force, beside the one before
    it. The effect on holders is another endpoint."""
    return told_changes(call, version, language(request))


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
    job = effects.begin(call.service.jobs, call.store, new, today(call))
    return effects.shown(job, call.store, call.actor.place, None)


@api.get("/rule-sets/{version}/effect", _LOOK, "The latest effect", Code.NO_RUN, *_PLACES, response_model=JobOut)
def latest_effect(version: VersionPath, call: Caller, district: DistrictQuery = None) -> Any:
    """The computation that was begun last for this version in this process, as the next endpoint shows it."""
    job = call.service.jobs.latest(version)
    if job is None:
        raise Problem(Code.NO_RUN)
    return effects.shown(job, call.store, call.actor.place, district)


@api.get("/effects/{job}", _LOOK, "The effect of a rule set", Code.NO_RUN, *_PLACES, response_model=JobOut)
def effect_of(job: JobId, call: Caller, district: DistrictQuery = None) -> Any:
    """How far the computation is; `result` when it is done: who gains, who loses, by class, by service and by
    district, with examples. It is what concerns a district and those below it: the one that is asked for, or else the
    caller's own; what lies beyond the caller's own is shown to nobody."""
    return effects.shown(call.service.jobs.find(job), call.store, call.actor.place, district)


@api.other("DELETE", "/effects/{job}", _WRITE, "Stop computing an effect", Code.NO_RUN, response_model=JobOut)
def stop_effect(job: JobId, call: Caller) -> Any:
    """It ends within moments (`stopped`), and nothing has changed by it. One that has ended stays as it is."""
    found = call.service.jobs.find(job)
    found.stop.set()
    return effects.shown(found, call.store, call.actor.place, None)


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


def told_changes(call: Call, version: str, lang: Language) -> RuleChangesOut:
    """Of `changes`, in a language. Raises Problem(NO_RULE_SET)."""
    row = _stored(call, version)
    with call.store.read() as transaction:
        decided = _in_turn(transaction.scalars(select(RuleSet)).all())
    places = {one.version: place for place, one in enumerate(decided)}
    earlier = decided[: places.get(version, len(decided))]
    if not earlier:
        return RuleChangesOut(version=version, against=None, changes=[])
    against = earlier[-1]
    services = catalogue.load()

    def told(rule: Rule | None) -> RuleOut | None:
        if rule is None:
            return None
        words = [ConditionOut(text=texts.condition_text(item.node, lang), other=item.other) for item in rule.conditions]
        return RuleOut(one_of=rule.one_of, conditions=words)

    found = compare(entitlements.compiled(against.document), entitlements.compiled(row.document))
    return RuleChangesOut(
        version=version,
        against=against.version,
        changes=[
            RuleChangeOut(
                goal=item.goal,
                title=texts.title(item.goal, services, lang),
                kind=item.kind.value,
                before=told(item.before),
                after=told(item.after),
            )
            for item in found
        ],
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


def _in_turn(rows: Sequence[RuleSet]) -> list[RuleSet]:
    """Those that have decided, the one in force last."""
    decided = [row for row in rows if row.activated_at is not None]
    return sorted(decided, key=lambda row: (row.activated_at, row.state == "active"))


def _stored(call: Caller, version: str) -> RuleSet:
    with call.store.read() as transaction:
        row = transaction.get(RuleSet, version)
    if row is None:
        raise Problem(Code.NO_RULE_SET, version=version)
    return row
