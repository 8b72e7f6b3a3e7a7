"""Who may speak to the counter: the browser that opened its link, and programs that show its token. Nobody's website.

A page elsewhere can make a browser send requests to this machine: across sites, from another port of this machine, or
under a name of its own that it points here (DNS rebinding). So `Host` and `Origin` must be ours to the letter, what
fetches on behalf of another page is refused, the token never comes by itself, and a cookie opens the page only, from
requests that say where they come from. What goes out is never stored, framed, sniffed or shared.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .token import Token

API, PAGE, STATIC = "/v1/", "/page/", "/static/"
METHODS = frozenset({"GET", "HEAD", "POST"})
HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=(), display-capture=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


class Guard:
    """Before the application; `port` is the one that is listened on."""

    def __init__(self, app: ASGIApp, *, token: Token, port: int) -> None:
        self._app, self._token = app, token
        self._hosts = frozenset(f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]"))
        # Cookies know no ports: two counters on one machine must not overwrite each other's.
        self.cookie = f"permit-counter-{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # no WebSocket is served here
            raise RuntimeError(scope["type"])

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    *((name.lower().encode(), value.encode()) for name, value in HEADERS.items()),
                ]
            await send(message)

        answer = self._refused(scope) or self._opened(scope)
        await (answer or self._app)(scope, receive, guarded)

    def _refused(self, scope: Scope) -> Response | None:
        headers, path, method = _headers(scope), scope["path"], scope["method"]
        if headers is None or headers.get("host") not in self._hosts:
            return _no(421, "host")
        origin = headers.get("origin")
        if origin is not None and origin != f"http://{headers['host']}":
            return _no(403, "origin")
        site = headers.get("sec-fetch-site", "none")
        # A link from elsewhere may lead to the page, which shows nothing by itself, and wants the key or the cookie.
        link = path == "/" and method == "GET" and headers.get("sec-fetch-dest") == "document"
        if site not in ("same-origin", "none") and not link:
            return _no(403, "site")
        if method not in METHODS:
            return _no(405, "method")
        if path.startswith(API):
            scheme, _, given = headers.get("authorization", "").partition(" ")
            return None if scheme.lower() == "bearer" and self._token.accepts(given) else _no(401, "token")
        if path.startswith(PAGE):
            if not self._has_cookie(headers):
                return _no(403, "link")
            return _no(403, "origin") if method == "POST" and origin is None else None
        return None

    def _opened(self, scope: Scope) -> Response | None:
        """The page's link: a cookie instead of the key in the address. Without either: how to come in."""
        if scope["path"] != "/":
            return None
        headers = _headers(scope) or {}
        key = dict(parse_qsl(scope["query_string"].decode("ascii", "replace"))).get("key", "")
        if key and _same(key, self._token.link):
            answer = RedirectResponse("/", status_code=303)
            answer.set_cookie(self.cookie, self._token.cookie, httponly=True, samesite="strict", path="/")
            return answer
        return None if self._has_cookie(headers) else _no(403, "link")

    def _has_cookie(self, headers: Mapping[str, str]) -> bool:
        parts = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))
        return any(name == self.cookie and _same(value, self._token.cookie) for name, _, value in parts)


SENTENCES: Final[Mapping[str, tuple[str, str]]] = {
    "host": ("地址不对:请用本机地址 127.0.0.1 打开。", "Wrong address: open it as 127.0.0.1 on this machine."),
    "origin": ("请求来自其他网页,已拒绝。", "The request comes from another page and is refused."),
    "site": ("请求来自其他网页,已拒绝。", "The request comes from another page and is refused."),
    "method": ("不支持此方法。", "There is no such method here."),
    "token": (
        "缺少令牌:Authorization: Bearer 加 kiosk-token 文件的内容。",
        "Send Authorization: Bearer with the content of the file kiosk-token.",
    ),
    "link": (
        "请用 permit-verifier kiosk 启动时显示的链接打开本页。",
        "Open this page by the link that permit-verifier kiosk shows when it starts.",
    ),
}


def refusal(status: int, error: str, zh: str, en: str) -> Response:
    """An error for a program, with a sentence for a person."""
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else None
    return JSONResponse({"error": error, "zh": zh, "en": en}, status_code=status, headers=headers)


def _no(status: int, error: str) -> Response:
    return refusal(status, error, *SENTENCES[error])


def _headers(scope: Scope) -> dict[str, str] | None:
    """By lower-case name; None when one that decides here comes twice, for who knows which the next reader takes."""
    found: dict[str, str] = {}
    for raw, value in scope["headers"]:
        name = raw.decode("latin-1")
        if name in found and name in ("host", "origin", "authorization", "sec-fetch-site", "cookie"):
            return None
        found[name] = value.decode("latin-1")
    return found


def _same(given: str, known: str) -> bool:
    from hmac import compare_digest

    return compare_digest(given.encode(), known.encode())
