"""`permit-verifier sync`: its arguments; what it does is in `verifier.sync_command`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from .. import sync_command

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    sync = commands.add_parser("sync", parents=[parents.common], help=told)
    sync.add_argument("--from", dest="source", metavar="URL|DIR", required=True, help="web address, or a stick")
    sync.add_argument("--trust-anchor", metavar="FILE", help="root metadata, handed over in person; the first time")
    sync.add_argument(
        "--store", metavar="DIR", help="where to keep it: the --trust of a check (default: $PERMIT_TRUST)"
    )
    sync.add_argument("--state", metavar="DIR", help="where the clock watermark is kept (default: $PERMIT_STATE)")
    sync.add_argument("--json", action="store_true", help="the outcome as JSON")
    sync.set_defaults(run=run)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """Bring the store up to date; the exit code."""
    return sync_command.run(arguments, style, now, os.environ)
