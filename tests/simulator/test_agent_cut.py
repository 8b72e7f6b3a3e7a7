"""The link to a desk agent cut at every message, the card taken or exchanged at any command: the same again ends with
one card in force, nothing is lost, and the person at the desk is told in one sentence.

Every seventh message by default, each of them with SOAK=1. A message that is lost is the same cut as one after the
message before, so losing each, both ways counted, is every cut that there is.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from agent_lines import Line, line
from issuing import CAN, World, applicant, authority_home, blank

from card_profiles.errors import TransportFailed, TransportFault
from card_profiles.protocols.pace import Password
from card_profiles.softcard.image import MemoryImage
from issuer import crosscheck, endorse
from issuer.endorse import Standing
from issuer.errors import Refusal, Refused
from issuer.journal import CardState
from issuer.resume import Spoiled
from issuer.texts import Language, refusal_lines
from issuer.writer import CardWriter

STEP = 1 if os.environ.get("SOAK") else 7
CUT = (TransportFault.TORN, TransportFault.CARD_REMOVED, TransportFault.CARD_SWAPPED)
LATER = date(2028, 11, 21)

pytestmark = pytest.mark.timeout(1800 if os.environ.get("SOAK") else 300)


@pytest.fixture(autouse=True)
def _without_openssl(monkeypatch: pytest.MonkeyPatch) -> None:
    """These tests issue hundreds of times; what OpenSSL says is tested elsewhere."""
    monkeypatch.setattr(crosscheck, "by_openssl", lambda *_, **__: None)


@pytest.fixture(scope="module")
def desk() -> Iterator[Line]:
    with line() as found:
        yield found


def one_sentence(fault: TransportFault) -> None:
    """What is said of it, in both languages: one line, which says what to do."""
    assert fault in CUT
    for lang in Language:
        (said,) = refusal_lines(Refused(Refusal.TRANSPORT_FAILED, error=fault), lang)
        assert fault.value not in said
        assert ("重新放入同一张卡" if lang is Language.ZH else "insert the same card") in said


def nothing_lost(world: World, *, activated: int = 1, void: int = 0) -> None:
    """Every blank that was ever touched is in force or void, and nothing is open."""
    with world.desk() as desk:
        balance = desk.journal.balance()
        assert (balance.activated, balance.void, balance.unresolved) == (activated, void, 0)
        assert desk.journal.open_intents() == ()


def messages_of(desk: Line, work: Callable[[], object]) -> int:
    cut = desk.proxy.arm(-1, after=False)
    work()
    return cut.seen


@pytest.mark.parametrize("part", range(4))
def test_cut_at_a_message_of_issuing(tmp_path: Path, desk: Line, part: int) -> None:
    trial = World(home=authority_home(tmp_path / "trial"))
    desk.reader.insert(blank(99))
    messages = messages_of(desk, lambda: trial.issue(desk.connection(), tree=applicant(permit_number="RP00000099")))
    assert 80 < messages < 160
    resumed = untouched = 0
    for at in range(part * STEP, messages, 4 * STEP):
        world, image = World(home=authority_home(tmp_path / str(at))), blank()
        desk.reader.insert(image)
        cut = desk.proxy.arm(at, after=False)
        try:
            world.issue(desk.connection(), can="111111")
        except TransportFailed as failed:
            one_sentence(failed.fault)
            with world.desk() as journal:
                untouched += not journal.journal.cards()
            issued = world.issue(desk.connection(), can="222222")
            resumed += issued.resumed
        assert cut.done
        desk.proxy.arm(-1, after=False)
        assert world.check(image, can=world.handed[-1]).require().accepted
        nothing_lost(world)
    assert resumed > untouched


@pytest.mark.parametrize("part", range(4))
def test_cut_at_a_message_of_endorsing(tmp_path: Path, desk: Line, part: int) -> None:
    """The card holds the old endorsement or the new one, and the same again ends with the new one."""
    first = World(home=authority_home(tmp_path / "first"))
    card = blank()
    desk.reader.insert(card)
    first.issue(desk.connection())
    issued = card.state

    def fresh(name: str) -> tuple[World, MemoryImage]:
        shutil.copytree(first.home, tmp_path / name)
        image = MemoryImage(issued)
        desk.reader.insert(image)
        return World(home=tmp_path / name), image

    world, _ = fresh("trial")
    messages = messages_of(desk, lambda: endorsed(world, desk))
    assert 80 < messages < 180
    old = 0
    for at in range(part * STEP, messages, 4 * STEP):
        world, image = fresh(str(at))
        cut = desk.proxy.arm(at, after=False)
        try:
            endorsed(world, desk)
        except TransportFailed as failed:
            one_sentence(failed.fault)
            desk.proxy.arm(-1, after=False)
            verdict = world.check(image)
            assert verdict.accepted
            service = verdict.service("H01")
            assert service is not None
            old += service.until != LATER
            endorsed(world, desk)
        assert cut.done
        desk.proxy.arm(-1, after=False)
        service = world.check(image).require("H01").service("H01")
        assert service is not None
        assert service.until == LATER
        nothing_lost(world)
    assert old > 0


def endorsed(world: World, desk: Line) -> None:
    def change(old: Standing, start: date, expiry: date) -> Standing:
        return replace(old, until=LATER, services=dict.fromkeys(old.services, LATER))

    connection = desk.connection()
    try:
        with world.desk() as office:
            endorse.endorse(
                change,
                office,
                CardWriter(connection, office.keyring, office.profile),
                Password.from_can(CAN),
                reader="test",
                told=lambda _: None,
                show=lambda _: True,
            )
    finally:
        connection.close()


@pytest.mark.parametrize("after", [0, 3, 12, 40, 70])
def test_the_card_is_taken_out(tmp_path: Path, desk: Line, after: int) -> None:
    world, image = World(home=authority_home(tmp_path)), blank()
    desk.reader.insert(image)
    desk.reader.insert(None, after=after)
    with pytest.raises(TransportFailed) as failed:
        world.issue(desk.connection())
    assert failed.value.fault is TransportFault.CARD_REMOVED
    one_sentence(failed.value.fault)
    desk.reader.insert(image)
    world.issue(desk.connection())
    assert world.check(image, can=world.handed[-1]).require().accepted
    nothing_lost(world)


@pytest.mark.parametrize("after", [0, 3, 12, 40, 70])
def test_the_card_is_exchanged(tmp_path: Path, desk: Line, after: int) -> None:
    """The other card is left as it is; then the first goes on, or is voided and the other takes its place."""
    world, image, other = World(home=authority_home(tmp_path)), blank(1), blank(2)
    desk.reader.insert(image)
    desk.reader.insert(other, after=after)
    with pytest.raises(TransportFailed) as failed:
        world.issue(desk.connection())
    assert failed.value.fault is TransportFault.CARD_SWAPPED
    one_sentence(failed.value.fault)
    files = other.state.files
    with world.desk() as office:
        bound = office.journal.card(image.state.serial) is not None
    if bound:
        with pytest.raises(Refused) as refused:
            world.issue(desk.connection())
        assert refused.value.reason is Refusal.PERMIT_UNRESOLVED
        assert refused.value.details["serial"] == image.state.serial.hex()
        assert other.state.files == files
        for lang in Language:
            assert len(refusal_lines(refused.value, lang)) == 1
        if after < 60:
            desk.reader.insert(image)
        else:
            from issuer import void

            with world.desk() as office:
                void.absent_card(office, image.state.serial, reason=Spoiled.CARD_DEFECTIVE)
    world.issue(desk.connection())
    winner = image if bound and after < 60 else other
    assert world.check(winner, can=world.handed[-1]).require().accepted
    nothing_lost(world, void=int(bound and after >= 60))


def test_cut_again_and_again(tmp_path: Path, desk: Line) -> None:
    """A few messages further each time."""
    world, image = World(home=authority_home(tmp_path)), blank()
    desk.reader.insert(image)
    for at in range(4, 400, 9):
        desk.proxy.arm(at, after=True)
        try:
            world.issue(desk.connection(), can=f"{at:06d}")
        except TransportFailed:
            continue
        break
    desk.proxy.arm(-1, after=False)
    assert world.check(image, can=world.handed[-1]).require().accepted
    nothing_lost(world)


def test_a_run_that_is_voided(tmp_path: Path, desk: Line) -> None:
    """In force by the card's word and never verified by the journal's: nobody may have it."""
    world, image = World(home=authority_home(tmp_path)), blank()
    desk.reader.insert(image)
    world.issue(desk.connection())
    with world.desk() as office:
        card = office.journal.card(image.state.serial)
        assert card is not None
        assert card.state is CardState.ACTIVATED
    again = World(home=authority_home(tmp_path / "again"))
    with pytest.raises(Refused) as refused:  # a card of another office's journal
        again.issue(desk.connection())
    assert refused.value.reason is Refusal.ALREADY_PERSONALISED
    nothing_lost(again, activated=0)
