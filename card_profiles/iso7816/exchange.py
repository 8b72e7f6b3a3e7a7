"""Protocols without input or output: a generator yields commands, takes responses and returns its result."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeVar

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu

T = TypeVar("T")
Exchange = Generator[CommandApdu, ResponseApdu, T]


def run(exchange: Exchange[T], send: Callable[[CommandApdu], ResponseApdu]) -> T:
    """Drive `exchange` over `send` and return its result; its errors and those of `send` pass through.

    An error of `send` closes the generator, so that its `finally` clauses run now and not at some collection.
    """
    try:
        command = next(exchange)
        while True:
            command = exchange.send(send(command))
    except StopIteration as stop:
        result: T = stop.value
        return result
    finally:
        exchange.close()
