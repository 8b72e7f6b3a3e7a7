"""The units of a counter: what systemd says of them, and that they name what there is."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from verifier import cli, store
from verifier.kiosk import settings
from verifier.kiosk.command import LINK_FILE

UNITS = Path(cli.__file__).parent / "units"
SERVICES = sorted(path.name for path in UNITS.glob("*.service"))
PROGRAM = "/opt/permit-verifier/bin/permit-verifier"
MOST_EXPOSED = 2.0  # of 10, by systemd's own reckoning


def analyze(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The units as they are, but for a program that this machine has."""
    for path in UNITS.iterdir():
        text = path.read_text(encoding="utf-8")
        (tmp_path / path.name).write_text(text.replace(PROGRAM, "/bin/true"), encoding="utf-8")
    return tmp_path


def test_there_are_units() -> None:
    assert len(SERVICES) == 3
    assert (UNITS / "permit-verifier-sync.timer").is_file()


def test_systemd_takes_them(folder: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.fail("apt-get install systemd: the units are checked by it")
    for name in (*SERVICES, "permit-verifier-sync.timer"):
        done = analyze("verify", f"./{name}", cwd=folder)
        assert (done.returncode, done.stderr) == (0, ""), name


@pytest.mark.parametrize("name", SERVICES)
def test_they_are_hardened(folder: Path, name: str) -> None:
    done = analyze("security", "--offline=true", f"./{name}", cwd=folder)
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert level is not None, done.stderr
    assert float(level[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("name", SERVICES)
def test_the_commands_in_them_are_ours(name: str) -> None:
    text = (UNITS / name).read_text(encoding="utf-8")
    (command,) = re.findall(rf"^ExecStart={PROGRAM} (.+)$", text, re.MULTILINE)
    words = command.replace("${PERMIT_SOURCE}", "https://example").split()
    assert cli.parser(words).parse_args(words).command == words[0]
    assert "PERMIT_TRUST=/var/lib/permit-verifier/trust" in text
    assert store._SYSTEM_TRUST == "/var/lib/permit-verifier/trust"


def test_the_browser_opens_the_link_that_the_kiosk_writes() -> None:
    kiosk = (UNITS / "permit-verifier-kiosk.service").read_text(encoding="utf-8")
    (state,) = re.findall(r"PERMIT_STATE=(\S+)", kiosk)
    assert f"{state}/{LINK_FILE}" in (UNITS / "permit-verifier-browser.desktop").read_text(encoding="utf-8")
    assert f"StateDirectory={Path(state).name}\n" in kiosk
    assert "\nStandardOutput=null\n" in kiosk  # it is printed as well, and the journal is for more eyes
    (user,) = re.findall(r"^User=(\S+)$", kiosk, re.MULTILINE)
    assert f'subject.user === "{user}"' in (UNITS / "50-permit-verifier-pcsc.rules").read_text(encoding="utf-8")
    assert settings.LOOPBACK[0] == "127.0.0.1"


def test_no_browser_offers_to_have_the_page_translated_elsewhere() -> None:
    """Chromium's bar lay over the age of the data; who presses it sends names to a stranger."""
    page = (UNITS.parent / "kiosk" / "page" / "index.html").read_text(encoding="utf-8")
    assert '<meta name="google" content="notranslate">' in page
    assert 'translate="no"' in page
