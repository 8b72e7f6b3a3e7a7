"""Status lists of 2 million and of 200 million cards: what a counter fetches, loads and looks up, what a revocation
costs to publish. Each time stands beside the bare operations that it cannot do without."""

from __future__ import annotations

import gc
import mmap
import os
import random
import subprocess
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import TypeVar

from keys import status_list
from keys.envelopes import cose
from keys.publication.repository import current
from keys.status_list import SHARD_ENTRIES, Status
from keys.trust import TrustStore, status_file_name
from tests.distribution import CITY, FIRST, anchor, release
from tests.factory import AGGREGATION_URI, DAY, NOW
from verifier import generations
from verifier.counter import load_trust
from verifier.sync import sync

T = TypeVar("T")
REVOKED = 0.005
SIZES = {"2 million": 2_000_000, "200 million": 200_000_000}
SIGNER = CITY.status_signer
SIGN = cose.raw_signer(SIGNER.private_key)


def main() -> None:
    """Print one table a size."""
    for name, cards in SIZES.items():
        with TemporaryDirectory(prefix="bench-status-") as directory:
            _measure(name, cards, Path(directory))


def _measure(name: str, cards: int, at: Path) -> None:
    shards = -(-cards // SHARD_ENTRIES)
    drawn = random.Random(cards)
    entries = [_entries(drawn) for _ in range(shards)]
    begin = perf_counter()
    lists = [_shard(number, content, NOW) for number, content in enumerate(entries)]
    built = (perf_counter() - begin) / shards
    packed = status_list.pack(entries[0], size=SHARD_ENTRIES, bits=2)
    bare_build = _time(lambda: (zlib.compress(packed, 9), SIGN(packed[:1000])), 5)
    print(f"\n{name} cards, {REVOKED:.1%} revoked: {shards} shards of {SHARD_ENTRIES}")
    _row("signed lists", f"{sum(map(len, lists)):,} bytes", f"{sum(map(len, lists)) / shards:,.0f} a shard")
    _row("build and sign a shard", f"{built * 1e3:.2f} ms", f"{built / bare_build.middle:.1f} × deflate and sign alone")

    targets = CITY.trust_files(status={}) | {_name(number): raw for number, raw in enumerate(lists)}
    public, store = at / "public", at / "store"
    release(public, targets)
    first = _timed(lambda: sync(str(public), str(store), now=NOW, anchor=anchor()))
    _row(
        "first sync",
        f"{first[1].bytes_received:,} bytes",
        f"{first[0]:.2f} s, {first[0] / shards * 1e3:.1f} ms a shard",
    )
    on_disk = sum(path.stat().st_size for path in (store / "current" / "mapped").iterdir())
    _row("laid out to be mapped", f"{on_disk:,} bytes", f"{on_disk / shards:,.0f} a shard")
    _lookups(store, lists[0])
    _memory(store)
    _revoke(public, store, targets, entries)


def _revoke(public: Path, store: Path, targets: dict[str, bytes], entries: list[dict[int, Status]]) -> None:
    """One card more is revoked, again and again: publish, then sync."""
    published, synced, received = [], [], []
    for round_number in range(1, 6):
        now = NOW + round_number * timedelta(hours=1)
        shard = round_number % len(entries)
        entries[shard][round_number] = Status.INVALID
        begin = perf_counter()
        targets[_name(shard)] = _shard(shard, entries[shard], now)
        release(public, targets, now=now)
        published.append(perf_counter() - begin)
        seconds, done = _timed(lambda now=now: sync(str(public), str(store), now=now))
        assert done.changed == (_name(shard),)
        synced.append(seconds)
        received.append(done.bytes_received)
    now = NOW + timedelta(hours=9)
    keys = (FIRST.targets[0], FIRST.targets[1], FIRST.snapshot[0], FIRST.timestamp[0], SIGNER.private_key)
    bare = _time(lambda: [cose.raw_signer(key)(b"x" * 1000) for key in keys], 20)
    shard_alone = _time(lambda: _shard(0, entries[0], now), 5)
    floor = bare.middle + shard_alone.middle
    listing = Path(str(current(str(public)))) / "metadata"
    metadata = max(path.stat().st_size for path in listing.glob("*.targets.json"))
    _row(
        "publish one revocation",
        f"{min(published):.3f} s least, {median(published):.3f} s median",
        f"{median(published) / floor:.0f} × one shard and five signatures ({floor * 1e3:.1f} ms)",
    )
    _row(
        "sync after it",
        f"{max(received):,} bytes",
        f"{median(synced):.3f} s; of the bytes {metadata:,} list all targets",
    )


def _lookups(store: Path, raw: bytes) -> None:
    generation = generations.resolve(str(store))
    uri = _uri(0)
    mapped = TrustStore.load(generation, mapped=os.path.join(generation, generations.MAPPED))
    path = os.path.join(generation, generations.MAPPED, status_file_name(uri).removesuffix(".cwt") + ".map")

    def bare() -> int:
        descriptor = os.open(path, os.O_RDONLY)
        with mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ) as content:
            os.close(descriptor)
            return content[40_000]

    floor = _time(bare, 2000)
    opened = _time(lambda: mapped.status_list(uri, now=NOW).lookup(123_456), 2000)
    known = mapped.status_list(uri, now=NOW)
    again = _time(lambda: known.lookup(123_456), 5000)
    public_key = SIGNER.private_key.public_key()
    signed = _time(lambda: status_list.verify(raw, public_key, uri).lookup(123_456), 50)
    _row("open and look up", f"{opened.middle * 1e6:.0f} µs", f"{opened.middle / floor.middle:.1f} × mmap and one byte")
    _row("look up again", f"{again.middle * 1e6:.1f} µs", "")
    _row(
        "instead: verify the list",
        f"{signed.middle * 1e6:.0f} µs",
        f"{signed.middle / opened.middle:.0f} × the mapped one",
    )
    _row("load trust", f"{_time(lambda: load_trust(str(store)), 50).middle * 1e3:.2f} ms", "without the first chain")


def _memory(store: Path) -> None:
    program = f"""
import datetime, sys
from verifier.counter import load_trust
def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS"))
before = resident()
trust = load_trust({str(store)!r})
loaded = resident()
for index in range(0, {SHARD_ENTRIES}, 4096):
    trust.status_list({_uri(0)!r}, now=datetime.datetime.now(datetime.UTC)).lookup(index)
print(loaded - before, resident() - loaded)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    loaded, looked = done.stdout.split()
    _row("memory", f"{loaded} kB to load, {looked} kB to look up", "everywhere in one shard")


def _entries(drawn: random.Random) -> dict[int, Status]:
    count = round(SHARD_ENTRIES * REVOKED)
    return dict.fromkeys(drawn.sample(range(SHARD_ENTRIES), count), Status.INVALID)


def _shard(number: int, entries: dict[int, Status], iat: datetime) -> bytes:
    return status_list.build(
        entries,
        uri=_uri(number),
        iat=iat,
        exp=iat + 30 * DAY,
        ttl=43_200,
        aggregation_uri=AGGREGATION_URI,
        kid=SIGNER.kid,
        sign=SIGN,
    )


def _uri(number: int) -> str:
    return f"{AGGREGATION_URI}/{number}"


def _name(number: int) -> str:
    return f"status/{status_file_name(_uri(number))}"


@dataclass(frozen=True, slots=True)
class _Timing:
    least: float
    middle: float


def _time(work: Callable[[], object], rounds: int) -> _Timing:
    """Seconds of one run: least and median."""
    work()
    gc.collect()
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        work()
        times.append(perf_counter() - begin)
    return _Timing(min(times), median(times))


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    begin = perf_counter()
    done = work()
    return perf_counter() - begin, done


def _row(name: str, figure: str, beside: str) -> None:
    print(f"  {name:<26}{figure:<44}{beside}".rstrip())
