"""Around every request: an id, a limit on what it may send, headers that keep browsers careful, a line in the log."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import logs, problems
from .metrics import Metrics
from .problem_texts import Code
from .problems import Problem

DEFAULT_LIMIT = 64 * 1024
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
}
_UNKNOWN = "(none)"


class Surroundings:
    """The middleware. `limit` gives the greatest body for a path, in bytes."""

    def __init__(self, app: ASGIApp, *, metrics: Metrics, secure: bool, limit: Callable[[str], int]) -> None:
        self._app = app
        self._metrics = metrics
        self._limit = limit
        self._headers = dict(_HEADERS)
        if secure:
            self._headers["Strict-Transport-Security"] = "max-age=31536000"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        request = str(uuid.uuid4())
        scope["permit.request"] = request
        status, begun = 500, False

        async def sending(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        failed: BaseException | None = None
        try:
            await self._app(scope, _limited(receive, self._limit(scope["path"])), sending)
        except Exception as error:
            failed = error
            if begun:
                raise
            await problems.response(Problem(Code.INTERNAL), Request(scope))(scope, receive, sending)
        finally:
            self._tell(scope, request, status, time.monotonic() - started, failed)

    def _tell(self, scope: Scope, request: str, status: int, seconds: float, failed: BaseException | None) -> None:
        route, problem = getattr(scope.get("route"), "path", _UNKNOWN), scope.get("permit.problem")
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        self._metrics.requests.labels(method, route, str(status)).observe(seconds)
        if problem is not None:
            self._metrics.problems.labels(problem).inc()
        logs.log(
            "request",
            level=logging.ERROR if status >= 500 else logging.INFO,
            error=failed or scope.get("permit.error"),
            request=request,
            method=method,
            route=route,
            status=status,
            problem=problem,
            milliseconds=round(seconds * 1000, 1),
            operator=scope.get("permit.operator"),
        )


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


def _limited(receive: Receive, limit: int) -> Receive:
    """What a client sends, up to `limit` bytes; more is 413, however it was announced."""
    taken = 0

    async def receiving() -> Message:
        nonlocal taken
        message = await receive()
        if message["type"] == "http.request":
            taken += len(message.get("body", b""))
            if taken > limit:
                raise HTTPException(413, str(limit))
        return message

    return receiving
