"""What a reader at the counter needs: where it stands, who visits it, what it shows, and what all readers share."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from card_profiles.entitlements.catalogue import Catalogue
from card_profiles.iso7816.connection import Connection, Limits
from card_profiles.protocols.pace import Password

from ..counter import Counter
from ..evidence import Evidence
from ..reason import Reason
from ..verdict import Assurance, Verdict
from .board import Board, Tree
from .portrait import Picture


class Phase(StrEnum):
    """Where a reader stands."""

    EMPTY = "empty"
    SEEN = "seen"
    ASK = "ask"
    READING = "reading"
    VERDICT = "verdict"
    FAILED = "failed"


@dataclass(eq=False, slots=True, kw_only=True)
class Order:
    """A program's wish for one check. `done` hears the answer once."""

    password: Password = field(repr=False)
    done: Callable[[Tree], None]
    reader: str = ""
    portrait: bool = False


class Desk(Protocol):
    """What readers of one counter share."""

    board: Board
    check_seconds: float

    def connect(self, reader: str) -> Connection:
        """The card in this reader. Raises ReadFailed."""

    def remembered(self, connection: Connection) -> tuple[Limits | None, Callable[[Limits], None]]:
        """What is known about cards of this kind."""

    def counter(self) -> Counter:
        """A new counter. Raises ReadFailed."""

    def order(self, reader: str) -> Order | None:
        """The oldest order that fits; it is this reader's then."""

    def password(self) -> Password | None:
        """What a code gave that was scanned a moment ago, once."""

    def checked(self, verdict: Verdict, catalogue: Catalogue) -> None:
        """A card or a code was checked to the end. Raises nothing."""

    def not_checked(self, reason: Reason, assurance: Assurance) -> None:
        """A card or a code came to no verdict. Raises nothing."""

    def clock(self) -> float:
        """Seconds that only grow."""


@dataclass(eq=False, slots=True)
class Visit:
    """One card from its arrival to its leaving."""

    number: int
    left: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What the screen shows, for as long as the card lies there."""

    check: str
    verdict: Verdict
    evidence: Evidence | None = None
    picture: Picture | None = None


class Watch:
    """Calls `bite` when a check takes too long."""

    def __init__(self, bite: Callable[[], None]) -> None:
        self._call = bite
        self._timer: threading.Timer | None = None
        self.bitten = False

    def begin(self, seconds: float) -> None:
        """From now on `seconds`; whatever ran before ends."""
        self.end()
        self._timer = threading.Timer(seconds, self._bite)
        self._timer.daemon = True
        self._timer.start()

    def end(self) -> None:
        """In time."""
        if self._timer is not None:
            self._timer.cancel()

    def _bite(self) -> None:
        self.bitten = True
        self._call()
