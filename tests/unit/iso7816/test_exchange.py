"""Protocols as generators."""

from __future__ import annotations

import pytest

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.exchange import Exchange, run


def test_run_returns_what_the_exchange_returns() -> None:
    def exchange() -> Exchange[list[bytes]]:
        first = yield CommandApdu(ins=1)
        second = yield CommandApdu(ins=2)
        return [first.data, second.data]

    assert run(exchange(), lambda command: ResponseApdu(data=bytes((command.ins,)), sw=0x9000)) == [b"\1", b"\2"]


def test_an_exchange_without_commands() -> None:
    def exchange() -> Exchange[int]:
        return 7
        yield CommandApdu(ins=0)

    assert run(exchange(), lambda _: ResponseApdu(sw=0x6F00)) == 7


def test_an_error_of_the_wire_closes_the_exchange_at_once() -> None:
    closed = []

    def exchange() -> Exchange[None]:
        try:
            yield CommandApdu(ins=1)
        finally:
            closed.append(True)

    def send(_: CommandApdu) -> ResponseApdu:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        run(exchange(), send)
    assert closed == [True]
