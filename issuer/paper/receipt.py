"""Signed when a card goes over the desk."""

from __future__ import annotations

from . import letter
from .fonts import Face
from .letter import LEFT, RIGHT
from .records import HandoverReceipt
from .sheet import INK, PETROL, SOFT
from .words import Word, both


def handover_receipt(of: HandoverReceipt) -> bytes:
    """The PDF, A5. Raises Refused: FONT_MISSING, NO_GLYPHS, TEXT_TOO_LONG."""
    with letter.opened(Word.RECEIPT_TITLE, of.handed_over_on) as sheet:
        letter.head(sheet, Word.RECEIPT_TITLE, of.office, of.district)
        y = letter.wide(sheet, 46, Word.NAME, "name_native", of.name_native)
        sheet.fitted(LEFT, y - 2.2, of.name_latin, field="name_latin", width=RIGHT - LEFT, size=9, least=5.5)
        letter.panel(sheet, y + 2, 20)
        sheet.text(LEFT + 5, y + 7, both(Word.PERMIT_NUMBER), 6.5, colour=SOFT)
        sheet.face(Face.OCR_B, 15)
        sheet.pdf.set_text_color(*INK)
        sheet.pdf.text(LEFT + 4.4, y + 14.4, of.permit_number)
        sheet.text(LEFT + 80, y + 7, both(Word.HANDED_OVER), 6.5, colour=SOFT)
        sheet.text(LEFT + 80, y + 14.2, of.handed_over_on.isoformat(), 12.5, colour=PETROL, bold=True)
        y = letter.fields(
            sheet,
            y + 30,
            (
                (Word.DOCUMENT_NUMBER, "document_number", of.document_number),
                (Word.CARD_SERIAL, "card_serial", of.card_serial),
                (Word.ENDORSED_UNTIL, "endorsed_until", of.endorsed_until.isoformat()),
                (Word.EXPIRES, "expires_on", of.expires_on.isoformat()),
                (Word.WINDOW, "window_opens", of.window_opens.isoformat()),
                (Word.APPLICATION, "application", str(of.application)),
            ),
        )
        letter.said(sheet, y + 5, Word.CONFIRM, Word.DUTIES)
        letter.signatures(sheet, Word.APPLICANT, Word.OFFICER)
        return sheet.done()
