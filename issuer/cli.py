"""`permit-issuer`: issue, endorse and void cards at a desk, look at the journal.

Exit codes: 0 done; 1 refused, card and journal are as they were; 2 reader, card or journal failed, run the same command
again to resume; 3 the authority's keys or published data cannot be used; 4 this card is void or must be; 64 usage.

The issuing service: `permit-issuer serve | init | db upgrade | audit verify | records export`, each with --help; beside
a reader that is not at the service's machine: `permit-issuer desk --help`.
"""

from __future__ import annotations

import argparse
import getpass
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from importlib.util import find_spec
from pathlib import Path

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.protocols.pace import Password
from card_profiles.protocols.scp03 import max_plain
from keys import files
from keys.closed_pipe import listened
from keys.errors import DecodeError
from keys.rotation import issued_cards

from . import (
    application,
    code_image,
    command_line,
    endorse,
    journal_export,
    personalise,
    photo,
    plan,
    printed,
    terminal,
    void,
)
from .application import PermitApplication
from .assemble import civil_date
from .command_line import PROGRAM, read_file
from .desk import PASSPHRASE_FILE, Desk, opened, opened_journal
from .endorse import Difference, Standing
from .errors import ExitCode, Refusal, Refused
from .journal import SERIAL_LENGTH, Journal
from .personalise import Order
from .resume import CardView
from .terminal import Terminal
from .texts import Line, language
from .writer import CardWriter

MAX_REASON = 80
SERVICE_COMMANDS = ("serve", "init", "db", "audit", "records")
_NOWHERE = {
    TransportFault.NO_SERVICE: Refusal.NO_READER_SERVICE,
    TransportFault.NO_READER: Refusal.NO_READER,
    TransportFault.READER_BUSY: Refusal.NO_READER,
}


def main(arguments: Sequence[str] | None = None, *, now: Callable[[], datetime] | None = None) -> int:
    """Run one command and return its exit code. `now` replaces the system's clock."""
    return listened(lambda: _main(arguments, now))


def _main(arguments: Sequence[str] | None, now: Callable[[], datetime] | None) -> int:
    given = sys.argv[1:] if arguments is None else list(arguments)
    if given and given[0] in SERVICE_COMMANDS:
        if find_spec("sqlalchemy") is None:
            missing = Refused(Refusal.EXTRA_MISSING, extra="issuer")
            Terminal(language(None, os.environ), sys.stdout, sys.stderr).refuse(PROGRAM, missing)
            return missing.exit_code
        from .service import cli as service  # the desk's commands start without database and framework

        return service.main(given)
    if given and given[0] == "desk":
        from .agent import cli as desk

        return desk.main(given[1:])
    if given and given[0] == "paper":
        from .paper import cli as sheets

        return sheets.main(given[1:], now=now or (lambda: datetime.now(UTC)))
    if given and given[0] == "rules":
        from .rules import cli as rules

        return rules.main(given)
    options = command_line.parser(
        (__doc__ or "").partition("\n\n")[2],
        {"issue": _issue, "code": _code, "endorse": _endorse, "void": _void, "journal": _journal, "plan": _plan},
    ).parse_args(given)
    options.now = now
    screen = Terminal(language(options.lang, os.environ), sys.stdout, sys.stderr)
    try:
        command_line.require_extras(options)
        command: Callable[[argparse.Namespace, Terminal], ExitCode] = options.command
        return command(options, screen)
    except Refused as refused:
        screen.refuse(PROGRAM, refused)
        return refused.exit_code
    except TransportFailed as failed:
        cut = Refused(Refusal.TRANSPORT_FAILED, error=failed.fault)
        screen.refuse(PROGRAM, cut)
        return cut.exit_code
    except KeyboardInterrupt:
        screen.warn(Line.INTERRUPTED)
        return ExitCode.CARD_FAILED


# --- commands


def _issue(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    raw, picture = (
        read_file(options.application, application.MAX_SIZE),
        read_file(options.photo, photo.MAX_INPUT),
    )
    command_line.check_can(options.can)
    with _desk(options, screen) as desk:
        today = civil_date(desk.now())
        record = application.parse(raw, today=today)
        begun = desk.journal.live_card(record.permit_number)
        if begun is not None and begun.unresolved and begun.valid_from is not None:
            record = application.parse(raw, today=today, start=begun.valid_from)
        image = photo.accept(picture, limit=desk.profile.identity.file("DG2").size)
        can = options.can or f"{desk.below(10**6):06d}"
        for path in (options.can_out, options.code_out):
            if path is not None:
                command_line.check_writable(path)
        if options.code_out is not None:
            printed.require_room(record, desk)

        def hand_over(number: str) -> None:
            if options.can_out is None:
                screen.say(Line.CAN_FOR_FACE, can=number)
                return
            try:
                files.replace(str(options.can_out), f"{number}\n".encode(), mode=files.PRIVATE)
            except OSError as error:
                raise Refused(Refusal.OUTPUT_UNWRITABLE, path=options.can_out) from error
            screen.say(Line.CAN_IN_FILE, path=options.can_out)

        with _card(options) as (connection, reader):
            order = Order(application=record, image=image, can=can, reader=reader)
            writer = CardWriter(connection, desk.keyring, desk.profile, random=desk.random)
            issued = personalise.issue(order, desk, writer, told=screen.progress, hand_over=hand_over)
        coded = options.code_out is None or _write_code(
            printed.of_issued(record, issued.card, desk), options.code_out, screen
        )
    ending = ExitCode.DONE if coded else ExitCode.CARD_FAILED
    details = {
        "permit": issued.card.permit_number,
        "serial": issued.card.serial.hex(),
        "until": issued.card.endorsed_until,
    }
    screen.end_progress()
    if not issued.can:
        screen.say(Line.COMPLETED, **details)
        return ending
    screen.say(Line.ISSUED, **details, size=issued.size, seconds=f"{issued.seconds:.1f}")
    if issued.resumed:
        screen.say(Line.RESUMED)
    if options.can_out is None:
        screen.say(Line.CAN_FOR_FACE, can=issued.can)
    return ending


def _code(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    command_line.check_writable(options.code_out)
    with _desk(options, screen) as desk:
        password = _password(options, None, screen)
        with _card(options) as (connection, _):
            writer = CardWriter(connection, desk.keyring, desk.profile, random=desk.random)
            _, text = printed.of_card(desk, writer, password)
        return ExitCode.DONE if _write_code(text, options.code_out, screen) else ExitCode.CARD_FAILED


def _write_code(text: str, path: Path, screen: Terminal) -> bool:
    """The code as a file; what is already in force is not taken back because a disk is full."""
    try:
        files.replace(str(path), code_image.render(text, path.suffix.lower()), mode=files.PRIVATE)
    except OSError:
        screen.warn(Line.CODE_NOT_WRITTEN, path=path)
        return False
    screen.say(Line.CODE_IN_FILE, path=path)
    return True


def _endorse(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    settings = command_line.settings(options.set)
    raw = None if options.application is None else read_file(options.application, application.MAX_SIZE)
    address = None if options.address is None else command_line.address(options.address)
    if options.until is not None:
        command_line.day(options.until, date.today())  # only whether it can be read; what it means depends on the card
    with _desk(options, screen) as desk:
        record = None if raw is None else _application_of_card(raw, desk)
        password = _password(options, record, screen)

        def change(old: Standing, start: date, expiry: date) -> Standing:
            base = old if record is None else endorse.by_application(record)(old, start, expiry)
            until = base.until if options.until is None else command_line.day(options.until, start)
            return Standing(
                until=until,
                permit_class=base.permit_class,
                services=command_line.services(base.services, settings, start),
                address=base.address if address is None else address,
            )

        def show(lines: tuple[Difference, ...]) -> bool:
            for line in lines:
                screen.say(Line.DIFFERENCE, name=line.name, old=line.old or "-", new=line.new or "-")
            return not options.dry_run

        with _card(options) as (connection, reader):
            writer = CardWriter(connection, desk.keyring, desk.profile, random=desk.random)
            done = endorse.endorse(
                change,
                desk,
                writer,
                password,
                reader=reader,
                permit_number=None if record is None else record.permit_number,
                renews=record is not None,
                told=screen.progress,
                show=show,
            )
    screen.end_progress()
    if options.dry_run:
        screen.say(Line.NOT_WRITTEN)
        return ExitCode.DONE
    if not done.written:
        screen.say(Line.UNCHANGED)
    screen.say(Line.ENDORSED, permit=done.card.permit_number, serial=done.card.serial.hex(), until=done.until)
    return ExitCode.DONE


def _void(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    reason = options.reason.strip()
    if not 0 < len(reason) <= MAX_REASON or not reason.isprintable():
        raise Refused(Refusal.BAD_REASON)
    serial = None if options.serial is None else command_line.serial_number(options.serial)
    with _desk(options, screen) as desk:
        if serial is not None:
            card = void.absent_card(desk, serial, reason=reason)
        else:
            with _card(options) as (connection, reader):
                writer = CardWriter(connection, desk.keyring, desk.profile, random=desk.random)
                card = void.present_card(desk, writer, reason=reason, reader=reader)
    screen.say(Line.VOIDED, serial=card.serial.hex(), why=card.reason)
    if card.revocation_due:
        screen.warn(Line.VOID_PENDING)
    return ExitCode.DONE


def _journal(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    serial = None if options.serial is None else command_line.serial_number(options.serial)
    if options.received == 0:
        raise Refused(Refusal.BAD_COUNT)
    with opened_journal(options.home) as journal:
        if options.received is not None:
            journal.receive(options.received, note=options.note)
        if options.export is not None:
            try:
                _export(journal, options.export)
            except OSError as error:
                raise Refused(Refusal.OUTPUT_UNWRITABLE, path=options.export) from error
        elif serial is not None:
            _history(journal, serial, screen)
        else:
            terminal.show_journal(journal, screen)
    return ExitCode.DONE


def _export(journal: Journal, path: Path) -> None:
    lines = issued_cards.encode(journal_export.cards(journal), exported=datetime.now(UTC))
    if str(path) == "-":
        sys.stdout.writelines(lines)
    else:
        files.replace(str(path), "".join(lines).encode(), mode=files.PRIVATE)


def _history(journal: Journal, serial: bytes, screen: Terminal) -> None:
    if journal.card(serial) is None:
        raise Refused(Refusal.CARD_NOT_IN_JOURNAL, serial=serial.hex())
    terminal.show_events(journal.events(serial), screen)


def _plan(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    raw = read_file(options.application, application.MAX_SIZE)
    picture = terminal.smallest_photo() if options.photo is None else read_file(options.photo, photo.MAX_INPUT)
    with _desk(options, screen) as desk:
        record = application.parse(raw, today=civil_date(desk.now()))
        image = photo.accept(picture, limit=desk.profile.identity.file("DG2").size)
        contents = personalise.rehearse(Order(application=record, image=image, can="000000", reader=""), desk)
    profile = desk.profile
    blank = CardView(
        serial=bytes(SERIAL_LENGTH),
        key_version=profile.scp03.transport_key_version,
        life_cycle=profile.life_cycle[0].source,
    )
    steps = plan.issue(blank, contents, profile, chunk=max_plain(Limits.from_atr(profile.atr).max_data))
    terminal.show_plan(steps, contents.size, screen)
    if options.photo is None:
        screen.say(Line.NO_PHOTO)
    return ExitCode.DONE


# --- what the commands are given


@contextmanager
def _desk(options: argparse.Namespace, screen: Terminal) -> Iterator[Desk]:
    with opened(options.home, lambda: _passphrase(options, screen), now=options.now) as desk:
        if options.command is not _plan:
            desk.publish_overdue()
        yield desk


@contextmanager
def _card(options: argparse.Namespace) -> Iterator[tuple[Connection, str]]:
    """The card in reach and the name of where it is. Raises Refused: NO_READER, NO_CARD, FOREIGN_CARD."""
    connection: Connection
    try:
        if options.image is not None:
            from card_profiles.softcard.connection import open_image

            connection, reader = open_image(options.image), f"image {options.image.name}"
        else:
            from card_profiles.readers import pcsc

            found = pcsc.connect(options.reader)
            connection, reader = found, found.reader_name
    except TransportFailed as failed:
        raise Refused(_NOWHERE.get(failed.fault, Refusal.NO_CARD), error=failed) from failed
    except Misuse as error:
        raise Refused(Refusal.NO_READER, error=error) from error
    except (DecodeError, OSError) as error:
        raise Refused(Refusal.FOREIGN_CARD) from error
    try:
        yield connection, reader
    finally:
        connection.close()


def _passphrase(options: argparse.Namespace, screen: Terminal) -> bytes:
    path = options.passphrase_file or os.environ.get(PASSPHRASE_FILE)
    if path:
        passphrase = read_file(Path(path), 1024).partition(b"\n")[0].rstrip(b"\r")
    elif sys.stdin.isatty():
        passphrase = getpass.getpass(screen.text(Line.ASK_PASSPHRASE)).encode()
    else:
        passphrase = b""
    if not passphrase:
        raise Refused(Refusal.KEYS_LOCKED, variable=PASSPHRASE_FILE)
    return passphrase


def _password(options: argparse.Namespace, record: PermitApplication | None, screen: Terminal) -> Password:
    """What opens the card for reading: the CAN, the MRZ, or what the application says of the MRZ."""
    can = options.can
    if can is None and options.mrz is None and record is None and sys.stdin.isatty():
        can = getpass.getpass(screen.text(Line.ASK_CAN)).strip()
    if can is not None:
        command_line.check_can(can)
        return Password.from_can(can)
    if options.mrz is not None:
        try:
            return Password.from_mrz(options.mrz)
        except ValueError as error:
            raise Refused(Refusal.WRONG_READ_CODE) from error
    if record is not None:
        return Password.from_mrz(record.mrz_information)
    raise Refused(Refusal.READ_CODE_MISSING)


def _application_of_card(raw: bytes, desk: Desk) -> PermitApplication:
    """An application for a permit that has a card: ``today`` is the day on which that card was issued, and intervals
    count from the end of its last endorsement."""
    today = civil_date(desk.now())
    record = application.parse(raw, today=today)
    live = desk.journal.live_card(record.permit_number)
    if live is None or live.valid_from is None:
        return record
    start = endorse.starts(live, today)
    return application.parse(raw, today=today, start=live.valid_from, endorsed_from=start)


if __name__ == "__main__":
    sys.exit(main())
