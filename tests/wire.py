"""Connections and small cards for tests of the wire layer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.secure_messaging import CardSecureMessaging
from card_profiles.iso7816.status import Refused

Answer = Callable[[CommandApdu], ResponseApdu]


class FunctionConnection:
    """A card that is one function from command bytes to response bytes; keeps what it was sent."""

    atr = b"\x3b\x80\x80\x01\x01"

    def __init__(self, answer: Callable[[bytes], bytes]) -> None:
        self._answer = answer
        self.sent: list[bytes] = []

    def transmit(self, command: bytes) -> bytes:
        self.sent.append(command)
        return self._answer(command)

    def reset(self) -> bytes:
        return self.atr

    def close(self) -> None:
        pass

    @property
    def commands(self) -> list[CommandApdu]:
        return [CommandApdu.parse(raw) for raw in self.sent]


def scripted(*responses: bytes | str) -> FunctionConnection:
    """Answers in turn, whatever is asked; StopIteration when asked once too often."""
    turn = iter([bytes.fromhex(one) if isinstance(one, str) else one for one in responses])
    return FunctionConnection(lambda _: next(turn))


def plain_card(answer: Answer) -> FunctionConnection:
    """A card without secure messaging."""
    return FunctionConnection(lambda raw: answer(CommandApdu.parse(raw)).encode())


def secure_card(messaging: CardSecureMessaging, answer: Answer) -> FunctionConnection:
    """A card that expects secure messaging for everything, and answers bare errors when it is wrong."""

    def reply(raw: bytes) -> bytes:
        try:
            command = messaging.unwrap_command(CommandApdu.parse(raw))
        except Refused as refusal:
            return ResponseApdu(sw=refusal.sw).encode()
        return messaging.wrap_response(answer(command)).encode()

    return FunctionConnection(reply)


def file_card(content: bytes, *, at_most: int = 65_536) -> Answer:
    """READ and UPDATE BINARY of one file, as a decent card does it; `at_most` bytes per answer, silently."""
    stored = bytearray(content)

    def answer(command: CommandApdu) -> ResponseApdu:
        offset = command.p2 if command.p1 & 0x80 else command.p1 << 8 | command.p2
        if command.ins == 0xD6:
            stored[offset : offset + len(command.data)] = command.data
            return ResponseApdu(sw=0x9000)
        if command.ins == 0xB1:
            offset = int.from_bytes(command.data[2:], "big")
            part = bytes(stored[offset : offset + min(command.ne - 4, at_most)])
            length = bytes((len(part),)) if len(part) < 128 else b"\x82" + len(part).to_bytes(2, "big")
            if 128 <= len(part) < 256:
                length = b"\x81" + bytes((len(part),))
            return ResponseApdu(data=b"\x53" + length + part, sw=0x9000)
        if offset >= len(stored):
            return ResponseApdu(sw=0x6B00)
        part = bytes(stored[offset : offset + min(command.ne, at_most)])
        short = len(part) < command.ne and offset + len(part) == len(stored)
        return ResponseApdu(data=part, sw=0x6282 if short else 0x9000)

    return answer


def counter_bytes() -> Callable[[int], bytes]:
    """Deterministic 'randomness': 0, 1, 2, ..."""
    numbers: Iterator[int] = iter(range(1 << 30))
    return lambda size: bytes(next(numbers) & 0xFF for _ in range(size))


def fixed(values: Iterable[bytes]) -> Callable[[int], bytes]:
    """Randomness that was written down: each call must ask for the length of the next value."""
    turn = iter(values)

    def random(size: int) -> bytes:
        value = next(turn)
        assert len(value) == size
        return value

    return random
