"""The doctor: every ailment is found when it is there, and not when it is not; with what to do in both languages."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from errno import EIO
from pathlib import Path
from typing import Any

import pytest

from card_profiles.readers.pcsc import ReaderState
from tests.distribution import anchor, lay_out, trust_targets
from tests.factory import DAY, NOW, STATUS_URI, authority, write_files
from verifier import cli
from verifier.doctor import examine, ready
from verifier.doctor_findings import Ailment, Finding, Health, Part, Surroundings
from verifier.doctor_texts import AILMENTS, HEALTH, LABELS, PARTS
from verifier.read_failed import ReadFailed
from verifier.reason import Reason
from verifier.store import Watermark
from verifier.sync import sync

READER = ReaderState(name="Reader 00", card_present=False)
CITY = authority()


def no_service(reason: Reason = Reason.NO_READER_SERVICE) -> Callable[[], tuple[ReaderState, ...]]:
    def readers() -> tuple[ReaderState, ...]:
        raise ReadFailed(reason, "1")

    return readers


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    """A counter in good health, but for the support key, which its authority has not published yet."""
    sync(str(lay_out(tmp_path / "stick", trust_targets())), str(tmp_path / "trust"), now=NOW, anchor=anchor())
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / "wqy-zenhei.ttc").touch()
    return Surroundings(
        trust_directory=str(tmp_path / "trust"),
        state_directory=str(tmp_path / "state"),
        now=NOW,
        environment={},
        readers=lambda: (READER,),
        free=lambda _: 1 << 40,
        usb=str(tmp_path / "usb"),
        daemons=(str(tmp_path / "fonts"),),
        socket=str(tmp_path / "socket"),
        fonts=(str(tmp_path / "fonts"),),
        has=lambda _: True,
    )


def found(around: Surroundings, part: Part) -> Finding:
    """The worst about a part."""
    order = list(Health)
    return max((one for one in examine(around) if one.part is part), key=lambda one: order.index(one.health))


def test_a_good_counter(around: Surroundings) -> None:
    findings = examine(around)
    assert ready(findings)
    notes = {one.part: one.ailment for one in findings if one.health is not Health.GOOD}
    assert notes == {Part.CARD: Ailment.NO_CARD, Part.SUPPORT: Ailment.SUPPORT_KEY}
    assert {one.part for one in findings} == set(Part)


def by_hand(around: Surroundings, **changes: Any) -> Surroundings:
    directory = Path(around.trust_directory).parent / "by hand"
    write_files(directory, CITY.trust_files(**changes))
    return replace(around, trust_directory=str(directory))


def damaged(around: Surroundings) -> Surroundings:
    made = by_hand(around)
    next((Path(made.trust_directory) / "csca").iterdir()).write_bytes(b"junk")
    return made


def damaged_list(around: Surroundings) -> Surroundings:
    made = by_hand(around)
    path = next((Path(made.trust_directory) / "status").iterdir())
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    return made


def with_usb(around: Surroundings) -> Surroundings:
    interface = Path(around.usb) / "1-2:1.0"
    interface.mkdir(parents=True)
    (interface / "bInterfaceClass").write_text("0b\n")
    device = Path(around.usb) / "1-2"
    device.mkdir()
    (device / "product").write_text("EMV Smartcard Reader\n")
    return replace(around, readers=tuple)


def with_watermark(around: Surroundings, content: bytes | timedelta) -> Surroundings:
    if isinstance(content, timedelta):
        Watermark(around.state_directory).advance(NOW + content)
    else:
        Path(around.state_directory).mkdir()
        (Path(around.state_directory) / "watermark").write_bytes(content)
    return around


def with_socket(around: Surroundings) -> Surroundings:
    """As it looks to somebody who may not use it; root may use anything."""
    Path(around.socket).mkdir()
    return replace(around, readers=no_service(), environment={"PCSCLITE_CSOCK_NAME": around.socket})


def open_to_all(around: Surroundings, which: str) -> Surroundings:
    path = Path(getattr(around, which))
    path.mkdir(exist_ok=True)
    path.chmod(0o777)
    return around


def blocked_state(around: Surroundings) -> Surroundings:
    Path(around.state_directory).write_text("a file in its place")
    return around


def broken_usage(around: Surroundings) -> Surroundings:
    write_files(Path(around.state_directory) / "usage", {"2026-05.log": b"junk\n"})
    return around


def disk_error(_: str) -> int:
    raise OSError(EIO, "input/output error")


Case = tuple[Part, Ailment, Health, Callable[[Surroundings], Surroundings]]
CASES: dict[str, Case] = {
    "pyscard is not installed": (
        Part.DAEMON,
        Ailment.NO_READER_SUPPORT,
        Health.WRONG,
        lambda it: replace(it, readers=no_service(Reason.READER_SUPPORT_MISSING)),
    ),
    "pcscd is not installed": (
        Part.DAEMON,
        Ailment.NO_DAEMON_INSTALLED,
        Health.WRONG,
        lambda it: replace(it, readers=no_service(), daemons=("/nowhere",)),
    ),
    "pcscd is dead": (Part.DAEMON, Ailment.DAEMON_DEAD, Health.WRONG, lambda it: replace(it, readers=no_service())),
    "no reader": (Part.READER, Ailment.NO_READER, Health.WRONG, lambda it: replace(it, readers=tuple)),
    "a reader without a driver": (Part.READER, Ailment.NO_DRIVER, Health.WRONG, with_usb),
    "nothing to look at": (Part.CARD, Ailment.NOT_LOOKED_AT, Health.NOTE, lambda it: replace(it, readers=tuple)),
    "a mute card": (
        Part.CARD,
        Ailment.CARD_MUTE,
        Health.NOTE,
        lambda it: replace(it, readers=lambda: (replace(READER, card_present=True, mute=True),)),
    ),
    "no trust data": (
        Part.TRUST,
        Ailment.TRUST_MISSING,
        Health.WRONG,
        lambda it: replace(it, trust_directory="/nowhere/at/all"),
    ),
    "damaged trust data": (Part.TRUST, Ailment.TRUST_DAMAGED, Health.WRONG, damaged),
    "ageing trust data": (
        Part.TRUST,
        Ailment.TRUST_AGEING,
        Health.NOTE,
        lambda it: replace(it, now=NOW + 46 * DAY),
    ),
    "old trust data": (Part.TRUST, Ailment.TRUST_TOO_OLD, Health.WRONG, lambda it: replace(it, now=NOW + 95 * DAY)),
    "no status list": (Part.STATUS, Ailment.STATUS_MISSING, Health.WRONG, lambda it: by_hand(it, status={})),
    "a damaged status list": (Part.STATUS, Ailment.STATUS_DAMAGED, Health.WRONG, damaged_list),
    "an ageing status list": (
        Part.STATUS,
        Ailment.STATUS_AGEING,
        Health.NOTE,
        lambda it: by_hand(it, status={STATUS_URI: CITY.status_list(iat=NOW - 3 * DAY)}),
    ),
    "an old status list": (
        Part.STATUS,
        Ailment.STATUS_TOO_OLD,
        Health.WRONG,
        lambda it: by_hand(it, status={STATUS_URI: CITY.status_list(iat=NOW - 15 * DAY)}),
    ),
    "never synchronised": (Part.SYNC, Ailment.NEVER_SYNCED, Health.NOTE, by_hand),
    "an expired release": (
        Part.SYNC,
        Ailment.RELEASE_EXPIRED,
        Health.NOTE,
        lambda it: replace(it, now=NOW + 20 * DAY),
    ),
    "a clock behind the watermark": (
        Part.CLOCK,
        Ailment.CLOCK_BEHIND,
        Health.WRONG,
        lambda it: with_watermark(it, timedelta(hours=1)),
    ),
    "a clock behind the data": (
        Part.CLOCK,
        Ailment.CLOCK_BEHIND,
        Health.WRONG,
        lambda it: replace(it, now=NOW - 400 * DAY),
    ),
    "a damaged watermark": (
        Part.CLOCK,
        Ailment.CLOCK_UNREADABLE,
        Health.WRONG,
        lambda it: with_watermark(it, b"yesterday"),
    ),
    "a clock far ahead": (Part.CLOCK, Ailment.CLOCK_AHEAD, Health.NOTE, lambda it: replace(it, now=NOW + 400 * DAY)),
    "a full disk": (Part.DISK, Ailment.DISK_FULL, Health.WRONG, lambda it: replace(it, free=lambda _: 0)),
    "a broken disk": (Part.DISK, Ailment.DISK_FULL, Health.WRONG, lambda it: replace(it, free=disk_error)),
    "little room": (Part.DISK, Ailment.DISK_LITTLE, Health.NOTE, lambda it: replace(it, free=lambda _: 20 << 20)),
    "nowhere to write": (Part.PERMISSIONS, Ailment.STATE_UNWRITABLE, Health.WRONG, blocked_state),
    "state for all": (
        Part.PERMISSIONS,
        Ailment.STATE_OPEN,
        Health.WRONG,
        lambda it: open_to_all(it, "state_directory"),
    ),
    "trust data for all": (
        Part.PERMISSIONS,
        Ailment.TRUST_OPEN,
        Health.WRONG,
        lambda it: open_to_all(it, "trust_directory"),
    ),
    "a changed usage log": (Part.USAGE, Ailment.USAGE_BROKEN, Health.NOTE, broken_usage),
    "an ASCII terminal": (
        Part.LANGUAGE,
        Ailment.NO_UTF8,
        Health.NOTE,
        lambda it: replace(it, encoding="ANSI_X3.4-1968"),
    ),
    "no Chinese font": (
        Part.LANGUAGE,
        Ailment.NO_CHINESE_FONT,
        Health.NOTE,
        lambda it: replace(it, fonts=("/nowhere",)),
    ),
    "extras": (
        Part.EXTRAS,
        Ailment.EXTRAS_MISSING,
        Health.NOTE,
        lambda it: replace(it, has=lambda name: name != "tuf"),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_ailments(around: Surroundings, case: str) -> None:
    part, ailment, health, make = CASES[case]
    sick = make(around)
    one = found(sick, part)
    assert (one.ailment, one.health) == (ailment, health)
    assert ready(examine(sick)) == (health is not Health.WRONG) or any(
        other.health is Health.WRONG for other in examine(sick)
    )


def test_forbidden_to_this_user(around: Surroundings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Root may read everything, so what the system would answer to somebody else is put in its place."""
    bad = damaged(with_socket(around))
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert found(bad, Part.DAEMON).ailment is Ailment.DAEMON_FORBIDDEN
    assert found(bad, Part.TRUST).ailment is Ailment.TRUST_FORBIDDEN


def test_several_at_once_are_all_told(around: Surroundings) -> None:
    sick = replace(around, readers=no_service(), free=lambda _: 0, trust_directory="/nowhere", encoding="latin-1")
    found_now = {one.ailment for one in examine(sick)}
    assert found_now >= {Ailment.DAEMON_DEAD, Ailment.DISK_FULL, Ailment.TRUST_MISSING, Ailment.NO_UTF8}


def test_nothing_is_left_behind(around: Surroundings) -> None:
    examine(around)
    assert list(Path(around.state_directory).iterdir()) == []


def test_every_word_is_there_in_both_languages() -> None:
    for table, kinds in ((AILMENTS, Ailment), (PARTS, Part), (HEALTH, Health)):
        assert set(table) == set(kinds)
        for key, (chinese, english) in table.items():
            assert (bool(chinese), bool(english)) == (key is not Ailment.FINE,) * 2


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_command(
    around: Surroundings, language: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PCSCLITE_CSOCK_NAME", "/nowhere/pcscd.comm")
    where = ("--trust", around.trust_directory, "--state", around.state_directory)
    assert cli.main(["doctor", *where, "--lang", language], now=lambda: NOW) == 1
    out = capsys.readouterr().out
    assert AILMENTS[Ailment.DAEMON_DEAD][language == "en"] in out
    assert LABELS["not_ready"][language == "en"] in out
    assert cli.main(["doctor", *where, "--lang", language, "--json"], now=lambda: NOW) == 1
    tree = json.loads(capsys.readouterr().out)
    assert tree["ready"] is False
    by_part = {one["part"]: one["ailment"] for one in tree["findings"]}
    assert by_part[Part.DAEMON] == Ailment.DAEMON_DEAD
    assert by_part[Part.TRUST] == Ailment.FINE
