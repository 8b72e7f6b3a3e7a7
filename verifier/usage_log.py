"""What was checked at this counter, without names: sums by hour, day and month, chained, that link no two visits.

Nothing about one check is ever written. A check raises counts; a record is written when its hour, day or month is over.
All words in it are from closed tables of ours (reasons, sectors, service codes of the catalogue): nothing that a card
says is copied, so a card cannot sign itself into the log. Why that keeps visits apart: docs/COUNTER.md.

    DIR/open.json     the counts that run, replaced whole after each check
    DIR/2026-06.log   one record a line, each with the hash of the one before; one file a month

A count below `FEWEST` is told of no hour but carried into the day, then into the month; there, a service that stays
below is told of none (`rare`). Reasons are told of the month whatever their number: they describe cards, not people.

Crash-safe: what will be appended stands in open.json first, so a torn line is written again, whole. What was lost all
the same (somebody removed a file, a disk lied) becomes a record that says so. One process at a time, by a lock.
"""

from __future__ import annotations

import json
import os
from collections import Counter as Counts
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any

from card_profiles.entitlements.catalogue import SERVICE_SECTORS, Catalogue, Sector
from keys.errors import DecodeError
from keys.files import PRIVATE, read_regular, replace, sync_directory

from .reason import Blame, Reason, blame
from .verdict import Assurance, ExitCode, Verdict

FEWEST = 5
"""A count below it is not told of the period in which it arose."""
KEPT_MONTHS = 24
START = "0" * 64
"""What the first record follows."""
MAX_OPEN = 1 << 20
SUFFIX = ".log"
RARE = "rare"
_FORMAT = 1
_OPEN, _LOCK = "open.json", "lock"
_CIVIL_TIME = timedelta(hours=8)


class Kind(StrEnum):
    """What a record is about."""

    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    REPAIRED = "repaired"  # bytes that were no record of ours were cut off
    LOST = "lost"  # records or running counts are gone


class Outcome(StrEnum):
    """How a check ended, as the exit code of `permit-verifier check` has it."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    NOT_READ = "not-read"
    OWN_DATA = "own-data"


OUTCOMES = {
    ExitCode.ACCEPTED: Outcome.ACCEPTED,
    ExitCode.REFUSED: Outcome.REFUSED,
    ExitCode.NOT_READ: Outcome.NOT_READ,
    ExitCode.OWN_DATA: Outcome.OWN_DATA,
}
_BLAMED = {Blame.CARD: Outcome.REFUSED, Blame.DATA: Outcome.OWN_DATA, Blame.READING: Outcome.NOT_READ}
_PERIODS = {Kind.HOUR: "%Y-%m-%dT%H", Kind.DAY: "%Y-%m-%d", Kind.MONTH: "%Y-%m"}
_LEVELS = tuple(_PERIODS)


def of_verdict(verdict: Verdict, catalogue: Catalogue) -> Counts[str]:
    """The counts that a check raises by one. Service codes only as the catalogue has them for the sector."""
    cells = [f"assurance:{verdict.assurance}", f"outcome:{OUTCOMES[verdict.exit_code]}"]
    cells += [f"reason:{reason}" for reason in dict.fromkeys((*verdict.reasons, *_withheld(verdict)))]
    if verdict.accepted:
        known = {service.code for service in catalogue.of(verdict.sector)}
        for service in verdict.services:
            if service.code in known:
                cells.append(f"{'entitled' if service.entitled else 'not-entitled'}:{service.code}")
    return Counts(dict.fromkeys(cells, 1))


def _withheld(verdict: Verdict) -> Iterator[Reason]:
    """Why services were kept back from an accepted card, without those that speak of single services."""
    yield from (reason for reason in verdict.entitled.reasons if blame(reason) is Blame.DATA)


def of_failure(reason: Reason, assurance: Assurance) -> Counts[str]:
    """The counts of a card that could not be read."""
    cells = (f"assurance:{assurance}", f"outcome:{_BLAMED[blame(reason)]}", f"reason:{reason}")
    return Counts(dict.fromkeys(cells, 1))


@dataclass(slots=True)
class _Running:
    """Counts of one sector: `checks` by level, and cells that are still to be told of."""

    checks: Counts[str] = field(default_factory=Counts)
    cells: dict[Kind, Counts[str]] = field(default_factory=lambda: {level: Counts() for level in _LEVELS})


@dataclass(slots=True)
class _Open:
    """open.json: the hour that runs, the counts, where the log ends, and lines that may be half written."""

    hour: str
    month: str
    """File that the log ends in."""
    size: int
    sequence: int
    previous: str
    sectors: dict[Sector, _Running] = field(default_factory=dict)
    pending: list[str] = field(default_factory=list)


class UsageLog:
    """The log in `directory`, made when first written to. Every call leaves it durable; OSError when it cannot.

    A verdict stands whatever happens here: callers tell the clerk that the log could not be written, and go on.
    """

    def __init__(self, directory: str, *, civil_time: timedelta = _CIVIL_TIME) -> None:
        self._directory = directory
        self._civil_time = civil_time

    def note(self, verdict: Verdict, catalogue: Catalogue) -> None:
        """Count a verdict, in the hour of `verdict.at`."""
        self._count(verdict.sector, of_verdict(verdict, catalogue), verdict.at)

    def note_failure(
        self, sector: Sector, reason: Reason, *, at: datetime, assurance: Assurance = Assurance.CHIP
    ) -> None:
        """Count a card or code that came to no verdict."""
        self._count(sector, of_failure(reason, assurance), at)

    def close(self, at: datetime) -> None:
        """Write what is over at `at`, without a check: before an export."""
        if not os.path.isdir(self._directory):
            return
        with self._locked():
            self._turn(self._load(at), at)

    def _count(self, sector: Sector, cells: Counts[str], at: datetime) -> None:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        with self._locked():
            state = self._turn(self._load(at), at)
            running = state.sectors.setdefault(sector, _Running())
            for level in _LEVELS:
                running.checks[level] += 1
            running.cells[Kind.HOUR].update(cells)
            self._keep(state)

    # --- time passes --------------------------------------------------------------------------------------------

    def _turn(self, state: _Open, at: datetime) -> _Open:
        """Write the records of what is over, if anything is."""
        moment = at + self._civil_time
        hour = moment.strftime(_PERIODS[Kind.HOUR])
        if hour == state.hour:
            return state
        over = [Kind.HOUR]
        over += [level for level in (Kind.DAY, Kind.MONTH) if not hour.startswith(_period(state.hour, level))]
        for level in over:
            for sector, running in sorted(state.sectors.items()):
                if running.checks[level]:
                    self._record(state, level, sector, _period(state.hour, level), running)
        state.hour = hour
        self._append(state)
        if Kind.MONTH in over:
            # Never back: files in the order of their names are the chain, whatever the clock did.
            state.month = max([_period(hour, Kind.MONTH), *months(self._directory)])
            state.size = self._size(state.month)
            state.sectors.clear()
            self._forget()
        self._keep(state)
        return state

    def _record(self, state: _Open, level: Kind, sector: Sector, period: str, running: _Running) -> None:
        told, carried = told_and_carried(level, running.cells[level])
        if level is Kind.MONTH and carried:
            told[RARE] = carried.total()
        elif carried:
            running.cells[_LEVELS[_LEVELS.index(level) + 1]].update(carried)
        body = {"kind": level, "period": period, "sector": sector, "checks": running.checks[level], "counts": told}
        self._line(state, body)
        running.cells[level], running.checks[level] = Counts(), 0

    def _line(self, state: _Open, body: Mapping[str, object]) -> None:
        state.sequence += 1
        line = encode({"seq": state.sequence, "prev": state.previous, **body})
        state.previous = json.loads(line)["hash"]
        state.pending.append(line)

    # --- the disk -----------------------------------------------------------------------------------------------

    def _append(self, state: _Open) -> None:
        """First the intent, then the lines, then that they stand."""
        if not state.pending:
            return
        self._keep(state)
        self._write_pending(state)
        self._keep(state)

    def _write_pending(self, state: _Open) -> None:
        data = "".join(state.pending).encode()
        path = self._path(state.month)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, PRIVATE)
        with open(descriptor, "wb") as stream:
            os.ftruncate(stream.fileno(), state.size)
            stream.seek(state.size)
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        sync_directory(self._directory)
        state.size += len(data)
        state.pending = []

    def _keep(self, state: _Open) -> None:
        """Durable; and the time of the file says no more than its content, the hour."""
        path = os.path.join(self._directory, _OPEN)
        replace(path, _encode_open(state), mode=PRIVATE)
        hour = datetime.strptime(state.hour + "+0000", _PERIODS[Kind.HOUR] + "%z") - self._civil_time
        os.utime(path, (hour.timestamp(), hour.timestamp()))

    def _load(self, at: datetime) -> _Open:
        """The running state, and the log put right beneath it."""
        try:
            raw, _ = read_regular(os.path.join(self._directory, _OPEN), limit=MAX_OPEN)
            state = _decode_open(raw)
        except FileNotFoundError:
            return self._begin(at, "no running counts" if months(self._directory) else "")
        except DecodeError as error:
            return self._begin(at, str(error))
        if state.pending:
            self._write_pending(state)
            self._keep(state)
        self._mend(state)
        return state

    def _begin(self, at: datetime, lost: str) -> _Open:
        """A new log; or a log whose running counts are gone, which goes on and says so."""
        hour = (at + self._civil_time).strftime(_PERIODS[Kind.HOUR])
        month = max([_period(hour, Kind.MONTH), *months(self._directory)])
        state = _Open(hour=hour, month=month, size=self._size(month), sequence=0, previous=START)
        if lost:
            last = self._last_line()
            state.sequence, state.previous = last.get("seq", 0), last.get("hash", START)
            self._line(state, {"kind": Kind.LOST, "detail": lost})
            self._append(self._on_a_new_line(state))
        return state

    def _mend(self, state: _Open) -> None:
        """The file ends where it should, or a record says what became of it."""
        size = self._size(state.month)
        if size == state.size:
            return
        if size > state.size:
            self._line(state, {"kind": Kind.REPAIRED, "detail": "cut off", "bytes": size - state.size})
        else:
            state.size, gone = size, state.size - size
            self._line(state, {"kind": Kind.LOST, "detail": "end of the log", "bytes": gone})
        self._append(self._on_a_new_line(state))

    def _on_a_new_line(self, state: _Open) -> _Open:
        """Half a record before what is to come stays as it is, to be seen."""
        if state.size:
            with open(self._path(state.month), "rb") as stream:
                stream.seek(state.size - 1)
                if stream.read(1) != b"\n":
                    state.pending.insert(0, "\n")
        return state

    def _last_line(self) -> dict[str, Any]:
        for month in reversed(months(self._directory)):
            with open(self._path(month), "rb") as stream:
                for line in reversed(stream.read().split(b"\n")):
                    try:
                        return decode(line + b"\n")
                    except DecodeError:
                        continue
        return {}

    def _size(self, month: str) -> int:
        try:
            return os.lstat(self._path(month)).st_size
        except FileNotFoundError:
            return 0

    def _path(self, month: str) -> str:
        return os.path.join(self._directory, month + SUFFIX)

    def _forget(self) -> None:
        for month in months(self._directory)[:-KEPT_MONTHS]:
            os.unlink(self._path(month))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        import fcntl

        path = os.path.join(self._directory, _LOCK)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, PRIVATE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def told_and_carried(level: Kind, cells: Counts[str]) -> tuple[dict[str, int], Counts[str]]:
    """What is told of a period, and what is too rare for it. Reasons and the like are told of a month in any case."""
    told, carried = {}, Counts[str]()
    for name, count in sorted(cells.items()):
        of_service = name.startswith(("entitled:", "not-entitled:"))
        if count >= FEWEST or (level is Kind.MONTH and not of_service):
            told[name] = count
        else:
            carried[name] = count
    return told, carried


def months(directory: str) -> list[str]:
    """The months that there are files of, oldest first."""
    try:
        names = os.listdir(directory)
    except FileNotFoundError:
        return []
    stems = (name.removesuffix(SUFFIX) for name in names if name.endswith(SUFFIX))
    return sorted(stem for stem in stems if len(stem) == 7 and stem[:4].isdigit() and stem[5:].isdigit())


def _period(hour: str, level: Kind) -> str:
    return hour[: {Kind.HOUR: 13, Kind.DAY: 10, Kind.MONTH: 7}[level]]


# --- forms --------------------------------------------------------------------------------------------------------


def encode(members: Mapping[str, object]) -> str:
    """One line: JSON in one form, its hash over everything before it."""
    body = _canonical(dict(members))
    digest = sha256(body.encode()).hexdigest()
    return _canonical({**members, "hash": digest}) + "\n"


def decode(line: bytes) -> dict[str, Any]:
    """A line as `encode` writes it. `DecodeError` for anything else, also for a hash that is not its own."""
    try:
        members = json.loads(line)
        if not isinstance(members, dict) or not isinstance(members.get("kind"), str):
            raise DecodeError("not a record", path="usage")
        rest = {name: value for name, value in members.items() if name != "hash"}
        if encode(rest).encode() != line:
            raise DecodeError("not as it was written", path="usage")
        if type(members["seq"]) is not int or not isinstance(members["prev"], str):
            raise DecodeError("no place in the chain", path="usage")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise error if isinstance(error, DecodeError) else DecodeError("not a record", path="usage") from error
    return members


def _canonical(members: Mapping[str, object]) -> str:
    return json.dumps(members, sort_keys=True, separators=(",", ":"))


def _encode_open(state: _Open) -> bytes:
    tree = {
        "format": _FORMAT,
        "hour": state.hour,
        "month": state.month,
        "size": state.size,
        "sequence": state.sequence,
        "previous": state.previous,
        "pending": state.pending,
        "sectors": {
            sector: {"checks": running.checks, "cells": running.cells} for sector, running in state.sectors.items()
        },
    }
    body = _canonical(tree)
    return f"{body}\n{sha256(body.encode()).hexdigest()}\n".encode()


def _decode_open(raw: bytes) -> _Open:
    body, _, check = raw.partition(b"\n")
    if check != sha256(body).hexdigest().encode() + b"\n":
        raise DecodeError("running counts are damaged", path=_OPEN)
    tree = json.loads(body)
    if tree.pop("format") != _FORMAT:
        raise DecodeError("running counts of another format", path=_OPEN)
    sectors = {
        Sector(name): _Running(
            checks=Counts(held["checks"]), cells={level: Counts(held["cells"][level]) for level in _LEVELS}
        )
        for name, held in tree.pop("sectors").items()
        if name in SERVICE_SECTORS
    }
    return _Open(sectors=sectors, **tree)
