"""Writing cards: a run is begun, watched, and ends by itself; what counts stands in the journal."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Path, Query, Request

from ...acts import production
from ...domain.reasons import Reason, refusal
from ...domain.roles import Act
from ...errors import Refused
from ...store.models.permits import Application
from ...texts import refusal_lines
from .. import card_runs
from ..access import Caller, Endpoints, Scope, by_act
from ..problem_texts import Code
from ..problems import Problem, body, language, of_refusal, request_id
from ..runs import Run
from ..schemas.base import ProblemOut
from ..schemas.writing import PlanLine, RunEvent, RunEvents, RunIn, RunOut, RunProgress
from .applications import ApplicationId
from .holders import within
from .permits import Number, dossier

api = Endpoints("writing cards")
RunId = Annotated[str, Path(pattern=r"^[A-Za-z0-9_-]{1,40}$", max_length=40)]
_WATCH = by_act(Act.PERSONALISE, Scope.SESSION)


@api.act(
    "/applications/{application}/personalisation",
    by_act(Act.PERSONALISE),
    "Write the card",
    Reason.NO_APPLICATION,
    Reason.WRONG_STATE,
    Reason.NO_CARD,
    Reason.CHECKLIST_INCOMPLETE,
    Code.NO_READER,
    Code.READER_ELSEWHERE,
    Code.READER_BUSY,
    Code.KEYS_UNUSABLE,
    status_code=202,
    response_model=RunOut,
)
def personalise(application: ApplicationId, body: RunIn, call: Caller, request: Request) -> Any:
    """Begin, or go on with what was cut off: assemble, sign, cross-check, write, read back as a counter would, put in
    force. The answer is the plan; `GET /runs/{run}` tells how far it is. After a tear, put the same card back and begin
    again."""
    if (before := _repeated(call, "issue", body.reader)) is not None:
        return _out(before, call, request)
    with call.store.read() as transaction:
        waiting = within(
            transaction, transaction.get(Application, application), call.actor.place, Reason.NO_APPLICATION
        )
        order = production.production_order(transaction, call.actor, waiting.id)
    return _out(card_runs.begin_issue(call, order, body.reader, body.can), call, request)


@api.act(
    "/permits/{number}/card-update",
    by_act(Act.ENDORSE),
    "Write the endorsement",
    Reason.NO_PERMIT,
    Reason.WRONG_STATE,
    Reason.NO_CARD,
    Code.NO_READER,
    Code.READER_ELSEWHERE,
    Code.READER_BUSY,
    Code.KEYS_UNUSABLE,
    status_code=202,
    response_model=RunOut,
)
def update_card(number: Number, body: RunIn, call: Caller, request: Request) -> Any:
    """The card in the reader is read, and written so that it says what the permit says; `changes` is old → new as it
    stands on the card. It is opened by the CAN, or by the MRZ out of the register."""
    if (before := _repeated(call, "endorse", body.reader)) is not None:
        return _out(before, call, request)
    with call.store.read() as transaction:
        found = dossier(transaction, number, call)
    return _out(card_runs.begin_update(call, found, body.reader, body.can), call, request)


@api.get("/runs/{run}", _WATCH, "How far a run is", Code.NO_RUN, response_model=RunOut)
def run(run: RunId, call: Caller, request: Request) -> Any:
    """For the operator who began it, on the process that has the reader. After a restart there is none: look at the
    application."""
    return _out(_own(run, call), call, request)


@api.get("/runs/{run}/events", _WATCH, "What a run did", Code.NO_RUN, response_model=RunEvents)
def events(
    run: RunId,
    call: Caller,
    after: Annotated[int, Query(ge=0, le=10_000, description="`next` of the answer before")] = 0,
    wait: Annotated[float, Query(ge=0, le=20, description="seconds to wait for the end when nothing is new")] = 0,
) -> Any:
    """Step by step; with `wait` it answers when the run has ended, or that many seconds later."""
    found = _own(run, call)
    if wait and len(found.happenings) <= after:
        found.ended.wait(wait)
    new = [happening for happening in list(found.happenings) if happening.number > after]
    return RunEvents(
        events=[RunEvent(number=item.number, at=item.at, what=item.what, file=item.file) for item in new],
        next=new[-1].number if new else after,
        ended=found.ended.is_set(),
    )


def _repeated(call: Caller, kind: str, reader: str) -> Run | None:
    """The run of this key, also when what it was begun for has moved on since. Raises ActRefused(KEY_REUSED)."""
    before = call.service.runs.repeated(call.actor.operator, call.key or "")
    if before is not None and (before.kind, before.reader) != (kind, reader):
        raise refusal(Reason.KEY_REUSED, act=before.kind)
    return before


def _own(run: str, call: Caller) -> Run:
    found = call.service.runs.find(run)
    if found.operator != call.actor.operator:
        raise Problem(Code.NO_RUN)
    return found


def _out(found: Run, call: Caller, request: Request) -> RunOut:
    progress = found.progress
    return RunOut(
        id=found.id,
        kind=found.kind,
        state=found.state,
        reader=found.reader,
        permit=found.permit,
        plan=[PlanLine(**line) for line in found.plan],
        progress=None
        if progress is None
        else RunProgress(
            step=progress.step.kind.value,
            file=progress.step.file,
            position=progress.position,
            steps=progress.steps,
            bytes_done=progress.bytes_done,
            bytes_total=progress.bytes_total,
            seconds_left=progress.seconds_left,
        ),
        can=found.can,
        changes=[dict(change) for change in found.changes],
        serial=found.serial,
        resumed=found.resumed,
        seconds=found.seconds,
        problem=None if found.failure is None else _failure(found.failure, request),
    )


def _failure(failure: BaseException, request: Request) -> ProblemOut:
    """What went wrong at the card, as a problem; the texts are those of the command line."""
    from ...domain.reasons import ActRefused
    from ..problems import Problem as AnyProblem

    lang = language(request)
    if isinstance(failure, AnyProblem):
        return ProblemOut(**body(failure, lang, request_id(request)))
    if isinstance(failure, ActRefused):
        return ProblemOut(**body(of_refusal(failure, request), lang, request_id(request)))
    if not isinstance(failure, Refused):
        return ProblemOut(**body(AnyProblem(Code.INTERNAL), lang, request_id(request)))
    line = refusal_lines(failure, lang)[0]
    title, _, action = line.partition("：" if "：" in line else ": ")
    return ProblemOut(
        type=f"/problems/{failure.reason.value}",
        title=title,
        status=409,
        detail=line,
        action=action or line,
        instance=f"urn:uuid:{request_id(request)}",
        code=failure.reason.value,
    )
