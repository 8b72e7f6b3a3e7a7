"""`permit-keys publication` and `publish`: the release of what counters need, by the keys of this authority."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from ..publication import command
from ..publication.errors import PublicationError
from .common import Refused, Terminal


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """Add the commands."""
    setting_up, publishing = command.add(commands)
    setting_up.set_defaults(command=lambda terminal: _run(terminal, command.set_up))
    publishing.set_defaults(command=lambda terminal: _run(terminal, command.publish))
    return [setting_up, publishing]


def _run(terminal: Terminal, act: Callable[..., None]) -> int:
    try:
        act(terminal.options, terminal.language, terminal.open(), now=terminal.clock())
    except PublicationError as error:
        raise Refused(command.explain(error, terminal.language)) from error
    return 0
