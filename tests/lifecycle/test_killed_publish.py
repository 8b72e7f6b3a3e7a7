"""`permit-keys publish` of a whole authority, killed by SIGKILL before each of its writes.

A counter that comes then takes the release before or the new one, whole; the same command finishes; and a counter that
had synced in between goes on from there.
"""

from __future__ import annotations

import os
import shutil
import signal
from argparse import Namespace
from pathlib import Path

import pytest

from keys.authority.authority import Authority
from keys.custody.software import ScryptCost
from keys.publication import home as publication
from keys.publication import releasing, second_path
from keys.publication.command import set_up
from keys.registry.records import Actor
from keys.rotation.rotation import Rotation
from keys.status_list import Status
from tests.simulator.issuing import NOW, PASSPHRASE, authority_home
from tests.unit.keys.test_rotation_kill import die_at
from verifier.counter import load_trust
from verifier.sync import sync

LATER = NOW.replace(day=NOW.day + 1)


def opened(home: Path, *, later: bool = True) -> Authority:
    return Authority.open(home, PASSPHRASE, clock=lambda: LATER if later else NOW, cost=ScryptCost(log2_n=2, r=1, p=1))


def publish(home: Path, www: Path, *, later: bool = True) -> None:
    authority = opened(home, later=later)
    releasing.release(authority, str(www), now=authority.clock())


def lives(home: Path, www: Path, fatal: int) -> bool:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            die_at(fatal)
            publish(home, www)
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return False
    assert os.waitstatus_to_exitcode(status) == 0
    return True


def test_killed_at_any_write_of_publish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the second look, which writes nothing."""
    monkeypatch.setattr(second_path, "check", lambda *_, **__: None)
    monkeypatch.setattr(os, "fsync", lambda _: None)
    origin = tmp_path / "origin"
    origin.mkdir()
    home = authority_home(origin)
    authority = opened(home, later=False)
    set_up(Namespace(timestamp_days=7), "en", authority, now=NOW, actor=Actor())
    publish(home, origin / "www", later=False)
    anchor = publication.roots(str(home))[0]
    # What the killed run is to release: a card revoked, a signer replaced, a new CRL and a new master list.
    authority = opened(home)
    authority.publish_status(77, Status.INVALID)
    Rotation(authority, authority.registry.events()[0].actor).replace("ES-1", override="test")
    authority.sign_crl()
    new = authority.registry.by_name("ES-2").kid
    seen: dict[bool, int] = {False: 0, True: 0}
    fatal = 0
    while True:
        fatal += 1
        trial = tmp_path / "trial"
        shutil.copytree(origin, trial, symlinks=True)
        lived = lives(trial / "authority", trial / "www", fatal)
        store = trial / "store"
        sync(str(trial / "www" / "current"), str(store), now=LATER, anchor=anchor)
        trust = load_trust(str(store))
        told = trust.status_list(authority.status_uri, now=LATER).lookup(77) is Status.INVALID
        # Old or new: never the revocation of one release with the signer of the other.
        assert told is trust.knows(new)
        seen[told] += 1
        publish(trial / "authority", trial / "www")
        sync(str(trial / "www" / "current"), str(store), now=LATER)
        trust = load_trust(str(store))
        assert trust.knows(new)
        assert trust.status_list(authority.status_uri, now=LATER).lookup(77) is Status.INVALID
        assert not (trial / "www" / "releases" / ".partial").exists()
        shutil.rmtree(trial)
        if lived:
            break
    assert seen[False] >= 10
    assert seen[True] >= 1
