"""The journal's export: every key that signed a card, noted before it signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from issuer import cli, journal_export
from issuer.errors import ExitCode
from issuer.journal import Binding, IntentKind, SignedBy
from issuer.journal_sqlite import SqliteJournal
from keys.algorithms import Purpose
from keys.errors import DecodeError
from keys.rotation import issued_cards
from keys.rotation.issued_cards import IssuedCard
from tests.status_places import at

NOW = datetime(2026, 6, 1, 2, 0, tzinfo=UTC)
ONE, TWO = bytes(9) + b"\x01", bytes(9) + b"\x02"
DS, ES, NEXT_ES = b"doc-sign", b"ent-sign", b"ent-next"


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        self.now += timedelta(minutes=1)
        return self.now


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[SqliteJournal]:
    opened = SqliteJournal(tmp_path / "journal.sqlite", clock=Clock())
    yield opened
    opened.close()


def note(kid: bytes, *, days: int = 0, purpose: Purpose = Purpose.ENTITLEMENT_SIGNER) -> SignedBy:
    return SignedBy(purpose=purpose, kid=kid, at=NOW + timedelta(days=days))


def bound(journal: SqliteJournal, serial: bytes, permit: str) -> int:
    intent = journal.begin(IntentKind.ISSUE, permit_number=permit, reader=permit)
    journal.identify(intent, serial)
    binding = Binding(
        permit_number=permit,
        profile_digest=bytes(32),
        valid_from=date(2026, 6, 1),
        endorsed_until=date(2027, 6, 1),
    )
    journal.bind(intent, serial, binding, at(serial[-1] - 1))
    return intent


def issued(journal: SqliteJournal, serial: bytes, permit: str) -> None:
    intent = bound(journal, serial, permit)
    journal.signed(serial, [note(DS, purpose=Purpose.DOCUMENT_SIGNER), note(ES)])
    journal.verified(serial)
    journal.activated(intent, serial)


def endorsed(journal: SqliteJournal, serial: bytes, kid: bytes, *, days: int, reached: bool = True) -> None:
    intent = journal.begin(IntentKind.ENDORSE, permit_number="", reader="e")
    journal.identify(intent, serial)
    journal.signed(serial, [note(kid, days=days)])
    if reached:
        journal.endorsed(intent, serial, until=date(2028, 6, 1), counter=2)


def signatures(journal: SqliteJournal, serial: bytes) -> list[tuple[bytes, bool]]:
    (card,) = [card for card in journal_export.cards(journal) if card.serial == serial]
    return [(one.kid, one.done) for one in card.signatures]


def test_each_signature_with_its_key(journal: SqliteJournal) -> None:
    issued(journal, ONE, "RP1")
    endorsed(journal, ONE, NEXT_ES, days=9)
    assert signatures(journal, ONE) == [(DS, True), (ES, True), (NEXT_ES, True)]


def test_a_signature_that_may_not_have_reached_the_card(journal: SqliteJournal) -> None:
    issued(journal, ONE, "RP1")
    endorsed(journal, ONE, NEXT_ES, days=9, reached=False)
    bound(journal, TWO, "RP2")
    journal.signed(TWO, [note(ES)])
    journal.signed(TWO, [note(NEXT_ES)])  # taken up again after a cut
    assert signatures(journal, ONE) == [(DS, True), (ES, True), (NEXT_ES, False)]
    assert signatures(journal, TWO) == [(ES, False), (NEXT_ES, False)]
    journal.verified(TWO)
    assert signatures(journal, TWO) == [(ES, False), (NEXT_ES, True)]


def test_a_journal_of_before_names_no_key(journal: SqliteJournal) -> None:
    intent = bound(journal, ONE, "RP1")
    journal.verified(ONE)
    journal.activated(intent, ONE)
    assert signatures(journal, ONE) == [(b"", True)]
    issued(journal, TWO, "RP2")
    endorsed(journal, ONE, NEXT_ES, days=9)
    assert signatures(journal, ONE) == [(b"", True), (NEXT_ES, True)]
    assert signatures(journal, TWO) == [(DS, True), (ES, True)]


def test_a_card_bound_and_never_signed(journal: SqliteJournal) -> None:
    issued(journal, ONE, "RP1")
    bound(journal, TWO, "RP2")
    assert signatures(journal, TWO) == []


def test_the_command_writes_what_the_drill_reads(tmp_path: Path, journal: SqliteJournal) -> None:
    issued(journal, ONE, "RP1")
    journal.void(None, TWO, reason="spoiled", profile_digest=bytes(32))
    out = tmp_path / "export.jsonl"
    code = cli.main(["journal", "--home", str(tmp_path), "--export", str(out)])
    assert code is ExitCode.DONE
    with out.open(encoding="utf-8") as lines:
        assert list(issued_cards.decode(lines)) == list(journal_export.cards(journal))
    assert out.stat().st_mode & 0o077 == 0


def whole(journal: SqliteJournal) -> list[str]:
    issued(journal, ONE, "RP1")
    issued(journal, TWO, "RP2")
    return list(issued_cards.encode(journal_export.cards(journal), exported=NOW))


def test_every_cut_of_an_export_is_noticed(journal: SqliteJournal) -> None:
    lines = whole(journal)
    assert len(list(issued_cards.decode(lines))) == 2
    for gone in range(len(lines)):
        with pytest.raises(DecodeError):
            list(issued_cards.decode(lines[:gone] + lines[gone + 1 :]))
        with pytest.raises(DecodeError):
            list(issued_cards.decode(lines[:gone]))
    text = "".join(lines)
    for cut in range(len(text) - 1):
        with pytest.raises(DecodeError):
            list(issued_cards.decode(text[:cut].splitlines(keepends=True)))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"serial": "', '"serial": "00'),
        (ONE.hex(), TWO.hex()),
        ('"status_index": 0', '"status_index": "0"'),
        ('"status_index": 0', '"status_index": true'),
        ('"done": true', '"done": 1'),
        (DS.hex(), "00"),
        (DS.hex(), ""),
        ("document-signer", "butcher"),
        ('"endorsed_until": "', '"endorsed_until": "9'),
        ("+00:00", ""),
        ('"permit": "RP1"', '"permit": 1'),
        ('"permit": "RP1"', '"permit": "RP1", "more": 1'),
        ("permit-journal-1", "permit-journal-2"),
        ('{"cards": 2}', '{"cards": 2}\n{"cards": 2}'),
    ],
)
def test_what_is_no_export(journal: SqliteJournal, old: str, new: str) -> None:
    text = "".join(whole(journal))
    head, _, rest = text.partition("\n")
    changed = f"{head}\n{rest.replace(old, new)}" if old in rest else text.replace(old, new)
    assert changed != text
    with pytest.raises(DecodeError):
        list(issued_cards.decode(changed.splitlines(keepends=True)))


def test_encode_and_decode_are_a_pair() -> None:
    card = IssuedCard(
        serial=ONE,
        permit="RP00000017",
        state="activated",
        status_uri="",
        status_index=-1,
        endorsed_until=None,
        signatures=(),
    )
    assert list(issued_cards.decode(issued_cards.encode([card], exported=NOW))) == [card]
