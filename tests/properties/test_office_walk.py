"""The random walk of a whole office (`tests.walk`): processes killed, cards torn, requests repeated, all of it retried,
and the laws afterwards. A few runs here; with SOAK=1 a thousand on each database."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SOAK = bool(os.environ.get("SOAK"))
RUNS = 1000 if SOAK else 3


@pytest.mark.timeout(12 * 3600 if SOAK else 600)
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_no_card_twice_and_nothing_lost(database: str, tmp_path: Path) -> None:
    """In a process of its own, which forks the service: none of this one's threads is there."""
    counts = tmp_path / "counts.json"
    command = [sys.executable, "-m", "tests.walk", "--runs", str(RUNS), "--database", database, "--json", str(counts)]
    ended = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-4000:]
    seen = json.loads(counts.read_text())
    print(f"{database}: {seen}")
    assert seen["runs"] == RUNS
    assert seen["acts acknowledged"] > 5 * RUNS
    for accident in ("kills at a write", "repeats", "cards written"):
        assert seen[accident] > 0, accident
    if SOAK:
        assert seen["tears"] > RUNS / 10
        assert seen["kills while a card is written"] > RUNS / 10
