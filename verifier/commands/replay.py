"""`permit-verifier replay`: decide again from evidence."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING

from keys.errors import DecodeError
from keys.files import read_regular

from .. import evidence as codec
from .. import opening, store
from ..cli import sector_of, show
from ..counter import load_catalogue, load_trust, read_watermark
from ..policy import AT_A_COUNTER, Check, Policy
from ..read_failed import ReadFailed
from ..reason import Reason
from ..verify import verify

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    replay = commands.add_parser("replay", parents=[parents.common, parents.data], help=told)
    replay.add_argument("--evidence", metavar="FILE", required=True)
    replay.add_argument("--then", action="store_true", help="as at the time of capture, not as of now")
    replay.set_defaults(run=run)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """Decide; the exit code of the check."""
    directory = store.trust_directory(arguments.trust, dict(os.environ))
    trust = load_trust(directory)
    try:
        raw, _ = read_regular(arguments.evidence, limit=codec.MAX_SIZE)
        captured = codec.decode(raw)
        sector = sector_of(captured.sector)
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
    show(verdict, None, style, json=arguments.json)
    return verdict.exit_code
