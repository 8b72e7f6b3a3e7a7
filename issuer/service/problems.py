"""Refusals as problem details (RFC 9457): what happened and what to do, in the reader's language, with a code for
programs.

    {"type": "/problems/wrong-state", "title": "…", "status": 409, "detail": "…", "action": "…",
     "instance": "urn:uuid:…", "code": "wrong-state", "facts": {…}, "errors": [{"at": "body.name", "what": "…"}]}

`type` is relative to the service, and there is a page at it. `instance` is the request: the log has a line for it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import HTTPConnection, Request
from starlette.responses import Response

from ..domain.reasons import KIND_OF, ActRefused, Kind, Reason
from ..texts import Language
from .problem_texts import TEXTS, Code

MEDIA_TYPE = "application/problem+json"
BASE = "/problems/"
_BY_KIND = {Kind.INVALID: 422, Kind.FORBIDDEN: 403, Kind.NOT_FOUND: 404, Kind.CONFLICT: 409, Kind.RULE: 422}
STATUS: dict[str, int] = {
    **{reason: _BY_KIND[KIND_OF[reason]] for reason in Reason},
    Reason.CREDENTIALS: 401,
    Reason.LOCKED_OUT: 429,
    Code.MALFORMED: 400,
    Code.NOT_SIGNED_IN: 401,
    Code.CSRF: 403,
    Code.NO_SUCH_RESOURCE: 404,
    Code.METHOD: 405,
    Code.MEDIA_TYPE: 415,
    Code.NOT_ACCEPTABLE: 406,
    Code.TOO_LARGE: 413,
    Code.PRECONDITION: 412,
    Code.WEAK_PASSWORD: 422,
    Code.PHOTO: 422,
    Code.NO_READER: 422,
    Code.READER_BUSY: 409,
    Code.READER_ELSEWHERE: 409,
    Code.AGENT_TOKEN: 401,
    Code.NO_RUN: 404,
    Code.NO_RULE_SET: 404,
    Code.RULES_MISTAKES: 422,
    Code.RULES_UNSOUND: 422,
    Code.NO_CAPTURE: 404,
    Code.KEYS_UNUSABLE: 503,
    Code.CHAIN_BROKEN: 409,
    Code.UNAVAILABLE: 503,
    Code.INTERNAL: 500,
}
_MAX_FACT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with a request: where (``body.names.native``) and what."""

    at: str
    what: str


class Problem(Exception):
    """The request is not carried out, for `code`. `facts` tell which thing, state or limit; `detail` replaces the
    sentence that is made from them."""

    def __init__(
        self,
        code: Code | Reason,
        *,
        detail: str | None = None,
        errors: Sequence[Fault] = (),
        headers: Mapping[str, str] | None = None,
        facts: Mapping[str, object] | None = None,
        **more: object,
    ) -> None:
        super().__init__(code.value)
        self.code = code
        self.status = STATUS[code]
        self.detail = detail
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
        self.facts = {**(facts or {}), **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """A problem in one language."""

    title: str
    detail: str
    action: str
    facts: Mapping[str, Any] = field(default_factory=dict)


def of_refusal(refused: ActRefused, request: Request) -> Problem:
    """An act's refusal; one because of another version is about If-Match where the request had one."""
    if refused.reason is Reason.CHANGED_MEANWHILE and "if-match" in request.headers:
        return Problem(Code.PRECONDITION, facts=refused.details)
    headers = {}
    if refused.reason is Reason.LOCKED_OUT:
        headers["Retry-After"] = str(refused.details.get("seconds", 60))
    return Problem(refused.reason, headers=headers, facts=refused.details)


def language(request: HTTPConnection) -> Language:
    """The better liked of Chinese and English by Accept-Language (RFC 9110 §12.5.4); Chinese where neither is named."""
    liked: dict[Language, float] = {}
    for part in request.headers.get("accept-language", "").split(",")[:20]:
        tag, _, weight = part.strip().partition(";")
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight else 1.0
        except ValueError:
            continue
        primary = tag.strip().lower().partition("-")[0]
        for lang in Language:
            if primary == lang.value and quality > 0:
                liked[lang] = max(liked.get(lang, 0.0), quality)
    return max(liked, key=lambda lang: liked[lang]) if liked else Language.ZH


def spoken(problem: Problem, lang: Language) -> Spoken:
    """The words, with the facts that fill them."""
    text, side = TEXTS[problem.code], 0 if lang is Language.ZH else 1
    facts = {name: _plain(value) for name, value in problem.facts.items()}
    detail = problem.detail
    if detail is None:
        told = "; ".join(f"{name}: {value}" for name, value in facts.items() if isinstance(value, str | int))
        detail = f"{text.title[side]}{('（' + told + '）。' if side == 0 else ' (' + told + ').') if told else ''}"
    return Spoken(title=text.title[side], detail=detail, action=text.action[side], facts=facts)


def body(problem: Problem, lang: Language, instance: str) -> dict[str, Any]:
    """The problem document."""
    words = spoken(problem, lang)
    document: dict[str, Any] = {
        "type": f"{BASE}{problem.code.value}",
        "title": words.title,
        "status": problem.status,
        "detail": words.detail,
        "action": words.action,
        "instance": f"urn:uuid:{instance}",
        "code": problem.code.value,
    }
    if words.facts:
        document["facts"] = dict(words.facts)
    if problem.errors:
        document["errors"] = [{"at": fault.at, "what": fault.what} for fault in problem.errors]
    return document


def response(problem: Problem, request: Request) -> Response:
    """The answer to `request`."""
    lang = language(request)
    content = json.dumps(body(problem, lang, request_id(request)), ensure_ascii=False).encode()
    headers = {"Content-Language": lang.value, "Vary": "Accept-Language", "Cache-Control": "no-store"}
    request.scope["permit.problem"] = problem.code.value  # for the log
    return Response(content, problem.status, headers=headers | problem.headers, media_type=MEDIA_TYPE)


def request_id(request: Request) -> str:
    """The id that the middleware gave it."""
    found = request.scope.get("permit.request")
    return found if isinstance(found, str) else "00000000-0000-0000-0000-000000000000"


def _plain(value: object) -> Any:
    if isinstance(value, bool | int) or value is None:
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return str(value)[:_MAX_FACT]
