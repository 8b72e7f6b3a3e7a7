"""What to do next: every key and list of an authority, when each step is due, and from when it is overdue.

Pure but for reading the authority: `tasks` for people and for cron's exit code, `timeline_picture` draws it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from ..algorithms import Purpose
from ..authority import root_renewal
from ..authority.authority import Authority
from ..registry import lifecycle
from ..registry.lifecycle import ROLE_RULES, RULES, KeyState, rules_of
from ..registry.registry import RESTORED, KeyRecord
from ..rotation.plans import EVER, stage_due

ROOT_AHEAD = timedelta(days=60)
"""How long before its end the publication's root is renewed: its holders have to be called together."""
PUBLISH_GRACE = timedelta(days=1)
"""How long a key that was made ahead may wait for its release."""
GRACE = timedelta(days=30)
"""How long the private key of a retired signer may lie about before its erasure is overdue."""


class TaskKind(StrEnum):
    """What kind of thing is to be done."""

    RESUME = "resume"
    STAGE = "stage"
    ACTIVATE = "activate"
    REPLACE = "replace"
    """No key of the purpose is in use."""
    RECOUNT = "recount"
    """A backup was restored, and signatures made since are not counted: a fresh key is."""
    DESTROY = "destroy"
    PUBLISH = "publish"
    """Something is ready that no release has carried, or the release that stands runs out."""
    REPLACE_ROLE_KEY = "replace_role_key"
    """A key of the publication nears its end, or is compromised: a new root names a fresh one."""
    RENEW_ROOT = "renew_root"
    """The root of the publication runs out."""
    SIGN_CRL = "sign_crl"
    SIGN_STATUS = "sign_status"
    FINISH_CRL = "finish_crl"
    """The published CRL lacks a revocation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One thing to do."""

    kind: TaskKind
    subjects: tuple[str, ...]
    """Names of the keys, or of the list."""
    due: datetime
    overdue: datetime
    """From then on, something stops or may be refused if it is not done."""
    command: str
    purpose: Purpose | None = None

    def is_overdue(self, now: datetime) -> bool:
        """Whether it should have been done."""
        return self.overdue <= now


def tasks(authority: Authority, now: datetime) -> tuple[Task, ...]:
    """Everything to do from now on, what is most pressing first."""
    found = [
        *_unfinished(authority, now),
        *_keys(authority, now),
        *_leftovers(authority, now),
        *_uncounted(authority),
        *_lists(authority, now),
        *_publication(authority, now),
    ]
    return tuple(sorted(found, key=lambda task: (not task.is_overdue(now), task.due, task.subjects)))


def _unfinished(authority: Authority, now: datetime) -> Iterable[Task]:
    intent = authority.registry.open_intent()
    if intent is not None:
        yield Task(kind=TaskKind.RESUME, subjects=(intent.command,), due=now, overdue=now, command="permit-keys rotate")


def _keys(authority: Authority, now: datetime) -> Iterable[Task]:
    registry = authority.registry
    for purpose in RULES:
        active = registry.in_state(purpose, KeyState.ACTIVE)
        staged = registry.in_state(purpose, KeyState.STAGED)
        rotate = f"permit-keys rotate {purpose}{_people(purpose)}"
        if staged:
            begin = staged[0].active_from or now
            stops = active[0].active_until if active else None
            yield Task(
                kind=TaskKind.ACTIVATE,
                subjects=(staged[0].name,),
                purpose=purpose,
                due=begin,
                overdue=max(begin, min(stops, begin + GRACE)) if stops else begin,
                command=rotate,
            )
        elif active:
            until = active[0].active_until or now
            limits = lifecycle.periods(purpose, authority.settings)
            due = max(stage_due(registry, purpose), active[0].activated_at or EVER)
            worn = active[0].cap is not None and active[0].signatures >= active[0].cap
            yield Task(
                kind=TaskKind.STAGE,
                subjects=(next_name(registry.keys, purpose),),
                purpose=purpose,
                due=due,
                overdue=now if worn else max(until - limits.lead, due),
                command=rotate,
            )
        else:
            last = [key for key in registry.keys if key.purpose is purpose and key.activated_at]
            replace = f"permit-keys rotate --replace {last[-1].name} --override …" if last else rotate
            yield Task(
                kind=TaskKind.REPLACE,
                subjects=(next_name(registry.keys, purpose),),
                purpose=purpose,
                due=now,
                overdue=now,
                command=replace + (_people(purpose) if last else ""),
            )


def _uncounted(authority: Authority) -> Iterable[Task]:
    """Keys that signed after the backup was made that this registry comes from: nobody knows how often."""
    restored = datetime.fromtimestamp(authority.registry.high_water(RESTORED), UTC)
    for purpose, rules in RULES.items():
        for key in authority.registry.in_state(purpose, KeyState.ACTIVE) if rules.capped else ():
            if key.activated_at is not None and key.activated_at < restored:
                yield Task(
                    kind=TaskKind.RECOUNT,
                    subjects=(key.name,),
                    purpose=purpose,
                    due=restored,
                    overdue=restored + GRACE,
                    command=f"permit-keys rotate --replace {key.name} --override …",
                )


def _leftovers(authority: Authority, now: datetime) -> Iterable[Task]:
    """Private keys that lie about without being needed: one task for all that may go now."""
    begun = authority.registry.open_intent() is not None
    due: dict[str, datetime] = {}
    for key in authority.registry.keys:
        if key.destroyed_at is not None or key.state in {KeyState.STAGED, KeyState.ACTIVE}:
            continue
        if key.state is KeyState.GENERATED and begun:
            continue
        since = key.retired_at or key.compromised_at or key.generated_at
        due[key.name] = lifecycle.needed_until(key.purpose, authority.settings, since) or since
    ready = tuple(name for name, moment in due.items() if moment <= now)
    for names in (*([ready] if ready else []), *((name,) for name in due if name not in ready)):
        first = min(due[name] for name in names)
        yield Task(
            kind=TaskKind.DESTROY,
            subjects=names,
            due=first,
            overdue=first + GRACE,
            command=f"permit-keys destroy {' '.join(names)} --operator … --witness …",
        )


def _lists(authority: Authority, now: datetime) -> Iterable[Task]:
    lists = authority.lists
    if lists.has_crl():
        crl = lists.crl()
        if lists.crl_is_complete():
            yield _renewal(TaskKind.SIGN_CRL, f"CRL {crl.number}", crl.this_update, crl.next_update)
        else:
            name = f"CRL {crl.number}"
            yield Task(kind=TaskKind.FINISH_CRL, subjects=(name,), due=now, overdue=now, command="permit-keys refresh")
    # All of them are signed anew together: the one that ends first says when.
    statuses = min(lists.all_statuses(), key=lambda one: one.exp, default=None)
    if statuses is not None:
        yield _renewal(TaskKind.SIGN_STATUS, statuses.uri, statuses.iat, statuses.exp)


def _publication(authority: Authority, now: datetime) -> Iterable[Task]:
    end = root_renewal.expiry(authority.home)
    if end is None:
        return
    yield from _release(authority, now)
    yield from _role_keys(authority, now)
    yield Task(
        kind=TaskKind.RENEW_ROOT,
        subjects=("root",),
        due=end - ROOT_AHEAD,
        overdue=end - ROOT_AHEAD / 4,
        command="permit-keys renew-root",
    )


def _release(authority: Authority, now: datetime) -> Iterable[Task]:
    """The next release: before the one that stands expires, and soon after a key was made that counters look for."""
    registry = authority.registry
    waiting = [
        key
        for key in registry.keys
        if key.state in {KeyState.STAGED, KeyState.ACTIVE} and key.certificate and key.published_at is None
    ]
    since = [key.staged_at for key in waiting if key.staged_at is not None and key.activated_at is None]
    expires = registry.high_water("release-due")
    released = datetime.fromtimestamp(registry.high_water("released"), UTC)
    if not expires and not since:
        # Counters are given the trust directory itself; or the first release is still to come.
        return
    dues = [datetime.fromtimestamp(expires, UTC)] if expires else []
    life = dues[0] - released if dues else timedelta(0)
    yield Task(
        kind=TaskKind.PUBLISH,
        subjects=tuple(key.name for key in waiting) or ("release",),
        due=min([*since, *(end - life / 2 for end in dues)]),
        # An unpublished key counts no days, and a release that has run out keeps counters from the newest lists.
        overdue=min([*(moment + PUBLISH_GRACE for moment in since), *dues]),
        command="permit-keys publish …",
    )


def _role_keys(authority: Authority, now: datetime) -> Iterable[Task]:
    named = root_renewal.named(authority.home)
    for key in authority.registry.keys:
        if key.purpose not in ROLE_RULES or key.kid not in named or key.active_until is None:
            continue
        lost = key.state is KeyState.COMPROMISED
        yield Task(
            kind=TaskKind.REPLACE_ROLE_KEY,
            subjects=(key.name,),
            due=now if lost else key.active_until - ROOT_AHEAD,
            overdue=now if lost else key.active_until,
            command=f"permit-keys renew-root --replace {key.name}",
            purpose=key.purpose,
        )


def _renewal(kind: TaskKind, subject: str, begin: datetime, end: datetime) -> Task:
    life = end - begin
    return Task(
        kind=kind, subjects=(subject,), due=end - life / 3, overdue=end - life / 10, command="permit-keys refresh"
    )


def next_name(keys: Iterable[KeyRecord], purpose: Purpose) -> str:
    """The name that the next key of a purpose will have."""
    generations = [key.generation for key in keys if key.purpose is purpose]
    return f"{rules_of(purpose).label}-{max(generations, default=0) + 1}"


def _people(purpose: Purpose) -> str:
    events = {event for named, event in lifecycle.WITNESSED if named is purpose}
    return " --operator … --witness …" if events else ""
