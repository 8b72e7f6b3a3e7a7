"""`permit-verifier watch` and `check` over pcscd: cards come and go, pcscd goes and comes back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from private_pcscd import READERS, PrivatePcscd

from card_profiles.softcard import vpcd
from tests.factory import CAN, DAY, STATUS_URI, IssuedPermit, authority, issue, write_files

CITY = authority()
NOW = datetime.now(UTC).replace(microsecond=0)
BEGIN = NOW - 10 * DAY


@contextmanager
def plugged(daemon: PrivatePcscd, permit: IssuedPermit) -> Iterator[None]:
    """The card is in the first virtual reader."""
    card, stop = permit.card(), threading.Event()
    thread = threading.Thread(
        target=vpcd.serve, args=(card, "127.0.0.1", daemon.port), kwargs={"stop": stop}, daemon=True
    )
    thread.start()
    try:
        daemon.await_card(READERS[0], present=True)
        yield
    finally:
        stop.set()
        thread.join(10)
    daemon.await_card(READERS[0], present=False)


@pytest.fixture
def permit(tmp_path: Path) -> IssuedPermit:
    """A permit that is good today, and the trust data for it in `tmp_path`."""
    from keys.algorithms import Purpose

    signer = CITY.signer(Purpose.ENTITLEMENT_SIGNER, "today", begin=BEGIN - DAY)
    status_signer = CITY.signer(Purpose.STATUS_SIGNER, "status today", begin=BEGIN - DAY)
    shard = CITY.status_list(iat=NOW - timedelta(hours=1), signer=status_signer)
    crl = CITY.crl(this_update=NOW - DAY)
    files = CITY.trust_files(crl=crl, status={STATUS_URI: shard}, more_signers=(signer, status_signer))
    write_files(tmp_path / "trust", files)
    return issue(signer=signer, signed=BEGIN, valid_until=NOW + 300 * DAY)


def command(tmp_path: Path, *arguments: str) -> list[str]:
    usual = ("--sector", "health", "--can", CAN, "--json", "--reader", READERS[0])
    where = ("--trust", str(tmp_path / "trust"), "--state", str(tmp_path / "state"))
    return [sys.executable, "-m", "verifier.cli", *arguments, *usual, *where]


def test_check_over_pcscd(pcscd: PrivatePcscd, permit: IssuedPermit, tmp_path: Path) -> None:
    with plugged(pcscd, permit):
        done = subprocess.run(command(tmp_path, "check"), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["effort"]["commands"] == 13


def test_check_without_a_card(pcscd: PrivatePcscd, permit: IssuedPermit, tmp_path: Path) -> None:
    done = subprocess.run(command(tmp_path, "check"), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert json.loads(done.stdout)["reasons"] == ["no-card"]


def test_watch_survives_removal_and_a_restart_of_pcscd(
    pcscd: PrivatePcscd, permit: IssuedPermit, tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "LANG": "C.UTF-8"}
    watch = subprocess.Popen(
        command(tmp_path, "watch", "--count", "3"), stdout=subprocess.PIPE, text=True, env=environment
    )
    assert watch.stdout is not None
    try:
        codes = []
        for _ in range(2):
            with plugged(pcscd, permit):
                codes.append(json.loads(watch.stdout.readline())["exit_code"])
        pcscd.stop()
        pcscd.start()
        with plugged(pcscd, permit):
            codes.append(json.loads(watch.stdout.readline())["exit_code"])
        assert watch.wait(30) == 0
        assert codes == [0, 0, 0]
    finally:
        watch.kill()
        watch.wait()
        watch.stdout.close()
