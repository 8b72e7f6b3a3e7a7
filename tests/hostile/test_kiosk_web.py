"""Other websites, other programs and other users against the counter's page and interface on loopback."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.factory import CAN
from tests.printed_codes import text
from tests.unit.verifier.kiosk.desk import READER
from tests.unit.verifier.kiosk.served import Served, served
from verifier.kiosk import token
from verifier.kiosk.settings import SettingsWrong, load
from verifier.kiosk.visit import Phase


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("kiosk")) as made:
        made.hall.readers(READER)
        yield made


PAGE = ["/page/texts", "/page/events", "/page/portrait/0123456789abcdef"]
ACTS = ["password", "scan", "picture", "frame", "again", "clear", "save"]
INTERFACE = [("POST", "/v1/check"), ("POST", "/v1/check-code"), ("GET", "/v1/events"), ("GET", "/v1/readers")]
FOREIGN = ["http://evil.example", "https://127.0.0.1:1", "null", "http://localhost", "file://", "http://127.0.0.1"]


# --- names: DNS rebinding --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:{port}",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.0.0.1.evil.example:{port}",
        "",
        "[::]:{port}",
    ],
)
@pytest.mark.parametrize("path", ["/", "/static/main.js", "/page/texts", "/v1/readers"])
def test_another_name_for_this_machine(counter: Served, host: str, path: str) -> None:
    headers = counter.page | counter.program | {"Host": host.format(port=counter.port)}
    headers.pop("Origin")
    assert counter.ask("GET", path, **headers).status == 421


def test_a_name_given_twice(counter: Served) -> None:
    own = f"127.0.0.1:{counter.port}"
    for lines in ([own, "evil.example"], ["evil.example", own]):
        assert raw(counter, "GET", "/", *(f"Host: {line}" for line in lines)) in (400, 421)
    cookie = counter.page["Cookie"]
    twice = ["Origin: http://evil.example", f"Origin: {counter.origin}"]
    assert raw(counter, "GET", "/page/texts", f"Host: {own}", f"Cookie: {cookie}", *twice) == 421


def raw(counter: Served, method: str, path: str, *lines: str) -> int:
    """The status of a request that no client library would send."""
    with socket.create_connection(("127.0.0.1", counter.port), 10) as link:
        link.sendall("\r\n".join([f"{method} {path} HTTP/1.1", *lines, "Connection: close", "", ""]).encode())
        return int(link.makefile("rb").readline().split()[1])


# --- other pages in the same browser ---------------------------------------------------------------------------------


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("act", ACTS)
def test_a_foreign_page_posts_with_our_cookie(counter: Served, origin: str, act: str) -> None:
    answer = counter.post(f"/page/{act}", {"lane": "reader-1", "visit": 1, "can": CAN}, Origin=origin)
    assert (answer.status, answer.tree["error"]) == (403, "origin")


@pytest.mark.parametrize("act", ACTS)
def test_a_post_that_does_not_say_where_it_comes_from(counter: Served, act: str) -> None:
    headers = counter.page
    headers.pop("Origin")
    assert counter.ask("POST", f"/page/{act}", {}, **headers).status == 403


@pytest.mark.parametrize("site", ["cross-site", "same-site", "none-of-these"])
@pytest.mark.parametrize("path", ["/", "/static/main.js", *PAGE])
def test_what_fetches_for_another_page(counter: Served, site: str, path: str) -> None:
    """`same-site` is another port of this machine: cookies go there, and nothing comes back."""
    headers = counter.page | {"Sec-Fetch-Site": site}
    headers.pop("Origin")
    answer = counter.ask("GET", path, **headers)
    assert (answer.status, answer.tree["error"]) == (403, "site")


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_foreign_page_that_stole_the_token(counter: Served, origin: str) -> None:
    for method, path in INTERFACE:
        assert counter.ask(method, path, **counter.program, Origin=origin).status == 403


def test_preflights_are_refused_and_nothing_is_shared(counter: Served) -> None:
    for path in ("/v1/check", "/page/password"):
        answer = counter.ask("OPTIONS", path, Origin=counter.origin, Access_Control_Request_Method="POST")
        assert answer.status == 405
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_a_form_cannot_speak_to_the_interface(counter: Served) -> None:
    """Forms send three content types, and none of them is ours."""
    for kind in ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain"):
        answer = counter.ask("POST", "/v1/check", b'{"can": "123456"}', **counter.program, Content_Type=kind)
        assert answer.status == 415
        assert counter.post("/page/clear", b"{}", Content_Type=kind).status == 415


# --- who has neither cookie nor token --------------------------------------------------------------------------------


def test_nobody_without_the_link_sees_anything(counter: Served) -> None:
    for path in ["/", *PAGE]:
        assert counter.ask("GET", path).status == 403
    wrong = counter.token.link[:-1] + ("0" if counter.token.link[-1] != "0" else "1")
    for key in (wrong, counter.token.value, counter.token.cookie, ""):
        assert counter.ask("GET", f"/?key={key}").status == 403


def test_the_link_opens_the_page_and_nothing_else(counter: Served) -> None:
    answer = counter.ask("GET", f"/?key={counter.token.link}")
    assert (answer.status, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=strict" in cookie
    assert counter.token.value not in cookie
    for secret in (counter.token.link, counter.token.cookie):
        assert counter.ask("GET", "/v1/readers", Authorization=f"Bearer {secret}").status == 401


def test_the_cookie_is_no_token_and_the_token_no_cookie(counter: Served) -> None:
    headers = counter.page
    for method, path in INTERFACE:
        assert counter.ask(method, path, **headers).status == 401
    cookie = f"permit-counter-{counter.port}={counter.token.value}"
    assert counter.ask("GET", "/page/texts", Cookie=cookie).status == 403
    other = f"permit-counter-{counter.port + 1}={counter.token.cookie}"
    assert counter.ask("GET", "/page/texts", Cookie=other).status == 403


@pytest.mark.parametrize("given", ["", "Bearer", "Bearer ", "Basic {token}", "{token}", "Bearer {token}x", "Bearer é"])
def test_wrong_tokens(counter: Served, given: str) -> None:
    answer = counter.ask(
        "GET", "/v1/readers", Authorization=given.format(token=counter.token.value).encode().decode("latin-1")
    )
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == "Bearer"


def test_the_token_is_for_its_owner_alone(tmp_path: Path) -> None:
    made = token.load(str(tmp_path))
    path = tmp_path / token.FILE
    assert path.stat().st_mode & 0o777 == 0o600
    assert token.load(str(tmp_path)).value == made.value
    assert made.value not in repr(made)
    path.chmod(0o640)
    with pytest.raises(token.TokenWrong):
        token.load(str(tmp_path))
    path.unlink()
    os.symlink("/dev/null", path)
    with pytest.raises(token.TokenWrong):
        token.load(str(tmp_path))
    path.unlink()
    path.write_text("short\n")
    path.chmod(0o600)
    with pytest.raises(token.TokenWrong):
        token.load(str(tmp_path))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.2", "counter.example", "127.0.0.1 "])
def test_the_page_is_for_this_machine(host: str) -> None:
    with pytest.raises(SettingsWrong):
        load(None, {"sector": "health", "host": host})


# --- what goes out ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["/", "/static/main.js", "/static/kiosk.css", "/page/texts", "/v1/readers", "/nowhere"]
)
def test_nothing_is_stored_framed_or_shared(counter: Served, path: str) -> None:
    headers = counter.page | counter.program
    headers.pop("Origin")
    found = {name.lower(): value for name, value in counter.ask("GET", path, **headers).headers.items()}
    assert found["cache-control"] == "no-store"
    policy = dict(part.strip().partition(" ")[::2] for part in found["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert not [value for value in policy.values() if "unsafe" in value or "data:" in value]
    assert found["x-frame-options"] == "DENY"
    assert found["x-content-type-options"] == "nosniff"
    assert found["referrer-policy"] == "no-referrer"
    assert found["cross-origin-resource-policy"] == "same-origin"
    assert "server" not in found


def test_pages_have_nothing_inline() -> None:
    from importlib import resources

    folder = resources.files("verifier.kiosk").joinpath("page")
    for file in folder.iterdir():
        content = file.read_text()
        assert "innerHTML" not in content
        assert "style=" not in content
        assert "https://" not in content
        assert "http://" not in content.replace("http://www.w3.org/2000/svg", "")


def test_paths_lead_nowhere_else(counter: Served) -> None:
    for path in (
        "/static/../app.py",
        "/static/..%2fapp.py",
        "/static/%2e%2e/token.py",
        "/static/",
        "/static/index.html",
    ):
        assert counter.ask("GET", path, **counter.page).status in (403, 404)


# --- what comes in ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b"[" * 5000, b'{"can": 1}', b'{"can": "1", "more": 1}', b"{}",
        b'{"can": "123456", "mrz": "x"}', b'{"can": "123456", "wait_seconds": -1}',
        b'{"can": "123456", "wait_seconds": 1e9}', b'{"can": "123456", "wait_seconds": true}',
        b'{"can": "123456", "wait_seconds": NaN}', b'{"can": "123456", "reader": []}',
        b'{"code": "A", "portrait": 1}',
    ],
)  # fmt: skip
def test_requests_that_are_none(counter: Served, body: bytes) -> None:
    answer = counter.ask("POST", "/v1/check", body, **counter.program, Content_Type="application/json")
    assert answer.status in (400, 422)
    assert answer.tree["error"]


def test_too_much(counter: Served) -> None:
    assert counter.api("/v1/check", {"can": "1" * 9000}).status == 413
    assert counter.post("/page/scan", {"lane": "", "visit": 0, "text": "A" * 9000}).status == 413
    assert (
        counter.post("/page/frame?width=1&height=1", bytes(3_000_000), Content_Type="application/octet-stream").status
        == 413
    )


def test_passwords_and_codes_that_are_none_get_a_reason(counter: Served) -> None:
    cases = [
        ({"can": "12"}, "password-malformed"),
        ({"can": "١٢٣٤٥٦"}, "password-malformed"),
        ({"mrz": "X"}, "password-malformed"),
        ({"code": "HELLO"}, "code-of-other-kind"),
        ({"code": text()[:-4]}, "code-of-other-kind"),
    ]
    for body, reason in cases:
        assert counter.api("/v1/check", body).checked["reasons"] == [reason]


@pytest.mark.parametrize(
    "size", ["", "?width=x&height=2", "?width=3", "?width=-1&height=-4", "?width=0&height=0", "?width=9&height=9"]
)
def test_frames_that_are_none(counter: Served, size: str) -> None:
    assert counter.post(f"/page/frame{size}", b"1234", Content_Type="application/octet-stream").status == 422


@pytest.mark.parametrize(
    "content", [b"", b"GIF89a", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff" + bytes(900), b"\x89PNG\r\n\x1a\n" + bytes(9000)]
)
def test_pictures_that_are_none(counter: Served, content: bytes) -> None:
    answer = counter.ask("POST", "/v1/check-code", content, **counter.program, Content_Type="image/png")
    assert answer.checked["reasons"] == ["code-unreadable"]
    assert counter.post("/page/picture?lane=&visit=999999999999", content, Content_Type="image/png").status == 204
    assert counter.hall.until(Phase.FAILED, "code")["reason"] == "code-unreadable"
    assert counter.post("/page/clear", {}).status == 204
    counter.hall.until(Phase.EMPTY, "code")
