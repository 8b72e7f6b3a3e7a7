"""The one error of a signature that does not hold."""

from __future__ import annotations

from enum import StrEnum


class SignatureReason(StrEnum):
    """What is wrong with a signed envelope that could be decoded."""

    ALGORITHM = "algorithm"
    """The algorithm is not accepted, or does not fit the key."""
    SIGNATURE = "signature"
    """The signature does not verify under the key."""
    SIGNER_NOT_FOUND = "signer_not_found"
    """No certificate at hand is the one that the envelope names."""
    MESSAGE_DIGEST = "message_digest"
    """The signed digest is not that of the content (RFC 5652 §5.4)."""
    CONTENT_TYPE = "content_type"
    """The signed content type is not that of the content (RFC 5652 §5.3)."""


class SignatureError(Exception):
    """A signature check failed for `reason`."""

    def __init__(self, message: str, *, reason: SignatureReason) -> None:
        super().__init__(message)
        self.reason = reason
