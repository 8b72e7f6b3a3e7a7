"""The issuing service on PostgreSQL with 20,000, 200,000 and 2,000,000 holders, under 50 operators at once.

Two processes of the service, a durable PostgreSQL, and operators who think a second between two acts
(`operators.py`). To reach: the median and the 99th percentile at most 1.3 times as long with the most holders as with
the fewest. Each number of holders has a database of its own, all are filled first, and the working days take turns, so
that what else the machine does meanwhile falls on all of them. Then the rules are worked out anew for every holder of
the largest, beside a bare scan of the same table.

HOLDERS="20000 200000" in the environment for other sizes, TURNS for working days of each, ROUNDS for applicants of each
desk in one of them. Two million holders take a quarter of an hour to write.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median, quantiles

from sqlalchemy import Engine, text

from issuer.domain.places import Place
from issuer.rules import effect, rule_set
from issuer.service import state
from issuer.service.cli import first_rules
from issuer.store import migrate
from issuer.store.engine import open_engine
from issuer.store.unit import Store
from tests.benchmarks import bench_rules
from tests.benchmarks.city import populate
from tests.benchmarks.operators import ACTS, People, Times, appoint, work_day
from tests.postgres import Server

SIZES = (20_000, 200_000, 2_000_000)
TURNS = 2  # of 20,000 holders, enough may be endorsed today for two days' work and not for three
ROUNDS = 5  # applicants of each of thirty registrars, in each turn: 300 of every act in all
PROCESSES = 2
FLAT = 1.3
PATIENCE = 60.0


def main() -> None:
    sizes = [int(size) for size in os.environ.get("HOLDERS", "").split()] or list(SIZES)
    turns, rounds = int(os.environ.get("TURNS", TURNS)), int(os.environ.get("ROUNDS", ROUNDS))
    found: dict[int, Times] = {size: defaultdict(list) for size in sizes}
    with ExitStack() as things:
        folder = Path(things.enter_context(tempfile.TemporaryDirectory()))
        server = Server(durable=True)
        things.callback(server.stop)
        state.make_secret(folder / "number-secret")
        towns = {size: _town(folder, server.url(server.create()), size) for size in sizes}
        for turn in range(turns):
            for size, (url, people) in towns.items():
                with _processes(folder, url) as addresses:
                    times = asyncio.run(work_day(addresses, people, rounds=rounds, turn=turn, database=url))
                for act, taken in times.items():
                    found[size][act] += taken
                print(f"day {turn + 1} of {turns} with {size:,} holders is over; so far", flush=True)
                _tell(size, found[size])
        _compare(found)
        engine = open_engine(towns[max(sizes)][0])
        things.callback(engine.dispose)
        _rules(engine, max(sizes))


def _town(folder: Path, url: str, size: int) -> tuple[str, People]:
    """A database with `size` holders, operators and rules."""
    engine = open_engine(url)
    began = time.monotonic()
    try:
        migrate.upgrade(engine)
        store = Store(engine, clock=state.system_clock, number_secret=state.read_secret(folder / "number-secret"))
        populate(engine, size, told=lambda known: print(f"  {known:,} of {size:,} holders", flush=True))
        people = appoint(store)
        first_rules(store, Place(ids=(1,)))
    finally:
        engine.dispose()
    print(f"{size:,} holders after {time.monotonic() - began:.0f} s", flush=True)
    return url, people


@contextmanager
def _processes(folder: Path, url: str) -> Iterator[list[str]]:
    """Processes of the service that answer; they know each other by the database alone."""
    ports = [_free_port() for _ in range(PROCESSES)]
    environment = {"PATH": os.environ["PATH"], "PERMIT_HOME": str(folder), "PERMIT_DATABASE": url}
    running = []
    for port in ports:
        log = (folder / f"serve-{port}.log").open("wb")
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "issuer.cli", "serve"],
                env=environment | {"PERMIT_PORT": str(port), "PERMIT_LOG_LEVEL": "warning"},
                stdout=log,
                stderr=log,
            )
        )
        log.close()
    addresses = [f"http://127.0.0.1:{port}" for port in ports]
    try:
        for address in addresses:
            _await_ready(address)
        yield addresses
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            process.wait(PATIENCE)


def _await_ready(address: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            with urllib.request.urlopen(f"{address}/readyz", timeout=2):
                return
        except (OSError, urllib.error.URLError):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _percentile(times: list[float]) -> tuple[float, float]:
    """Median and 99th percentile, in milliseconds."""
    return median(times) * 1000, quantiles(times, n=100)[-1] * 1000


def _tell(size: int, times: Times) -> None:
    print(f"{size:,} holders")
    print(f"  {'':12}{'acts':>8}{'median ms':>12}{'99 % ms':>12}")
    for act in ACTS:
        middle, late = _percentile(times[act])
        print(f"  {act:12}{len(times[act]):>8}{middle:>12.1f}{late:>12.1f}", flush=True)


def _compare(found: Mapping[int, Times]) -> None:
    sizes = sorted(found)
    if len(sizes) < 2:
        return
    print(f"from {sizes[0]:,} to {sizes[-1]:,} holders, times as long (to reach: {FLAT})")
    for act in ACTS:
        small, large = _percentile(found[sizes[0]][act]), _percentile(found[sizes[-1]][act])
        print(f"  {act:12} median {large[0] / small[0]:.2f}   99 % {large[1] / small[1]:.2f}")


def _rules(engine: Engine, holders: int) -> None:
    """All holders by the rules in force and by the next ones, beside reading the same columns."""
    from issuer.service.entitlements import batches

    store = Store(engine, clock=state.system_clock, number_secret=bytes(32))
    current = rule_set.load(rule_set.versions()[-1])
    following = bench_rules.changed(current)
    today = state.system_clock().date()
    columns = "id, district_id, residence_since, birth_date, facts"
    with engine.begin() as connection:
        connection.execute(text("SET LOCAL statement_timeout = 0"))
        start = time.perf_counter()
        scan = connection.execution_options(yield_per=2_000).execute(text(f"SELECT {columns} FROM holder ORDER BY id"))
        read = sum(1 for _ in scan)
        bare = time.perf_counter() - start
    assert read >= holders
    with store.read() as transaction:
        transaction.execute(text("SET LOCAL statement_timeout = 0"))
        start = time.perf_counter()
        found = effect.effect(current, following, batches(transaction), today)
        both = time.perf_counter() - start
    print(f"a bare scan of {read:,} holders: {bare:.1f} s, {read / bare:,.0f}/s")
    print(
        f"the effect of a new version on all of them: {both:.1f} s, {read / both:,.0f}/s, {both / bare:.2f} x the scan"
    )
    print(f"  {found.whole.affected.count:,} of them affected")
