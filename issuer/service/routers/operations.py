"""For those who run the service: whether it lives, whether it is ready, its figures, and the pages of problems."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from ...store import migrate
from ..access import documented
from ..metrics import CONTENT_TYPE
from ..problem_texts import TEXTS, Code
from ..problems import STATUS, Problem
from ..schemas.base import Out
from ..state import Service

router = APIRouter(tags=["operations"])
_OPEN: dict[str, Any] = {"security": [], "x-roles": [], "x-scope": "open", "x-act": None}


class Health(Out):
    status: str


class Ready(Out):
    status: str
    schema_version: str
    keys: bool


class ProblemPage(Out):
    code: str
    status: int
    title: dict[str, str]
    action: dict[str, str]


@router.get("/healthz", summary="Alive", response_model=Health, openapi_extra=_OPEN)
def healthz() -> Any:
    """The process answers. Nothing else is looked at: who restarts it on this answer must not restart it for a database
    that is away."""
    return Health(status="alive")


@router.get(
    "/readyz",
    summary="Ready",
    response_model=Ready,
    responses=documented((Code.UNAVAILABLE,)),
    openapi_extra=_OPEN,
)
def readyz(request: Request) -> Any:
    """The database answers and has the schema of this program. `keys`: this process can write cards."""
    service: Service = request.app.state.service
    try:
        with service.store.read() as transaction:
            transaction.execute(text("SELECT 1"))
        migrate.require_current(service.engine)
    except (SQLAlchemyError, migrate.SchemaOutdated) as error:
        raise Problem(Code.UNAVAILABLE, reason=type(error).__name__) from error
    return Ready(status="ready", schema_version=migrate.head(), keys=service.keys is not None)


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    openapi_extra=_OPEN,
)
def metrics(request: Request) -> Response:
    """Counts and times by route, status, code and act; nothing about persons. Let the proxy keep it from the world."""
    service: Service = request.app.state.service
    return Response(service.metrics.render(), headers={"Content-Type": CONTENT_TYPE})


@router.get(
    "/problems/{code}",
    summary="What a problem means",
    response_model=ProblemPage,
    responses=documented((Code.NO_SUCH_RESOURCE,)),
    openapi_extra=_OPEN,
)
def problem(code: str) -> Any:
    """The page that `type` of a problem points to: what happened and what to do, in both languages."""
    found = TEXTS.get(code)
    if found is None:
        raise Problem(Code.NO_SUCH_RESOURCE)
    return ProblemPage(
        code=code,
        status=STATUS[code],
        title={"zh": found.title[0], "en": found.title[1]},
        action={"zh": found.action[0], "en": found.action[1]},
    )
