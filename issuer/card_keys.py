"""Which SCP03 keys a card has: the key version that it names decides between the supplier's and the authority's own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from card_profiles.model import Scp03Parameters
from card_profiles.protocols.scp03 import CardIdentification, StaticKeys

from .errors import Refusal, Refused


class KeySet(Protocol):
    """Three AES keys of one length."""

    @property
    def enc(self) -> bytes: ...

    @property
    def mac(self) -> bytes: ...

    @property
    def dek(self) -> bytes: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CardKeyring:
    """The keys of every card: `transport` those of all blanks, `diversify` gives each card's own from its serial.

    Both are asked for only when a card needs them: a custody may count, or want a second person.
    """

    transport: Callable[[], KeySet] = field(repr=False)
    diversify: Callable[[bytes], KeySet] = field(repr=False)
    parameters: Scp03Parameters

    def authority(self, serial: bytes) -> StaticKeys:
        """The card's own keys; `serial` is 10 bytes."""
        return _static(self.diversify(serial), self.parameters.authority_key_version)

    def for_card(self, card: CardIdentification) -> StaticKeys:
        """The keys that the card says it has. Raises Refused(FOREIGN_KEYS) for a version that is neither."""
        if card.key_version == self.parameters.transport_key_version:
            return _static(self.transport(), card.key_version)
        if card.key_version == self.parameters.authority_key_version:
            return self.authority(card.serial)
        raise Refused(Refusal.FOREIGN_KEYS, serial=card.serial.hex())


def _static(keys: KeySet, version: int) -> StaticKeys:
    return StaticKeys(enc=keys.enc, mac=keys.mac, dek=keys.dek, version=version)
