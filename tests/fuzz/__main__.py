"""Fuzz everything, or one target: `python -m tests.fuzz [--target NAME] [--runs N] [--engine atheris|guided|plain]`.

Inputs are shared out by weight. With atheris (found where it is installed, or in the environment that `--python` names)
each target runs in a process of its own, because libFuzzer never returns. Exit code 1 when anything was found.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from random import Random
from time import monotonic

from . import engine
from .engine import Tally
from .targets import TARGETS

ROOT = Path(__file__).parents[2]
_LIBFUZZER_RSS = 2048  # megabytes


def main() -> int:
    arguments = _arguments()
    if arguments.input is not None:
        TARGETS[arguments.target].run(arguments.input.read_bytes())
        return 0
    names = [arguments.target] if arguments.target else list(TARGETS)
    total = sum(TARGETS[name].weight for name in names)
    kind = arguments.engine or ("atheris" if find_spec("atheris") else "guided")
    arguments.out.mkdir(parents=True, exist_ok=True)
    if arguments.child:
        _atheris(names[0], arguments.runs, arguments.out, arguments.seed)
    inputs = finds = 0
    for name in names:
        runs = max(1, arguments.runs * TARGETS[name].weight // total)
        begin = monotonic()
        tally = _spawned(name, runs, arguments) if kind == "atheris" else _here(name, runs, kind, arguments.seed)
        inputs, finds = inputs + tally.inputs, finds + len(tally.finds)
        line = f"{name:20} {tally.inputs:9,} inputs {tally.taken:9,} taken  slowest {tally.slowest * 1000:6.0f} ms"
        print(f"{line}  {monotonic() - begin:6.0f} s  {len(tally.finds)} finds", flush=True)
        for path, told in zip(engine.save(tally.finds, arguments.out, name), tally.told.values(), strict=True):
            print(f"  {path}\n    " + told.replace("\n", "\n    "), flush=True)
    print(f"{inputs:,} inputs, {finds} finds ({kind})")
    return 1 if finds else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--target", choices=TARGETS, metavar="NAME", help="; ".join(TARGETS))
    parser.add_argument("--runs", type=int, default=100_000, help="inputs, over all targets together")
    parser.add_argument("--engine", choices=("atheris", "guided", "plain"))
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="interpreter that has atheris")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "fuzz", help="corpora and finds")
    parser.add_argument("--input", type=Path, help="one input again")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    return parser.parse_args()


def _here(name: str, runs: int, kind: str, seed: int) -> Tally:
    target, tally, random = TARGETS[name], Tally(name), Random(f"{name} {seed}")
    feed = engine.judged(target, tally)
    seeds = target.seeds()
    if kind == "guided":
        engine.guided(feed, seeds, random, target.most, runs)
        return tally
    source = engine.mutated(seeds, random, target.most)
    for _ in range(runs):
        feed(next(source))
    return tally


def _spawned(name: str, runs: int, arguments: argparse.Namespace) -> Tally:
    command = [str(arguments.python), "-m", "tests.fuzz", "--child", "--target", name, "--runs", str(runs)]
    command += ["--seed", str(arguments.seed), "--out", str(arguments.out)]
    log = arguments.out / f"{name.replace(' ', '-')}.log"
    with log.open("wb") as stream:
        done = subprocess.run(command, cwd=ROOT, stdout=stream, stderr=subprocess.STDOUT, check=False)
    told = _state(arguments.out, name)
    tally = Tally(name)
    if told.is_file():
        tree = json.loads(told.read_bytes())
        tally.inputs, tally.taken, tally.slowest = tree["inputs"], tree["taken"], tree["slowest"]
        tally.finds = {place: bytes.fromhex(raw) for place, raw in tree["finds"].items()}
        tally.told = tree["told"]
    if done.returncode != 0:
        tally.finds["process"] = b""
        tally.told["process"] = f"exit code {done.returncode}: see {log}"
    return tally


def _state(out: Path, name: str) -> Path:
    return out / f"{name.replace(' ', '-')}.json"


def _atheris(name: str, runs: int, out: Path, seed: int) -> None:
    """In a process of its own; ends it."""
    import atheris

    target, tally = TARGETS[name], Tally(name)
    corpus = out / "corpus" / name.replace(" ", "-")
    corpus.mkdir(parents=True, exist_ok=True)
    for number, raw in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(raw)
    state = _state(out, name)
    feed = engine.judged(target, tally)

    def write() -> None:
        tree = {"inputs": tally.inputs, "taken": tally.taken, "slowest": tally.slowest, "told": tally.told}
        tree["finds"] = {place: raw.hex() for place, raw in tally.finds.items()}
        temporary = state.with_suffix(".tmp")
        temporary.write_text(json.dumps(tree))
        os.replace(temporary, state)

    def one(raw: bytes) -> None:
        known = len(tally.finds)
        feed(raw)
        if tally.inputs % 500 == 0 or len(tally.finds) > known or tally.inputs >= runs:
            write()

    write()
    options = [
        f"-runs={runs}",
        f"-seed={seed}",
        f"-max_len={target.most}",
        "-len_control=0",
        "-timeout=10",
        f"-rss_limit_mb={_LIBFUZZER_RSS}",
    ]
    atheris.Setup([sys.argv[0], *options, f"-artifact_prefix={out}/{name.replace(' ', '-')}-", str(corpus)], one)
    atheris.Fuzz()


def _watched() -> None:
    """Import what is fuzzed once more, instrumented."""
    import atheris

    ours = ("keys", "card_profiles", "verifier", "tests")
    for module in [module for module in sys.modules if module.split(".")[0] in ours]:
        if module not in ("tests", "tests.fuzz"):
            del sys.modules[module]
    with atheris.instrument_imports(include=["keys", "card_profiles", "verifier"], enable_loader_override=False):
        again = import_module("tests.fuzz.engine")
        globals().update(engine=again, Tally=again.Tally, TARGETS=import_module("tests.fuzz.targets").TARGETS)


if __name__ == "__main__":
    if "--child" in sys.argv:
        _watched()
    sys.exit(main())
