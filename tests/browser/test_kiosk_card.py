"""A card at the counter, in a browser, through pcscd and a virtual reader: from insertion to the cleared screen."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from playwright.sync_api import expect

from card_profiles.model import LifeCycle
from card_profiles.residence_permit_v1 import RESIDENCE_PERMIT_V1 as PROFILE
from card_profiles.softcard.card import SoftCard
from card_profiles.softcard.image import MemoryImage
from keys.algorithms import Purpose
from keys.status_list import Status
from tests.factory import CAN, DAY, authority, issue
from tests.hostile.real_card import NOW as ISSUED
from tests.hostile.real_card import issued
from tests.simulator.private_pcscd import PrivatePcscd
from verifier.reason import Reason
from verifier.texts import REASONS

from .accessibility import serious
from .conftest import Look
from .kiosk_counter import (
    BEGIN,
    NOW,
    CounterWorld,
    counter_world,
    outcomes,
    pcscd,
    permit,
    phase,
    trust_files,
    type_can,
    world,
)
from .pictures import save

__all__ = ["pcscd", "world"]


def test_insert_can_verdict_photo_remove(pcscd: PrivatePcscd, tmp_path: Path, look: Look) -> None:
    """A card as the issuer writes it. Nothing of it is on the screen, or in the page, once it has left."""
    real = issued()
    files = {str(path.relative_to(real.trust)): path.read_bytes() for path in real.trust.rglob("*") if path.is_file()}
    with counter_world(pcscd, tmp_path, files=files, now=lambda: ISSUED, name="市第一医院 3 号窗口") as world:
        page = world.open(look(lang="zh"))
        phase(page, "empty")
        save(page, "kiosk-zh-idle")
        assert serious(page) == []
        card = world.card(SoftCard(PROFILE, MemoryImage(real.state)))
        card.insert()
        phase(page, "ask")
        save(page, "kiosk-zh-ask")
        assert serious(page) == []
        expect(page.locator("#can")).to_be_focused()
        type_can(page)
        phase(page, "verdict")
        page.wait_for_selector("#portrait")
        page.wait_for_function("document.querySelector('#portrait').naturalWidth > 100")
        save(page, "kiosk-zh-verdict")
        assert serious(page) == []
        assert outcomes(page) == dict.fromkeys(("genuine", "current", "data_age"), "passed") | {
            "entitled": outcomes(page)["entitled"]
        }
        name = page.locator(".name").inner_text()
        assert name in page.content()
        assert "真" in page.locator("#said").inner_text()  # what a screen reader says
        page.keyboard.press("F2")
        expect(page.locator("#facet-genuine h2")).to_have_text("Is it genuine?")
        expect(page.locator("html")).to_have_attribute("lang", "en")
        save(page, "kiosk-en-verdict")
        assert serious(page) == []
        page.locator("#same").click()
        expect(page.locator("#compared")).to_contain_text("the same person")
        codes = page.locator(".services [data-code]").evaluate_all("all => all.map(one => one.dataset.code[0])")
        assert set(codes) <= {"H"}
        portrait = page.locator("#portrait").get_attribute("src")
        card.remove()
        phase(page, "empty")
        assert name not in page.content()
        assert page.locator("#portrait").count() == 0
        assert page.evaluate("path => fetch(path).then(answer => answer.status)", portrait) == 404


SCENARIOS = {
    "revoked": ({"status_index": 21}, {}, {"current": "failed"}, Reason.STATUS_REVOKED),
    "suspended": ({"status_index": 22}, {}, {"current": "failed"}, Reason.STATUS_SUSPENDED),
    "expired": ({"valid_until": NOW - DAY}, {}, {"current": "failed"}, Reason.ENDORSEMENT_MISSED),
    "not-yet": (
        {"valid_from": NOW + DAY},
        {},
        {"current": "failed"},
        Reason.PERMIT_NOT_YET_VALID,
    ),
    "refused": (
        {
            "by": authority("forger"),
            "signer": authority("forger").signer(Purpose.ENTITLEMENT_SIGNER, "now", begin=BEGIN),
        },
        {},
        {"genuine": "failed", "current": "not-checked", "entitled": "not-checked"},
        Reason.SIGNER_UNTRUSTED,
    ),
    "stale": (
        {},
        {"age": timedelta(days=15), "crl_age": 100 * DAY},
        {"entitled": "not-checked", "data_age": "warning"},
        Reason.TRUST_TOO_OLD_FOR_SERVICES,
    ),
    "too-old": (
        {},
        {"age": timedelta(days=31)},
        {"entitled": "not-checked", "data_age": "failed"},
        Reason.STATUS_LIST_TOO_OLD,
    ),
}


def test_what_speaks_against_a_card_is_told_facet_by_facet(world: CounterWorld, look: Look) -> None:
    """Each in both languages, with nothing that the accessibility checker calls serious."""
    page = world.open(look(lang="en"))
    page.keyboard.press("F2")
    for name, (card_changes, data_changes, wrong, reason) in SCENARIOS.items():
        entries = {21: Status.INVALID, 22: Status.SUSPENDED}
        world.trust(trust_files(entries=entries, **data_changes))
        world.new_counters()
        card = world.card(permit(**card_changes))
        card.insert()
        type_can(page)
        phase(page, "verdict")
        expected = dict.fromkeys(("genuine", "current", "entitled", "data_age"), "passed") | wrong
        assert outcomes(page) == expected, name
        expect(page.locator(f"[data-reason={reason}]")).to_have_text(REASONS[reason][1])
        page.wait_for_selector("#portrait, .portrait.none, .verdict:not(:has(.holder))")
        save(page, f"kiosk-en-{name}")
        assert serious(page) == []
        page.keyboard.press("F2")
        expect(page.locator(f"[data-reason={reason}]")).to_have_text(REASONS[reason][0])
        save(page, f"kiosk-zh-{name}")
        page.keyboard.press("F2")
        if expected["current"] == "failed":  # on the card, and yet not to be given
            assert page.locator(".services li.passed").count() == 0
        card.remove()
        phase(page, "empty")


def test_a_clone_is_shown_as_one(world: CounterWorld, look: Look) -> None:
    """All files of a genuine card on a chip that lacks its key."""
    original, other = permit(), issue(chip="another chip")
    wrong_key = other.chip_key.private_numbers().private_value.to_bytes(32)
    state = replace(original.card_state(), chip_key=wrong_key)
    page = world.open(look(lang="zh", size="tablet"))
    card = world.card(SoftCard(PROFILE, MemoryImage(state)))
    card.insert()
    type_can(page)
    phase(page, "verdict")
    assert outcomes(page)["genuine"] == "failed"
    assert page.locator(".holder").count() == 0
    expect(page.locator(f"#facet-genuine [data-reason={Reason.CHIP_NOT_PROVEN}]")).to_be_visible()
    save(page, "kiosk-zh-clone-tablet")
    assert serious(page) == []


def test_wrong_can_keypad_and_cards_out_of_use(world: CounterWorld, look: Look) -> None:
    page = world.open(look(lang="zh", size="tablet"))
    card = world.card(permit())
    card.insert()
    type_can(page, "111111")
    expect(page.locator("#ask-note")).to_contain_text("号码与此卡不符")
    save(page, "kiosk-zh-wrong-can-tablet")
    assert serious(page) == []
    for digit in CAN:
        page.locator(".key", has_text=digit).click()
    phase(page, "verdict")
    card.remove()
    phase(page, "empty")
    retired = world.card(permit().card(life_cycle=LifeCycle.TERMINATED))
    retired.insert()
    phase(page, "failed")
    expect(page.locator(".sentence")).to_have_text(REASONS[Reason.TERMINATED][0])
    save(page, "kiosk-zh-terminated-tablet")
    assert serious(page) == []


def test_not_the_same_person(world: CounterWorld, look: Look) -> None:
    page = world.open(look(lang="en"))
    page.keyboard.press("F2")
    card = world.card(permit())
    card.insert()
    type_can(page)
    page.locator("#other").click()
    expect(page.locator("#alarm")).to_contain_text("do not accept")
    assert page.locator(".services li.passed").count() == 0
    save(page, "kiosk-en-another-person")


def test_the_screen_is_cleared_when_the_program_ends(pcscd: PrivatePcscd, tmp_path: Path, look: Look) -> None:
    """Nobody can tell any more whether the card has left."""
    with counter_world(pcscd, tmp_path) as world:
        page = world.open(look(lang="zh"))
        card = world.card(permit())
        card.insert()
        type_can(page)
        phase(page, "verdict")
    phase(page, "lost")
    assert "CHEN" not in page.content()
    save(page, "kiosk-zh-lost")
    assert serious(page) == []
