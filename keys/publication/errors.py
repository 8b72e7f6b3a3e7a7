"""Why a publication is refused."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PublicationReason(StrEnum):
    """Why nothing was published."""

    NOT_SET_UP = "not_set_up"
    """No root metadata: the ceremony has not been held."""
    NOT_INSTALLED = "not_installed"
    """The TUF library is missing."""
    EXISTS = "exists"
    BUSY = "busy"
    DAMAGED = "damaged"
    """A file of ours, or the release that stands, cannot be used."""
    CLOCK = "clock"
    """The clock stands before what was published already."""
    LINT = "lint"
    """The release would take back what was published, or carries what counters refuse; `findings` say what."""
    ROOT_THRESHOLD = "root_threshold"
    """The root is not signed by enough keys of the old root and of the new."""
    ROOT_EXPIRED = "root_expired"
    KEY_MISSING = "key_missing"
    """Custody has too few of a role's keys to reach its threshold."""
    SECOND_PATH = "second_path"
    """A client, the trust store or OpenSSL refused what we had just signed."""
    NO_OPENSSL = "no_openssl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that a release may not do: which file, which rule, and the entry concerned."""

    rule: Rule
    target: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.target}: {self.rule}{f' ({self.detail})' if self.detail else ''}"


class Rule(StrEnum):
    """What `lint` looks for."""

    NAME = "name"
    TOO_LARGE = "too_large"
    TOO_MANY = "too_many"
    MALFORMED = "malformed"
    MISSING = "missing"
    """No CSCA certificate, or no CRL."""
    VANISHED = "vanished"
    """A certificate, list or catalogue of the previous release is gone, and a live card may need it."""
    STATUS_SIGNATURE = "status_signature"
    STATUS_FILE_NAME = "status_file_name"
    STATUS_REVIVED = "status_revived"
    STATUS_SHRUNK = "status_shrunk"
    STATUS_OLDER = "status_older"
    STATUS_EXPIRED = "status_expired"
    CRL_SIGNATURE = "crl_signature"
    CRL_NUMBER = "crl_number"
    """The number did not rise although the list changed."""
    CRL_OLDER = "crl_older"
    CRL_EXPIRED = "crl_expired"
    CRL_ENTRY_GONE = "crl_entry_gone"
    CRL_DATE_CHANGED = "crl_date_changed"
    """The revocation of an entry was moved to a later date."""
    CATALOGUE_OLDER = "catalogue_older"
    ROOT_RETURNS = "root_returns"
    """A compromised CSCA is root or link again, or is no longer listed as removed."""


class PublicationError(Exception):
    """Nothing was published, for `reason`. `detail` is the path, role or moment concerned."""

    def __init__(
        self, message: str, *, reason: PublicationReason, detail: str = "", findings: tuple[Finding, ...] = ()
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.detail = detail
        self.findings = findings
