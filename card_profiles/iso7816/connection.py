"""The one seam to any card, and the channel above it that turns commands into exchanges.

`Connection` carries bytes. `Channel` chooses the form of each APDU, chains commands and responses, applies whatever
secure layer is up, and steps the length of reads down when a card or reader cannot answer as much as it claims.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from card_profiles.errors import CardFault, CardMisbehaved, Misuse
from card_profiles.iso7816 import tlv
from card_profiles.iso7816.apdu import (
    CLA_CHAINING,
    EXTENDED_DATA,
    EXTENDED_NE,
    SHORT_DATA,
    SHORT_NE,
    CommandApdu,
    ResponseApdu,
)
from keys.errors import DecodeError

MAX_RESPONSE = EXTENDED_NE + 512  # bytes over all parts of one response; the excess is room for secure messaging
MAX_PARTS = 320  # GET RESPONSE commands for one response: 65,536 bytes in parts of 208

LE_STEPS = (4096, 2048, 1024, 512, 256, 192, 128, 96, 64)  # outer Ne, downwards; 192 is a known kind of chip

_SHORT_COMMAND = 4 + 1 + SHORT_DATA + 1
_LARGEST_COMMAND = 4 + 3 + EXTENDED_DATA + 2


class Connection(Protocol):
    """A card in reach: PC/SC, the software card, a relay."""

    @property
    def atr(self) -> bytes:
        """The answer to reset, 2..33 bytes."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU; the whole response with its status word. TransportFailed."""

    def reset(self) -> bytes:
        """Power-cycle the card and return its answer to reset. TransportFailed."""

    def close(self) -> None:
        """Let go of the card; never raises."""


class BatchConnection(Connection, Protocol):
    """A card at the other end of a link: commands that are carried together cost one trip there and back."""

    max_batch: int  # commands in one `transmit_all`

    def transmit_all(self, commands: Sequence[bytes], *, stop_unless: int = 0x9000) -> list[bytes]:
        """Send commands one after the other, next to the reader, up to the first answer with another status word than
        `stop_unless`; at least one of them. The responses to those that were sent. TransportFailed, and then nobody
        knows how many the card executed.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What card and reader can carry.

    `max_response` is the largest usable Ne, `max_command` the size of the largest command APDU, both in bytes.
    """

    extended: bool = False
    max_response: int = SHORT_NE
    max_command: int = _SHORT_COMMAND

    def __post_init__(self) -> None:
        if not 1 <= self.max_response <= (EXTENDED_NE if self.extended else SHORT_NE):
            raise ValueError("max_response does not fit the form")
        if not 16 <= self.max_command <= (_LARGEST_COMMAND if self.extended else _SHORT_COMMAND):
            raise ValueError("max_command does not fit the form")

    @property
    def max_data(self) -> int:
        """Data bytes of the largest command."""
        if self.extended and self.max_command > _SHORT_COMMAND:
            return min(self.max_command - 9, EXTENDED_DATA)
        return min(self.max_command - 6, SHORT_DATA)

    def lower(self) -> Limits | None:
        """The next smaller `max_response`, or None at the bottom."""
        for step in LE_STEPS:
            if step < self.max_response:
                return replace(self, max_response=step)
        return None

    @classmethod
    def from_atr(cls, atr: bytes) -> Limits:
        """From the card capabilities in the historical bytes (ISO/IEC 7816-4:2020, 12.2.2.9 table 119 and 12.1.1).

        Extended length counts only when the card says so; how long is then in EF.ATR/INFO, and 2048 bytes until it
        has been read. Never raises: an ATR that cannot be read means short APDUs.
        """
        third = _software_functions(_historical_bytes(atr))
        if third & 0x40:
            return cls(extended=True, max_response=2048, max_command=2048)
        return cls()

    @classmethod
    def from_atr_info(cls, content: bytes) -> Limits:
        """From EF.ATR/INFO: `7F66{02 largest command APDU, 02 largest response APDU}` (12.7.1). DecodeError.

        Short limits when the object is not there.
        """
        element = tlv.find(tlv.parse_sequence(content), 0x7F66)
        if element is None:
            return cls()
        parts = element.children()
        if len(parts) != 2 or any(part.tag != 0x02 or not 1 <= len(part.value) <= 4 for part in parts):
            raise DecodeError("not two integers", offset=element.offset, path="7F66")
        command, response = (int.from_bytes(part.value, "big") for part in parts)
        if command < _SHORT_COMMAND or response < SHORT_NE + 2:
            raise DecodeError("limits below those of short APDUs", offset=element.offset, path="7F66")
        return cls(
            extended=True, max_command=min(command, _LARGEST_COMMAND), max_response=min(response - 2, EXTENDED_NE)
        )


@runtime_checkable
class SecureLayer(Protocol):
    """What protects commands and responses: secure messaging or SCP03."""

    errors_are_naked: bool  # True: error statuses come unprotected and leave the session up, as in SCP03

    def wrap(self, command: CommandApdu, *, extended: bool = False) -> CommandApdu:
        """Protect; `extended` allows the extended form."""

    def unwrap(self, response: ResponseApdu) -> ResponseApdu:
        """Check and open; CardMisbehaved, after which the session is over."""

    def snapshot(self) -> int:
        """State for `restore`."""

    def restore(self, snapshot: int) -> None:
        """Undo `wrap`, when the card proved that it did not process the command."""

    def ahead(self) -> SecureLayer:
        """What will `unwrap` the answer to the command just wrapped; this one goes on as if that had been done."""

    def max_plain_command(self, limit: int) -> int:
        """Plaintext bytes in a command of `limit` data bytes."""

    def max_plain_response(self, limit: int) -> int:
        """Plaintext bytes in a response of `limit` data bytes."""


class Channel:
    """Commands to one card over one connection.

    `on_limits` hears when reads had to become shorter, so that the caller can remember it for this kind of card.
    """

    def __init__(
        self, connection: Connection, limits: Limits, *, on_limits: Callable[[Limits], None] | None = None
    ) -> None:
        self.connection = connection
        self._limits = limits
        self._on_limits = on_limits
        self._secure: SecureLayer | None = None
        self._ended = False

    @property
    def limits(self) -> Limits:
        """What is in force now; set it after EF.ATR/INFO has been read."""
        return self._limits

    @limits.setter
    def limits(self, limits: Limits) -> None:
        self._limits = limits

    @property
    def secure(self) -> SecureLayer | None:
        """What wraps now. Setting it, to None too, starts anew after a session has ended."""
        return self._secure

    @secure.setter
    def secure(self, layer: SecureLayer | None) -> None:
        self._secure = layer
        self._ended = False

    @property
    def max_batch(self) -> int:
        """How many commands `send_all` carries together; 1 where each is a trip of its own anyway."""
        found: int = getattr(self.connection, "max_batch", 1)
        return found

    def max_read(self) -> int:
        """Plaintext bytes that one response can bring."""
        limit = self._limits.max_response
        return limit if self._secure is None else self._secure.max_plain_response(limit)

    def max_write(self) -> int:
        """Plaintext bytes that one command can carry, without chaining."""
        limit = self._limits.max_data
        return limit if self._secure is None else self._secure.max_plain_command(limit)

    def lower_limits(self) -> bool:
        """Step `max_read` down; False when it cannot get any smaller."""
        lower = self._limits.lower()
        if lower is None:
            return False
        self._limits = lower
        return True

    def report_limits(self) -> None:
        """Tell `on_limits` what works."""
        if self._on_limits is not None:
            self._on_limits(self._limits)

    def send(self, command: CommandApdu) -> ResponseApdu:
        """Send one command, in a chain when its data is too long; the plain response, whatever its status word.

        CardMisbehaved: the response breaks the protocol or the secure layer (then the session has ended and every
        further command is a Misuse until `secure` is set again). TransportFailed, after which a secure session has
        ended too, because nobody knows whether the card counted the command.
        """
        if self._ended:
            raise Misuse("the secure session has ended")
        data = command.data
        room = self.max_write() if data else 0
        while len(data) > room:
            if self._secure is not None and self._secure.errors_are_naked:
                raise Misuse("command too long for this secure channel")
            part = replace(command, cla=command.cla | CLA_CHAINING, data=data[:room], ne=0)
            response = self._send_one(part)
            if not response.ok:
                return response
            data = data[room:]
        return self._send_one(command if data is command.data else replace(command, data=data))

    def send_all(self, commands: Sequence[CommandApdu]) -> list[ResponseApdu]:
        """Send commands of which none depends on the answer to another: the plain responses, up to and including the
        first other than 9000. Together where the connection can carry them so, else one by one; raises as `send`.

        When commands that were carried together stop before the last one, the secure session has ended. Whoever
        carries them has seen those that were wrapped ahead and could have had them answered, and a command that took
        the place of one of them would be answered with that.
        """
        if self._ended:
            raise Misuse("the secure session has ended")
        room = self.max_write()
        if self.max_batch > 1 and len(commands) > 1 and all(len(command.data) <= room for command in commands):
            try:
                return self._together(commands)
            except BaseException:
                self._ended = self._secure is not None
                raise
        responses: list[ResponseApdu] = []
        for command in commands:
            responses.append(self.send(command))
            if not responses[-1].ok:
                break
        return responses

    def _together(self, commands: Sequence[CommandApdu]) -> list[ResponseApdu]:
        layer = self._secure
        ready: list[CommandApdu] = []
        openers: list[SecureLayer] = []
        for command in commands:
            ready.append(command if layer is None else layer.wrap(command, extended=self._limits.extended))
            if layer is not None:
                openers.append(layer.ahead())
        responses: list[ResponseApdu] = []
        while len(responses) < len(ready):
            for response in self._batch(ready[len(responses) : len(responses) + self.max_batch]):
                responses.append(openers[len(responses)].unwrap(response) if openers else response)
                if not responses[-1].ok:
                    self._ended = layer is not None and len(responses) < len(ready)
                    return responses
        return responses

    def _batch(self, commands: Sequence[CommandApdu]) -> Iterator[ResponseApdu]:
        """Whole responses to the first of `commands`. A card that wants another Le, or has more to say, is asked at
        once; the commands after that one come later."""
        connection: BatchConnection = self.connection  # type: ignore[assignment]  # max_batch says that it is one
        raw = connection.transmit_all([self._encode(command) for command in commands])
        if not 0 < len(raw) <= len(commands):
            raise CardMisbehaved("not as many responses as commands", fault=CardFault.MALFORMED_RESPONSE)
        for number, answer in enumerate(raw):
            response = self._parse(answer)
            if response.sw != 0x9000 and number < len(raw) - 1:
                raise CardMisbehaved("went on after a refusal", fault=CardFault.MALFORMED_RESPONSE, sw=response.sw)
            yield self._completed(commands[number], response)

    def _send_one(self, command: CommandApdu) -> ResponseApdu:
        layer = self._secure
        if layer is None:
            return self._exchange(command)
        try:
            return self._send_secure(layer, command)
        except BaseException:
            self._ended = True
            raise

    def _send_secure(self, layer: SecureLayer, command: CommandApdu) -> ResponseApdu:
        """A bare 6700 proves that the command never reached secure messaging: roll back, ask for less.

        Only the very same command with a smaller Le may follow a roll-back (see SecureMessaging.restore), and its
        answer may not be longer than that Le.
        """
        stepped = False
        while True:
            before = layer.snapshot()
            raw = self._exchange(layer.wrap(command, extended=self._limits.extended))
            if raw.sw == 0x6700 and not raw.data and not layer.errors_are_naked and self._may_step(command):
                while self.max_read() >= command.ne and self.lower_limits():
                    pass
                layer.restore(before)
                command = replace(command, ne=self.max_read())
                stepped = True
                continue
            response = layer.unwrap(raw)
            if stepped:
                if len(response.data) > command.ne:
                    raise CardMisbehaved("more than was asked for", fault=CardFault.TOO_LONG, sw=response.sw)
                self.report_limits()
            return response

    def _may_step(self, command: CommandApdu) -> bool:
        smallest = replace(self._limits, max_response=min(LE_STEPS[-1], self._limits.max_response))
        layer = self._secure
        floor = smallest.max_response if layer is None else layer.max_plain_response(smallest.max_response)
        return command.ne > floor and not command.data

    def _exchange(self, command: CommandApdu) -> ResponseApdu:
        """Transmit, correct Le once (6Cxx), collect the parts of a chained response (61xx)."""
        return self._completed(command, self._transmit(command))

    def _completed(self, command: CommandApdu, response: ResponseApdu) -> ResponseApdu:
        if response.sw >> 8 == 0x6C:
            # 5.6: the very same command with the right Le. Secure messaging does not cover the outer Le, so the
            # protected bytes stay valid if the card did not process them, and are refused if it did.
            response = self._transmit(replace(command, ne=response.sw & 0xFF or SHORT_NE))
        if response.sw >> 8 != 0x61:
            return response
        parts, total = [response.data], len(response.data)
        for _ in range(MAX_PARTS):
            more = CommandApdu(cla=command.cla & 0x03, ins=0xC0, ne=response.sw & 0xFF or SHORT_NE)
            response = self._transmit(more)
            parts.append(response.data)
            total += len(response.data)
            if total > MAX_RESPONSE:
                break
            if response.sw >> 8 != 0x61:
                return ResponseApdu(data=b"".join(parts), sw=response.sw)
        raise CardMisbehaved("response chaining without end", fault=CardFault.ENDLESS, sw=response.sw)

    def _transmit(self, command: CommandApdu) -> ResponseApdu:
        return self._parse(self.connection.transmit(self._encode(command)))

    def _encode(self, command: CommandApdu) -> bytes:
        if command.fits_short:
            return command.encode()
        if self._limits.extended:
            return command.encode(extended=True)
        raise Misuse("the command needs extended length, which this card or reader does not have")

    @staticmethod
    def _parse(answer: bytes) -> ResponseApdu:
        try:
            return ResponseApdu.parse(answer)
        except DecodeError as error:
            raise CardMisbehaved("not a response", fault=CardFault.MALFORMED_RESPONSE) from error


class CountingConnection:
    """Counts `commands`, `bytes_sent` and `bytes_received`: on contactless readers they are the time."""

    def __init__(self, inner: Connection) -> None:
        self.inner = inner
        self.max_batch: int = getattr(inner, "max_batch", 1)
        self.commands = self.bytes_sent = self.bytes_received = 0

    @property
    def atr(self) -> bytes:
        """As the inner one."""
        return self.inner.atr

    def transmit(self, command: bytes) -> bytes:
        """As the inner one; a command that fails counts as sent."""
        self.commands += 1
        self.bytes_sent += len(command)
        answer = self.inner.transmit(command)
        self.bytes_received += len(answer)
        return answer

    def transmit_all(self, commands: Sequence[bytes], *, stop_unless: int = 0x9000) -> list[bytes]:
        """As the inner one, which has it where `max_batch` is more than 1; what was answered counts."""
        inner: BatchConnection = self.inner  # type: ignore[assignment]
        answers = inner.transmit_all(commands, stop_unless=stop_unless)
        self.commands += len(answers)
        self.bytes_sent += sum(map(len, commands[: len(answers)]))
        self.bytes_received += sum(map(len, answers))
        return answers

    def reset(self) -> bytes:
        """As the inner one; the counts go on."""
        return self.inner.reset()

    def close(self) -> None:
        """As the inner one."""
        self.inner.close()


def _historical_bytes(atr: bytes) -> bytes:
    """ISO/IEC 7816-3:2006, 8.2: T0 tells how many, TDi which interface bytes come before them."""
    if len(atr) < 2:
        return b""
    count, present, at = atr[1] & 0xF, atr[1] >> 4, 2
    while True:
        at += (present & 7).bit_count()
        if not present & 8:
            return atr[at : at + count]
        if at >= len(atr):
            return b""
        present = atr[at] >> 4
        at += 1


def _software_functions(historical: bytes) -> int:
    """The third software function table, or 0 (12.2.2.9): compact-TLV tag 7, in category 00 or 80."""
    if historical[:1] not in (b"\x00", b"\x80"):
        return 0
    body = historical[1:-3] if historical[0] == 0 else historical[1:]
    at = 0
    while at < len(body):
        tag, length = body[at] >> 4, body[at] & 0xF
        value = body[at + 1 : at + 1 + length]
        if tag == 7 and length == 3 and len(value) == 3:
            return value[2]
        at += 1 + length
    return 0
