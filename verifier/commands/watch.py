"""`permit-verifier watch`: check each card that is put on a reader."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from card_profiles.iso7816.connection import Connection
from card_profiles.readers import monitor
from card_profiles.readers.monitor import CardChange

from .. import opening
from ..cli import counter_of, note, password_of, remember, show, tell_failure
from ..read_failed import ReadFailed
from ..reason import Reason
from ..texts import LABELS

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..counter import Counter
    from ..report import Style


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    watch = commands.add_parser("watch", parents=[parents.common, parents.data, parents.card], help=told)
    watch.add_argument("--reader", metavar="NAME", help="PC/SC reader, or a part of its name (default: all)")
    watch.add_argument("--count", metavar="N", type=int, help="end after N cards")
    watch.set_defaults(run=run)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """For ever, or until `--count` cards."""
    counter = counter_of(arguments, now)
    left = arguments.count
    note(style.say(LABELS["waiting"]))
    for event in monitor.watch():
        if event.change is CardChange.SERVICE_LOST:
            lost = opening.no_service()
            if lost.reason is Reason.READER_SUPPORT_MISSING:
                raise lost  # no pcscd that comes back will help
            tell_failure(lost, style, json=False)
        if event.change is not CardChange.INSERTED or (arguments.reader or "") not in event.reader:
            continue
        try:
            _one(counter, event.reader, arguments, style)
        except ReadFailed as failed:
            tell_failure(failed, style, json=arguments.json)
        sys.stdout.flush()
        left = None if left is None else left - 1
        if left == 0:
            break
        note(style.say(LABELS["waiting"]))
    return 0


def _one(counter: Counter, reader: str, arguments: argparse.Namespace, style: Style) -> None:
    secret = password_of(arguments, style)
    connection: Connection = opening.reader(reader)
    try:
        limits, on_limits = opening.remembered(connection)
        checked = counter.check(connection, secret, limits=limits, on_limits=on_limits)
    finally:
        connection.close()
    remember(counter, checked.verdict, style)
    show(checked.verdict, checked.effort, style, json=arguments.json)
