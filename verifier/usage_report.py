"""What a usage log says: whether its chain holds, its sums, and the sums of many counters.

Pure over the files: nothing here writes to a log.
"""

from __future__ import annotations

import csv
import io
import json
import os
from collections import Counter as Counts
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from keys.errors import DecodeError
from keys.files import read_regular

from .usage_log import START, SUFFIX, Kind, decode, months

MAX_FILE = 64 << 20
"""A month has some two thousand records of a few hundred bytes."""
MAX_EXPORT = 4 << 20
FORMAT = 1


class Fault(StrEnum):
    """What can be wrong with a log."""

    MALFORMED = "malformed"  # a line that is no record, or was changed
    LINK = "link"  # a record does not follow the one before it
    GAP = "gap"  # a number is missing or comes twice
    LOST = "lost"  # the log itself says that something is gone
    HEAD = "head"  # a record that is known from elsewhere is not in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault, by file and line."""

    fault: Fault
    month: str
    line: int
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """All records that could be read, and what is wrong. `first` is the number of the oldest that is kept."""

    records: tuple[dict[str, Any], ...]
    findings: tuple[Finding, ...]
    first: int
    head: str
    """Hash of the last record: whoever keeps it can tell later that nothing before it was changed or removed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """A month of one sector: `counts` by name, `by_hour` checks by hour of the day."""

    district: str
    month: str
    sector: str
    checks: int
    counts: dict[str, int]
    by_hour: dict[str, int]


def verify(directory: str, *, head: str = "") -> Verified:
    """Read all files and judge the chain. `head` is a hash that must occur. OSError when a file cannot be read.

    The oldest kept file may follow records that were removed when their time was over: what it follows is believed.
    """
    records: list[dict[str, Any]] = []
    findings: list[Finding] = []
    previous: dict[str, Any] | None = None
    for month, number, line in _lines(directory):
        try:
            record = decode(line)
        except DecodeError as error:
            findings.append(Finding(fault=Fault.MALFORMED, month=month, line=number, detail=str(error)))
            continue
        findings += [
            Finding(fault=fault, month=month, line=number, detail=detail) for fault, detail in _after(previous, record)
        ]
        records.append(record)
        previous = record
    if head and head != START and all(record["hash"] != head for record in records):
        findings.append(Finding(fault=Fault.HEAD, month="", line=0, detail=head))
    return Verified(
        records=tuple(records),
        findings=tuple(findings),
        first=records[0]["seq"] if records else 0,
        head=previous["hash"] if previous else START,
    )


def _after(previous: dict[str, Any] | None, record: dict[str, Any]) -> Iterator[tuple[Fault, str]]:
    if previous is None:
        if record["seq"] == 1 and record["prev"] != START:
            yield Fault.LINK, "the first record follows another"
    else:
        if record["seq"] != previous["seq"] + 1:
            yield Fault.GAP, f"{record['seq']} after {previous['seq']}"
        if record["prev"] != previous["hash"]:
            yield Fault.LINK, f"{record['seq']}"
    if record["kind"] == Kind.LOST:
        yield Fault.LOST, str(record.get("detail", ""))


def _lines(directory: str) -> Iterator[tuple[str, int, bytes]]:
    for month in months(directory):
        raw, _ = read_regular(os.path.join(directory, month + SUFFIX), limit=MAX_FILE)
        for number, line in enumerate(raw.split(b"\n")[: None if not raw.endswith(b"\n") else -1], start=1):
            yield month, number, line + b"\n"


def totals(records: Iterable[dict[str, Any]], district: str = "") -> tuple[Total, ...]:
    """Sums by month and sector: what was told of hours, days and the month together."""
    checks: Counts[tuple[str, str]] = Counts()
    counts: dict[tuple[str, str], Counts[str]] = {}
    hours: dict[tuple[str, str], Counts[str]] = {}
    for record in records:
        if record["kind"] not in (Kind.HOUR, Kind.DAY, Kind.MONTH):
            continue
        key = record["period"][:7], record["sector"]
        counts.setdefault(key, Counts()).update(record["counts"])
        if record["kind"] == Kind.HOUR:
            checks[key] += record["checks"]
            hours.setdefault(key, Counts())[record["period"][11:]] += record["checks"]
    return tuple(
        Total(
            district=district,
            month=month,
            sector=sector,
            checks=checks[month, sector],
            counts=dict(sorted(counts[month, sector].items())),
            by_hour=dict(sorted(hours.get((month, sector), Counts()).items())),
        )
        for month, sector in sorted(counts)
    )


def together(parts: Iterable[Total]) -> tuple[Total, ...]:
    """The sums of several counters, by district, month and sector."""
    found: dict[tuple[str, str, str], tuple[Counts[str], Counts[str], Counts[str]]] = {}
    for part in parts:
        key = part.district, part.month, part.sector
        checks, counts, hours = found.setdefault(key, (Counts(), Counts(), Counts()))
        checks["all"] += part.checks
        counts.update(part.counts)
        hours.update(part.by_hour)
    return tuple(
        Total(
            district=district,
            month=month,
            sector=sector,
            checks=checks["all"],
            counts=dict(sorted(counts.items())),
            by_hour=dict(sorted(hours.items())),
        )
        for (district, month, sector), (checks, counts, hours) in sorted(found.items())
    )


def export_json(parts: Iterable[Total], *, records: int, head: str) -> str:
    """The sums, and where the chain stood."""
    tree = {"format": FORMAT, "records": records, "head": head, "totals": [_tree(part) for part in parts]}
    return json.dumps(tree, indent=2, sort_keys=True) + "\n"


def export_csv(parts: Iterable[Total]) -> str:
    """One count a line: district, month, sector, name, count; `checks` and `hour:HH` are names too."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("district", "month", "sector", "name", "count"))
    for part in parts:
        rows = {"checks": part.checks, **{f"hour:{hour}": count for hour, count in part.by_hour.items()}, **part.counts}
        writer.writerows((part.district, part.month, part.sector, name, count) for name, count in rows.items())
    return out.getvalue()


def import_json(raw: bytes) -> tuple[Total, ...]:
    """What `export_json` wrote at a counter. DecodeError for anything else."""
    try:
        tree = json.loads(raw)
        if tree["format"] != FORMAT:
            raise DecodeError("not an export of this format", path="usage export")
        return tuple(_total(entry) for entry in tree["totals"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise error if isinstance(error, DecodeError) else DecodeError("not an export", path="usage export") from error


def _tree(part: Total) -> dict[str, object]:
    return {
        "district": part.district,
        "month": part.month,
        "sector": part.sector,
        "checks": part.checks,
        "counts": part.counts,
        "by_hour": part.by_hour,
    }


def _total(entry: dict[str, Any]) -> Total:
    total = Total(**entry)
    texts = (total.district, total.month, total.sector, *total.counts, *total.by_hour)
    numbers = (total.checks, *total.counts.values(), *total.by_hour.values())
    if not all(isinstance(text, str) and text.isprintable() for text in texts):
        raise DecodeError("not a text", path="usage export")
    if not all(type(number) is int and number >= 0 for number in numbers):
        raise DecodeError("not a count", path="usage export")
    return total
