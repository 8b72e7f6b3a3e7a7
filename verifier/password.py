"""The password that opens the card, from wherever the clerk gives it. It is never logged and never in evidence."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from card_profiles.protocols.pace import Password

from .read_failed import ReadFailed
from .reason import Reason

CAN_VARIABLE = "PERMIT_CAN"
_MAX_FILE = 64


def from_can(can: str) -> Password:
    """Six digits, spaces and hyphens between them allowed. Raises ReadFailed (PASSWORD_MALFORMED)."""
    digits = can.replace(" ", "").replace("-", "").strip()
    if len(digits) != 6:
        raise ReadFailed(Reason.PASSWORD_MALFORMED, "2")
    try:
        return Password.from_can(digits)
    except ValueError:
        raise ReadFailed(Reason.PASSWORD_MALFORMED, "2") from None


def from_mrz(text: str) -> Password:
    """`DOCUMENT-NUMBER,YYMMDD,YYMMDD` (birth, expiry), as the code on the back carries it. Raises ReadFailed."""
    from card_profiles.lds.mrz import mrz_information

    parts = [part.strip().upper() for part in text.split(",")]
    if len(parts) != 3:
        raise ReadFailed(Reason.PASSWORD_MALFORMED, "2")
    try:
        return Password.from_mrz(mrz_information(*parts))
    except ValueError:
        raise ReadFailed(Reason.PASSWORD_MALFORMED, "2") from None


def obtain(
    *,
    can: str | None,
    can_file: str | None,
    mrz: str | None,
    environment: Mapping[str, str],
    ask: Callable[[], str] | None,
) -> Password:
    """The first that is given: `can`, `can_file`, `mrz`, $PERMIT_CAN, or what `ask` (a prompt) brings.

    Raises ReadFailed: PASSWORD_MISSING when there is none and nobody to ask, PASSWORD_MALFORMED.
    """
    if can is not None:
        return from_can(can)
    if can_file is not None:
        return from_can(_first_line(can_file))
    if mrz is not None:
        return from_mrz(mrz)
    if known := environment.get(CAN_VARIABLE):
        return from_can(known)
    if ask is None:
        raise ReadFailed(Reason.PASSWORD_MISSING, "2")
    try:
        return from_can(ask())
    except (EOFError, OSError):
        raise ReadFailed(Reason.PASSWORD_MISSING, "2") from None


def _first_line(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return file.read(_MAX_FILE).decode("ascii").split("\n", 1)[0]
    except (OSError, UnicodeDecodeError):
        raise ReadFailed(Reason.PASSWORD_MISSING, "2", "the file with the CAN cannot be read") from None
