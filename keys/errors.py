"""The one error that every decoder of the project raises."""

from __future__ import annotations


class DecodeError(ValueError):
    """Bytes that do not follow their format.

    `offset` is the position, in bytes, in the outermost input where decoding stopped; `path` names the element, such
    as ``MobileSecurityObject/valueDigests``. Decoders are total: whatever the input, they return or raise this.
    """

    def __init__(self, message: str, *, offset: int = 0, path: str = "") -> None:
        super().__init__(message)
        self.offset = offset
        self.path = path

    def __str__(self) -> str:
        where = f" in {self.path}" if self.path else ""
        return f"{self.args[0]}{where} at offset {self.offset}"
