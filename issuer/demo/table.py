"""The table on which the demonstration's cards lie: a page that puts one on a reader, as a hand would.

Software cards in pcscd's virtual readers. The page answers on loopback alone, and does what its own forms ask for.
"""

from __future__ import annotations

import html
import secrets
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from string import Template
from typing import Any
from urllib.parse import parse_qs

from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from card_profiles.softcard import vpcd
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.image import ImageFile

HERE = Path(__file__).parent
MAX_BODY = 2_000
_POLICY = "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; frame-ancestors 'none'"
_FILES = {"/table.css": "text/css; charset=utf-8", "/photo.jpg": "image/jpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A virtual reader: its name, the port of its first slot, what people call it, the page of who works there."""

    name: str
    port: int
    title: str
    page: str


@dataclass(slots=True)
class _Lying:
    """A card on a reader."""

    place: str
    image: ImageFile
    stop: threading.Event = field(default_factory=threading.Event)
    thread: threading.Thread | None = None


class Table:
    """The cards, by name, and where each is. One card on a reader."""

    def __init__(self, cards: Mapping[str, Path], places: Sequence[Place]) -> None:
        self.cards, self.places = dict(cards), {place.name: place for place in places}
        self._lying: dict[str, _Lying] = {}
        self._lock = threading.Lock()

    def where(self, card: str) -> str | None:
        """The reader that a card is on."""
        found = self._lying.get(card)
        return None if found is None else found.place

    def put(self, card: str, place: str) -> None:
        """On a reader; what lay there comes back to the table. Raises KeyError."""
        image, target = self.cards[card], self.places[place]
        with self._lock:
            for other in [name for name, lying in self._lying.items() if name == card or lying.place == place]:
                self._take(other)
            lying = _Lying(place, ImageFile(image))
            soft = SoftCard(RESIDENCE_PERMIT_V1, lying.image)
            lying.thread = threading.Thread(
                target=vpcd.serve, args=(soft, "127.0.0.1", target.port), kwargs={"stop": lying.stop}, daemon=True
            )
            lying.thread.start()
            self._lying[card] = lying

    def take(self, card: str) -> None:
        """Back to the table."""
        with self._lock:
            self._take(card)

    def clear(self) -> None:
        """All of them."""
        for card in list(self._lying):
            self.take(card)

    def _take(self, card: str) -> None:
        lying = self._lying.pop(card, None)
        if lying is not None:
            lying.stop.set()
            if lying.thread is not None:
                lying.thread.join(10)
            lying.image.close()


class Page(ThreadingHTTPServer):
    """The table's page, at `address`."""

    daemon_threads = True

    def __init__(self, table: Table, photo: Path, people: Sequence[tuple[str, str]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.table, self.photo, self.people = table, photo, people
        self.secret = secrets.token_urlsafe(16)
        self.address = f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    server: Page

    def do_GET(self) -> None:
        if self.path == "/":
            self._answer(200, "text/html; charset=utf-8", self._page().encode())
        elif self.path in _FILES:
            found = self.server.photo if self.path == "/photo.jpg" else HERE / "table.css"
            self._answer(200, _FILES[self.path], found.read_bytes())
        else:
            self._answer(404, "text/plain", b"")

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        form = parse_qs(self.rfile.read(min(length, MAX_BODY)).decode("ascii", "replace"))
        asked = {name: values[0] for name, values in form.items()}
        table = self.server.table
        ours = secrets.compare_digest(asked.get("secret", ""), self.server.secret)
        if not ours or asked.get("card") not in table.cards:
            self._answer(403, "text/plain", b"")
            return
        if asked.get("place") in table.places:
            table.put(asked["card"], asked["place"])
        else:
            table.take(asked["card"])
        self._answer(303, "text/plain", b"", {"Location": "/"})

    def _page(self) -> str:
        table = self.server.table
        template = Template((HERE / "table.html").read_text("utf-8"))
        return template.substitute(
            cards="\n".join(self._card(name) for name in table.cards),
            places="\n".join(
                f'<li><a href="{place.page}" target="_blank" rel="noopener">{html.escape(place.title)}</a></li>'
                for place in table.places.values()
            ),
            people="\n".join(
                f"<tr><th scope='row'>{html.escape(who)}</th><td><code>{html.escape(name)}</code></td></tr>"
                for who, name in self.server.people
            ),
        )

    def _card(self, name: str) -> str:
        table = self.server.table
        at = table.where(name)
        buttons = [
            self._button(name, place.name, place.title, pressed=at == place.name) for place in table.places.values()
        ]
        buttons.append(self._button(name, "", "桌上 on the table", pressed=at is None))
        return f'<li class="card"><h3>{html.escape(name)}</h3><div class="places">{"".join(buttons)}</div></li>'

    def _button(self, card: str, place: str, title: str, *, pressed: bool) -> str:
        hidden = "".join(
            f'<input type="hidden" name="{key}" value="{html.escape(value)}">'
            for key, value in (("secret", self.server.secret), ("card", card), ("place", place))
        )
        state = "true" if pressed else "false"
        label = html.escape(title)
        return f'<form method="post" action="/">{hidden}<button aria-pressed="{state}">{label}</button></form>'

    def _answer(self, status: int, kind: str, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        more = {"Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store"}
        for name, value in (more | {"Content-Security-Policy": _POLICY} | dict(headers or {})).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Nothing: the terminal is for people."""
