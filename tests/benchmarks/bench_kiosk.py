"""The counter's page: card in to verdict on the screen beside the bare read, over pcscd and a virtual reader; the wire
at 106 kbit/s; cold start, memory and idle CPU; a picture of a code to its verdict.

The card is a software card that answers as fast as this machine can, or as slowly as a contactless card at 106 kbit/s:
each answer then waits for as long as its bytes and those of its command take on air, and the chip to compute.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from card_profiles.entitlements.catalogue import Sector
from card_profiles.protocols.pace import Password
from card_profiles.readers.monitor import CardChange, watch
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from card_profiles.softcard import vpcd
from issuer import code_image
from tests.browser.kiosk_counter import NOW, CounterWorld, counter_world, permit, signers, trust_files
from tests.factory import CAN, DAY, write_files
from tests.printed_codes import CODE, text
from tests.simulator.private_pcscd import READERS, PrivatePcscd, await_true
from verifier import opening
from verifier.counter import Counter
from verifier.reader import Request as ReadRequest
from verifier.reader import read
from verifier.store import Watermark

ROUNDS = 7
RATE = 106_000 / 8  # bytes a second, ISO/IEC 14443-3 type A at 106 kbit/s
CHARACTER = 9 / 8  # a parity bit a byte
BLOCK, FRAME = 256, 5  # FSC 256: bytes of a block, and its PCB, CID and CRC
TURN = 0.0005  # seconds: frame delays, guard times
COMPUTE = {
    0x86: 0.06,
    0x22: 0.005,
    0xB0: 0.004,
    0xA4: 0.006,
}  # seconds of the chip by instruction; a curve operation 60 ms
IDLE = 10.0  # seconds that nothing happens


class OnAir:
    """A card whose answers take as long as over the air at 106 kbit/s; INS decides how long the chip computes."""

    def __init__(self, card: vpcd.Card) -> None:
        self._card = card
        self.reset, self.power_off = card.reset, card.power_off

    @property
    def atr(self) -> bytes:
        return self._card.atr

    def execute(self, command: bytes) -> bytes:
        begin = time.perf_counter()
        answer = self._card.execute(command)
        left = on_air(len(command), len(answer), command[1]) - (time.perf_counter() - begin)
        if left > 0:
            time.sleep(left)
        return answer


def on_air(sent: int, received: int, instruction: int) -> float:
    """Seconds of one command."""
    blocks = -(-sent // (BLOCK - FRAME)) + -(-received // (BLOCK - FRAME))
    content = (sent + received + blocks * FRAME) * CHARACTER / RATE
    return content + blocks * TURN + COMPUTE.get(instruction, 0.004)


@contextmanager
def inserted(daemon: PrivatePcscd, card: vpcd.Card) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=vpcd.serve, args=(card, "127.0.0.1", daemon.port), kwargs={"stop": stop})
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    daemon.await_card(READERS[0], present=False)


def bare(daemon: PrivatePcscd, counter: Counter, card: vpcd.Card) -> float:
    """Milliseconds from the event that a card is there to the verdict, as `permit-verifier watch` comes to it."""
    done: list[float] = []

    def work() -> None:
        for event in watch():
            if event.change is CardChange.INSERTED:
                begin = time.time()
                connection = opening.reader(event.reader)
                try:
                    limits, on_limits = opening.remembered(connection)
                    counter.check(
                        connection,
                        Password.from_can(CAN),
                        limits=limits,
                        on_limits=on_limits,
                        early=lambda _, begin=begin: done.append((time.time() - begin) * 1000),  # type: ignore[misc]
                    )
                finally:
                    connection.close()
                return

    thread = threading.Thread(target=work)
    thread.start()
    with inserted(daemon, card):
        thread.join()
    return done[0]


def answered(daemon: PrivatePcscd, world: CounterWorld, card: vpcd.Card) -> float:
    """Milliseconds from the same event to the answer in a program that waits in POST /v1/check."""
    begun = _begins(world)
    answers: list[float] = []

    def ask() -> None:
        _post(world, "/v1/check", json.dumps({"can": CAN}).encode(), "application/json")
        answers.append(time.time())

    thread = threading.Thread(target=ask)
    thread.start()
    await_true(lambda: len(world.kiosk._orders) == 1, "the request waits")
    with inserted(daemon, card):
        thread.join()
    return (answers[0] - begun[-1]) * 1000


def _begins(world: CounterWorld) -> list[float]:
    """Gets the time of each insertion that the kiosk hears of."""
    lane = world.kiosk._lanes[READERS[0]]
    begun: list[float] = []
    act = type(lane).inserted

    def at_once() -> None:
        begun.append(time.time())
        act(lane)

    lane.inserted = at_once  # type: ignore[method-assign]
    return begun


def _post(world: CounterWorld, path: str, body: bytes, kind: str) -> Any:
    headers = {"Authorization": f"Bearer {world.token.value}", "Content-Type": kind}
    with urlopen(Request(f"{world.address}{path}", body, headers), timeout=60) as answer:
        return json.load(answer)


def shown_on_page(daemon: PrivatePcscd, world: CounterWorld, page: Any, card: vpcd.Card) -> float:
    """Milliseconds from the same event to the verdict on the screen, the CAN typed by a hand that takes no time."""
    begun = _begins(world)
    page.evaluate(
        """can => {
            window.shown = new Promise(done => {
                const look = () => {
                    const phase = document.getElementById("main").dataset.phase;
                    const field = document.getElementById("can");
                    if (phase === "ask" && field && !window.typed) {
                        window.typed = true;
                        field.value = can;
                        field.dispatchEvent(new Event("input", { bubbles: true }));
                    }
                    if (phase === "verdict") {
                        observer.disconnect();
                        requestAnimationFrame(() => setTimeout(() => done(Date.now())));
                    }
                };
                window.typed = false;
                const observer = new MutationObserver(look);
                observer.observe(document.getElementById("main"), { attributes: true, childList: true });
            });
        }""",
        CAN,
    )
    with inserted(daemon, card):
        at = float(page.evaluate("window.shown"))
        page.wait_for_selector("#portrait")
    page.wait_for_selector("main[data-phase=empty]")
    return at - begun[-1] * 1000


def _screens(write: Callable[[str], object]) -> None:
    """Medians of each way, in rounds: without a kiosk, whose readers nobody else may use, and with it."""
    from playwright.sync_api import sync_playwright

    cards: dict[str, Callable[[], vpcd.Card]] = {
        "as fast as this machine": lambda: permit().card(),
        "at 106 kbit/s": lambda: OnAir(permit().card()),
    }
    with TemporaryDirectory() as directory, _daemon() as daemon, sync_playwright() as playwright:
        counter = _counter(Path(directory))
        bares = {name: _median(lambda card: bare(daemon, counter, card), card) for name, card in cards.items()}
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium-headless-shell"), args=["--no-sandbox", "--disable-dev-shm-usage"]
        )
        with counter_world(daemon, Path(directory)) as world:
            page = browser.new_page()
            world.open(page)
            write(
                f"{'card in to verdict':26} {'bare':>7} {'a program':>10} {'ratio':>6} {'on screen':>10} {'ratio':>6}"
            )
            for name, card in cards.items():
                program = _median(lambda card: answered(daemon, world, card), card)
                screen = _median(lambda card: shown_on_page(daemon, world, page, card), card)
                low = bares[name]
                ratios = f"{program / low:6.2f} {screen:7.0f} ms {screen / low:6.2f}"
                write(f"{name:26} {low:4.0f} ms {program:7.0f} ms {ratios}")
        browser.close()


def _median(measure: Callable[[vpcd.Card], float], card: Callable[[], vpcd.Card]) -> float:
    measure(card())  # for warming up
    return median(measure(card()) for _ in range(ROUNDS))


def _counter(directory: Path) -> Counter:
    from datetime import UTC, datetime

    write_files(directory / "trust", trust_files())
    return Counter(
        sector=Sector.HEALTH,
        trust_directory=str(directory / "trust"),
        watermark=Watermark(str(directory / "state")),
        now=lambda: datetime.now(UTC),
        clock=time.perf_counter,
        random=os.urandom,
        portrait=True,
    )


@contextmanager
def _daemon() -> Iterator[PrivatePcscd]:
    daemon = PrivatePcscd()
    before = os.environ.get("PCSCLITE_CSOCK_NAME")
    os.environ["PCSCLITE_CSOCK_NAME"] = str(daemon.socket_path)
    daemon.start()
    try:
        yield daemon
    finally:
        daemon.close()
        os.environ.pop("PCSCLITE_CSOCK_NAME")
        if before is not None:
            os.environ["PCSCLITE_CSOCK_NAME"] = before


def _wire(write: Callable[[str], object]) -> None:
    """What a check of a known signer takes by the wire model alone: every command, no portrait."""
    from card_profiles.iso7816.connection import Limits
    from card_profiles.softcard.connection import InProcessConnection
    from keys.trust import TrustStore

    for name, limits in (
        ("extended length", Limits(extended=True, max_command=2048, max_response=2048)),
        ("short", Limits()),
    ):
        seconds: list[float] = []
        inner = InProcessConnection(permit().card())

        class Timed:
            atr, reset, close = inner.atr, inner.reset, inner.close

            def transmit(self, command: bytes, seconds: list[float] = seconds, inner: Any = inner) -> bytes:
                answer: bytes = inner.transmit(command)
                seconds.append(on_air(len(command), len(answer), command[1]))
                return answer

        with TemporaryDirectory() as directory:
            trust = TrustStore.load(write_files(Path(directory), trust_files()))
            request = ReadRequest(
                profile=RESIDENCE_PERMIT_V1,
                sector=Sector.HEALTH,
                password=Password.from_can(CAN),
                captured=NOW,
                knows_signer=trust.knows,
                random=os.urandom,
            )
            read(Timed(), request, clock=lambda: 0.0, limits=limits)  # type: ignore[arg-type]
        write(f"wire at 106 kbit/s, {name:16} {len(seconds):3} commands {sum(seconds) * 1000:6.0f} ms of 2000 ms")


def _process(write: Callable[[str], object]) -> None:
    """The command as an installer starts it."""
    with TemporaryDirectory() as directory, _daemon():
        write_files(Path(directory) / "trust", trust_files())
        starts, worked = [], []
        for last in (False, False, True):
            begin = time.perf_counter()
            with _started(Path(directory)) as (process, link):
                with suppress(HTTPError):  # urlopen keeps no cookie: the answer to the link is what counts
                    urlopen(link, timeout=30)
                starts.append((time.perf_counter() - begin) * 1000)
                worked.append(_cpu(process.pid) * 1000)
                if last:
                    with _listening(Path(directory), link):
                        time.sleep(3)
                        before, at = _cpu(process.pid), time.perf_counter()
                        time.sleep(IDLE)
                        share = (_cpu(process.pid) - before) / (time.perf_counter() - at)
                        sizes = [_rss(pid) for pid in _family(process.pid)]
        bare_start = f"{median(starts) / _bare_start():.1f} × a bare interpreter, {median(worked):.0f} ms of CPU"
        write(f"cold start to the first answer {median(starts):6.0f} ms, {bare_start}")
        write(f"memory {sizes[0]:6.1f} MB, and {sum(sizes[1:]):.1f} MB in the process that watches the readers")
        write(f"idle, a page open: {share:.2%} of one core")


@contextmanager
def _started(directory: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    where = ("--trust", str(directory / "trust"), "--state", str(directory / "state"))
    command = [sys.executable, "-m", "verifier.cli", "kiosk", "--sector", "health", "--port", "0", *where]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield process, line[line.index("http://") :].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()
        process.stdout.close()


@contextmanager
def _listening(directory: Path, link: str) -> Iterator[None]:
    token = (directory / "state" / "kiosk-token").read_text().strip()
    address = link.split("/?", maxsplit=1)[0]
    with urlopen(Request(f"{address}/v1/events", headers={"Authorization": f"Bearer {token}"}), timeout=30):
        yield


def _bare_start() -> float:
    """Milliseconds of an interpreter that does nothing."""
    taken = []
    for _ in range(3):
        begin = time.perf_counter()
        subprocess.run([sys.executable, "-c", "pass"], check=True)
        taken.append((time.perf_counter() - begin) * 1000)
    return median(taken)


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    threads = Path(f"/proc/{pid}/task").iterdir()
    found = {int(one) for thread in threads for one in (thread / "children").read_text().split()} | {
        *map(int, children)
    }
    return [pid, *sorted(found)]


def _rss(pid: int) -> float:
    """Resident MB."""
    status = Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def _cpu(pid: int) -> float:
    """Seconds of CPU of a process and its children."""
    ticks = 0
    for one in _family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def _pictures(write: Callable[[str], object]) -> None:
    """A picture of a printed code, posted by a program, to its verdict."""
    code = replace(CODE, signed=NOW - DAY, valid_from=NOW - DAY, valid_until=NOW + 90 * DAY)
    png = code_image.render(text(code, signer=signers()[0]), ".png")
    with TemporaryDirectory() as directory, _daemon() as daemon, counter_world(daemon, Path(directory)) as world:
        taken = []
        for _ in range(3 * ROUNDS):
            begin = time.perf_counter()
            assert _post(world, "/v1/check-code", png, "image/png")["accepted"]
            taken.append((time.perf_counter() - begin) * 1000)
        write(f"picture of a code to its verdict, over HTTP {median(taken):6.1f} ms ({len(png)} bytes)")


def main(write: Callable[[str], object] = print) -> None:
    """The table."""
    _screens(write)
    _wire(write)
    _process(write)
    _pictures(write)
