"""The page and the interface for programs, over HTTP. Every request comes through `guard` first.

`/v1/` is for programs (docs/INTEGRATION.md), `/page/` for our own page. What waits for a card, a disk or a decoder runs
in threads.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from importlib import resources
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from card_profiles.protocols.pace import Password

from .. import password, printed, scan
from ..read_failed import ReadFailed
from ..reason import Reason
from ..support import SupportRefused
from ..support_texts import REASONS as SUPPORT_REASONS
from ..texts import REASONS
from . import answers, codes, texts
from .board import END, Board, Tree
from .guard import refusal
from .kiosk import Kiosk
from .lane import PORTRAIT_SECONDS
from .visit import Order, Shown

MAX_JSON = 8 * 1024
HEARTBEAT = 5.0  # seconds between two signs of life on a stream
MAX_WAITING = 256  # words that a slow listener may leave unread
MAX_WAIT, DEFAULT_WAIT = 120.0, 30.0
_PICTURES = ("image/png", "image/jpeg")
_FILES = {
    "kiosk.css": "text/css; charset=utf-8",
    **dict.fromkeys(("main.js", "views.js", "parts.js", "input.js", "camera.js"), "text/javascript; charset=utf-8"),
}

Save = Callable[[Shown], str]
"""Saves the evidence of a check for the authority; where. Raises SupportRefused, ReadFailed, OSError."""


def create(kiosk: Kiosk, *, save: Save | None = None) -> Starlette:
    """The application without its guard. `save` is behind the button 'save for the authority'."""
    page = _Page(kiosk, save)
    interface = _Interface(kiosk)
    routes = [
        Route("/", page.index),
        Route("/static/{name}", page.static),
        Route("/page/texts", page.texts),
        Route("/page/events", page.events),
        Route("/page/portrait/{check}", page.portrait),
        *(
            Route(f"/page/{act.__name__}", act, methods=["POST"])
            for act in (page.password, page.scan, page.picture, page.frame, page.again, page.clear, page.save)
        ),
        Route("/v1/check", interface.check, methods=["POST"]),
        Route("/v1/check-code", interface.check_code, methods=["POST"]),
        Route("/v1/events", interface.events),
        Route("/v1/readers", interface.readers),
        Route("/v1/schema", interface.schema),
        Route("/v1/texts", page.texts),
    ]

    @asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        kiosk.start()
        yield
        await run_in_threadpool(kiosk.stop)

    return Starlette(routes=routes, exception_handlers={HTTPException: _http_error}, lifespan=life)


def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return refusal(error.status_code, error.detail, "请求有误。", "This is not a request that can be answered.")


class _Page:
    def __init__(self, kiosk: Kiosk, save: Save | None) -> None:
        self._kiosk, self._save = kiosk, save
        folder = resources.files("verifier.kiosk").joinpath("page")
        self._index = folder.joinpath("index.html").read_bytes()
        self._files = {name: folder.joinpath(name).read_bytes() for name in _FILES}

    async def index(self, _: Request) -> Response:
        return Response(self._index, media_type="text/html; charset=utf-8")

    async def static(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in self._files:
            raise HTTPException(404, "path")
        return Response(self._files[name], media_type=_FILES[name])

    async def texts(self, _: Request) -> Response:
        return JSONResponse(texts.tree(self._kiosk.settings, save=self._save is not None))

    async def events(self, _: Request) -> Response:
        return _stream(self._kiosk.board)

    async def portrait(self, request: Request) -> Response:
        shown = self._kiosk.shown(request.path_params["check"])
        if shown is None or shown.picture is None:
            raise HTTPException(404, "portrait")
        return Response(shown.picture.image, media_type=shown.picture.media_type)

    async def password(self, request: Request) -> Response:
        lane, visit, tree = await self._place(request, can=str)
        try:
            secret = password.from_can(tree["can"])
        except ReadFailed as failed:
            return JSONResponse({"reason": failed.reason}, status_code=422)
        found = self._kiosk.lane(lane)
        return _taken(found is not None and found.offer(visit, secret))

    async def again(self, request: Request) -> Response:
        lane, visit, _ = await self._place(request)
        found = self._kiosk.lane(lane)
        return _taken(found is not None and found.again(visit))

    async def clear(self, request: Request) -> Response:
        await _json(request)
        await run_in_threadpool(self._kiosk.codes.clear)
        return _taken(True)

    async def scan(self, request: Request) -> Response:
        lane, visit, tree = await self._place(request, text=str)
        await run_in_threadpool(self._kiosk.scanned, (tree["text"],), lane, visit)
        return _taken(True)

    async def picture(self, request: Request) -> Response:
        raw = await _body(request, scan.MAX_FILE)
        found = await run_in_threadpool(_pictured, raw)
        if isinstance(found, ReadFailed):
            await run_in_threadpool(self._kiosk.codes.fail, found)
        else:
            await run_in_threadpool(self._kiosk.scanned, found, *_query_place(request))
        return _taken(True)

    async def frame(self, request: Request) -> Response:
        raw = await _body(request, codes.MAX_FRAME)
        try:
            width, height = (int(request.query_params[name]) for name in ("width", "height"))
            found = await run_in_threadpool(codes.frame, raw, width, height)
        except (KeyError, ValueError) as error:
            raise HTTPException(422, "size") from error
        except ReadFailed as failed:
            return JSONResponse({"reason": failed.reason}, status_code=422)
        if found:
            await run_in_threadpool(self._kiosk.scanned, found, *_query_place(request))
        return JSONResponse({"found": bool(found)})

    async def save(self, request: Request) -> Response:
        tree = await _json(request, check=str)
        shown = self._kiosk.shown(tree["check"])
        if self._save is None or shown is None or shown.evidence is None:
            raise HTTPException(404, "evidence")
        try:
            return JSONResponse({"saved": await run_in_threadpool(self._save, shown)})
        except SupportRefused as refused:
            return JSONResponse({"failed": SUPPORT_REASONS[refused.reason]}, status_code=422)
        except ReadFailed as failed:
            return JSONResponse({"failed": REASONS[failed.reason]}, status_code=500)
        except OSError as error:
            return JSONResponse({"failed": [error.strerror, error.strerror]}, status_code=500)

    async def _place(self, request: Request, **members: type) -> tuple[str, int, Mapping[str, Any]]:
        tree = await _json(request, lane=str, visit=int, **members)
        return tree["lane"], tree["visit"], tree


class _Interface:
    def __init__(self, kiosk: Kiosk) -> None:
        self._kiosk = kiosk

    async def check(self, request: Request) -> Response:
        tree = await _json_object(request)
        known = {"can": str, "mrz": str, "code": str, "reader": str, "wait_seconds": (int, float), "portrait": bool}
        _members(tree, known)
        given = [name for name in ("can", "mrz", "code") if name in tree]
        if len(given) != 1:
            raise HTTPException(422, "one of can, mrz, code")
        wait = tree.get("wait_seconds", DEFAULT_WAIT)
        if isinstance(wait, bool) or not 0 <= wait <= MAX_WAIT:
            raise HTTPException(422, f"wait_seconds: 0 to {MAX_WAIT:g}")
        try:
            secret = _secret(given[0], tree[given[0]])
        except ReadFailed as failed:
            return JSONResponse(answers.failure(failed))
        answer = await self._ordered(request, secret, tree, float(wait))
        return Response(status_code=499) if answer is None else JSONResponse(answer)

    async def _ordered(self, request: Request, secret: Password, tree: Mapping[str, Any], wait: float) -> Tree | None:
        """The answer; None when whoever asked has gone."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Tree] = loop.create_future()

        def done(answer: Tree) -> None:
            def settle() -> None:
                if not future.done():
                    future.set_result(answer)

            with suppress(RuntimeError):  # the counter is closing
                loop.call_soon_threadsafe(settle)

        reader = tree.get("reader", "")
        order = Order(password=secret, done=done, reader=reader, portrait=tree.get("portrait", False))
        self._kiosk.place(order)
        deadline = loop.time() + wait
        last = deadline + self._kiosk.check_seconds + PORTRAIT_SECONDS
        try:
            while not future.done():
                now = loop.time()
                if (now >= deadline or self._kiosk.closing.is_set()) and self._kiosk.withdraw(order):
                    return answers.failed(self._kiosk.absence(), reader=reader)
                if now >= last:
                    return answers.failed(Reason.TIMED_OUT, reader=reader)
                if await request.is_disconnected():
                    return None
                await asyncio.wait({future}, timeout=min(0.5, max(0.0, deadline - now) or 0.5))
            return future.result()
        finally:
            self._kiosk.withdraw(order)

    async def check_code(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind in _PICTURES:
            raw = await _body(request, scan.MAX_FILE)
            found = await run_in_threadpool(_pictured, raw)
            if isinstance(found, ReadFailed):
                return JSONResponse(answers.failure(found))
        else:
            found = ((await _json(request, text=str))["text"],)
        return JSONResponse(await run_in_threadpool(self._kiosk.codes.check, found))

    async def events(self, _: Request) -> Response:
        return _stream(self._kiosk.board)

    async def readers(self, _: Request) -> Response:
        return JSONResponse({"readers": [{"name": name, "phase": at} for name, at in self._kiosk.readers().items()]})

    async def schema(self, _: Request) -> Response:
        return Response(answers.schema(), media_type="application/schema+json")


def _secret(kind: str, value: str) -> Password:
    if kind == "can":
        return password.from_can(value)
    return password.from_mrz(value) if kind == "mrz" else printed.password([value])


def _pictured(raw: bytes) -> tuple[str, ...] | ReadFailed:
    try:
        return scan.picture(raw)
    except ReadFailed as failed:
        return failed


def _query_place(request: Request) -> tuple[str, int]:
    visit = request.query_params.get("visit", "0")
    return request.query_params.get("lane", ""), int(visit) if visit.isdecimal() and len(visit) < 10 else 0


def _taken(yes: bool) -> Response:
    return Response(status_code=204 if yes else 409)


async def _body(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > limit:
            raise HTTPException(413, f"at most {limit} bytes")
    return bytes(body)


async def _json_object(request: Request) -> Mapping[str, Any]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise HTTPException(415, "application/json")
    try:
        tree = json.loads(await _body(request, MAX_JSON))
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "not JSON") from error
    if not isinstance(tree, dict):
        raise HTTPException(422, "not an object")
    return tree


async def _json(request: Request, **members: type) -> Mapping[str, Any]:
    """An object with exactly these members."""
    tree = await _json_object(request)
    _members(tree, members)
    if missing := members.keys() - tree.keys():
        raise HTTPException(422, f"missing: {', '.join(sorted(missing))}")
    return tree


def _members(tree: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    for name, value in tree.items():
        if name not in known or not isinstance(value, known[name]) or (known[name] is int and value is True):
            raise HTTPException(422, f"not as it should be: {name[:32]}")


def _stream(board: Board) -> Response:
    """Server-sent events: each word of the board as it stands, then every new one; a sign of life in between."""
    return StreamingResponse(_words(board), media_type="text/event-stream")


async def _words(board: Board) -> AsyncIterator[str]:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[tuple[str, Tree]] = asyncio.Queue()

    def hear(topic: str, word: Tree) -> None:
        with suppress(RuntimeError):  # the counter is closing
            loop.call_soon_threadsafe(waiting.put_nowait, (topic, word))

    end = board.listen(hear)
    try:
        yield ": permit-verifier\n\n"
        while waiting.qsize() < MAX_WAITING:  # else it is gone, or hopeless: it may come again
            try:
                topic, word = await asyncio.wait_for(waiting.get(), HEARTBEAT)
            except TimeoutError:
                yield "event: alive\ndata: {}\n\n"
                continue
            if topic == END:
                break
            data = json.dumps({"place": topic, **word}, ensure_ascii=False)
            yield f"event: {topic.partition('-')[0]}\ndata: {data}\n\n"
    finally:
        end()
