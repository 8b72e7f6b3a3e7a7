"""The units of a desk and of the service, and the commands of the documents that install them."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from issuer.agent import cli as desk
from issuer.service import cli as service
from keys import cli as keys

DOCS = Path(__file__).parents[3] / "docs"
UNITS = {"permit-desk.service": desk.parser(), "permit-issuer.service": service.parser()}
MOST_EXPOSED = 2.0  # of 10, by systemd's own reckoning


def analyze(cwd: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["systemd-analyze", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("name", UNITS)
def test_systemd_takes_it_and_it_is_hardened(name: str, tmp_path: Path) -> None:
    text = (DOCS / name).read_text(encoding="utf-8")
    (tmp_path / name).write_text(text.replace("/opt/permit/bin/permit-issuer", "/bin/true"), encoding="utf-8")
    done = analyze(tmp_path, "verify", f"./{name}")
    assert (done.returncode, done.stderr) == (0, "")
    done = analyze(tmp_path, "security", "--offline=true", f"./{name}")
    level = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert level is not None, done.stderr
    assert float(level[1]) <= MOST_EXPOSED


@pytest.mark.parametrize("name", UNITS)
def test_the_command_in_it_is_ours(name: str) -> None:
    (command,) = re.findall(
        r"^ExecStart=/opt/permit/bin/permit-issuer (.+)$", (DOCS / name).read_text("utf-8"), re.MULTILINE
    )
    words = shlex.split(command)
    UNITS[name].parse_args(words if words[0] != "desk" else words[1:])


def test_the_commands_of_the_administration() -> None:
    page = (DOCS / "ADMINISTRATION.md").read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", page, re.DOTALL))
    found = re.findall(r"^runuser -u permit -- permit-(issuer|keys) (.+)$", blocks, re.MULTILINE)
    assert len(found) >= 4
    for program, command in found:
        words = shlex.split(command, comments=True)
        (service.parser() if program == "issuer" else keys._parser(keys.system_clock)).parse_args(words)


def test_what_the_documents_install_from_dist_is_put_there() -> None:
    recipe = (DOCS.parent / "Makefile").read_text(encoding="utf-8").partition("\ndist:\n")[2].partition("\n\n")[0]
    for name in (*UNITS, "constraints.txt"):
        assert name in recipe
