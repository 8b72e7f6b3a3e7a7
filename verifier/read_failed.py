"""Why a card could not be read, from whatever the layers below raise."""

from __future__ import annotations

from card_profiles.errors import CardFault, TransportFault

from .reason import Reason


class ReadFailed(Exception):
    """The card could not be read. `number` is the step, `detail` is for the log."""

    def __init__(self, reason: Reason, number: str, detail: str = "") -> None:
        super().__init__(f"step {number}: {reason}" + (f" ({detail})" if detail else ""))
        self.reason = reason
        self.number = number
        self.detail = detail


TRANSPORT_REASONS = {
    TransportFault.NO_SERVICE: Reason.NO_READER_SERVICE,
    TransportFault.NO_READER: Reason.NO_READER,
    TransportFault.NO_CARD: Reason.NO_CARD,
    TransportFault.CARD_REMOVED: Reason.CARD_REMOVED,
    TransportFault.CARD_SWAPPED: Reason.CARD_SWAPPED,
    TransportFault.CARD_RESET: Reason.CARD_RESET,
    TransportFault.CARD_MUTE: Reason.CARD_MUTE,
    TransportFault.READER_BUSY: Reason.READER_BUSY,
    TransportFault.TIMED_OUT: Reason.TIMED_OUT,
    TransportFault.TORN: Reason.CARD_REMOVED,
}
CARD_REASONS = {
    CardFault.NAKED_RESPONSE: Reason.CHIP_NAKED_RESPONSE,
    CardFault.WRONG_PASSWORD: Reason.WRONG_PASSWORD,
    CardFault.UNKNOWN_CARD: Reason.OTHER_CARD,
    CardFault.NOT_ACTIVATED: Reason.NOT_ACTIVATED,
    CardFault.TERMINATED: Reason.TERMINATED,
}


def card_reason(fault: CardFault) -> Reason:
    """The reason behind a card's fault; anything without a better name is a card that could not be read."""
    return CARD_REASONS.get(fault, Reason.CARD_FAULT)
