"""Who may call what: every endpoint is declared with its roles and its scope, and the declaration is what is enforced,
described in OpenAPI (``x-roles``, ``x-scope``) and walked by the tests. An endpoint without one does not start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any, TypedDict, TypeVar

from fastapi import APIRouter, Depends, Header, Request

from ..domain.places import Level
from ..domain.reasons import Reason
from ..domain.roles import PERMISSIONS, Act, Actor, Role
from ..store.models.operations import IdempotencyKey
from ..store.unit import Receipt, Store
from .problem_texts import TEXTS, Code
from .problems import MEDIA_TYPE, STATUS, Problem
from .schemas.base import ProblemOut
from .sessions import Present, csrf_right

if TYPE_CHECKING:
    from .state import Service

PREFIX = "/api/v1"
CSRF_HEADER = "X-CSRF-Token"
_SAFE = frozenset({"GET", "HEAD"})
_MAX_VERSION = 2**53
PEOPLE = frozenset(Role) - {Role.SYSTEM}
F = TypeVar("F", bound=Callable[..., Any])


class Scope(StrEnum):
    """What an endpoint looks at, beside the role."""

    OPEN = "open"  # nobody needs to be signed in
    SESSION = "session"  # oneself, or what concerns no district
    DISTRICT = "district"  # one thing, which must lie in the operator's district or below
    WITHIN = "within"  # many things: those of the operator's district and below
    CITY = "city"  # what concerns everybody: only for those who work for the whole city


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Who may call an endpoint; `act` where it does or looks at something that the acts' table names."""

    roles: frozenset[Role]
    scope: Scope
    act: Act | None = None


ANYBODY = Access(roles=frozenset(), scope=Scope.OPEN)
SIGNED_IN = Access(roles=PEOPLE, scope=Scope.SESSION)


def by_act(act: Act, scope: Scope = Scope.DISTRICT) -> Access:
    """Those whom the acts' table allows `act`."""
    return Access(roles=PERMISSIONS[act] & PEOPLE, scope=scope, act=act)


def by_role(*roles: Role, scope: Scope) -> Access:
    """Those of these roles."""
    return Access(roles=frozenset(roles), scope=scope)


OFFICE = (Role.REGISTRAR, Role.APPROVER, Role.AUDITOR)


class Once(TypedDict):
    """The headers of an act, as the acts take them."""

    key: str | None
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A request that may be made: by whom, from which desk, with which Idempotency-Key and which expected version."""

    service: Service
    present: Present
    key: str | None
    version: int | None

    @property
    def actor(self) -> Actor:
        """Who acts."""
        return self.present.actor

    @property
    def store(self) -> Store:
        """The database."""
        return self.service.store

    @property
    def by(self) -> tuple[Store, Actor]:
        """What every act takes first."""
        return self.store, self.actor

    @property
    def once(self) -> Once:
        """What makes an act harmless when it is repeated, and refused when its ground has moved."""
        return {"key": self.key, "version": self.version}

    def repeated(self) -> bool:
        """Whether this operator's key has been carried out: the act then answers with the first receipt, wherever what
        it was done to has gone since, so nothing is to be looked at before."""
        with self.store.read() as transaction:
            return self.key is not None and transaction.get(IdempotencyKey, (self.actor.operator, self.key)) is not None

    def done(self, receipt: Receipt) -> Receipt:
        """Count an act."""
        if not receipt.replayed:
            self.service.metrics.acts.labels(receipt.act.value).inc()
        return receipt


class Guard:
    """The dependency that lets a request pass, or not."""

    def __init__(self, access: Access) -> None:
        self.access = access

    def __call__(self, request: Request) -> None:
        if self.access.scope is Scope.OPEN:
            return
        service: Service = request.app.state.service
        present = signed_in(request, service)
        request.scope["permit.operator"] = present.actor.operator
        admit(self.access, present)
        request.state.call = Call(
            service=service,
            present=present,
            key=request.headers.get("idempotency-key"),
            version=if_match(request),
        )


def admit(access: Access, present: Present) -> None:
    """What a declaration asks of whoever is signed in: of the API, and of the desk's pages. Raises Problem(ROLE,
    DISTRICT)."""
    if present.actor.role not in access.roles:
        raise Problem(Reason.ROLE, role=present.actor.role, act=access.act)
    if access.scope is Scope.CITY and present.actor.place.level is not Level.CITY:
        raise Problem(Reason.DISTRICT)


def signed_in(request: Request, service: Service) -> Present:
    """Whoever the request comes from. Raises Problem(NOT_SIGNED_IN, CSRF)."""
    token, by_cookie = token_of(request, service)
    present = service.sessions.present(token) if token else None
    if present is None:
        raise Problem(Code.NOT_SIGNED_IN, headers={"WWW-Authenticate": 'Bearer realm="permit"'})
    if by_cookie and request.method not in _SAFE and not csrf_right(present, request.headers.get(CSRF_HEADER, "")):
        raise Problem(Code.CSRF)
    return present


def token_of(request: Request, service: Service) -> tuple[str, bool]:
    """The session's token, and whether a browser sent it by itself. A header counts before a cookie."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return token.strip(), False
    return request.cookies.get(service.cookie, ""), True


def current(request: Request) -> Call:
    """The call that the guard let pass."""
    call: Call = request.state.call
    return call


Caller = Annotated[Call, Depends(current)]


def etag(version: int) -> str:
    """The ETag of a version."""
    return f'"{version}"'


def if_match(request: Request) -> int | None:
    """The version that If-Match names; None without one, or for ``*``. Raises Problem(MALFORMED)."""
    text = request.headers.get("if-match")
    if text is None or text.strip() == "*":
        return None
    digits = text.strip().removeprefix("W/").strip('"')
    if not (digits.isascii() and digits.isdigit() and len(digits) < 17 and int(digits) < _MAX_VERSION):
        raise Problem(Code.PRECONDITION, given="If-Match")
    return int(digits)


class Endpoints:
    """A router whose endpoints cannot be declared without their access."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter(prefix=PREFIX, tags=[tag])

    def get(self, path: str, access: Access, summary: str, *reasons: Reason | Code, **more: Any) -> Callable[[F], F]:
        """Something to read."""
        return self._add("GET", path, access, summary, reasons, **more)

    def act(
        self, path: str, access: Access, summary: str, *reasons: Reason | Code, method: str = "POST", **more: Any
    ) -> Callable[[F], F]:
        """Something to do: takes an Idempotency-Key, and If-Match."""
        common = (Reason.CHANGED_MEANWHILE, Reason.KEY_REUSED, Code.PRECONDITION)
        more["dependencies"] = [Depends(_act_headers)]
        return self._add(method, path, access, summary, (*reasons, *common), **more)

    def other(
        self, method: str, path: str, access: Access, summary: str, *reasons: Reason | Code, **more: Any
    ) -> Callable[[F], F]:
        """Something else: signing in, checking, computing; a repetition does no harm."""
        return self._add(method, path, access, summary, reasons, **more)

    def _add(
        self, method: str, path: str, access: Access, summary: str, reasons: tuple[Reason | Code, ...], **more: Any
    ) -> Callable[[F], F]:
        common: list[Reason | Code] = [Reason.INVALID_VALUE, Code.UNAVAILABLE]
        if access.scope is not Scope.OPEN:
            common += [Code.NOT_SIGNED_IN, Reason.ROLE]
            if method not in _SAFE:
                common.append(Code.CSRF)
        if access.scope in (Scope.DISTRICT, Scope.CITY):
            common.append(Reason.DISTRICT)
        if "{" in path:
            common.append(Code.NO_SUCH_RESOURCE)
        if method not in _SAFE:
            common += [Code.MALFORMED, Code.TOO_LARGE]
        guards = [Depends(Guard(access)), *more.pop("dependencies", [])]
        extra = {
            "x-roles": sorted(access.roles),
            "x-scope": access.scope.value,
            "x-act": None if access.act is None else access.act.value,
            "security": [] if access.scope is Scope.OPEN else [{"session": []}, {"bearer": []}],
        } | more.pop("openapi_extra", {})
        responses = documented((*reasons, *common)) | more.pop("responses", {})
        decorate = self.router.api_route(
            path,
            methods=[method],
            summary=summary,
            dependencies=guards,
            responses=responses,
            openapi_extra=extra,
            **more,
        )

        def declared(function: F) -> F:
            decorate(function)
            return function

        return declared


def _act_headers(
    idempotency_key: Annotated[
        str,
        Header(
            min_length=8,
            max_length=64,
            pattern=r"^[A-Za-z0-9._:-]{8,64}$",
            description="A new one for each act; the same when a request is repeated, which is then carried out once.",
            examples=["3f6c2a8e-register-0001"],
        ),
    ],
    if_match: Annotated[
        str | None,
        Header(
            max_length=40,
            description="The ETag of what the decision rests on; the act is refused when it has changed since.",
        ),
    ] = None,
) -> None:
    """Both are read from the request by the guard; this describes and checks them."""


def documented(reasons: tuple[Reason | Code, ...]) -> dict[int | str, dict[str, Any]]:
    """Responses of OpenAPI for these problems, by status, each with an example."""
    by_status: dict[int, list[Reason | Code]] = {}
    for reason in dict.fromkeys(reasons):
        by_status.setdefault(STATUS[reason], []).append(reason)
    return {status: _response(status, found) for status, found in sorted(by_status.items())}


def _response(status: int, reasons: list[Reason | Code]) -> dict[str, Any]:
    examples = {reason.value: {"summary": TEXTS[reason].title[1], "value": _example(reason)} for reason in reasons}
    headers: Mapping[str, Any] = {}
    if status == 429:
        headers = {"Retry-After": {"description": "Seconds to wait", "schema": {"type": "string"}}}
    return {
        "description": "; ".join(f"`{reason.value}`: {TEXTS[reason].title[1]}" for reason in reasons),
        "model": ProblemOut,
        "content": {
            MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}, "examples": examples},
        },
        **({"headers": dict(headers)} if headers else {}),
    }


def _example(reason: Reason | Code) -> dict[str, Any]:
    text = TEXTS[reason]
    return {
        "type": f"/problems/{reason.value}",
        "title": text.title[1],
        "status": STATUS[reason],
        "detail": text.title[1] + ".",
        "action": text.action[1],
        "instance": "urn:uuid:1c0c8b1e-6c53-4d0b-9a6e-7c1f5f0a2b11",
        "code": reason.value,
    }
