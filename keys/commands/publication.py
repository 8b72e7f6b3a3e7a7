"""`permit-keys publication` and `publish`: the release of what counters need, by the keys of this authority."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from ..publication import command
from ..publication.errors import PublicationError, PublicationReason
from .common import MINUTE, Refused, Terminal, add_people
from .texts import Say


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """Add the commands."""
    setting_up, publishing = command.add(commands)
    setting_up.set_defaults(command=lambda terminal: _run(terminal, command.set_up))
    publishing.set_defaults(command=lambda terminal: _run(terminal, command.publish))
    renewing = commands.add_parser("renew-root", help="sign the next root of the publication with the keys at hand")
    renewing.add_argument(
        "--replace",
        metavar="KEY",
        action="append",
        help="put a fresh key in the place of this one, such as TIMESTAMP-1",
    )
    add_people(renewing)
    renewing.set_defaults(command=_renew)
    return [setting_up, publishing, renewing]


def _renew(terminal: Terminal) -> int:
    from ..authority import root_renewal

    authority = terminal.open()
    try:
        done = root_renewal.renew(
            authority, now=terminal.clock(), actor=terminal.actor, replace_keys=terminal.options.replace or ()
        )
    except PublicationError as error:
        raise Refused(command.explain(error, terminal.language)) from error
    except ImportError as error:
        missing = PublicationError(str(error), reason=PublicationReason.NOT_INSTALLED)
        raise Refused(command.explain(missing, terminal.language)) from error
    if done.lacking:
        terminal.tell(Say.ROOT_LACKS, version=done.version, lacking=done.lacking, draft=root_renewal.DRAFT)
    else:
        terminal.tell(Say.ROOT_RENEWED, version=done.version, until=done.expires.strftime(MINUTE))
    return 0


def _run(terminal: Terminal, act: Callable[..., None]) -> int:
    try:
        act(terminal.options, terminal.language, terminal.open(), now=terminal.clock(), actor=terminal.actor)
    except PublicationError as error:
        raise Refused(command.explain(error, terminal.language)) from error
    return 0
