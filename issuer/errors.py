"""Why a card is not written: one reason each, what the texts need to say it, and the exit code it leads to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """Exit codes of `permit-issuer`, as its `--help` lists them."""

    DONE = 0
    REFUSED = 1  # the input or a rule forbids it; card and journal are as they were
    CARD_FAILED = 2  # reader, card or journal did not answer; run the same command again to resume
    KEYS_UNUSABLE = 3  # the authority's keys are missing, locked or past their period; nothing was written
    CARD_SPOILED = 4  # this card is void, or must be; take another
    USAGE = 64  # the command line cannot be read


class Refusal(StrEnum):
    """Every way in which the issuer says no. `issuer.texts` holds a line in each language for each of them."""

    # what was handed in
    NO_SUCH_FILE = "no-such-file"
    APPLICATION_MISTAKES = "application-mistakes"
    PHOTO_UNREADABLE = "photo-unreadable"
    PHOTO_KIND = "photo-kind"
    PHOTO_TOO_LARGE = "photo-too-large"
    PHOTO_TOO_SMALL = "photo-too-small"
    PHOTO_ROTATED = "photo-rotated"
    PHOTO_PIXELS = "photo-pixels"
    PHOTO_ANIMATED = "photo-animated"
    BAD_ADDRESS = "bad-address"
    BAD_CAN = "bad-can"
    BAD_DATE = "bad-date"
    BAD_REASON = "bad-reason"
    BAD_SERIAL = "bad-serial"
    BAD_COUNT = "bad-count"
    UNKNOWN_SERVICE = "unknown-service"
    DATE_PAST = "date-past"
    AFTER_EXPIRY = "after-expiry"
    OUTPUT_UNWRITABLE = "output-unwritable"
    CONTENT_TOO_LARGE = "content-too-large"
    FONT_MISSING = "font-missing"
    NO_GLYPHS = "no-glyphs"
    TEXT_TOO_LONG = "text-too-long"
    READ_CODE_MISSING = "read-code-missing"
    OTHER_PERMIT = "other-permit"

    # the card in the reader
    NO_READER_SERVICE = "no-reader-service"
    NO_READER = "no-reader"
    NO_CARD = "no-card"
    FOREIGN_CARD = "foreign-card"
    FOREIGN_KEYS = "foreign-keys"
    UNKNOWN_CARD = "unknown-card"
    ALREADY_PERSONALISED = "already-personalised"
    ALREADY_DONE = "already-done"
    NOT_PERSONALISED = "not-personalised"
    HALF_WRITTEN = "half-written"
    CARD_TERMINATED = "card-terminated"
    CARD_VOID = "card-void"
    CARD_RESERVED = "card-reserved"
    DUPLICATE_SERIAL = "duplicate-serial"
    WRONG_READ_CODE = "wrong-read-code"
    CARD_NOT_GENUINE = "card-not-genuine"
    CARD_FAILED = "card-failed"
    TRANSPORT_FAILED = "transport-failed"

    # the journal
    PERMIT_UNRESOLVED = "permit-unresolved"
    PERMIT_HAS_CARD = "permit-has-card"
    CARD_NOT_IN_JOURNAL = "card-not-in-journal"
    JOURNAL_UNUSABLE = "journal-unusable"
    NO_STATUS_INDEX = "no-status-index"

    # the authority
    NO_AUTHORITY = "no-authority"
    KEYS_LOCKED = "keys-locked"
    KEYS_EXPIRED = "keys-expired"
    TRUST_UNUSABLE = "trust-unusable"
    OPENSSL_MISSING = "openssl-missing"
    EXTRA_MISSING = "extra-missing"

    # after writing
    CROSS_CHECK = "cross-check"
    READ_BACK = "read-back"
    NOT_ENDORSED = "not-endorsed"
    SPOILED = "spoiled"


_EXIT = {
    Refusal.CARD_FAILED: ExitCode.CARD_FAILED,
    Refusal.TRANSPORT_FAILED: ExitCode.CARD_FAILED,
    Refusal.JOURNAL_UNUSABLE: ExitCode.CARD_FAILED,
    Refusal.NO_AUTHORITY: ExitCode.KEYS_UNUSABLE,
    Refusal.KEYS_LOCKED: ExitCode.KEYS_UNUSABLE,
    Refusal.KEYS_EXPIRED: ExitCode.KEYS_UNUSABLE,
    Refusal.TRUST_UNUSABLE: ExitCode.KEYS_UNUSABLE,
    Refusal.NOT_ENDORSED: ExitCode.CARD_FAILED,
    Refusal.READ_BACK: ExitCode.CARD_SPOILED,
    Refusal.SPOILED: ExitCode.CARD_SPOILED,
}


class Refused(Exception):
    """The issuer does not do it, for one `reason`; `details` fill the blanks of the reason's text."""

    def __init__(self, reason: Refusal, **details: object) -> None:
        super().__init__(f"{reason}: {details}" if details else str(reason))
        self.reason = reason
        self.details = details

    @property
    def exit_code(self) -> ExitCode:
        """What the command line ends with."""
        return _EXIT.get(self.reason, ExitCode.REFUSED)


class Fault(StrEnum):
    """What can be wrong with one field of an application."""

    NOT_JSON = "not-json"
    NOT_AN_OBJECT = "not-an-object"
    TOO_LARGE = "too-large"
    DUPLICATE = "duplicate"
    UNKNOWN_FIELD = "unknown-field"
    MISSING = "missing"
    NOT_TEXT = "not-text"
    EMPTY = "empty"
    TOO_LONG = "too-long"
    CONTROL_CHARACTER = "control-character"
    NOT_A_PERMIT_NUMBER = "not-a-permit-number"
    NOT_A_DOCUMENT_NUMBER = "not-a-document-number"
    NOT_A_COUNTRY = "not-a-country"
    NOT_A_SEX = "not-a-sex"
    NOT_A_CLASS = "not-a-class"
    NOT_A_DATE = "not-a-date"
    NOT_A_PERSONAL_NUMBER = "not-a-personal-number"
    PERSONAL_NUMBER_BIRTH_DATE = "personal-number-birth-date"
    NO_TRANSLITERATION = "no-transliteration"
    NAME_TOO_LONG = "name-too-long"
    BORN_IN_THE_FUTURE = "born-in-the-future"
    NOT_AFTER_START = "not-after-start"
    AFTER_EXPIRY = "after-expiry"
    IN_THE_PAST = "in-the-past"
    TOO_FAR_AHEAD = "too-far-ahead"
    UNKNOWN_SERVICE = "unknown-service"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """One mistake in an application: its field (``names.latin_given``), what it is, and what its text needs."""

    field: str
    fault: Fault
    details: Mapping[str, str] = attribute(default_factory=dict)


class ApplicationRefused(Refused):
    """Everything that is wrong with an application, at once: the applicant is told one time of all that is missing."""

    def __init__(self, mistakes: tuple[Mistake, ...]) -> None:
        super().__init__(Refusal.APPLICATION_MISTAKES, count=len(mistakes))
        self.mistakes = mistakes
