"""The process that talks to pcscd, so that a call which never returns can be killed with it.

It is started with two pipes as standard input and output, answers one request at a time, and holds at most one card.
The parent shares only the framing below with it and never loads a PC/SC library itself.

    request:  length u32 | operation u8 | time limit u32 (milliseconds) | body
    answer:   length u32 | 00 | body
              length u32 | 01 | PC/SC return code u32 | in the reader: 00 nothing, 01 a card, 02 unknown | call (ASCII)
              length u32 | 02 | why there is no PC/SC here (UTF-8)

`length` counts what follows it; all numbers are big-endian.
"""

from __future__ import annotations

import os
import signal
import struct
from enum import IntEnum
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Sequence

GRACE = 1.0  # seconds that the worker outlives a time limit, so that it is the parent who ends it if there is one
LOOKS = 6  # tenths of a second; pcscd polls a reader every 0.4 s, so by then one without a card shows as empty

# winscard.h: states of a reader
STATE_CHANGED = 0x0002
STATE_UNKNOWN = 0x0004
STATE_UNAVAILABLE = 0x0008
STATE_EMPTY = 0x0010
STATE_PRESENT = 0x0020
STATE_MUTE = 0x0200

# winscard.h: SCARD_E_NO_SERVICE, SCARD_E_SERVICE_STOPPED, SCARD_F_COMM_ERROR, SCARD_E_INVALID_HANDLE
SERVICE_LOST = frozenset({0x8010001D, 0x8010001E, 0x80100013, 0x80100003})

_HEAD = struct.Struct(">IBI")
_LENGTH = struct.Struct(">I")
_FAILURE = struct.Struct(">BIB")


Reader: TypeAlias = tuple[str, int, bytes]  # name, SCARD_STATE bits with the count of events in the upper half, ATR


class Operation(IntEnum):
    LIST = 1  # body: empty; answers the readers
    WAIT = 2  # body: u32 milliseconds; answers the readers as soon as one differs from what was last answered
    CONNECT = 3  # body: reader name; answers the ATR
    TRANSMIT = 4  # body: command APDU; answers the response
    RESET = 5  # body: empty; power-cycles the card, answers the ATR
    DISCONNECT = 6  # body: empty; powers the card down


class Answer(IntEnum):
    DONE = 0
    FAILED = 1
    UNEQUIPPED = 2


class Presence(IntEnum):
    EMPTY = 0
    CARD = 1
    UNKNOWN = 2


def pack_request(operation: Operation, limit: float, body: bytes = b"") -> bytes:
    """One request; `limit` in seconds."""
    return _HEAD.pack(len(body) + 5, operation, round(limit * 1000)) + body


def pack_done(body: bytes) -> bytes:
    return _LENGTH.pack(len(body) + 1) + bytes([Answer.DONE]) + body


def pack_failure(code: int, presence: Presence, call: str) -> bytes:
    text = call.encode()
    return _LENGTH.pack(len(text) + 6) + _FAILURE.pack(Answer.FAILED, code, presence) + text


def pack_unequipped(why: str) -> bytes:
    text = why.encode()
    return _LENGTH.pack(len(text) + 1) + bytes([Answer.UNEQUIPPED]) + text


def unpack_failure(frame: bytes) -> tuple[int, Presence, str]:
    """PC/SC return code, presence and call of a frame that starts with `Answer.FAILED`."""
    _, code, presence = _FAILURE.unpack_from(frame)
    return code, Presence(presence), frame[_FAILURE.size :].decode()


def pack_readers(readers: Sequence[Reader]) -> bytes:
    out = bytearray()
    for name, state, atr in readers:
        text = name.encode()
        out += struct.pack(">HIB", len(text), state, len(atr)) + text + atr
    return bytes(out)


def unpack_readers(body: bytes) -> list[Reader]:
    readers: list[Reader] = []
    at = 0
    while at < len(body):
        name_length, state, atr_length = struct.unpack_from(">HIB", body, at)
        at += 7
        name = body[at : at + name_length].decode()
        at += name_length
        readers.append((name, state, body[at : at + atr_length]))
        at += atr_length
    return readers


class Failed(Exception):
    """A PC/SC call returned something other than SCARD_S_SUCCESS."""

    def __init__(self, call: str, code: int, presence: Presence = Presence.UNKNOWN) -> None:
        super().__init__(call)
        self.call = call
        self.code = code & 0xFFFFFFFF
        self.presence = presence


class Worker:
    """One PC/SC context and at most one card."""

    def __init__(self, scard: Any) -> None:
        self._scard = scard
        self._context: Any = None
        self._card: Any = None
        self._protocol = 0
        self._reader = ""
        self._seen: list[Reader] | None = None

    def perform(self, operation: Operation, body: bytes) -> bytes:
        if operation is Operation.LIST:
            return pack_readers(self._readers())
        if operation is Operation.WAIT:
            return pack_readers(self._wait(int.from_bytes(body)))
        if operation is Operation.CONNECT:
            return self._connect(body.decode())
        if operation is Operation.TRANSMIT:
            return self._transmit(body)
        if operation is Operation.RESET:
            return self._reset()
        self._disconnect()
        return b""

    def _call(self, name: str, *arguments: Any) -> list[Any]:
        """What a PC/SC function returns after its return code. Raises Failed."""
        result = getattr(self._scard, name)(*arguments)
        code, rest = (result[0], result[1:]) if isinstance(result, (list, tuple)) else (result, ())
        if code != self._scard.SCARD_S_SUCCESS:
            raise self._failed(name, code)
        return list(rest)

    def _failed(self, name: str, code: int) -> Failed:
        if code & 0xFFFFFFFF in SERVICE_LOST and self._context is not None:
            # A context outlives its pcscd only as a number; the next request shall ask for a new one.
            self._scard.SCardReleaseContext(self._context)
            self._context = self._card = self._seen = None
        return Failed(name, code)

    def _ready(self) -> Any:
        if self._context is None:
            (self._context,) = self._call("SCardEstablishContext", self._scard.SCARD_SCOPE_SYSTEM)
        return self._context

    def _names(self) -> list[str]:
        try:
            (names,) = self._call("SCardListReaders", self._ready(), [])
        except Failed as failed:
            if failed.code == self._scard.SCARD_E_NO_READERS_AVAILABLE & 0xFFFFFFFF:
                return []
            raise
        return list(names)

    def _readers(self) -> list[Reader]:
        names = self._names()
        self._seen = self._states([(name, 0) for name in names], 0) if names else []
        return self._seen

    def _states(self, watched: list[tuple[str, int]], milliseconds: int) -> list[Reader]:
        """The readers' states, as soon as one is not what it was said to be, or the time has passed."""
        code, states = self._scard.SCardGetStatusChange(self._ready(), milliseconds, watched)
        if code not in (self._scard.SCARD_S_SUCCESS, self._scard.SCARD_E_TIMEOUT):
            raise self._failed("SCardGetStatusChange", code)
        return [(name, state, bytes(atr)) for name, state, atr in states]

    def _wait(self, milliseconds: int) -> list[Reader]:
        """All readers, at once when they are not what was answered last, else after a change or the time."""
        before = self._seen
        now = self._readers()
        if before is None or now != before:
            return now
        watched = [(name, state & ~STATE_CHANGED) for name, state, _ in now]
        watched.append((r"\\?PnP?\Notification", len(now) << 16))  # readers that come and go
        self._states(watched, milliseconds)
        return self._readers()

    def _connect(self, reader: str) -> bytes:
        scard = self._scard
        self._disconnect()
        self._reader = reader
        self._card, self._protocol = self._call(
            "SCardConnect",
            self._ready(),
            reader,
            scard.SCARD_SHARE_EXCLUSIVE,
            scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
        )
        return self._atr()

    def _atr(self) -> bytes:
        return bytes(self._call("SCardStatus", self._card)[3])

    def _transmit(self, command: bytes) -> bytes:
        scard = self._scard
        if self._card is None:
            raise Failed("SCardTransmit", scard.SCARD_E_INVALID_HANDLE)
        header = scard.SCARD_PCI_T0 if self._protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        try:
            (response,) = self._call("SCardTransmit", self._card, header, list(command))
            if len(response) < 2:  # pcscd reports success when a card leaves the reader inside a command
                raise Failed("SCardTransmit", scard.SCARD_S_SUCCESS)
        except Failed as failed:
            raise self._lost(failed) from None
        return bytes(response)

    def _reset(self) -> bytes:
        scard = self._scard
        if self._card is None:
            raise Failed("SCardReconnect", scard.SCARD_E_INVALID_HANDLE)
        try:
            (self._protocol,) = self._call(
                "SCardReconnect",
                self._card,
                scard.SCARD_SHARE_EXCLUSIVE,
                scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1,
                scard.SCARD_UNPOWER_CARD,
            )
            return self._atr()
        except Failed as failed:
            raise self._lost(failed) from None

    def _lost(self, failed: Failed) -> Failed:
        """Lets go of a card after a failure: the handle may talk to another card by now, and nobody shall use it again.

        The look comes first. To power down a card that left, and is back before pcscd has noticed, leaves pcscd 1.9.9
        with a reader that it takes for empty until the card is moved once more.
        """
        presence = self._look()
        self._disconnect()
        return Failed(failed.call, failed.code, presence)

    def _disconnect(self) -> None:
        if self._card is not None:
            self._scard.SCardDisconnect(self._card, self._scard.SCARD_UNPOWER_CARD)
            self._card = None

    def _look(self) -> Presence:
        """Is there a card in the reader, once pcscd had the time to notice?"""
        state = 0
        try:
            for milliseconds in (0, *[100] * LOOKS):
                _, found, _ = self._states([(self._reader, state)], milliseconds)[0]
                if found & STATE_EMPTY:
                    return Presence.EMPTY
                state = found & ~STATE_CHANGED
        except Failed:
            return Presence.UNKNOWN
        return Presence.CARD if state & STATE_PRESENT else Presence.UNKNOWN


def _read_exactly(descriptor: int, count: int) -> bytes:
    """`count` bytes, fewer at the end of the stream."""
    received = b""
    while len(received) < count:
        piece = os.read(descriptor, count - len(received))
        if not piece:
            break
        received += piece
    return received


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def serve(worker: Worker, requests: int, answers: int) -> None:
    """Answers requests until the parent closes its end."""
    while len(head := _read_exactly(requests, _HEAD.size)) == _HEAD.size:
        length, operation, limit = _HEAD.unpack(head)
        body = _read_exactly(requests, length - 5)
        # The default action of SIGALRM ends the process even inside a library call that never comes back, so that a
        # worker whose parent was killed does not outlive its time limit.
        signal.setitimer(signal.ITIMER_REAL, limit / 1000 + GRACE)
        try:
            answer = pack_done(worker.perform(Operation(operation), body))
        except Failed as failed:
            answer = pack_failure(failed.code, failed.presence, failed.call)
        signal.setitimer(signal.ITIMER_REAL, 0)
        try:
            _write_all(answers, answer)
        except BrokenPipeError:  # the parent was ended while it waited: there is nobody to tell
            return


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, who then closes the pipe
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    try:
        from smartcard import scard
    except ImportError as error:
        _write_all(1, pack_unequipped(str(error)))
        return
    serve(Worker(scard), 0, 1)


if __name__ == "__main__":
    main()
