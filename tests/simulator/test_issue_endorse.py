"""Endorsements: the other slot, one switch, old or new and never a mixture. Cut at every command: `test_tear`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from issuing import CAN, PROFILE, World, applicant, authority_home, blank, power_up

from card_profiles.entitlements.active import decode_active
from card_profiles.entitlements.catalogue import Sector
from card_profiles.iso7816.connection import Connection
from card_profiles.model import Content, LifeCycle, Slot
from card_profiles.protocols.pace import Password
from card_profiles.softcard.image import MemoryImage, encode_state
from issuer import endorse
from issuer.endorse import Difference, Endorsed, Standing, differences, starts
from issuer.errors import Refusal, Refused
from issuer.journal import CardState, EventKind
from issuer.writer import CardWriter
from verifier.reason import Reason


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(home=authority_home(tmp_path))


@pytest.fixture
def card(world: World) -> MemoryImage:
    image = blank()
    world.issue(power_up(image))
    return image


def until(day: date, services: Mapping[str, date] | None = None) -> endorse.Change:
    def change(old: Standing, start: date, expiry: date) -> Standing:
        return replace(old, until=day, services={**old.services, **(services or {})})

    return change


NEXT_YEAR = until(date(2028, 11, 21), {"H01": date(2028, 11, 21)})


def run(
    world: World,
    connection: Connection,
    change: endorse.Change = NEXT_YEAR,
    *,
    can: str = CAN,
    permit: str | None = None,
    show: Callable[[tuple[Difference, ...]], bool] = lambda lines: True,
) -> Endorsed:
    try:
        with world.desk() as desk:
            return endorse.endorse(
                change,
                desk,
                CardWriter(connection, desk.keyring, PROFILE),
                Password.from_can(can),
                reader="test",
                permit_number=permit,
                told=world.seen.append,
                show=show,
            )
    finally:
        connection.close()


def active_of(image: MemoryImage) -> bytes:
    return image.state.files["permit", PROFILE.permit.by_content(Content.ACTIVE).fid]


def test_endorsed(world: World, card: MemoryImage) -> None:
    done = run(world, power_up(card))
    assert done.differences == (
        Difference(name="valid until", old="2027-11-21", new="2028-11-21"),
        Difference(name="H01", old="2027-11-21", new="2028-11-21"),
    )
    verdict = world.check(card).require("H01")
    assert verdict.valid_until is not None
    assert decode_active(active_of(card)).slot == Slot.B
    assert decode_active(active_of(card)).update_counter == 2
    # The sector that did not change says what it said, under a fresh salt.
    assert world.check(card, sector=Sector.EDUCATION).require("E01").accepted
    with world.desk() as desk:
        record = desk.journal.card(card.state.serial)
        assert record is not None
        assert record.endorsed_until == date(2028, 11, 21)
        assert desk.journal.open_intents() == ()


def test_a_new_address_needs_no_new_card(world: World, card: MemoryImage) -> None:
    done = run(world, power_up(card), lambda old, start, expiry: replace(old, address="示例市高新区创业路 1 号"))
    assert done.differences == (Difference(name="address", old="乌托邦省示例市新城区", new="示例市高新区创业路 1 号"),)
    assert world.check(card, sector=Sector.HOUSEHOLD).accepted
    again = run(world, power_up(card), lambda old, start, expiry: old)
    assert not again.written  # what the card says now is the new address


def test_and_back_into_the_first_slot(world: World, card: MemoryImage) -> None:
    run(world, power_up(card))
    run(world, power_up(card), until(date(2029, 11, 21)))
    assert decode_active(active_of(card)).slot == Slot.A
    assert decode_active(active_of(card)).update_counter == 3
    assert world.check(card).accepted


def test_a_missed_endorsement_is_made_good(world: World, card: MemoryImage) -> None:
    from keys.authority.authority import Authority

    world.later(days=80)  # within the signers' period
    short = until(date(2027, 2, 10))
    run_later = World(home=world.home, now=world.now)
    Authority.open(world.home, b"correct horse battery", clock=lambda: world.now).refresh()
    run(run_later, power_up(card), short)
    world.later(days=3)
    assert Reason.ENDORSEMENT_MISSED in world.check(card).reasons
    run(world, power_up(card))
    assert world.check(card).accepted


def test_nothing_changes(world: World, card: MemoryImage) -> None:
    before = card.state.files
    done = run(world, power_up(card), lambda old, start, expiry: old)
    assert not done.written
    assert card.state.files == before


def test_shown_and_declined(world: World, card: MemoryImage) -> None:
    before = card.state.files
    done = run(world, power_up(card), show=lambda lines: False)
    assert not done.written
    assert card.state.files == before
    with world.desk() as desk:
        assert desk.journal.open_intents() == ()


def test_intervals_count_from_the_last_endorsement_even_after_a_cut(world: World, card: MemoryImage) -> None:
    with world.desk() as desk:
        record = desk.journal.card(card.state.serial)
    assert record is not None
    assert starts(record, date(2026, 11, 21)) == date(2027, 11, 21)
    assert starts(record, date(2027, 12, 1)) == date(2027, 12, 1)


def test_differences_in_full() -> None:
    day, later = date(2027, 1, 1), date(2028, 1, 1)
    old = Standing(until=day, permit_class=3, services={"H01": day, "E01": day, "J01": day})
    new = Standing(until=later, permit_class=2, services={"H01": later, "E01": day, "L01": day})
    assert [(line.name, line.old, line.new) for line in differences(old, new)] == [
        ("valid until", "2027-01-01", "2028-01-01"),
        ("class", "3", "2"),
        ("H01", "2027-01-01", "2028-01-01"),
        ("J01", "2027-01-01", ""),
        ("L01", "", "2027-01-01"),
    ]


# --- refused, with card and journal as they were


def refused(world: World, image: MemoryImage, change: endorse.Change = NEXT_YEAR, **keywords: str) -> Refusal:
    before = replace(image.state, sequence_counter=0)
    with world.desk() as desk:
        rows = desk.journal.cards()
    with pytest.raises(Refused) as one:
        run(world, power_up(image), change, **keywords)
    assert encode_state(replace(image.state, sequence_counter=0)) == encode_state(before)
    with world.desk() as desk:
        assert desk.journal.cards() == rows
        assert desk.journal.open_intents() == ()
    return one.value.reason


def test_a_blank(world: World) -> None:
    assert refused(world, blank()) is Refusal.NOT_PERSONALISED


def test_the_wrong_can(world: World, card: MemoryImage) -> None:
    assert refused(world, card, can="000000") is Refusal.WRONG_READ_CODE


def test_the_card_of_another_permit(world: World, card: MemoryImage) -> None:
    assert refused(world, card, permit="RP00000018") is Refusal.OTHER_PERMIT


def test_dates(world: World, card: MemoryImage) -> None:
    assert refused(world, card, until(date(2026, 11, 20))) is Refusal.DATE_PAST
    assert refused(world, card, until(date(2031, 11, 22))) is Refusal.AFTER_EXPIRY
    late = until(date(2028, 1, 1), {"H02": date(2031, 11, 22)})
    assert refused(world, card, late) is Refusal.AFTER_EXPIRY


def test_a_terminated_card(world: World, card: MemoryImage) -> None:
    card.state = replace(card.state, life_cycle=LifeCycle.TERMINATED)
    assert refused(world, card) is Refusal.CARD_TERMINATED


def test_a_card_of_another_office(world: World, card: MemoryImage, tmp_path: Path) -> None:
    other = World(home=authority_home(tmp_path / "other"))
    assert refused(other, card) is Refusal.CARD_NOT_IN_JOURNAL


def test_a_void_card(world: World, card: MemoryImage) -> None:
    from issuer import void

    with world.desk() as desk:
        void.absent_card(desk, card.state.serial, reason="lost")
    assert refused(world, card) is Refusal.CARD_VOID


def test_a_clone_of_the_files_with_another_chip(world: World, card: MemoryImage) -> None:
    card.state = replace(card.state, chip_key=(7).to_bytes(32, "big"))
    assert refused(world, card) is Refusal.CARD_NOT_GENUINE


def test_files_of_another_permit_on_this_card(world: World, card: MemoryImage) -> None:
    """Genuine files and their chip key, but the journal knows this serial as the card of somebody else."""
    other = blank(2)
    world.issue(power_up(other), tree=applicant(permit_number="RP00000018"))
    card.state = replace(other.state, serial=card.state.serial, keys=card.state.keys)
    assert refused(world, card) is Refusal.CARD_NOT_GENUINE


def test_a_sector_file_was_exchanged(world: World, card: MemoryImage) -> None:
    """A sector that the first reading does not touch: its digest is checked all the same."""
    files = dict(card.state.files)
    file = PROFILE.permit.by_content(Content.SECTOR, slot=Slot.A, element="culture")
    content = files["permit", file.fid]
    files["permit", file.fid] = content[:-1] + bytes((content[-1] ^ 1,))
    card.state = replace(card.state, files=files)
    assert refused(world, card) is Refusal.CARD_NOT_GENUINE


def test_a_card_that_garbles_what_it_is_given(world: World, card: MemoryImage) -> None:
    """The new slot does not come back as it was written: EF.Active is never changed."""
    from card_profiles.softcard.card import SoftCard
    from card_profiles.softcard.connection import InProcessConnection

    class Forgetful(SoftCard):
        def execute(self, command: bytes) -> bytes:
            answer = super().execute(command)
            files = dict(self._state.files)
            fid = PROFILE.permit.by_content(Content.SECTOR, slot=Slot.B, element="legal").fid
            if content := files.get(("permit", fid)):
                files["permit", fid] = bytes(len(content))
                self._state = replace(self._state, files=files)
            return answer

    active = active_of(card)
    connection = InProcessConnection(Forgetful(PROFILE, card))
    with pytest.raises(Refused) as one:
        run(world, connection)
    assert one.value.reason is Refusal.NOT_ENDORSED
    assert active_of(card) == active
    assert world.check(card).accepted
    with world.desk() as desk:
        record = desk.journal.card(card.state.serial)
        assert record is not None
        assert record.state is CardState.ACTIVATED
        assert EventKind.ENDORSED not in [event.kind for event in desk.journal.events(card.state.serial)]


def test_a_card_that_garbles_after_the_switch(world: World, card: MemoryImage, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last check is a counter's; when it fails, one more UPDATE BINARY brings the old endorsement back."""
    from issuer import read_back

    def fail(*_: object, serial: bytes, **__: object) -> None:
        raise Refused(Refusal.READ_BACK, serial=serial.hex(), file="test")

    with monkeypatch.context() as patch:
        patch.setattr(read_back, "accept", fail)
        with pytest.raises(Refused) as one:
            run(world, power_up(card))
    assert one.value.reason is Refusal.NOT_ENDORSED
    active = decode_active(active_of(card))
    assert (active.slot, active.update_counter) == (Slot.A, 3)
    verdict = world.check(card)
    assert verdict.accepted
    assert verdict.valid_until is not None
    assert verdict.valid_until.year == 2027
