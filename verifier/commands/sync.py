"""`permit-verifier sync`: its arguments, once or again and again; what it does is in `verifier.sync_command`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import datetime
from threading import Event
from typing import TYPE_CHECKING

from .. import sync_command, sync_watch
from ..sync_texts import LABELS

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style

_SHORTEST = 5
"""Minutes between two synchronisations by timer."""


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    sync = commands.add_parser("sync", parents=[parents.common], help=told)
    where = sync.add_mutually_exclusive_group(required=True)
    where.add_argument("--from", dest="source", metavar="URL|DIR", help="web address, or a stick")
    where.add_argument(
        "--watch",
        metavar="DIR",
        action="append",
        nargs="?",
        const="",
        help=f"from each stick that is plugged in: mounted below DIR (default: {', '.join(sync_watch.MOUNT_POINTS)})",
    )
    sync.add_argument("--every", metavar="MINUTES", type=_minutes, help="again and again, with --from")
    sync.add_argument("--trust-anchor", metavar="FILE", help="root metadata, handed over in person; the first time")
    sync.add_argument(
        "--store", metavar="DIR", help="where to keep it: the --trust of a check (default: $PERMIT_TRUST)"
    )
    sync.add_argument("--state", metavar="DIR", help="where the clock watermark is kept (default: $PERMIT_STATE)")
    sync.add_argument("--json", action="store_true", help="the outcome as JSON, a line each time")
    sync.set_defaults(run=run)


def run(
    arguments: argparse.Namespace,
    style: Style,
    now: Callable[[], datetime],
    *,
    wait: Callable[[float], bool] | None = None,
) -> int:
    """Bring the store up to date; the exit code, that of the last time where it goes on until it is ended."""
    outcomes = [0]
    pause = wait or _pause

    def once(source: str, busy: Callable[[], bool] = lambda: False) -> None:
        arguments.source = source
        outcomes[0] = sync_command.run(arguments, style, now, os.environ, wait=busy)
        sys.stdout.flush()
        sys.stderr.flush()

    if arguments.watch is not None:
        roots = [directory for directory in arguments.watch if directory] or list(sync_watch.MOUNT_POINTS)
        print(style.say(LABELS["watching"]) + ", ".join(roots), file=sys.stderr, flush=True)
        # A stick that comes while the timer's run has the store is not told to come again.
        sync_watch.watch(roots, lambda stick: once(stick, lambda: pause(sync_watch.POLL_SECONDS)), wait=pause)
    elif arguments.every is not None:
        source = arguments.source
        sync_watch.every(arguments.every * 60, lambda: once(source), wait=pause)
    else:
        once(arguments.source)
    return outcomes[0]


def _minutes(text: str) -> float:
    minutes = float(text)
    if not _SHORTEST <= minutes <= 7 * 24 * 60:
        raise argparse.ArgumentTypeError(f"from {_SHORTEST} minutes to a week")
    return minutes


def _pause(seconds: float) -> bool:
    Event().wait(seconds)
    return True
