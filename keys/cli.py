"""`permit-keys`: an authority's keys through their whole life, their lists, ceremonies, backups and publication.

Exit codes: 0 done, 1 refused or failed (one line on standard error says why and what to do), 2 wrong usage, 3 (of
`status`) something is overdue.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Callable, Sequence
from datetime import datetime

from .authority.authority import system_clock
from .authority.backup import BackupError
from .closed_pipe import listened
from .commands import ceremonial, foresight, life, publication, safekeeping, setup, status, support
from .commands.common import Refused, Terminal
from .commands.messages import LANGUAGES, Text, language_of, message
from .commands.texts import say
from .custody import CustodyError
from .registry.registry import FILE_NAME, AuthorityError, AuthorityReason
from .rotation.ceremony import CeremonyError


def main(arguments: Sequence[str] | None = None, *, clock: Callable[[], datetime] = system_clock) -> int:
    """Run one command; returns the exit code."""
    return listened(lambda: _main(arguments, clock))


def _main(arguments: Sequence[str] | None, clock: Callable[[], datetime]) -> int:
    options = _parser(clock).parse_args(arguments)
    language = options.lang or language_of(os.environ)
    terminal = Terminal(options=options, language=language, clock=clock)
    try:
        command: Callable[[Terminal], int] = options.command
        return command(terminal)
    except AuthorityError as error:
        return _fail(message(error.reason, language, detail=error.detail))
    except CustodyError as error:
        return _fail(message(error.reason, language, detail=error.uri))
    except (BackupError, CeremonyError) as error:
        return _fail(say(error.reason, language, detail=error.detail))
    except Refused as error:
        return _fail(str(error))
    except sqlite3.DatabaseError:
        path = os.path.join(options.home, FILE_NAME)
        return _fail(message(AuthorityReason.DAMAGED, language, detail=path))
    except BrokenPipeError:
        raise
    except OSError as error:
        where = os.fspath(error.filename) if error.filename is not None else options.home
        return _fail(message(Text.UNREADABLE, language, path=where, detail=error.strerror or error))


def _fail(line: str) -> int:
    print(f"permit-keys: {line}", file=sys.stderr)
    return 1


def _parser(clock: Callable[[], datetime]) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="permit-keys", description="Keys of a residence-permit authority.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    keyless = list(status.add(commands))
    with_keys, without_keys = foresight.add(commands)
    keyless += without_keys
    parsers = [
        *setup.add(commands),
        *life.add(commands),
        *publication.add(commands),
        *ceremonial.add(commands, lambda arguments: main(arguments, clock=clock)),
        *safekeeping.add(commands),
        *support.add(commands),
        *with_keys,
    ]
    for command in (*parsers, *keyless):
        command.set_defaults(operator=None, witness=None)
        command.add_argument("--home", required=True, metavar="DIR", help="the authority's directory")
        command.add_argument("--lang", choices=LANGUAGES, help="language of messages; else LANG decides")
    for command in parsers:
        command.add_argument(
            "--passphrase-file", metavar="F", help="file whose first line is the passphrase of the keys"
        )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
