"""`permit-verifier check-code`: the code on the back of a card, alone."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from .. import printed, scan
from ..cli import counter_of, note, remember, show

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style
    from ..verdict import Verdict


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    code = commands.add_parser("check-code", parents=[parents.common, parents.data, parents.counter], help=told)
    source = code.add_mutually_exclusive_group(required=True)
    source.add_argument("--text", metavar="FILE", help="what a scanner typed; - for standard input")
    source.add_argument("--image", metavar="FILE", help="a picture of the card's back, PNG or JPEG")
    code.add_argument("--evidence", metavar="OUT", help="write what was captured to OUT")
    code.set_defaults(run=run, identity=False)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """Check it; the exit code."""
    counter = counter_of(arguments, now)
    texts = scan.text_file(arguments.text) if arguments.text is not None else scan.picture_file(arguments.image)
    raw = printed.envelope(texts)
    verdict = counter.check_code(raw)
    remember(counter, verdict, style)
    show(verdict, None, style, json=arguments.json)
    if arguments.evidence is not None:
        _keep(arguments, raw, verdict, style)
    return verdict.exit_code


def _keep(arguments: argparse.Namespace, raw: bytes, verdict: Verdict, style: Style) -> None:
    """The code as evidence; the verdict stands if it cannot be written."""
    from keys.files import PRIVATE, replace

    from .. import printed_evidence
    from ..printed_evidence import PrintedEvidence
    from ..texts import LABELS

    captured = PrintedEvidence(captured=verdict.at.replace(microsecond=0), sector=verdict.sector, code=raw)
    try:
        replace(arguments.evidence, printed_evidence.encode(captured), mode=PRIVATE)
    except OSError as error:
        note(f"{style.say(LABELS['not_written'])}{arguments.evidence}: {error.strerror}")
    else:
        note(style.say(LABELS["evidence_written"]) + arguments.evidence)
