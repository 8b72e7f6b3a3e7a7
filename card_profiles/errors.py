"""What can go wrong between us and a card: it misbehaved, the transport failed, or we misused it."""

from __future__ import annotations

from enum import StrEnum


class CardFault(StrEnum):
    """How a card broke its protocol, or refused."""

    STATUS_WORD = "status-word"  # an answer other than 9000 where the protocol asks for 9000
    MALFORMED_RESPONSE = "malformed-response"
    NAKED_RESPONSE = "naked-response"  # an unprotected answer under secure messaging
    BAD_MAC = "bad-mac"
    BAD_CRYPTOGRAM = "bad-cryptogram"
    TOO_LONG = "too-long"
    TOO_SHORT = "too-short"
    ENDLESS = "endless"  # response chaining that does not end within the cap
    WRONG_PASSWORD = "wrong-password"  # noqa: S105 - PACE or BAC: the CAN or MRZ does not belong to this card
    NOT_ON_CURVE = "not-on-curve"
    WEAK_PARAMETERS = "weak-parameters"
    UNKNOWN_CARD = "unknown-card"  # another kind of card
    NOT_ACTIVATED = "not-activated"
    TERMINATED = "terminated"


class TransportFault(StrEnum):
    """How the way to the card failed."""

    NO_SERVICE = "no-service"  # pcscd does not run
    NO_READER = "no-reader"
    NO_CARD = "no-card"
    CARD_REMOVED = "card-removed"
    CARD_SWAPPED = "card-swapped"
    CARD_RESET = "card-reset"
    CARD_MUTE = "card-mute"
    READER_BUSY = "reader-busy"
    TIMED_OUT = "timed-out"
    TORN = "torn"  # power cut of the software card


class CardError(Exception):
    """Base of everything that a caller may want to catch at once."""


class CardMisbehaved(CardError):
    """The card broke its protocol or refused; `sw` is the status word where there was one."""

    def __init__(self, message: str, *, fault: CardFault, sw: int | None = None) -> None:
        super().__init__(message)
        self.fault = fault
        self.sw = sw


class TransportFailed(CardError):
    """No answer came: reader, daemon, removal or time-out. Whether the card executed the command is unknown."""

    def __init__(self, message: str, *, fault: TransportFault) -> None:
        super().__init__(message)
        self.fault = fault


class Misuse(CardError):
    """We asked for something that the state of the connection or the profile does not allow."""
