"""What a command on keys would do, before it does it: the facts that the life cycle's table decides by, and the intent
with every date and serial number chosen."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from .. import certificates
from ..algorithms import Purpose
from ..authority import certification, root_renewal
from ..authority.authority import CARD_KEY_VERSION, MAX_CARD_KEY_VERSION, Authority
from ..custody import CustodyError, CustodyReason
from ..registry import lifecycle, registry
from ..registry.lifecycle import ROLE_RULES, RULES, Facts, KeyEvent, KeyState, rules_of
from ..registry.registry import RESTORED, Actor, AuthorityError, AuthorityReason, KeyRecord, key_name

EVER = datetime(1970, 1, 1, tzinfo=UTC)
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Who knows a key that is to be put into use, as the rotation simulator reckons."""

    share: float
    """Of the counters, 0 to 1."""
    safe_date: datetime | None = None
    """When that reaches the threshold, if the counters keep to their rhythm; None when it never does."""
    counters: int = 0
    unaware: int = 0
    cards: int | None = None
    """Cards in force that other keys signed; None when no issuance records were at hand."""


Coverage = Callable[[KeyRecord, datetime | None], Known | None]
"""What is known of a key published at that moment; None when nobody knows when counters synced."""


class Plans:
    """Facts and intents for the commands of one actor."""

    def __init__(
        self, authority: Authority, actor: Actor, *, coverage: Coverage | None, threshold: float, founding: bool
    ) -> None:
        self._authority, self.registry, self._settings = authority, authority.registry, authority.settings
        self._actor, self._coverage, self._threshold = actor, coverage, threshold
        self._founding = founding
        self._known: Known | None = None

    def now(self) -> datetime:
        """The authority's time, in whole seconds."""
        return self._authority.clock().replace(microsecond=0)

    def facts(self, purpose: Purpose, key: KeyRecord | None, event: KeyEvent) -> Facts:
        """What the guards look at."""
        others = self.registry.in_state(purpose, KeyState.ACTIVE)
        retired = key and (key.retired_at or key.compromised_at)
        lead = timedelta(0) if self._founding else lifecycle.periods(purpose, self._settings).lead
        people = Actor(operator="1", witness="2") if self._founding else self._actor
        published = self.published(key) if key is not None else None
        self._known = None
        if event is KeyEvent.ACTIVATE and key is not None and self._coverage is not None and self._is_looked_for(key):
            self._known = self._coverage(key, published)
        known = self._known
        return Facts(
            now=self.now(),
            purpose=purpose,
            name=key.name if key else "",
            certified=key is not None and (bool(key.certificate) or not rules_of(purpose).folder),
            published_at=published,
            active_from=key.active_from if key else None,
            active_until=key.active_until if key else None,
            lead=lead,
            successor=any(key is None or other.name != key.name for other in others),
            needed_until=lifecycle.needed_until(purpose, self._settings, retired or None),
            coverage=known.share if known else None,
            threshold=self._threshold,
            safe_date=known.safe_date if known else None,
            operator=people.operator,
            witness=people.witness,
        )

    def published(self, key: KeyRecord) -> datetime | None:
        """Since when counters can learn of a key: of its release, not of its making.

        Without a publication the trust directory itself is what is handed out; and what no counter looks for need not
        be published at all.
        """
        if self._founding:
            return self.now()
        if not self._is_looked_for(key) or not root_renewal.is_set_up(self._authority.home):
            return key.staged_at
        return key.published_at

    def reckoned(self) -> dict[str, Any]:
        """What the history says of who knew the key; empty when nobody reckoned."""
        known = self._known
        if known is None:
            return {}
        cards = {} if known.cards is None else {"cards": known.cards}
        return {"coverage": known.share, "counters": known.counters, "unaware": known.unaware, **cards}

    @staticmethod
    def _is_looked_for(key: KeyRecord) -> bool:
        return rules_of(key.purpose).lead_days is not None

    @staticmethod
    def require_own_life(purpose: Purpose, name: str = "") -> None:
        """`AuthorityError` (ROOT_DECIDES) for a key of the publication."""
        if purpose in ROLE_RULES:
            name = name or key_name(purpose, 1)
            raise AuthorityError(f"{name} is the root's", reason=AuthorityReason.ROOT_DECIDES, detail=name)

    def next_begin(self, purpose: Purpose) -> datetime:
        active = self.registry.in_state(purpose, KeyState.ACTIVE)
        until = active[0].active_until if active else None
        if active and _near_cap(active[0]):
            until = None
        if self._founding:
            return self.now()
        return lifecycle.next_begin(purpose, self._settings, until, self.now())

    def begun(self, purpose: Purpose) -> tuple[KeyRecord, ...]:
        """Staged keys whose time has come."""
        staged, now = self.registry.in_state(purpose, KeyState.STAGED), self.now()
        return tuple(key for key in staged if key.active_from is not None and key.active_from <= now)

    @staticmethod
    def require_revocable(key: KeyRecord) -> None:
        # A CSCA's certificate is in no CRL: whoever has the key would sign one without it.
        if key.purpose is Purpose.CSCA or not key.serial:
            raise AuthorityError("no CRL names it", reason=AuthorityReason.NOT_REVOCABLE, detail=key.name)

    def stage(self, purpose: Purpose, begin: datetime, override: str) -> dict[str, Any]:
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
            registry.require_may_sign(csca, now=self.now())
            issuer_expires = csca.expires_at
        self._require_free(purpose, uri, key_name(purpose, generation))
        now = self.now()
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
            registry.require_may_sign(active[0], now=self.now())
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

    def command(self, event: KeyEvent, key: KeyRecord, override: str, **more: Any) -> dict[str, Any]:
        return {
            "event": event,
            "purpose": key.purpose,
            "generation": key.generation,
            "at": self.now().isoformat(),
            **more,
            **self._told(override),
        }

    def _told(self, override: str) -> dict[str, Any]:
        return {
            "operator": self._actor.operator,
            "witness": self._actor.witness,
            **({"override": override} if override else {}),
        }


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
