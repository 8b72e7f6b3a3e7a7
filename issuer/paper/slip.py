"""What an applicant takes home: the acceptance slip, or the notice of everything that is missing."""

from __future__ import annotations

from . import letter
from .fonts import Face
from .letter import LEFT, RIGHT
from .records import Slip, SlipKind
from .sheet import INK, PETROL, SOFT, Sheet
from .words import ITEMS, WORDS, Word, both, sex


def slip(of: Slip) -> bytes:
    """The PDF, A5. Raises Refused: FONT_MISSING, NO_GLYPHS, TEXT_TOO_LONG."""
    accepted = of.kind is SlipKind.ACCEPTED
    title = Word.SLIP_TITLE if accepted else Word.NOTICE_TITLE
    with letter.opened(title, of.accepted_on or of.told_on) as sheet:
        letter.head(sheet, title, of.office, of.district)
        y = letter.wide(sheet, 46, Word.NAME, "name_native", of.name_native)
        sheet.fitted(LEFT, y - 2.2, of.name_latin, field="name_latin", width=RIGHT - LEFT, size=9, least=5.5)
        kind = Word.REPLACEMENT if of.replacement else Word.FIRST
        y = letter.fields(
            sheet,
            y + 5,
            (
                (Word.SEX, "sex", sex(of.sex)),
                (Word.BIRTH_DATE, "birth_date", of.birth_date.isoformat()),
                (Word.KIND, "kind", both(kind)),
                (Word.APPLICATION, "application", str(of.application)),
            ),
        )
        if accepted:
            y = _deadline(sheet, of, y)
        else:
            y = letter.fields(sheet, y, ((Word.TOLD_ON, "told_on", of.told_on.isoformat()),))
        y = _checklist(sheet, of, y + 3)
        y = letter.said(sheet, y + 2.4, *((Word.DEADLINE, Word.COLLECT) if accepted else (Word.TOLD_ONCE,)))
        letter.signatures(sheet, Word.OFFICER, Word.STAMP)
        return sheet.done()


def _deadline(sheet: Sheet, of: Slip, y: float) -> float:
    """The number that the card is given for, and the day."""
    assert of.accepted_on is not None
    assert of.due_on is not None
    letter.panel(sheet, y - 1, 26)
    sheet.text(LEFT + 5, y + 4, both(Word.SLIP_NUMBER), 6.5, colour=SOFT)
    sheet.face(Face.OCR_B, 17)
    sheet.pdf.set_text_color(*INK)
    sheet.pdf.text(LEFT + 4.4, y + 12, _grouped(of.slip))
    zh, en = WORDS[Word.SLIP_KEEP]
    sheet.text(LEFT + 5, y + 17.6, zh, 7.4)
    sheet.text(LEFT + 5, y + 21.6, en, 6.2, colour=SOFT)
    middle = LEFT + 76
    word = Word.READY_BY_EXTENDED if of.extended else Word.READY_BY
    sheet.text(middle, y + 4, both(word), 6.5, colour=SOFT)
    sheet.text(middle, y + 11.6, of.due_on.isoformat(), 14, colour=PETROL, bold=True)
    sheet.text(middle, y + 17.6, f"{both(Word.ACCEPTED_ON)}  {of.accepted_on.isoformat()}", 7)
    return y + 30


def _checklist(sheet: Sheet, of: Slip, y: float) -> float:
    sheet.text(LEFT, y, both(Word.CHECKLIST), 9.5, colour=PETROL, bold=True)
    if all(line.present for line in of.checklist):
        sheet.right(RIGHT, y, both(Word.NOTHING_MISSING), 7.4, colour=SOFT)
    y += 2.8
    for line in of.checklist:
        sheet.rule(LEFT, y, RIGHT)
        letter.tick(sheet, LEFT + 0.4, y + 2.2, done=line.present)
        zh, en = ITEMS[line.item]
        sheet.text(LEFT + 7, y + 4.1, zh, 8.6)
        sheet.text(LEFT + 7, y + 7.2, en, 6.4, colour=SOFT)
        said = both(Word.PRESENT if line.present else Word.MISSING)
        sheet.right(RIGHT, y + 5.2, said, 8, colour=SOFT if line.present else INK, bold=not line.present)
        y += 8.8
    sheet.rule(LEFT, y, RIGHT)
    return y + 3


def _grouped(number: str) -> str:
    """In groups of four from the left, to be read aloud."""
    return " ".join(number[at : at + 4] for at in range(0, len(number), 4))
