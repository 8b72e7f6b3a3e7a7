"""docs/KEY_CEREMONY.md, run: every command on the page, on its day, with the answers that it tells."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keys import cli
from keys.authority import root_renewal
from keys.authority.authority import Authority
from keys.registry.lifecycle import RULES
from keys.registry.registry import Actor
from keys.rotation.rotation import Rotation

PAGE = Path(__file__).parents[3] / "docs" / "KEY_CEREMONY.md"
_BLOCK = re.compile(r"<!-- ([^>]*?) -->\n```(\w+)\n(.*?)```", re.DOTALL)
_SKIP = re.compile(r"<!-- skip to (\S+) -->")
_UNATTENDED = {"status": (), "backup": ("other",), "restore": ("other",), "catch-up": ()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Commands of the page that are run together."""

    at: datetime
    code: int
    answers: tuple[str, ...]
    commands: tuple[tuple[str, tuple[str, ...]], ...]
    """Each with the lines that it must answer, in order."""


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def steps() -> Iterator[Block | datetime]:
    text = PAGE.read_text()
    found: list[tuple[int, Block | datetime]] = [(match.start(), moment(match[1])) for match in _SKIP.finditer(text)]
    for match in _BLOCK.finditer(text):
        note, kind, body = match.groups()
        if kind != "console":
            continue
        facts = re.fullmatch(r"at (\S+)(?: exit (\d))?(?: answers (.*))?", note)
        assert facts is not None, note
        found.append((match.start(), _block(facts, body)))
    return (step for _, step in sorted(found, key=lambda pair: pair[0]))


def _block(facts: re.Match[str], body: str) -> Block:
    commands: list[tuple[str, list[str]]] = []
    for line in body.splitlines():
        # What a ceremony runs has no --home of its own on the page: it is part of the answer.
        if line.startswith("$ permit-keys ") and "--home" in line:
            commands.append((line.removeprefix("$ permit-keys "), []))
        else:
            commands[-1][1].append(line)
    return Block(
        at=moment(facts[1]),
        code=int(facts[2] or 0),
        answers=tuple((facts[3] or "").split("|")) if facts[3] else (),
        commands=tuple((command, tuple(lines)) for command, lines in commands),
    )


def shown(lines: tuple[str, ...], output: str) -> list[str]:
    """The lines of the page that are not in the output, in their order."""
    missing, rest = [], output.splitlines()
    for line in lines:
        pattern = re.compile(".*".join(re.escape(re.sub(" +", " ", part)) for part in line.split("…")))
        place = next((n for n, text in enumerate(rest) if pattern.search(re.sub(" +", " ", text))), None)
        if place is None:
            missing.append(line)
        else:
            rest = rest[place + 1 :]
    return missing


def years_pass(now: datetime, until: datetime) -> None:
    """Whoever keeps to section 4 every week until then."""
    while now < until - timedelta(days=1):
        now += timedelta(days=7)
        authority = Authority.open("authority", b"correct horse", clock=lambda now=now: min(now, until))
        rotation = Rotation(authority, Actor(operator="Li Wei"))
        for purpose, rules in RULES.items():
            if rules.curve is not None and rules.label != "CSCA":
                rotation.rotate(purpose)
        authority.registry.note_published({key.certificate for key in authority.registry.keys}, at=now, release=1)
        if authority.published_statuses().exp - now < timedelta(days=16):
            authority.refresh()
        authority.registry.close()
    authority = Authority.open("authority", b"correct horse", clock=lambda: until)
    root_renewal.renew(authority, now=until, actor=Actor(operator="Li Wei"))


def test_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "keys").write_text("correct horse")
    (tmp_path / "other").write_text("another horse")
    file = re.search(r"<!-- file authority.json -->\n```json\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert file is not None
    (tmp_path / "authority.json").write_text(file[1])
    assert json.loads(file[1])
    now, run = moment("2026-11-21T00:00"), 0
    for step in steps():
        if isinstance(step, datetime):
            years_pass(now, step)
            now = step
            continue
        now = step.at
        answers = list(step.answers)
        monkeypatch.setattr("builtins.input", lambda prompt, answers=answers: answers.pop(0))
        codes = []
        for command, lines in step.commands:
            arguments = shlex.split(command, comments=True)
            files = ["--passphrase-file", "keys"] if arguments[0] not in _UNATTENDED else []
            if arguments[0] in {"backup", "restore", "ceremony"}:
                files += ["--backup-passphrase-file", "other"]
            codes.append(cli.main([*arguments, *files, "--lang", "en"], clock=lambda at=step.at: at))
            output = capsys.readouterr()
            assert shown(lines, output.out + output.err) == [], f"{command}\n{output.out}{output.err}"
            run += 1
        assert codes == [*[0] * (len(codes) - 1), step.code], step.commands
        assert answers == []
    assert run >= 18
    assert len(os.listdir("authority/minutes")) == 15  # five ceremonies, three files each
