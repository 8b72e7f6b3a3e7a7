"""The service's issuance records for a drill: all drawers, every signature, and what a stolen key has signed."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from issuer import cli, journal_export
from issuer.acts import issuance_records, production, stock
from issuer.errors import ExitCode
from issuer.journal import IntentKind, SignedBy
from issuer.service import state
from keys.algorithms import Purpose
from keys.rotation import issued_cards
from keys.rotation.drill import Remedy, drill
from keys.rotation.issued_cards import IssuedCard
from tests.status_places import URI, at
from tests.store.office import NOW, SECRET, Office, serial

OLD, NEW = b"ent-old.", b"ent-new."


def note(kid: bytes, days: int = 0) -> SignedBy:
    return SignedBy(purpose=Purpose.ENTITLEMENT_SIGNER, kid=kid, at=NOW + timedelta(days=days))


def written(office: Office, number: int, kid: bytes, days: int = 0) -> str:
    """A card in force, laid out in the town's drawer 5, handed over."""
    application, slip, permit = office.approved()
    office.blanks(number, desk="5")
    production.allocate_blank(office.store, office.registrar, application, serial=serial(number), desk="5")
    journal, card = office.journal(desk="5"), bytes.fromhex(serial(number))
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader="r")
    journal.identify(intent, card)
    journal.bind(intent, card, office.binding(permit), at(number))
    journal.signed(card, [note(kid, days)])
    journal.verified(card)
    journal.activated(intent, card)
    production.hand_over(office.store, office.registrar, application, slip=slip)
    return permit


def endorsed(office: Office, number: int, kid: bytes, days: int, *, reached: bool = True) -> None:
    journal, card = office.journal(desk="elsewhere"), bytes.fromhex(serial(number))
    intent = journal.begin(IntentKind.ENDORSE, permit_number="", reader="e")
    journal.identify(intent, card)
    journal.signed(card, [note(kid, days)])
    if reached:
        journal.endorsed(intent, card, until=date(2028, 6, 1), counter=2)


def records(office: Office) -> dict[str, IssuedCard]:
    return {card.serial.hex(): card for card in issuance_records.cards(office.store)}


def test_cards_of_every_drawer(office: Office) -> None:
    permits = [written(office, 1, OLD), office.issued(2), written(office, 3, NEW)]
    office.blanks(8, 9)  # blanks are nobody's
    stock.spoil(office.store, office.registrar, serial(8), reason="bent")
    found = records(office)
    assert list(found) == [serial(1), serial(2), serial(3)]
    assert [card.permit for card in found.values()] == permits
    assert [(card.status_uri, card.status_index) for card in found.values()] == [(URI, 1), (URI, 2), (URI, 3)]
    assert [[one.kid for one in card.signatures] for card in found.values()] == [[OLD], [], [NEW]]


def test_more_cards_than_come_at_once(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(issuance_records, "_AT_ONCE", 2)
    for number in range(1, 6):
        written(office, number, OLD if number % 2 else NEW)
    endorsed(office, 3, NEW, 1)
    kids = [[one.kid for one in card.signatures] for card in records(office).values()]
    assert kids == [[OLD], [NEW], [OLD, NEW], [NEW], [OLD]]


def test_a_drill(office: Office) -> None:
    """The exact list of cards that a stolen key signed, and which of them are good again by now."""
    written(office, 1, OLD)
    written(office, 2, OLD)
    endorsed(office, 2, NEW, 30)
    written(office, 3, OLD)
    endorsed(office, 3, NEW, 30, reached=False)  # torn: the old endorsement may be in force
    written(office, 4, NEW, 30)
    written(office, 5, OLD)
    office.journal().void(None, bytes.fromhex(serial(5)), reason="lost", profile_digest=bytes(32))
    written(office, 6, OLD, 9)
    done = drill(
        issuance_records.cards(office.store),
        purpose=Purpose.ENTITLEMENT_SIGNER,
        kid=OLD,
        since=NOW,
        until=NOW + timedelta(days=5),
    )
    assert {one.card.serial.hex(): one.remedy for one in done.affected} == {
        serial(1): Remedy.RE_SIGN,
        serial(2): Remedy.NONE,
        serial(3): Remedy.RE_SIGN,
        serial(5): Remedy.NONE,
    }
    assert [card.serial.hex() for card in done.refused_besides] == [serial(6)]


def test_the_same_as_one_drawer_gives(office: Office) -> None:
    for number in (1, 2):
        written(office, number, OLD)
    endorsed(office, 1, NEW, 1)
    assert list(issuance_records.cards(office.store)) == list(journal_export.cards(office.journal(desk="5")))


def test_by_the_command_line(office: Office, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(office, 1, OLD)
    monkeypatch.setenv("PERMIT_DATABASE", url)
    monkeypatch.setattr(state, "read_secret", lambda _: SECRET)
    path = tmp_path / "cards.jsonl"
    assert cli.main(["records", "export", str(path), "--home", str(tmp_path)]) == ExitCode.DONE
    assert path.stat().st_mode & 0o077 == 0
    with path.open() as stream:
        assert list(issued_cards.decode(stream)) == list(issuance_records.cards(office.store))
    assert [entry.name for entry in tmp_path.iterdir() if "partial" in entry.name] == []
