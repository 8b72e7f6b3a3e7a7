"""New keys for a card in force, when the card master key was rotated since it got those that it has.

PUT KEY is one command, and a card carries it out whole or not at all: before it the card has its old keys, after it the
new ones, and it says which in INITIALIZE UPDATE. Both are derived from master keys that custody still has, so there is
no moment at which nobody knows a card's keys, and nothing to take back after a cut: the next run reads the version and
goes on from there. That it is about to be sent is noted first, for whoever wants to destroy the old master key later.
"""

from __future__ import annotations

from dataclasses import dataclass

from card_profiles.errors import CardMisbehaved

from . import plan
from .card_keys import is_authority_version
from .desk import Desk
from .errors import Refusal, Refused
from .plan import Step, StepKind
from .progress import Meter
from .resume import CardView
from .writer import CardWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyRenewal:
    """From SCP03 key version `old` to `new`, on the card with this serial (10 bytes)."""

    serial: bytes
    old: int
    new: int

    @classmethod
    def due(cls, card: CardView, desk: Desk) -> KeyRenewal | None:
        """What a card needs whose keys are older than those that new cards get; None for any other."""
        try:
            new = desk.keyring.version()
        except Refused as refused:
            if refused.reason is not Refusal.KEYS_EXPIRED:
                raise
            return None  # no master key is in use just now: the card keeps its keys, and is endorsed with them
        if not is_authority_version(card.key_version, desk.profile.scp03) or card.key_version >= new:
            return None
        return cls(serial=card.serial, old=card.key_version, new=new)

    @property
    def steps(self) -> tuple[Step, ...]:
        """In a session with the old keys: PUT KEY, then a session with the new ones, which proves them."""
        return plan.renew_keys()

    def run(self, desk: Desk, writer: CardWriter, meter: Meter) -> None:
        """Do the steps. Raises Refused(CARD_FAILED, FOREIGN_KEYS), TransportFailed."""
        serial = self.serial.hex()
        for step in self.steps:
            meter.begin(step)
            try:
                if step.kind is StepKind.PUT_KEYS:
                    desk.journal.putting_keys(self.serial, old=self.old, new=self.new)
                    writer.put_keys(self.serial)
                else:
                    writer.open(desk.profile.permit)
            except Refused as error:
                if error.reason is not Refusal.FOREIGN_KEYS:
                    raise
                raise Refused(error.reason, serial=serial) from error
            except CardMisbehaved as error:
                raise Refused(Refusal.CARD_FAILED, step=step.kind, error=error, serial=serial) from error
            meter.end()
