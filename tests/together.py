"""A connection that carries commands together, as a link to a desk does; counts its trips."""

from __future__ import annotations

from collections.abc import Sequence

from card_profiles.iso7816.connection import Connection


class TogetherConnection:
    """Over any connection. `trips` counts what would be round trips; `at_most` answers come back at a time."""

    def __init__(self, inner: Connection, *, max_batch: int = 32, at_most: int = 1000) -> None:
        self.inner = inner
        self.max_batch = max_batch
        self.at_most = at_most
        self.trips = 0

    @property
    def atr(self) -> bytes:
        return self.inner.atr

    def transmit(self, command: bytes) -> bytes:
        self.trips += 1
        return self.inner.transmit(command)

    def transmit_all(self, commands: Sequence[bytes], *, stop_unless: int = 0x9000) -> list[bytes]:
        assert 0 < len(commands) <= self.max_batch
        self.trips += 1
        answers: list[bytes] = []
        for command in commands[: self.at_most]:
            answers.append(self.inner.transmit(command))
            if answers[-1][-2:] != stop_unless.to_bytes(2, "big"):
                break
        return answers

    def reset(self) -> bytes:
        return self.inner.reset()

    def close(self) -> None:
        self.inner.close()
