"""Printed codes at the counter: from a scanner's text, a picture or a camera to a verdict at its lower assurance.

What was scanned also opens the chip: the password in it waits a while for the card.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from card_profiles.protocols.pace import Password

from .. import printed, scan
from ..counter import Counter
from ..read_failed import ReadFailed
from ..reason import Reason
from ..verdict import Assurance, Verdict
from . import answers
from .board import Tree
from .visit import Desk, Phase

TOPIC = "code"
MAX_TEXT = scan.MAX_TEXT
MAX_FRAME = 1920 * 1080
_READING = "3"


class Codes:
    """The place where codes are checked, one at a time."""

    def __init__(self, desk: Desk, seconds: float) -> None:
        self._desk, self._board, self._seconds = desk, desk.board, seconds
        self._lock = threading.Lock()
        self._counter: Counter | None = None
        self._password: Password | None = None
        self._timer: threading.Timer | None = None
        self._put(Phase.EMPTY)

    def check(self, texts: Sequence[str]) -> Tree:
        """The answer for the first permit's code among `texts`; told to whoever asked, and to nobody else."""
        return self._decide(texts)[0]

    def show(self, texts: Sequence[str]) -> None:
        """The same on the screen, for a while. The password in the code waits as long."""
        answer, verdict = self._decide(texts)
        self.clear()
        with self._lock:
            if verdict is not None:
                self._password = _password(texts)
            self._timer = threading.Timer(self._seconds, self.clear)
            self._timer.daemon = True
            self._timer.start()
        if verdict is None:
            self._put(Phase.FAILED, answer=answer, reason=answer["reasons"][0])
        else:
            self._put(Phase.VERDICT, answer=answer, check=os.urandom(8).hex(), portrait="none", others=[])

    def fail(self, failed: ReadFailed) -> None:
        """A picture without a code that could be read, told on the screen."""
        self.clear()
        self._put(Phase.FAILED, answer=answers.failure(failed), reason=failed.reason)

    def clear(self) -> None:
        """Nothing on the screen, nothing remembered."""
        with self._lock:
            self._password = None
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._board.word(TOPIC).get("phase") != Phase.EMPTY:
            self._put(Phase.EMPTY)

    def password(self) -> Password | None:
        """What the code on the screen gave for its chip, once; the screen is for the card from now on."""
        with self._lock:
            found = self._password
        self.clear()
        return found

    def _decide(self, texts: Sequence[str]) -> tuple[dict[str, Any], Verdict | None]:
        with self._lock:
            try:
                envelope = printed.envelope(texts)
                if self._counter is None:
                    self._counter = self._desk.counter()
                verdict = self._counter.check_code(envelope)
                with suppress(OSError):  # the watermark: the verdict stands
                    self._counter.remember(verdict)
                catalogue = self._counter.catalogue
            except ReadFailed as failed:
                self._desk.not_checked(failed.reason, Assurance.PRINTED)
                return answers.failure(failed), None
        self._desk.checked(verdict, catalogue)
        return answers.verdict(verdict, None), verdict

    def _put(self, phase: Phase, **more: Any) -> None:
        self._board.put(TOPIC, {"phase": phase.value, **more})


def _password(texts: Sequence[str]) -> Password | None:
    try:
        return printed.password(texts)
    except ReadFailed:
        return None


def frame(grey: bytes, width: int, height: int) -> tuple[str, ...]:
    """The texts of the codes in one picture of a camera, a byte a pixel. Raises ReadFailed."""
    if not (width > 0 and height > 0 and width * height == len(grey) <= MAX_FRAME):
        raise ReadFailed(Reason.CODE_UNREADABLE, _READING, f"{len(grey)} bytes are not {width} x {height} pixels")
    return scan.pixels(memoryview(grey).cast("B", (height, width)))
