"""A card at a desk agent: written over the link as in a reader beside the service; who may link; who is told what."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from card_profiles.softcard.cli import main as softcard
from issuer.agent.messages import (
    CLOSE_ENDED,
    CLOSE_PROTOCOL,
    CLOSE_REPLACED,
    PATH,
    Kind,
    Message,
    ReaderCondition,
    ReaderStatus,
)
from issuer.domain.places import Place
from issuer.domain.roles import Role
from issuer.service import state
from issuer.service.app import create_app
from issuer.store.models.desks import AgentLink
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests.service import house as houses
from tests.service.desk import (
    RunningAgent,
    await_linked,
    await_true,
    enrolled,
    image_reader,
    linked,
    proxied,
    served,
)
from tests.service.house import CHEAP, START, House
from tests.store.conftest import database

SERIAL = "00" * 9 + "01"
STATE = Message(
    kind=Kind.STATE, status=ReaderStatus(condition=ReaderCondition.CARD, name="a reader"), instance="0" * 32
).encode()


@pytest.fixture
def desk(url: str, tmp_path: Path) -> Iterator[House]:
    """A process with keys and no reader; a blank lies at the desk, in `card.img`."""
    with _with_keys(url, tmp_path) as opened:
        yield opened


@pytest.fixture
def light(tmp_path: Path) -> Iterator[House]:
    """A process without keys, on SQLite."""
    with database("sqlite", tmp_path) as url, houses.opened(tmp_path, url) as opened:
        yield opened


@contextmanager
def _with_keys(url: str, tmp_path: Path) -> Iterator[House]:
    home, passphrase = tmp_path / "home", tmp_path / "passphrase"
    raw = resources.files("issuer.samples").joinpath("authority.json").read_bytes()
    Authority.create(home, parse(raw), b"opens", clock=lambda: START, cost=ScryptCost(log2_n=1))
    passphrase.write_text("opens\n")
    assert softcard(["new", "--image", str(tmp_path / "card.img"), "--serial", SERIAL]) == 0
    with houses.opened(home, url, PERMIT_PASSPHRASE_FILE=str(passphrase)) as opened:
        opened.blanks(SERIAL)
        yield opened


def laid_out(desk: House) -> dict[str, Any]:
    found = desk.approved()
    registrar = desk.as_(Role.REGISTRAR, "community")
    desk.act(registrar, f"/applications/{found['application']}/blank", {"desk": "desk-1", "serial": SERIAL})
    return found


def begun(desk: House, found: dict[str, Any], reader: str = "window-1") -> str:
    path = f"/applications/{found['application']}/personalisation"
    run: str = desk.act(desk.as_(Role.REGISTRAR, "community"), path, {"reader": reader}, status=202)["id"]
    return run


def ended(desk: House, run: str) -> dict[str, Any]:
    assert desk.service.runs.find(run).ended.wait(120)
    found: dict[str, Any] = desk.as_(Role.REGISTRAR, "community").get(f"/api/v1/runs/{run}").json()
    return found


def readers(house: House, role: Role = Role.REGISTRAR, place: str = "community") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.as_(role, place).get("/api/v1/readers").json()
    return found


def opened_link(url: str, token: str, **headers: str) -> Any:
    """A link by hand, with no agent behind it."""
    address = url.replace("http://", "ws://") + PATH
    both = {"Authorization": f"Bearer {token}"} | headers
    return connect(address, additional_headers=both, proxy=None, compression=None, close_timeout=1)


# --- a card


def test_written_over_the_link(desk: House, tmp_path: Path) -> None:
    found, token = laid_out(desk), enrolled(desk)
    with served(desk.app) as url, linked(desk, url, token, image_reader(tmp_path / "card.img")) as agent:
        (reader,) = readers(desk)
        assert (reader["name"], reader["kind"], reader["state"], reader["card"]) == ("window-1", "agent", "card", True)
        run = ended(desk, begun(desk, found))
        assert (run["state"], run["serial"]) == ("done", SERIAL), run
        registrar = desk.as_(Role.REGISTRAR, "community")
        events = [event["what"] for event in registrar.get(f"/api/v1/runs/{run['id']}/events").json()["events"]]
        assert events[-1] == "activate"
        agent.await_event("run-ended")
        assert [line["event"] for line in agent.lines] == ["reader", "connected", "run-begun", "run-ended"]
    await_true(lambda: readers(desk) == [], "the reader is gone")


def test_cut_and_resumed(desk: House, tmp_path: Path) -> None:
    """Through the whole service: the blank is in one state of the ledger at any time, and the run says one sentence."""
    found, token = laid_out(desk), enrolled(desk)
    with served(desk.app) as url, proxied(url) as proxy:
        with linked(desk, proxy.url, token, image_reader(tmp_path / "card.img")):
            proxy.arm(40, after=False)
            run = ended(desk, begun(desk, found))
            assert (run["state"], run["problem"]["code"]) == ("failed", "transport-failed"), run
            assert run["problem"]["detail"].count("\n") == 0
            assert "the link was cut" in run["problem"]["detail"]
            card = desk.as_(Role.REGISTRAR, "community").get(f"/api/v1/cards/{SERIAL}").json()
            assert card["state"] == "personalising"
            await_linked(desk)
            run = ended(desk, begun(desk, found))
            assert (run["state"], run["serial"], run["resumed"]) == ("done", SERIAL, True), run
        await_true(lambda: readers(desk) == [], "the reader is gone")


def test_a_service_that_is_stopped_tears_no_card(tmp_path: Path) -> None:
    """What is being written is written to its end before the links are closed."""
    with database("sqlite", tmp_path) as url, _with_keys(url, tmp_path) as desk:
        found, token = laid_out(desk), enrolled(desk)
        agent = None
        try:
            with served(desk.app, desk.service.runs) as service:
                agent = RunningAgent(service, token, image_reader(tmp_path / "card.img"))
                await_linked(desk)
                run = desk.service.runs.find(begun(desk, found))
                assert run.state == "running"
            assert (run.state, run.serial) == ("done", SERIAL), run
        finally:
            if agent is not None:
                agent.stop()


def test_two_processes_one_agent(url: str, tmp_path: Path) -> None:
    """The agent is linked to both, so the run is carried by whichever is asked; the other sees the reader in use."""
    with _with_keys(url, tmp_path) as first:
        more = {"PERMIT_PASSPHRASE_FILE": str(tmp_path / "passphrase"), "PERMIT_ADDRESS": "http://second:1"}
        again = houses.settings(tmp_path / "home", url, **more)
        with state.opened(again, clock=first.clock, hasher=CHEAP) as service:
            second = House(service=service, app=create_app(service), clock=first.clock, places=first.places)
            second.people, second.keys = first.people, first.keys
            found, token = laid_out(first), enrolled(first)
            card = tmp_path / "card.img"
            with served(first.app) as one, served(second.app) as two:
                with linked(first, (one, two), token, image_reader(card)):
                    await_linked(second)
                    run = ended(second, begun(second, found))
                    assert (run["state"], run["serial"]) == ("done", SERIAL), run
                with linked(first, one, token, image_reader(card)):
                    await_true(lambda: [r["process"] for r in readers(second)] == [_address(first)], "said to be there")
                    path = f"/applications/{found['application']}/personalisation"
                    registrar = second.as_(Role.REGISTRAR, "community")
                    answer = registrar.post(f"/api/v1{path}", json={"reader": "window-1"}, headers=second.key())
                    assert answer.json()["code"] in ("reader-elsewhere", "wrong-state")


def _address(house: House) -> str:
    return house.service.settings.address


# --- who may link


@pytest.mark.parametrize("how", ["forged", "none", "operator", "expired", "revoked", "browser"])
def test_not_admitted(light: House, how: str) -> None:
    token = enrolled(light)
    headers: dict[str, str] = {}
    match how:
        case "forged":
            token = token[:-1] + ("A" if token[-1] != "A" else "B")
        case "none":
            token = ""
        case "operator":
            light.as_(Role.KEY_ADMINISTRATOR)
            token = next(iter(light.people.values()))
        case "expired":
            light.clock.pass_by(days=31)
        case "revoked":
            light.act(light.as_(Role.KEY_ADMINISTRATOR), "/agents/1/revoke")
        case "browser":
            headers = {"Origin": "https://elsewhere.example"}
    with served(light.app) as url, pytest.raises(InvalidStatus) as refused:
        opened_link(url, token, **headers)
    assert refused.value.response.status_code == 401
    assert b"agent-token" in (refused.value.response.body or b"")
    assert light.service.agents.linked(_city(light)) == []


def _city(house: House) -> Place:
    return Place(ids=(house.places["city"],))


def test_an_agents_token_is_no_session(light: House) -> None:
    token = enrolled(light)
    client = light.client()
    client.headers["Authorization"] = f"Bearer {token}"
    assert client.get("/api/v1/readers").status_code == 401


def test_the_token_is_shown_once_and_kept_nowhere(light: House, tmp_path: Path) -> None:
    administrator, key = light.as_(Role.KEY_ADMINISTRATOR), light.key()
    body = {"name": "window-1", "desk": "desk-1", "district": light.places["community"]}
    first = administrator.post("/api/v1/agents", json=body, headers=key).json()
    again = administrator.post("/api/v1/agents", json=body, headers=key).json()
    assert (again["agent"], again["token"], again["replayed"]) == (first["agent"], None, True)
    assert len(first["token"]) >= 43
    with sqlite3.connect(tmp_path / "issuer.db") as raw:
        whole = "\n".join(raw.iterdump())
    raw.close()
    assert first["token"] not in whole
    taken = light.act(administrator, "/agents", body, status=409)
    assert taken["code"] == "name-taken"
    light.act(administrator, "/agents/1/revoke")
    assert light.act(administrator, "/agents", body)["token"]
    (old, new) = administrator.get("/api/v1/agents").json()
    assert (bool(old["revoked_at"]), bool(new["revoked_at"])) == (True, False)


def test_revoked_while_linked(light: House, tmp_path: Path) -> None:
    token = enrolled(light)
    with served(light.app) as url, opened_link(url, token) as link:
        link.send(STATE)
        await_linked(light)
        light.act(light.as_(Role.KEY_ADMINISTRATOR), "/agents/1/revoke")
        with pytest.raises(ConnectionClosed) as closed:
            link.recv(20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CLOSE_ENDED


def test_expired_while_linked(light: House) -> None:
    token = enrolled(light)
    light.service.agents._heartbeat = 0.02
    with served(light.app) as url, opened_link(url, token) as link:
        link.send(STATE)
        await_linked(light)
        light.clock.pass_by(days=31)
        with pytest.raises(ConnectionClosed) as closed:
            link.recv(20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CLOSE_ENDED


def test_the_newest_link_of_a_token_counts(light: House, tmp_path: Path) -> None:
    token = enrolled(light)
    reader = image_reader(tmp_path / "card.img")
    with served(light.app) as url:
        with (
            linked(light, url, token, reader, condition=ReaderCondition.EMPTY) as agent,
            opened_link(url, token) as link,
        ):
            link.send(STATE)
            await_linked(light)
            agent.await_event("replaced")
            assert [one["reader"] for one in readers(light)] == ["a reader"]
        # The same from two processes: the one that hears of it later is told.
        light.service.agents._heartbeat = 0.02
        with opened_link(url, token) as link:
            link.send(STATE)
            await_linked(light)
            with light.service.engine.begin() as connection:
                later = light.clock.now + timedelta(seconds=1)
                values = {"agent_id": 1, "process": "http://other:1", "instance": "f" * 32}
                connection.execute(insert(AgentLink).values(**values, since=later, seen_at=later))
            with pytest.raises(ConnectionClosed) as closed:
                link.recv(20)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == CLOSE_REPLACED


# --- what is seen


def test_who_sees_which_reader(light: House) -> None:
    token = enrolled(light)
    with served(light.app) as url, opened_link(url, token) as link:
        link.send(STATE)
        await_linked(light)
        for place, seen in (("community", 1), ("town", 1), ("city", 1), ("sibling", 0), ("other", 0)):
            assert len(readers(light, Role.REGISTRAR, place)) == seen, place
        assert light.service.agents.find("window-1", Place(ids=(light.places["city"], light.places["other"]))) is None


def test_another_process_has_it(light: House) -> None:
    enrolled(light)
    with light.service.engine.begin() as connection:
        values = {"agent_id": 1, "process": "http://other:1", "instance": "f" * 32}
        connection.execute(insert(AgentLink).values(**values, since=light.clock.now, seen_at=light.clock.now))
    (reader,) = readers(light)
    assert (reader["process"], reader["state"], reader["card"]) == ("http://other:1", None, None)
    permit = light.approved()
    registrar = light.as_(Role.REGISTRAR, "community")
    light.blanks(SERIAL)
    light.act(registrar, f"/applications/{permit['application']}/blank", {"desk": "desk-1", "serial": SERIAL})
    path = f"/applications/{permit['application']}/personalisation"
    refused = light.act(registrar, path, {"reader": "window-1"}, status=409)
    assert (refused["code"], refused["facts"]["process"]) == ("reader-elsewhere", "http://other:1")
    light.clock.pass_by(seconds=101)  # it has not been heard of since
    assert readers(light) == []


# --- an agent that is none of ours


@pytest.mark.parametrize(
    "message",
    [
        b"",
        "text",
        b"\xff" * 40,
        Message(kind=Kind.OPEN, number=1).encode(),
        Message(kind=Kind.CLOSED, number=7).encode(),
        b"\x12" + bytes(600_000),
    ],
    ids=["empty", "text", "noise", "a-request", "an-answer-to-nothing", "too-long"],
)
def test_what_is_no_message_ends_the_link(light: House, message: bytes | str) -> None:
    token = enrolled(light)
    with served(light.app) as url, opened_link(url, token) as link:
        link.send(STATE)
        await_linked(light)
        link.send(message)
        with pytest.raises(ConnectionClosed) as closed:
            link.recv(20)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code in (CLOSE_PROTOCOL, 1009)
        await_true(lambda: readers(light) == [], "it is forgotten")


@pytest.mark.parametrize("wrong", ["kind", "number", "many", "nothing", "garbage"])
def test_an_agent_that_answers_wrongly(light: House, wrong: str) -> None:
    """The run sees a torn card, at once and for good."""
    from card_profiles.errors import CardError, TransportFailed

    token = enrolled(light)
    with served(light.app) as url, opened_link(url, token) as link:
        link.send(STATE)
        await_linked(light)
        raised: list[BaseException] = []

        def work() -> None:
            try:
                connection = light.service.agents.opener("window-1")()
                connection.transmit(bytes(5))
            except CardError as error:
                raised.append(error)

        run = threading.Thread(target=work)
        run.start()
        request = Message.decode(link.recv(20))
        assert request.kind is Kind.OPEN
        link.send(Message(kind=Kind.ATR, number=request.number, atr=b"\x3b\x00").encode())
        request = Message.decode(link.recv(20))
        answer = {
            "kind": Message(kind=Kind.ATR, number=request.number, atr=b"\x3b\x00"),
            "number": Message(kind=Kind.ANSWERS, number=request.number + 1, items=(b"\x90\x00",)),
            "many": Message(kind=Kind.ANSWERS, number=request.number, items=(b"\x90\x00",) * 2),
        }
        match wrong:
            case "nothing":
                link.close()
            case "garbage":
                link.send(b"\x12\0")
            case _:
                link.send(answer[wrong].encode())
        run.join(20)
        assert not run.is_alive()
        (error,) = raised
        assert isinstance(error, TransportFailed)
        assert error.fault == "torn"
