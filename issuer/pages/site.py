"""What every page of the desk is made with: who may see it, what it is rendered from, and what happens to a form.

A page is declared with the permission of the API's endpoint that it shows or does: there is no second set of rules. A
form calls that endpoint's function; what it refuses is told on the page that the form stands on, with everything that
was typed still there. `issuer.pages` says how one is added.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, TypeVar

from fastapi.routing import APIRoute
from pydantic import ValidationError
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from ..assemble import civil_date
from ..domain.reasons import ActRefused, Reason
from ..domain.roles import Act
from ..service.access import Access, Call, Guard, Scope, admit, token_of
from ..service.problem_texts import Code
from ..service.problems import Problem, of_refusal
from ..service.sessions import Present, csrf_of, csrf_right
from ..service.state import Service
from ..texts import Language
from . import kept, languages, refusals
from .texts import say

PREFIX = "/desk"
CSRF_FIELD, KEY_FIELD, VERSION_FIELD, LANGUAGE_FIELD = "_csrf", "_key", "_version", "_language"
MAX_FIELDS, MAX_FILES, MAX_FIELD = 400, 2, 64 * 1024
BIGGEST = 2**53
PARAMETERS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "application": re.compile(r"[1-9][0-9]{0,14}", re.ASCII),
        "holder": re.compile(r"[1-9][0-9]{0,14}", re.ASCII),
        "operator": re.compile(r"[1-9][0-9]{0,14}", re.ASCII),
        "number": re.compile(r"[A-Z0-9]{4,20}", re.ASCII),
        "serial": re.compile(r"[0-9a-f]{20}", re.ASCII),
        "version": re.compile(r"[0-9A-Za-z.-]{1,64}", re.ASCII),
        "run": re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII),
        "job": re.compile(r"[A-Za-z0-9_-]{1,40}", re.ASCII),
        "agent": re.compile(r"[1-9][0-9]{0,14}", re.ASCII),
        "reader": re.compile(r"[A-Za-z0-9-]{1,32}", re.ASCII),
    }
)
"""What may stand in a path under this name; anything else is no page. Those of digits are given as numbers."""
_NUMBERS = frozenset({"application", "holder", "operator", "agent"})
_KEY = re.compile(r"[A-Za-z0-9._:-]{8,64}", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A template and what it shows. `title` is a key of the texts, or words as they are."""

    template: str
    title: str
    context: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    cookies: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class View:
    """One request for a page, or one form that was sent: who, in which language, and what they typed."""

    request: Request
    service: Service
    lang: Language
    call_made: Call | None = None
    typed: FormData = field(default_factory=FormData)
    sent: bool = False  # a form was sent, and this page shows it again
    kept: kept.Kept | None = None  # …as it was sent when the session was over
    since: int | None = None  # the version that a form shown again was filled in for
    problem: refusals.Told | None = None
    csrf: str = ""

    @property
    def call(self) -> Call:
        """What the API's functions are called with."""
        if self.call_made is None:
            raise Problem(Code.NOT_SIGNED_IN)
        return self.call_made

    @property
    def present(self) -> Present | None:
        """Who is signed in."""
        return None if self.call_made is None else self.call_made.present

    @property
    def today(self) -> date:
        """The civil date."""
        return civil_date(self.service.store.now())

    def say(self, key: str, **facts: object) -> str:
        """A text in the language of the page."""
        return say(key, self.lang, **facts)

    def text(self, name: str, default: str = "") -> str:
        """What was typed into a field, without spaces around it."""
        found = self.typed.get(name, default)
        return found.strip() if isinstance(found, str) else default

    def texts(self, name: str) -> list[str]:
        """What was ticked."""
        return [item for item in self.typed.getlist(name) if isinstance(item, str)]

    def number(self, name: str) -> int | None:
        """A number that was typed. Raises Problem(INVALID_VALUE) where it is none; None for an empty field."""
        text = self.text(name)
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 16):
            raise Problem(Reason.INVALID_VALUE, facts={"field": name})
        return int(text)

    def day(self, name: str) -> date | None:
        """A date that was typed. Raises Problem(INVALID_VALUE) where it is none; None for an empty field."""
        text = self.text(name)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError as error:
            raise Problem(Reason.INVALID_VALUE, facts={"field": name}) from error

    def file(self, name: str) -> bytes | None:
        """The bytes of a file that was sent along; None without one."""
        found = self.typed.get(name)
        return found.file.read() if isinstance(found, UploadFile) and found.size else None

    def asked(self, name: str, longest: int = 800) -> str:
        """A parameter of the address."""
        return self.request.query_params.get(name, "").strip()[:longest]

    def day_asked(self, name: str) -> date | None:
        """A date in the address. Raises Problem(INVALID_VALUE) where it is none; None for an empty one."""
        text = self.asked(name, 10)
        try:
            return date.fromisoformat(text) if text else None
        except ValueError as error:
            raise Problem(Reason.INVALID_VALUE, facts={"field": name}) from error

    def may(self, act: Act) -> bool:
        """Whether the role of who is signed in allows it; the act itself asks again."""
        return self.call_made is not None and self.call_made.actor.may(act)

    def version(self) -> int | None:
        """Which version the form was filled in for."""
        return None if self.call_made is None else self.call_made.version

    @property
    def here(self) -> str:
        """The address, for coming back to it: of the page that a form stands on too."""
        query = self.request.url.query
        return self.request.url.path + (f"?{query}" if query and self.request.method == "GET" else "")


Show = Callable[..., "Page | Response"]
Back = Callable[..., Page]
Do = Callable[..., "str | Page | Response"]
Render = Callable[[View, Page], Response]
S = TypeVar("S", bound=Callable[..., Any])
D = TypeVar("D", bound=Callable[..., Any])


def access_of(endpoint: Callable[..., Any]) -> Access:
    """The permission that an endpoint of the API was declared with. Raises LookupError for any other function."""
    from ..service.app import ROUTERS

    for router in ROUTERS:
        for route in router.routes:
            if isinstance(route, APIRoute) and route.endpoint is endpoint:
                for dependency in route.dependencies:
                    if isinstance(dependency.dependency, Guard):
                        return dependency.dependency.access
    raise LookupError(f"no endpoint: {endpoint!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A page or a form, and who may. `back`: the page that shows a refused form again."""

    method: str
    path: str
    who: Access | Callable[..., Any]
    act: Callable[..., Any]
    back: Back | None = None

    @property
    def access(self) -> Access:
        """The permission."""
        return self.who if isinstance(self.who, Access) else access_of(self.who)


class Site:
    """The pages of one part of the desk."""

    def __init__(self) -> None:
        self.declared: list[Declared] = []

    def page(self, path: str, who: Access | Callable[..., Any]) -> Callable[[S], S]:
        """Something to look at: a function of the view and of what stands in braces in the path; it gives a Page.

        `who` is the API's endpoint that the page shows, or an Access where there is none.
        """

        def declare(function: S) -> S:
            self.declared.append(Declared(method="GET", path=PREFIX + path, who=who, act=function))
            return function

        return declare

    def form(self, path: str, who: Access | Callable[..., Any], back: Back) -> Callable[[D], D]:
        """Something to do: a function of the view and of the path that calls the API's function `who`, and gives the
        address where it goes on. What it raises as Problem, ActRefused or ValidationError is told on the page `back`,
        which is called with the same arguments."""

        def declare(function: D) -> D:
            self.declared.append(Declared(method="POST", path=PREFIX + path, who=who, act=function, back=back))
            return function

        return declare


def routes(declared: list[Declared], render: Render) -> list[Route]:
    """The routes of pages and forms; a path's page and form are one route, so that others are told 405."""
    by_path: dict[str, dict[str, Declared]] = {}
    for item in declared:
        of_path = by_path.setdefault(item.path, {})
        if item.method in of_path:
            raise ValueError(f"declared twice: {item.method} {item.path}")
        _ = item.access  # an endpoint that is not declared does not start
        of_path[item.method] = item
    shown = frozenset(path for path, methods in by_path.items() if "GET" in methods)
    return [_route(path, methods, render, shown) for path, methods in by_path.items()]


def _route(path: str, methods: Mapping[str, Declared], render: Render, shown: frozenset[str]) -> Route:
    async def answer(request: Request) -> Response:
        request.scope["route"] = _Label(path)
        if request.method in ("GET", "HEAD") and "GET" not in methods:  # a form's own address, loaded again
            return RedirectResponse(_above(path, request.url.path, shown), 303)
        item = methods["GET" if request.method == "HEAD" else request.method]
        form = FormData()
        if item.method == "POST":
            form = await request.form(max_files=MAX_FILES, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD)
        try:
            return await run_in_threadpool(_answer, request, item, form, render)
        except (Problem, ActRefused, SQLAlchemyError, HTTPException):
            raise
        except Exception as error:
            request.scope["permit.error"] = error
            raise Problem(Code.INTERNAL) from error
        finally:
            await form.close()

    return Route(path.removeprefix(PREFIX), answer, methods=[*({"GET"} | methods.keys())])


def _above(path: str, address: str, shown: frozenset[str]) -> str:
    """The address of the nearest page above a form."""
    while path not in shown and path.count("/") > 2:
        path, address = path.rpartition("/")[0], address.rpartition("/")[0]
    return address if path in shown else f"{PREFIX}/"


@dataclass(frozen=True, slots=True)
class _Label:
    """What the figures and the log call a page."""

    path: str


def _answer(request: Request, item: Declared, form: FormData, render: Render) -> Response:
    service: Service = request.app.state.service
    view = View(request=request, service=service, lang=languages.of(request), typed=form)
    access = item.access
    arguments = _arguments(request)
    if access.scope is not Scope.OPEN:
        token, _ = token_of(request, service)
        present = service.sessions.present(token) if token else None
        if present is None:
            if item.method == "POST":
                return _too_late(view, form, render)
            raise Problem(Code.NOT_SIGNED_IN)
        request.scope["permit.operator"] = present.actor.operator
        view.csrf = csrf_of(token)
        view.call_made = _call(service, present, form)
        admit(access, present)
    if item.method == "GET":
        shown = item.act(view, **arguments)
        return render(view, shown) if isinstance(shown, Page) else shown
    assert item.back is not None
    view.sent = True
    switched = form.get(LANGUAGE_FIELD)
    if isinstance(switched, str) and switched in set(Language):
        view.lang, view.since = Language(switched), _version(form)
        answer = render(view, item.back(view, **arguments))
        languages.keep(answer, view.lang, secure=service.settings.secure)
        return answer
    try:
        if view.present is not None and not csrf_right(view.present, view.text(CSRF_FIELD)):
            raise Problem(Code.CSRF)
        if view.present is not None and kept.FIELD in form:
            return render(view, _given_back(view, item.back, arguments))
        outcome = item.act(view, **arguments)
    except (Problem, ActRefused, ValidationError) as error:
        view.problem = refusals.told(_problem(error, view), view.lang, view.typed)
        request.scope["permit.problem"] = view.problem.code
        answer = render(view, item.back(view, **arguments))
        answer.status_code = view.problem.status
        return answer
    if isinstance(outcome, Response):
        return outcome
    return render(view, outcome) if isinstance(outcome, Page) else RedirectResponse(outcome, 303)


def _too_late(view: View, form: FormData, render: Render) -> Response:
    """A form whose session is over: nothing is done, and the door keeps what was typed for whoever typed it."""
    from .parts import sign

    request, service = view.request, view.service
    request.scope["permit.problem"] = Code.NOT_SIGNED_IN.value
    sealed = kept.seal(request, service, form, _version(form))
    return render(view, sign.again(View(request=request, service=service, lang=view.lang), sealed))


def _given_back(view: View, back: Back, arguments: Mapping[str, Any]) -> Page:
    """The form again, as they had filled it in; as it is without that, where it is not theirs. Nothing is done."""
    sealed, path = view.text(kept.FIELD), view.request.url.path
    view.kept = kept.opened(view.service, view.call.actor.operator, path, sealed)
    view.sent = view.kept is not None
    view.typed, view.since = FormData(), None
    if view.kept is not None:
        view.typed, view.since = FormData(list(view.kept.fields)), view.kept.version
    return back(view, **arguments)


def _problem(error: Exception, view: View) -> Problem:
    if isinstance(error, Problem):
        return error
    if isinstance(error, ValidationError):
        return refusals.of_validation(error)
    assert isinstance(error, ActRefused)
    if error.reason is Reason.CHANGED_MEANWHILE and view.version() is not None:
        return Problem(Code.PRECONDITION, facts=error.details)
    return of_refusal(error, view.request)


def _call(service: Service, present: Present, form: FormData) -> Call:
    key = form.get(KEY_FIELD)
    right = isinstance(key, str) and _KEY.fullmatch(key) is not None
    return Call(service=service, present=present, key=str(key) if right else new_key(), version=_version(form))


def _version(form: FormData) -> int | None:
    version = form.get(VERSION_FIELD)
    counted = isinstance(version, str) and version.isascii() and version.isdigit() and len(version) < 16
    return int(str(version)) if counted else None


def new_key() -> str:
    """The Idempotency-Key of a form: a form that is sent twice is carried out once."""
    return secrets.token_hex(16)


def _arguments(request: Request) -> dict[str, Any]:
    """What stands in the path. Raises Problem(NO_SUCH_RESOURCE)."""
    found: dict[str, Any] = {}
    for name, text in request.path_params.items():
        if PARAMETERS[name].fullmatch(text) is None:
            raise Problem(Code.NO_SUCH_RESOURCE)
        found[name] = int(text) if name in _NUMBERS else text
    return found
