"""The life of a key, as tables: which state follows which, on what conditions; and for each purpose, how long.

    generated ──► staged ──► active ──► retired ──► destroyed
                (published   (signs)   (verify only)
                  ahead)
    and from each of them but the last: ──► compromised, for good

Pure: facts in, a decision out. The registry's database refuses whatever is not in `TRANSITIONS`, whoever asks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from ..algorithms import P256, P384, Curve, Purpose
from ..authority.errors import AuthorityError, AuthorityReason
from ..authority.file import AuthoritySettings


class KeyState(StrEnum):
    """Where a key stands in its life."""

    GENERATED = "generated"
    STAGED = "staged"
    """Certified and published ahead of its use."""
    ACTIVE = "active"
    RETIRED = "retired"
    """Signs no more; what it signed is still believed. A card master key still opens the cards that carry its keys."""
    DESTROYED = "destroyed"
    COMPROMISED = "compromised"


class KeyEvent(StrEnum):
    """What may happen to a key."""

    GENERATE = "generate"
    STAGE = "stage"
    ACTIVATE = "activate"
    RETIRE = "retire"
    DESTROY = "destroy"
    COMPROMISE = "compromise"


class Guard(StrEnum):
    """A condition of a transition; the value is that of the `AuthorityReason` for a refusal."""

    CERTIFIED = "not_certified"
    PUBLISHED = "not_published"
    """A release has carried it."""
    PUBLISHED_AHEAD = "not_published_ahead"
    """Counters that sync now and then have had the time to learn of the key."""
    COVERED = "not_covered"
    """Enough cards and counters know the key, as the rotation simulator reckons."""
    PERIOD_BEGUN = "key_period_not_begun"
    PERIOD_RUNS = "key_period_ended"
    SUCCEEDED = "no_successor"
    """Another key of the purpose is active."""
    NOT_NEEDED = "still_needed"
    """No card in use needs the private key any more."""
    WITNESSED = "no_witness"
    """Operator and witness are named, and are two people."""


OVERRIDABLE = frozenset({Guard.PUBLISHED, Guard.PUBLISHED_AHEAD, Guard.COVERED, Guard.SUCCEEDED, Guard.NOT_NEEDED})
"""Guards that protect availability: an administrator may go on with a reason, which is recorded.

The others protect what counters believe: they would refuse what is signed, so no reason helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One arrow of the picture."""

    event: KeyEvent
    source: KeyState
    target: KeyState
    guards: tuple[Guard, ...] = ()


TRANSITIONS: tuple[Transition, ...] = (
    Transition(event=KeyEvent.STAGE, source=KeyState.GENERATED, target=KeyState.STAGED, guards=(Guard.CERTIFIED,)),
    Transition(
        event=KeyEvent.ACTIVATE,
        source=KeyState.STAGED,
        target=KeyState.ACTIVE,
        guards=(Guard.PERIOD_BEGUN, Guard.PERIOD_RUNS, Guard.PUBLISHED, Guard.PUBLISHED_AHEAD, Guard.COVERED),
    ),
    Transition(event=KeyEvent.RETIRE, source=KeyState.STAGED, target=KeyState.RETIRED),
    Transition(event=KeyEvent.RETIRE, source=KeyState.ACTIVE, target=KeyState.RETIRED, guards=(Guard.SUCCEEDED,)),
    Transition(event=KeyEvent.DESTROY, source=KeyState.GENERATED, target=KeyState.DESTROYED),
    Transition(event=KeyEvent.DESTROY, source=KeyState.RETIRED, target=KeyState.DESTROYED, guards=(Guard.NOT_NEEDED,)),
    # Once compromised, never called anything else; its private key is erased all the same.
    Transition(
        event=KeyEvent.DESTROY, source=KeyState.COMPROMISED, target=KeyState.COMPROMISED, guards=(Guard.NOT_NEEDED,)
    ),
    *(
        Transition(event=KeyEvent.COMPROMISE, source=source, target=KeyState.COMPROMISED)
        for source in (KeyState.GENERATED, KeyState.STAGED, KeyState.ACTIVE, KeyState.RETIRED, KeyState.COMPROMISED)
    ),
)

_BY_EVENT: Mapping[tuple[KeyEvent, KeyState], Transition] = {(row.event, row.source): row for row in TRANSITIONS}

WITNESSED: frozenset[tuple[Purpose | None, KeyEvent]] = frozenset(
    {
        *((Purpose.CSCA, event) for event in (KeyEvent.GENERATE, KeyEvent.ACTIVATE, KeyEvent.RETIRE)),
        *((Purpose.CARD_MASTER_KEY, event) for event in (KeyEvent.GENERATE, KeyEvent.ACTIVATE, KeyEvent.RETIRE)),
        (None, KeyEvent.DESTROY),
    }
)
"""What takes two people; None stands for every purpose. A compromise does not wait for a second person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What the guards look at. Moments are UTC; None means that there is none."""

    now: datetime
    purpose: Purpose
    name: str = ""
    certified: bool = True
    published_at: datetime | None = None
    """When the first release that carries it came out."""
    active_from: datetime | None = None
    active_until: datetime | None = None
    lead: timedelta = timedelta(0)
    successor: bool = False
    needed_until: datetime | None = None
    coverage: float | None = None
    """Share of the counters that know the key, 0 to 1; None when nobody knows when they synced."""
    threshold: float = 0.0
    safe_date: datetime | None = None
    """When so many counters know it as must, if they keep to their rhythm."""
    operator: str = ""
    witness: str = ""


_HOLDS: Mapping[Guard, Callable[[Facts], bool]] = {
    Guard.CERTIFIED: lambda facts: facts.certified,
    Guard.PUBLISHED: lambda facts: facts.published_at is not None,
    Guard.PUBLISHED_AHEAD: lambda facts: (
        facts.published_at is not None and facts.published_at + facts.lead <= facts.now
    ),
    Guard.COVERED: lambda facts: facts.coverage is None or facts.coverage >= facts.threshold,
    Guard.PERIOD_BEGUN: lambda facts: facts.active_from is not None and facts.active_from <= facts.now,
    Guard.PERIOD_RUNS: lambda facts: facts.active_until is not None and facts.now <= facts.active_until,
    Guard.SUCCEEDED: lambda facts: facts.successor,
    Guard.NOT_NEEDED: lambda facts: facts.needed_until is None or facts.needed_until <= facts.now,
    Guard.WITNESSED: lambda facts: bool(facts.operator and facts.witness) and facts.operator != facts.witness,
}


def decide(event: KeyEvent, state: KeyState, facts: Facts, *, override: str = "") -> Transition:
    """The transition of `event` from `state`, if its guards hold; else `AuthorityError` with the guard's reason.

    `override` is a reason that stands in for the guards of `OVERRIDABLE`.
    """
    transition = _BY_EVENT.get((event, state))
    if transition is None:
        raise AuthorityError(
            f"a {state} key takes no {event}", reason=AuthorityReason.KEY_STATE, detail=f"{facts.purpose}: {state}"
        )
    require_witness(event, facts)
    for guard in transition.guards:
        if not _HOLDS[guard](facts) and not (override and guard in OVERRIDABLE):
            raise AuthorityError(
                f"{event} of a {state} {facts.purpose}: {guard}",
                reason=AuthorityReason(guard.value),
                detail=_detail(guard, facts),
            )
    return transition


def require_witness(event: KeyEvent, facts: Facts) -> None:
    """`AuthorityError` (NO_WITNESS) when the event takes two people and two are not named."""
    if WITNESSED & {(facts.purpose, event), (None, event)} and not _HOLDS[Guard.WITNESSED](facts):
        raise AuthorityError(
            f"{event} of a {facts.purpose} takes two people", reason=AuthorityReason.NO_WITNESS, detail=facts.purpose
        )


def require_signing(
    state: KeyState,
    purpose: Purpose,
    *,
    now: datetime,
    active_from: datetime | None,
    active_until: datetime | None,
    signatures: int,
    cap: int | None,
    wanted: int,
) -> None:
    """Whether a key may make `wanted` more signatures now; `AuthorityError` that says why not."""
    reason = None
    if state is not KeyState.ACTIVE:
        reason = AuthorityReason.KEY_STATE
    elif active_from is None or now < active_from:
        reason = AuthorityReason.KEY_PERIOD_NOT_BEGUN
    elif active_until is None or (now > active_until and rules_of(purpose).strict):
        # Verifiers refuse what is signed after the period: better no card than one that no counter takes.
        reason = AuthorityReason.KEY_PERIOD_ENDED
    elif cap is not None and signatures + wanted > cap:
        reason = AuthorityReason.KEY_CAP_REACHED
    if reason is not None:
        detail = f"{purpose}: {state}" if reason is AuthorityReason.KEY_STATE else str(purpose)
        raise AuthorityError(f"the {purpose} may not sign: {reason}", reason=reason, detail=detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What holds for a purpose."""

    label: str
    """How names of its keys, certificates and files begin."""
    curve: Curve | None
    """None for a card master key."""
    folder: str
    """Within the trust directory; empty when there is no certificate."""
    use_days: str = ""
    """Members of `authority_file.Validity`: how long a key is in use, and how long before that it is published."""
    lead_days: str | None = None
    capped: bool = False
    overlap: timedelta = timedelta(days=7)
    """How long before a key's end its successor takes over, at most."""
    use: timedelta | None = None
    """In place of `use_days`, where no authority sets it."""
    cap: int | None = None
    """In place of the cap of documents."""
    strict: bool = True
    """Whether it signs nothing after its period."""


RULES: Mapping[Purpose, Rules] = {
    Purpose.CSCA: Rules(
        label="CSCA",
        curve=P384,
        folder="csca",
        use_days="csca_key_days",
        lead_days="csca_staging_days",
        overlap=timedelta(days=30),
    ),
    Purpose.DOCUMENT_SIGNER: Rules(
        label="DS", curve=P256, folder="signers", use_days="signer_key_days", lead_days="staging_days", capped=True
    ),
    Purpose.ENTITLEMENT_SIGNER: Rules(
        label="ES", curve=P256, folder="signers", use_days="entitlement_key_days", lead_days="staging_days", capped=True
    ),
    Purpose.STATUS_SIGNER: Rules(
        label="SS", curve=P256, folder="signers", use_days="signer_key_days", lead_days="staging_days"
    ),
    Purpose.AUDIT_SIGNER: Rules(label="AS", curve=P256, folder="signers", use_days="audit_key_days"),
    Purpose.MASTER_LIST_SIGNER: Rules(label="ML", curve=P256, folder="signers", use_days="audit_key_days"),
    Purpose.CARD_MASTER_KEY: Rules(label="CMK", curve=None, folder="", use_days="card_key_days"),
}
"""Every purpose of which one key at a time is in use; each authority has one of each from the start."""

ROLE_RULES: Mapping[Purpose, Rules] = {
    Purpose.ROOT: Rules(label="ROOT", curve=P256, folder="", use=timedelta(days=1827), cap=100, strict=False),
    Purpose.TARGETS: Rules(label="TARGETS", curve=P256, folder="", use=timedelta(days=731), strict=False),
    Purpose.SNAPSHOT: Rules(label="SNAPSHOT", curve=P256, folder="", use=timedelta(days=731), strict=False),
    Purpose.TIMESTAMP: Rules(label="TIMESTAMP", curve=P256, folder="", use=timedelta(days=366), strict=False),
}
"""Roles of the publication. Several keys of one may be in use; the root metadata says which (`publication.role_keys`).

Past its period such a key is overdue and signs on: counters do not look at the period, and without releases no
revocation would reach them. A root key signs a new root each year, so a hundred signatures are somebody else's."""

CAP_WARNING = 0.8
"""Share of its cap at which a key's successor is staged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """The periods of a purpose at one authority."""

    use: timedelta
    lead: timedelta
    overlap: timedelta
    cap: int | None


def rules_of(purpose: Purpose) -> Rules:
    """The rules of any purpose."""
    return RULES.get(purpose) or ROLE_RULES[purpose]


def periods(purpose: Purpose, settings: AuthoritySettings) -> Periods:
    """Use, lead, overlap and cap. Short-lived keys, as in a trial, get a third of their life as lead at most."""
    rules, validity = rules_of(purpose), settings.validity
    use = rules.use if rules.use is not None else timedelta(days=getattr(validity, rules.use_days))
    lead = timedelta(days=getattr(validity, rules.lead_days)) if rules.lead_days else timedelta(0)
    return Periods(
        use=use,
        lead=min(lead, use / 3),
        overlap=min(rules.overlap, use / 12),
        cap=settings.documents_per_key if rules.capped else rules.cap,
    )


def stage_due(purpose: Purpose, settings: AuthoritySettings, active_until: datetime) -> datetime:
    """When the successor of a key that signs until `active_until` should be staged."""
    limits = periods(purpose, settings)
    return active_until - limits.overlap - limits.lead


def next_begin(purpose: Purpose, settings: AuthoritySettings, active_until: datetime | None, now: datetime) -> datetime:
    """When a key staged now begins to sign: not before counters had time to learn of it, nor sooner than needed."""
    limits = periods(purpose, settings)
    earliest = now + limits.lead
    begin = earliest if active_until is None else max(earliest, active_until - limits.overlap)
    return begin.replace(microsecond=0)


def needed_until(purpose: Purpose, settings: AuthoritySettings, retired_at: datetime | None) -> datetime | None:
    """Until when a private key that signs no more is needed; None for not at all.

    Cards carry the keys that a card master key gave them until their next endorsement, or to their end.
    """
    if purpose is not Purpose.CARD_MASTER_KEY or retired_at is None:
        return None
    return retired_at + timedelta(days=settings.validity.longest_card_days)


def _detail(guard: Guard, facts: Facts) -> str:
    moments = {
        Guard.PERIOD_BEGUN: facts.active_from,
        Guard.PUBLISHED_AHEAD: facts.published_at and facts.published_at + facts.lead,
        Guard.NOT_NEEDED: facts.needed_until,
    }
    if guard is Guard.COVERED and facts.coverage is not None:
        safe = f"{facts.safe_date:%Y-%m-%d %H:%MZ}" if facts.safe_date else "-"
        return f"{facts.coverage:.1%} < {facts.threshold:.1%}; → {safe}"
    if guard is Guard.PUBLISHED:
        return facts.name or str(facts.purpose)
    moment = moments.get(guard)
    return f"{moment:%Y-%m-%d %H:%MZ}" if moment else str(facts.purpose)
