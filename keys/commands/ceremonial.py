"""`permit-keys ceremony`: go through a script together, and write signed minutes."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from importlib.resources import files

from ..authority.authority import Authority
from ..registry.registry import FILE_NAME, load
from ..rotation import minutes
from ..rotation.ceremony import MAX_SCRIPT, Ceremony, Console, Script, parse
from .common import OVERDUE, Refused, Terminal, read_file
from .texts import Say, say

Run = Callable[[list[str]], int]
_WITHOUT_PASSPHRASE = frozenset({"status", "backup", "restore", "catch-up"})
_WITH_BACKUP_PASSPHRASE = frozenset({"backup", "restore"})


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], run: Run) -> list[argparse.ArgumentParser]:
    """Add the command; `run` runs another command of permit-keys by its arguments."""
    parser = commands.add_parser("ceremony", help="go through a script of steps together; goes on where it stopped")
    parser.add_argument("script", nargs="?", metavar="SCRIPT", help=f"{', '.join(_bundled())}, or a JSON file")
    parser.add_argument("--record", metavar="DIR", help="where answers are kept; else HOME.ceremony/SCRIPT")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter or role, not asked"
    )
    parser.add_argument("--backup-passphrase-file", metavar="F", help="for the steps that write a backup")
    parser.add_argument("--verify", metavar="FILE", help="check signed minutes instead")
    parser.set_defaults(command=lambda terminal: _ceremony(terminal, run))
    return [parser]


def _ceremony(terminal: Terminal, run: Run) -> int:
    options, language = terminal.options, terminal.language
    if options.verify:
        authority = Authority.look(terminal.home, clock=terminal.clock)
        members = minutes.verify(authority, read_file(options.verify, minutes.MAX_MINUTES))
        terminal.tell(Say.MINUTES_GOOD, title=members["title"][language], begun=members["begun"])
        return 0
    script = _script(options.script or "", language)
    folder = os.path.abspath(options.record) if options.record else f"{terminal.home}.ceremony/{script.name}"
    console = Console(input, print, lambda command: _run(terminal, command, run))
    ceremony = Ceremony(script, os.path.join(folder, "record.json"), console, language=language, clock=terminal.clock)
    given = _settings(options.set, language)
    people = {name: value for name, value in given.items() if name in script.roles}
    parameters = {name: value for name, value in given.items() if name in script.parameters}
    record = ceremony.run(event=_last_event(terminal.home), people=people, parameters=parameters)
    written = minutes.write(terminal.open(), script, record, ended=terminal.clock())
    ceremony.finish(record)
    terminal.tell(Say.MINUTES, text=written.text, cose=written.cose)
    return 0


def _run(terminal: Terminal, command: tuple[str, ...], run: Run) -> int:
    options = terminal.options
    more = ["--home", terminal.home, "--lang", terminal.language]
    if options.passphrase_file and command[0] not in _WITHOUT_PASSPHRASE:
        more += ["--passphrase-file", options.passphrase_file]
    if options.backup_passphrase_file and command[0] in _WITH_BACKUP_PASSPHRASE:
        more += ["--backup-passphrase-file", options.backup_passphrase_file]
    code = run([*command, *more])
    # What is overdue is to be seen, and perhaps what the ceremony is held for.
    return 0 if code == OVERDUE and command[0] == "status" else code


def _script(name: str, language: str) -> Script:
    known = _bundled()
    if name in known:
        return parse((files("keys.ceremonies") / f"{name}.json").read_bytes())
    if not os.path.exists(name):
        raise Refused(say(Say.CEREMONIES, language, name=name or "-", known=", ".join(known)))
    return parse(read_file(name, MAX_SCRIPT))


def _bundled() -> list[str]:
    entries = files("keys.ceremonies").iterdir()
    return sorted(entry.name.removesuffix(".json") for entry in entries if entry.name.endswith(".json"))


def _settings(given: list[str], language: str) -> dict[str, str]:
    settings = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise Refused(say(Say.BAD_SETTING, language, text=text))
        settings[name] = value
    return settings


def _last_event(home: str) -> int:
    if not os.path.exists(os.path.join(home, FILE_NAME)):
        return 0
    registry = load(home)
    try:
        events = registry.events()
    finally:
        registry.close()
    return events[-1].number if events else 0
