"""`permit-verifier support`: seal the evidence of a refused card to the authority.

Exit codes: 0 written, 1 refused (one line says why), 2 the evidence cannot be read.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from keys.files import PRIVATE, write_new

from .. import store, support
from ..counter import load_trust
from ..support_texts import LABELS, REASONS
from .replay import decided, read_file

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    command = commands.add_parser("support", parents=[parents.common], help=told)
    command.add_argument("--evidence", metavar="FILE", required=True, help="as check or check-code wrote it")
    command.add_argument("--out", metavar="FILE", required=True, help="the support file, new")
    command.add_argument("--note", metavar="TEXT", default="", help="what happened, in a sentence; no numbers of cards")
    command.add_argument("--trust", metavar="DIR", help="trust directory (default: $PERMIT_TRUST)")
    command.add_argument("--state", metavar="DIR", help="where the clock watermark is kept (default: $PERMIT_STATE)")
    command.set_defaults(run=run)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """The exit code."""
    from ..cli import VERSION

    directory = store.trust_directory(arguments.trust, dict(os.environ))
    evidence, _ = read_file(arguments.evidence)
    trust, moment = load_trust(directory), now()
    try:
        verdict = decided(evidence, arguments, moment)
        report = support.report_of(evidence, verdict, note=arguments.note, software=VERSION)
        sealed = support.seal(report, trust_directory=directory, trust=trust, now=moment, random=os.urandom)
        write_new(arguments.out, sealed, mode=PRIVATE)
    except support.SupportRefused as refused:
        print(style.say(REASONS[refused.reason]), file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{arguments.out}: {error.strerror}", file=sys.stderr)
        return 1
    print(style.say(LABELS["written"]) + arguments.out)
    print(style.say(LABELS["remove"]) + arguments.evidence)
    return 0
