"""`permit-keys init` and `refresh`."""

from __future__ import annotations

import argparse
import sys

from ..authority import file as authority_file
from ..authority.authority import Authority
from ..custody import CustodyWarning
from ..errors import DecodeError
from ..trust import MAX_CATALOGUE
from .common import MINUTE, Refused, Terminal, add_people, read_file
from .messages import Text, message


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """Add the commands; the caller adds what all commands have."""
    init = commands.add_parser("init", help="set up a small authority in a new directory")
    init.add_argument("--authority", required=True, metavar="FILE", help="the authority file, JSON or TOML")
    init.add_argument("--catalogue", metavar="FILE", help="service catalogue to put into the trust directory")
    add_people(init)
    init.set_defaults(command=_init)
    refresh = commands.add_parser("refresh", help="sign CRL and status list anew, so that they do not run out")
    refresh.set_defaults(command=_refresh)
    return [init, refresh]


def _init(terminal: Terminal) -> int:
    options, language = terminal.options, terminal.language
    path = options.authority
    try:
        settings = authority_file.parse(read_file(path, authority_file.MAX_FILE), toml=path.endswith(".toml"))
    except DecodeError as error:
        reason = f"{error.path}: {error.args[0]}" if error.path else str(error.args[0])
        raise Refused(message(Text.AUTHORITY_FILE, language, path=path, detail=reason)) from None
    catalogue = read_file(options.catalogue, MAX_CATALOGUE) if options.catalogue else None
    in_files = settings.custody == authority_file.FILES
    passphrase = (
        terminal.passphrase(new=True) if in_files or settings.transport_keys or options.passphrase_file else b""
    )
    authority = Authority.create(
        terminal.home, settings, passphrase, catalogue=catalogue, clock=terminal.clock, actor=terminal.actor
    )
    name = settings.name_zh if language == "zh" else settings.name_en
    print(message(Text.CREATED, language, name=name, home=authority.home))
    if in_files:
        print(message(CustodyWarning.KEYS_ON_DISK, language), file=sys.stderr)
    if authority.uses_test_transport_keys:
        print(message(Text.TEST_KEYS, language), file=sys.stderr)
    return 0


def _refresh(terminal: Terminal) -> int:
    crl, statuses = terminal.open().refresh()
    dates = {"crl": crl.next_update.strftime(MINUTE), "status": statuses.exp.strftime(MINUTE)}
    print(message(Text.REFRESHED, terminal.language, number=crl.number, **dates))
    return 0
