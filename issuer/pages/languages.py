"""Chinese or English: by a cookie once somebody has chosen, else by what the browser asks for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ..service.problems import language
from ..texts import Language

COOKIE = "permit-language"
_YEAR = 365 * 24 * 3600


def of(request: Request) -> Language:
    """The language of a page."""
    return language(request)


def keep(answer: Response, lang: Language, *, secure: bool) -> None:
    """Remember the choice."""
    answer.set_cookie(COOKIE, lang.value, max_age=_YEAR, path="/", secure=secure, httponly=True, samesite="strict")


class ChosenLanguage:
    """Puts the chosen language where the browser's wish stands, so that everything below answers in it: the pages, and
    the API's functions that they call."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            chosen = Request(scope).cookies.get(COOKIE)
            if chosen in set(Language):
                headers = [(name, value) for name, value in scope["headers"] if name != b"accept-language"]
                scope = {**scope, "headers": [*headers, (b"accept-language", str(chosen).encode())]}
        await self._app(scope, receive, send)
