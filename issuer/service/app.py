"""The application: endpoints, how refusals are answered, and the description of both."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from sqlalchemy.exc import DataError, OperationalError, SQLAlchemyError
from starlette.exceptions import HTTPException

from ..domain.reasons import ActRefused, Reason
from ..pages import app as pages
from ..photo import MAX_INPUT
from . import problems
from .access import CSRF_HEADER, PREFIX
from .clockwork import Clockwork
from .middleware import DEFAULT_LIMIT, Surroundings
from .problem_texts import Code
from .problems import Fault, Problem
from .routers import (
    agents,
    applications,
    audit,
    holders,
    operations,
    paper,
    permit_acts,
    permits,
    photos,
    rules,
    sessions,
    staff,
    stock,
    writing,
)
from .state import Service

VERSION = "1"
ROUTERS = (
    sessions.api.router,
    staff.api.router,
    holders.api.router,
    applications.api.router,
    photos.api.router,
    paper.api.router,
    writing.api.router,
    agents.api.router,
    permits.api.router,
    permit_acts.api.router,
    stock.api.router,
    rules.api.router,
    audit.api.router,
    operations.router,
)
PHOTO_LIMIT = MAX_INPUT
RULES_LIMIT = 1024 * 1024
_BY_STATUS: Mapping[int, Code] = MappingProxyType(
    {
        400: Code.MALFORMED,
        404: Code.NO_SUCH_RESOURCE,
        405: Code.METHOD,
        406: Code.NOT_ACCEPTABLE,
        413: Code.TOO_LARGE,
        415: Code.MEDIA_TYPE,
    }
)
_DESCRIPTION = """
The acts of an issuing office. Every permission is declared on its endpoint (`x-roles`, `x-scope`); a refusal is a
problem (RFC 9457) that says what happened and what to do, in Chinese or English by `Accept-Language`.

* **Signing in**: `POST /api/v1/session`. Browsers: a cookie, and `X-CSRF-Token` on everything but GET. Programs:
  `program: true` gives a token for `Authorization: Bearer`.
* **Once, whatever happens**: each act takes an `Idempotency-Key`. Repeat a request that was not answered, with its key:
  it is carried out once and answered the same.
* **Nobody is overwritten**: what can change has an `ETag`; give it as `If-Match`, and the act is refused with 412 when
  it has changed since. Of two desks at the same moment one gets 409.
"""


def create_app(service: Service) -> FastAPI:
    """The application over an opened service."""
    clockwork = Clockwork(service)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        pages.warm()
        clockwork.start()
        try:
            yield
        finally:
            clockwork.stop()

    app = FastAPI(
        title="Residence permits: issuing service",
        version=VERSION,
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{PREFIX}/openapi.json",
        lifespan=lifespan,
        redirect_slashes=False,
    )
    app.state.service = service
    for router in ROUTERS:
        app.include_router(router)
    app.add_middleware(Surroundings, metrics=service.metrics, secure=service.settings.secure, limit=body_limit)
    _answer_refusals(app)
    _describe(app, service)
    pages.mount(app, service)
    return app


def body_limit(path: str) -> int:
    """The greatest body, in bytes."""
    if path.endswith(("/photo", photos.CHECK)):
        return PHOTO_LIMIT
    return RULES_LIMIT if path.startswith((f"{PREFIX}/rule-sets", "/desk/rules")) else DEFAULT_LIMIT


def _answer_refusals(app: FastAPI) -> None:
    @app.exception_handler(Problem)
    async def problem(request: Request, error: Problem) -> Response:
        return problems.response(error, request)

    @app.exception_handler(ActRefused)
    async def refused(request: Request, error: ActRefused) -> Response:
        return problems.response(problems.of_refusal(error, request), request)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        found = error.errors()
        if any(item["type"] == "json_invalid" for item in found):
            return problems.response(Problem(Code.MALFORMED), request)
        faults = [Fault(at=".".join(str(part) for part in item["loc"])[:200], what=_what(item)) for item in found[:50]]
        return problems.response(Problem(Reason.INVALID_VALUE, errors=faults), request)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        code = _BY_STATUS.get(error.status_code, Code.MALFORMED)
        facts = {"limit": error.detail} if code is Code.TOO_LARGE else {}
        headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
        return problems.response(Problem(code, headers=headers, facts=facts), request)

    @app.exception_handler(SQLAlchemyError)
    async def database(request: Request, error: SQLAlchemyError) -> Response:
        if isinstance(error, DataError):  # what no column can hold
            return problems.response(Problem(Reason.INVALID_VALUE), request)
        request.scope["permit.error"] = error
        away = isinstance(error, OperationalError)
        headers = {"Retry-After": "2"} if away else {}
        return problems.response(Problem(Code.UNAVAILABLE if away else Code.INTERNAL, headers=headers), request)


def _what(item: Any) -> str:
    """What is wrong, without what was handed in."""
    context = item.get("ctx") or {}
    limits = {name: context[name] for name in context if name not in ("error", "input_value")}
    told = ", ".join(f"{name}={value}" for name, value in limits.items())
    return f"{item['type']}{f' ({told})' if told else ''}"[:300]


def _describe(app: FastAPI, service: Service) -> None:
    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            tree = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            schemes = tree.setdefault("components", {}).setdefault("securitySchemes", {})
            schemes["session"] = {
                "type": "apiKey",
                "in": "cookie",
                "name": service.cookie,
                "description": f"with the header {CSRF_HEADER} on everything but GET",
            }
            schemes["bearer"] = {"type": "http", "scheme": "bearer"}
            for operations_of in tree["paths"].values():
                for operation in operations_of.values():
                    _only_problems(operation)
            app.openapi_schema = tree
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _only_problems(operation: dict[str, Any]) -> None:
    """Refusals are of one media type; FastAPI describes the usual one beside it."""
    for status, answer in operation["responses"].items():
        if status >= "400":
            answer.get("content", {}).pop("application/json", None)
            answer.setdefault("headers", {})
