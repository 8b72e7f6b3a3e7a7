"""How inputs are made and what counts as a find.

`mutated` makes inputs from seeds and needs nothing. `guided` keeps those that reach lines not reached before, traced by
the interpreter. `python -m tests.fuzz` takes atheris (libFuzzer) in its place where that is installed: it is no part of
the project's environment.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from random import Random
from time import process_time
from types import CodeType, FrameType
from typing import Any

from .targets import Target

SECONDS = 2.0
"""CPU time of one input."""
MEMORY = 256 << 20
"""Address space that all inputs of a run may add to what the process had when the first came."""
_OURS = tuple(str(Path(__file__).parents[2] / name) for name in ("keys", "card_profiles", "verifier"))
_INTERESTING = (0, 1, 0x7F, 0x80, 0x81, 0x82, 0x84, 0xFE, 0xFF, 0x30, 0x5F, 0x7F, 0x9F, 0xA0, 0xBF, 0xD8, 0xF5, 0xFB)


@dataclass(slots=True)
class Tally:
    """What became of the inputs of one target; finds are kept once for each place they come from."""

    name: str
    inputs: int = 0
    taken: int = 0
    slowest: float = 0.0
    finds: dict[str, bytes] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)


def judged(target: Target, tally: Tally) -> Callable[[bytes], None]:
    """Feeds one input and keeps what is a find: another error than declared, or too slow."""

    def feed(raw: bytes) -> None:
        tally.inputs += 1
        begin = process_time()
        try:
            target.run(raw)
            tally.taken += 1
        except target.errors:
            pass
        except Exception as error:
            _keep(tally, _place(error), raw, "".join(traceback.format_exception(error)))
        took = process_time() - begin
        tally.slowest = max(tally.slowest, took)
        if took > SECONDS:
            _keep(tally, "slow", raw, f"{took:.1f} s")

    return feed


def _keep(tally: Tally, place: str, raw: bytes, told: str) -> None:
    if place not in tally.finds:
        tally.finds[place], tally.told[place] = raw, told


def _place(error: Exception) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    last = frames[-1] if frames else None
    where = f"{Path(last.filename).name}:{last.name}:{last.lineno}" if last else "?"
    return f"{type(error).__name__} {where}"


def capped_memory(more: int = MEMORY) -> None:
    """From here on the process gets no more than `more` bytes of address space beside what it has."""
    import resource

    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + more
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def mutated(seeds: Sequence[bytes], random: Random, most: int) -> Iterator[bytes]:
    """Inputs without end: the seeds, then now and then any bytes, else a seed with changes, or two of them spliced."""
    yield from seeds
    while True:
        yield one(seeds, random, most)


def one(seeds: Sequence[bytes], random: Random, most: int) -> bytes:
    """One input."""
    if not seeds or random.randrange(64) == 0:
        return random.randbytes(random.randrange(min(most, 64)))
    made = bytearray(random.choice(seeds))
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 5, 8))):
        made = _changed(made, seeds, random)
    return bytes(made[:most])


def _changed(made: bytearray, seeds: Sequence[bytes], random: Random) -> bytearray:
    at = random.randrange(len(made) + 1)
    act = random.randrange(10)
    if act <= 2 and made:
        made[at % len(made)] ^= 1 << random.randrange(8)
    elif act == 3 and made:
        made[at % len(made)] = random.choice(_INTERESTING)
    elif act == 4 and made:
        made[at % len(made)] = (made[at % len(made)] + random.choice((1, -1, 16, -16))) % 256
    elif act == 5:
        del made[at : at + random.choice((1, 1, 2, 8, 64))]
    elif act == 6:
        made[at:at] = random.randbytes(random.choice((1, 1, 2, 4, 16)))
    elif act == 7:
        made[at:at] = made[at : at + random.randrange(1, 64)] * random.choice((1, 1, 2, 30))
    elif act == 8:
        del made[at:]
    else:
        other = random.choice(seeds)
        begin = random.randrange(len(other) + 1)
        made[at : at + random.randrange(64)] = other[begin : begin + random.randrange(1, 256)]
    return made


def guided(feed: Callable[[bytes], None], seeds: Sequence[bytes], random: Random, most: int, runs: int) -> int:
    """Feed `runs` inputs; those that reach a new step from line to line become seeds. Returns how many steps."""
    corpus, seen = list(seeds), set[int]()
    for number in range(runs):
        raw = corpus[number] if number < len(seeds) else one(corpus, random, most)
        before = len(seen)
        _traced(feed, raw, seen)
        if len(seen) > before and number >= len(seeds):
            corpus.append(raw)
    return len(seen)


def _traced(feed: Callable[[bytes], None], raw: bytes, seen: set[int]) -> None:
    last = [0]

    def local(frame: FrameType, event: str, _: object) -> Any:
        if event == "line":
            here = _line(frame.f_code, frame.f_lineno)
            seen.add(last[0] ^ here)
            last[0] = here >> 1
        return local

    def enter(frame: FrameType, event: str, _: object) -> Any:
        return local if frame.f_code.co_filename.startswith(_OURS) else None

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        feed(raw)
    finally:
        sys.settrace(before)


def _line(code: CodeType, number: int) -> int:
    return hash((code.co_filename, number)) & 0x7FFFFFFFFFFF


def save(finds: dict[str, bytes], directory: Path, name: str) -> list[Path]:
    """The inputs, to run again with `--input`."""
    paths = []
    for raw in finds.values():
        path = directory / f"{name.replace(' ', '-')}-{sha256(raw).hexdigest()[:12]}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(raw)
        paths.append(path)
    return paths
