"""What an administrator does to keys: stage, activate, retire, destroy, revoke, compromise; and rotate, which does
whatever of it is due.

Each command first decides, by the life cycle's table, and refuses with a reason; then writes its intent into the
registry, with every date and serial number chosen; then takes its steps, each of which looks first whether it was
taken already. Killed at any moment, the same command finishes: the next run of any command first completes what the
intent says.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import certificates
from ..algorithms import Purpose
from ..authority import certification
from ..authority.authority import CARD_KEY_VERSION, LOCK_WAIT, MAX_CARD_KEY_VERSION, Authority
from ..custody import CustodyError, CustodyReason
from ..registry import lifecycle, registry
from ..registry.lifecycle import RULES, Facts, KeyEvent, KeyState
from ..registry.registry import RESTORED, Actor, AuthorityError, AuthorityReason, Intent, KeyRecord, key_name
from .steps import Steps

EVER = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)

Coverage = Callable[[KeyRecord], float]
"""Share of cards and counters that know a staged key, 0 to 1: what the rotation simulator reckons."""

_HOPELESS = frozenset(
    {
        AuthorityReason.KEY_STATE,
        AuthorityReason.KEY_PERIOD_ENDED,
        AuthorityReason.KEY_PERIOD_NOT_BEGUN,
        AuthorityReason.KEY_CAP_REACHED,
        AuthorityReason.NO_ACTIVE_KEY,
    }
)
"""Reasons for which an unfinished command can never be finished: it is given up, and the history says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """One thing that was done, or carried over from a killed run."""

    event: KeyEvent
    key: KeyRecord
    resumed: bool = False
    """Begun by a run that was killed."""
    already: bool = False
    """Nothing was left to do."""


class Rotation:
    """The commands on the keys of one authority, in the name of one actor."""

    def __init__(
        self,
        authority: Authority,
        actor: Actor,
        *,
        coverage: Coverage | None = None,
        threshold: float = 0.95,
        founding: bool = False,
    ) -> None:
        self._authority, self.registry, self._settings = authority, authority.registry, authority.settings
        self._actor, self._coverage, self._threshold = actor, coverage, threshold
        self._founding = founding
        self._steps = Steps(authority)
        self._locked = False

    # --- commands --------------------------------------------------------------------------------------------------

    def resume(self) -> tuple[Done, ...]:
        """Finish what a killed run left, if anything."""
        with self._lock():
            return self._resume()

    def stage(
        self, purpose: Purpose, *, active_from: datetime | None = None, another: bool = False, override: str = ""
    ) -> Done:
        """Make the next key of a purpose, certify it and publish the certificate ahead of its use.

        It begins at `active_from`: by default as early as counters can know it, or when the active key nears its end.
        A key that is staged already is the next one, unless `another` is wanted.
        """
        with self._lock():
            resumed = self._resume()
            staged = self.registry.in_state(purpose, KeyState.STAGED)
            if done := _only(resumed, KeyEvent.STAGE, purpose):
                return done
            if staged and not another:
                return Done(event=KeyEvent.STAGE, key=staged[-1], already=True)
            now = self._now()
            begin = max(active_from or self._next_begin(purpose), now)
            lifecycle.require_witness(KeyEvent.GENERATE, self._facts(purpose, None, KeyEvent.GENERATE))
            earliest = now + lifecycle.periods(purpose, self._settings).lead
            if begin < earliest and not override and not self._founding:
                raise AuthorityError(
                    f"a {purpose} is published ahead",
                    reason=AuthorityReason.NOT_PUBLISHED_AHEAD,
                    detail=f"{earliest:%Y-%m-%d %H:%MZ}",
                )
            return self._execute(self._plan_stage(purpose, begin, override))

    def activate(self, purpose: Purpose, *, name: str = "", override: str = "") -> Done:
        """Put the staged key of a purpose (the oldest, or the one of this `name`) into use; the one before retires."""
        with self._lock():
            if done := _only(self._resume(), KeyEvent.ACTIVATE, purpose):
                return done
            staged = self.registry.in_state(purpose, KeyState.STAGED)
            # Without a staged key, the one in use is what an earlier run activated.
            key = self.registry.by_name(name) if name else staged[0] if staged else self.registry.active(purpose)
            if key.state is KeyState.ACTIVE:
                return Done(event=KeyEvent.ACTIVATE, key=key, already=True)
            facts = self._facts(key.purpose, key, KeyEvent.ACTIVATE)
            lifecycle.decide(KeyEvent.ACTIVATE, key.state, facts, override=override)
            told = {} if facts.coverage is None else {"coverage": facts.coverage}
            return self._execute(self._command(KeyEvent.ACTIVATE, key, override, **told))

    def retire(self, name: str, *, override: str = "") -> Done:
        """End a key's use before its period does; without a successor in use only with a reason."""
        return self._end(KeyEvent.RETIRE, name, override, lambda key: key.retired_at is not None)

    def destroy(self, name: str, *, override: str = "") -> Done:
        """Erase a private key that is not needed any more, before two people."""
        return self._end(KeyEvent.DESTROY, name, override, lambda key: key.destroyed_at is not None)

    def revoke(self, name: str, *, override: str = "") -> Done:
        """Put a key's certificate on the CRL and retire the key; for good."""
        with self._lock():
            self._resume()
            key = self.registry.by_name(name)
            self._require_revocable(key)
            if int(key.serial, 16) in self.registry.revocations():
                return Done(event=KeyEvent.RETIRE, key=key, already=True)
            if key.state in {KeyState.STAGED, KeyState.ACTIVE}:
                facts = self._facts(key.purpose, key, KeyEvent.RETIRE)
                lifecycle.decide(KeyEvent.RETIRE, key.state, facts, override=override)
            command = self._command(KeyEvent.RETIRE, key, override, revoked_at=self._now().isoformat())
            return self._execute(command)

    def compromise(self, name: str, *, since: datetime | None = None) -> Done:
        """Somebody else may have the key, since that moment: it signs no more, and counters refuse what it signed."""
        with self._lock():
            self._resume()
            key = self.registry.by_name(name)
            lifecycle.decide(KeyEvent.COMPROMISE, key.state, self._facts(key.purpose, key, KeyEvent.COMPROMISE))
            moment = min(since or self._now(), self._now()).replace(microsecond=0)
            if key.compromised_at is not None and key.compromised_at <= moment:
                return Done(event=KeyEvent.COMPROMISE, key=key, already=True)
            told = {"compromised_at": moment.isoformat()}
            if key.serial and key.purpose is not Purpose.CSCA:
                told["revoked_at"] = moment.isoformat()
            return self._execute(self._command(KeyEvent.COMPROMISE, key, "", **told))

    def rotate(self, purpose: Purpose, *, override: str = "") -> tuple[Done, ...]:
        """Do what is due: activate a staged key whose time has come, stage the successor of one that nears its end.

        Run as often as you like.
        """
        with self._lock():
            done = list(self._resume())
            if due := self._begun(purpose):
                done.append(self.activate(purpose, name=due[0].name, override=override))
            if self.stage_due(purpose) <= self._now():
                done.append(self.stage(purpose, override=override))
                # Where nobody has to learn of a key first, it is used from now on.
                if due := self._begun(purpose):
                    done.append(self.activate(purpose, name=due[0].name, override=override))
            return tuple(done)

    def replace(self, name: str, *, override: str = "") -> tuple[Done, ...]:
        """Put a fresh key in the place of the key `name`, now, with `override` as the reason: the planned one may wait.

        Counters that have not synced since may not know it yet. A key that is replaced already is not replaced again.
        """
        with self._lock():
            done = list(self._resume())
            key = self.registry.by_name(name)
            active = self.registry.in_state(key.purpose, KeyState.ACTIVE)
            if (active and active[0].name != key.name) or (not active and key.retired_at is None):
                return tuple(done)
            begun = self._begun(key.purpose)
            if not begun:
                done.append(self.stage(key.purpose, active_from=self._now(), another=True, override=override))
                begun = (done[-1].key,)
            done.append(self.activate(key.purpose, name=begun[-1].name, override=override))
            return tuple(done)

    def stage_due(self, purpose: Purpose) -> datetime:
        """When `rotate` will stage the next key of a purpose; far away when one is staged already."""
        return stage_due(self.registry, purpose)

    # --- deciding --------------------------------------------------------------------------------------------------

    def _facts(self, purpose: Purpose, key: KeyRecord | None, event: KeyEvent) -> Facts:
        others = self.registry.in_state(purpose, KeyState.ACTIVE)
        retired = key and (key.retired_at or key.compromised_at)
        lead = timedelta(0) if self._founding else lifecycle.periods(purpose, self._settings).lead
        people = Actor(operator="1", witness="2") if self._founding else self._actor
        reckoned = event is KeyEvent.ACTIVATE and key is not None and self._coverage is not None
        return Facts(
            now=self._now(),
            purpose=purpose,
            certified=key is not None and (bool(key.certificate) or not RULES[purpose].folder),
            staged_at=key.staged_at if key else None,
            active_from=key.active_from if key else None,
            active_until=key.active_until if key else None,
            lead=lead,
            successor=any(key is None or other.name != key.name for other in others),
            needed_until=lifecycle.needed_until(purpose, self._settings, retired or None),
            coverage=self._coverage(key) if reckoned and self._coverage and key else None,
            threshold=self._threshold,
            operator=people.operator,
            witness=people.witness,
        )

    def _next_begin(self, purpose: Purpose) -> datetime:
        active = self.registry.in_state(purpose, KeyState.ACTIVE)
        until = active[0].active_until if active else None
        if active and _near_cap(active[0]):
            until = None
        if self._founding:
            return self._now()
        return lifecycle.next_begin(purpose, self._settings, until, self._now())

    def _begun(self, purpose: Purpose) -> tuple[KeyRecord, ...]:
        """Staged keys whose time has come."""
        staged, now = self.registry.in_state(purpose, KeyState.STAGED), self._now()
        return tuple(key for key in staged if key.active_from is not None and key.active_from <= now)

    @staticmethod
    def _require_revocable(key: KeyRecord) -> None:
        # A CSCA's certificate is in no CRL: whoever has the key would sign one without it.
        if key.purpose is Purpose.CSCA or not key.serial:
            raise AuthorityError("no CRL names it", reason=AuthorityReason.NOT_REVOCABLE, detail=key.name)

    def _plan_stage(self, purpose: Purpose, begin: datetime, override: str) -> dict[str, Any]:
        known = [key.generation for key in self.registry.keys if key.purpose is purpose]
        generation = max(known, default=0) + 1
        if purpose is Purpose.CARD_MASTER_KEY and self._restored_since(purpose):
            # Cards may carry keys of a version that this registry has forgotten: no other key may have its number.
            generation += 1
        suffix = ".key" if purpose is Purpose.CARD_MASTER_KEY else ".p8"
        name = "card-master" if purpose is Purpose.CARD_MASTER_KEY else purpose.value
        uri = self._settings.key_uri(f"{name}-{generation}", suffix)
        issuer_expires, linked = None, False
        if purpose is Purpose.CARD_MASTER_KEY:
            if generation > MAX_CARD_KEY_VERSION - CARD_KEY_VERSION + 1:
                raise AuthorityError("versions are used up", reason=AuthorityReason.NO_VERSION_LEFT, detail=purpose)
        elif purpose is Purpose.CSCA:
            linked = self._can_link()
        else:
            csca = self.registry.active(Purpose.CSCA)
            registry.require_may_sign(csca, now=self._now())
            issuer_expires = csca.expires_at
        self._require_free(purpose, uri, key_name(purpose, generation))
        now = self._now()
        made = certification.dates(
            purpose, self._settings, issued=now, active_from=begin, issuer_expires=issuer_expires
        )
        octets = certification.serial_octets(purpose)
        return {
            "event": KeyEvent.STAGE,
            "purpose": purpose,
            "generation": generation,
            "uri": uri,
            "at": now.isoformat(),
            "active_from": made.active_from.isoformat(),
            "active_until": made.active_until.isoformat(),
            "expires": made.expires.isoformat(),
            "serial": f"{certificates.serial_number(self._authority.random, octets):x}",
            **({"link_serial": f"{certificates.serial_number(self._authority.random):x}"} if linked else {}),
            **self._told(override),
        }

    def _can_link(self) -> bool:
        """Whether the CSCA before can vouch for the next: not the first, not a compromised one, not past its period."""
        active = self.registry.in_state(Purpose.CSCA, KeyState.ACTIVE)
        if not active:
            return False
        try:
            registry.require_may_sign(active[0], now=self._now())
        except AuthorityError:
            return False
        return True

    def _restored_since(self, purpose: Purpose) -> bool:
        """Whether the registry comes from a backup that is younger than its newest key of a purpose."""
        made = [key.generated_at for key in self.registry.keys if key.purpose is purpose]
        return bool(made) and int(max(made).timestamp()) <= self.registry.high_water(RESTORED)

    def _require_free(self, purpose: Purpose, uri: str, name: str) -> None:
        """A key that lies where the next one belongs was not made by us: it must not become ours."""
        folder = RULES[purpose].folder
        path = os.path.join(self._authority.trust_dir, folder, f"{name}.der")
        if folder and os.path.lexists(path):
            raise AuthorityError(f"{path} exists", reason=AuthorityReason.ROLLED_BACK, detail=self.registry.path)
        try:
            if purpose is Purpose.CARD_MASTER_KEY:
                self._authority.custody.card_master_key(uri)
            else:
                self._authority.custody.public_key(uri)
        except CustodyError as error:
            if error.reason is CustodyReason.NOT_FOUND:
                return
            if error.reason is not CustodyReason.DAMAGED:
                raise
        raise CustodyError(f"key {uri} exists", reason=CustodyReason.ALREADY_EXISTS, uri=uri)

    def _end(self, event: KeyEvent, name: str, override: str, already: Callable[[KeyRecord], bool]) -> Done:
        with self._lock():
            self._resume()
            key = self.registry.by_name(name)
            if already(key):
                return Done(event=event, key=key, already=True)
            lifecycle.decide(event, key.state, self._facts(key.purpose, key, event), override=override)
            return self._execute(self._command(event, key, override))

    def _command(self, event: KeyEvent, key: KeyRecord, override: str, **more: Any) -> dict[str, Any]:
        return {
            "event": event,
            "purpose": key.purpose,
            "generation": key.generation,
            "at": self._now().isoformat(),
            **more,
            **self._told(override),
        }

    def _told(self, override: str) -> dict[str, Any]:
        return {
            "operator": self._actor.operator,
            "witness": self._actor.witness,
            **({"override": override} if override else {}),
        }

    # --- doing -----------------------------------------------------------------------------------------------------

    def _execute(self, arguments: Mapping[str, Any]) -> Done:
        intent = self.registry.begin(arguments["event"], arguments, at=self._now())
        return self._finish(intent)

    def _finish(self, intent: Intent, *, resumed: bool = False) -> Done:
        arguments = intent.arguments
        event, purpose = KeyEvent(arguments["event"]), Purpose(arguments["purpose"])
        self._steps.take(event, arguments)
        self.registry.finish(intent)
        key = self.registry.find(purpose, arguments["generation"])
        assert key is not None
        return Done(event=event, key=key, resumed=resumed)

    def _resume(self) -> tuple[Done, ...]:
        intent = self.registry.open_intent()
        if intent is None:
            return ()
        self._steps.sweep()
        try:
            return (self._finish(intent, resumed=True),)
        except AuthorityError as error:
            if error.reason not in _HOPELESS:
                raise
            arguments = intent.arguments
            name = key_name(Purpose(arguments["purpose"]), arguments["generation"])
            with self.registry.transaction():
                self.registry.finish(intent, f"given up: {error.reason}")
                self.registry.note(
                    "given-up", key=name, at=self._now(), actor=self._actor, command=intent.command, reason=error.reason
                )
            return ()

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """The home's lock, once however deep; whoever founds an authority holds it already."""
        if self._locked or self._founding:
            yield
            return
        with registry.locked(self._authority.home, wait=LOCK_WAIT):
            self._locked = True
            try:
                yield
            finally:
                self._locked = False

    def _now(self) -> datetime:
        return self._authority.clock().replace(microsecond=0)


def stage_due(content: registry.Registry, purpose: Purpose) -> datetime:
    """When the next key of a purpose should be staged: never (year 9999) while one is staged, at once without any."""
    if content.in_state(purpose, KeyState.STAGED):
        return NEVER
    active = content.in_state(purpose, KeyState.ACTIVE)
    if not active:
        # Retired or compromised without a successor: whether to wait for the counters is for people to say.
        return NEVER if any(key.purpose is purpose for key in content.keys) else EVER
    if _near_cap(active[0]):
        return EVER
    assert active[0].active_until is not None
    return lifecycle.stage_due(purpose, content.settings, active[0].active_until)


def _near_cap(key: KeyRecord) -> bool:
    return key.cap is not None and key.signatures >= lifecycle.CAP_WARNING * key.cap


def _only(done: tuple[Done, ...], event: KeyEvent, purpose: Purpose) -> Done | None:
    """What a killed run of this very command had begun, and is now done."""
    return next((one for one in done if one.event is event and one.key.purpose is purpose), None)
