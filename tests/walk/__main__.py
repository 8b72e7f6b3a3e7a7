"""`python -m tests.walk --runs 1000 --database sqlite|postgresql [--seed N] [--first N]`: what was seen, as a table."""

from __future__ import annotations

import argparse
import gc
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from io import BytesIO
from pathlib import Path
from random import Random

from PIL import Image

from issuer.acts import staff
from issuer.domain.roles import Role
from issuer.service import state
from issuer.service.settings import from_environment
from issuer.store import migrate
from issuer.store.engine import open_engine
from keys.authority.authority import Authority
from keys.authority.file import from_members
from keys.custody.software import ScryptCost
from tests import postgres
from tests.service import house as houses
from tests.service.house import CHEAP, PASSWORD, START
from tests.walk.process import Office, WarmingUp
from tests.walk.walker import Scene, Walk

PEOPLE = {
    "registrar": (Role.REGISTRAR, "community"),
    "approver": (Role.APPROVER, "community"),
    "administrator": (Role.KEY_ADMINISTRATOR, "city"),
}
AUTHORITY = {
    "country": "UT",
    "mrz_country": "UTO",
    "name_zh": "乌托邦示例市居住证办理中心",
    "name_en": "Residence Permit Office",
    "status_uri": "https://permits.utopia.example/status/1",
    "validity": {"signer_key_days": 366, "entitlement_key_days": 366},
}


def main() -> int:
    """Exit code 1 when a law was broken; the seed and the run are told, and its files are kept."""
    parser = argparse.ArgumentParser(prog="python -m tests.walk", description=__doc__)
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0, help="number of the first run, to repeat one")
    parser.add_argument("--json", type=Path, help="write the counts here")
    options = parser.parse_args()
    started, seen = time.monotonic(), Counter[str]()
    memory = Path("/dev/shm")  # a killed process loses nothing that the system has, and a disk would be waited for
    root = Path(tempfile.mkdtemp(prefix="permit-walk-", dir=memory if memory.is_dir() else None))
    template = Template(root / "template", options.database)
    directory = root / "office"
    template.copy(directory)
    office = Office(directory, template.url(directory))
    for number in range(-3, 0):
        template.copy(directory)
        office.begin()
        Walk(random=Random(f"warm {number}"), office=WarmingUp(office), scene=template.scene, directory=directory).go()
    gc.collect()
    gc.freeze()  # what is here is not looked at again in every fork
    print(f"warm after {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    for number in range(options.first, options.first + options.runs):
        template.copy(directory)
        office.begin()
        walk = Walk(
            random=Random(f"{options.seed}/{number}"),
            office=office,
            scene=template.scene,
            directory=directory,
            seen=seen,
        )
        try:
            walk.go()
        except BaseException:
            print(f"run {number} of seed {options.seed}: see {directory}", file=sys.stderr)
            raise
        if number % 50 == 49:
            print(f"{seen['runs']} runs, {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
            _write(options.json, seen)
    seen["seconds"] = round(time.monotonic() - started)
    for name, count in sorted(seen.items()):
        print(f"| {name} | {count:,} |")
    _write(options.json, seen)
    shutil.rmtree(root)
    return 0


def _write(path: Path | None, seen: Counter[str]) -> None:
    if path is not None:
        path.write_text(json.dumps(dict(seen), indent=1, sort_keys=True))


class Template:
    """An office that every run begins with: its home, and a database to be copied."""

    def __init__(self, home: Path, database: str) -> None:
        self.home = home
        home.mkdir()
        if database == "sqlite":
            self._name = str(home / "issuer.db")
            url = self._name
        else:
            self._name = postgres.server().create()
            url = postgres.server().url(self._name)
        engine = open_engine(url)
        migrate.upgrade(engine)
        engine.dispose()
        authority = Authority.create(
            home / "authority", from_members(AUTHORITY), b"opens", clock=lambda: START, cost=ScryptCost(log2_n=1)
        )
        del authority
        (home / "authority" / "passphrase").write_text("opens\n")
        self.scene = _founded(home / "authority", url)

    def url(self, directory: Path) -> str:
        """Where the database of every run is."""
        if "/" in self._name:
            return f"sqlite:///{directory / 'issuer.db'}"
        return postgres.server().url("walk")

    def copy(self, directory: Path) -> None:
        """A fresh home and a fresh database, in place of those of the run before."""
        shutil.rmtree(directory, ignore_errors=True)
        shutil.copytree(self.home / "authority", directory)
        if "/" in self._name:
            shutil.copy(self._name, directory / "issuer.db")
            return
        server = postgres.server()
        server.drop("walk")
        server._administer(f"CREATE DATABASE walk TEMPLATE {self._name}")


def _founded(home: Path, url: str) -> Scene:
    """Places, people and rules, entered in a process of its own: none of its threads is here when the walk forks."""
    told = home.parent / "scene.json"
    child = os.fork()
    if child == 0:
        code = 1
        try:
            staff._hasher = lambda: CHEAP  # type: ignore[assignment]
            state.make_secret(home / "number-secret")
            settings = from_environment({"PERMIT_HOME": str(home), "PERMIT_DATABASE": url})
            with state.opened(settings, clock=lambda: START, hasher=CHEAP) as service:
                places = houses.found(service)
                house = houses.House(service=service, app=None, clock=houses.Clock(), places=places)
                for name, (role, place) in PEOPLE.items():
                    staff.create_operator(
                        service.store,
                        house._founder(),
                        name=name,
                        display_name=name.title(),
                        role=role,
                        district_id=places[place],
                        password=PASSWORD,
                    )
            told.write_text(json.dumps(places))
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status):
        raise RuntimeError("the office was not founded")
    picture = BytesIO()
    Image.new("L", (96, 128), 90).save(picture, "JPEG", quality=30)
    return Scene(places=json.loads(told.read_text()), people={name: name for name in PEOPLE}, photo=picture.getvalue())


if __name__ == "__main__":
    sys.exit(main())
