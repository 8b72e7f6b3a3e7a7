"""What a counter keeps on its disk: where its trust data is, and the latest time that it has known for sure.

The watermark is a clock that never runs backwards. It moves with the signing times of our data and with the machine's
clock, with the latter only while our data is fresh by it: a clock that was once set far ahead cannot lock the counter
out for ever.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime

from keys.errors import DecodeError
from keys.files import PRIVATE, read_regular, replace

APPLICATION = "permit-verifier"
TRUST_VARIABLE = "PERMIT_TRUST"
STATE_VARIABLE = "PERMIT_STATE"
_SYSTEM_TRUST = "/var/lib/permit-verifier/trust"
_WATERMARK = "watermark"


def trust_directory(given: str | None, environment: dict[str, str]) -> str:
    """The trust directory: as given, from $PERMIT_TRUST, the user's own, or the machine's."""
    if given or (given := environment.get(TRUST_VARIABLE)):
        return given
    own = os.path.join(_base(environment, "XDG_DATA_HOME", ".local/share"), APPLICATION, "trust")
    return own if os.path.isdir(own) else _SYSTEM_TRUST


def state_directory(given: str | None, environment: dict[str, str]) -> str:
    """Where the watermark lives: as given, from $PERMIT_STATE, or the user's own state directory."""
    if given or (given := environment.get(STATE_VARIABLE)):
        return given
    return os.path.join(_base(environment, "XDG_STATE_HOME", ".local/state"), APPLICATION)


def _base(environment: dict[str, str], variable: str, fallback: str) -> str:
    return environment.get(variable) or os.path.join(environment.get("HOME", "/"), fallback)


class Watermark:
    """The file `watermark` in a state directory: one line, UTC with whole seconds."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, _WATERMARK)

    def read(self) -> datetime | None:
        """The latest time known for sure; None before the first. Raises `DecodeError` if it is damaged."""
        try:
            raw, _ = read_regular(self._path, limit=64)
        except FileNotFoundError:
            return None
        try:
            time = datetime.fromisoformat(raw.decode("ascii").rstrip("\n"))
        except ValueError as error:
            raise DecodeError("not a time", path=_WATERMARK) from error
        if _line(time) != raw:
            raise DecodeError("not a time in UTC with whole seconds", path=_WATERMARK)
        return time

    def stamp(self) -> tuple[int, int] | None:
        """Another one after each change by any process; None without a file."""
        try:
            status = os.stat(self._path)
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def advance(self, time: datetime) -> None:
        """Move up to `time`, never back; durable when this returns. OSError when the directory cannot be written."""
        known = self.read()
        time = time.astimezone(UTC).replace(microsecond=0)
        if known is not None and time <= known:
            return
        os.makedirs(os.path.dirname(self._path), mode=0o700, exist_ok=True)
        replace(self._path, _line(time), mode=PRIVATE)


def _line(time: datetime) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ\n").encode("ascii")
