"""`permit-softcard`: make a blank software card, put it into pcscd's virtual reader, look at it."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from keys.closed_pipe import listened
from keys.errors import DecodeError

from ..errors import CardError
from ..model import CardProfile
from ..residence_permit_v1 import RESIDENCE_PERMIT_V1
from .card import SoftCard
from .image import CardState, ImageFile, encode_state, new_card_state, write_atomically

GLOBALPLATFORM_TEST_KEY = bytes(range(0x40, 0x50))  # GlobalPlatform's published default: a blank card is worth nothing
SERIAL_SIZE = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit codes: 0 done, 1 refused, 2 wrong usage."""
    return listened(lambda: _main(arguments))


def _main(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except BrokenPipeError:
        raise
    except (CardError, DecodeError, OSError, ValueError) as error:
        print(f"permit-softcard: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="permit-softcard",
        description="The software card: behaves as the profile declares. 软件卡:按卡片规格运行。",
    )
    commands = parser.add_subparsers(required=True)
    new = commands.add_parser("new", help="make a blank card 新建空白卡")
    new.add_argument("--image", type=Path, required=True, help="file to create 卡片映像文件")
    new.add_argument("--serial", type=bytes.fromhex, default=None, help="10 bytes in hex; random when left out")
    new.add_argument(
        "--transport-key-file",
        type=Path,
        help="file with the transport key in hex (default: GlobalPlatform's test key)",
    )
    new.set_defaults(run=_new)
    run = commands.add_parser("run", help="put the card into pcscd's virtual reader 插入虚拟读卡器")
    run.add_argument("--image", type=Path, required=True)
    run.add_argument("--vpcd", default="127.0.0.1:35963", metavar="HOST:PORT", help="default %(default)s")
    run.set_defaults(run=_run)
    show = commands.add_parser("show", help="what is on the card, without its secrets 查看卡片状态")
    show.add_argument("--image", type=Path, required=True)
    show.set_defaults(run=_show)
    return parser


def _new(options: argparse.Namespace) -> int:
    if options.image.exists():
        raise ValueError(
            f"{options.image} exists; a card is never overwritten. Choose another name, or remove it first"
        )
    key = GLOBALPLATFORM_TEST_KEY
    if options.transport_key_file:
        key = bytes.fromhex(options.transport_key_file.read_text().strip())
    serial = os.urandom(SERIAL_SIZE) if options.serial is None else options.serial
    state = new_card_state(RESIDENCE_PERMIT_V1, serial=serial, transport_key=key)
    options.image.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(options.image, encode_state(state))
    print(f"blank card {serial.hex()} in {options.image}")
    return 0


def _run(options: argparse.Namespace) -> int:
    from .vpcd import serve_until_signal

    host, _, port = options.vpcd.rpartition(":")
    card = SoftCard(RESIDENCE_PERMIT_V1, ImageFile(options.image))
    print(
        f"card {card.state.serial.hex()} goes into the virtual reader at {host}:{port}; Ctrl-C takes it out", flush=True
    )
    try:
        serve_until_signal(card, host, int(port))
    finally:
        card.close()
    return 0


def _show(options: argparse.Namespace) -> int:
    image = ImageFile(options.image)
    try:
        print(describe(RESIDENCE_PERMIT_V1, image.load()))
    finally:
        image.close()
    return 0


def describe(profile: CardProfile, state: CardState) -> str:
    """Serial, life cycle, key version and the size of each file; no content and no key."""
    lines = [
        f"profile     {state.profile}",
        f"serial      {state.serial.hex()}",
        f"life cycle  {state.life_cycle.name}",
        f"SCP03 keys  version {state.keys.version:02X}",
        f"chip key    {'present' if state.chip_key else 'none'}",
    ]
    for application in (profile.master_file, *profile.applications):
        for file in application.files:
            content = state.files.get((application.name, file.fid))
            if content is not None:
                lines.append(
                    f"  {application.name:8} {file.fid:04X} {file.name:20} {len(content):6} of {file.size} bytes"
                )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
