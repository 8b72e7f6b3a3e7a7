"""Slip, notice and receipt: what stands on them, and that it stands once."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest

from issuer.domain.checklist import Item
from issuer.errors import Refusal, Refused
from issuer.paper import ChecklistLine, HandoverReceipt, Slip, handover_receipt, slip
from issuer.paper.records import SlipKind
from issuer.paper.words import ITEMS, WORDS, Word
from tests.unit.paper import pages

NOTICE = Slip(
    office="乌托邦示例市居住证办理中心",
    district="新城区梧桐街道书香里社区服务站",
    application=4711,
    name_native="努尔波拉提·哈布都哈力克·加克斯勒克",
    name_latin="NUERBOLATI·HABUDUHALIKE·JIAKESILEKE",
    sex="M",
    birth_date=date(1958, 7, 21),
    replacement=False,
    told_on=date(2026, 11, 21),
    checklist=tuple(ChecklistLine(item=item, present=item is Item.IDENTITY_DOCUMENT) for item in Item),
)
SLIP = replace(
    NOTICE,
    checklist=tuple(ChecklistLine(item=item, present=True) for item in Item),
    slip="4829130577",
    accepted_on=date(2026, 11, 21),
    due_on=date(2026, 12, 6),
)
RECEIPT = HandoverReceipt(
    office=NOTICE.office,
    district=NOTICE.district,
    application=4711,
    permit_number="RP0000000020",
    document_number="X1234570D",
    card_serial="00000000000000000001",
    name_native=NOTICE.name_native,
    name_latin=NOTICE.name_latin,
    handed_over_on=date(2026, 12, 1),
    endorsed_until=date(2027, 11, 21),
    window_opens=date(2027, 10, 21),
    expires_on=date(2031, 11, 21),
)


def text(pdf: bytes) -> str:
    assert [tuple(round(side) for side in page) for page in pages.size(pdf)] == [(148, 210)]
    return "\n".join(pages.lines(pdf))


def test_a_notice_says_everything_that_is_missing_in_two_languages() -> None:
    said = text(slip(NOTICE))
    assert NOTICE.kind is SlipKind.NOTICE
    for item in Item:
        assert all(one in said for one in ITEMS[item])
    assert said.count("未交 missing") == len(Item) - 1
    assert all(one in said for one in WORDS[Word.NOTICE_TITLE])
    assert WORDS[Word.SLIP_NUMBER][0] not in said


def test_a_slip_says_its_number_and_the_day() -> None:
    said = text(slip(SLIP))
    assert "4829 1305 77" in said
    assert "2026-12-06" in said
    assert "missing" not in said.replace("Nothing is missing", "")
    assert "extended" not in said
    assert "extended" in text(slip(replace(SLIP, extended=True, due_on=date(2026, 12, 21))))


def test_a_receipt_says_what_was_given_and_what_comes_next() -> None:
    said = text(handover_receipt(RECEIPT))
    for told in ("RP0000000020", "X1234570D", "0" * 19 + "1", "2026-12-01", "2027-10-21", "2031-11-21"):
        assert told in said


@pytest.mark.parametrize("pdf", [slip(SLIP), handover_receipt(RECEIPT)], ids=["slip", "receipt"])
def test_no_name_and_no_number_in_the_metadata(pdf: bytes) -> None:
    told = " ".join(pages.metadata(pdf).values())
    for secret in ("4829130577", "NUERBOLATI", "努尔", "RP0000000020", "4711"):
        assert secret not in told


def test_the_same_slip_gives_the_same_bytes() -> None:
    assert slip(SLIP) == slip(SLIP)


def test_a_name_that_cannot_be_set_is_refused() -> None:
    for change in ({"name_native": "ཚེ་རིང"}, {"name_latin": "W" * 200}, {"district": "ئابدۇ"}):
        with pytest.raises(Refused) as refused:
            slip(replace(SLIP, **change))
        assert refused.value.reason in (Refusal.NO_GLYPHS, Refusal.TEXT_TOO_LONG)
        assert refused.value.details["field"] in change


def test_every_word_has_two_languages() -> None:
    assert set(WORDS) == set(Word)
    assert set(ITEMS) == set(Item)
    for zh, en in [*WORDS.values(), *ITEMS.values()]:
        assert any(ord(character) > 0x2E80 for character in zh)
        assert en.isascii()
