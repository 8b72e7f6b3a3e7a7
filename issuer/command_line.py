"""The command line of `permit-issuer`, and the values in it: a wrong one is refused before anything is touched."""

from __future__ import annotations

import argparse
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from importlib.util import find_spec
from pathlib import Path
from typing import NoReturn

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import Sector
from card_profiles.entitlements.sector_files import SectorEntitlements

from . import application
from .code_image import SUFFIXES as CODE_SUFFIXES
from .desk import PASSPHRASE_FILE
from .errors import ExitCode, Refusal, Refused
from .journal import SERIAL_LENGTH
from .texts import Language

PROGRAM = "permit-issuer"
HOME_VARIABLE = "PERMIT_HOME"
ALL_SERVICES = "all"
_CAN = re.compile(r"[0-9]{6}", re.ASCII)
_SETTING = re.compile(r"([A-Z][0-9]{2}|all)=(.+)", re.ASCII)


class _Parser(argparse.ArgumentParser):
    """argparse ends with 2 for a wrong command line, which means something else here."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(ExitCode.USAGE, f"{self.prog}: {message}\n")


Command = Callable[..., ExitCode]


def parser(description: str, commands: Mapping[str, Command]) -> argparse.ArgumentParser:
    """The command line; each name in `commands` is a subcommand, and its function lands in `command`."""
    top = _Parser(
        prog=PROGRAM,
        description="Issues residence-permit cards at a desk. 在窗口签发居住证卡。",
        epilog=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    known = top.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    issue = known.add_parser("issue", help="write a blank card, or resume a torn one 签发，或继续未写完的卡")
    issue.add_argument("--photo", type=Path, required=True, metavar="FILE", help="JPEG or JPEG 2000 照片")
    issue.add_argument("--can", metavar="N", help="six digits for the face; random when left out 卡面接入号")
    issue.add_argument("--can-out", type=Path, metavar="FILE", help="write the CAN there, not to the terminal")
    code = known.add_parser("code", help="the code for the back of a card, as the card stands now 卡背面条码")
    code.add_argument("--can", metavar="N", help="on the face of the card 卡面接入号")
    code.add_argument("--mrz", metavar="TEXT", help="document number, birth and expiry date with check digits")
    for command in (issue, code):
        command.add_argument(
            "--code-out",
            type=code_file,
            required=command is code,
            metavar="FILE",
            help="PNG, SVG or text, for printing 条码输出文件",
        )
    endorse = known.add_parser("endorse", help="new validity or services on an activated card 签注")
    endorse.add_argument("--until", metavar="DATE", help="2027-11-21, or +1y after the last endorsement 有效至")
    services_help = "a service; all=DATE for each that there is, H01=none to end one 服务"
    endorse.add_argument("--set", action="append", default=[], metavar="H01=DATE", help=services_help)
    endorse.add_argument("--address", metavar="TEXT", help="the new residence address 现居住地址")
    endorse.add_argument("--can", metavar="N", help="on the face of the card 卡面接入号")
    endorse.add_argument("--mrz", metavar="TEXT", help="document number, birth and expiry date with check digits")
    endorse.add_argument("--dry-run", action="store_true", help="show old and new, write nothing 仅预览")
    void = known.add_parser("void", help="put a card out of use for good 注销卡")
    void.add_argument("--reason", required=True, metavar="TEXT", help="goes into the journal 原因")
    journal = known.add_parser("journal", help="cards, their states, balance of blanks 日志与结存")
    journal.add_argument("--serial", metavar="HEX", help="the history of one card 单卡历史")
    journal.add_argument("--received", type=int, metavar="N", help="enter N blanks into stock 入库空白卡")
    journal.add_argument("--note", default="", metavar="TEXT", help="with --received 备注")
    export_help = "who signed which card, for permit-keys drill and simulate; - for the terminal 导出"
    journal.add_argument("--export", type=Path, metavar="FILE", help=export_help)
    plan = known.add_parser("plan", help="show the steps and sizes, write nothing 预演")
    plan.add_argument("--photo", type=Path, metavar="FILE", help="JPEG or JPEG 2000 照片")
    for command in (issue, endorse, plan):
        required = command is not endorse
        command.add_argument("--application", type=Path, required=required, metavar="FILE", help="JSON 申请")
    for command in (issue, code, endorse, void):
        where = command.add_mutually_exclusive_group(required=command is void)
        where.add_argument("--reader", metavar="NAME", help="PC/SC reader; else the only one with a card 读卡器")
        where.add_argument("--image", type=Path, metavar="F", help="software card 软件卡")
        if command is void:
            where.add_argument("--serial", metavar="HEX", help="of a card that does not come back 不再出现的卡")
    for name, command in known.choices.items():
        command.set_defaults(command=commands[name])
        home = Path(os.environ.get(HOME_VARIABLE, "authority"))
        command.add_argument("--home", type=Path, default=home, metavar="DIR", help="the authority 发证机关目录")
        command.add_argument("--lang", choices=[*Language], help="else LANG decides 语言")
        if command is not journal:
            command.add_argument("--passphrase-file", type=Path, metavar="F", help=f"else ${PASSPHRASE_FILE}")
    return top


def settings(texts: Sequence[str]) -> dict[str, str]:
    """``H01=2027-08-31``, ``H01=+1y``, ``H01=none`` or ``all=…`` by code. Raises Refused."""
    known = catalogue.load()
    found: dict[str, str] = {}
    for text in texts:
        match = _SETTING.fullmatch(text)
        if match is None:
            raise Refused(Refusal.UNKNOWN_SERVICE, value=text, nearest="H01=2027-08-31, all=+1y, H01=none")
        code, when = match[1], match[2]
        try:
            if code != ALL_SERVICES:
                known.service(code)
        except catalogue.UnknownServiceCode as error:
            raise Refused(Refusal.UNKNOWN_SERVICE, value=code, nearest=", ".join(error.nearest) or "-") from error
        if when != "none":
            day(when, date.today())
        found[code] = when
    return found


def services(old: Mapping[str, date], changes: Mapping[str, str], start: date) -> dict[str, date]:
    """`old` with the settings; ``all`` comes first, so that a code beside it is its exception."""
    granted = dict(old)
    if ALL_SERVICES in changes:
        granted = _with(granted, dict.fromkeys(granted, changes[ALL_SERVICES]), start)
    return _with(granted, {code: when for code, when in changes.items() if code != ALL_SERVICES}, start)


def _with(granted: dict[str, date], changes: Mapping[str, str], start: date) -> dict[str, date]:
    for code, when in changes.items():
        if when == "none":
            granted.pop(code, None)
        else:
            granted[code] = day(when, start)
    return granted


def address(text: str) -> str:
    """A residence address as it goes onto the card: NFC, printable. Raises Refused(BAD_ADDRESS)."""
    normal = unicodedata.normalize("NFC", text).strip()
    try:
        SectorEntitlements(sector=Sector.HOUSEHOLD, services={}, address=normal)
    except ValueError as error:
        raise Refused(Refusal.BAD_ADDRESS, why=error) from error
    if not normal:
        raise Refused(Refusal.BAD_ADDRESS, why="empty")
    return normal


def day(text: str, start: date) -> date:
    """A date, or an interval after `start`. Raises Refused(BAD_DATE)."""
    try:
        return application.parse_date(text, start=start)
    except ValueError as error:
        raise Refused(Refusal.BAD_DATE, value=text) from error


def require_extras(options: argparse.Namespace) -> None:
    """What the command imports when it is half-way is there now. Raises Refused(EXTRA_MISSING)."""
    needed = []
    if "reader" in options and options.image is None:
        needed.append(("smartcard", "pcsc,issuer"))
    if getattr(options, "code_out", None) is not None:
        needed.append(("segno", "issuer"))
    if "reader" in options or "photo" in options:
        needed += [("asn1crypto", "issuer"), ("PIL", "issuer")]
    for module, extra in needed:
        if find_spec(module) is None:
            raise Refused(Refusal.EXTRA_MISSING, extra=extra)


def code_file(text: str) -> Path:
    """A file name that says what kind of picture it asks for; argparse tells of any other."""
    path = Path(text)
    if path.suffix.lower() not in CODE_SUFFIXES:
        raise argparse.ArgumentTypeError(f"{path.name}: a code is written as {', '.join(CODE_SUFFIXES)}")
    return path


def check_can(text: str | None) -> None:
    """Raises Refused(BAD_CAN), which does not repeat it."""
    if text is not None and _CAN.fullmatch(text) is None:
        raise Refused(Refusal.BAD_CAN)


def serial_number(text: str) -> bytes:
    """10 bytes out of 20 hexadecimal digits. Raises Refused(BAD_SERIAL)."""
    try:
        serial = bytes.fromhex(text)
    except ValueError as error:
        raise Refused(Refusal.BAD_SERIAL) from error
    if len(serial) != SERIAL_LENGTH:
        raise Refused(Refusal.BAD_SERIAL)
    return serial


def read_file(path: Path, limit: int) -> bytes:
    """At most one byte more than `limit`: whoever reads it says that it is too long."""
    try:
        with path.open("rb") as stream:
            return stream.read(limit + 1)
    except OSError as error:
        raise Refused(Refusal.NO_SUCH_FILE, path=path) from error


def check_writable(path: Path) -> None:
    """Raises Refused(OUTPUT_UNWRITABLE)."""
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise Refused(Refusal.OUTPUT_UNWRITABLE, path=path)
