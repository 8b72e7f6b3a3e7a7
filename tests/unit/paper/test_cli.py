"""`permit-issuer paper card`: the faces of a card at a desk without the service."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib import resources
from pathlib import Path

import pytest

from issuer import cli
from issuer.errors import ExitCode
from keys.authority.authority import Authority
from keys.authority.file import parse
from keys.custody.software import ScryptCost
from tests.unit.paper import pages

NOW = datetime(2026, 11, 21, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("authority") / "home"
    raw = resources.files("issuer.samples").joinpath("authority.json").read_bytes()
    Authority.create(directory, parse(raw), b"opens", clock=lambda: NOW, cost=ScryptCost(log2_n=1))
    return directory


def run(where: Path, file: Path, **changes: str) -> int:
    code = file.with_suffix(".txt")
    code.write_text("A" * 419 + "\n")
    options = {
        "application": str(pages.SAMPLES / "01-chen-xiaowen.json"),
        "photo": str(pages.SAMPLES / "01-chen-xiaowen.jpg"),
        "can": "271828",
        "code": str(code),
        "out": str(file),
        "home": str(where),
        "lang": "en",
    } | changes
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return cli.main(["paper", "card", *arguments], now=lambda: NOW)


def test_the_faces_are_written(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "card.pdf"
    assert run(home, out, issued="2026-11-20") == ExitCode.DONE
    assert str(out) in capsys.readouterr().out
    front = pages.lines(out.read_bytes(), 0)
    assert "271828" in front
    assert "2026-11-20" in " ".join(front)
    assert "Residence Permit Office, Example City, Utopia" in front
    assert out.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"can": "27182"}, ExitCode.REFUSED),
        ({"photo": "/nowhere.jpg"}, ExitCode.REFUSED),
        ({"issued": "yesterday"}, ExitCode.REFUSED),
        ({"out": "/nowhere/card.pdf"}, ExitCode.REFUSED),
        ({"home": "/nowhere"}, ExitCode.KEYS_UNUSABLE),
    ],
)
def test_what_is_refused(home: Path, tmp_path: Path, changes: dict[str, str], code: ExitCode) -> None:
    out = tmp_path / "card.pdf"
    assert run(home, out, **changes) == code
    assert not out.exists()


def test_a_wrong_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["paper", "card"])
    assert ended.value.code == ExitCode.USAGE
    assert "--application" in capsys.readouterr().err
