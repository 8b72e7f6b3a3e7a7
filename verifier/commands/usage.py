"""`permit-verifier usage verify | export | totals`: the log of what was checked here, without names.

Exit codes: 0 done, 1 the log is not whole, 2 it cannot be read.
"""

from __future__ import annotations

import argparse
import os
import sys
import unicodedata
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from keys.errors import DecodeError
from keys.files import PRIVATE, read_regular, replace

from .. import store
from ..usage_log import OUTCOMES, UsageLog, months
from ..usage_report import MAX_EXPORT, Total, export_csv, export_json, import_json, together, totals, verify
from ..usage_texts import FAULTS, LABELS

if TYPE_CHECKING:
    from ..cli import Commands, Parents
    from ..report import Style

FOLDER = "usage"
_UNREADABLE = 2


def add(commands: Commands, parents: Parents, told: str) -> None:
    """Its arguments."""
    usage = commands.add_parser("usage", help=told)
    kinds = usage.add_subparsers(dest="kind", required=True)
    where = argparse.ArgumentParser(add_help=False, parents=[parents.common])
    where.add_argument("--state", metavar="DIR", help="where the log is kept (default: $PERMIT_STATE)")

    check = kinds.add_parser("verify", parents=[where], help="whether the chain of records holds")
    check.add_argument("--head", metavar="HASH", default="", help="a hash that was kept: it must be in the log")
    check.add_argument("--json", action="store_true", help="as JSON")

    out = kinds.add_parser("export", parents=[where], help="sums by month, as JSON or CSV")
    out.add_argument("--district", metavar="CODE", default="", help="district of this counter, for the sums of many")
    out.add_argument("--csv", action="store_true", help="CSV instead of JSON")
    out.add_argument("--out", metavar="FILE", help="else standard output")

    sums = kinds.add_parser("totals", parents=[where], help="a table of sums: of this counter, or of exports")
    sums.add_argument("exports", nargs="*", metavar="EXPORT", help="JSON exports of counters, summed up by district")
    sums.add_argument("--csv", action="store_true", help="CSV instead of a table")
    usage.set_defaults(run=run)


def directory(arguments: argparse.Namespace) -> str:
    """Where the log of this counter is."""
    return os.path.join(store.state_directory(arguments.state, dict(os.environ)), FOLDER)


def run(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    """The exit code."""
    try:
        return _COMMANDS[arguments.kind](arguments, style, now)
    except BrokenPipeError:
        raise
    except (DecodeError, OSError) as error:
        print(style.say(LABELS["unreadable"]) + str(error), file=sys.stderr)
        return _UNREADABLE


def _verify(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    found = verify(directory(arguments), head=arguments.head)
    if arguments.json:
        from json import dumps

        findings = [
            {"fault": one.fault, "month": one.month, "line": one.line, "detail": one.detail} for one in found.findings
        ]
        print(dumps({"whole": not findings, "records": len(found.records), "head": found.head, "findings": findings}))
        return 1 if findings else 0
    if not months(directory(arguments)):
        print(style.say(LABELS["none"]))
        return 0 if not found.findings else 1
    for one in found.findings:
        where = f"{one.month}:{one.line} " if one.month else ""
        print(f"{where}{style.say(FAULTS[one.fault])} ({one.detail})")
    outcome = style.say(LABELS["broken" if found.findings else "whole"])
    print(f"{outcome}: {len(found.records)} {style.say(LABELS['records'])}")
    print(f"{style.say(LABELS['head'])}: {found.head}")
    return 1 if found.findings else 0


def _export(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    UsageLog(directory(arguments)).close(now())
    found = verify(directory(arguments))
    parts = totals(found.records, arguments.district)
    text = export_csv(parts) if arguments.csv else export_json(parts, records=len(found.records), head=found.head)
    if arguments.out is None:
        print(text, end="")
    else:
        replace(arguments.out, text.encode(), mode=PRIVATE)
        print(style.say(LABELS["written"]) + arguments.out, file=sys.stderr)
    return 1 if found.findings else 0


def _totals(arguments: argparse.Namespace, style: Style, now: Callable[[], datetime]) -> int:
    if arguments.exports:
        parts = [part for path in arguments.exports for part in import_json(read_regular(path, limit=MAX_EXPORT)[0])]
    else:
        UsageLog(directory(arguments)).close(now())
        parts = list(totals(verify(directory(arguments)).records))
    summed = together(parts)
    print(export_csv(summed) if arguments.csv else _table(summed, style), end="")
    return 0


def _table(parts: Sequence[Total], style: Style) -> str:
    outcomes = list(OUTCOMES.values())
    names = ["district", "month", "sector", "checks", *outcomes, "printed"]
    rows = [[style.say(LABELS[name]) for name in names]]
    for part in parts:
        counts = [part.counts.get(f"outcome:{outcome}", 0) for outcome in outcomes]
        numbers = (part.checks, *counts, part.counts.get("assurance:printed", 0))
        rows.append([part.district, part.month, part.sector, *map(str, numbers)])
    widths = [max(_width(row[column]) for row in rows) for column in range(len(names))]
    lines = (
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)) for row in rows
    )
    return "".join(line.rstrip() + "\n" for line in lines)


def _width(text: str) -> int:
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


_COMMANDS = {"verify": _verify, "export": _export, "totals": _totals}
