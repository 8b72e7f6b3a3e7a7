"""Signing in and out."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from ...domain.reasons import Reason
from ...store.models.people import District
from ..access import ANYBODY, SIGNED_IN, Caller, Endpoints, token_of
from ..schemas.people import SessionOut, SignIn
from ..sessions import Present, csrf_of
from ..state import Service

api = Endpoints("session")


@api.other(
    "POST",
    "/session",
    ANYBODY,
    "Sign in",
    Reason.CREDENTIALS,
    Reason.LOCKED_OUT,
    Reason.INVALID_VALUE,
    response_model=SessionOut,
)
def sign_in(body: SignIn, request: Request, response: Response) -> Any:
    """A browser gets a cookie that scripts cannot read and, in the answer, the token for the header X-CSRF-Token. A
    program (`program: true`) gets a token for `Authorization: Bearer` and no cookie. Any session that the browser had
    ends. After five failures in a row the account is locked, for 30 seconds first and twice as long each time after."""
    service: Service = request.app.state.service
    before, _ = token_of(request, service)
    try:
        done = service.sessions.sign_in(
            body.name, body.password, desk=body.desk, program=body.program, before=before or None
        )
    except Exception:
        service.metrics.sign_in_failures.inc()
        raise
    if not body.program:
        response.set_cookie(
            service.cookie,
            done.token,
            max_age=done.seconds,
            path="/",
            secure=service.settings.secure,
            httponly=True,
            samesite="strict",
        )
    present = service.sessions.present(done.token)
    assert present is not None
    token = done.token if body.program else None
    return _session(service, present, csrf=done.csrf, token=token, seconds=done.seconds)


@api.get("/session", SIGNED_IN, "Who is signed in", response_model=SessionOut)
def me(call: Caller, request: Request) -> Any:
    """Oneself: role, district, desk, and the CSRF token again, for a page that was loaded anew."""
    token, by_cookie = token_of(request, call.service)
    return _session(call.service, call.present, csrf=csrf_of(token) if by_cookie else "")


@api.other("DELETE", "/session", SIGNED_IN, "Sign out", status_code=204)
def sign_out(call: Caller, response: Response) -> None:
    """The session ends here and now; its token is of no use any more."""
    call.service.sessions.sign_out(call.present)
    response.delete_cookie(call.service.cookie, path="/", secure=call.service.settings.secure, httponly=True)


def _session(
    service: Service, present: Present, *, csrf: str, token: str | None = None, seconds: int | None = None
) -> SessionOut:
    actor = present.actor
    with service.store.read() as transaction:
        place = transaction.get_one(District, actor.place.id)
    return SessionOut(
        operator=actor.operator,
        name=actor.name,
        display_name=present.display_name,
        role=actor.role,
        district=place.id,
        district_path=place.path,
        desk=present.desk,
        csrf=csrf,
        token=token,
        expires_in=seconds,
    )
