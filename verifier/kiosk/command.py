"""`permit-verifier kiosk`: serve the page of a counter, and the interface for its software, on this machine only."""

from __future__ import annotations

import argparse
import os
import socket
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from card_profiles.entitlements.catalogue import SERVICE_SECTORS
from keys.files import PRIVATE, replace

from .. import store
from ..verdict import ExitCode
from . import settings, token
from .settings import Settings, SettingsWrong
from .token import Token, TokenWrong

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style
    from .serving import Server

LINK_FILE = "kiosk-link"
USAGE = "usage"
_TEXTS = {
    "link": ("用浏览器打开(本机): ", "Open in a browser on this machine: "),
    "token": ("程序接口令牌: ", "Token for programs: "),
    "end": ("按 Ctrl-C 结束。", "Ctrl-C ends."),
    "settings": ("设置有误: ", "A setting is wrong: "),
    "state": ("无法使用状态目录: ", "The state directory cannot be used: "),
    "port": ("端口已被占用,请用 --port 指定其他端口: ", "The port is taken, name another with --port: "),
    "extra": (
        "没有安装页面支持:请安装 residence-permit[counter,pcsc]。",
        "Support for the page is not installed: install residence-permit[counter,pcsc].",
    ),
}


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments; each of them but --settings may stand in the file."""
    kiosk = commands.add_parser("kiosk", parents=[parents.common], help=told)
    kiosk.add_argument("--settings", metavar="FILE", help="TOML: sector, readers, languages, freshness_days …")
    kiosk.add_argument("--sector", choices=[str(sector) for sector in SERVICE_SECTORS])
    kiosk.add_argument("--name", metavar="TEXT", help="name of the counter, shown on the page")
    kiosk.add_argument("--reader", metavar="NAME", action="append", help="a part of a reader's name (default: all)")
    kiosk.add_argument("--port", metavar="N", type=int, help=f"default {settings.DEFAULT_PORT}; 0: any free one")
    kiosk.add_argument("--no-portrait", action="store_true", help="read no portraits")
    kiosk.add_argument("--trust", metavar="DIR", help="trust directory (default: $PERMIT_TRUST)")
    kiosk.add_argument("--state", metavar="DIR", help="watermark, token and log of use (default: $PERMIT_STATE)")
    kiosk.add_argument("--open", action="store_true", help="open the page in this machine's browser")
    kiosk.set_defaults(run=run)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """Serve until a signal ends it; 2 when it cannot begin."""

    def tell(label: str, more: str = "") -> int:
        print(style.say(_TEXTS[label]) + more, file=sys.stderr, flush=True)
        return int(ExitCode.NOT_READ)

    try:
        chosen = settings.load(arguments.settings, _given(arguments, style))
    except SettingsWrong as error:
        return tell("settings", str(error))
    state = store.state_directory(arguments.state, dict(os.environ))
    try:
        secret = token.load(state)
        listener = _listen(chosen)
        port = listener.getsockname()[1]
        link = f"http://{_name(chosen.host)}:{port}/?key={secret.link}"
        replace(os.path.join(state, LINK_FILE), f"{link}\n".encode(), mode=PRIVATE)
    except _Taken as error:
        return tell("port", str(error))
    except (OSError, TokenWrong) as error:
        return tell("state", str(error))
    try:
        server = _server(arguments, chosen, state, secret, port, now)
    except ImportError:
        listener.close()
        return tell("extra")
    print(style.say(_TEXTS["link"]) + link, flush=True)
    print(style.say(_TEXTS["token"]) + os.path.join(state, token.FILE), flush=True)
    print(style.say(_TEXTS["end"]), flush=True)
    if arguments.open:
        import webbrowser

        webbrowser.open(link)
    server.run(sockets=[listener])
    return int(ExitCode.ACCEPTED)


def _server(
    arguments: argparse.Namespace,
    chosen: Settings,
    state: str,
    secret: Token,
    port: int,
    now: Callable[[], datetime],
) -> Server:
    from ..cli import VERSION
    from ..usage_log import UsageLog
    from . import app
    from .guard import Guard
    from .kiosk import Kiosk
    from .serving import Server
    from .support_file import SupportFiles

    trust = store.trust_directory(arguments.trust, dict(os.environ))
    log = UsageLog(os.path.join(state, USAGE))
    kiosk = Kiosk(
        chosen,
        trust_directory=trust,
        state_directory=state,
        now=now,
        after_check=log.note,
        after_failure=lambda reason, how: log.note_failure(chosen.sector, reason, at=now(), assurance=how),
    )
    save = SupportFiles(state=state, trust_directory=trust, software=VERSION, now=now)
    return Server(Guard(app.create(kiosk, save=save), token=secret, port=port), kiosk)


def _given(arguments: argparse.Namespace, style: Style) -> dict[str, object]:
    languages = None
    if arguments.lang is not None:
        languages = [arguments.lang, *(one for one in ("zh", "en") if one != arguments.lang)]
    elif arguments.settings is None and style.language == "en":
        languages = ["en", "zh"]
    return {
        "sector": arguments.sector,
        "name": arguments.name,
        "readers": arguments.reader,
        "port": arguments.port,
        "portrait": False if arguments.no_portrait else None,
        "languages": languages,
    }


class _Taken(Exception):
    """Somebody else listens there."""


def _listen(chosen: Settings) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in chosen.host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((chosen.host, chosen.port))
        listener.listen(64)
    except OSError as error:
        listener.close()
        raise _Taken(f"{chosen.port} ({error.strerror})") from error
    return listener


def _name(host: str) -> str:
    return f"[{host}]" if ":" in host else host
