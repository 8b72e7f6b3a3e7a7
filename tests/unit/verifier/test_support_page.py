"""docs/COUNTER.md: every command in it is one, every name in it exists."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

from keys import cli as keys_cli
from verifier import cli
from verifier.doctor_findings import Ailment
from verifier.kiosk import settings

PAGE = (Path(__file__).parents[3] / "docs" / "COUNTER.md").read_text(encoding="utf-8")
UNITS = Path(cli.__file__).parent / "units"


def commands(program: str) -> list[list[str]]:
    blocks = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).replace("\\\n", " ")
    found = re.findall(rf"^(?:\w+=\S+ )?(?:runuser .*? -- )?{program} ([^<\n]+)", blocks, re.MULTILINE)
    return [shlex.split(one, comments=True) for one in found]


def test_the_verifiers_commands() -> None:
    found = commands("permit-verifier")
    assert {words[0] for words in found} == {"sync", "doctor", "check", "support", "replay"}
    for words in found:
        cli.parser(words).parse_args(words)
    inline = re.findall(r"`(?:permit-verifier )?((?:sync|usage) [^`|….]+)`", PAGE)
    assert len(inline) >= 4
    for one in inline:
        words = shlex.split(one.replace("[DIR]", "DIR"))
        cli.parser(words).parse_args(words)


def test_the_authoritys_commands() -> None:
    (words,) = commands("permit-keys")
    assert keys_cli._parser(keys_cli.system_clock).parse_args(words).file == "refused.cms"


def test_the_settings() -> None:
    (block,) = re.findall(r"permit-verifier\.toml <<'END'\n(.*?)END\n", PAGE, re.DOTALL)
    chosen = settings.load(None, tomllib.loads(block))
    assert (chosen.sector, len(chosen.languages)) == ("health", 2)


def test_units_and_ailments_exist() -> None:
    for name in re.findall(r"\b[\w-]*permit-verifier-[\w-]+\.(?:service|timer|desktop|rules)\b", PAGE):
        assert (UNITS / name).is_file(), name
    table = PAGE.partition("| The doctor says |")[2]
    for name in re.findall(r"`([a-z]+(?:-[a-z]+)+)`", table.replace("`systemctl", "").replace("`timedatectl", "")):
        assert name in set(Ailment) | {"libccid"}, name
