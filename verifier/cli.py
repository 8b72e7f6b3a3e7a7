"""permit-verifier: check a card or a printed code, decide again from evidence, synchronise, watch or list readers.

Starts light: what a command needs is imported by that command. Exit codes: docs/VERIFICATION.md.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from card_profiles.entitlements.catalogue import Sector
    from card_profiles.iso7816.connection import Connection
    from card_profiles.protocols.pace import Password

    from .card_files import Progress
    from .counter import Checked, Counter
    from .read_failed import ReadFailed
    from .report import Effort, Style
    from .verdict import Verdict

VERSION = "0.1.0"
PROGRAM = "permit-verifier"


def main(argv: Sequence[str] | None = None, *, now: Callable[[], datetime] | None = None) -> int:
    """Run a command and return its exit code. `now` gives the time in UTC; the machine's clock by default."""
    arguments = parser().parse_args(argv)
    from .read_failed import ReadFailed

    style = _style(arguments.lang)
    try:
        return int(arguments.run(arguments, style, now or _now))
    except ReadFailed as failed:
        return _tell_failure(failed, style, json=getattr(arguments, "json", False))
    except KeyboardInterrupt:
        return 130


def parser() -> argparse.ArgumentParser:
    """The command line."""
    from card_profiles.entitlements.catalogue import SERVICE_SECTORS

    top = argparse.ArgumentParser(prog=PROGRAM, description="Checks residence permits, without a network.")
    top.add_argument("--version", action="version", version=f"{PROGRAM} {VERSION}")
    commands = top.add_subparsers(dest="command", required=True)

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

    check = commands.add_parser("check", parents=[common, data, card], help="check one card")
    where = check.add_mutually_exclusive_group()
    where.add_argument("--reader", metavar="NAME", help="PC/SC reader, or a part of its name (default: the only one)")
    where.add_argument("--image", metavar="FILE", help="a software card")
    check.add_argument("--photo", metavar="OUT", help="read the portrait, check it, and write it to OUT")
    check.add_argument("--evidence", metavar="OUT", help="write what was captured to OUT")
    check.set_defaults(run=_check)

    code = commands.add_parser("check-code", parents=[common, data, counter], help="check a printed code")
    source = code.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", metavar="FILE", help="what a scanner typed; - for standard input")
    source.add_argument("--image", metavar="FILE", help="a picture of the card's back, PNG or JPEG")
    code.set_defaults(run=_check_code, identity=False)

    watch = commands.add_parser("watch", parents=[common, data, card], help="check each card put on a reader")
    watch.add_argument("--reader", metavar="NAME", help="PC/SC reader, or a part of its name (default: all)")
    watch.add_argument("--count", metavar="N", type=int, help="end after N cards")
    watch.set_defaults(run=_watch)

    replay = commands.add_parser("replay", parents=[common, data], help="decide again from evidence")
    replay.add_argument("--evidence", metavar="FILE", required=True)
    replay.add_argument("--then", action="store_true", help="as at the time of capture, not as of now")
    replay.set_defaults(run=_replay)

    sync = commands.add_parser("sync", parents=[common], help="take over what the authority published")
    sync.add_argument("--from", dest="source", metavar="URL|DIR", required=True, help="web address, or a stick")
    sync.add_argument("--trust-anchor", metavar="FILE", help="root metadata, handed over in person; the first time")
    sync.add_argument(
        "--store", metavar="DIR", help="where to keep it: the --trust of a check (default: $PERMIT_TRUST)"
    )
    sync.add_argument("--state", metavar="DIR", help="where the clock watermark is kept (default: $PERMIT_STATE)")
    sync.add_argument("--json", action="store_true", help="the outcome as JSON")
    sync.set_defaults(run=_sync)

    readers = commands.add_parser("readers", parents=[common], help="list card readers")
    readers.set_defaults(run=_readers)
    return top


# --- commands --------------------------------------------------------------------------------------------------


def _check(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    from . import opening

    counter = _counter(arguments, now, portrait=arguments.photo is not None)
    secret = _password(arguments, style)
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
    _remember(counter, checked.verdict, style)
    _show(checked.verdict, checked.effort, style, json=arguments.json)
    _write_outputs(checked, arguments, style)
    return checked.verdict.exit_code


def _check_code(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    from . import printed, scan

    counter = _counter(arguments, now)
    texts = scan.text_file(arguments.text) if arguments.text is not None else scan.picture_file(arguments.image)
    verdict = counter.check_code(printed.envelope(texts))
    _remember(counter, verdict, style)
    _show(verdict, None, style, json=arguments.json)
    return verdict.exit_code


def _watch(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    from card_profiles.readers.monitor import CardChange, watch

    from . import opening
    from .read_failed import ReadFailed
    from .reason import Reason
    from .texts import LABELS

    counter = _counter(arguments, now)
    left = arguments.count
    _note(style.say(LABELS["waiting"]))
    for event in watch():
        if event.change is CardChange.SERVICE_LOST:
            lost = opening.no_service()
            if lost.reason is Reason.READER_SUPPORT_MISSING:
                raise lost  # no pcscd that comes back will help
            _tell_failure(lost, style, json=False)
        if event.change is not CardChange.INSERTED or (arguments.reader or "") not in event.reader:
            continue
        try:
            _watch_one(counter, event.reader, arguments, style)
        except ReadFailed as failed:
            _tell_failure(failed, style, json=arguments.json)
        sys.stdout.flush()
        left = None if left is None else left - 1
        if left == 0:
            break
        _note(style.say(LABELS["waiting"]))
    return 0


def _watch_one(counter: Counter, reader: str, arguments: argparse.Namespace, style: Style) -> None:
    from . import opening

    secret = _password(arguments, style)
    connection: Connection = opening.reader(reader)
    try:
        limits, on_limits = opening.remembered(connection)
        checked = counter.check(connection, secret, limits=limits, on_limits=on_limits)
    finally:
        connection.close()
    _remember(counter, checked.verdict, style)
    _show(checked.verdict, checked.effort, style, json=arguments.json)


def _replay(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    from keys.errors import DecodeError
    from keys.files import read_regular

    from . import evidence as codec
    from . import opening, store
    from .counter import load_catalogue, load_trust, read_watermark
    from .policy import AT_A_COUNTER, Check, Policy
    from .read_failed import ReadFailed
    from .reason import Reason
    from .verify import verify

    directory = store.trust_directory(arguments.trust, dict(os.environ))
    trust = load_trust(directory)
    try:
        raw, _ = read_regular(arguments.evidence, limit=codec.MAX_SIZE)
        captured = codec.decode(raw)
        sector = _sector(captured.sector)
    except (DecodeError, OSError, ValueError) as error:
        raise ReadFailed(Reason.EVIDENCE_UNREADABLE, "4", str(error)) from error
    if "EF.SOD" in captured.identity:
        opening.require_identity_support()
    watermark = None
    if not arguments.then:
        state = store.state_directory(arguments.state, dict(os.environ))
        watermark = read_watermark(store.Watermark(state), directory)
    required = AT_A_COUNTER
    required |= {Check.PORTRAIT} if captured.portrait else set()
    required |= {Check.IDENTITY} if "EF.SOD" in captured.identity else set()
    policy = Policy(sector=sector, catalogue=load_catalogue(trust), required=required, watermark=watermark)
    verdict = verify(captured, trust, policy, now=captured.captured if arguments.then else now())
    _show(verdict, None, style, json=arguments.json)
    return verdict.exit_code


def _sync(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    from . import sync_command

    return sync_command.run(arguments, style, now, os.environ)


def _readers(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    from . import opening
    from .texts import LABELS

    found = opening.readers()
    if not found:
        print(style.say(LABELS["no_readers"]))
    for state in found:
        print(f"{state.name}  ({style.say(LABELS['card' if state.card_present else 'empty'])})")
    return 0


# --- parts -----------------------------------------------------------------------------------------------------


def _counter(arguments: argparse.Namespace, now: Callable[[], datetime], *, portrait: bool = False) -> Counter:
    from time import perf_counter

    from . import store
    from .counter import Counter

    if arguments.identity:
        from .opening import require_identity_support

        require_identity_support()
    environment = dict(os.environ)
    return Counter(
        sector=_sector(arguments.sector),
        trust_directory=store.trust_directory(arguments.trust, environment),
        watermark=store.Watermark(store.state_directory(arguments.state, environment)),
        now=now,
        clock=perf_counter,
        random=os.urandom,
        portrait=portrait,
        identity=arguments.identity,
    )


def _password(arguments: argparse.Namespace, style: Style) -> Password:
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


def _sector(name: str) -> Sector:
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


def _note(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _show(verdict: Verdict, effort: Effort | None, style: Style, *, json: bool) -> None:
    from . import report

    if json:
        from json import dumps

        print(dumps(report.json_tree(verdict, effort), ensure_ascii=False))
    else:
        print(report.human(verdict, style, effort))


def _tell_failure(failed: ReadFailed, style: Style, *, json: bool) -> int:
    from . import report
    from .reason import Blame, blame
    from .verdict import ExitCode

    codes = {Blame.CARD: ExitCode.REFUSED, Blame.DATA: ExitCode.OWN_DATA, Blame.READING: ExitCode.NOT_READ}
    code = codes[blame(failed.reason)]
    if json:
        from json import dumps

        print(dumps(report.failure_tree(failed, code), ensure_ascii=False))
    else:
        _note(report.failure(failed, style))
    return code


def _remember(counter: Counter, verdict: Verdict, style: Style) -> None:
    from .texts import LABELS

    try:
        counter.remember(verdict)
    except OSError as error:  # the verdict stands; the next check of a clock set back will be weaker
        _note(f"{style.say(LABELS['watermark_kept'])}{error.strerror}")


def _write_outputs(checked: Checked, arguments: argparse.Namespace, style: Style) -> None:
    from keys.files import PRIVATE, replace

    from .texts import LABELS
    from .verdict import Outcome

    def write(path: str, label: str, content: bytes) -> None:
        try:
            replace(path, content, mode=PRIVATE)
        except OSError as error:  # the verdict stands
            _note(f"{style.say(LABELS['not_written'])}{path}: {error.strerror}")
        else:
            _note(style.say(LABELS[label]) + path)

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
            _note(f"{style.say(LABELS['not_written'])}{arguments.photo}: {error}")


if __name__ == "__main__":
    sys.exit(main())
