"""`permit-keys support new | list | open`: what counters encrypt evidence of refused cards to, and opening it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from enum import StrEnum

from ..authority import support_keys
from ..authority.authority import LOCK_WAIT, Authority, custody_at
from ..custody import Custody
from ..envelopes.enveloped import MAX_SIZE
from ..errors import DecodeError
from ..files import PRIVATE, write_new
from ..registry.registry import locked
from .common import MINUTE, OVERDUE, Refused, Terminal, add_people, ask_passphrase, read_file
from .messages import Text, message


class _Say(StrEnum):
    MADE = "made"
    LINE = "line"
    NONE = "none"
    DUE = "due"
    OPENED = "opened"
    NOT_OURS = "not_ours"
    EXISTS = "exists"


_SAY: Mapping[_Say, tuple[str, str]] = {
    _Say.MADE: (
        "{name} 已生成,柜台使用至 {until}。请发布(publish),柜台同步后即可使用。",
        "{name} is made; counters use it until {until}. Publish it: counters have it after their next sync.",
    ),
    _Say.LINE: ("{name}  至 {until}", "{name}  until {until}"),
    _Say.NONE: (
        "还没有支持密钥:请运行 permit-keys support new。",
        "There is no support key yet: run permit-keys support new.",
    ),
    _Say.DUE: (
        "最新的支持密钥将到期:请运行 permit-keys support new,然后发布。",
        "The newest support key is about to end: run permit-keys support new, then publish.",
    ),
    _Say.OPENED: (
        "{path} 已解密。请用 permit-verifier replay --evidence {path} 重现结论;内含个人信息,用后删除。",
        "{path} holds what was sealed. permit-verifier replay --evidence {path} shows the verdict again; it is personal"
        " data, remove it after use.",
    ),
    _Say.NOT_OURS: (
        "{path} 不是发给本机构的支持文件,或已损坏:{detail}",
        "{path} is no support file for this authority, or is damaged: {detail}",
    ),
    _Say.EXISTS: ("{path} 已存在", "{path} exists"),
}


def _say(what: _Say, language: str, **values: object) -> str:
    return _SAY[what][0 if language == "zh" else 1].format(**values)


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> list[argparse.ArgumentParser]:
    """Add the commands; those that the caller gives --home and --passphrase-file."""
    support = commands.add_parser("support", help="the key that counters encrypt evidence of refused cards to")
    kinds = support.add_subparsers(required=True, metavar="WHAT")
    new = kinds.add_parser("new", help="make the next one, certified by the CSCA")
    new.set_defaults(command=_new)
    listing = kinds.add_parser("list", help="those that are published; exit code 3 when a new one is due")
    listing.set_defaults(command=_list)
    opening = kinds.add_parser("open", help="decrypt a support file of a counter")
    opening.add_argument("file", metavar="FILE")
    opening.add_argument("--out", required=True, metavar="FILE", help="new file for the report in it")
    opening.set_defaults(command=_open)
    add_people(new)
    return [new, listing, opening]


def _new(terminal: Terminal) -> int:
    authority = terminal.open()
    with locked(authority.home, wait=LOCK_WAIT):
        made = support_keys.make(authority, _files(terminal), now=terminal.clock(), actor=terminal.actor)
    print(_say(_Say.MADE, terminal.language, name=made.name, until=made.expires.strftime(MINUTE)))
    return 0


def _list(terminal: Terminal) -> int:
    authority = Authority.look(terminal.home, clock=terminal.clock)
    found = support_keys.standing(authority)
    for one in found:
        print(_say(_Say.LINE, terminal.language, name=one.name, until=one.expires.strftime(MINUTE)))
    if found and found[-1].expires - support_keys.RENEW > terminal.clock():
        return 0
    print(_say(_Say.DUE if found else _Say.NONE, terminal.language))
    return OVERDUE


def _open(terminal: Terminal) -> int:
    options, language = terminal.options, terminal.language
    authority = Authority.look(terminal.home, clock=terminal.clock)
    try:
        content = support_keys.open_file(authority, _files(terminal), read_file(options.file, MAX_SIZE))
    except DecodeError as error:
        raise Refused(_say(_Say.NOT_OURS, language, path=options.file, detail=error)) from None
    try:
        write_new(options.out, content, mode=PRIVATE)
    except FileExistsError:
        raise Refused(_say(_Say.EXISTS, language, path=options.out)) from None
    print(_say(_Say.OPENED, language, path=options.out))
    return 0


def _files(terminal: Terminal) -> Custody:
    """Support keys are files, whatever the signers' custody."""
    passphrase = ask_passphrase(
        terminal.options.passphrase_file,
        terminal.language,
        new=False,
        prompt=message(Text.ASK_PASSPHRASE, terminal.language),
        missing=message(Text.NO_PASSPHRASE, terminal.language),
    )
    return custody_at(terminal.home, passphrase)
