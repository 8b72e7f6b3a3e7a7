"""Which SCP03 keys a card has: the key version that it names decides between the supplier's and the authority's own."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

from card_profiles.model import Scp03Parameters
from card_profiles.protocols.scp03 import CardIdentification, StaticKeys

from .errors import Refusal, Refused

MAX_AUTHORITY_VERSION = 0x3F
"""GlobalPlatform gives the keys of SCP03 the versions 30 to 3F."""


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
    """The keys of every card: `transport` those of all blanks, `diversify` gives each card's own.

    `diversify` takes the serial and the key version, for master keys of several generations are in use side by side;
    `version` is that of new cards, `versions` are all that cards may carry. All are asked for only when a card needs
    them: a custody may count, or want a second person.
    """

    transport: Callable[[], KeySet] = field(repr=False)
    diversify: Callable[[bytes, int], KeySet] = field(repr=False)
    version: Callable[[], int]
    versions: Callable[[], Collection[int]]
    parameters: Scp03Parameters

    def authority(self, serial: bytes) -> StaticKeys:
        """The keys that a new card gets; `serial` is 10 bytes."""
        version = self.version()
        return _static(self.diversify(serial, version), version)

    def for_card(self, card: CardIdentification) -> StaticKeys:
        """The keys that the card says it has. Raises Refused(FOREIGN_KEYS) for a version that is neither."""
        if card.key_version == self.parameters.transport_key_version:
            return _static(self.transport(), card.key_version)
        if card.key_version in self.versions():
            return _static(self.diversify(card.serial, card.key_version), card.key_version)
        raise Refused(Refusal.FOREIGN_KEYS, serial=card.serial.hex())


def is_authority_version(version: int, parameters: Scp03Parameters) -> bool:
    """Whether a key version is one that master keys of this authority give: the first, or a later generation's."""
    return parameters.authority_key_version <= version <= MAX_AUTHORITY_VERSION


def _static(keys: KeySet, version: int) -> StaticKeys:
    return StaticKeys(enc=keys.enc, mac=keys.mac, dek=keys.dek, version=version)
