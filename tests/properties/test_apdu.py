"""Any command survives the wire; any bytes parse or raise DecodeError."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.connection import Limits
from keys.errors import DecodeError

BYTE = st.integers(0, 255)
SHORT = st.builds(
    CommandApdu, cla=BYTE, ins=BYTE, p1=BYTE, p2=BYTE, data=st.binary(max_size=255), ne=st.integers(0, 256)
)
EXTENDED = st.builds(
    CommandApdu, cla=BYTE, ins=BYTE, p1=BYTE, p2=BYTE, data=st.binary(max_size=600), ne=st.integers(0, 65_536)
)


@given(SHORT)
def test_short_round_trip(command: CommandApdu) -> None:
    raw = command.encode()
    assert CommandApdu.parse(raw) == command
    assert CommandApdu.parse(raw).encode() == raw


@given(EXTENDED)
def test_extended_round_trip(command: CommandApdu) -> None:
    raw = command.encode(extended=True)
    assert CommandApdu.parse(raw) == command
    assert CommandApdu.parse(raw).encode() == raw


@given(st.binary(max_size=300))
def test_a_command_that_parses_has_one_reading(raw: bytes) -> None:
    try:
        command = CommandApdu.parse(raw)
    except DecodeError:
        return
    assert command.encode() == raw


@given(st.binary(max_size=300))
def test_a_response_that_parses_has_one_reading(raw: bytes) -> None:
    try:
        response = ResponseApdu.parse(raw)
    except DecodeError:
        return
    assert response.encode() == raw


@given(st.binary(max_size=40))
def test_any_answer_to_reset_gives_limits(atr: bytes) -> None:
    assert Limits.from_atr(atr).max_response in (256, 2048)


@given(st.binary(max_size=40))
def test_any_ef_atr_info_gives_limits_or_a_decode_error(content: bytes) -> None:
    try:
        limits = Limits.from_atr_info(b"\x7f\x66" + bytes((len(content),)) + content)
    except DecodeError:
        return
    assert limits.max_data >= 1
