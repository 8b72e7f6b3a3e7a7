"""What the commands share: the person at the terminal, passphrases, tables."""

from __future__ import annotations

import argparse
import errno
import getpass
import os
import sys
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ..algorithms import Purpose
from ..authority.authority import Authority
from ..registry.lifecycle import RULES, KeyState
from ..registry.registry import Actor, load
from .messages import Text, message
from .texts import Say, say

MIN_PASSPHRASE = 8
MINUTE = "%Y-%m-%d %H:%MZ"
OVERDUE = 3
"""Exit code of `status` when something should have been done."""


class Refused(Exception):
    """A command that cannot go on, with the line for the person at the terminal."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """How one command is run."""

    options: argparse.Namespace
    language: str
    clock: Callable[[], datetime]

    @property
    def home(self) -> str:
        """The authority's directory."""
        return os.path.abspath(str(self.options.home))

    @property
    def actor(self) -> Actor:
        """Who runs it: by name, or at least by account."""
        return Actor(operator=self.options.operator or _account(), witness=self.options.witness or "")

    def tell(self, what: Say, **values: object) -> None:
        """Print a message."""
        print(say(what, self.language, **values))

    def open(self) -> Authority:
        """The authority, its keys usable."""
        return Authority.open(self.home, self.passphrase(), clock=self.clock)

    def passphrase(self, *, new: bool = False) -> bytes:
        """The passphrase of the key files; empty when every key is on a token."""
        if not new and _keys_on_tokens(self.home):
            return b""
        return ask_passphrase(
            self.options.passphrase_file,
            self.language,
            new=new,
            prompt=message(Text.ASK_PASSPHRASE, self.language),
            missing=message(Text.NO_PASSPHRASE, self.language),
        )


def _keys_on_tokens(home: str) -> bool:
    registry = load(home)
    try:
        keys = [key for key in registry.keys if key.state is not KeyState.DESTROYED]
        return registry.settings.custody != "file:" and not any(key.uri.startswith("file:") for key in keys)
    finally:
        registry.close()


def ask_passphrase(path: str | None, language: str, *, new: bool, prompt: str, missing: str) -> bytes:
    """From the file's first line, or typed; a new one twice and with `MIN_PASSPHRASE` characters."""
    if path:
        passphrase = read_file(path, 1024).partition(b"\n")[0].rstrip(b"\r")
    elif sys.stdin.isatty():
        passphrase = getpass.getpass(prompt).encode()
        if new and getpass.getpass(message(Text.ASK_AGAIN, language)).encode() != passphrase:
            raise Refused(message(Text.PASSPHRASE_DIFFERS, language))
    else:
        raise Refused(missing)
    if not passphrase:
        raise Refused(missing)
    if new and len(passphrase) < MIN_PASSPHRASE:
        raise Refused(message(Text.SHORT_PASSPHRASE, language))
    return passphrase


def read_file(path: str, limit: int) -> bytes:
    """A file that the person named: links and pipes are their choice, unlike in what came from elsewhere."""
    with open(path, "rb") as stream:
        data = stream.read(limit + 1)
    if len(data) > limit:
        raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), path)
    return data


def moment(text: str, language: str) -> datetime:
    """A date or moment that a person typed; UTC unless it says otherwise."""
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        raise Refused(say(Say.BAD_DATE, language, text=text)) from None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).replace(microsecond=0)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns side by side; a Chinese character takes two places."""
    widths = [max(_width(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = (
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines)


def add_people(parser: argparse.ArgumentParser) -> None:
    """Options that say who does it, and why all the same."""
    parser.add_argument("--operator", metavar="NAME", help="who does it; else the account that runs the command")
    parser.add_argument("--witness", metavar="NAME", help="who watches, where two people are needed")
    parser.add_argument("--override", metavar="REASON", default="", help="go on although …; the reason is recorded")


def purpose(text: str) -> Purpose:
    """A purpose that a person typed, in full or by the label of its keys, for argparse."""
    for candidate, rules in RULES.items():
        if text.lower() in {candidate.value, rules.label.lower()}:
            return candidate
    raise argparse.ArgumentTypeError(f"{text!r}: one of {', '.join(RULES)}")


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)
