"""`permit-verifier readers`: what is connected."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from .. import opening
from ..texts import LABELS

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style


def add(commands: Commands, parents: Parents, told: str) -> None:
    """No arguments of its own."""
    commands.add_parser("readers", parents=[parents.common], help=told).set_defaults(run=run)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """A line a reader."""
    found = opening.readers()
    if not found:
        print(style.say(LABELS["no_readers"]))
    for state in found:
        print(f"{state.name}  ({style.say(LABELS['card' if state.card_present else 'empty'])})")
    return 0
