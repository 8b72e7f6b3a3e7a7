"""The button `save for the authority`: evidence of the refused card that lies there, sealed, in the state directory."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime

from keys.files import PRIVATE, write_new

from .. import support
from ..counter import load_trust
from .visit import Shown

FOLDER = "support"


class SupportFiles:
    """Writes support files below `state`. Calling it raises SupportRefused, ReadFailed, OSError."""

    def __init__(self, *, state: str, trust_directory: str, software: str, now: Callable[[], datetime]) -> None:
        self._folder = os.path.join(state, FOLDER)
        self._trust, self._software, self._now = trust_directory, software, now

    def __call__(self, shown: Shown) -> str:
        """The path of a new file; the name tells the day and nothing of the card."""
        now = self._now()
        assert shown.evidence is not None
        report = support.report_of(shown.evidence, shown.verdict, software=self._software)
        sealed = support.seal(
            report, trust_directory=self._trust, trust=load_trust(self._trust), now=now, random=os.urandom
        )
        os.makedirs(self._folder, mode=0o700, exist_ok=True)
        path = os.path.join(self._folder, f"{now:%Y-%m-%d}-{os.urandom(4).hex()}{support.SUFFIX}")
        write_new(path, sealed, mode=PRIVATE)
        return path
