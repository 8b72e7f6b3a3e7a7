"""`permit-verifier doctor`: what is wrong with this counter, and what to do. Exit codes: 0 ready, 1 not."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from .. import store
from ..doctor import examine, ready
from ..doctor_findings import Finding, Health, Surroundings
from ..doctor_texts import AILMENTS, HEALTH, LABELS, PARTS
from ..verdict import Outcome

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style

_MARKS = {Health.GOOD: Outcome.PASSED, Health.NOTE: Outcome.WARNING, Health.WRONG: Outcome.FAILED}


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    commands.add_parser("doctor", parents=[parents.common, parents.data], help=told).set_defaults(run=run)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """The exit code."""
    environment = dict(os.environ)
    around = Surroundings(
        trust_directory=store.trust_directory(arguments.trust, environment),
        state_directory=store.state_directory(arguments.state, environment),
        now=now(),
        environment=environment,
        encoding=sys.stdout.encoding or "",
    )
    findings = examine(around)
    if arguments.json:
        from json import dumps

        print(
            dumps({"ready": ready(findings), "findings": [_tree(one, style) for one in findings]}, ensure_ascii=False)
        )
    else:
        for one in findings:
            _print(f"{style.mark(_MARKS[one.health])} {_line(one, style)}")
        _print(style.say(LABELS["ready" if ready(findings) else "not_ready"]))
    return 0 if ready(findings) else 1


def _line(one: Finding, style: Style) -> str:
    told = style.say(AILMENTS[one.ailment]) or style.say(HEALTH[one.health])
    return f"{style.say(PARTS[one.part])}: {told}" + (f" ({one.detail})" if one.detail else "")


def _tree(one: Finding, style: Style) -> dict[str, str]:
    return {
        "part": one.part,
        "health": one.health,
        "ailment": one.ailment,
        "detail": one.detail,
        "text": style.say(AILMENTS[one.ailment]),
    }


def _print(line: str) -> None:
    """Also on a terminal that has not the letters: that is one of the things to be told."""
    encoding = sys.stdout.encoding or "ascii"
    print(line.encode(encoding, "backslashreplace").decode(encoding))
