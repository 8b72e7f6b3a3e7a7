"""`permit-issuer desk`: lends the reader of this machine to the service.

Runs until it is stopped, and tries again whenever the link breaks. The token is made by an administrator for this desk
(docs/DESK.md) and stands in a file that only its owner reads, never on the command line.

Exit codes: 0 stopped; 1 the token or the certificate cannot be used; 64 the command line cannot be read.
"""

from __future__ import annotations

import argparse
import os
import signal
import ssl
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from .address import TokenUnusable, read_token

PROGRAM = "permit-issuer desk"
TOKEN_FILE = "PERMIT_DESK_TOKEN_FILE"  # noqa: S105 - the name of a variable
LANGUAGES = ("zh", "en")
USAGE = 64


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    top = _Parser(
        prog=PROGRAM,
        description="Lend the reader of this machine to the issuing service. 把本机读卡器接到签发服务。",
        epilog=(__doc__ or "").partition("\n\n")[2],
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    server = "https://host[:port]; once for each process of the service 服务地址"
    top.add_argument("--server", action="append", required=True, metavar="URL", help=server)
    top.add_argument("--token-file", type=Path, metavar="F", help=f"else ${TOKEN_FILE} 令牌文件")
    which = top.add_mutually_exclusive_group()
    which.add_argument("--reader", metavar="NAME", help="PC/SC reader, or a part of its name 读卡器")
    which.add_argument("--image", type=Path, metavar="F", help="a software card, for trying 软件卡")
    top.add_argument("--ca", type=Path, metavar="F", help="PEM file: the certificate that signed the service's")
    top.add_argument("--lang", choices=LANGUAGES, help="else LANG decides 语言")
    top.add_argument("--json", action="store_true", help="a JSON object a line")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    options = parser().parse_args(arguments)
    try:
        from . import agent as agents
    except ImportError as error:
        return _fail(f"install residence-permit[desk] ({error.name})")
    from .readers import LentReader
    from .screen import Screen

    path = options.token_file or os.environ.get(TOKEN_FILE)
    try:
        servers = agents.addresses(options.server)
    except ValueError as error:
        parser().error(str(error))
    try:
        if path is None:
            raise TokenUnusable(f"--token-file, or ${TOKEN_FILE}")
        token = read_token(Path(path))
        tls = ssl.create_default_context(cafile=options.ca) if any(one.secure for one in servers) else None
    except (TokenUnusable, OSError) as error:
        return _fail(str(error))
    settings = agents.Settings(servers=servers, token=token, tls=tls)
    screen = Screen(sys.stdout, chinese=_chinese(options.lang), as_json=options.json)
    agent = agents.Agent(settings, LentReader(name=options.reader, image=options.image), screen)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: agent.stop())
    agent.run()
    return 0


def _chinese(wanted: str | None) -> bool:
    if wanted is not None:
        return wanted == "zh"
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return next((os.environ[name] for name in names if os.environ.get(name)), "").lower().startswith("zh")


def _fail(text: str) -> int:
    print(f"{PROGRAM}: {text}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
