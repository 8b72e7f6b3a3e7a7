"""A house to walk into: the issuing service with its pages, a desk agent beside a reader, a hospital, a school.

Everything on loopback, every reader virtual, every person invented. Without a terminal, or with HOUSE=check, it opens,
looks whether every door answers, and closes again.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from card_profiles.readers.virtual_pcscd import NoVirtualReaders, VirtualPcscd

from ..service.day.client import Client, DayFailed
from . import people
from .table import Page, Place, Table

HERE = Path("build/house")
SAMPLES = Path(__file__).parents[1] / "samples"
PATIENCE = 60.0
_DOOR = re.compile(r"http://\S+")  # a counter's page has a key of its own in its address
DESK, HOSPITAL, SCHOOL = "Desk", "Hospital", "School"
SECTORS = {HOSPITAL: ("health", "示例市第一医院"), SCHOOL: ("education", "书香里小学")}
_KEYS = "--home {here}/authority --passphrase-file {here}/passphrase"
_TITLES = {DESK: "窗口 desk", HOSPITAL: "医院 hospital", SCHOOL: "学校 school"}


class DoorShut(Exception):
    """A part of the house did not open; `log` is the end of what it said."""

    def __init__(self, what: str, log: str) -> None:
        super().__init__(f"{what} does not answer:\n{log}")


class _House:
    """Starts programs, and ends them in the reverse order."""

    def __init__(self, things: ExitStack) -> None:
        self._things = things
        self.here = HERE.absolute()

    def run(self, command: str, more: Mapping[str, str]) -> None:
        """A program of ours, to its end."""
        name, *arguments = command.format(here=self.here).split()
        subprocess.run([_path(name), *arguments], env=_clean() | dict(more), check=True, stdout=subprocess.DEVNULL)  # noqa: S603

    def start(self, what: str, command: str, more: Mapping[str, str], ready: Callable[[], bool]) -> None:
        """A program of ours that goes on; waits until it is `ready`. Raises DoorShut."""
        name, *arguments = command.format(here=self.here).split()
        log = self.here / f"{what}.log"
        with log.open("wb") as told:
            process = subprocess.Popen(  # noqa: S603
                [_path(name), *arguments], env=_clean() | dict(more), stdout=told, stderr=told, start_new_session=True
            )
        self._things.callback(_end, process)
        deadline = time.monotonic() + PATIENCE
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                raise DoorShut(what, log.read_text(errors="replace")[-600:])
            time.sleep(0.1)


@contextmanager
def opened() -> Iterator[tuple[Table, Page, dict[str, str]]]:
    """The house: its table, the table's page, and the address behind each door."""
    with ExitStack() as things:
        house = _House(things)
        if house.here.exists():
            shutil.rmtree(house.here)
        house.here.mkdir(parents=True)
        daemons = {name: VirtualPcscd(name) for name in _TITLES}
        for daemon in daemons.values():
            things.callback(daemon.close)
            os.environ.update(daemon.environment())
            daemon.start()
        desk = _service(house)
        token = people.move_in(Client(desk, {}))
        _secret(house.here / "agent-token", token)
        house.start(
            "agent",
            f"permit-issuer desk --server {desk} --token-file {{here}}/agent-token --reader {DESK} --json",
            daemons[DESK].environment(),
            lambda: _agent_is_there(desk),
        )
        publisher = _Publisher(house)
        house.run(f"permit-keys publication {_KEYS}", {})
        publisher.publish()
        doors = {DESK: f"{desk}/desk/"}
        for name, (sector, title) in SECTORS.items():
            doors[name] = _counter(house, daemons[name], name, sector, title)
        cards = {}
        for number, serial in enumerate(people.BLANKS, 1):
            house.run(f"permit-softcard new --image {{here}}/card-{number}.img --serial {serial}", {})
            cards[f"卡 card {number}"] = house.here / f"card-{number}.img"
        things.callback(publisher.stop)
        publisher.start()
        places = [Place(name=name, port=daemons[name].port, title=_TITLES[name], page=doors[name]) for name in doors]
        table = Table(cards, places)
        things.callback(table.clear)
        signs = [("登记员 registrar", people.REGISTRAR), ("审批员 approver", people.APPROVER)]
        signs += [("审计员 auditor", people.AUDITOR), ("密钥管理员 key administrator", people.ADMINISTRATOR)]
        signs += [("密码 password", people.PASSWORD), ("窗口编号 desk", people.READER)]
        page = Page(table, SAMPLES / "01-chen-xiaowen.jpg", signs)
        things.callback(page.server_close)
        threading.Thread(target=page.serve_forever, daemon=True).start()
        things.callback(page.shutdown)
        table.put(next(iter(cards)), DESK)
        yield table, page, doors


def main() -> int:
    """Open it, say where everything is, and stay until Ctrl-C."""
    for end in (signal.SIGTERM, signal.SIGHUP):  # everything that was started ends with it: told to, or terminal closed
        if signal.getsignal(end) is not signal.SIG_IGN:
            signal.signal(end, signal.default_int_handler)
    checking = os.environ.get("HOUSE") == "check" or not sys.stdout.isatty()
    print("\n── A desk, a hospital and a school 窗口、医院、学校 (some ten seconds to open)", flush=True)
    try:
        with opened() as (_, page, doors):
            print(f"\n  卡桌 the card table   {page.address}   ← start here 从这里开始")
            for name, address in doors.items():
                print(f"  {_TITLES[name]:<20}{address}")
            print(f"\n  登录 sign in: {people.REGISTRAR}, {people.APPROVER}, {people.AUDITOR}, {people.ADMINISTRATOR};")
            print(f"  密码 password: {people.PASSWORD}   窗口编号 desk: {people.READER}")
            if checking:
                browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
                for address in (page.address, *doors.values()):
                    with browser.open(address, timeout=20) as answer:
                        print(f"  {answer.status} {answer.url}")
                return 0
            print("\n  Ctrl-C closes the house. 按 Ctrl-C 结束。", flush=True)
            webbrowser.open(page.address)
            threading.Event().wait()
    except KeyboardInterrupt:
        print()
    except (NoVirtualReaders, DoorShut, DayFailed, OSError, subprocess.CalledProcessError) as failed:
        print(f"demo: {failed}", file=sys.stderr)
        return 1
    return 0


def _service(house: _House) -> str:
    """The issuing service with keys; its address."""
    tree = json.loads((SAMPLES / "authority.json").read_text("utf-8"))
    (house.here / "authority.json").write_text(json.dumps(tree))
    _secret(house.here / "passphrase", secrets.token_hex(16))
    _secret(house.here / "password", people.PASSWORD)
    port = _free_port()
    settings = {
        "PERMIT_HOME": str(house.here / "authority"),
        "PERMIT_PASSPHRASE_FILE": str(house.here / "passphrase"),
        "PERMIT_PORT": str(port),
        "PERMIT_PUBLISH_SECONDS": "5",
        "PERMIT_LOG_LEVEL": "warning",
    }
    house.run(
        f"permit-keys init --authority {{here}}/authority.json {_KEYS}",
        {},
    )
    house.run(
        f"permit-issuer init --city-name 示例市 --administrator {people.ADMINISTRATOR}"
        " --password-file {here}/password",
        settings,
    )
    base = f"http://127.0.0.1:{port}"
    house.start("service", "permit-issuer serve", settings, lambda: _answers(f"{base}/readyz"))
    return base


def _counter(house: _House, daemon: VirtualPcscd, name: str, sector: str, title: str) -> str:
    """A counter's kiosk; its address."""
    port = _free_port()
    log = house.here / f"{name.lower()}.log"
    house.start(
        name.lower(),
        f"permit-verifier kiosk --sector {sector} --name {title} --reader {name} --port {port}"
        f" --trust {{here}}/{name.lower()}-store --state {{here}}/{name.lower()}",
        daemon.environment(),
        lambda: _DOOR.search(log.read_text()) is not None,
    )
    found = _DOOR.search(log.read_text())
    assert found is not None
    return found.group()


class _Publisher:
    """What the timers of a city do: publish what has changed, and bring it to the counters."""

    def __init__(self, house: _House) -> None:
        self._house = house
        self._over = threading.Event()
        self._seen: float = 0
        self._thread = threading.Thread(target=self._go_on, daemon=True)

    def publish(self) -> None:
        """Once."""
        self._seen = self._changed()
        self._house.run(
            "permit-keys publish {here}/public --home {here}/authority --passphrase-file {here}/passphrase", {}
        )
        for name in SECTORS:
            self._house.run(
                "permit-verifier sync --from {here}/public/current"
                " --trust-anchor {here}/authority/publication/roots/1.root.json"
                f" --store {{here}}/{name.lower()}-store --state {{here}}/{name.lower()}",
                {},
            )

    def start(self) -> None:
        """From now on, whenever the authority signed a list."""
        self._thread.start()

    def stop(self) -> None:
        """No more."""
        self._over.set()
        self._thread.join(PATIENCE)

    def _go_on(self) -> None:
        while not self._over.wait(2):
            if self._changed() != self._seen:
                with suppress(subprocess.CalledProcessError):
                    self.publish()

    def _changed(self) -> float:
        signed = (self._house.here / "authority" / "trust").rglob("*")
        return max((path.stat().st_mtime for path in signed), default=0)


def _agent_is_there(base: str) -> bool:
    client = Client(base, {})
    client.run(people.sign_in(people.REGISTRAR))
    found = client.run(people.READERS)
    return any(reader["name"] == people.READER for reader in found)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=5):  # noqa: S310 - our own pages
            return True
    except OSError:
        return False


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _secret(path: Path, text: str) -> None:
    path.write_text(text + "\n")
    path.chmod(0o600)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _path(program: str) -> str:
    return str(Path(sys.executable).parent / program)


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PERMIT_")}
