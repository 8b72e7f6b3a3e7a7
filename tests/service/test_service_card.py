"""A software card at a reader of the service: written, asked for twice, and no card in the reader."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from card_profiles.softcard.cli import main as softcard
from issuer.acts.journal import StoreJournal
from issuer.domain.cans import assigned_can
from issuer.domain.roles import Role
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests.service import house as houses
from tests.service.house import START, House

SERIAL = "00" * 9 + "01"


@pytest.fixture
def desk(url: str, tmp_path: Path) -> Iterator[House]:
    """A process with keys and two readers; a blank lies in the first."""
    home, image, passphrase = tmp_path / "home", tmp_path / "card.img", tmp_path / "passphrase"
    raw = resources.files("issuer.samples").joinpath("authority.json").read_bytes()
    Authority.create(home, parse(raw), b"opens", clock=lambda: START, cost=ScryptCost(log2_n=1))
    passphrase.write_text("opens\n")
    assert softcard(["new", "--image", str(image), "--serial", SERIAL]) == 0
    readers = f"full=image:{image};empty=image:{tmp_path / 'nothing.img'}"
    with houses.opened(home, url, PERMIT_PASSPHRASE_FILE=str(passphrase), PERMIT_READERS=readers) as opened:
        opened.blanks(SERIAL)
        yield opened


def _laid_out(desk: House) -> dict[str, Any]:
    found = desk.approved()
    registrar = desk.as_(Role.REGISTRAR, "community")
    desk.act(registrar, f"/applications/{found['application']}/blank", {"desk": "desk-1", "serial": SERIAL})
    return found


def _ended(desk: House, run: str) -> dict[str, Any]:
    desk.service.runs.find(run).ended.wait(120)
    found: dict[str, Any] = desk.as_(Role.REGISTRAR, "community").get(f"/api/v1/runs/{run}").json()
    return found


def test_written_handed_over_suspended_and_published(desk: House) -> None:
    found = _laid_out(desk)
    registrar, path = desk.as_(Role.REGISTRAR, "community"), f"/applications/{found['application']}"
    headers = desk.key()
    body = {"reader": "full", "can": "246810"}
    begun = registrar.post(f"/api/v1{path}/personalisation", json=body, headers=headers)
    assert begun.status_code == 202, begun.text
    assert begun.json()["plan"]
    # The same request again is the same run, not another one.
    again = registrar.post(f"/api/v1{path}/personalisation", json=body, headers=headers)
    assert again.json()["id"] == begun.json()["id"]
    other = desk.as_(Role.REGISTRAR, "community", 2)
    assert other.get(f"/api/v1/runs/{begun.json()['id']}").status_code == 404
    run = _ended(desk, begun.json()["id"])
    assert (run["state"], run["can"], run["serial"]) == ("done", "246810", SERIAL), run
    events = registrar.get(f"/api/v1/runs/{run['id']}/events").json()
    assert events["ended"]
    assert [event["what"] for event in events["events"]][-1] == "activate"
    wrong = desk.act(registrar, f"{path}/handover", {"slip": "1"}, status=422)
    assert wrong["code"] == "wrong-slip"
    desk.act(registrar, f"{path}/handover", {"slip": found["slip"]})
    assert registrar.get(f"/api/v1/permits/{found['permit']}").json()["standing"] == "in-force"
    desk.act(registrar, f"/permits/{found['permit']}/report-lost", {"in_person": False})
    administrator = desk.as_(Role.KEY_ADMINISTRATOR)
    assert administrator.get("/api/v1/status-list").json()["pending"] == 1
    desk.act(administrator, "/status-list")
    assert administrator.get("/api/v1/status-list").json()["pending"] == 0
    card = registrar.get(f"/api/v1/cards/{SERIAL}").json()
    assert (card["status"], card["published"]) == ("suspended", True)


def test_an_empty_reader_is_a_problem_of_the_run(desk: House) -> None:
    found = _laid_out(desk)
    registrar = desk.as_(Role.REGISTRAR, "community")
    path = f"/applications/{found['application']}/personalisation"
    run = _ended(desk, desk.act(registrar, path, {"reader": "empty"}, status=202)["id"])
    assert (run["state"], run["problem"]["code"], run["can"]) == ("failed", "no-card", None)
    assert registrar.get(f"/api/v1/cards/{SERIAL}").json()["state"] == "allocated"
    refused = desk.act(registrar, path, {"reader": "unknown"}, status=422)
    assert refused["code"] == "no-reader"
    # Nothing was begun with any card: the next run does it.
    run = _ended(desk, desk.act(registrar, path, {"reader": "full"}, status=202)["id"])
    assert run["state"] == "done", run


@pytest.mark.parametrize(("chosen", "known"), [(None, True), ("246810", False)])
def test_the_number_of_a_card_outlives_the_process_that_wrote_it(
    desk: House, monkeypatch: pytest.MonkeyPatch, chosen: str | None, known: bool
) -> None:
    """Ended after ACTIVATE, before anybody read the page: the next run tells the CAN, if the card opens with it."""
    found = _laid_out(desk)
    registrar, path = desk.as_(Role.REGISTRAR, "community"), f"/applications/{found['application']}/personalisation"
    with monkeypatch.context() as patched:
        patched.setattr(StoreJournal, "activated", _ends)
        run = _ended(desk, desk.act(registrar, path, {"reader": "full", "can": chosen}, status=202)["id"])
        assert (run["state"], run["can"]) == ("failed", None), run
    run = _ended(desk, desk.act(registrar, path, {"reader": "full"}, status=202)["id"])
    assert (run["state"], run["resumed"]) == ("done", True), run
    assert run["can"] == (assigned_can(SERIAL, desk.service.store.number_secret) if known else None)


def _ends(*_: object) -> None:
    raise RuntimeError("the process ends here")


def test_assigned_numbers_are_six_digits_and_do_not_tell_one_another() -> None:
    serials = [f"{number:020x}" for number in range(2_000)]
    found = [assigned_can(serial, b"a secret of 16 b") for serial in serials]
    assert found == [assigned_can(serial, b"a secret of 16 b") for serial in serials]
    assert all(len(can) == 6 and can.isdigit() for can in found)
    assert len(set(found)) > 1_980  # two of 2,000 in a million meet twice, on average
    assert sum(a == assigned_can(s, b"another 16 bytes") for a, s in zip(found, serials, strict=True)) < 5
