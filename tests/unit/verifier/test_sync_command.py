"""`permit-verifier sync` as people call it; and that a check afterwards needs neither the TUF library nor a network."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.distribution import anchor, release, served, trust_targets
from tests.factory import DAY, NOW
from verifier.cli import main
from verifier.store import Watermark
from verifier.sync_reason import SyncReason
from verifier.sync_texts import REASONS
from verifier.verdict import ExitCode


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A published release, the anchor in a file, and no store yet."""
    release(tmp_path / "public", trust_targets())
    (tmp_path / "anchor.json").write_bytes(anchor())
    return tmp_path


def run(place: Path, source: str, *more: str, now=NOW) -> int:  # type: ignore[no-untyped-def]
    common = ["--store", str(place / "store"), "--state", str(place / "state")]
    return main(["sync", "--from", source, *common, *more], now=lambda: now)


def outcome(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    tree: dict[str, Any] = json.loads(capsys.readouterr().out)
    return tree


def test_from_a_directory_and_then_from_a_server(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(place, str(place / "public"), "--trust-anchor", str(place / "anchor.json"), "--json") == 0
    first = outcome(capsys)
    assert (first["synced"], first["release"], len(first["changed"])) == (True, 1, first["targets"])
    release(place / "public", trust_targets(), now=NOW + DAY)
    with served(place / "public" / "current") as url:
        assert run(place, url, "--json", now=NOW + DAY) == 0
    assert outcome(capsys)["release"] == 2


@pytest.mark.parametrize("language", ["zh", "en"])
def test_for_people(place: Path, capsys: pytest.CaptureFixture[str], language: str) -> None:
    arguments = ["--trust-anchor", str(place / "anchor.json"), "--lang", language]
    assert run(place, str(place / "public"), *arguments) == 0
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_refusals(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = str(place / "public")
    given = ["--trust-anchor", str(place / "anchor.json")]
    for arguments, now, reason in (
        ([], NOW, SyncReason.NO_ANCHOR),
        (["--trust-anchor", str(place / "missing")], NOW, SyncReason.ANCHOR_INVALID),
        (["--trust-anchor", "/dev/zero"], NOW, SyncReason.ANCHOR_INVALID),
        (given, NOW + 4 * DAY, SyncReason.FROZEN),
    ):
        assert run(place, source, *arguments, "--json", now=now) == ExitCode.OWN_DATA
        assert outcome(capsys)["reason"] == reason
        assert not (place / "store").exists()
    assert run(place, source) == ExitCode.OWN_DATA
    assert capsys.readouterr().err


def test_the_watermark_of_the_machine(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Watermark(str(place / "state")).advance(NOW + DAY)
    arguments = ["--trust-anchor", str(place / "anchor.json"), "--json"]
    assert run(place, str(place / "public"), *arguments) == ExitCode.OWN_DATA
    assert outcome(capsys)["reason"] == SyncReason.CLOCK_SET_BACK
    (place / "state" / "watermark").write_text("yesterday")
    assert run(place, str(place / "public"), *arguments) == ExitCode.OWN_DATA
    assert outcome(capsys)["reason"] == SyncReason.CLOCK_SET_BACK


def test_without_the_library(place: Path) -> None:
    """In a process of its own: `tuf` cannot be imported. The first line of output is the reason."""
    program = f"""
import sys
sys.modules["tuf"] = None
from verifier.cli import main
sys.exit(main(["sync", "--from", {str(place / "public")!r}, "--store", {str(place / "store")!r}, "--json",
               "--state", {str(place / "state")!r}, "--trust-anchor", {str(place / "anchor.json")!r}]))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert done.returncode == ExitCode.OWN_DATA, done.stderr
    assert json.loads(done.stdout)["reason"] == SyncReason.NOT_INSTALLED


def test_what_a_check_needs(place: Path) -> None:
    """Opening a synchronised store for a check imports neither the TUF library, nor a network, nor a database."""
    run(place, str(place / "public"), "--trust-anchor", str(place / "anchor.json"))
    program = f"""
import sys
from verifier.counter import load_trust, read_watermark
from verifier.store import Watermark
store = {str(place / "store")!r}
load_trust(store)
read_watermark(Watermark(store + "/state"), store)
heavy = {{"tuf", "securesystemslib", "urllib3", "http", "socket", "ssl", "sqlite3", "asn1crypto", "shutil"}}
print(sorted(heavy & sys.modules.keys()))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, text=True)
    assert done.stdout == "[]\n"


def test_every_reason_has_its_text() -> None:
    assert set(REASONS) == set(SyncReason)
    assert all(zh and en for zh, en in REASONS.values())
