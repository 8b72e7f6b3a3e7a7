"""What happened between two looks at the readers."""

from __future__ import annotations

import pytest

from card_profiles.readers.monitor import CardChange, CardEvent, changes
from card_profiles.readers.pcsc import ReaderState

A, B = b"\x3b\x0a", b"\x3b\x0b"


def state(name: str, atr: bytes = b"", events: int = 0) -> ReaderState:
    return ReaderState(name=name, card_present=bool(atr), atr=atr, events=events)


def event(change: CardChange, reader: str, atr: bytes = b"") -> CardEvent:
    return CardEvent(change=change, reader=reader, atr=atr)


INSERTED, REMOVED = CardChange.INSERTED, CardChange.REMOVED
ATTACHED, DETACHED = CardChange.READER_ATTACHED, CardChange.READER_DETACHED


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([], [], []),
        ([], [state("r", A, 1)], [event(ATTACHED, "r"), event(INSERTED, "r", A)]),
        ([state("r")], [state("r", A, 1)], [event(INSERTED, "r", A)]),
        ([state("r", A, 1)], [state("r", A, 1)], []),
        ([state("r", A, 1)], [state("r", b"", 2)], [event(REMOVED, "r")]),
        ([state("r", b"", 2)], [state("r", b"", 4)], []),  # came and went unseen: nobody can use it any more
        ([state("r", A, 1)], [state("r", A, 3)], [event(REMOVED, "r"), event(INSERTED, "r", A)]),
        ([state("r", A, 1)], [state("r", B, 1)], [event(REMOVED, "r"), event(INSERTED, "r", B)]),
        ([state("r", A, 65_535)], [state("r", A, 1)], [event(REMOVED, "r"), event(INSERTED, "r", A)]),
        ([state("r", A, 1)], [], [event(REMOVED, "r"), event(DETACHED, "r")]),
        (
            [state("q", A, 1), state("r")],
            [state("r", B, 1), state("s")],
            [
                event(REMOVED, "q"),
                event(DETACHED, "q"),
                event(INSERTED, "r", B),
                event(ATTACHED, "s"),
            ],
        ),
    ],
)
def test_changes(before: list[ReaderState], after: list[ReaderState], expected: list[CardEvent]) -> None:
    assert changes(before, after) == expected
