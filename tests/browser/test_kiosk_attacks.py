"""A website on another port of this machine, in the very browser that has the counter open, tries to reach it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.factory import CAN

from .conftest import Look
from .kiosk_counter import CounterWorld, pcscd, permit, phase, type_can, world

__all__ = ["pcscd", "world"]


class _Evil(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>evil</title><body></body>")

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def evil() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Evil)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


TRIES = """async ([address, check, can, token]) => {
    const found = {};
    const read = async (name, path, options) => {
        try {
            const answer = await fetch(address + path, { credentials: "include", ...options });
            found[name] = answer.type === "opaque" ? "opaque" : (await answer.text()).slice(0, 99);
        } catch { found[name] = "refused"; }
    };
    await read("texts", "/page/texts", {});
    await read("portrait", "/page/portrait/" + check, {});
    await read("blind", "/page/again", { method: "POST", mode: "no-cors",
        body: JSON.stringify({ lane: "reader-1", visit: 1 }) });
    await read("json", "/page/again", { method: "POST", headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ lane: "reader-1", visit: 1 }) });
    await read("api", "/v1/check", { method: "POST", body: JSON.stringify({ can }),
        headers: { "Content-Type": "application/json", "Authorization": "Bearer " + token } });
    const loads = (tag, source) => new Promise((done) => {
        const element = document.createElement(tag);
        element.onload = () => done("loaded");
        element.onerror = () => done("refused");
        element.src = address + source;
        document.body.append(element);
    });
    found.image = await loads("img", "/page/portrait/" + check);
    found.script = await loads("script", "/static/main.js");
    found.events = await new Promise((done) => {
        const source = new EventSource(address + "/page/events", { withCredentials: true });
        source.addEventListener("reader", () => done("heard"));
        source.onerror = () => { source.close(); done("refused"); };
    });
    const frame = document.createElement("iframe");
    frame.name = "target";
    document.body.append(frame);
    await new Promise((done) => { frame.onload = done; frame.src = address + "/"; });
    const form = document.createElement("form");
    form.method = "post"; form.action = address + "/page/again"; form.target = "target"; form.enctype = "text/plain";
    const field = document.createElement("input");
    field.name = '{"lane": "reader-1", "visit": 1, "x": "'; field.value = '"}';
    form.append(field);
    document.body.append(form);
    await new Promise((done) => { frame.onload = done; form.submit(); });
    return found;
}"""


def test_a_website_in_the_same_browser(world: CounterWorld, look: Look, evil: str) -> None:
    """The counter's cookie goes along from another port of this machine. It opens nothing, and changes nothing."""
    page = world.open(look(lang="zh"))
    world.card(permit()).insert()
    type_can(page)
    phase(page, "verdict")
    page.wait_for_selector("#portrait")
    before = world.kiosk.board.word("reader-1")
    other = page.context.new_page()
    other.goto(evil)
    found = other.evaluate(TRIES, [world.address, before["check"], CAN, world.token.value])
    assert set(found.values()) == {"refused"}, found
    for frame in other.frames[1:]:
        assert "XIAOMEI" not in frame.content()
        assert not frame.locator("#main").count()
    assert world.kiosk.board.word("reader-1") == before
    assert len(world.kiosk._orders) == 0
