"""Why a check failed or a card could not be read: one code per cause, and whose fault the cause is."""

from __future__ import annotations

from enum import StrEnum


class Reason(StrEnum):
    """One cause. Its one-line text, which says what to do, stands in `verifier.texts`."""

    # --- genuine: what the card carries -----------------------------------------------------------------
    MALFORMED = "malformed"  # a file of the card does not follow its format
    SIGNER_UNKNOWN = "signer-unknown"  # neither the trust data nor the card has the signer's certificate
    SIGNER_UNTRUSTED = "signer-untrusted"  # the certificate leads to no trusted root
    SIGNER_WRONG_PURPOSE = "signer-wrong-purpose"  # the key usage does not allow this signature
    SIGNER_NOT_IN_PERIOD = "signer-not-in-period"  # signed outside certificate validity
    SIGNER_KEY_PERIOD = "signer-key-period"  # signed outside the private-key usage period
    SIGNER_REVOKED = "signer-revoked"
    SIGNATURE_INVALID = "signature-invalid"
    DOC_TYPE_MISMATCH = "doc-type-mismatch"
    DIGEST_MISMATCH = "digest-mismatch"
    ELEMENT_NOT_LISTED = "element-not-listed"
    ELEMENT_MISPLACED = "element-misplaced"  # a signed element, but not the one this file is for
    CHIP_NOT_PROVEN = "chip-not-proven"  # the chip does not hold the private key of `deviceKey`
    CHIP_NAKED_RESPONSE = "chip-naked-response"  # an unprotected answer under secure messaging
    CHIP_TRANSCRIPT_MISMATCH = "chip-transcript-mismatch"  # the proof is not about the file presented with it
    PORTRAIT_MISMATCH = "portrait-mismatch"
    SECURITY_OBJECT_INVALID = "security-object-invalid"  # EF.SOD: malformed or wrongly signed
    DATA_GROUP_MISMATCH = "data-group-mismatch"
    DATA_GROUP_NOT_LISTED = "data-group-not-listed"
    DATA_GROUP_MISSING = "data-group-missing"
    CHIP_KEY_MISMATCH = "chip-key-mismatch"  # DG14 and `deviceKey` differ
    CARD_ACCESS_MISMATCH = "card-access-mismatch"  # DG14 and EF.CardAccess differ
    COUNTRY_MISMATCH = "country-mismatch"  # signer of EF.SOD and DG1 differ
    HOLDER_MISMATCH = "holder-mismatch"  # identity and permit are about two persons
    COPY_NOT_EXCLUDED = "copy-not-excluded"  # only the printed code was read: a copy of it looks the same

    # --- current ----------------------------------------------------------------------------------------
    PERMIT_NOT_YET_VALID = "permit-not-yet-valid"
    ENDORSEMENT_MISSED = "endorsement-missed"  # `validUntil` has passed
    PRINTED_CODE_EXPIRED = "printed-code-expired"  # the card may have been endorsed since: the chip knows
    STATUS_REVOKED = "status-revoked"
    STATUS_SUSPENDED = "status-suspended"
    STATUS_UNKNOWN = "status-unknown"  # the list has no such index, or an undefined value at it

    # --- own data ---------------------------------------------------------------------------------------
    TRUST_MISSING = "trust-missing"
    TRUST_DAMAGED = "trust-damaged"
    TRUST_AGEING = "trust-ageing"
    TRUST_TOO_OLD_FOR_SERVICES = "trust-too-old-for-services"  # the card is still judged, services are not granted
    TRUST_TOO_OLD = "trust-too-old"
    REVOCATION_UNKNOWN = "revocation-unknown"  # no current revocation list of the signer's issuer
    STATUS_LIST_MISSING = "status-list-missing"
    STATUS_LIST_INVALID = "status-list-invalid"  # damaged, wrongly signed or of another address
    STATUS_LIST_EXPIRED = "status-list-expired"
    STATUS_LIST_AGEING = "status-list-ageing"
    STATUS_LIST_TOO_OLD_FOR_SERVICES = "status-list-too-old-for-services"
    STATUS_LIST_TOO_OLD = "status-list-too-old"
    CLOCK_SET_BACK = "clock-set-back"

    # --- entitled ---------------------------------------------------------------------------------------
    NO_SERVICES = "no-services"
    SERVICE_EXPIRED = "service-expired"
    SERVICE_NOT_IN_CATALOGUE = "service-not-in-catalogue"
    SERVICE_OF_OTHER_SECTOR = "service-of-other-sector"
    SERVICES_ON_CHIP_ONLY = "services-on-chip-only"  # a printed code carries open services at most

    # --- any facet --------------------------------------------------------------------------------------
    NOT_CHECKED = "not-checked"  # a required check did not run

    # --- reading ----------------------------------------------------------------------------------------
    READER_SUPPORT_MISSING = "reader-support-missing"
    IDENTITY_SUPPORT_MISSING = "identity-support-missing"
    NO_READER_SERVICE = "no-reader-service"
    NO_READER = "no-reader"
    READER_AMBIGUOUS = "reader-ambiguous"  # several readers fit
    READER_BUSY = "reader-busy"
    NO_CARD = "no-card"
    CARD_REMOVED = "card-removed"
    CARD_SWAPPED = "card-swapped"
    CARD_RESET = "card-reset"
    CARD_MUTE = "card-mute"
    TIMED_OUT = "timed-out"
    OTHER_CARD = "other-card"
    PACE_REQUIRED = "pace-required"  # the card offers only access control that the profile does not allow
    WRONG_PASSWORD = "wrong-password"  # noqa: S105 - the name of a cause
    PASSWORD_MISSING = "password-missing"  # noqa: S105
    PASSWORD_MALFORMED = "password-malformed"  # noqa: S105
    NOT_ACTIVATED = "not-activated"
    TERMINATED = "terminated"
    CARD_FAULT = "card-fault"
    IMAGE_UNREADABLE = "image-unreadable"
    EVIDENCE_UNREADABLE = "evidence-unreadable"
    CODE_UNREADABLE = "code-unreadable"  # no such file, or neither text nor a picture
    CODE_NOT_FOUND = "code-not-found"  # no QR code in the picture
    CODE_OF_OTHER_KIND = "code-of-other-kind"  # a code, but not of a permit
    CODE_SUPPORT_MISSING = "code-support-missing"


class Blame(StrEnum):
    """Whose fault a reason is: it decides the exit code and who has to act."""

    CARD = "card"  # refused
    DATA = "data"  # our own trust data, status lists or clock
    READING = "reading"  # no verdict about the card at all


_DATA = frozenset(
    {
        Reason.TRUST_MISSING,
        Reason.TRUST_DAMAGED,
        Reason.TRUST_AGEING,
        Reason.TRUST_TOO_OLD_FOR_SERVICES,
        Reason.TRUST_TOO_OLD,
        Reason.REVOCATION_UNKNOWN,
        Reason.STATUS_LIST_MISSING,
        Reason.STATUS_LIST_INVALID,
        Reason.STATUS_LIST_EXPIRED,
        Reason.STATUS_LIST_AGEING,
        Reason.STATUS_LIST_TOO_OLD_FOR_SERVICES,
        Reason.STATUS_LIST_TOO_OLD,
        Reason.CLOCK_SET_BACK,
    }
)
_ORDER = tuple(Reason)
_READING = frozenset(_ORDER[_ORDER.index(Reason.READER_SUPPORT_MISSING) :])


def blame(reason: Reason) -> Blame:
    """Who has to act on `reason`; what is neither our data nor the reading is the card."""
    if reason in _DATA:
        return Blame.DATA
    return Blame.READING if reason in _READING else Blame.CARD
