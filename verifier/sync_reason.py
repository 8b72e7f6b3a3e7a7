"""Why a synchronisation was refused: one code per cause. Its text, which says what to do, stands in `sync_texts`."""

from __future__ import annotations

from enum import StrEnum


class SyncReason(StrEnum):
    """One cause. Whatever it is, the store is as it was."""

    # --- this machine -----------------------------------------------------------------------------------
    NOT_INSTALLED = "not-installed"  # the package for synchronisation is missing
    NO_ANCHOR = "no-anchor"  # first synchronisation, and no root to begin with
    ANCHOR_INVALID = "anchor-invalid"
    CLOCK_SET_BACK = "clock-set-back"  # behind what this machine, or the authority's signatures, have seen
    STORE_BUSY = "store-busy"
    STORE_DAMAGED = "store-damaged"
    STORE_UNWRITABLE = "store-unwritable"

    # --- the source -------------------------------------------------------------------------------------
    UNREACHABLE = "unreachable"
    NOT_A_REPOSITORY = "not-a-repository"
    INCOMPLETE = "incomplete"  # a file that the signed lists name is not there
    TRUNCATED = "truncated"
    ALTERED = "altered"  # a file has other bytes than were signed
    MIXED = "mixed"  # parts of different releases
    TOO_LARGE = "too-large"
    MALFORMED = "malformed"

    # --- the signatures ---------------------------------------------------------------------------------
    ROOT_UNTRUSTED = "root-untrusted"  # a new root without enough signatures of the root we trust
    ROOT_EXPIRED = "root-expired"
    TOO_FEW_SIGNATURES = "too-few-signatures"

    # --- time -------------------------------------------------------------------------------------------
    FROZEN = "frozen"  # expired: somebody withholds the newer release, or nobody made one
    OLDER = "older"  # a whole release that is older than ours
    ROLLED_BACK = "rolled-back"  # a new signature over old parts
    FORKED = "forked"  # well signed, with a version that we have, and other content: keys that signed twice

    # --- the content ------------------------------------------------------------------------------------
    TRUST_INVALID = "trust-invalid"  # certificates that cannot be used
    REVOCATION_INVALID = "revocation-invalid"  # a revocation list that no trusted root signed
    STATUS_INVALID = "status-invalid"  # a status list that is malformed, or not signed by a trusted status signer
    STATUS_BOMB = "status-bomb"  # a status list that would inflate beyond all measure
    STATUS_MISPLACED = "status-misplaced"  # a shard under the name of another
    REVOCATION_TAKEN_BACK = "revocation-taken-back"  # a card or signer that was revoked no longer is


class SyncRefused(Exception):
    """Nothing was taken over, for `reason`. `detail` is for the log."""

    def __init__(self, reason: SyncReason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason
        self.detail = detail
