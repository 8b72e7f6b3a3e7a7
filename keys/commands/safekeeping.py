"""`permit-keys backup, restore, catch-up`."""

from __future__ import annotations

import argparse
import os

from ..authority import published_copy
from ..authority.authority import LOCK_WAIT, Authority
from ..authority.backup import Summary, backup, restore
from ..authority.published_copy import CaughtUp
from ..registry.registry import locked
from .common import MINUTE, Terminal, add_people, ask_passphrase
from .texts import Say, say


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """Add the commands."""
    saving = commands.add_parser("backup", help="write an encrypted backup and look at it again")
    saving.add_argument("file", metavar="FILE")
    saving.set_defaults(command=_backup)
    bringing = commands.add_parser("restore", help="put a backup into a new directory; revocations are never undone")
    bringing.add_argument("file", metavar="FILE")
    bringing.set_defaults(command=_restore)
    catching = commands.add_parser("catch-up", help="take up what was published and is not known here")
    catching.set_defaults(command=_catch_up)
    for parser in (saving, bringing):
        parser.add_argument("--backup-passphrase-file", metavar="F", help="file whose first line is its passphrase")
    for parser in (bringing, catching):
        parser.add_argument(
            "--published",
            action="append",
            default=[],
            required=parser is catching,
            metavar="DIR",
            help="what was published last: a trust directory, a publisher's directory or a stick; may be repeated",
        )
    for parser in (saving, bringing, catching):
        add_people(parser)
    return [saving, bringing, catching]


def _backup(terminal: Terminal) -> int:
    authority = Authority.look(terminal.home, clock=terminal.clock)
    path = os.path.abspath(terminal.options.file)
    made = backup(authority, path, _passphrase(terminal, new=True), now=terminal.clock(), actor=terminal.actor)
    _tell_backup(terminal, path, made)
    return 0


def _restore(terminal: Terminal) -> int:
    options = terminal.options
    restored = restore(
        options.file,
        terminal.home,
        _passphrase(terminal, new=False),
        published=options.published,
        now=terminal.clock(),
        actor=terminal.actor,
        override=options.override,
    )
    terminal.tell(Say.RESTORED, made=restored.summary.made_at.strftime(MINUTE), home=terminal.home)
    if restored.caught_up is not None:
        _tell_caught_up(terminal, restored.caught_up)
    return 0


def _catch_up(terminal: Terminal) -> int:
    authority = Authority.look(terminal.home, clock=terminal.clock)
    copies = [published_copy.read(directory) for directory in terminal.options.published]
    with locked(authority.home, wait=LOCK_WAIT):
        done = published_copy.catch_up(authority, copies, now=terminal.clock(), actor=terminal.actor)
    _tell_caught_up(terminal, done)
    return 0


def _passphrase(terminal: Terminal, *, new: bool) -> bytes:
    return ask_passphrase(
        terminal.options.backup_passphrase_file,
        terminal.language,
        new=new,
        prompt=say(Say.OTHER_PASSPHRASE, terminal.language),
        missing=say(Say.NO_OTHER_PASSPHRASE, terminal.language),
    )


def _tell_backup(terminal: Terminal, path: str, made: Summary) -> None:
    terminal.tell(Say.BACKED_UP, path=path, files=made.files, size=made.size, fingerprint=made.fingerprint)


def _tell_caught_up(terminal: Terminal, done: CaughtUp) -> None:
    keys = " ".join(done.keys) or "-"
    terminal.tell(Say.CAUGHT_UP, revocations=done.revocations, statuses=done.statuses, keys=keys)
