"""Back-up and restore as docs/ADMINISTRATION.md says, on SQLite and with the programs of PostgreSQL: the restored
service goes on, what was lost is told, and a card that was issued since the back-up is not issued a second time."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from card_profiles.model import LifeCycle
from card_profiles.softcard.cli import main as softcard
from card_profiles.softcard.image import decode_state
from issuer.domain.roles import Role
from issuer.service import cli, state
from issuer.service.app import create_app
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests import postgres
from tests.service import house as houses
from tests.service.house import CHEAP, START, House

SERIALS = ("00" * 9 + "01", "00" * 9 + "02")


def settings(tmp_path: Path, home: Path) -> dict[str, str]:
    readers = ";".join(f"card-{serial[-2:]}=image:{tmp_path / serial}.img" for serial in SERIALS)
    return {"PERMIT_PASSPHRASE_FILE": str(tmp_path / "passphrase"), "PERMIT_READERS": readers, "PERMIT_HOME": str(home)}


@contextmanager
def again(tmp_path: Path, home: Path, url: str, before: House) -> Iterator[House]:
    """The service over what was restored; its people sign in anew."""
    tree = settings(tmp_path, home)
    with state.opened(houses.settings(home, url, **tree), clock=before.clock, hasher=CHEAP) as service:
        house = House(service=service, app=create_app(service), clock=before.clock, places=before.places)
        house.people = dict.fromkeys(before.people, "")
        house.keys = before.keys
        yield house


def backed_up(url: str, home: Path, target: Path) -> None:
    """The database while it is in use, and the home."""
    target.mkdir()
    if url.startswith("sqlite"):
        assert cli.main(["db", "backup", "--home", str(home), str(target / "issuer.bak")]) == 0
    else:
        dump = [str(postgres._program("pg_dump")), "-Fc", "-f", str(target / "issuer.dump"), url]
        subprocess.run(dump, check=True, timeout=120)
    shutil.copytree(home, target / "home", ignore=shutil.ignore_patterns("issuer.db*", "status.db*"))


@contextmanager
def restored(url: str, target: Path, home: Path) -> Iterator[str]:
    """In another place; the URL of the database."""
    shutil.copytree(target / "home", home)
    if url.startswith("sqlite"):
        shutil.copy(target / "issuer.bak", home / "issuer.db")
        yield f"sqlite:///{home / 'issuer.db'}"
        return
    name = postgres.server().create()
    try:
        there = postgres.server().url(name)
        program = str(postgres._program("pg_restore"))
        subprocess.run([program, "--exit-on-error", "-d", there, str(target / "issuer.dump")], check=True, timeout=120)
        yield there
    finally:
        postgres.server().drop(name)


def written(house: House, application: int, serial: str) -> dict[str, Any]:
    """A run at the reader of this card, to its end."""
    registrar = house.as_(Role.REGISTRAR, "community")
    body = {"reader": f"card-{serial[-2:]}", "can": "246810"}
    begun = house.act(registrar, f"/applications/{application}/personalisation", body, status=202)
    assert house.service.runs.find(begun["id"]).ended.wait(120)
    run: dict[str, Any] = registrar.get(f"/api/v1/runs/{begun['id']}").json()
    return run


def verified(monkeypatch: pytest.MonkeyPatch, home: Path, url: str, *more: str) -> int:
    monkeypatch.setenv("PERMIT_DATABASE", url)
    return cli.main(["audit", "verify", "--home", str(home), *more])


def test_a_service_restored_from_its_back_up(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home, elsewhere, new = tmp_path / "home", tmp_path / "checkpoints.json", tmp_path / "new"
    raw = resources.files("issuer.samples").joinpath("authority.json").read_bytes()
    Authority.create(home, parse(raw), b"opens", clock=lambda: START, cost=ScryptCost(log2_n=1))
    (tmp_path / "passphrase").write_text("opens\n")
    for serial in SERIALS:
        assert softcard(["new", "--image", str(tmp_path / f"{serial}.img"), "--serial", serial]) == 0
    monkeypatch.setenv("PERMIT_DATABASE", url)
    with houses.opened(home, url, **settings(tmp_path, home)) as house:
        house.blanks(*SERIALS)
        first = house.approved(1)
        house.act(house.as_(Role.KEY_ADMINISTRATOR), "/audit/checkpoints")
        backed_up(url, home, tmp_path / "kept")
        # What is done from here on is lost, but for the card in the holder's hand and the checkpoint kept elsewhere.
        registrar, path = house.as_(Role.REGISTRAR, "community"), f"/applications/{first['application']}"
        house.act(registrar, f"{path}/blank", {"desk": "desk-1", "serial": SERIALS[0]})
        assert written(house, first["application"], SERIALS[0])["state"] == "done"
        house.act(registrar, f"{path}/handover", {"slip": first["slip"]})
        house.act(house.as_(Role.KEY_ADMINISTRATOR), "/audit/checkpoints")
        elsewhere.write_text(house.as_(Role.AUDITOR).get("/api/v1/audit/checkpoints").text)
        assert verified(monkeypatch, home, url, "--checkpoints", str(elsewhere)) == 0
    with restored(url, tmp_path / "kept", new) as there:
        assert verified(monkeypatch, new, there) == 0
        capsys.readouterr()
        assert verified(monkeypatch, new, there, "--checkpoints", str(elsewhere)) == 1
        lost_at = json.loads(elsewhere.read_text())[-1]["seq"]
        assert f"record {lost_at}: acts are lost" in capsys.readouterr().err
        with again(tmp_path, new, there, house) as after:
            _nothing_is_issued_twice(after, first, tmp_path)
        assert verified(monkeypatch, new, there) == 0


def _nothing_is_issued_twice(house: House, first: dict[str, Any], tmp_path: Path) -> None:
    registrar = house.as_(Role.REGISTRAR, "community")
    assert registrar.get(f"/api/v1/cards/{SERIALS[0]}").json()["state"] == "received"  # so the books say
    second = house.approved(2)
    path = f"/applications/{second['application']}"
    house.act(registrar, f"{path}/blank", {"desk": "desk-1", "serial": SERIALS[0]})
    image = tmp_path / f"{SERIALS[0]}.img"
    before = decode_state(image.read_bytes())
    assert before.life_cycle is LifeCycle.ACTIVATED
    run = written(house, second["application"], SERIALS[0])
    assert (run["state"], run["can"]) == ("failed", None), run
    after = decode_state(image.read_bytes())
    assert (after.life_cycle, after.files) == (before.life_cycle, before.files), "nothing was written on it"
    # The operator voids what turns up; its application and the first one get other cards.
    house.act(registrar, f"/cards/{SERIALS[0]}/spoil", {"reason": "issued between back-up and loss"})
    assert registrar.get(f"/api/v1{path}").json()["state"] == "approved"
    house.act(registrar, f"/applications/{first['application']}/blank", {"desk": "desk-1", "serial": SERIALS[1]})
    assert written(house, first["application"], SERIALS[1])["state"] == "done"
    books = registrar.get(f"/api/v1/stock?district={house.places['community']}&desk=desk-1").json()
    assert (books["balanced"], books["cards"]) == (True, {"activated": 1, "spoiled": 1})


def test_a_back_up_is_of_one_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole while somebody writes; never over another; and PostgreSQL has its own."""
    home = tmp_path / "home"
    home.mkdir()
    with sqlite3.connect(home / "issuer.db") as writing:
        writing.execute("PRAGMA journal_mode = WAL")
        writing.execute("CREATE TABLE t (x)")
        writing.execute("INSERT INTO t VALUES (1)")
        writing.commit()
        writing.execute("INSERT INTO t VALUES (2)")
        assert cli.main(["db", "backup", "--home", str(home), str(tmp_path / "one")]) == 0
        assert cli.main(["db", "backup", "--home", str(home), str(tmp_path / "one")]) == 2
    writing.close()
    copied = sqlite3.connect(tmp_path / "one")
    assert copied.execute("SELECT x FROM t").fetchall() == [(1,)]
    copied.close()
    monkeypatch.setenv("PERMIT_DATABASE", "postgresql://nobody@/nothing")
    assert cli.main(["db", "backup", "--home", str(home), str(tmp_path / "two")]) == 2
    assert not (tmp_path / "two").exists()


def test_checkpoints_that_are_none(tmp_path: Path) -> None:
    for text in ("", "{}", "[]", '[{"seq": 1}]', '[{"seq": 1, "signed": "zz"}]'):
        (tmp_path / "c").write_text(text)
        home = str(tmp_path)
        assert cli.main(["audit", "verify", "--home", home, "--checkpoints", str(tmp_path / "c")]) == 2
