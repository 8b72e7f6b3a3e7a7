"""A card says the same through pcscd as straight into the object, whatever it is asked."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from toy_card import ATR_A, ATR_B, OK, ToyCard

from card_profiles.errors import TransportFailed
from card_profiles.iso7816.connection import Connection

Connect = Callable[[ToyCard], Connection]


def test_commands_and_answers(card_connection: Connect) -> None:
    card = ToyCard()
    connection = card_connection(card)
    assert connection.atr == ATR_A
    commands = [bytes.fromhex("00A4000C"), bytes(range(5, 255)), bytes(1000)]
    assert [connection.transmit(command) for command in commands] == [command + OK for command in commands]
    assert card.received == commands


def test_a_card_is_powered_up_before_its_first_command(card_connection: Connect) -> None:
    card = ToyCard()
    card_connection(card)
    assert card.resets > 0


def test_reset(card_connection: Connect) -> None:
    card = ToyCard()
    connection = card_connection(card)
    before = card.resets
    assert connection.reset() == ATR_A
    assert card.resets > before
    assert connection.transmit(bytes(4)) == bytes(4) + OK


def test_a_closed_connection(card_connection: Connect) -> None:
    card = ToyCard()
    connection = card_connection(card)
    connection.close()
    connection.close()
    assert card.closed
    with pytest.raises(TransportFailed):
        connection.transmit(bytes(4))
    with pytest.raises(TransportFailed):
        connection.reset()


def test_one_card_after_another(card_connection: Connect) -> None:
    for atr in (ATR_A, ATR_B, ATR_A):
        connection = card_connection(ToyCard(atr=atr))
        assert connection.atr == atr
        connection.close()


def test_two_cards_at_a_time(card_connection: Connect) -> None:
    first, second = card_connection(ToyCard(atr=ATR_A)), card_connection(ToyCard(atr=ATR_B))
    assert (first.atr, second.atr) == (ATR_A, ATR_B)
    assert first.transmit(b"\x00\x01\x02\x03") == b"\x00\x01\x02\x03" + OK
    assert second.transmit(b"\x00\x04\x05\x06") == b"\x00\x04\x05\x06" + OK
