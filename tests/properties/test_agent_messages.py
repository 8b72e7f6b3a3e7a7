"""Messages between service and desk agent: both ways the same, and nothing else is taken."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_profiles.errors import TransportFault
from issuer.agent.messages import (
    MAX_BATCH,
    MAX_MESSAGE,
    MAX_NAME,
    REQUESTS,
    Kind,
    Message,
    ReaderCondition,
    ReaderStatus,
)
from keys.errors import DecodeError

NUMBERS = st.integers(0, 2**32 - 1)
NAMES = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Zs", "Co", "Cn")), max_size=MAX_NAME)
STATUS = st.builds(ReaderStatus, condition=st.sampled_from(ReaderCondition), name=NAMES, atr=st.binary(max_size=33))
MESSAGES = st.one_of(
    st.builds(Message, kind=st.sampled_from([Kind.OPEN, Kind.RESET, Kind.CLOSE, Kind.CLOSED]), number=NUMBERS),
    st.builds(
        Message,
        kind=st.just(Kind.TRANSMIT),
        number=NUMBERS,
        stop_unless=st.integers(0, 0xFFFF),
        items=st.lists(st.binary(min_size=4, max_size=80), min_size=1, max_size=MAX_BATCH).map(tuple),
    ),
    st.builds(
        Message,
        kind=st.just(Kind.ANSWERS),
        number=NUMBERS,
        items=st.lists(st.binary(min_size=2, max_size=80), min_size=1, max_size=MAX_BATCH).map(tuple),
    ),
    st.builds(Message, kind=st.just(Kind.ATR), number=NUMBERS, atr=st.binary(min_size=2, max_size=33)),
    st.builds(Message, kind=st.just(Kind.FAILED), number=NUMBERS, fault=st.sampled_from(TransportFault)),
    st.builds(
        Message,
        kind=st.just(Kind.STATE),
        status=STATUS,
        instance=st.binary(min_size=16, max_size=16).map(bytes.hex),
    ),
)


@given(MESSAGES)
def test_both_ways(message: Message) -> None:
    assert Message.decode(message.encode()) == message


@given(MESSAGES, st.data())
def test_mutated(message: Message, data: st.DataObject) -> None:
    """Whatever is taken is what `encode` makes, but for the spelling of JSON; nothing but DecodeError is raised."""
    raw = bytearray(message.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw) - 1))
        raw[at] = data.draw(st.integers(0, 255))
    cut = bytes(raw[: data.draw(st.integers(0, len(raw)))]) if data.draw(st.booleans()) else bytes(raw)
    with suppress(DecodeError):
        taken = Message.decode(cut)
        assert Message.decode(taken.encode()) == taken
        if taken.kind is not Kind.STATE:
            assert taken.encode() == cut


@given(st.binary(max_size=300))
def test_anything(raw: bytes) -> None:
    with suppress(DecodeError):
        Message.decode(raw)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x02\0\0\0\1",
        bytes(MAX_MESSAGE + 1),
        b"\x01\0\0\0\1more",
        b"\x02\0\0\0\1\x90\0" + b"\0\0\0\x04abcd" * (MAX_BATCH + 1),
        b"\x02\0\0\0\1\x90\0" + b"\xff\xff\xff\xffabcd",
        b"\x02\0\0\0\1\x90\0" + b"\0\0\0\x03abc",
        b"\x12\0\0\0\1",
        b"\x14\0\0\0\1no-such-fault",
        b"\x10\0\0\0\0" + b"[" * 2000,
        b"\x10\0\0\0\0" + b'{"version": 1}',
        b"\x10\0\0\0\0" + b'{"version":1,"instance":"' + b"0" * 32 + b'","condition":"card","reader":7,"atr":""}',
    ],
)
def test_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        Message.decode(raw)


def test_names_of_readers_hold_no_escapes() -> None:
    """They are shown in terminals and on pages."""
    status = ReaderStatus(condition=ReaderCondition.EMPTY, name="\x1b[2J")
    taken = Message.decode(Message(kind=Kind.STATE, status=status, instance="0" * 32).encode())
    assert taken.status is not None
    assert taken.status.name == "\ufffd[2J"


def test_too_much_is_not_sent() -> None:
    with pytest.raises(ValueError):
        Message(kind=Kind.TRANSMIT, items=(bytes(65_000),) * 9).encode()
    with pytest.raises(ValueError):
        Message(kind=Kind.TRANSMIT, items=()).encode()


def test_four_things_may_be_asked() -> None:
    assert {kind.name for kind in REQUESTS} == {"OPEN", "TRANSMIT", "RESET", "CLOSE"}
