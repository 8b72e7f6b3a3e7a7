"""permit-verifier: check a card; and the commands of `LATER`, from a printed code to a page for the counter.

Starts light: what a command needs is imported by that command. Exit codes: docs/VERIFICATION.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from datetime import datetime

    from card_profiles.entitlements.catalogue import Sector
    from card_profiles.protocols.pace import Password

    from .card_files import Progress
    from .counter import Checked, Counter
    from .read_failed import ReadFailed
    from .report import Effort, Style
    from .verdict import Verdict

    Commands: TypeAlias = argparse._SubParsersAction[argparse.ArgumentParser]

VERSION = "0.1.0"
PROGRAM = "permit-verifier"


LATER = {
    "check-code": ("verifier.commands.check_code", "check a printed code"),
    "watch": ("verifier.commands.watch", "check each card put on a reader"),
    "kiosk": ("verifier.kiosk.command", "a page for the counter, and an interface for its own software"),
    "replay": ("verifier.commands.replay", "decide again from evidence"),
    "sync": ("verifier.commands.sync", "take over what the authority published"),
    "readers": ("verifier.commands.readers", "list card readers"),
    "doctor": ("verifier.commands.doctor", "what is wrong with this counter, and what to do"),
    "support": ("verifier.commands.support", "seal the evidence of a refused card to the authority"),
    "usage": ("verifier.commands.usage", "the log of what was checked, without names"),
}
"""Commands by name, the module of each, loaded only when it is the one given, and a line of help."""


def main(argv: Sequence[str] | None = None, *, now: Callable[[], datetime] | None = None) -> int:
    """Run a command and return its exit code. `now` gives the time in UTC; the machine's clock by default."""
    try:
        try:
            return _main(argv, now)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        from keys.closed_pipe import nobody_reads

        return nobody_reads()


def _main(argv: Sequence[str] | None, now: Callable[[], datetime] | None) -> int:
    given = sys.argv[1:] if argv is None else list(argv)
    arguments = parser(given).parse_args(given)
    from .read_failed import ReadFailed

    style = _style(arguments.lang)
    try:
        return int(arguments.run(arguments, style, now or _now))
    except ReadFailed as failed:
        return tell_failure(failed, style, json=getattr(arguments, "json", False))
    except KeyboardInterrupt:
        return 130


class Parents(NamedTuple):
    """Arguments that commands share, as parents of their parsers."""

    common: argparse.ArgumentParser
    """--lang"""
    data: argparse.ArgumentParser
    """--trust, --state, --json"""
    counter: argparse.ArgumentParser
    """--sector"""
    card: argparse.ArgumentParser
    """--sector, the password, --identity"""


def parser(given: Sequence[str]) -> argparse.ArgumentParser:
    """The command line. Only the command that is `given` first has its arguments; the others have their names."""
    top = argparse.ArgumentParser(prog=PROGRAM, description="Checks residence permits, without a network.")
    top.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    commands = top.add_subparsers(dest="command", required=True)
    parents = _parents()
    wanted = next((word for word in given if not word.startswith("-")), "")

    check = commands.add_parser("check", parents=[parents.common, parents.data, parents.card], help="check one card")
    where = check.add_mutually_exclusive_group()
    where.add_argument("--reader", metavar="NAME", help="PC/SC reader, or a part of its name (default: the only one)")
    where.add_argument("--image", metavar="FILE", help="a software card")
    check.add_argument("--photo", metavar="OUT", help="read the portrait, check it, and write it to OUT")
    check.add_argument("--evidence", metavar="OUT", help="write what was captured to OUT")
    check.set_defaults(run=_check)

    for name, (module, told) in LATER.items():
        if name == wanted:
            import_module(module).add(commands, parents, told)
        else:
            commands.add_parser(name, help=told)
    return top


def _parents() -> Parents:
    from card_profiles.entitlements.catalogue import SERVICE_SECTORS

    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--lang", choices=("zh", "en"), help="language of the output (default: from the locale)")
    data = argparse.ArgumentParser(add_help=False)
    data.add_argument("--trust", metavar="DIR", help="trust directory (default: $PERMIT_TRUST)")
    data.add_argument("--state", metavar="DIR", help="where the clock watermark is kept (default: $PERMIT_STATE)")
    data.add_argument("--json", action="store_true", help="the whole verdict as JSON")
    counter = argparse.ArgumentParser(add_help=False)
    counter.add_argument("--sector", required=True, choices=[str(sector) for sector in SERVICE_SECTORS])
    card = argparse.ArgumentParser(add_help=False, parents=[counter])
    password = card.add_mutually_exclusive_group()
    password.add_argument("--can", metavar="DIGITS", help="card access number; without it $PERMIT_CAN, or a prompt")
    password.add_argument("--can-file", metavar="FILE", help="file with the card access number in its first line")
    password.add_argument("--mrz", metavar="NUMBER,BIRTH,EXPIRY", help="document number, YYMMDD, YYMMDD")
    password.add_argument("--code-file", metavar="FILE", help="the code on the card's back: text, PNG or JPEG")
    card.add_argument("--identity", action="store_true", help="read and check the identity application too")
    return Parents(common=common, data=data, counter=counter, card=card)


# --- check ------------------------------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    from . import opening

    counter = counter_of(arguments, now, portrait=arguments.photo is not None)
    secret = password_of(arguments, style)
    if arguments.image is not None:
        connection = opening.image(arguments.image)
        limits, on_limits = None, None
    else:
        connection = opening.reader(arguments.reader)
        limits, on_limits = opening.remembered(connection)
    try:
        checked = counter.check(
            connection, secret, limits=limits, on_limits=on_limits, progress=_progress(style, quiet=arguments.json)
        )
    finally:
        connection.close()
        _end_progress(quiet=arguments.json)
    remember(counter, checked.verdict, style)
    show(checked.verdict, checked.effort, style, json=arguments.json)
    _write_outputs(checked, arguments, style)
    return checked.verdict.exit_code


# --- what commands share ----------------------------------------------------------------------------------------


def counter_of(arguments: argparse.Namespace, now: Callable[[], datetime], *, portrait: bool = False) -> Counter:
    """The counter that the arguments ask for. Raises ReadFailed."""
    from time import perf_counter

    from . import store
    from .counter import Counter

    if arguments.identity:
        from .opening import require_identity_support

        require_identity_support()
    environment = dict(os.environ)
    return Counter(
        sector=sector_of(arguments.sector),
        trust_directory=store.trust_directory(arguments.trust, environment),
        watermark=store.Watermark(store.state_directory(arguments.state, environment)),
        now=now,
        clock=perf_counter,
        random=os.urandom,
        portrait=portrait,
        identity=arguments.identity,
    )


def password_of(arguments: argparse.Namespace, style: Style) -> Password:
    """What opens the card, from wherever the arguments say. Raises ReadFailed."""
    if arguments.code_file is not None:
        from . import printed, scan

        return printed.password(scan.file(arguments.code_file))
    from . import password

    return password.obtain(
        can=arguments.can, can_file=arguments.can_file, mrz=arguments.mrz, environment=os.environ, ask=_prompt(style)
    )


def _now() -> datetime:
    from datetime import UTC, datetime

    return datetime.now(UTC)


def sector_of(name: str) -> Sector:
    """A sector that has services; ValueError for others."""
    from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Sector

    sector = Sector(name)
    if sector not in SERVICE_SECTORS:
        raise ValueError(f"{name} has no services")
    return sector


def _style(language: str | None) -> Style:
    from .report import Style
    from .texts import Language

    if language is None:
        locale = next((value for name in ("LC_ALL", "LC_MESSAGES", "LANG") if (value := os.environ.get(name))), "")
        language = "zh" if locale.startswith("zh") else "en"
    return Style(language=Language(language), colour=sys.stdout.isatty() and "NO_COLOR" not in os.environ)


def _prompt(style: Style) -> Callable[[], str] | None:
    """Asks on the terminal, without showing the digits; None when nobody is there to answer."""
    if not sys.stdin.isatty():
        return None

    def ask() -> str:
        from getpass import getpass

        from .texts import LABELS

        return getpass(style.say(LABELS["ask_can"]))

    return ask


def _progress(style: Style, *, quiet: bool) -> Callable[[Progress], None] | None:
    if quiet or not sys.stderr.isatty():
        return None
    from .texts import STEPS

    def show(progress: Progress) -> None:
        share = f" {progress.file} {progress.done}/{progress.total}" if progress.total else ""
        sys.stderr.write(f"\r\x1b[K{progress.number} {style.say(STEPS[progress.number])}{share}")
        sys.stderr.flush()

    return show


def _end_progress(*, quiet: bool) -> None:
    if not quiet and sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K")


def note(line: str) -> None:
    """A line on standard error."""
    print(line, file=sys.stderr, flush=True)


def show(verdict: Verdict, effort: Effort | None, style: Style, *, json: bool) -> None:
    """The verdict on standard output."""
    from . import report

    if json:
        from json import dumps

        print(dumps(report.json_tree(verdict, effort), ensure_ascii=False))
    else:
        print(report.human(verdict, style, effort))


def tell_failure(failed: ReadFailed, style: Style, *, json: bool) -> int:
    """Why there is no verdict, and the exit code for it."""
    from . import report
    from .reason import Blame, blame
    from .verdict import ExitCode

    codes = {Blame.CARD: ExitCode.REFUSED, Blame.DATA: ExitCode.OWN_DATA, Blame.READING: ExitCode.NOT_READ}
    code = codes[blame(failed.reason)]
    if json:
        from json import dumps

        print(dumps(report.failure_tree(failed, code), ensure_ascii=False))
    else:
        note(report.failure(failed, style))
    return code


def remember(counter: Counter, verdict: Verdict, style: Style) -> None:
    """Move the watermark; a state directory that cannot be written is told and changes nothing."""
    from .texts import LABELS

    try:
        counter.remember(verdict)
    except OSError as error:  # the verdict stands; the next check of a clock set back will be weaker
        note(f"{style.say(LABELS['watermark_kept'])}{error.strerror}")


def _write_outputs(checked: Checked, arguments: argparse.Namespace, style: Style) -> None:
    from keys.files import PRIVATE, replace

    from .texts import LABELS
    from .verdict import Outcome

    def write(path: str, label: str, content: bytes) -> None:
        try:
            replace(path, content, mode=PRIVATE)
        except OSError as error:  # the verdict stands
            note(f"{style.say(LABELS['not_written'])}{path}: {error.strerror}")
        else:
            note(style.say(LABELS[label]) + path)

    if arguments.evidence is not None:
        from . import evidence as codec

        write(arguments.evidence, "evidence_written", codec.encode(checked.evidence))
    genuine = any(step.number == "9a" and step.outcome is Outcome.PASSED for step in checked.verdict.steps)
    if arguments.photo is not None and genuine and checked.verdict.genuine.good:
        from card_profiles.lds import dg2
        from keys.errors import DecodeError

        try:
            write(arguments.photo, "photo_written", dg2.decode(checked.evidence.portrait).image)
        except DecodeError as error:  # signed as it is, and yet no picture that we can show
            note(f"{style.say(LABELS['not_written'])}{arguments.photo}: {error}")


if __name__ == "__main__":
    from verifier.cli import main as installed  # the module that the commands import, not a second one

    sys.exit(installed())
