"""Why an act is refused: one reason each, and its kind, which tells the service how to answer."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """What the one who asked can do about it."""

    INVALID = "invalid"  # what was handed in makes no sense: correct it
    FORBIDDEN = "forbidden"  # not this person, or not here
    NOT_FOUND = "not-found"
    CONFLICT = "conflict"  # somebody or something was faster: look again
    RULE = "rule"  # the law or a rule of the office says no


class Reason(StrEnum):
    """Every way in which an act is refused."""

    INVALID_VALUE = "invalid-value"

    ROLE = "role"
    DISTRICT = "district"
    FOUR_EYES = "four-eyes"
    CREDENTIALS = "credentials"
    LOCKED_OUT = "locked-out"

    NO_HOLDER = "no-holder"
    NO_APPLICATION = "no-application"
    NO_PERMIT = "no-permit"
    NO_CARD = "no-card"
    NO_DISTRICT = "no-district"
    NO_OPERATOR = "no-operator"
    NO_AGENT = "no-agent"

    WRONG_STATE = "wrong-state"
    CHANGED_MEANWHILE = "changed-meanwhile"
    CARD_TAKEN = "card-taken"
    CARD_KNOWN = "card-known"
    PERMIT_HAS_CARD = "permit-has-card"
    HOLDER_KNOWN = "holder-known"
    HOLDER_HAS_PERMIT = "holder-has-permit"
    APPLICATION_OPEN = "application-open"
    POSSIBLE_DUPLICATE = "possible-duplicate"
    KEY_REUSED = "key-reused"
    DAY_CLOSED = "day-closed"
    NAME_TAKEN = "name-taken"
    CARD_OUTDATED = "card-outdated"

    CHECKLIST_INCOMPLETE = "checklist-incomplete"
    CHECKLIST_TOLD = "checklist-told"
    NOT_ELIGIBLE = "not-eligible"
    DEADLINE_AT_MAXIMUM = "deadline-at-maximum"
    WRONG_SLIP = "wrong-slip"
    NO_BLANK = "no-blank"
    NOT_IN_THIS_DRAWER = "not-in-this-drawer"
    TOO_EARLY = "too-early"
    RE_REGISTER = "re-register"
    EXPIRED = "expired"
    IN_PERSON_ONLY = "in-person-only"
    BY_ORDER = "by-order"
    OLD_CARD_MISSING = "old-card-missing"
    STOCK_DIFFERS = "stock-differs"
    CARDS_UNRESOLVED = "cards-unresolved"


_BY_KIND = {
    Kind.INVALID: (Reason.INVALID_VALUE,),
    Kind.FORBIDDEN: (Reason.ROLE, Reason.DISTRICT, Reason.FOUR_EYES, Reason.CREDENTIALS, Reason.LOCKED_OUT),
    Kind.NOT_FOUND: (
        Reason.NO_HOLDER,
        Reason.NO_APPLICATION,
        Reason.NO_PERMIT,
        Reason.NO_CARD,
        Reason.NO_DISTRICT,
        Reason.NO_OPERATOR,
        Reason.NO_AGENT,
    ),
    Kind.CONFLICT: (
        Reason.WRONG_STATE,
        Reason.CHANGED_MEANWHILE,
        Reason.CARD_TAKEN,
        Reason.CARD_KNOWN,
        Reason.PERMIT_HAS_CARD,
        Reason.HOLDER_KNOWN,
        Reason.HOLDER_HAS_PERMIT,
        Reason.APPLICATION_OPEN,
        Reason.POSSIBLE_DUPLICATE,
        Reason.KEY_REUSED,
        Reason.DAY_CLOSED,
        Reason.NAME_TAKEN,
        Reason.CARD_OUTDATED,
    ),
}
KIND_OF = dict.fromkeys(Reason, Kind.RULE) | {reason: kind for kind, reasons in _BY_KIND.items() for reason in reasons}


class ActRefused(Exception):
    """An act is not done, for one `reason`; nothing has changed. `details` fill the blanks of the reason's text."""

    def __init__(self, reason: Reason, **details: object) -> None:
        super().__init__(f"{reason}: {details}" if details else str(reason))
        self.reason = reason
        self.details = details

    @property
    def kind(self) -> Kind:
        """What the one who asked can do about it."""
        return KIND_OF[self.reason]


class Conflict(ActRefused):
    """Somebody was faster: another desk, an earlier visit, the same request before."""


def refusal(reason: Reason, **details: object) -> ActRefused:
    """The exception for `reason`: a `Conflict` where it is one."""
    return (Conflict if KIND_OF[reason] is Kind.CONFLICT else ActRefused)(reason, **details)
