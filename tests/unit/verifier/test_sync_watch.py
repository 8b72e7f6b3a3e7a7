"""A stick that is plugged in is taken up, once; a newer one after it; an older one and a foreign one are refused."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.distribution import SECOND, anchor, lay_out, trust_targets
from tests.factory import DAY, NOW
from verifier import cli, generations, store
from verifier.commands import sync as command
from verifier.report import Style
from verifier.sync_reason import SyncReason
from verifier.sync_watch import every, repositories, watch
from verifier.texts import Language

STYLE = Style(language=Language.EN)


class Days:
    """Waiting is what a test does between two looks; the last ends it."""

    def __init__(self, *deeds: Callable[[], object]) -> None:
        self._deeds = iter(deeds)
        self.waited: list[float] = []

    def __call__(self, seconds: float) -> bool:
        self.waited.append(seconds)
        deed = next(self._deeds, None)
        if deed is None:
            return False
        deed()
        return True


def sticks(root: Path) -> set[str]:
    return set(repositories([str(root)]))


def test_where_a_stick_may_be(tmp_path: Path) -> None:
    lay_out(tmp_path / "user" / "STICK" / "permits", trust_targets())
    lay_out(tmp_path / "OTHER", trust_targets())
    lay_out(tmp_path / "publisher" / "current", trust_targets())
    (tmp_path / "music").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "OTHER")
    lay_out(tmp_path / "a" / "b" / "c" / "too deep", trust_targets())
    assert sticks(tmp_path) == {str(tmp_path / name) for name in ("user/STICK/permits", "OTHER", "publisher")}
    assert sticks(tmp_path / "nowhere") == set()
    assert sticks(tmp_path / "OTHER") == {str(tmp_path / "OTHER")}


def test_each_is_acted_on_once_until_it_comes_back(tmp_path: Path) -> None:
    stick, acted = tmp_path / "STICK", list[str]()

    def plug() -> None:
        lay_out(stick, trust_targets())

    def change() -> None:
        lay_out(stick, trust_targets(), version=2)

    def pull() -> None:
        shutil.rmtree(stick)

    watch([str(tmp_path)], acted.append, wait=Days(plug, lambda: None, lambda: None, pull, lambda: None, plug, change))
    assert acted == [str(stick)] * 3


def test_by_timer() -> None:
    acted, days = list[int](), Days(lambda: None, lambda: None)
    every(300, lambda: acted.append(1), wait=days)
    assert (len(acted), days.waited) == (3, [300, 300, 300])


@pytest.fixture
def counter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PERMIT_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("PERMIT_TRUST", str(tmp_path / "trust"))
    (tmp_path / "anchor.json").write_bytes(anchor())
    (tmp_path / "media").mkdir()
    return tmp_path


def outcomes(
    counter: Path,
    capsys: pytest.CaptureFixture[str],
    *deeds: Callable[[], object],
    now: Callable[[], datetime] = lambda: NOW,
    source: tuple[str, ...] = (),
) -> list[object]:
    """What a watching counter tells, a line for each stick."""
    given = ["sync", *(source or ("--watch", str(counter / "media"))), "--json"]
    given += ["--trust-anchor", str(counter / "anchor.json")]
    arguments = cli.parser(given).parse_args(given)
    command.run(arguments, STYLE, now, wait=Days(*deeds))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line.get("release", line.get("reason")) for line in lines]


def test_a_week_at_a_counter_without_a_network(counter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Monday's stick, Wednesday's, last month's by mistake, a stranger's, one that was pulled out half way."""
    media, time = counter / "media", [NOW]

    def plug(name: str, after: timedelta, **how: object) -> Callable[[], object]:
        def act() -> None:
            time[0] = NOW + after
            for old in media.iterdir():
                shutil.rmtree(old)
            lay_out(media / name, trust_targets(), **how)  # type: ignore[arg-type]

        return act

    def half() -> None:
        plug("HALF", 3 * DAY, version=4, now=NOW + 3 * DAY)()
        shutil.rmtree(media / "HALF" / "targets")

    told = outcomes(
        counter,
        capsys,
        plug("MONDAY", timedelta(0), version=2),
        plug("WEDNESDAY", 2 * DAY, version=3, now=NOW + 2 * DAY),
        plug("OLD", 2 * DAY, version=1),
        plug("STRANGE", 2 * DAY, keys=SECOND.keys, roots=[SECOND.first_root()], version=9),
        half,
        now=lambda: time[0],
    )
    assert told[:3] == [2, 3, SyncReason.OLDER]
    assert told[3] not in (2, 3, 9)
    assert len(told) >= 4
    found = store.Watermark(str(counter / "state")).read()
    assert found is None  # the store itself remembers
    assert os.readlink(counter / "trust" / "current").endswith("2")


def test_a_stick_waits_while_another_run_has_the_store(counter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """At the start of a counter its timer and its stick begin at the same moment."""
    with ExitStack() as timer:
        taken = timer.enter_context(generations.building(str(counter / "trust")))
        assert taken
        lay_out(counter / "media" / "STICK", trust_targets(), version=2)
        assert outcomes(counter, capsys, lambda: None, timer.close) == [2]


def test_ended_while_it_waits(counter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with generations.building(str(counter / "trust")):
        lay_out(counter / "media" / "STICK", trust_targets(), version=2)
        assert outcomes(counter, capsys) == [SyncReason.STORE_BUSY]


def test_a_clock_that_ran_backwards_is_told(counter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store.Watermark(str(counter / "state")).advance(NOW + DAY)
    lay_out(counter / "media" / "STICK", trust_targets())
    assert outcomes(counter, capsys) == [SyncReason.CLOCK_SET_BACK]


def test_every_so_often_from_one_place(counter: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stick = lay_out(counter / "media" / "STICK", trust_targets())
    newer = lay_out(counter / "newer", trust_targets(), version=2)

    def change() -> None:
        shutil.rmtree(stick)
        newer.rename(stick)

    assert outcomes(counter, capsys, change, source=("--from", str(stick), "--every", "30")) == [1, 2]


@pytest.mark.parametrize("minutes", ["0", "4", "99999", "soon"])
def test_not_more_often_than_makes_sense(minutes: str) -> None:
    given = ["sync", "--from", "/nowhere", "--every", minutes]
    with pytest.raises(SystemExit):
        cli.parser(given).parse_args(given)


def test_nothing_to_watch_and_nowhere_to_take_from() -> None:
    for given in (["sync"], ["sync", "--from", "x", "--watch", "y"]):
        with pytest.raises(SystemExit):
            cli.parser(given).parse_args(given)
