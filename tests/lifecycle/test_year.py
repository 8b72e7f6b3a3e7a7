"""A scripted year of one authority: real keys, real releases, real synchronisation, real verdicts, an injected clock.

Each week the administrator runs what docs/KEY_CEREMONY.md says for each day (`rotate`), signs the lists, publishes;
the desk issues a card and now and then voids one. Counters sync from the released directory. Some of them stop: what
they say of every card is judged when they are a day, four weeks and half a year behind.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from keys.algorithms import Purpose
from keys.authority import file as authority_file
from keys.authority.authority import Authority
from keys.chain import ChainError, ChainReason, validate
from keys.custody.software import ScryptCost
from keys.publication import home as publication
from keys.publication import releasing
from keys.registry.lifecycle import RULES, KeyEvent, KeyState, periods
from keys.registry.registry import Actor
from keys.rotation.rotation import Rotation
from keys.status_list import Status
from keys.trust import TrustStore
from tests.factory import IssuedPermit, Person, Signer, decide, issue
from tests.unit.keys.test_authority import MEMBERS, PASSPHRASE
from verifier.counter import load_trust
from verifier.policy import Check
from verifier.reason import Reason
from verifier.sync import sync
from verifier.verdict import Outcome, Verdict

BEGIN = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
DAY = timedelta(days=1)
WEEK = 7 * DAY
WEEKS = 53
TWO_PEOPLE = Actor(operator="Administrator A", witness="Administrator B")
SITE_BY_STICK = {"status_services": 45 * DAY, "status_refuse": 60 * DAY, "trust_services": 90 * DAY}
"""The policy of a place that gets a stick each month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    permit: IssuedPermit
    kid: bytes
    document_kid: bytes
    index: int
    signed: datetime


@dataclass
class Year:
    """The authority, its clock, and what it issued and voided."""

    folder: Path
    now: datetime = BEGIN
    cards: list[Card] = field(default_factory=list)
    voided: dict[int, datetime] = field(default_factory=dict)
    """When the release that says so was published, by status index."""
    events: Counter[tuple[Purpose, KeyEvent]] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        validity = {"csca_key_days": 240, "entitlement_key_days": 240, "longest_card_days": 1827}
        settings = authority_file.from_members({**MEMBERS, "validity": validity})
        home = self.folder / "home"
        cost = ScryptCost(log2_n=2, r=1, p=1)
        self.authority = Authority.create(home, settings, PASSPHRASE, clock=self.clock, cost=cost, actor=TWO_PEOPLE)
        self.authority = Authority.open(home, PASSPHRASE, clock=self.clock, cost=cost)
        self.anchor = publication.set_up(str(home), self.authority.custody, now=self.now, timestamp_days=7)

    def clock(self) -> datetime:
        return self.now

    @property
    def release(self) -> str:
        return str(self.folder / "www" / "current")

    def week(self) -> None:
        """What an administrator and a desk do in a week, in its first hour."""
        rotation = Rotation(self.authority, TWO_PEOPLE)
        for purpose in RULES:
            for done in rotation.rotate(purpose):
                self.events[purpose, done.event] += 1
        self.issue_card()
        if len(self.cards) % 5 == 0:
            self.void(self.cards[-3].index)
        self.authority.refresh()
        self.publish()

    def issue_card(self) -> None:
        document, entitlement = self.authority.document_signer, self.authority.entitlement_signer
        index = 1000 + 37 * len(self.cards)
        permit = issue(
            person=Person(number=f"RP{index:08d}"),
            signed=self.now,
            valid_until=self.now + 1000 * DAY,
            status_index=index,
            status_uri=self.authority.status_uri,
            signer=Signer(private_key=entitlement.private_key, certificate=entitlement.certificate),
            sod_signer=Signer(private_key=document.private_key, certificate=document.certificate),
        )
        self.cards.append(
            Card(permit=permit, kid=entitlement.kid, document_kid=document.kid, index=index, signed=self.now)
        )

    def void(self, index: int) -> None:
        self.authority.publish_status(index, Status.INVALID)
        self.voided[index] = self.now

    def publish(self) -> None:
        releasing.release(self.authority, str(self.folder / "www"), now=self.now)

    def sync(self, store: Path) -> None:
        sync(self.release, str(store), now=self.now + timedelta(hours=1), anchor=self.anchor)


@dataclass(frozen=True, slots=True, kw_only=True)
class Behind:
    """A counter that last synced then."""

    store: Path
    synced: datetime

    def trust(self) -> TrustStore:
        return load_trust(str(self.store))

    def look(
        self, card: Card, trust: TrustStore, now: datetime, *, identity: bool = False, **policy: object
    ) -> Verdict:
        """As a reader does: the signer's certificate is read from the card where the counter does not know it."""
        evidence = card.permit.evidence(certificate=not trust.knows(card.kid), identity=identity)
        also = frozenset({Check.IDENTITY}) if identity else frozenset()
        return decide(evidence, trust, now=now, also=also, **policy)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lived:
    year: Year
    stopped: dict[int, Behind]
    """Counters that last synced in each week."""


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lived]:
    """The year, lived through once; a counter's store is set aside after each week's synchronisation."""
    folder = tmp_path_factory.mktemp("year")
    daily = folder / "daily"
    stopped: dict[int, Behind] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)  # the power stays on: other tests cut it
        year = Year(folder)
        for week in range(WEEKS):
            year.week()
            year.sync(daily)
            kept = folder / f"stopped-{week}"
            shutil.copytree(daily, kept, symlinks=True)
            stopped[week] = Behind(store=kept, synced=year.now)
            year.now += WEEK
    year.now -= WEEK
    yield Lived(year=year, stopped=stopped)
    year.authority.registry.close()


def looks(lived: Lived, weeks: int) -> Iterator[tuple[Behind, TrustStore, datetime, list[Card]]]:
    """In each fourth week: the counter that stopped `weeks` before, and the cards that there were by then."""
    for week in range(weeks, WEEKS, 4):
        behind = lived.stopped[week - weeks]
        now = BEGIN + week * WEEK + DAY
        yield behind, behind.trust(), now, [card for card in lived.year.cards if card.signed < now]


def known_void(lived: Lived, card: Card, behind: Behind) -> bool:
    """Whether the list had reached the counter."""
    published = lived.year.voided.get(card.index)
    return published is not None and published <= behind.synced


def test_the_year_was_what_the_script_says(lived: Lived) -> None:
    year = lived.year
    assert year.events[Purpose.DOCUMENT_SIGNER, KeyEvent.ACTIVATE] == 4
    assert year.events[Purpose.ENTITLEMENT_SIGNER, KeyEvent.ACTIVATE] == 1
    assert year.events[Purpose.CSCA, KeyEvent.ACTIVATE] == 1
    keys = [key for key in year.authority.registry.keys if key.purpose in RULES]
    newest = [key for key in keys if key.purpose is Purpose.CSCA][-1]
    assert newest.state is KeyState.ACTIVE
    assert newest.staged_at is not None
    assert newest.activated_at is not None
    assert newest.activated_at - newest.staged_at >= 60 * DAY
    assert [path.name for path in Path(year.release, "link").glob("*.der")] or list(
        Path(year.release).rglob("*CSCA-1-2*")
    )
    assert len({card.document_kid for card in year.cards}) == 5
    assert len({card.kid for card in year.cards}) == 2
    # Staged bundles: each key was out for the time that counters may be behind, before it signed anything.
    for key in keys:
        if key.generation > 1 and key.activated_at is not None and RULES[key.purpose].lead_days:
            assert key.published_at is not None
            assert key.activated_at - key.published_at >= periods(key.purpose, year.authority.settings).lead
    assert len(year.voided) == 10


def test_a_counter_of_yesterday(lived: Lived) -> None:
    for behind, trust, now, cards in looks(lived, 0):
        for card in cards:
            verdict = behind.look(card, trust, now, identity=True)
            if known_void(lived, card, behind):
                assert Reason.STATUS_REVOKED in verdict.reasons
                assert verdict.current.outcome is Outcome.FAILED
            else:
                assert verdict.genuine.outcome is Outcome.PASSED, verdict.reasons
                assert verdict.current.outcome is Outcome.PASSED, verdict.reasons
                assert verdict.data_age.outcome is Outcome.PASSED


def test_a_counter_four_weeks_behind(lived: Lived) -> None:
    seen = Counter[str]()
    for behind, trust, now, cards in looks(lived, 4):
        for card in cards:
            verdict = behind.look(card, trust, now)
            # By the policy of an office with a network: the card is judged, no service is granted, and it says why.
            assert Reason.STATUS_LIST_TOO_OLD_FOR_SERVICES in verdict.entitled.reasons
            assert Reason.STATUS_LIST_AGEING in verdict.data_age.reasons
            assert verdict.entitled.outcome is not Outcome.PASSED
            if known_void(lived, card, behind):
                assert Reason.STATUS_REVOKED in verdict.reasons
                seen["void"] += 1
                continue
            assert verdict.genuine.outcome is Outcome.PASSED, verdict.reasons
            assert verdict.current.outcome is Outcome.PASSED, verdict.reasons
            monthly = behind.look(card, trust, now, **SITE_BY_STICK)
            assert monthly.data_age.outcome is Outcome.WARNING
            assert monthly.entitled.outcome is not Outcome.NOT_CHECKED
            seen["unknown signer" if not trust.knows(card.kid) else "known signer"] += 1
    # The year had cards whose signer such a counter knew ahead of its use, and voided ones.
    assert seen["void"] > 0
    assert seen["known signer"] > 200


def test_a_counter_half_a_year_behind(lived: Lived) -> None:
    for behind, trust, now, cards in looks(lived, 26):
        for card in cards:
            verdict = behind.look(card, trust, now)
            assert verdict.data_age.outcome is Outcome.FAILED
            assert Reason.TRUST_TOO_OLD in verdict.data_age.reasons
            assert verdict.services == () or all(one.reason is not None for one in verdict.services)
            if known_void(lived, card, behind):
                # What the list said before it grew old still counts.
                assert verdict.current.outcome is not Outcome.PASSED
            else:
                # Refused for the counter's own age, and never as what it is not.
                assert not {Reason.SIGNER_REVOKED, Reason.STATUS_REVOKED} & set(verdict.reasons)


def test_a_stale_counter_comes_back_by_one_synchronisation(lived: Lived, tmp_path: Path) -> None:
    """Over every root, every rotation and the CSCA's link, at any age."""
    year = lived.year
    for week in (0, 10, 26, 35, WEEKS - 2):
        store = tmp_path / str(week)
        shutil.copytree(lived.stopped[week].store, store, symlinks=True)
        year.sync(store)
        behind = Behind(store=store, synced=year.now)
        trust = behind.trust()
        for card in year.cards:
            verdict = behind.look(card, trust, year.now + DAY)
            if card.index in year.voided:
                assert Reason.STATUS_REVOKED in verdict.reasons
            else:
                assert verdict.genuine.outcome is Outcome.PASSED, verdict.reasons
                assert verdict.current.outcome is Outcome.PASSED, verdict.reasons


def test_a_counter_that_was_never_told_of_the_new_csca_goes_over_the_link(lived: Lived) -> None:
    """With only the first CSCA certificate as a root, the link carries trust to the second."""
    year = lived.year
    store = lived.stopped[WEEKS - 1].trust()
    old = Path(year.authority.trust_dir, "csca", "CSCA-1.der").read_bytes()
    links = [path.read_bytes() for path in Path(year.authority.trust_dir, "link").glob("*.der")]
    crls = [path.read_bytes() for path in Path(year.authority.trust_dir, "crl").glob("*.crl")]
    newest = year.authority.entitlement_signer
    assert store.knows(newest.kid)
    common = {"purpose": Purpose.ENTITLEMENT_SIGNER, "roots": [old], "crls": crls, "at": year.now}
    validate(newest.certificate, links=links, **common)  # type: ignore[arg-type]
    with pytest.raises(ChainError) as caught:
        validate(newest.certificate, links=[], **common)  # type: ignore[arg-type]
    assert caught.value.reason is ChainReason.UNKNOWN_ISSUER
