"""`permit-verifier check-code`: the code on the back of a card, alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from .. import printed, scan
from ..cli import counter_of, remember, show

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    code = commands.add_parser("check-code", parents=[parents.common, parents.data, parents.counter], help=told)
    source = code.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", metavar="FILE", help="what a scanner typed; - for standard input")
    source.add_argument("--image", metavar="FILE", help="a picture of the card's back, PNG or JPEG")
    code.set_defaults(run=run, identity=False)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """Check it; the exit code."""
    counter = counter_of(arguments, now)
    texts = scan.text_file(arguments.text) if arguments.text is not None else scan.picture_file(arguments.image)
    verdict = counter.check_code(printed.envelope(texts))
    remember(counter, verdict, style)
    show(verdict, None, style, json=arguments.json)
    return verdict.exit_code
