"""A link to a desk agent: the WebSocket in the event loop, and the card behind it for the thread of a run.

The agent is believed no more than a wire: what it brings back is checked by whoever speaks with the card. What is no
message of the protocol, comes unasked or too late ends the link; when it has ended, every run over it sees a torn card.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from concurrent.futures import CancelledError
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from keys.errors import DecodeError

from ..agent.messages import (
    CLOSE_PROTOCOL,
    MAX_BATCH,
    MAX_COMMAND,
    MAX_MESSAGE,
    MIN_COMMAND,
    Kind,
    Message,
    ReaderCondition,
    ReaderStatus,
)

# Seconds for an answer: those that the agent itself allows (card_profiles.readers.pcsc.Timeouts), and some for the way.
OPEN_SECONDS = 25.0
TRANSMIT_SECONDS = 50.0
RESET_SECONDS = 20.0
CLOSE_SECONDS = 5.0
_SLACK = 10.0


class AgentLink:
    """One WebSocket, accepted. `ask` is for threads, the rest for the event loop."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._loop = asyncio.get_running_loop()
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Message]] = {}
        self._ended = False
        self.introduced = asyncio.Event()
        self.status = ReaderStatus(condition=ReaderCondition.NO_READER)
        self.instance = ""

    async def serve(self) -> None:
        """Take what comes, until the link has ended."""
        try:
            while not self._ended:
                event = await self._socket.receive()
                if event["type"] == "websocket.disconnect":
                    return
                try:
                    self._take(Message.decode(event.get("bytes") or b""))
                except DecodeError:
                    await self.end(CLOSE_PROTOCOL)
        finally:
            self._give_up()

    def _take(self, message: Message) -> None:
        """Raises DecodeError for what nobody asked for."""
        if message.kind is Kind.STATE:
            assert message.status is not None
            self.status, self.instance = message.status, message.instance
            self.introduced.set()
            return
        waiting = self._waiting.pop(message.number, None)
        if waiting is None or waiting.done():
            raise DecodeError("an answer to nothing", path=message.kind.name)
        waiting.set_result(message)

    async def end(self, code: int) -> None:
        """Close it, and let go of whoever waits."""
        self._give_up()
        try:
            await self._socket.close(code)
        except (RuntimeError, WebSocketDisconnect, OSError):
            return  # it has ended by itself

    def _give_up(self) -> None:
        self._ended = True
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(_torn())
        self._waiting.clear()

    def ask(self, kind: Kind, *, limit: float, **fields: Any) -> Message:
        """The agent's answer. Raises TransportFailed: TORN when the link ends first; TIMED_OUT, and it is ended."""
        request = Message(kind=kind, number=next(self._numbers), **fields)
        asking = self._ask(request, limit)
        try:
            future = asyncio.run_coroutine_threadsafe(asking, self._loop)
        except RuntimeError as error:  # the loop is closed: the service ends
            asking.close()
            raise _torn() from error
        try:
            return future.result(limit + _SLACK)
        except (CancelledError, TimeoutError) as error:
            raise _torn() from error

    async def _ask(self, request: Message, limit: float) -> Message:
        if self._ended:
            raise _torn()
        waiting: asyncio.Future[Message] = self._loop.create_future()
        self._waiting[request.number] = waiting
        try:
            async with asyncio.timeout(limit):
                await self._socket.send_bytes(request.encode())
                return await waiting
        except TimeoutError as error:
            await self.end(CLOSE_PROTOCOL)
            message = f"{request.kind.name.lower()}: no answer within {limit:g} s"
            raise TransportFailed(message, fault=TransportFault.TIMED_OUT) from error
        except (RuntimeError, WebSocketDisconnect, OSError) as error:
            raise _torn() from error
        finally:
            self._waiting.pop(request.number, None)
            if waiting.done() and not waiting.cancelled():
                waiting.exception()  # looked at, so that nobody is told that nobody did


def _torn() -> TransportFailed:
    return TransportFailed("the link to the desk agent broke", fault=TransportFault.TORN)


class AgentConnection:
    """The card in an agent's reader; a `BatchConnection`. Dead after its first failure, as one over PC/SC is."""

    max_batch = MAX_BATCH

    def __init__(self, link: AgentLink) -> None:
        """Opens it. Raises TransportFailed."""
        self._link = link
        self._fault: TransportFault | None = None
        self._closed = False
        self.atr = self._ask(Kind.OPEN, OPEN_SECONDS, Kind.ATR).atr

    def transmit(self, command: bytes) -> bytes:
        """One command, one trip. Raises TransportFailed, then and ever after."""
        return self.transmit_all([command])[0]

    def transmit_all(self, commands: Sequence[bytes], *, stop_unless: int = 0x9000) -> list[bytes]:
        """As many of `commands` as one message carries, in one trip. Raises TransportFailed, then and ever after."""
        together: list[bytes] = []
        size = 16
        for command in commands[:MAX_BATCH]:
            if not MIN_COMMAND <= len(command) <= MAX_COMMAND:
                raise Misuse(f"a command has {MIN_COMMAND} to {MAX_COMMAND} bytes, not {len(command)}")
            size += len(command) + 4
            if size > MAX_MESSAGE:
                break
            together.append(command)
        answer = self._ask(
            Kind.TRANSMIT, TRANSMIT_SECONDS, Kind.ANSWERS, items=tuple(together), stop_unless=stop_unless
        )
        if len(answer.items) > len(together):
            raise self._failed(TransportFault.TORN)
        return list(answer.items)

    def reset(self) -> bytes:
        """Power-cycles the card. Raises TransportFailed; CARD_SWAPPED when another kind of card answers."""
        answer = self._ask(Kind.RESET, RESET_SECONDS, Kind.ATR)
        if answer.atr != self.atr:
            raise self._failed(TransportFault.CARD_SWAPPED)
        return self.atr

    def close(self) -> None:
        """Powers the card down and gives the reader back. Never raises; may be called twice."""
        if self._closed:
            return
        self._closed = True
        if self._fault is None:
            try:
                self._link.ask(Kind.CLOSE, limit=CLOSE_SECONDS)
            except TransportFailed:
                return

    def _ask(self, kind: Kind, limit: float, expected: Kind, **fields: Any) -> Message:
        if self._closed:
            raise TransportFailed("the connection is closed", fault=TransportFault.CARD_REMOVED)
        if self._fault is not None:
            raise TransportFailed("the connection has failed before", fault=self._fault)
        try:
            answer = self._link.ask(kind, limit=limit, **fields)
        except TransportFailed as failed:
            self._fault = failed.fault
            raise
        if answer.kind is not expected:
            raise self._failed(answer.fault or TransportFault.TORN)
        return answer

    def _failed(self, fault: TransportFault) -> TransportFailed:
        self._fault = fault
        return TransportFailed(f"at the desk: {fault}", fault=fault)
