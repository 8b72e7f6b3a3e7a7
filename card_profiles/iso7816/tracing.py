"""An APDU trace that may be shown to anybody: what was said to the card, never what was carried."""

from __future__ import annotations

from collections.abc import Callable

from card_profiles.iso7816.apdu import CommandApdu
from card_profiles.iso7816.connection import Connection
from card_profiles.iso7816.status import describe
from keys.errors import DecodeError


class TracingConnection:
    """Writes one line per exchange to `sink`: header, lengths and status word, never what was carried.

    The data of SELECT is shown, being names of public files and applications; every other byte may be a key, a
    password or somebody's data.
    """

    def __init__(self, inner: Connection, sink: Callable[[str], None]) -> None:
        self.inner = inner
        self._sink = sink

    @property
    def atr(self) -> bytes:
        """As the inner one."""
        return self.inner.atr

    def transmit(self, command: bytes) -> bytes:
        """As the inner one, traced; a failure is traced by its kind and raised on."""
        self._sink(self._sent(command))
        try:
            answer = self.inner.transmit(command)
        except Exception as error:
            self._sink(f"<< {type(error).__name__}")
            raise
        self._sink(
            f"<< {len(answer) - 2} bytes {describe(int.from_bytes(answer[-2:], 'big'))}"
            if len(answer) >= 2
            else "<< no response"
        )
        return answer

    def reset(self) -> bytes:
        """As the inner one, traced with the ATR."""
        atr = self.inner.reset()
        self._sink(f"-- reset, ATR {atr.hex().upper()}")
        return atr

    def close(self) -> None:
        """As the inner one, traced."""
        self._sink("-- close")
        self.inner.close()

    @staticmethod
    def _sent(raw: bytes) -> str:
        try:
            command = CommandApdu.parse(raw)
        except DecodeError:
            return f">> {len(raw)} bytes that are no command"
        text = f">> {command.header.hex(' ').upper()}"
        if command.data:
            text += f" Nc {len(command.data)}"
        if command.ins == 0xA4 and command.cla == 0:
            text += f" {command.data.hex().upper()}"
        return f"{text} Ne {command.ne}" if command.ne else text
