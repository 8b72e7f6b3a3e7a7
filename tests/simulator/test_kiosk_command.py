"""`permit-verifier kiosk` as an installer starts it, over pcscd, and the client of docs/INTEGRATION.md beside it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest
from private_pcscd import READERS, PrivatePcscd

from card_profiles.softcard import vpcd
from tests.browser.kiosk_counter import permit, trust_files
from tests.factory import CAN, write_files
from verifier.usage_report import verify

DOCS = Path(__file__).parents[2] / "docs" / "INTEGRATION.md"
ROOT = Path(__file__).parents[2]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    write_files(tmp_path / "trust", trust_files())
    return tmp_path / "state"


@pytest.fixture
def kiosk(pcscd: PrivatePcscd, state: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its link."""
    process = start(state, "--sector", "health", "--port", "0")
    assert process.stdout is not None
    try:
        line = process.stdout.readline()
        yield process, line[line.index("http://") :].strip()
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)
        process.stdout.close()


def start(state: Path, *arguments: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "LANG": "C.UTF-8", "PYTHONUNBUFFERED": "1"}
    where = ("--trust", str(state.parent / "trust"), "--state", str(state))
    command = [sys.executable, "-m", "verifier.cli", "kiosk", *where, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT)


def example() -> str:
    """The client in the documentation."""
    (code,) = [
        block for block in re.findall(r"```python\n(.*?)```", DOCS.read_text(), re.S) if "A complete client" in block
    ]
    return str(code)


def test_the_documented_client(
    pcscd: PrivatePcscd, kiosk: tuple[subprocess.Popen[str], str], state: Path, tmp_path: Path
) -> None:
    _, link = kiosk
    client = tmp_path / "client.py"
    client.write_text(example())
    environment = {**os.environ, "PERMIT_STATE": str(state), "PERMIT_KIOSK": link.split("/?")[0], "CAN": CAN}
    run = subprocess.Popen([sys.executable, client], stdout=subprocess.PIPE, text=True, env=environment)
    stop = threading.Event()
    card = threading.Thread(
        target=vpcd.serve, args=(permit().card(), "127.0.0.1", pcscd.port), kwargs={"stop": stop}, daemon=True
    )
    card.start()
    try:
        out, _ = run.communicate(timeout=60)
    finally:
        stop.set()
        card.join(10)
    assert run.returncode == 0
    assert [line.split()[0] for line in out.splitlines()] == ["H01", "H02"]
    assert (state / "kiosk-token").stat().st_mode & 0o777 == 0o600
    assert (state / "kiosk-link").stat().st_mode & 0o777 == 0o600
    assert (state / "kiosk-link").read_text().strip() == link
    with pytest.raises(HTTPError) as refused:  # urlopen keeps no cookie, so the page stays closed to it
        urlopen(link, timeout=10)
    refused.value.close()
    assert refused.value.code == 403


def test_the_log_of_use_names_nobody(
    pcscd: PrivatePcscd, kiosk: tuple[subprocess.Popen[str], str], state: Path, tmp_path: Path
) -> None:
    process, link = kiosk
    environment = {**os.environ, "PERMIT_STATE": str(state), "PERMIT_KIOSK": link.split("/?")[0], "CAN": CAN}
    client = tmp_path / "client.py"
    client.write_text(example())
    stop = threading.Event()
    card = threading.Thread(
        target=vpcd.serve, args=(permit().card(), "127.0.0.1", pcscd.port), kwargs={"stop": stop}, daemon=True
    )
    card.start()
    try:
        pcscd.await_card(READERS[0], present=True)
        subprocess.run([sys.executable, client], env=environment, check=True, capture_output=True, timeout=60)
    finally:
        stop.set()
        card.join(10)
    process.send_signal(signal.SIGTERM)
    process.wait(20)
    log = state / "usage"
    written = "".join(path.read_text() for path in log.iterdir() if path.is_file())
    assert json.loads((log / "open.json").read_text().splitlines()[0])["hour"]
    for secret in (CAN, "CHEN", "陈晓梅", "RP0402137", "1991"):
        assert secret not in written
    assert not verify(str(log)).findings


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "A setting is wrong: no sector"),
        (["--settings", "nowhere.toml"], "A setting is wrong"),
        (["--sector", "health", "--port", "70000"], "A setting is wrong: port"),
    ],
)
def test_settings_that_cannot_be(state: Path, arguments: list[str], told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "verifier.cli", "kiosk", "--state", str(state), *arguments],
        capture_output=True, text=True, timeout=60, check=False, cwd=ROOT, env={**os.environ, "LANG": "C.UTF-8"},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith(told)
