"""Commands on keys killed by SIGKILL at every write: the same command then finishes, and nothing is done twice.

Each try is a process of its own that dies before its n-th write: a commit, or a file that is opened to write, linked,
renamed or removed. What stands then is what a power cut leaves to a file system that keeps its order.
"""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from keys.algorithms import Purpose
from keys.authority.authority import Authority
from keys.registry import registry
from keys.registry.lifecycle import RULES, KeyState
from keys.trust import TrustStore
from tests.key_home import DAY, TWO, Home

Command = Callable[[Home], object]


def die_at(fatal: int) -> None:
    """Kill this process before its `fatal`-th write."""
    writes = 0

    def write() -> None:
        nonlocal writes
        writes += 1
        if writes == fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def audited(event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"os.rename", "os.link", "os.remove"} or (event == "open" and _writes(arguments)):
            write()

    connect = sqlite3.connect

    def connected(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection = connect(*arguments, **options)
        connection.set_trace_callback(lambda statement: write() if statement == "COMMIT" else None)
        return connection

    registry.sqlite3.connect = connected  # type: ignore[assignment]
    sys.addaudithook(audited)


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR)) and mode is None


def survives(home: Home, command: Command, fatal: int) -> bool:
    """Run the command in a child that dies at its `fatal`-th write; whether it lived to the end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            die_at(fatal)
            command(home)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.waitstatus_to_exitcode(status) == 0
    return True


def check(authority: Authority) -> None:
    """What holds whatever happened: counters believe what signs, lists verify, files and registry agree."""
    trust, now = TrustStore.load(authority.trust_dir), authority.clock()
    content = authority.registry
    assert content.open_intent() is None
    content.events()
    for key in content.keys:
        assert key.state is not KeyState.GENERATED
        if key.destroyed_at is None and key.purpose is not Purpose.CARD_MASTER_KEY:
            assert authority.custody.public_key(key.uri)
        if key.purpose not in {Purpose.CSCA, Purpose.CARD_MASTER_KEY} and key.state is KeyState.ACTIVE:
            trust.validate(authority.certificate(key).der, purpose=key.purpose, at=now, now=now)
    trust.status_list(authority.status_uri, now=now)
    assert authority.lists.crl_is_complete()
    # Nothing lies about that no line of the registry explains.
    known = {key.certificate for key in content.keys if key.certificate}
    folders = ("csca", "signers")
    names = {f"{folder}/{name}" for folder in folders for name in os.listdir(os.path.join(authority.trust_dir, folder))}
    assert {name for name in names if not name.endswith(".tmp")} == known
    keys = set(os.listdir(os.path.join(authority.home, "keys")))
    assert keys == {key.uri.removeprefix("file:") for key in content.keys if key.destroyed_at is None}


def signers_replaced(home: Home) -> None:
    for purpose in RULES.keys() - {Purpose.CSCA, Purpose.CARD_MASTER_KEY}:
        home.rotation().replace(f"{RULES[purpose].label}-1", override="test")


def csca_due(home: Home) -> None:
    home.days(1461 - 90)
    signers_replaced(home)
    home.open().refresh()


def csca_staged(home: Home) -> None:
    csca_due(home)
    home.rotation().rotate(Purpose.CSCA)
    home.days(60)


def staged(purpose: Purpose) -> Callable[[Home], None]:
    def prepare(home: Home) -> None:
        home.days(70).rotation().rotate(purpose)
        home.days(14)

    return prepare


# What was before, the command, and the states of the purpose's keys when it is done.
COMMANDS: dict[str, tuple[Callable[[Home], object], Command, Purpose, str]] = {
    "stage a signer": (
        lambda home: home.days(70),
        lambda home: home.rotation().rotate(Purpose.DOCUMENT_SIGNER),
        Purpose.DOCUMENT_SIGNER,
        "active staged",
    ),
    "activate a signer": (
        staged(Purpose.ENTITLEMENT_SIGNER),
        lambda home: home.rotation().rotate(Purpose.ENTITLEMENT_SIGNER),
        Purpose.ENTITLEMENT_SIGNER,
        "retired active",
    ),
    "activate a status signer": (
        staged(Purpose.STATUS_SIGNER),
        lambda home: home.rotation().rotate(Purpose.STATUS_SIGNER),
        Purpose.STATUS_SIGNER,
        "retired active",
    ),
    "replace a signer": (
        lambda home: home.days(1),
        lambda home: home.rotation().replace("DS-1", override="test"),
        Purpose.DOCUMENT_SIGNER,
        "retired active",
    ),
    "stage a CSCA": (csca_due, lambda home: home.rotation().rotate(Purpose.CSCA), Purpose.CSCA, "active staged"),
    "activate a CSCA": (csca_staged, lambda home: home.rotation().rotate(Purpose.CSCA), Purpose.CSCA, "retired active"),
    "rotate the card master key": (
        lambda home: home.days(1),
        lambda home: home.rotation().replace("CMK-1"),
        Purpose.CARD_MASTER_KEY,
        "retired active",
    ),
    "compromise": (
        lambda home: home.days(1),
        lambda home: home.rotation().compromise("AS-1", since=home.now - DAY),
        Purpose.AUDIT_SIGNER,
        "compromised",
    ),
    "revoke": (
        lambda home: home.days(1),
        lambda home: home.rotation().revoke("AS-1", override="test"),
        Purpose.AUDIT_SIGNER,
        "retired",
    ),
    "destroy": (
        lambda home: home.days(1).rotation().replace("DS-1", override="test"),
        lambda home: home.rotation().destroy("DS-1"),
        Purpose.DOCUMENT_SIGNER,
        "destroyed active",
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_killed_at_any_write_the_same_command_finishes(tmp_path: Path, name: str) -> None:
    prepare, command, purpose, expected = COMMANDS[name]
    home = Home(tmp_path)
    prepare(home)
    origin = home.path.rename(tmp_path / "origin")
    fatal, deaths = 0, 0
    while True:
        fatal += 1
        shutil.rmtree(home.path, ignore_errors=True)
        shutil.copytree(origin, home.path)
        lived = survives(home, command, fatal)
        deaths += not lived
        home.days(1 / 24)  # the next run comes an hour later
        command(home)
        authority = home.open()
        check(authority)
        states = [key.state for key in authority.registry.keys if key.purpose is purpose]
        assert " ".join(states) == expected, f"killed at write {fatal}"
        if lived:
            break
    assert deaths >= 3


def test_killed_again_and_again(tmp_path: Path) -> None:
    """Each run gets one write further than the one before it; in the end it is done, once."""
    home = Home(tmp_path)
    home.days(70)
    for fatal in range(1, 60):
        if survives(home, lambda home: home.rotation().rotate(Purpose.STATUS_SIGNER), fatal):
            break
    else:
        pytest.fail("never finished")
    home.rotation(TWO).resume()
    authority = home.open()
    check(authority)
    assert [key.state for key in authority.registry.keys if key.purpose is Purpose.STATUS_SIGNER] == [
        "active",
        "staged",
    ]


def test_a_command_that_became_impossible_is_given_up(tmp_path: Path) -> None:
    """Killed before the certificate was made, and resumed when the CSCA may not sign any more: the history says so."""
    home = Home(tmp_path)
    for fatal in range(1, 60):
        shutil.rmtree(home.path)
        home = Home(tmp_path).days(70)
        survives(home, lambda home: home.rotation().rotate(Purpose.DOCUMENT_SIGNER), fatal)
        made = home.open().registry.find(Purpose.DOCUMENT_SIGNER, 2)
        if made is not None and made.state is KeyState.GENERATED:
            break
    home.days(1461)
    assert home.rotation().resume() == ()
    authority = home.open()
    assert authority.registry.open_intent() is None
    assert authority.registry.events()[-1].kind == "given-up"
    assert authority.registry.by_name("DS-2").state is KeyState.GENERATED
    home.rotation().destroy("DS-2")
    assert home.open().registry.by_name("DS-2").state is KeyState.DESTROYED
