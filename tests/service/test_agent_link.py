"""A card at a desk agent: written over the link as in a reader beside the service; who may link; who is told what."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from card_profiles.softcard.cli import main as softcard
from issuer.domain.roles import Role
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests.service import desk as desks
from tests.service import house as houses
from tests.service.desk import enrolled, image_reader, linked, served
from tests.service.house import START, House

SERIAL = "00" * 9 + "01"


@pytest.fixture
def desk(url: str, tmp_path: Path) -> Iterator[House]:
    """A process with keys and no reader; a blank lies at the desk, in `card.img`."""
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


def ended(desk: House, run: str) -> dict[str, Any]:
    assert desk.service.runs.find(run).ended.wait(120)
    found: dict[str, Any] = desk.as_(Role.REGISTRAR, "community").get(f"/api/v1/runs/{run}").json()
    return found


def write(desk: House, found: dict[str, Any], reader: str = "window-1") -> dict[str, Any]:
    path = f"/applications/{found['application']}/personalisation"
    begun = desk.act(desk.as_(Role.REGISTRAR, "community"), path, {"reader": reader}, status=202)
    return ended(desk, begun["id"])


def test_written_over_the_link(desk: House, tmp_path: Path) -> None:
    found, token = laid_out(desk), enrolled(desk)
    with served(desk.app) as url, linked(desk, url, token, image_reader(tmp_path / "card.img")) as agent:
        registrar = desk.as_(Role.REGISTRAR, "community")
        (reader,) = registrar.get("/api/v1/readers").json()
        assert (reader["name"], reader["kind"], reader["state"], reader["card"]) == ("window-1", "agent", "card", True)
        run = write(desk, found)
        assert (run["state"], run["serial"]) == ("done", SERIAL), run
        events = [event["what"] for event in registrar.get(f"/api/v1/runs/{run['id']}/events").json()["events"]]
        assert events[-1] == "activate"
        agent.await_event("run-ended")
        assert [line["event"] for line in agent.lines] == ["reader", "connected", "run-begun", "run-ended"]
    desks.await_true(lambda: registrar.get("/api/v1/readers").json() == [], "the reader is gone")
