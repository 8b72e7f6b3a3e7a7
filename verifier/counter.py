"""A counter at work: its own data, its clock, and the cards that are put before it.

The only place of the verifier that knows what time it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from card_profiles.entitlements.catalogue import Catalogue, Sector, load, parse
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.protocols.pace import Password
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1
from keys.errors import DecodeError
from keys.trust import TrustError, TrustStore

from . import generations, sync_record
from .card_files import Progress
from .checks.signers import trust_reason
from .evidence import Evidence
from .policy import AT_A_COUNTER, Check, Policy
from .read_failed import ReadFailed
from .reader import Reading, Request, read
from .reason import Reason
from .report import Effort
from .store import Watermark
from .sync_record import SyncRecord
from .verdict import Step, Verdict
from .verify import verify

OWN_DATA = "11"  # the step that judges it


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One card, read and decided."""

    verdict: Verdict
    evidence: Evidence
    effort: Effort


class Counter:
    """Checks cards for one sector. `now` gives UTC, `clock` seconds that only grow, `random` bytes for the protocols.

    `freshness` replaces limits of `Policy` by their names. Raises ReadFailed when the own data cannot be used:
    TRUST_MISSING, TRUST_DAMAGED.
    """

    def __init__(
        self,
        *,
        sector: Sector,
        trust_directory: str,
        watermark: Watermark,
        now: Callable[[], datetime],
        clock: Callable[[], float],
        random: Callable[[int], bytes],
        portrait: bool = False,
        identity: bool = False,
        freshness: Mapping[str, timedelta] | None = None,
    ) -> None:
        self._now, self._clock, self._random = now, clock, random
        self._watermark = watermark
        self._portrait, self._identity = portrait, identity
        self._trust_directory = trust_directory
        required = AT_A_COUNTER
        required |= {Check.PORTRAIT} if portrait else set()
        required |= {Check.IDENTITY} if identity else set()
        self._sector, self._required = sector, required
        self._freshness = dict(freshness or {})
        self._policy: Policy
        self._stamp: tuple[int, int] | None
        self._load()

    @property
    def catalogue(self) -> Catalogue:
        """Services and their names, by our own data."""
        return self._policy.catalogue

    @property
    def portrait(self) -> bool:
        """Whether portraits are read and checked."""
        return self._portrait

    @property
    def policy(self) -> Policy:
        """What this counter demands, with the latest time that it knows."""
        return self._policy

    def trust(self) -> TrustStore:
        """Our own data, as it lies there now. Raises ReadFailed."""
        self._refresh()
        return self._trust

    def _refresh(self) -> None:
        if generations.resolve(self._trust_directory) != self._generation:
            self._load()
        elif self._watermark.stamp() != self._stamp:  # another counter of this machine knows a later time
            self._read_watermark()

    def _read_watermark(self) -> None:
        self._stamp = self._watermark.stamp()
        self._policy = replace(self._policy, watermark=read_watermark(self._watermark, self._generation))

    def _load(self) -> None:
        """Our own data, as it lies there now: synchronisation may switch it while a counter is at work."""
        self._generation = generations.resolve(self._trust_directory)
        self._trust = load_trust(self._generation)
        self._stamp = self._watermark.stamp()
        self._policy = Policy(
            sector=self._sector,
            catalogue=load_catalogue(self._trust),
            required=self._required,
            watermark=read_watermark(self._watermark, self._generation),
            **self._freshness,
        )

    def check(
        self,
        connection: Connection,
        password: Password,
        *,
        limits: Limits | None = None,
        on_limits: Callable[[Limits], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
        early: Callable[[Verdict], None] | None = None,
    ) -> Checked:
        """Read the card and decide. `early` hears the verdict of steps 1 to 8 before 9 is read. Raises ReadFailed."""
        begin = self._clock()
        self._refresh()
        request = Request(
            profile=RESIDENCE_PERMIT_V1,
            sector=self._policy.sector,
            password=password,
            captured=self._now().replace(microsecond=0),
            knows_signer=self._trust.knows,
            random=self._random,
            portrait=self._portrait,
            identity=self._identity,
        )
        first = None if early is None else self._early(early)
        reading = read(
            connection,
            request,
            clock=self._clock,
            limits=limits,
            on_limits=on_limits,
            progress=progress,
            before_portrait=first,
        )
        verdict = timed(reading, self._trust, self._policy, now=self._now(), clock=self._clock)
        effort = Effort(
            commands=reading.commands,
            bytes_sent=reading.bytes_sent,
            bytes_received=reading.bytes_received,
            milliseconds=(self._clock() - begin) * 1000,
        )
        return Checked(verdict=verdict, evidence=reading.evidence, effort=effort)

    def _early(self, told: Callable[[Verdict], None]) -> Callable[[Evidence], None]:
        policy = self._policy.without(Check.PORTRAIT).without(Check.IDENTITY)
        return lambda evidence: told(verify(evidence, self._trust, policy, now=self._now()))

    def check_code(self, raw: bytes) -> Verdict:
        """Decide about the COSE_Sign1 of a printed code (`printed.envelope`), at its lower assurance."""
        from . import printed

        self._refresh()
        return printed.verify(raw, self._trust, self._policy, now=self._now())

    def remember(self, verdict: Verdict) -> None:
        """Move the watermark: by our clock only while our data is fresh by it (see `store`). OSError if it cannot."""
        known = [time for time in (verdict.ages.trust_signed, verdict.ages.status_signed) if time is not None]
        if verdict.data_age.good:
            known.append(verdict.at)
        if known:
            self._watermark.advance(max(known))
            self._read_watermark()


def load_trust(directory: str) -> TrustStore:
    """The trust directory, or the store that synchronisation fills; ReadFailed with TRUST_MISSING or TRUST_DAMAGED."""
    directory = generations.resolve(directory)
    record = read_record(directory)
    try:
        if record is None:
            return TrustStore.load(directory)
        mapped = os.path.join(directory, generations.MAPPED)
        return TrustStore.load(directory, mapped=mapped, published=record.published)
    except TrustError as error:
        raise ReadFailed(trust_reason(error), OWN_DATA, str(error)) from error


def read_record(directory: str) -> SyncRecord | None:
    """What synchronisation remembers of a generation; ReadFailed (TRUST_DAMAGED) when that is damaged."""
    try:
        return sync_record.read(generations.resolve(directory))
    except (DecodeError, OSError) as error:
        raise ReadFailed(Reason.TRUST_DAMAGED, OWN_DATA, str(error)) from error


def load_catalogue(trust: TrustStore) -> Catalogue:
    """The newer of the catalogue in the trust directory and the one that came with this software."""
    bundled = load()
    if trust.catalogue is None:
        return bundled
    try:
        received = parse(trust.catalogue)
    except DecodeError as error:
        raise ReadFailed(Reason.TRUST_DAMAGED, OWN_DATA, str(error)) from error
    return received if received.version >= bundled.version else bundled


def read_watermark(watermark: Watermark, trust_directory: str) -> datetime | None:
    """The latest time known for sure, here or by the last synchronisation.

    ReadFailed (CLOCK_SET_BACK) when the watermark is damaged: nobody can say how late it is at least.
    """
    try:
        own = watermark.read()
    except (DecodeError, OSError) as error:
        raise ReadFailed(Reason.CLOCK_SET_BACK, OWN_DATA, str(error)) from error
    record = read_record(trust_directory)
    known = [time for time in (own, record.watermark if record else None) if time is not None]
    return max(known, default=None)


def timed(reading: Reading, trust: TrustStore, policy: Policy, *, now: datetime, clock: Callable[[], float]) -> Verdict:
    """Verify, and put the times of reading and deciding together, step by step."""
    starts: list[tuple[str, float]] = []
    verdict = verify(reading.evidence, trust, policy, now=now, begin=lambda number: starts.append((number, clock())))
    ends = [start for _, start in starts[1:]] + [clock()]
    took = {step.number: step.milliseconds or 0.0 for step in reading.steps}
    for (number, start), end in zip(starts, ends, strict=True):
        took[number] = took.get(number, 0.0) + (end - start) * 1000
    decided = {step.number for step in verdict.steps}
    steps = (*(step for step in reading.steps if step.number not in decided), *verdict.steps)
    return replace(verdict, steps=tuple(_with(step, took.get(step.number)) for step in steps))


def _with(step: Step, milliseconds: float | None) -> Step:
    return replace(step, milliseconds=milliseconds)
