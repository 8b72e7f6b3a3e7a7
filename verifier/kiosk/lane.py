"""One reader at the counter: its card from the first look to the moment it leaves, one check at a time.

A thread of its own does what takes time, act after act. `removed` takes effect at once, whatever that thread waits for:
the screen is cleared, what is known of the card forgotten, and the process that holds the card killed.

    empty ─► seen ─► ask ─► reading ─► verdict            each of them ─► empty, when the card leaves
                └──────┴───────┴─────► failed ─► seen     the clerk tries again
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from card_profiles.errors import CardError, CardMisbehaved, TransportFailed
from card_profiles.iso7816.connection import Channel, Connection, Limits
from card_profiles.protocols.pace import Password
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1

from ..card_files import Progress
from ..counter import Checked, Counter
from ..read_failed import TRANSPORT_REASONS, ReadFailed, card_reason
from ..reader import unusable
from ..reason import Reason
from ..report import Effort
from ..verdict import Assurance, Outcome, Verdict
from . import answers
from .portrait import picture
from .visit import Desk, Order, Phase, Shown, Visit, Watch

TRIES = 3
SETTLE = 0.6  # seconds until pcscd, which looks every 0.4 s, has noticed a card that moved
KEPT = 10.0  # seconds that the password of an interrupted reading waits for the card to come back
PORTRAIT_SECONDS = 30.0
_MOVED = frozenset({Reason.CARD_REMOVED, Reason.CARD_SWAPPED, Reason.CARD_RESET, Reason.CARD_MUTE})
_NOT_YET = _MOVED | {Reason.NO_CARD, Reason.READER_BUSY}


class Lane:
    """The reader `reader`, in place `name` of the board."""

    def __init__(self, name: str, reader: str, desk: Desk) -> None:
        self.name, self.reader = name, reader
        self._desk = desk
        self._lock = threading.Lock()
        self._acts: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._visit = Visit(0)
        self._visit.left.set()
        self._phase = Phase.EMPTY
        self._shown: Shown | None = None
        self._worker = -1  # pidfd of the process that holds the card
        self._connection: Connection | None = None
        self._counter: Counter | None = None
        self._password: Password | None = None  # of the reading at hand
        self._kept: tuple[Password, float] | None = None
        self._put(self._visit, Phase.EMPTY, always=True)
        self._thread = threading.Thread(target=self._work, name=f"reader {name}", daemon=True)
        self._thread.start()

    # --- from any thread -----------------------------------------------------------------------------------------

    @property
    def holds_card(self) -> bool:
        """Whether a card lies there."""
        return not self._visit.left.is_set()

    def inserted(self) -> None:
        """A card was put on the reader."""
        with self._lock:
            self._leave()
            visit = self._visit = Visit(self._visit.number + 1)
        self._put(visit, Phase.SEEN)
        self._acts.put(lambda: self._meet(visit))

    def removed(self) -> None:
        """The card is gone: so is, when this returns, everything that was known of it."""
        with self._lock:
            visit = self._visit
            self._leave()
        self._put(visit, Phase.EMPTY, always=True)
        self._acts.put(self._close)

    def offer(self, visit: int, password: Password) -> bool:
        """The clerk's password for the card that was asked for it; False when that is no longer so."""
        with self._lock:
            now = self._visit
            if now.number != visit or now.left.is_set() or self._phase not in (Phase.ASK, Phase.FAILED):
                return False
        self._acts.put(lambda: self._check(now, password, None, asked=True))
        return True

    def again(self, visit: int) -> bool:
        """The clerk wants another look at the card that lies there."""
        with self._lock:
            now = self._visit
            if now.number != visit or now.left.is_set() or self._phase in (Phase.SEEN, Phase.READING):
                return False
            self._shown = None
        self._put(now, Phase.SEEN)
        self._acts.put(lambda: self._meet(now))
        return True

    def look_for_order(self) -> None:
        """There is an order: if a card lies there, it is checked after whatever is going on."""
        visit = self._visit
        self._acts.put(lambda: self._take_order(visit))

    def shown(self, check: str) -> Shown | None:
        """What the check of this number showed, while it shows."""
        with self._lock:
            return self._shown if self._shown is not None and self._shown.check == check else None

    def stop(self) -> None:
        """The end of this reader."""
        self.removed()
        self._acts.put(None)
        self._thread.join(5)
        self._desk.board.take_away(self.name)

    def _leave(self) -> None:
        """With the lock held."""
        if self._phase is Phase.READING and self._password is not None:
            self._kept = (self._password, self._desk.clock() + KEPT)
        self._visit.left.set()
        self._shown = self._password = None
        self._kill()

    def _kill(self) -> None:
        """With the lock held. A pidfd: never another process that got the number since."""
        if self._worker >= 0:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._worker, signal.SIGKILL)

    def _put(self, visit: Visit, phase: Phase, *, always: bool = False, **more: Any) -> bool:
        """Tell the board, unless the card that this is about has left."""
        with self._lock:
            if visit is not self._visit or (visit.left.is_set() and not always):
                return False
            self._phase = phase
            word = {"reader": self.reader, "visit": visit.number, "phase": phase.value, **more}
            self._desk.board.put(self.name, word)
            return True

    # --- in the thread -------------------------------------------------------------------------------------------

    def _work(self) -> None:
        while (act := self._acts.get()) is not None:
            try:
                act()
            except Exception as error:  # nothing that a card or a disk does may end the counter's day
                print(f"{self.reader}: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
                self._fail(self._visit, ReadFailed(Reason.CARD_FAULT, "1", type(error).__name__), None)
        self._close()

    def _meet(self, visit: Visit) -> None:
        """Which kind of card is it, and what opens it?"""
        order = self._desk.order(self.reader)
        password = order.password if order is not None else self._known_password()
        if password is not None:
            self._check(visit, password, order, asked=False)
            return
        try:
            reason = self._patiently(visit, self._kind)
        except ReadFailed as failed:
            self._fail(visit, failed, None)
            return
        if reason is not None:
            self._fail(visit, ReadFailed(reason, "1"), None)
            return
        self._put(visit, Phase.ASK)
        try:
            if self._connection is not None:
                self._connection.reset()  # while the clerk types: reading begins with a card that was just powered up
        except TransportFailed:
            self._close()  # it is opened again when it is read

    def _take_order(self, visit: Visit) -> None:
        if not visit.left.is_set() and (order := self._desk.order(self.reader)) is not None:
            self._check(visit, order.password, order, asked=False)

    def _known_password(self) -> Password | None:
        with self._lock:
            kept, self._kept = self._kept, None
        if kept is not None and self._desk.clock() < kept[1]:
            return kept[0]
        return self._desk.password()

    def _kind(self, visit: Visit) -> Reason | None:
        connection = self._open(visit)
        try:
            return unusable(Channel(connection, Limits()), RESIDENCE_PERMIT_V1)
        except TransportFailed as error:
            raise ReadFailed(TRANSPORT_REASONS[error.fault], "1", str(error)) from error
        except CardMisbehaved as error:
            raise ReadFailed(Reason.OTHER_CARD, "1", str(error)) from error

    def _check(self, visit: Visit, password: Password, order: Order | None, *, asked: bool) -> None:
        """Read and decide; what the card is and what it says is told on the way."""
        with self._lock:
            self._shown, self._password = None, password
        if not self._put(visit, Phase.READING, number="1", done=0, total=0):
            if order is not None:
                order.done(answers.failed(Reason.CARD_REMOVED, reader=self.reader))
            return
        try:
            self._patiently(visit, lambda visit: self._read(visit, password, order))
        except ReadFailed as failed:
            if failed.reason is Reason.WRONG_PASSWORD and order is None:
                # Not told of a password that nobody typed for this card.
                self._again_after_wrong_password(visit, failed if asked else None)
            else:
                self._fail(visit, failed, order)
        finally:
            with self._lock:
                self._password = None

    def _again_after_wrong_password(self, visit: Visit, failed: ReadFailed | None) -> None:
        self._close()
        self._put(visit, Phase.ASK, reason=None if failed is None else failed.reason)

    def _patiently(self, visit: Visit, act: Callable[[Visit], Any]) -> Any:
        """A card that moved on the reader is read anew, as long as nobody took it away."""
        for tried in range(TRIES):
            try:
                return act(visit)
            except ReadFailed as failed:
                self._close()
                if failed.reason not in _NOT_YET or tried == TRIES - 1 or visit.left.wait(SETTLE):
                    raise
        return None

    def _read(self, visit: Visit, password: Password, order: Order | None) -> None:
        if self._counter is None:
            self._counter = self._desk.counter()
        counter = self._counter
        check = os.urandom(8).hex()
        watch = Watch(self.bite)
        try:
            connection = self._open(visit)
            limits, on_limits = self._desk.remembered(connection)
            watch.begin(self._desk.check_seconds)

            def early(verdict: Verdict) -> None:
                watch.begin(PORTRAIT_SECONDS)
                self._show(visit, Shown(check=check, verdict=verdict), counter, coming=True)
                if order is not None and not order.portrait:
                    order.done(answers.verdict(verdict, None, reader=self.reader))

            checked = counter.check(
                connection, password, limits=limits, on_limits=on_limits, progress=self._progress(visit), early=early
            )
        except ReadFailed as failed:
            if visit.left.is_set():
                raise ReadFailed(Reason.CARD_REMOVED, failed.number, failed.detail) from failed
            if watch.bitten:
                raise ReadFailed(Reason.TIMED_OUT, failed.number, failed.detail) from failed
            raise
        except CardError as error:  # a connection that broke before reading began
            raise _told(error) from error
        finally:
            watch.end()
        self._close()
        self._finish(visit, check, checked, counter, order)

    def _finish(self, visit: Visit, check: str, checked: Checked, counter: Counter, order: Order | None) -> None:
        verdict = checked.verdict
        proven = any(step.number == "9a" and step.outcome is Outcome.PASSED for step in verdict.steps)
        shown = Shown(
            check=check,
            verdict=verdict,
            evidence=checked.evidence,
            picture=picture(checked.evidence.portrait) if proven and verdict.genuine.good else None,
        )
        self._show(visit, shown, counter, coming=False, effort=checked.effort)
        if order is not None and order.portrait:
            order.done(answers.verdict(verdict, checked.effort, reader=self.reader, picture=shown.picture))
        try:
            counter.remember(verdict)
        except (OSError, ReadFailed) as error:  # the verdict stands; the next check of a clock set back will be weaker
            print(f"watermark: {error}", file=sys.stderr, flush=True)
        self._desk.checked(verdict, counter.catalogue)

    def _show(
        self, visit: Visit, shown: Shown, counter: Counter, *, coming: bool, effort: Effort | None = None
    ) -> None:
        with self._lock:
            if visit.left.is_set():
                return
            self._shown = shown
        state = "coming" if coming and counter.portrait else "ready" if shown.picture is not None else "none"
        self._put(
            visit,
            Phase.VERDICT,
            check=shown.check,
            portrait=state,
            evidence=shown.evidence is not None and not shown.verdict.accepted,
            others=answers.not_on_the_card(shown.verdict, counter.catalogue),
            answer=answers.verdict(shown.verdict, effort, reader=self.reader),
        )

    def _progress(self, visit: Visit) -> Callable[[Progress], None]:
        def told(at: Progress) -> None:
            if not at.number.startswith("9"):  # the verdict is on the screen by then
                self._put(visit, Phase.READING, number=at.number, done=at.done, total=at.total)

        return told

    def _fail(self, visit: Visit, failed: ReadFailed, order: Order | None) -> None:
        self._close()
        if not visit.left.is_set():
            self._desk.not_checked(failed.reason, Assurance.CHIP)
        if order is not None:
            order.done(answers.failure(failed, reader=self.reader))
        with self._lock:
            self._shown = None
        self._put(visit, Phase.FAILED, answer=answers.failure(failed, reader=self.reader), reason=failed.reason)

    def _open(self, visit: Visit) -> Connection:
        if self._connection is None:
            connection = self._desk.connect(self.reader)
            self._connection = connection
            pid = getattr(connection, "worker_pid", None)
            with self._lock:
                if pid is not None:
                    with suppress(ProcessLookupError):
                        self._worker = os.pidfd_open(pid)
                if visit.left.is_set():
                    self._kill()
        return self._connection

    def _close(self) -> None:
        with self._lock:
            worker, self._worker = self._worker, -1
        connection, self._connection = self._connection, None
        if worker >= 0:
            os.close(worker)
        if connection is not None:
            connection.close()

    def bite(self) -> None:
        """The time of a check is over: whoever holds the card ends now."""
        with self._lock:
            self._kill()


def _told(error: CardError) -> ReadFailed:
    if isinstance(error, TransportFailed):
        return ReadFailed(TRANSPORT_REASONS[error.fault], "1", str(error))
    if isinstance(error, CardMisbehaved):
        return ReadFailed(card_reason(error.fault), "1", str(error))
    return ReadFailed(Reason.CARD_FAULT, "1", str(error))
