"""Why an authority refuses."""

from __future__ import annotations

from enum import StrEnum


class AuthorityReason(StrEnum):
    """Why the authority cannot do what was asked."""

    EXISTS = "exists"
    NOT_FOUND = "not_found"
    BUSY = "busy"
    DAMAGED = "damaged"
    CLOCK = "clock"
    """The clock stands before what was signed already."""
    STATUS_FINAL = "status_final"
    """A status would leave INVALID."""
    STATUS_INDEX = "status_index"
    ROLLED_BACK = "rolled_back"
    """What lies in the trust directory is older than what this authority published already."""
    # Keys.
    NO_KEY = "no_key"
    """No key of that name."""
    NO_ACTIVE_KEY = "no_active_key"
    KEY_STATE = "key_state"
    """The key's state does not allow it."""
    KEY_PERIOD_NOT_BEGUN = "key_period_not_begun"
    KEY_PERIOD_ENDED = "key_period_ended"
    KEY_CAP_REACHED = "key_cap_reached"
    """It has signed as many documents as a key may."""
    NOT_CERTIFIED = "not_certified"
    NOT_PUBLISHED = "not_published"
    """No release has carried it."""
    NOT_PUBLISHED_AHEAD = "not_published_ahead"
    NOT_COVERED = "not_covered"
    NO_SUCCESSOR = "no_successor"
    STILL_NEEDED = "still_needed"
    NO_WITNESS = "no_witness"
    NO_VERSION_LEFT = "no_version_left"
    """Card key versions are used up."""
    ROOT_DECIDES = "root_decides"
    """Keys of the publication come and go with its root metadata."""
    NOT_REVOCABLE = "not_revocable"
    """No CRL of ours can name it."""


class AuthorityError(Exception):
    """The authority refuses, for `reason`; `detail` is the path, key, moment or index concerned."""

    def __init__(self, message: str, *, reason: AuthorityReason, detail: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.detail = detail
