"""Cards and desks while keys rotate: signers, and card master keys of two generations side by side."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from issuing import PASSPHRASE, World, applicant, authority_home, blank, power_up
from test_issue_endorse import run

from issuer.errors import Refusal, Refused
from keys.algorithms import Purpose
from keys.authority.authority import Authority
from keys.custody.software import ScryptCost
from keys.registry.registry import Actor
from keys.rotation.rotation import Rotation

TWO = Actor(operator="Li Wei", witness="Wang Fang")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(home=authority_home(tmp_path))


def rotation(world: World) -> Rotation:
    cheap = ScryptCost(log2_n=2, r=1, p=1)
    return Rotation(Authority.open(world.home, PASSPHRASE, clock=lambda: world.now, cost=cheap), TWO)


def other(number: int) -> dict[str, object]:
    return applicant(permit_number=f"RP0000001{number}", document_number=f"X123456{number}A")


def test_cards_of_two_generations_of_the_master_key(world: World) -> None:
    old, new = blank(1), blank(2)
    world.issue(power_up(old))
    rotation(world).replace("CMK-1")
    world.issue(power_up(new), tree=other(8))
    assert {old.state.keys.version, new.state.keys.version} == {0x30, 0x31}
    # Both are opened with the keys that they have, and written.
    for card in (old, new):
        assert run(world, power_up(card)).written
        assert world.check(card).accepted


def test_a_card_whose_master_key_is_destroyed_is_not_tried(world: World) -> None:
    """A wrong key would be counted against the card, which locks after a few."""
    card = blank(1)
    world.issue(power_up(card))
    rotation(world).replace("CMK-1")
    rotation(world).destroy("CMK-1", override="all cards moved")
    with pytest.raises(Refused) as caught:
        run(world, power_up(card))
    assert caught.value.reason is Refusal.FOREIGN_KEYS
    assert world.check(card).accepted


def test_signers_rotate_under_the_desk(world: World) -> None:
    old, new = blank(1), blank(2)
    world.issue(power_up(old))
    for purpose in (Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER):
        world.later(days=0)
        rotation(world).stage(purpose)
    world.later(days=83)
    for purpose in (Purpose.DOCUMENT_SIGNER, Purpose.ENTITLEMENT_SIGNER, Purpose.STATUS_SIGNER):
        rotation(world).rotate(purpose)
    rotation(world).resume()
    authority = Authority.open(world.home, PASSPHRASE, clock=lambda: world.now)
    authority.refresh()
    assert authority.entitlement_signer.kid != b""
    assert authority.registry.active(Purpose.ENTITLEMENT_SIGNER).name == "ES-2"
    world.issue(power_up(new), tree=other(8))
    for card in (old, new):
        assert world.check(card).accepted
    assert authority.registry.active(Purpose.DOCUMENT_SIGNER).signatures == 1
    assert authority.registry.by_name("DS-1").signatures == 1


def test_at_the_cap_no_card_is_begun(world: World) -> None:
    authority = Authority.open(world.home, PASSPHRASE, clock=lambda: world.now)
    authority.document_signer.count_ahead(99_999)
    world.issue(power_up(blank(1)))
    card = blank(2)
    before = card.state
    with pytest.raises(Refused) as caught:
        world.issue(power_up(card), tree=other(8))
    assert caught.value.reason is Refusal.KEYS_EXPIRED
    assert card.state == before
    rotation(world).replace("DS-1", override="cap reached")
    world.later(seconds=1)
    world.issue(power_up(card), tree=other(8))
    assert world.check(card).accepted


def test_a_compromised_signer_signs_no_card_and_its_cards_are_refused(world: World) -> None:
    card = blank(1)
    world.issue(power_up(card))
    world.now += timedelta(days=1)
    rotation(world).compromise("ES-1")
    assert not world.check(card).accepted
    with pytest.raises(Refused) as caught:
        world.issue(power_up(blank(2)), tree=other(8))
    assert caught.value.reason is Refusal.KEYS_EXPIRED
    rotation(world).replace("ES-1", override="stolen")
    world.issue(power_up(blank(3)), tree=other(9))
