"""`permit-verifier replay`: decide again from evidence of a card or a code, or from a report that came sealed."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from keys.errors import DecodeError
from keys.files import read_regular

from .. import evidence as codec
from .. import opening, printed, printed_evidence, store
from ..cli import sector_of, show
from ..counter import load_catalogue, load_trust, read_watermark
from ..policy import AT_A_COUNTER, Check, Policy
from ..printed_evidence import PrintedEvidence
from ..read_failed import ReadFailed
from ..reason import Reason
from ..verify import verify

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..evidence import Evidence
    from ..report import Style
    from ..support import Report
    from ..verdict import Verdict

_MAX_FILE = codec.MAX_SIZE + 8192


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    replay = commands.add_parser("replay", parents=[parents.common, parents.data], help=told)
    replay.add_argument("--evidence", metavar="FILE", required=True)
    replay.add_argument("--then", action="store_true", help="as at the time of capture, not as of now")
    replay.set_defaults(run=run)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """Decide; the exit code of the check."""
    evidence, report = read_file(arguments.evidence)
    verdict = decided(evidence, arguments, evidence.captured if arguments.then else now(), then=arguments.then)
    show(verdict, None, style, json=arguments.json)
    if report is not None and not arguments.json:
        _tell(report, verdict, style)
    return verdict.exit_code


def read_file(path: str) -> tuple[Evidence | PrintedEvidence, Report | None]:
    """Evidence of a card or a code; with the report around it, if it came in one. Raises ReadFailed."""
    try:
        raw, _ = read_regular(path, limit=_MAX_FILE)
        try:
            found: Evidence | PrintedEvidence = codec.decode(raw)
        except DecodeError as error:
            return _other(raw, error)
        else:
            return found, None
    except (DecodeError, OSError) as error:
        raise ReadFailed(Reason.EVIDENCE_UNREADABLE, "4", str(error)) from error


def _other(raw: bytes, otherwise: DecodeError) -> tuple[Evidence | PrintedEvidence, Report | None]:
    try:
        return printed_evidence.decode(raw), None
    except DecodeError:
        from ..support import decode

        try:
            report = decode(raw)
        except DecodeError:
            raise otherwise from None
        return report.evidence, report


def decided(
    evidence: Evidence | PrintedEvidence, arguments: argparse.Namespace, at: datetime, *, then: bool = False
) -> Verdict:
    """The verdict at `at` with our own data; `then` when that is the capture, and no watermark counts.

    Raises ReadFailed.
    """
    environment = dict(os.environ)
    directory = store.trust_directory(arguments.trust, environment)
    trust = load_trust(directory)
    try:
        sector = sector_of(evidence.sector)
    except ValueError as error:
        raise ReadFailed(Reason.EVIDENCE_UNREADABLE, "4", str(error)) from error
    policy = Policy(sector=sector, catalogue=load_catalogue(trust))
    if not then:
        watermark = store.Watermark(store.state_directory(arguments.state, environment))
        policy = replace(policy, watermark=read_watermark(watermark, directory))
    if isinstance(evidence, PrintedEvidence):
        return printed.verify(evidence.code, trust, policy, now=at)
    if "EF.SOD" in evidence.identity:
        opening.require_identity_support()
    required = AT_A_COUNTER
    required |= {Check.PORTRAIT} if evidence.portrait else set()
    required |= {Check.IDENTITY} if "EF.SOD" in evidence.identity else set()
    return verify(evidence, trust, replace(policy, required=frozenset(required)), now=at)


def _tell(report: Report, verdict: Verdict, style: Style) -> None:
    """What the counter said, beside what is said here."""
    from ..support_texts import LABELS
    from ..texts import REASONS

    print(f"{style.say(LABELS['counter_said'])} ({report.decided.isoformat()}, {report.software}):")
    for reason in report.reasons:
        known = reason in REASONS
        print(f"    {reason}" + (f": {style.say(REASONS[Reason(reason)])}" if known else ""))
    if report.note:
        print(f"    {style.say(LABELS['note'])}: {report.note}")
    same = (report.exit_code, report.reasons) == (int(verdict.exit_code), tuple(verdict.reasons))
    print(style.say(LABELS["same" if same else "different"]))
