"""`permit-verifier doctor` before real pcscd: readers with and without a card, another card, pcscd stopped."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from private_pcscd import READERS, PrivatePcscd
from test_verifier_watch import plugged
from toy_card import ToyCard

from card_profiles.model import LifeCycle
from card_profiles.readers import pcsc
from tests.factory import NOW, issue
from verifier.doctor import examine
from verifier.doctor_findings import Ailment, Part, Surroundings

PERMIT = issue()


@pytest.fixture
def around(tmp_path: Path, pcscd: PrivatePcscd) -> Surroundings:
    return Surroundings(
        trust_directory=str(tmp_path / "trust"),
        state_directory=str(tmp_path / "state"),
        now=NOW,
        environment={"PCSCLITE_CSOCK_NAME": str(pcscd.socket_path)},
        usb=str(tmp_path / "usb"),
    )


def told(around: Surroundings, part: Part) -> list[Ailment]:
    return [one.ailment for one in examine(around) if one.part is part]


def test_readers_cards_and_a_daemon_that_stops(around: Surroundings, pcscd: PrivatePcscd) -> None:
    assert told(around, Part.DAEMON) == [Ailment.FINE]
    assert told(around, Part.CARD) == [Ailment.NO_CARD] * len(READERS)
    with plugged(pcscd, PERMIT):
        assert told(around, Part.CARD) == [Ailment.PERMIT_CARD, Ailment.NO_CARD]
    pcscd.stop()
    assert told(around, Part.DAEMON) == [Ailment.DAEMON_DEAD]
    assert told(around, Part.READER) == [Ailment.NOT_LOOKED_AT]


def test_cards_that_cannot_be_checked(around: Surroundings, pcscd: PrivatePcscd) -> None:
    class Terminated:
        def card(self) -> object:
            return PERMIT.card(life_cycle=LifeCycle.TERMINATED)

    class Another:
        def card(self) -> object:
            return ToyCard(respond=lambda _: b"\x6a\x82")

    with plugged(pcscd, Terminated()):  # type: ignore[arg-type]
        assert told(around, Part.CARD)[0] is Ailment.CARD_UNUSABLE
    with plugged(pcscd, Another()):  # type: ignore[arg-type]
        assert told(around, Part.CARD)[0] is Ailment.OTHER_CARD


def test_no_reader_at_all(around: Surroundings) -> None:
    assert told(replace(around, readers=tuple), Part.READER) == [Ailment.NO_READER]


def test_a_card_that_the_page_is_using(around: Surroundings, pcscd: PrivatePcscd) -> None:
    with plugged(pcscd, PERMIT):
        page = pcsc.connect(READERS[0])
        try:
            assert told(around, Part.CARD)[0] is Ailment.CARD_BUSY
        finally:
            page.close()
