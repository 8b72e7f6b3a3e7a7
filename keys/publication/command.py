"""`permit-keys publication` and `permit-keys publish`: set up who signs, and release what counters need.

The command line of `permit-keys` adds these two with `add`; what goes wrong is told by `explain`.
"""

from __future__ import annotations

import argparse
import os
from datetime import datetime
from types import ModuleType

from ..authority.authority import Authority
from ..registry.records import Actor
from .errors import PublicationError, PublicationReason
from .texts import REASONS, RULES, TEXTS, Text

_MINUTE = "%Y-%m-%d %H:%MZ"
_LANGUAGES = ("zh", "en")


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
) -> tuple[argparse.ArgumentParser, argparse.ArgumentParser]:
    """Add the two commands; the caller adds what all its commands have, and `set_defaults(command=…)`."""
    setting_up = commands.add_parser("publication", help="make the keys and the first root of what is published")
    setting_up.add_argument(
        "--timestamp-days",
        type=int,
        default=3,
        metavar="N",
        help="days between releases, 1 to 7 (7 for sites by stick)",
    )
    publishing = commands.add_parser("publish", help="release what counters need, as plain files")
    publishing.add_argument("directory", metavar="DIR", help="DIR/current is what a web server serves")
    publishing.add_argument("--stick", metavar="DIR", help="copy the release there too")
    publishing.add_argument("--dry-run", action="store_true", help="check and tell, but sign and release nothing")
    return setting_up, publishing


def set_up(options: argparse.Namespace, language: str, authority: Authority, *, now: datetime, actor: Actor) -> None:
    """`permit-keys publication`. Raises PublicationError."""
    home, releasing = _library()
    if not home.roots(authority.home):
        uris = home.default_uris(authority.settings.key_uri)
        home.set_up(authority.home, authority.custody, now=now, uris=uris, timestamp_days=options.timestamp_days)
    releasing.role_keys.take_up(authority, actor)
    anchor = os.path.join(authority.home, home.FOLDER, "roots", "1.root.json")
    print(_say(Text.SET_UP, language, anchor=anchor))


def publish(options: argparse.Namespace, language: str, authority: Authority, *, now: datetime, actor: Actor) -> None:
    """`permit-keys publish`. Raises PublicationError."""
    home, releasing = _library()
    from .repository import export

    directory = os.path.abspath(options.directory)
    release = releasing.release(authority, directory, now=now, actor=actor, dry_run=options.dry_run)
    number = release.versions.timestamp
    if options.dry_run:
        print(_say(Text.DRY_RUN, language, number=number))
    else:
        until = release.valid_until.strftime(_MINUTE)
        print(_say(Text.PUBLISHED, language, number=number, directory=directory, until=until))
    counts = {name: len(getattr(release, name)) for name in ("added", "changed", "removed")}
    print(_say(Text.CHANGES, language, **counts))
    for sign, names in (("+", release.added), ("~", release.changed), ("-", release.removed)):
        for name in names:
            print(f"  {sign} {name}")
    if options.stick and not options.dry_run:
        export(directory, options.stick, anchor=home.roots(authority.home)[0], now=now)
        print(_say(Text.STICK, language, stick=options.stick))


def _library() -> tuple[ModuleType, ModuleType]:
    """The half that needs the TUF library."""
    try:
        from . import home, releasing
    except ImportError as error:
        raise PublicationError(str(error), reason=PublicationReason.NOT_INSTALLED) from error
    return home, releasing


def explain(error: PublicationError, language: str) -> str:
    """One line: what is wrong and what to do."""
    half = _LANGUAGES.index(language)
    detail = error.detail
    if error.findings:
        detail = "; ".join(f"{finding.target}: {RULES[finding.rule][half]}" for finding in error.findings)
    return REASONS[error.reason][half].format(detail=detail)


def _say(text: Text, language: str, **values: object) -> str:
    return TEXTS[text][_LANGUAGES.index(language)].format(**values)
