"""`check-code` and `check --code-file`: a scanner's text, a picture, and everything that is neither."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from card_profiles.softcard.image import encode_state
from issuer import code_image
from tests.factory import NOW, authority, issue, write_files
from tests.printed_codes import CODE, text
from verifier import cli, scan
from verifier.read_failed import ReadFailed
from verifier.reason import Reason
from verifier.texts import LABELS, REASONS

TEXT = text()


@pytest.fixture(autouse=True)
def _surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PERMIT_TRUST", "PERMIT_CAN", "PERMIT_STATE", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "C.UTF-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    write_files(tmp_path / "trust", authority().trust_files())
    (tmp_path / "code.png").write_bytes(code_image.render(TEXT, ".png"))
    (tmp_path / "code.txt").write_bytes(TEXT.encode() + b"\r\n")


def run(*arguments: str) -> int:
    return cli.main([*arguments, "--trust", "trust"], now=lambda: NOW)


def check_code(*arguments: str, sector: str = "culture") -> int:
    return run("check-code", "--sector", sector, *arguments)


def tree(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("source", [("--image", "code.png"), ("--text", "code.txt")])
def test_accepted_at_its_assurance(source: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert check_code(*source) == 0
    out = capsys.readouterr().out
    for part in (LABELS["printed"][1], LABELS["chip_adds"][1], REASONS[Reason.COPY_NOT_EXCLUDED][1], CODE.name_native):
        assert part in out
    assert "[!] genuine" in out


def test_standard_input_as_a_scanner_types(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(BytesIO(TEXT.encode() + b"\nnext one")))
    assert check_code("--text", "-", "--json") == 0
    found = tree(capsys)
    assert (found["assurance"], found["chip_adds"]) == ("printed", ["8", "9a", "9b"])
    assert found["holder"]["number"] == CODE.permit_number


def test_in_chinese(capsys: pytest.CaptureFixture[str]) -> None:
    assert check_code("--text", "code.txt", "--lang", "zh") == 0
    assert LABELS["printed"][0] in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"https://example.org\n", Reason.CODE_OF_OTHER_KIND),
        (b"", Reason.CODE_OF_OTHER_KIND),
        (b"\xff\x00", Reason.CODE_UNREADABLE),
        (b"A" * 5000, Reason.CODE_UNREADABLE),
    ],
)
def test_texts_that_are_no_code(content: bytes, reason: Reason, capsys: pytest.CaptureFixture[str]) -> None:
    Path("wrong.txt").write_bytes(content)
    assert check_code("--text", "wrong.txt", "--json") == 2
    assert tree(capsys)["reasons"] == [reason]


def _white(size: tuple[int, int], kind: str) -> bytes:
    out = BytesIO()
    Image.new("1", size, 1).save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (_white((300, 300), "PNG"), Reason.CODE_NOT_FOUND),
        (_white((300, 300), "GIF"), Reason.CODE_UNREADABLE),
        (_white((10_000, 10_000), "PNG"), Reason.CODE_UNREADABLE),
        (code_image.render(TEXT, ".png")[:300], Reason.CODE_UNREADABLE),
        (b"no picture", Reason.CODE_UNREADABLE),
    ],
)
def test_pictures_without_a_code(content: bytes, reason: Reason, capsys: pytest.CaptureFixture[str]) -> None:
    Path("wrong.png").write_bytes(content)
    assert check_code("--image", "wrong.png", "--json") == 2
    assert tree(capsys)["reasons"] == [reason]


def test_no_such_file(capsys: pytest.CaptureFixture[str]) -> None:
    for source in ("--image", "--text"):
        assert check_code(source, "nowhere", "--json") == 2
        assert tree(capsys)["reasons"] == [Reason.CODE_UNREADABLE]


@pytest.mark.parametrize("module", ["zxingcpp", "PIL"])
def test_without_the_extra_one_line_says_what_to_install(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    assert check_code("--image", "code.png") == 2
    assert capsys.readouterr().err.strip() == f"[x] {REASONS[Reason.CODE_SUPPORT_MISSING][1]}"
    assert check_code("--text", "code.txt") == 0  # a scanner needs neither


def test_the_code_opens_the_chip(capsys: pytest.CaptureFixture[str]) -> None:
    Path("card").write_bytes(encode_state(issue().card_state()))
    for name in ("code.png", "code.txt"):
        assert run("check", "--sector", "health", "--image", "card", "--code-file", name, "--json") == 0
        assert tree(capsys)["assurance"] == "chip"


def test_another_card_s_code_does_not(capsys: pytest.CaptureFixture[str]) -> None:
    from dataclasses import replace

    Path("card").write_bytes(encode_state(issue().card_state()))
    Path("other.txt").write_text(text(replace(CODE, document_number="RP0402138")))
    assert run("check", "--sector", "health", "--image", "card", "--code-file", "other.txt", "--json") == 2
    assert tree(capsys)["reasons"] == [Reason.WRONG_PASSWORD]


def test_a_picture_in_memory() -> None:
    grey = Image.open(BytesIO(code_image.render(TEXT, ".png"))).convert("L")
    flat = memoryview(grey.tobytes()).cast("B", (grey.height, grey.width))
    assert scan.pixels(flat) == scan.pixels(grey) == (TEXT,)


def test_a_file_is_told_by_its_first_bytes() -> None:
    assert scan.file("code.png") == (TEXT,)
    with pytest.raises(ReadFailed):
        scan.file("trust")


def test_checking_a_text_stays_light() -> None:
    """No picture library for a scanner, and nothing of it at the start of the verifier."""
    program = (
        "import sys\n"
        "from datetime import datetime\n"
        "from verifier import cli\n"
        f"cli.main(['check-code','--sector','culture','--text','code.txt','--trust','trust'],"
        f" now=lambda: datetime.fromisoformat('{NOW.isoformat()}'))\n"
        "heavy = {'PIL', 'zxingcpp', 'segno', 'numpy', 'asn1crypto'}\n"
        "print(*sorted(heavy & set(sys.modules)), 'end')"
    )
    root = str(Path(cli.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": root, "HOME": "."},
    )
    assert done.stdout.splitlines()[-1] == "end"
