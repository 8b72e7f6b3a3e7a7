"""Which reader is meant, and what a PC/SC return code means."""

from __future__ import annotations

import pytest

from card_profiles.errors import Misuse, TransportFailed, TransportFault
from card_profiles.readers.pcsc import FAULTS, ReaderState, choose, fault_of, reader_states
from card_profiles.readers.pcsc_worker import SERVICE_LOST, Presence, pack_readers


def reader(name: str, *, card: bool = False) -> ReaderState:
    return ReaderState(name=name, card_present=card)


ACR = reader("ACS ACR1252 [PICC] 00 00", card=True)
SAM = reader("ACS ACR1252 [SAM] 00 01")
VIRTUAL = reader("Virtual PCD 00 00")
LONGER = reader("Virtual PCD 00 00 (2)")


@pytest.mark.parametrize(
    ("readers", "wanted", "chosen"),
    [
        ([ACR, SAM, VIRTUAL], None, ACR.name),
        ([ACR, SAM, VIRTUAL], "PICC", ACR.name),
        ([ACR, SAM, VIRTUAL], "Virtual", VIRTUAL.name),
        ([SAM, VIRTUAL], "SAM", SAM.name),
        ([VIRTUAL, LONGER], "Virtual PCD 00 00", VIRTUAL.name),
        ([VIRTUAL, LONGER], "(2)", LONGER.name),
        ([ACR, SAM], "ACS", ACR.name),  # both fit, one holds a card
        ([SAM, VIRTUAL, ACR], "", ACR.name),
    ],
)
def test_one_reader_fits(readers: list[ReaderState], wanted: str | None, chosen: str) -> None:
    assert choose(readers, wanted) == chosen


@pytest.mark.parametrize(
    ("readers", "wanted", "fault"),
    [
        ([], None, TransportFault.NO_READER),
        ([], "ACR", TransportFault.NO_READER),
        ([ACR, SAM], "Cherry", TransportFault.NO_READER),
        ([ACR, SAM], "acr1252 [picc]", TransportFault.NO_READER),
        ([SAM, VIRTUAL], None, TransportFault.NO_CARD),
    ],
)
def test_no_reader_fits(readers: list[ReaderState], wanted: str | None, fault: TransportFault) -> None:
    with pytest.raises(TransportFailed) as failed:
        choose(readers, wanted)
    assert failed.value.fault is fault
    assert all(reader.name in str(failed.value) for reader in readers)  # who asks wrongly learns what there is


@pytest.mark.parametrize(
    ("readers", "wanted"),
    [
        ([VIRTUAL, LONGER], "Virtual PCD"),  # neither holds a card
        ([ACR, reader("ACS ACR1252 [SAM] 00 01", card=True)], "ACS"),
        ([ACR, reader("Virtual PCD 00 00", card=True)], ""),
        ([ACR, reader("Virtual PCD 00 00", card=True)], None),
    ],
)
def test_several_readers_fit(readers: list[ReaderState], wanted: str | None) -> None:
    with pytest.raises(Misuse) as misuse:
        choose(readers, wanted)
    assert all(reader.name in str(misuse.value) for reader in readers)


@pytest.mark.parametrize(
    ("code", "presence", "fault"),
    [
        (0x8010000C, Presence.UNKNOWN, TransportFault.NO_CARD),
        (0x80100016, Presence.EMPTY, TransportFault.CARD_REMOVED),
        (0x80100016, Presence.UNKNOWN, TransportFault.CARD_REMOVED),
        (0x80100016, Presence.CARD, TransportFault.CARD_SWAPPED),
        (0x80100069, Presence.EMPTY, TransportFault.CARD_REMOVED),
        (0x80100069, Presence.CARD, TransportFault.CARD_REMOVED),
        (0x00000000, Presence.CARD, TransportFault.CARD_MUTE),
        (0x00000000, Presence.EMPTY, TransportFault.CARD_REMOVED),
        (0x8010000B, Presence.UNKNOWN, TransportFault.READER_BUSY),
        (0x80100068, Presence.CARD, TransportFault.CARD_RESET),
        (0x80100013, Presence.UNKNOWN, TransportFault.NO_SERVICE),
        (0x8010001D, Presence.UNKNOWN, TransportFault.NO_SERVICE),
        (0x8010002E, Presence.UNKNOWN, TransportFault.NO_READER),
        (0x80100017, Presence.UNKNOWN, TransportFault.NO_READER),
        (0x80100066, Presence.CARD, TransportFault.CARD_MUTE),
        (0x8010FFFF, Presence.CARD, TransportFault.NO_SERVICE),
    ],
)
def test_return_codes(code: int, presence: Presence, fault: TransportFault) -> None:
    assert fault_of(code, presence) is fault


def test_the_codes_are_those_of_the_library() -> None:
    """The table is written in numbers, because this process loads no PC/SC library; here one is at hand."""
    from smartcard import scard

    named = {
        value & 0xFFFFFFFF
        for name in dir(scard)
        if name.startswith(("SCARD_E_", "SCARD_W_", "SCARD_F_", "SCARD_S_"))
        and isinstance(value := getattr(scard, name), int)
    }
    assert set(FAULTS) <= named
    assert all(FAULTS[code] is TransportFault.NO_SERVICE for code in SERVICE_LOST)


def test_states_of_readers() -> None:
    body = pack_readers(
        [
            ("Reader, with a card", 0x0003_0022, bytes.fromhex("3B80800101")),
            ("Reader, empty", 0x0002_0012, bytes.fromhex("3B80")),  # an ATR of old, which pcscd may still tell
            ("读卡器", 0x0001_0222, b""),
        ]
    )
    assert reader_states(body) == (
        ReaderState(name="Reader, with a card", card_present=True, atr=bytes.fromhex("3B80800101"), events=3),
        ReaderState(name="Reader, empty", card_present=False, events=2),
        ReaderState(name="读卡器", card_present=True, mute=True, events=1),
    )
    assert reader_states(b"") == ()
