"""One link to the service, from its first message to its last: requests in, answers out, one at a time.

Whatever the service asks beyond the reader, or beyond the limits of `messages`, ends the link. Whenever a link ends,
the card is powered down: what the service then sees is a card that left the reader.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from card_profiles.iso7816.connection import Connection
from keys.errors import DecodeError

from .messages import MAX_MESSAGE, MAX_RESPONSE, REQUESTS, Kind, Message, ReaderStatus
from .readers import LentReader

IDLE = 120.0  # seconds that a card stays powered without a request
BATCH_SECONDS = 8.0  # after so long a batch is answered as far as it got


class Wire(Protocol):
    """A WebSocket: `receive` raises TimeoutError, both raise what the library has for a link that ended."""

    def receive(self, timeout: float) -> bytes | str: ...
    def send(self, message: bytes) -> None: ...


class OutOfProtocol(Exception):
    """The service sent what no service of ours sends."""


class Link:
    """Serves one WebSocket. `told` hears True when a card is opened for a run, False when it is let go of."""

    def __init__(self, wire: Wire, reader: LentReader, instance: str, told: Callable[[bool], None]) -> None:
        self._wire = wire
        self._reader = reader
        self._instance = instance
        self._told = told
        self._card: Connection | None = None
        self._ended: TransportFault | None = None  # why an opened card is not there any more
        self._last = 0.0
        self.served = 0

    def serve(self, stop: Callable[[], bool], *, heartbeat: float = 0.5) -> None:
        """Until `stop`, or until the wire raises. OutOfProtocol for a message that is none."""
        unlisten = self._reader.listen(self.state)
        try:
            self.state(self._reader.status)
            while not stop():
                try:
                    raw = self._wire.receive(heartbeat)
                except TimeoutError:
                    self._rest()
                    continue
                self._wire.send(self.answer(raw).encode())
        finally:
            unlisten()
            self._let_go(None)

    def state(self, status: ReaderStatus) -> None:
        """Tell the service what is in the reader; a wire that has ended will say so to `serve`."""
        try:
            self._wire.send(Message(kind=Kind.STATE, status=status, instance=self._instance).encode())
        except Exception:
            return

    def answer(self, raw: bytes | str) -> Message:
        """The answer to one request. Raises OutOfProtocol."""
        try:
            if isinstance(raw, str):
                raise DecodeError("text", path="Message")
            request = Message.decode(raw)
        except DecodeError as error:
            raise OutOfProtocol(str(error)) from error
        if request.kind not in REQUESTS:
            raise OutOfProtocol(f"{request.kind.name} is not for an agent")
        self._last = time.monotonic()
        self.served += 1
        try:
            return self._perform(request)
        except (TransportFailed, Misuse) as failed:
            fault = failed.fault if isinstance(failed, TransportFailed) else TransportFault.NO_READER
            self._let_go(fault)
            return Message(kind=Kind.FAILED, number=request.number, fault=fault)
        finally:
            self._last = time.monotonic()

    def _perform(self, request: Message) -> Message:
        match request.kind:
            case Kind.OPEN:
                self._let_go(None)
                self._card = self._reader.open(self)
                self._told(True)
                return Message(kind=Kind.ATR, number=request.number, atr=self._card.atr)
            case Kind.RESET:
                return Message(kind=Kind.ATR, number=request.number, atr=self._opened().reset())
            case Kind.TRANSMIT:
                responses = self._transmitted(self._opened(), request)
                return Message(kind=Kind.ANSWERS, number=request.number, items=tuple(responses))
            case _:
                self._let_go(None)
                return Message(kind=Kind.CLOSED, number=request.number)

    def _opened(self) -> Connection:
        if self._card is None:
            raise TransportFailed("not opened", fault=self._ended or TransportFault.NO_CARD)
        return self._card

    @staticmethod
    def _transmitted(card: Connection, request: Message) -> list[bytes]:
        """Up to the first other status word, the end of the time, or of the room in one message."""
        deadline, room = time.monotonic() + BATCH_SECONDS, MAX_MESSAGE - 64
        responses: list[bytes] = []
        for command in request.items:
            responses.append(card.transmit(command))
            room -= len(responses[-1]) + 4
            if responses[-1][-2:] != request.stop_unless.to_bytes(2, "big"):
                break
            if room < MAX_RESPONSE + 4 or time.monotonic() > deadline:
                break
        return responses

    def _rest(self) -> None:
        """A card that nobody asks anything is powered down; whoever asks again is told why."""
        if self._card is not None and time.monotonic() - self._last > IDLE:
            self._let_go(TransportFault.TIMED_OUT)

    def _let_go(self, fault: TransportFault | None) -> None:
        card, self._card, self._ended = self._card, None, fault
        if card is not None:
            card.close()
            self._reader.release(self)
            self._told(False)
