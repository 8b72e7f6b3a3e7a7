"""Cards in PC/SC readers, reached through a worker process that is killed when a call does not come back.

A reader driver, or a card that answers nothing at all, can keep SCardTransmit waiting for ever; a thread in that state
cannot be stopped, a process can. Each connection therefore owns a worker (`pcsc_worker`), and this process never loads
a PC/SC library. pcscd itself keeps waiting for such a card, and its reader stays busy until the card is taken out.

A connection that failed once is dead: PC/SC hands an exchanged card to the old handle after a single error, so whatever
follows would be said to a card that nobody identified. Connect again, and identify the card again.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from card_profiles.readers import pcsc_worker as wire
from card_profiles.readers.pcsc_worker import Answer, Operation, Presence

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Sequence

MAX_COMMAND = 65_544  # bytes of an extended command: header 4, Lc 3, data 65,535, Le 2
MIN_COMMAND = 4

FAULTS = {
    # winscard.h of pcsc-lite; what raised each was observed with pcscd 1.9.9
    0x00000000: TransportFault.CARD_MUTE,  # SCARD_S_SUCCESS, and fewer bytes than a status word
    0x8010001D: TransportFault.NO_SERVICE,  # SCARD_E_NO_SERVICE: no pcscd, or it was stopped meanwhile
    0x8010001E: TransportFault.NO_SERVICE,  # SCARD_E_SERVICE_STOPPED
    0x80100013: TransportFault.NO_SERVICE,  # SCARD_F_COMM_ERROR: the first call after pcscd went away
    0x80100003: TransportFault.NO_SERVICE,  # SCARD_E_INVALID_HANDLE: a handle of the pcscd before
    0x8010002E: TransportFault.NO_READER,  # SCARD_E_NO_READERS_AVAILABLE
    0x80100009: TransportFault.NO_READER,  # SCARD_E_UNKNOWN_READER
    0x80100017: TransportFault.NO_READER,  # SCARD_E_READER_UNAVAILABLE: unplugged
    0x8010000C: TransportFault.NO_CARD,  # SCARD_E_NO_SMARTCARD
    0x80100069: TransportFault.CARD_REMOVED,  # SCARD_W_REMOVED_CARD: removed, and pcscd has noticed
    0x80100016: TransportFault.CARD_REMOVED,  # SCARD_E_NOT_TRANSACTED: removed, and pcscd has not noticed yet
    0x80100068: TransportFault.CARD_RESET,  # SCARD_W_RESET_CARD: by another process
    0x80100065: TransportFault.CARD_MUTE,  # SCARD_W_UNSUPPORTED_CARD
    0x80100066: TransportFault.CARD_MUTE,  # SCARD_W_UNRESPONSIVE_CARD
    0x80100067: TransportFault.CARD_MUTE,  # SCARD_W_UNPOWERED_CARD
    0x8010000F: TransportFault.CARD_MUTE,  # SCARD_E_PROTO_MISMATCH: neither T=0 nor T=1
    0x8010002F: TransportFault.CARD_MUTE,  # SCARD_E_COMM_DATA_LOST
    0x80100008: TransportFault.CARD_MUTE,  # SCARD_E_INSUFFICIENT_BUFFER: an answer that no card may give
    0x8010000B: TransportFault.READER_BUSY,  # SCARD_E_SHARING_VIOLATION: another process uses the card
    0x8010000A: TransportFault.TIMED_OUT,  # SCARD_E_TIMEOUT
}
_SUCCESS = 0
_NOT_TRANSACTED = 0x80100016


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """Seconds until a call counts as hung. A transmit has to allow for key generation on the card."""

    listing: float = 5.0
    connect: float = 10.0
    transmit: float = 30.0
    reset: float = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderState:
    """A reader as pcscd sees it. `atr` is empty without a card; `mute`: it gave no ATR, often for lying upside down."""

    name: str
    card_present: bool
    atr: bytes = b""
    mute: bool = False
    events: int = 0  # counts insertions and removals since pcscd started, modulo 65,536


def fault_of(code: int, presence: Presence = Presence.UNKNOWN) -> TransportFault:
    """What a PC/SC return code means, given what is in the reader shortly after; a failed service when nobody knows.

    CARD_SWAPPED says that a card vanished and one is there: the same or another, which only identifying it can tell.
    """
    if code == _NOT_TRANSACTED and presence is Presence.CARD:
        return TransportFault.CARD_SWAPPED
    if code == _SUCCESS and presence is Presence.EMPTY:
        return TransportFault.CARD_REMOVED
    return FAULTS.get(code, TransportFault.NO_SERVICE)


class WorkerProcess:
    """A worker and the pipes to it: one request at a time, each with a time limit."""

    def __init__(self) -> None:
        import subprocess

        # By its path and with nothing of ours on sys.path: it needs pyscard only, and starts in half the time.
        self._process: subprocess.Popen[bytes] = subprocess.Popen(  # noqa: S603
            [sys.executable, "-P", wire.__file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            process_group=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests = self._process.stdin.fileno()
        self._answers = self._process.stdout.fileno()
        self._poll = select.poll()
        self._poll.register(self._answers, select.POLLIN)
        self._alive = True

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._alive

    def ask(self, operation: Operation, body: bytes = b"", *, limit: float, late: TransportFault) -> bytes:
        """The body of the answer. `late` is what to raise when `limit` seconds pass; the worker is dead then.

        Raises TransportFailed.
        """
        if not self._alive:
            raise TransportFailed("the PC/SC worker has ended", fault=TransportFault.NO_SERVICE)
        deadline = time.monotonic() + limit
        try:
            os.write(self._requests, wire.pack_request(operation, limit, body))
            frame = self._take(int.from_bytes(self._take(4, deadline)), deadline)
        except TimeoutError:
            self.kill()
            message = f"{operation.name.lower()}: no answer within {limit:g} s"
            raise TransportFailed(message, fault=late) from None
        except (EOFError, OSError) as error:
            self.kill()
            raise TransportFailed("the PC/SC worker ended", fault=TransportFault.NO_SERVICE) from error
        return _body_of(frame)

    def _take(self, count: int, deadline: float) -> bytes:
        received = b""
        while len(received) < count:
            left = deadline - time.monotonic()
            if left <= 0 or not self._poll.poll(left * 1000):
                raise TimeoutError
            piece = os.read(self._answers, count - len(received))
            if not piece:
                raise EOFError
            received += piece
        return received

    def kill(self) -> None:
        """Ends the worker at once, whatever it waits for."""
        if self._alive:
            self._alive = False
            os.kill(self._process.pid, signal.SIGKILL)
            self._bury()

    def close(self) -> None:
        """Lets the worker end by itself, and kills it if it does not within a second."""
        if not self._alive:
            return
        self._alive = False
        import subprocess

        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._bury()

    def _bury(self) -> None:
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _body_of(frame: bytes) -> bytes:
    if frame[:1] == bytes([Answer.DONE]):
        return frame[1:]
    if frame[:1] == bytes([Answer.UNEQUIPPED]):
        message = f"no PC/SC support, install residence-permit[pcsc]: {frame[1:].decode()}"
        raise TransportFailed(message, fault=TransportFault.NO_SERVICE)
    code, presence, call = wire.unpack_failure(frame)
    raise TransportFailed(f"{call}: {code:08X}", fault=fault_of(code, presence))


class PcscConnection:
    """A card in a reader that this process alone may use. Implements `iso7816.connection.Connection`."""

    def __init__(self, worker: WorkerProcess, reader_name: str, atr: bytes, timeouts: Timeouts) -> None:
        """Takes the worker over; use `connect`."""
        self._worker = worker
        self._timeouts = timeouts
        self._fault: TransportFault | None = None
        self._closed = False
        self.reader_name = reader_name
        self.atr = atr

    @property
    def worker_pid(self) -> int:
        """Process id of the worker."""
        return self._worker.pid

    def transmit(self, command: bytes) -> bytes:
        """The whole response with its status word, 2 to 65,535 bytes. Raises TransportFailed, then and ever after."""
        if not MIN_COMMAND <= len(command) <= MAX_COMMAND:
            raise Misuse(f"a command has {MIN_COMMAND} to {MAX_COMMAND} bytes, not {len(command)}")
        return self._ask(Operation.TRANSMIT, command, self._timeouts.transmit)

    def reset(self) -> bytes:
        """Power-cycles the card and returns its ATR, which may be that of another card. Raises TransportFailed."""
        self.atr = self._ask(Operation.RESET, b"", self._timeouts.reset)
        return self.atr

    def close(self) -> None:
        """Powers the card down and gives the reader back. Never raises; may be called twice."""
        if not self._closed:
            self._closed = True
            if self._fault is None:
                with suppress(TransportFailed):
                    self._worker.ask(Operation.DISCONNECT, limit=2.0, late=TransportFault.TIMED_OUT)
            self._worker.close()

    def _ask(self, operation: Operation, body: bytes, limit: float) -> bytes:
        if self._closed:
            raise TransportFailed("the connection is closed", fault=TransportFault.CARD_REMOVED)
        if self._fault is not None:
            raise TransportFailed("the connection is dead, identify the card again", fault=self._fault)
        try:
            return self._worker.ask(operation, body, limit=limit, late=TransportFault.TIMED_OUT)
        except TransportFailed as failed:
            self._die(failed.fault)
            raise

    def _die(self, fault: TransportFault) -> None:
        self._fault = fault
        self._worker.close()

    def __enter__(self) -> PcscConnection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def list_readers(*, timeouts: Timeouts | None = None) -> tuple[ReaderState, ...]:
    """All readers, empty when there are none. Raises TransportFailed(NO_SERVICE) without pcscd."""
    with WorkerProcess() as worker:
        return _list(worker, timeouts or Timeouts())


def connect(reader_name: str | None = None, *, timeouts: Timeouts | None = None) -> PcscConnection:
    """Opens the card in the reader of that name, or whose name contains it; None is the one reader with a card.

    Raises TransportFailed: NO_SERVICE, NO_READER, NO_CARD, READER_BUSY, CARD_MUTE; Misuse when several readers fit.
    """
    limits = timeouts or Timeouts()
    worker = WorkerProcess()
    try:
        name = choose(_list(worker, limits), reader_name)
        # pcscd lets us wait for the end of another process' transaction: a connect that takes too long is a busy reader
        atr = worker.ask(Operation.CONNECT, name.encode(), limit=limits.connect, late=TransportFault.READER_BUSY)
    except BaseException:
        worker.close()
        raise
    return PcscConnection(worker, name, atr, limits)


def choose(readers: Sequence[ReaderState], wanted: str | None) -> str:
    """The full name of the one reader that is meant; of several whose names contain `wanted`, the one with a card.

    Raises TransportFailed: NO_READER, or NO_CARD when none is named and none holds a card; Misuse when several fit.
    """
    if not readers:
        raise TransportFailed("there is no reader", fault=TransportFault.NO_READER)
    known = ", ".join(reader.name for reader in readers)
    if wanted is None:
        fitting = [reader.name for reader in readers if reader.card_present]
        if not fitting:
            raise TransportFailed(f"no card in any of: {known}", fault=TransportFault.NO_CARD)
    else:
        exact = [reader.name for reader in readers if reader.name == wanted]
        partly = [reader for reader in readers if wanted in reader.name]
        fitting = exact or [reader.name for reader in partly if reader.card_present] or [one.name for one in partly]
        if not fitting:
            raise TransportFailed(f"no reader is called {wanted!r}; there are: {known}", fault=TransportFault.NO_READER)
    if len(fitting) > 1:
        raise Misuse(f"which reader? {', '.join(fitting)}")
    return fitting[0]


def reader_states(body: bytes) -> tuple[ReaderState, ...]:
    """Decodes what a worker answers to LIST and WAIT."""
    return tuple(
        ReaderState(
            name=name,
            card_present=bool(state & wire.STATE_PRESENT),
            atr=atr if state & wire.STATE_PRESENT else b"",
            mute=bool(state & wire.STATE_MUTE),
            events=state >> 16 & 0xFFFF,
        )
        for name, state, atr in wire.unpack_readers(body)
    )


def _list(worker: WorkerProcess, limits: Timeouts) -> tuple[ReaderState, ...]:
    body = worker.ask(Operation.LIST, limit=limits.listing, late=TransportFault.TIMED_OUT)
    return reader_states(body)
