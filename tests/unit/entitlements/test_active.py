"""EF.Active: 29 bytes that decide which slot a counter reads."""

from __future__ import annotations

import pytest

from card_profiles.entitlements.active import EMPTY, SIZE, ActiveFile, ActiveSlot, decode_active, encode_active
from keys.errors import DecodeError

LENGTHS = {0x02: 815, 0x03: 292, **{sfi: 100 + sfi for sfi in range(0x04, 0x0D)}, 0x0D: 0}


def test_layout_on_the_card() -> None:
    active = EMPTY.successor(LENGTHS)
    assert encode_active(active).hex() == (
        "01" + "00000001" + "032f" + "0124" + "".join(f"{100 + sfi:04x}" for sfi in range(0x04, 0x0D)) + "0000"
    )


def test_a_blank_card_has_29_zero_bytes() -> None:
    assert encode_active(EMPTY) == bytes(SIZE)
    assert decode_active(bytes(SIZE)) == EMPTY


def test_updates_alternate_between_the_slots_and_count() -> None:
    slots, active = [], EMPTY
    for expected in (1, 2, 3):
        spare = active.spare
        active = active.successor(LENGTHS)
        assert active.slot is spare
        assert active.update_counter == expected
        slots.append(active.slot)
    assert slots == [ActiveSlot.A, ActiveSlot.B, ActiveSlot.A]


def test_an_update_leaves_the_slot_that_counts_alone() -> None:
    active = EMPTY.successor(LENGTHS).successor(LENGTHS)
    assert active.slot is ActiveSlot.B
    assert active.spare is ActiveSlot.A


def test_lengths_by_slot_a_sfi() -> None:
    active = EMPTY.successor(LENGTHS)
    assert {sfi: active.length(sfi) for sfi in range(0x02, 0x0E)} == LENGTHS
    for sfi in (0x01, 0x0E, 0x12):
        with pytest.raises(ValueError):
            active.length(sfi)


def test_sfi_in_a_slot() -> None:
    assert (ActiveSlot.A.sfi(0x02), ActiveSlot.B.sfi(0x02), ActiveSlot.B.sfi(0x0D)) == (0x02, 0x12, 0x1D)
    with pytest.raises(ValueError):
        ActiveSlot.NONE.sfi(0x02)
    with pytest.raises(ValueError):
        ActiveSlot.A.sfi(0x01)


def test_the_counter_does_not_wrap() -> None:
    last = ActiveFile(slot=ActiveSlot.A, update_counter=2**32 - 1, lengths=tuple(LENGTHS.values()))
    with pytest.raises(ValueError):
        last.successor(LENGTHS)


@pytest.mark.parametrize("missing", [0x02, 0x03, 0x0C])
def test_every_file_of_an_active_slot_has_a_content(missing: int) -> None:
    with pytest.raises(ValueError):
        EMPTY.successor({**LENGTHS, missing: 0})


def test_a_length_for_each_file_and_no_other() -> None:
    with pytest.raises(ValueError):
        EMPTY.successor({sfi: length for sfi, length in LENGTHS.items() if sfi != 0x0D})
    with pytest.raises(ValueError):
        EMPTY.successor({**LENGTHS, 0x0E: 1})


def test_a_slot_is_a_slot_and_lengths_are_twelve() -> None:
    with pytest.raises(ValueError):
        ActiveFile(slot=1, update_counter=1, lengths=tuple(LENGTHS.values()))  # type: ignore[arg-type]
    with pytest.raises(ValueError):
        ActiveFile(slot=ActiveSlot.A, update_counter=1, lengths=tuple(LENGTHS.values())[1:])
    with pytest.raises(ValueError):
        EMPTY.successor({**LENGTHS, 0x02: 2**16})


GOOD = encode_active(EMPTY.successor(LENGTHS))


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(GOOD[:-1], id="short"),
        pytest.param(GOOD + b"\x00", id="long"),
        pytest.param(b"\x03" + GOOD[1:], id="slot 3"),
        pytest.param(b"\x00" + GOOD[1:], id="lengths without a slot"),
        pytest.param(GOOD[:1] + bytes(4) + GOOD[5:], id="a slot that was never written"),
        pytest.param(GOOD[:5] + bytes(2) + GOOD[7:], id="no MSO"),
    ],
)
def test_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_active(raw)
