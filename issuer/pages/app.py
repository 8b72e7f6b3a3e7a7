"""The pages as an application below ``/desk``: rendered by Jinja with everything escaped, under a policy that lets no
script, style or form in that is not the desk's own."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from ..domain.reasons import ActRefused
from ..domain.roles import Act
from ..service.problem_texts import Code
from ..service.problems import Problem, of_refusal, request_id
from ..service.state import Service
from ..store.models.people import District
from ..texts import Language
from . import days, languages, refusals
from .navigation import entries
from .parts import PARTS
from .receipts import shown
from .site import PREFIX, Page, View, new_key, routes
from .texts import known

HERE = Path(__file__).parent
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), payment=()",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
    "Vary": "Cookie, Accept-Language",
}
_ASSET_DAYS = 1
_BY_STATUS = {
    404: Code.NO_SUCH_RESOURCE,
    405: Code.METHOD,
    413: Code.TOO_LARGE,
}


def mount(app: FastAPI, service: Service) -> None:
    """Put the pages below ``/desk``, and the door to them at ``/``."""
    declared = [item for part in PARTS for item in part.declared]
    pages = Starlette(
        routes=[
            Mount("/static", _Static(directory=HERE / "static")),
            *routes(declared, render),
        ],
        exception_handlers={
            Problem: _failed,
            ActRefused: _failed,
            HTTPException: _failed,
            SQLAlchemyError: _failed,
        },
    )
    pages.state.service = service
    pages.router.redirect_slashes = False
    app.mount(PREFIX, languages.ChosenLanguage(pages))
    app.add_route("/", _door, methods=["GET"], include_in_schema=False)


async def _door(_request: Request) -> Response:
    return RedirectResponse(PREFIX + "/", 303)


class _Static(StaticFiles):
    """Files that any browser may keep for a day: there is nothing of anybody in them."""

    def file_response(self, *args: Any, **more: Any) -> Response:
        answer = super().file_response(*args, **more)
        answer.headers["Cache-Control"] = f"public, max-age={_ASSET_DAYS * 86400}"
        return answer


@cache
def environment() -> Environment:
    """The templates. What is not defined is an error, and everything is escaped."""
    found = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    found.globals["Act"] = Act
    found.globals["new_key"] = new_key
    return found


def warm() -> None:
    """Compile the templates, so that nobody waits for the first page of a kind; a second of work, at the start."""
    for path in sorted((HERE / "templates").glob("*.html")):
        environment().get_template(path.name)


def render(view: View, page: Page) -> Response:
    """The page as HTML."""
    present = view.present
    words = {
        "view": view,
        "t": view.say,
        "known": known,
        "lang": view.lang.value,
        "other": (Language.EN if view.lang is Language.ZH else Language.ZH).value,
        "may": view.may,
        "present": present,
        "place": None if present is None else _place(view),
        "navigation": entries(view),
        "title": view.say(page.title) if known(page.title) else page.title,
        "done": shown(view),
        "problem": view.problem,
        "day": lambda moment: days.day(moment, view.lang),
        "clock": lambda moment: days.clock(moment, view.lang),
        "said": lambda text: days.said(text, view.lang),
        "prefix": PREFIX,
        "colon": "：" if view.lang is Language.ZH else ": ",
        "figures": lambda number: f"{number:,}",
        "today": view.today,
    }
    text = environment().get_template(page.template).render(words | dict(page.context))
    headers = _HEADERS | {"Content-Language": view.lang.value}
    answer = HTMLResponse(text, page.status, headers=headers)
    for name, value in page.cookies.items():
        secure = view.service.settings.secure
        answer.set_cookie(name, value, path="/", secure=secure, httponly=True, samesite="strict")
    return answer


def _place(view: View) -> str:
    with view.call.store.read() as transaction:
        return transaction.scalars(select(District.name).where(District.id == view.call.actor.place.id)).one()


def _failed(request: Request, error: Exception) -> Response:
    """The page of a problem: what happened, what to do, where to go on."""
    problem = _problem(error, request)
    if problem.code is Code.NOT_SIGNED_IN and request.method in ("GET", "HEAD"):
        from .parts.sign import door

        return RedirectResponse(door(request), 303)
    view = View(request=request, service=request.app.state.service, lang=languages.of(request))
    told = refusals.told(problem, view.lang)
    request.scope["permit.problem"] = told.code
    _admitted(view)
    context = {"told": told, "request_id": request_id(request)}
    answer = render(view, Page(template="problem.html", title=told.title, context=context, status=told.status))
    answer.headers.update(problem.headers)
    return answer


def _problem(error: Exception, request: Request) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, ActRefused):
        return of_refusal(error, request)
    if isinstance(error, HTTPException):
        headers = {name: value for name, value in (error.headers or {}).items() if name.lower() == "allow"}
        return Problem(_BY_STATUS.get(error.status_code, Code.MALFORMED), headers=headers)
    request.scope["permit.error"] = error
    return Problem(Code.UNAVAILABLE if isinstance(error, OperationalError) else Code.INTERNAL)


def _admitted(view: View) -> None:
    """Who looks at the page of a problem: so that it has the navigation, if the database is there to say."""
    from ..service.access import Call, token_of
    from ..service.sessions import csrf_of

    try:
        token, _ = token_of(view.request, view.service)
        present = view.service.sessions.present(token) if token else None
    except SQLAlchemyError:
        return
    if present is not None:
        view.csrf = csrf_of(token)
        view.call_made = Call(service=view.service, present=present, key=new_key(), version=None)
