"""A program whose output nobody reads any more ends without a word: `… | head -1` is no error."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from keys.closed_pipe import EXIT_CODE

ROOT = Path(__file__).parents[2]
PROGRAMS = {
    "verifier.cli": ("readers", "--help"),
    "keys.cli": ("--help",),
    "issuer.cli": ("--help",),
    "card_profiles.softcard.cli": ("--help",),
}
USAGE = ("usage", "totals", "--csv", "--state", "/nowhere")


@pytest.mark.parametrize(
    ("module", "arguments"), [*PROGRAMS.items(), ("verifier.cli", USAGE), ("verifier.cli", ("doctor", "--lang", "en"))]
)
def test_nobody_reads(module: str, arguments: tuple[str, ...]) -> None:
    """The reading end is closed before anything is written."""
    program = subprocess.Popen(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert program.stdout is not None
    program.stdout.close()
    program.stdout = None
    _, told = program.communicate(timeout=60)
    assert told == b""
    # argparse itself overlooks it where output is not buffered.
    assert program.returncode in ((0, EXIT_CODE) if "--help" in arguments else (EXIT_CODE,))


def test_what_is_read_is_what_it_was() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "verifier.cli", *USAGE], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "district,month,sector,name,count\n", "")
