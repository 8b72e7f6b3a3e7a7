"""`permit-keys`: set up a small authority, look at it, keep its lists fresh.

Exit codes: 0 done, 1 refused or failed (one line on standard error says why and what to do), 2 wrong usage.
"""

from __future__ import annotations

import argparse
import errno
import getpass
import os
import sys
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime

from . import authority_file, signed_lists
from .authority import Authority, system_clock
from .custody import CustodyError
from .errors import DecodeError
from .messages import LANGUAGES, Text, language_of, message, purpose_name
from .publication import command as publication
from .publication.errors import PublicationError
from .registry import AuthorityError
from .spki import certificate_spki, key_id
from .status_list import Status
from .trust import MAX_CATALOGUE

MIN_PASSPHRASE = 8
_MINUTE = "%Y-%m-%d %H:%MZ"


class _Refused(Exception):
    """A command that cannot go on, with the line for the person at the terminal."""


def main(arguments: Sequence[str] | None = None, *, clock: Callable[[], datetime] = system_clock) -> int:
    """Run one command; returns the exit code."""
    options = _parser().parse_args(arguments)
    language = options.lang or language_of(os.environ)
    try:
        command: Callable[[argparse.Namespace, str, Callable[[], datetime]], None] = options.command
        command(options, language, clock)
    except AuthorityError as error:
        return _fail(message(error.reason, language, detail=error.detail))
    except CustodyError as error:
        return _fail(message(error.reason, language, detail=error.uri))
    except _Refused as error:
        return _fail(str(error))
    except OSError as error:
        where = os.fspath(error.filename) if error.filename is not None else options.home
        return _fail(message(Text.UNREADABLE, language, path=where, detail=error.strerror or error))
    return 0


def _init(options: argparse.Namespace, language: str, clock: Callable[[], datetime]) -> None:
    path = options.authority
    try:
        settings = authority_file.parse(_read(path, authority_file.MAX_FILE), toml=path.endswith(".toml"))
    except DecodeError as error:
        reason = f"{error.path}: {error.args[0]}" if error.path else str(error.args[0])
        raise _Refused(message(Text.AUTHORITY_FILE, language, path=path, detail=reason)) from None
    catalogue = _read(options.catalogue, MAX_CATALOGUE) if options.catalogue else None
    passphrase = _passphrase(options, language, new=True)
    authority = Authority.create(options.home, settings, passphrase, catalogue=catalogue, clock=clock)
    name = settings.name_zh if language == "zh" else settings.name_en
    print(message(Text.CREATED, language, name=name, home=authority.home))
    if authority.uses_test_transport_keys:
        print(message(Text.TEST_KEYS, language), file=sys.stderr)


def _status(options: argparse.Namespace, language: str, clock: Callable[[], datetime]) -> None:
    """Needs no passphrase: everything shown is public."""
    home = os.path.abspath(options.home)
    authority = Authority.look(home, clock=clock)
    content = authority.registry
    now = clock()

    def until(moment: datetime) -> str:
        return moment.strftime(_MINUTE) + (message(Text.ENDED, language) if moment < now else "")

    rows = [message(Text.HEADINGS, language).split("\t")]
    for key in content.keys:
        if not key.certificate:
            continue
        certificate = authority.certificate(key)
        end = certificate.key_use[1] if certificate.key_use else None
        kid = key_id(certificate_spki(certificate.der)).hex()
        name, signs_until = purpose_name(key.purpose, language), until(end) if end else "-"
        rows.append([name, str(key.generation), kid, signs_until, until(certificate.not_after)])
    print(_table(rows))
    crl, statuses = authority.published_crl(), authority.published_statuses()
    entries = list(signed_lists.entries(statuses).values())
    print(
        message(
            Text.LISTS,
            language,
            number=crl.number,
            crl=until(crl.next_update),
            revoked=len(crl.revoked),
            signed=statuses.iat.strftime(_MINUTE),
            status=until(statuses.exp),
            invalid=entries.count(Status.INVALID),
            suspended=entries.count(Status.SUSPENDED),
        )
    )
    if authority.uses_test_transport_keys:
        print(message(Text.TEST_KEYS, language), file=sys.stderr)


def _refresh(options: argparse.Namespace, language: str, clock: Callable[[], datetime]) -> None:
    authority = Authority.open(options.home, _passphrase(options, language), clock=clock)
    crl, statuses = authority.refresh()
    dates = {"crl": crl.next_update.strftime(_MINUTE), "status": statuses.exp.strftime(_MINUTE)}
    print(message(Text.REFRESHED, language, number=crl.number, **dates))


def _publication(options: argparse.Namespace, language: str, clock: Callable[[], datetime]) -> None:
    authority = Authority.open(options.home, _passphrase(options, language), clock=clock)
    try:
        publication.set_up(options, language, authority, now=clock())
    except PublicationError as error:
        raise _Refused(publication.explain(error, language)) from None


def _publish(options: argparse.Namespace, language: str, clock: Callable[[], datetime]) -> None:
    authority = Authority.open(options.home, _passphrase(options, language), clock=clock)
    try:
        publication.publish(options, language, authority, now=clock())
    except PublicationError as error:
        raise _Refused(publication.explain(error, language)) from None


def _passphrase(options: argparse.Namespace, language: str, *, new: bool = False) -> bytes:
    if options.passphrase_file:
        passphrase = _read(options.passphrase_file, 1024).partition(b"\n")[0].rstrip(b"\r")
    elif sys.stdin.isatty():
        passphrase = getpass.getpass(message(Text.ASK_PASSPHRASE, language)).encode()
        if new and getpass.getpass(message(Text.ASK_AGAIN, language)).encode() != passphrase:
            raise _Refused(message(Text.PASSPHRASE_DIFFERS, language))
    else:
        raise _Refused(message(Text.NO_PASSPHRASE, language))
    if not passphrase:
        raise _Refused(message(Text.NO_PASSPHRASE, language))
    if new and len(passphrase) < MIN_PASSPHRASE:
        raise _Refused(message(Text.SHORT_PASSPHRASE, language))
    return passphrase


def _read(path: str, limit: int) -> bytes:
    """A file that the person named: links and pipes are their choice, unlike in what came from elsewhere."""
    with open(path, "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    return data


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def _width(text: str) -> int:
    """Terminal columns: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def _fail(line: str) -> int:
    print(f"permit-keys: {line}", file=sys.stderr)
    return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="permit-keys", description="Keys of a residence-permit authority.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    init = commands.add_parser("init", help="set up a small authority in a new directory")
    init.add_argument("--authority", required=True, metavar="FILE", help="the authority file, JSON or TOML")
    init.add_argument("--catalogue", metavar="FILE", help="service catalogue to put into the trust directory")
    status = commands.add_parser("status", help="show keys, periods and lists; needs no passphrase")
    refresh = commands.add_parser("refresh", help="sign CRL and status list anew (interim, until publication is built)")
    setting_up, publishing = publication.add(commands)
    for command, function in (
        (init, _init),
        (status, _status),
        (refresh, _refresh),
        (setting_up, _publication),
        (publishing, _publish),
    ):
        command.set_defaults(command=function)
        command.add_argument("--home", required=True, metavar="DIR", help="the authority's directory")
        command.add_argument("--lang", choices=LANGUAGES, help="language of messages; else LANG decides")
        if command is not status:
            command.add_argument("--passphrase-file", metavar="F", help="file whose first line is the passphrase")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
