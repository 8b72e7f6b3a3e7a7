"""Findings about kinds of cards, in a file that may be damaged, hostile or out of reach."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from card_profiles.iso7816.connection import Limits
from card_profiles.readers import memory
from card_profiles.readers.memory import MAX_KINDS, CardMemory, default_path

ATR = bytes.fromhex("3B80800101")
OTHER = bytes.fromhex("3B8180010A0A")
SMALL = Limits(extended=False, max_response=192, max_command=261)
LARGE = Limits(extended=True, max_response=65_536, max_command=65_544)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "cards.json"


def test_nothing_is_known_at_first(path: Path) -> None:
    assert CardMemory(path).recall(ATR) is None
    assert CardMemory(path).limits(ATR) == Limits.from_atr(ATR)
    assert not path.exists()


def test_findings_outlive_the_process(path: Path) -> None:
    CardMemory(path).remember(ATR, SMALL)
    CardMemory(path).remember(OTHER, LARGE)
    fresh = CardMemory(path)
    assert fresh.recall(ATR) == fresh.limits(ATR) == SMALL
    assert fresh.recall(OTHER) == LARGE
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_the_latest_finding_counts(path: Path) -> None:
    known = CardMemory(path)
    known.remember(ATR, LARGE)
    known.remember(ATR, SMALL)
    assert known.recall(ATR) == SMALL


def test_what_is_known_is_not_written_again(path: Path) -> None:
    known = CardMemory(path)
    known.remember(ATR, SMALL)
    before = path.stat()
    known.remember(ATR, SMALL)
    assert path.stat().st_ino == before.st_ino


def test_findings_can_be_forgotten(path: Path) -> None:
    known = CardMemory(path)
    known.remember(ATR, SMALL)
    known.remember(OTHER, LARGE)
    known.forget(ATR)
    known.forget(b"\x3b\x00")
    assert known.recall(ATR) is None
    assert known.recall(OTHER) == LARGE


def test_it_does_not_grow_for_ever(path: Path) -> None:
    """Whoever holds cards with ever new ATRs to the reader fills no disk."""
    known = CardMemory(path)
    for number in range(MAX_KINDS + 3):
        known.remember(bytes([0x3B, number]), SMALL)
        if number == MAX_KINDS - 1:
            known.remember(bytes([0x3B, 0]), LARGE)  # learned anew, so no longer the oldest
    assert known.recall(bytes([0x3B, 0])) == LARGE
    assert [known.recall(bytes([0x3B, number])) for number in (1, 2, 3)] == [None, None, None]
    assert known.recall(bytes([0x3B, 4])) == SMALL
    assert len(json.loads(path.read_text())["cards"]) == MAX_KINDS


def entry(**changes: object) -> dict[str, object]:
    return {"extended": False, "max_response": 192, "max_command": 261, **changes}


def document(card: object, *, version: object = 1, **more: object) -> bytes:
    return json.dumps({"version": version, "cards": {ATR.hex(): card}, **more}).encode()


DAMAGED = {
    "empty": b"",
    "cut": document(entry())[:-9],
    "no JSON": b"\x00\xff\xfe",
    "another document": b"[]",
    "a number": b"1",
    "another version": document(entry(), version=2),
    "no version": json.dumps({"cards": {}}).encode(),
    "more": document(entry(), more=1),
    "cards of another kind": b'{"version": 1, "cards": []}',
    "an entry of another kind": document(192),
    "a field too many": document(entry(le=1)),
    "a field too few": document({"extended": False, "max_response": 192}),
    "a string": document(entry(max_response="192")),
    "a float": document(entry(max_response=192.0)),
    "a boolean": document(entry(max_response=True)),
    "an integer": document(entry(extended=1)),
    "no bytes at all": document(entry(max_response=0)),
    "a negative number": document(entry(max_response=-1)),
    "too many bytes": document(entry(max_response=65_537)),
    "no command at all": document(entry(max_command=0)),
    "no ATR": json.dumps({"version": 1, "cards": {"xy": entry()}}).encode(),
    "too many": json.dumps({"version": 1, "cards": {f"{n:04x}": entry() for n in range(MAX_KINDS + 1)}}).encode(),
    "too large": document(entry()) + b" " * memory.MAX_SIZE,
    "too deep": b"[" * 60_000,
    "an endless number": b"9" * 60_000,
}


def test_a_whole_document_is_read(path: Path) -> None:
    """So that the damaged ones below differ from it in their damage only."""
    path.parent.mkdir()
    path.write_bytes(document(entry()))
    assert CardMemory(path).recall(ATR) == SMALL


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_damaged_file_counts_as_empty_and_is_written_anew(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    known = CardMemory(path)
    assert known.recall(ATR) is None
    known.remember(OTHER, SMALL)
    assert CardMemory(path).recall(OTHER) == SMALL


def test_a_file_that_cannot_be_written_or_read_stops_nobody(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a directory")
    for path in (blocked / "cards.json", tmp_path):
        known = CardMemory(path)
        known.remember(ATR, SMALL)
        assert known.recall(ATR) is None
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_a_failed_write_leaves_the_old_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    CardMemory(path).remember(ATR, SMALL)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    CardMemory(path).remember(ATR, LARGE)
    assert CardMemory(path).recall(ATR) == SMALL
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize(("value", "base"), [("/var/state", "/var/state"), ("", "~/.local/state"), ("state", None)])
def test_where_it_lies(value: str, base: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative XDG_STATE_HOME is invalid and counts as unset (XDG Base Directory Specification)."""
    monkeypatch.setenv("XDG_STATE_HOME", value)
    expected = Path(base or "~/.local/state").expanduser() / "residence-permit" / "cards.json"
    assert default_path() == expected
