"""Signing in and out, and the choice of the language."""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import replace
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from ...service.access import ANYBODY, token_of
from ...service.problem_texts import Code
from ...service.problems import Problem
from ...service.routers import sessions
from ...service.schemas.people import SignIn
from ...texts import Language
from .. import kept, languages
from ..site import CSRF_FIELD, PREFIX, Page, Site, View

site = Site()
DOOR_COOKIE, SECURE_DOOR_COOKIE = "permit-door", "__Host-permit-door"
"""Before anybody is signed in there is no session that a form could be bound to: it is bound to this cookie, so that
nobody is signed in from another site as somebody else."""
DESK_COOKIE = "permit-desk"
_NEXT = re.compile(r"/desk/[A-Za-z0-9/._-]*(\?[A-Za-z0-9=&%._~+-]*)?", re.ASCII)
_DESK = re.compile(r"[A-Za-z0-9._-]{0,32}", re.ASCII)


@site.page("/sign-in", ANYBODY)
def show(view: View) -> Page:
    """The door. It also serves to sign in as somebody else: any session that the browser had ends then."""
    token = view.request.cookies.get(_door_cookie(view)) or secrets.token_urlsafe(24)
    desk = view.request.cookies.get(DESK_COOKIE, "")
    context = {
        "door": token,
        "next": _next(view.text("next") if view.sent else view.asked("next")),
        "desk": desk if _DESK.fullmatch(desk) else "",
        "readers": sorted(view.service.settings.readers),
        "ended": "ended" if view.asked("ended", 1) == "1" else "",
        "kept": view.text("kept"),
    }
    return Page(template="sign_in.html", title="sign.title", context=context, cookies={_door_cookie(view): token})


def again(view: View, sealed: str) -> Page:
    """The door in the way of a form that came when the session was over; it carries what was typed, `sealed`."""
    page = show(view)
    context = {**page.context, "next": _next(view.request.url.path), "ended": "too-late", "kept": sealed}
    return replace(page, context=context, status=401)


@site.form("/sign-in", ANYBODY, back=show)
def sign_in(view: View) -> Response:
    """By the API's own sign-in: the same lock-out, the same cookie, always a new session. Whoever had been filling in a
    form when their session ended goes on there."""
    expected = view.request.cookies.get(_door_cookie(view), "")
    if not expected or not hmac.compare_digest(expected.encode(), view.text(CSRF_FIELD).encode()):
        raise Problem(Code.CSRF)
    password = view.typed.get("password")
    body = SignIn(
        name=view.text("name").lower(),
        password=password if isinstance(password, str) else "",
        desk=view.text("desk"),
    )
    from ..app import render

    wanted, sealed, jar = _next(view.text("next")), view.text("kept"), Response()
    signed = sessions.sign_in(body, view.request, jar)
    answer: Response = RedirectResponse(wanted, 303)
    if sealed and kept.opened(view.service, signed.operator, wanted, sealed):
        context = {"path": wanted, "kept": sealed, "csrf": signed.csrf}
        answer = render(view, Page(template="given_back.html", title="sign.again", context=context))
    answer.raw_headers += [header for header in jar.raw_headers if header[0] == b"set-cookie"]
    secure = view.service.settings.secure
    answer.delete_cookie(_door_cookie(view), path="/", secure=secure, httponly=True, samesite="strict")
    answer.set_cookie(
        DESK_COOKIE, body.desk, max_age=365 * 86400, path="/", secure=secure, httponly=True, samesite="strict"
    )
    return answer


def _today(view: View) -> Page:
    from .today import show as today

    return today(view)


@site.form("/sign-out", sessions.sign_out, back=_today)
def sign_out(view: View) -> Response:
    """Here and now."""
    answer = RedirectResponse(f"{PREFIX}/sign-in", 303)
    sessions.sign_out(view.call, answer)
    answer.headers["Clear-Site-Data"] = '"cache"'
    return answer


@site.form("/language", ANYBODY, back=show)
def choose(view: View) -> Response:
    """For pages without a form; where there is one, its own address takes the choice, and keeps what was typed."""
    wanted = view.text("to")
    answer = RedirectResponse(_next(view.text("next")), 303)
    if wanted in set(Language):
        languages.keep(answer, Language(wanted), secure=view.service.settings.secure)
    return answer


def door(request: Request) -> str:
    """The address of the door, which leads back to where one wanted to go."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    token, _ = token_of(request, request.app.state.service)
    ended = "&ended=1" if token else ""
    return f"{PREFIX}/sign-in?next={quote(_next(wanted), safe='')}{ended}"


def _next(wanted: str) -> str:
    """Only ever a page of the desk."""
    found = _NEXT.fullmatch(wanted) is not None and "//" not in wanted and not wanted.startswith(f"{PREFIX}/sign-")
    return wanted if found else f"{PREFIX}/"


def _door_cookie(view: View) -> str:
    return SECURE_DOOR_COOKIE if view.service.settings.secure else DOOR_COOKIE
