"""Some thousands of mutated inputs for every target of tests/fuzz, in a process whose memory is capped.

Millions, guided by what they reach, are `make fuzz`. What those found stands below, one by one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz import engine
from tests.fuzz.engine import Tally
from tests.fuzz.hostile_card import MAX_COMMANDS, check
from tests.fuzz.targets import TARGETS, Target

ROOT = Path(__file__).parents[2]
SOAK = "SOAK" in os.environ
RUNS = 400_000 if SOAK else 12_000
EXAMPLES = 5_000 if SOAK else 60

CAPPED = f"""
from contextlib import suppress
from random import Random
from tests.fuzz import engine
from tests.fuzz.engine import Tally
from tests.fuzz.targets import TARGETS

seeds = {{name: target.seeds() for name, target in TARGETS.items()}}
for name, target in TARGETS.items():  # what is imported late is no memory of the inputs
    for seed in seeds[name]:
        with suppress(*target.errors):
            target.run(seed)
engine.capped_memory()
total = sum(target.weight for target in TARGETS.values())
for name, target in TARGETS.items():
    tally = Tally(name)
    feed, source = engine.judged(target, tally), engine.mutated(seeds[name], Random(name), target.most)
    for _ in range({RUNS} * target.weight // total):
        feed(next(source))
    for place, told in tally.told.items():
        print(name, place, told)
"""


@pytest.mark.timeout(7200 if SOAK else 300)
@pytest.mark.no_cover
def test_every_input_ends_in_a_reason_within_its_time_and_memory() -> None:
    done = subprocess.run(
        [sys.executable, "-c", CAPPED], cwd=ROOT, capture_output=True, text=True, check=False, timeout=7000
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize("name", TARGETS)
def test_good_inputs_are_taken(name: str) -> None:
    """Else the fuzzer would only ever see the door."""
    target = TARGETS[name]
    taken = 0
    for seed in target.seeds():
        try:
            target.run(seed)
            taken += 1
        except target.errors:
            continue
    assert taken


def test_every_decoder_of_what_others_made_has_a_target() -> None:
    wanted = {"tlv", "cbor", "cose", "mso", "item", "active", "security infos", "mrz", "dg1", "dg2", "dg11", "dg12"}
    wanted |= {"dg14", "sod", "code", "status list", "evidence", "crl", "tuf", "sync record", "card", "certificate"}
    wanted |= {"support file", "printed evidence", "report"}
    assert wanted <= TARGETS.keys()


@settings(max_examples=EXAMPLES, deadline=None)
@given(
    st.integers(0, 7),
    st.lists(st.tuples(st.integers(0, 39), st.integers(0, 7), st.binary(max_size=40)), max_size=4),
)
def test_a_card_that_lies_under_its_own_keys(asked: int, lies: list[tuple[int, int, bytes]]) -> None:
    """By shape: which answers, which lie. Whatever it says, the counter ends, and believes signed bytes only."""
    script = bytes((asked,)) + b"".join(bytes((place, 1 + len(data), act)) + data for place, act, data in lies)
    told = check(script)
    assert told.commands <= MAX_COMMANDS
    assert told.accepted is not None or told.reasons
    TARGETS["card"].run(script)


# --- the fuzzer can find


class _Deep(Exception):
    pass


def _buggy(raw: bytes) -> None:
    """Wrong only for what random bytes do not hit."""
    if raw[:1] == b"\x30" and len(raw) > 3 and raw[1] == len(raw) - 2 and raw[2] == 0x7F:
        raise _Deep


def test_it_finds_what_is_wrong() -> None:
    target = Target(run=_buggy, seeds=lambda: (b"\x30\x03\x01\x01\x01",))
    tally = Tally("buggy")
    feed = engine.judged(target, tally)
    from random import Random

    source = engine.mutated(target.seeds(), Random(1), 64)
    for _ in range(20_000):
        feed(next(source))
    assert [place.split()[0] for place in tally.finds] == ["_Deep"]


def test_it_notices_time_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "SECONDS", 0.01)

    def slow(raw: bytes) -> None:
        sum(range(3_000_000))

    tally = Tally("slow")
    engine.judged(Target(run=slow, seeds=tuple), tally)(b"")
    assert list(tally.finds) == ["slow"]
    greedy = "from tests.fuzz import engine\nengine.capped_memory(8 << 20)\nbytes(64 << 20)\n"
    done = subprocess.run([sys.executable, "-c", greedy], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "MemoryError" in done.stderr


def test_guidance_keeps_what_reaches_further() -> None:
    from random import Random

    target, tally = TARGETS["active"], Tally("active")
    steps = engine.guided(engine.judged(target, tally), target.seeds(), Random(2), target.most, 300)
    assert steps > 10
    assert tally.inputs == 300
    assert not tally.finds
