"""What slip and receipt have in common: an A5 sheet with head, fields, boxes and signatures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from .sheet import INK, PAPER, PETROL, SOFT, Sheet
from .words import WORDS, Word, both

WIDTH, HEIGHT = 148.0, 210.0  # A5
LEFT, RIGHT = 14.0, 134.0
_TINT = (238, 245, 246)


def opened(title: Word, day: date) -> Sheet:
    """A document of one page."""
    return Sheet(WIDTH, HEIGHT, title=f"Residence permit, {WORDS[title][1].lower()}", day=day)


def head(sheet: Sheet, title: Word, office: str, district: str) -> None:
    """The page with its head; the body begins at 46."""
    zh, en = WORDS[title]
    sheet.page()
    sheet.box(0, 0, WIDTH, 4, PETROL)
    sheet.fitted(LEFT, 14, office, field="office", width=RIGHT - LEFT, size=8.5, least=6, colour=SOFT)
    after = sheet.text(LEFT, 28, zh, 21, colour=PETROL, bold=True)
    sheet.text(after + 4, 27.6, en, 11.5, colour=PETROL)
    sheet.fitted(LEFT, 35.5, district, field="district", width=RIGHT - LEFT, size=8.5, least=6)
    sheet.rule(LEFT, 39, RIGHT, colour=PETROL, thick=0.4)


def fields(sheet: Sheet, y: float, rows: Sequence[tuple[Word, str, str]]) -> float:
    """(label, name of the field, value) in two columns, row by row; gives where they end."""
    half = (RIGHT - LEFT) / 2
    for number, (word, name, value) in enumerate(rows):
        x = LEFT + half * (number % 2)
        row = y + 11.5 * (number // 2)
        sheet.text(x, row, both(word), 6.5, colour=SOFT)
        sheet.fitted(x, row + 4.9, value, field=name, width=half - 4, size=10, least=5.5)
    return y + 11.5 * ((len(rows) + 1) // 2)


def wide(sheet: Sheet, y: float, word: Word, name: str, value: str, *, size: float = 12) -> float:
    """A field across the page."""
    sheet.text(LEFT, y, both(word), 6.5, colour=SOFT)
    sheet.fitted(LEFT, y + 5.6, value, field=name, width=RIGHT - LEFT, size=size, least=6, bold=size > 11)
    return y + 12.5


def said(sheet: Sheet, y: float, *words: Word) -> float:
    """Sentences, Chinese above English."""
    for word in words:
        zh, en = WORDS[word]
        y = sheet.paragraph(LEFT, y, zh, width=RIGHT - LEFT, size=8, leading=1.4)
        y = sheet.paragraph(LEFT, y, en, width=RIGHT - LEFT, size=6.8, leading=1.35, colour=SOFT) + 1.4
    return y


def panel(sheet: Sheet, y: float, height: float) -> None:
    """A tinted ground for what counts most."""
    sheet.box(LEFT, y, RIGHT - LEFT, height, _TINT)
    sheet.box(LEFT, y, 1.2, height, PETROL)


def tick(sheet: Sheet, x: float, y: float, *, done: bool) -> None:
    """A box of 4 mm, ticked or empty."""
    if done:
        sheet.box(x, y, 4, 4, PETROL)
        sheet.stroke([(x + 0.9, y + 2.1), (x + 1.7, y + 3.0), (x + 3.2, y + 1.0)], PAPER, 0.55)
    else:
        sheet.frame(x, y, 4, 4, colour=INK, thick=0.35)


def signatures(sheet: Sheet, *words: Word) -> None:
    """Lines to sign on, at the foot."""
    part = (RIGHT - LEFT) / len(words)
    for number, word in enumerate(words):
        x = LEFT + number * part
        sheet.rule(x, 197, x + part - 8, colour=INK, thick=0.25)
        sheet.text(x, 201, both(word), 6.8, colour=SOFT)
