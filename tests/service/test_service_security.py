"""Attacks on the service: sessions, CSRF, guessing, bodies that are too large or no JSON, injections, and the logs."""

from __future__ import annotations

import io
import logging
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import select

from issuer.domain.roles import Role
from issuer.service import logs
from issuer.service.sessions import FREE_ATTEMPTS, lock_after
from issuer.service.settings import SettingWrong, from_environment
from issuer.store.models.people import Session
from tests.service.house import PASSWORD, House

NAME = "registrar.community.1"


def _browser(house: House, name: str = NAME) -> tuple[object, str]:
    """A client that signed in with a cookie, and its CSRF token."""
    house.as_(Role.REGISTRAR, "community")
    client = house.client()
    answer = client.post("/api/v1/session", json={"name": name, "password": PASSWORD})
    assert answer.status_code == 200
    return client, answer.json()["csrf"]


def test_the_cookie_is_out_of_reach(house: House) -> None:
    house.as_(Role.REGISTRAR, "community")
    answer = house.client().post("/api/v1/session", json={"name": NAME, "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "path=/" in cookie
    assert answer.json()["token"] is None


def test_a_cookie_alone_does_nothing(house: House) -> None:
    client, csrf = _browser(house)
    for headers in ({}, {"X-CSRF-Token": "0" * 64}, {"X-CSRF-Token": ""}):
        answer = client.post("/api/v1/holders", json=house.person(), headers=house.key() | headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "csrf")
    answer = client.post("/api/v1/holders", json=house.person(), headers=house.key() | {"X-CSRF-Token": csrf})
    assert answer.status_code == 200
    assert client.get("/api/v1/session").json()["csrf"] == csrf


def test_a_programs_token_is_of_no_use_as_a_cookie(house: House) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    token = registrar.headers["Authorization"].removeprefix("Bearer ")
    client = house.client()
    client.cookies.set(house.service.cookie, token)
    for csrf in ("", "0" * 64):
        answer = client.post("/api/v1/holders", json=house.person(), headers=house.key() | {"X-CSRF-Token": csrf})
        assert answer.status_code == 403


def test_a_planted_session_is_not_taken_over(house: House) -> None:
    """Whatever cookie the browser has, signing in makes a new one; a session that was known before is ended."""
    client, _ = _browser(house)
    before = client.cookies[house.service.cookie]
    answer = client.post("/api/v1/session", json={"name": NAME, "password": PASSWORD})
    assert client.cookies[house.service.cookie] != before
    assert answer.status_code == 200
    old = house.client()
    old.cookies.set(house.service.cookie, before)
    assert old.get("/api/v1/session").status_code == 401
    planted = house.client()
    planted.cookies.set(house.service.cookie, "chosen-by-somebody-else")
    planted.post("/api/v1/session", json={"name": NAME, "password": PASSWORD})
    planted.cookies.clear()
    planted.cookies.set(house.service.cookie, "chosen-by-somebody-else")
    assert planted.get("/api/v1/session").status_code == 401


def test_sessions_end(house: House) -> None:
    client, csrf = _browser(house)
    token = client.cookies[house.service.cookie]
    assert client.delete("/api/v1/session", headers={"X-CSRF-Token": csrf}).status_code == 204
    client.cookies.set(house.service.cookie, token)
    assert client.get("/api/v1/session").status_code == 401
    client, _ = _browser(house)
    house.clock.pass_by(minutes=house.service.settings.idle_minutes + 1)
    assert client.get("/api/v1/session").status_code == 401
    client, _ = _browser(house)
    for _ in range(house.service.settings.session_hours * 3):
        house.clock.pass_by(minutes=20)
        last = client.get("/api/v1/session").status_code
    assert last == 401


def test_only_hashes_of_tokens_are_kept(house: House) -> None:
    client, csrf = _browser(house)
    token = client.cookies[house.service.cookie]
    with house.service.store.read() as transaction:
        rows = transaction.scalars(select(Session)).all()
    kept = " ".join(f"{row.token_hash} {row.csrf_hash}" for row in rows)
    assert token not in kept
    assert csrf not in kept


def test_a_disabled_operator_is_out_at_once(house: House) -> None:
    client, _ = _browser(house)
    operator = client.get("/api/v1/session").json()["operator"]
    house.act(house.as_(Role.KEY_ADMINISTRATOR, "city"), f"/operators/{operator}/disable")
    assert client.get("/api/v1/session").status_code == 401
    answer = house.client().post("/api/v1/session", json={"name": NAME, "password": PASSWORD})
    assert answer.json()["code"] == "credentials"


def test_a_new_password_ends_all_sessions(house: House) -> None:
    client, _ = _browser(house)
    operator = client.get("/api/v1/session").json()["operator"]
    administrator = house.as_(Role.KEY_ADMINISTRATOR, "city")
    weak = house.act(administrator, f"/operators/{operator}/password", {"password": "short"}, status=422)
    assert weak["code"] == "weak-password"
    house.act(administrator, f"/operators/{operator}/password", {"password": "another-Kettle-88"})
    assert client.get("/api/v1/session").status_code == 401


def test_guessing_is_slowed_down(house: House) -> None:
    house.as_(Role.REGISTRAR, "community")
    client = house.client()
    for _ in range(FREE_ATTEMPTS):
        answer = client.post("/api/v1/session", json={"name": NAME, "password": "wrong"})
        assert (answer.status_code, answer.json()["code"]) == (401, "credentials")
    # Now the right password is refused too, and says for how long.
    answer = client.post("/api/v1/session", json={"name": NAME, "password": PASSWORD})
    assert (answer.status_code, answer.json()["code"]) == (429, "locked-out")
    wait = int(answer.headers["Retry-After"])
    assert 0 < wait <= 31
    house.clock.pass_by(seconds=wait)
    client.post("/api/v1/session", json={"name": NAME, "password": "wrong"})
    longer = int(client.post("/api/v1/session", json={"name": NAME, "password": PASSWORD}).headers["Retry-After"])
    assert longer > wait
    house.clock.pass_by(seconds=longer)
    assert client.post("/api/v1/session", json={"name": NAME, "password": PASSWORD}).status_code == 200
    assert client.post("/api/v1/session", json={"name": NAME, "password": "wrong"}).status_code == 401


def test_the_lock_grows_to_a_quarter_of_an_hour() -> None:
    times = [lock_after(count).total_seconds() for count in range(FREE_ATTEMPTS, FREE_ATTEMPTS + 8)]
    assert times == [30, 60, 120, 240, 480, 900, 900, 900]


def test_guesses_at_the_same_moment_count_each(house: House) -> None:
    house.as_(Role.REGISTRAR, "community")
    answers: list[int] = []

    def guess() -> None:
        answers.append(house.client().post("/api/v1/session", json={"name": NAME, "password": "wrong"}).status_code)

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(401) == FREE_ATTEMPTS
    assert answers.count(429) == 12 - FREE_ATTEMPTS


def test_a_name_that_nobody_has_is_answered_the_same(house: House) -> None:
    house.as_(Role.REGISTRAR, "community")
    wrong = house.client().post("/api/v1/session", json={"name": NAME, "password": "wrong"}).json()
    nobody = house.client().post("/api/v1/session", json={"name": "nobody.here", "password": "wrong"}).json()
    assert wrong.keys() == nobody.keys()
    assert [wrong[name] for name in ("code", "title", "detail")] == [
        nobody[name] for name in ("code", "title", "detail")
    ]


def test_passwords_cost_what_rfc_9106_says() -> None:
    parameters = extract_parameters(PasswordHasher().hash("x"))
    assert parameters.memory_cost >= 64 * 1024
    assert parameters.time_cost >= 3


@pytest.mark.parametrize(
    ("content", "status", "code"),
    [
        (b"{", 400, "malformed"),
        (b"\xff\xfe", 400, "malformed"),
        (b"[" * 30_000, 400, "malformed"),
        (b'{"name": "a", "name": 1}', 422, "invalid-value"),
        (b'"text"', 422, "invalid-value"),
        (b"null", 422, "invalid-value"),
        (b'{"name":"\\u0000","password":"x"}', 422, "invalid-value"),
        (b'{"name":"\\ud800","password":"x"}', 422, "invalid-value"),
        (b'{"name":"a","password":"x","admin":true}', 422, "invalid-value"),
        (b"x" * (64 * 1024 + 1), 413, "too-large"),
    ],
)
def test_bodies_that_are_none(house: House, content: bytes, status: int, code: str) -> None:
    answer = house.client().post("/api/v1/session", content=content, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_body_without_a_length_is_cut_off_too(house: House) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(200):
            yield b" " * 1024

    answer = house.client().post("/api/v1/session", content=pieces(), headers={"Content-Type": "application/json"})
    assert answer.status_code == 413


INJECTIONS = (
    "' OR '1'='1",
    "'; DROP TABLE holder; --",
    "%' AND 1=CAST((SELECT version()) AS int) --",
    "<script>alert(1)</script>",
    "../../../../etc/passwd",
    "{{7*7}}",
    "\\",
    "%",
    "_",
)


@pytest.mark.parametrize("text", INJECTIONS)
def test_injections_are_text(house: House, text: str) -> None:
    """Whatever is written into a field is a text; a search for it finds that and nothing else."""
    house.registered(1)
    registrar = house.as_(Role.REGISTRAR, "community")
    for params in ({"name": text}, {"number": text + "    "}):
        answer = registrar.get("/api/v1/holders", params=params)
        assert answer.status_code in (200, 422)
        if answer.status_code == 200:
            assert answer.json()["holders"] == []
    stored = registrar.post(
        "/api/v1/holders",
        json=house.person(2, address=f"Street {text}"),
        headers=house.key(),
    )
    assert stored.status_code == 200, stored.text
    holder = registrar.get(f"/api/v1/holders/{stored.json()['data']['holder']}").json()
    assert holder["address"] == f"Street {text}"
    assert registrar.get(f"/api/v1/permits/{text}").status_code in (404, 422)
    assert registrar.get("/api/v1/holders", params={"name": "native", "after": text}).status_code == 422


def test_headers_keep_browsers_careful(house: House) -> None:
    answer = house.client().get("/healthz")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]


SECRETS = ("Umbrella-of-Ann-99", "Zanzibarova", "赞兹巴娃", "199104179876", "Marigold Lane 41", "736251", PASSWORD)


def test_nothing_personal_and_no_secret_is_logged(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names, numbers, addresses, passwords, CANs and tokens are planted everywhere; not one is in a log."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = list(root.handlers), root.level
    handler = logs.configure("debug", stream)
    root.setLevel(logging.DEBUG)
    try:
        password, latin, native, number, address, can, _ = SECRETS
        registrar = house.as_(Role.REGISTRAR, "community")
        token = registrar.headers["Authorization"].removeprefix("Bearer ")
        names = {"native": native, "latin_surname": latin.upper(), "latin_given": "ANNA"}
        person = house.person(3, names=names, personal_number=number, address=address)
        house.act(registrar, "/holders", person)
        house.act(registrar, "/holders", person | {"sex": "Q"}, status=422)
        registrar.get("/api/v1/holders", params={"name": latin})
        registrar.get("/api/v1/holders", params={"number": number})
        house.client().post("/api/v1/session", json={"name": latin, "password": password})
        house.client().post(f"/api/v1/{latin}", json={"name": latin})
        house.act(registrar, "/permits/RP0000000000/card-update", {"reader": "x", "can": can}, status=404)
        house.act(registrar, f"/permits/{number}/card-update", {"reader": latin, "can": can}, status=404)

        def broken(*_: object, **__: object) -> None:
            raise RuntimeError(f"{latin} {number} {address} {can}")

        monkeypatch.setattr("issuer.store.queries.find_by_name", broken)
        answer = registrar.get("/api/v1/holders", params={"name": latin})
        assert (answer.status_code, answer.json()["code"]) == (500, "internal")
        assert latin not in answer.text
        logging.getLogger("uvicorn.error").error("failed for %s", latin)
        handler.flush()
        written = stream.getvalue()
        assert written.count('"event": "request"') >= 8
        assert '"route": "/api/v1/holders"' in written
        assert '"error": "RuntimeError"' in written
        for secret in (*SECRETS, token, latin.upper()):
            assert secret not in written, secret
    finally:
        root.handlers[:] = before[0]
        root.setLevel(before[1])


def test_a_log_takes_no_other_fields() -> None:
    with pytest.raises(ValueError, match="not a field"):
        logs.log("x", holder_name="y")


def test_figures_name_nobody(house: House) -> None:
    house.registered()
    text = house.client().get("/metrics").text
    assert 'permit_acts_total{act="register"} 1.0' in text
    assert "permit_request_seconds_bucket" in text
    assert NAME not in text


@pytest.mark.parametrize(
    "environment",
    [
        {"PERMIT_PORT": "http"},
        {"PERMIT_HOST": "0.0.0.0"},
        {"PERMIT_TLS_CERTIFICATE": "/nowhere.pem"},
        {"PERMIT_SESION_HOURS": "3"},
        {"PERMIT_READERS": "desk-1"},
        {"PERMIT_YEARS_RULE": "atlantis"},
        {"PERMIT_NUMBER_PREFIX": "rp!"},
    ],
)
def test_wrong_settings_do_not_start(environment: dict[str, str]) -> None:
    with pytest.raises(SettingWrong):
        from_environment(environment)


def test_the_databases_password_is_not_shown() -> None:
    settings = from_environment({"PERMIT_DATABASE": "postgresql://permit:hidden-word@db/permit"})
    assert "hidden-word" not in repr(settings)
