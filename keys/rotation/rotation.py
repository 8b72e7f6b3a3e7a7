"""What an administrator does to keys: stage, activate, retire, destroy, revoke, compromise; and rotate, which does
whatever of it is due.

Each command first decides, by the life cycle's table, and refuses with a reason; then writes its intent into the
registry, with every date and serial number chosen; then takes its steps, each of which looks first whether it was
taken already. Killed at any moment, the same command finishes: the next run of any command first completes what the
intent says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..algorithms import Purpose
from ..authority.authority import LOCK_WAIT, Authority
from ..parsed_certificate import is_signed_by
from ..registry import lifecycle, registry
from ..registry.lifecycle import KeyEvent, KeyState
from ..registry.registry import Actor, AuthorityError, AuthorityReason, Intent, KeyRecord, key_name
from .plans import Coverage, Plans, stage_due
from .steps import Steps

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
        self._actor, self._founding = actor, founding
        self._plans = Plans(authority, actor, coverage=coverage, threshold=threshold, founding=founding)
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
            self._plans.require_own_life(purpose)
            resumed = self._resume()
            staged = self.registry.in_state(purpose, KeyState.STAGED)
            if done := _only(resumed, KeyEvent.STAGE, purpose):
                return done
            if staged and not another:
                return Done(event=KeyEvent.STAGE, key=staged[-1], already=True)
            now = self._plans.now()
            begin = max(active_from or self._plans.next_begin(purpose), now)
            lifecycle.require_witness(KeyEvent.GENERATE, self._plans.facts(purpose, None, KeyEvent.GENERATE))
            earliest = now + lifecycle.periods(purpose, self._settings).lead
            if begin < earliest and not override and not self._founding:
                raise AuthorityError(
                    f"a {purpose} is published ahead",
                    reason=AuthorityReason.NOT_PUBLISHED_AHEAD,
                    detail=f"{earliest:%Y-%m-%d %H:%MZ}",
                )
            return self._execute(self._plans.stage(purpose, begin, override))

    def activate(self, purpose: Purpose, *, name: str = "", override: str = "") -> Done:
        """Put the staged key of a purpose (the oldest, or the one of this `name`) into use; the one before retires."""
        with self._lock():
            if done := _only(self._resume(), KeyEvent.ACTIVATE, purpose):
                return done
            staged = self.registry.in_state(purpose, KeyState.STAGED)
            # Without a staged key, the one in use is what an earlier run activated.
            key = self.registry.by_name(name) if name else staged[0] if staged else self.registry.active(purpose)
            self._plans.require_own_life(key.purpose, key.name)
            if key.state is KeyState.ACTIVE:
                return Done(event=KeyEvent.ACTIVATE, key=key, already=True)
            facts = self._plans.facts(key.purpose, key, KeyEvent.ACTIVATE)
            lifecycle.decide(KeyEvent.ACTIVATE, key.state, facts, override=override)
            return self._execute(self._plans.command(KeyEvent.ACTIVATE, key, override, **self._plans.reckoned()))

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
            self._plans.require_revocable(key)
            if int(key.serial, 16) in self.registry.revocations():
                return Done(event=KeyEvent.RETIRE, key=key, already=True)
            if key.state in {KeyState.STAGED, KeyState.ACTIVE}:
                facts = self._plans.facts(key.purpose, key, KeyEvent.RETIRE)
                lifecycle.decide(KeyEvent.RETIRE, key.state, facts, override=override)
            command = self._plans.command(KeyEvent.RETIRE, key, override, revoked_at=self._plans.now().isoformat())
            return self._execute(command)

    def compromise(self, name: str, *, since: datetime | None = None) -> Done:
        """Somebody else may have the key, since that moment: it signs no more, and counters refuse what it signed."""
        with self._lock():
            self._resume()
            key = self.registry.by_name(name)
            lifecycle.decide(KeyEvent.COMPROMISE, key.state, self._plans.facts(key.purpose, key, KeyEvent.COMPROMISE))
            moment = min(since or self._plans.now(), self._plans.now()).replace(microsecond=0)
            if key.compromised_at is not None and key.compromised_at <= moment:
                return Done(event=KeyEvent.COMPROMISE, key=key, already=True)
            told = {"compromised_at": moment.isoformat()}
            if key.serial and key.purpose is not Purpose.CSCA:
                told["revoked_at"] = moment.isoformat()
            return self._execute(self._plans.command(KeyEvent.COMPROMISE, key, "", **told))

    def rotate(self, purpose: Purpose, *, override: str = "") -> tuple[Done, ...]:
        """Do what is due: activate a staged key whose time has come, stage the successor of one that nears its end.

        Run as often as you like.
        """
        with self._lock():
            done = list(self._resume())
            if due := self._plans.begun(purpose):
                done.append(self.activate(purpose, name=due[0].name, override=override))
            if self.stage_due(purpose) <= self._plans.now():
                done.append(self.stage(purpose, override=override))
                # Where nobody has to learn of a key first, it is used from now on.
                if due := self._plans.begun(purpose):
                    done.append(self.activate(purpose, name=due[0].name, override=override))
            return tuple(done)

    def replace(self, name: str, *, override: str = "") -> tuple[Done, ...]:
        """Put a fresh key in the place of the key `name`, now, with `override` as the reason: the planned one may wait.

        Counters that have not synced since may not know it yet. A key that is replaced already is not replaced again.
        """
        with self._lock():
            done = list(self._resume())
            key = self.registry.by_name(name)
            self._plans.require_own_life(key.purpose, key.name)
            active = self.registry.in_state(key.purpose, KeyState.ACTIVE)
            if (active and active[0].name != key.name) or (not active and key.retired_at is None):
                return (*done, *self._replace_certified(key, override))
            begun = self._plans.begun(key.purpose)
            if not begun:
                done.append(self.stage(key.purpose, active_from=self._plans.now(), another=True, override=override))
                begun = (done[-1].key,)
            done.append(self.activate(key.purpose, name=begun[-1].name, override=override))
            return (*done, *self._replace_certified(key, override))

    def _replace_certified(self, csca: KeyRecord, override: str) -> Iterator[Done]:
        """What a compromised CSCA certified is refused with it: signers in use get successors, staged ones never
        begin."""
        if csca.purpose is not Purpose.CSCA or csca.state is not KeyState.COMPROMISED:
            return
        root = self._authority.certificate(csca)
        for key in self.registry.keys:
            if key.purpose is Purpose.CSCA or not key.certificate:
                continue
            if not is_signed_by(self._authority.certificate(key), root):
                continue
            if key.state is KeyState.STAGED:
                yield self.retire(key.name, override=override)
            elif key.state is KeyState.ACTIVE:
                yield from self.replace(key.name, override=override)

    def stage_due(self, purpose: Purpose) -> datetime:
        """When `rotate` will stage the next key of a purpose; far away when one is staged already."""
        return stage_due(self.registry, purpose)

    def _end(self, event: KeyEvent, name: str, override: str, already: Callable[[KeyRecord], bool]) -> Done:
        with self._lock():
            self._resume()
            key = self.registry.by_name(name)
            if already(key):
                return Done(event=event, key=key, already=True)
            if event is KeyEvent.RETIRE:
                self._plans.require_own_life(key.purpose, key.name)
            lifecycle.decide(event, key.state, self._plans.facts(key.purpose, key, event), override=override)
            return self._execute(self._plans.command(event, key, override))

    # --- doing -----------------------------------------------------------------------------------------------------

    def _execute(self, arguments: Mapping[str, Any]) -> Done:
        intent = self.registry.begin(arguments["event"], arguments, at=self._plans.now())
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
                    "given-up",
                    key=name,
                    at=self._plans.now(),
                    actor=self._actor,
                    command=intent.command,
                    reason=error.reason,
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


def _only(done: tuple[Done, ...], event: KeyEvent, purpose: Purpose) -> Done | None:
    """What a killed run of this very command had begun, and is now done."""
    return next((one for one in done if one.event is event and one.key.purpose is purpose), None)
