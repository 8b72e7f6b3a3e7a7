"""`permit-issuer paper card`: the faces of a card as a PDF, at a desk without the service. Exit codes as elsewhere.

Slip and receipt rest on the register: the service prints them.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import NoReturn

from keys import files
from keys.errors import DecodeError

from .. import application, command_line, photo
from ..assemble import Office, civil_date
from ..desk import MAX_OFFICE_NAME
from ..errors import ExitCode, Refusal, Refused
from ..terminal import Terminal
from ..texts import Language, language
from .card import card_face
from .records import CardFace

_DONE = ("卡面已写入 {path}", "The faces of the card are in {path}")


class _Parser(argparse.ArgumentParser):
    """A wrong command line ends with the code that the other commands have for it."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str], *, now: Callable[[], datetime]) -> int:
    """Run ``paper card …``."""
    options = _parser().parse_args(list(arguments))
    spoken = language(options.lang, os.environ)
    screen = Terminal(spoken, sys.stdout, sys.stderr)
    try:
        _card(options, civil_date(now()))
    except Refused as refused:
        screen.refuse(command_line.PROGRAM, refused)
        return refused.exit_code
    sys.stdout.write(_DONE[spoken is Language.EN].format(path=options.out) + "\n")
    return ExitCode.DONE


def _card(options: argparse.Namespace, today: date) -> None:
    command_line.check_can(options.can)
    raw = command_line.read_file(options.application, application.MAX_SIZE)
    picture = command_line.read_file(options.photo, photo.MAX_INPUT)
    code = command_line.read_file(options.code, 4096).decode("ascii", "replace").strip("\r\n")
    start = today if options.issued is None else command_line.day(options.issued, today)
    record = application.parse(raw, today=today, start=start)
    from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1

    image = photo.accept(picture, limit=RESIDENCE_PERMIT_V1.identity.file("DG2").size)
    office, english = _office(options.home)
    face = CardFace.of(record, office, can=options.can, photo=image, code=code, office_en=english)
    sheet = card_face(face)
    try:
        files.replace(str(options.out), sheet, mode=files.PRIVATE)
    except OSError as error:
        raise Refused(Refusal.OUTPUT_UNWRITABLE, path=options.out) from error


def _office(home: Path) -> tuple[Office, str]:
    """The authority's name and State, and its English name where the first is another: no key is opened."""
    from keys.authority.authority import Authority
    from keys.authority.errors import AuthorityError

    try:
        settings = Authority.look(home).settings
    except (AuthorityError, DecodeError, OSError) as error:
        raise Refused(Refusal.NO_AUTHORITY, path=home, error=error) from error
    native = len(settings.name_zh.encode()) <= MAX_OFFICE_NAME
    name = settings.name_zh if native else settings.name_en
    return Office(name=name, country=settings.mrz_country), settings.name_en if native else ""


def _parser() -> argparse.ArgumentParser:
    top = _Parser(prog=f"{command_line.PROGRAM} paper", description=(__doc__ or "").partition("\n")[0])
    known = top.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    card = known.add_parser("card", help="front and back, two pages of ID-1 卡面正反面")
    card.add_argument("--application", type=Path, required=True, metavar="FILE", help="JSON 申请")
    card.add_argument("--photo", type=Path, required=True, metavar="FILE", help="as it was issued 签发所用照片")
    card.add_argument("--can", required=True, metavar="N", help="six digits, as issuing told 卡面接入号")
    card.add_argument(
        "--code", type=Path, required=True, metavar="FILE", help="text of --code-out of issue or code 条码文本"
    )
    card.add_argument("--issued", metavar="DATE", help="the day of issuing, if not today 签发日期")
    card.add_argument("--out", type=Path, required=True, metavar="FILE", help="the PDF 输出文件")
    home = Path(os.environ.get(command_line.HOME_VARIABLE, "authority"))
    card.add_argument("--home", type=Path, default=home, metavar="DIR", help="the authority 发证机关目录")
    card.add_argument("--lang", choices=[*Language], help="else LANG decides 语言")
    return top
