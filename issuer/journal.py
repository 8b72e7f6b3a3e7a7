"""The personalisation journal: what was begun with which card, so that nothing is issued twice, no blank lost.

An intent stands in it before the first APDU; a card's row changes only by the steps of `CardState`; events are only
ever appended. It knows serials and permit numbers: no CAN, no photo, no key, no name. `Journal` is the interface;
`journal_sqlite` keeps it in one file, the issuing service in its database.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Protocol

from keys.algorithms import Purpose
from keys.status_list import Place

from .errors import Refusal, Refused

SERIAL_LENGTH = 10  # bytes


class CardState(StrEnum):
    """Where the issuer is with a card. WRITING and VERIFIED are unresolved: the card must come back, or be voided."""

    WRITING = "writing"  # from the intent on: blank, half written or fully written
    VERIFIED = "verified"  # read back as a counter would; ACTIVATE was or was not executed
    ACTIVATED = "activated"
    VOID = "void"


NEXT = {
    CardState.WRITING: (CardState.WRITING, CardState.VERIFIED, CardState.VOID),
    CardState.VERIFIED: (CardState.WRITING, CardState.VERIFIED, CardState.ACTIVATED, CardState.VOID),
    CardState.ACTIVATED: (CardState.ACTIVATED, CardState.VOID),
    CardState.VOID: (),
}
UNRESOLVED = frozenset({CardState.WRITING, CardState.VERIFIED})


class IntentKind(StrEnum):
    """What is about to be done."""

    ISSUE = "issue"
    ENDORSE = "endorse"
    VOID = "void"


class EventKind(StrEnum):
    """What happened."""

    STOCK_RECEIVED = "stock-received"
    BOUND = "bound"
    RESUMED = "resumed"
    SIGNED = "signed"  # about to be: noted before the key is used
    VERIFIED = "verified"
    ACTIVATED = "activated"
    ENDORSED = "endorsed"
    KEYS_PUT = "keys-put"  # about to be: noted before PUT KEY, with the versions; the card itself says which it has
    VOIDED = "voided"
    STATUS_PUBLISHED = "status-published"


@dataclass(frozen=True, slots=True, kw_only=True)
class CardRecord:
    """One card. `serial` is 10 bytes; `permit_number` is empty for a blank that was spoiled before any permit.

    `status_index` is -1 where none was allotted. `revocation_due`: void, and the status list does not say so yet.
    """

    serial: bytes
    state: CardState
    permit_number: str
    profile_digest: bytes
    status_uri: str
    status_index: int
    valid_from: date | None
    endorsed_until: date | None
    reason: str
    revocation_due: bool
    updated_at: datetime

    @property
    def unresolved(self) -> bool:
        """Begun and neither activated nor void."""
        return self.state in UNRESOLVED


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a card is bound to before the first byte is written; `valid_from` resolves ``today`` on a resume."""

    permit_number: str
    profile_digest: bytes  # 32
    valid_from: date
    endorsed_until: date


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBy:
    """One signature for a card: which key made it, and the time that it says. `kid` is 8 bytes, `at` in UTC."""

    purpose: Purpose
    kid: bytes
    at: datetime

    def __str__(self) -> str:
        return f"{self.purpose} {self.kid.hex()} {self.at.isoformat()}"

    @classmethod
    def parse(cls, text: str) -> SignedBy:
        """What `str` makes; ValueError for anything else."""
        purpose, kid, at = text.split(" ")
        return cls(purpose=Purpose(purpose), kid=bytes.fromhex(kid), at=datetime.fromisoformat(at))


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One line of the history."""

    at: datetime
    kind: EventKind
    serial: bytes
    permit_number: str
    detail: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent:
    """What was begun and has not ended; without a serial, no card was identified yet."""

    number: int
    kind: IntentKind
    permit_number: str
    reader: str
    serial: bytes | None
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """End of day: received = activated + void + unresolved + remaining. `void` counts cards spoiled and withdrawn."""

    received: int
    activated: int
    void: int
    unresolved: int

    @property
    def remaining(self) -> int:
        """Blanks that must lie in the drawer; negative when more were used than entered as received."""
        return self.received - self.activated - self.void - self.unresolved


Allocate = Callable[[], Place]
"""Gives out a place in a status list, which nobody else gets: `keys.authority.authority.Authority.allocate`."""
DRAWS = 64


class Journal(Protocol):
    """Each method that changes anything is one transaction, on the disk when it returns."""

    def card(self, serial: bytes) -> CardRecord | None: ...

    def live_card(self, permit_number: str) -> CardRecord | None: ...

    def cards(self) -> tuple[CardRecord, ...]: ...

    def revocations_due(self) -> tuple[CardRecord, ...]:
        """Cards that are void, and whose status list does not say so yet."""
        ...

    def open_intents(self) -> tuple[Intent, ...]: ...

    def events(self, serial: bytes | None = None) -> tuple[Event, ...]: ...

    def balance(self) -> Balance: ...

    def begin(self, kind: IntentKind, *, permit_number: str, reader: str) -> int:
        """Record an intent; returns its number."""
        ...

    def identify(self, intent: int, serial: bytes) -> None:
        """Complete the intent with the serial of the card that answered."""
        ...

    def withdraw(self, intent: int) -> None:
        """Forget an intent that changed nothing."""
        ...

    def bind(self, intent: int, serial: bytes, binding: Binding, allocate: Allocate) -> CardRecord:
        """Bind a card to a permit and give it a place in a status list (`allotted`), or take up an unresolved binding
        again with the place it has. Raises Refused(PERMIT_UNRESOLVED, PERMIT_HAS_CARD, CARD_RESERVED, CARD_VOID,
        NO_STATUS_INDEX or what `allocate` raises)."""
        ...

    def signed(self, serial: bytes, signatures: Sequence[SignedBy]) -> None:
        """Note signatures before they are made: whoever asks later what a key signed must not miss one."""
        ...

    def putting_keys(self, serial: bytes, *, old: int, new: int) -> None:
        """Note a PUT KEY before it is sent: from SCP03 key version `old` to `new`."""
        ...

    def verified(self, serial: bytes) -> None: ...

    def activated(self, intent: int, serial: bytes) -> None: ...

    def endorsed(self, intent: int, serial: bytes, *, until: date, counter: int) -> None: ...

    def void(self, intent: int | None, serial: bytes, *, reason: str, profile_digest: bytes) -> CardRecord:
        """For good; a card that the journal did not know is entered as spoiled."""
        ...

    def status_published(self, serial: bytes) -> None: ...

    def receive(self, count: int, *, note: str) -> None:
        """`count` blanks came into stock (negative: handed on)."""
        ...

    def close(self) -> None: ...


def allotted(allocate: Allocate, taken: Callable[[Place], bool]) -> Place:
    """A place that no card of the records has or had.

    Whoever gives out places never gives one twice, unless its memory came back from a backup: then the records know
    better. Raises Refused(NO_STATUS_INDEX) when they know all of `DRAWS` places in a row.
    """
    for _ in range(DRAWS):
        if not taken(place := allocate()):
            return place
    raise Refused(Refusal.NO_STATUS_INDEX, size=DRAWS)
