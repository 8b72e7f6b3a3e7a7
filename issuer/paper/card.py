"""The two faces of a card: ID-1 (ISO/IEC 7810, 85.60 × 53.98 mm), front and back as two pages of that size.

Front: portrait, data, CAN. Back: the signed code, and the machine readable zone in the place and type that ICAO Doc
9303-5 has for TD1: OCR-B of size 1 at ten characters an inch, three lines in the reading zone of 17 mm that begins 3 mm
above the lower edge, on a plain ground.
"""

from __future__ import annotations

import io
import math
from datetime import date
from typing import TYPE_CHECKING

from card_profiles.lds import mrz

from ..code_image import MODULE_MM, QUIET, draw
from ..errors import Refusal, Refused
from . import fonts
from .fonts import Face
from .records import CardFace
from .sheet import INK, PAPER, PETROL, POINT, SOFT, Colour, Sheet
from .words import Word, both, sex

if TYPE_CHECKING:
    from PIL.Image import Image

WIDTH, HEIGHT = 85.60, 53.98
DOT = 25.4 / 300  # of the card printer: what is drawn in modules begins on one

# 9303-5 §4.2.4, 9303-3 §4.2: millimetres
MRZ_HEIGHT = 23.2
READING_ZONE_BOTTOM, READING_ZONE_HEIGHT = 3.0, 17.0
PITCH = 2.54
LINE_PITCH = 4.25
CAPITAL = 2.4  # OCR-B size 1, ISO 1073-2
_ADVANCE = 0.723  # of the em: every character of the font

_TINT: Colour = (240, 246, 246)
_WAVE: Colour = (206, 225, 226)
_LABEL, _VALUE, _SMALL = 4.3, 6.4, 4.6  # points
_TEXTS = (
    "office",
    "office_en",
    "name_native",
    "name_latin",
    "ethnicity",
    "nationality",
    "personal_number",
    "hukou_address",
    "address",
    "permit_number",
    "document_number",
    "country",
)
PORTRAIT = (4.4, 12.0, 22.5, 30.0)


def card_face(face: CardFace) -> bytes:
    """The PDF, front and back. Raises Refused: FONT_MISSING, NO_GLYPHS, TEXT_TOO_LONG (with the field), BAD_CAN,
    PHOTO_UNREADABLE, CONTENT_TOO_LARGE (the code)."""
    if not (len(face.can) == 6 and face.can.isascii() and face.can.isdigit()):
        raise Refused(Refusal.BAD_CAN)
    for name in _TEXTS:  # before a font is loaded for drawing
        fonts.check(name, getattr(face, name))
    with Sheet(WIDTH, HEIGHT, title="Residence permit, card faces", day=face.valid_from) as sheet:
        _front(sheet, face)
        _back(sheet, face)
        return sheet.done()


def _front(sheet: Sheet, face: CardFace) -> None:
    sheet.page()
    _ground(sheet, 0, HEIGHT)
    sheet.box(0, 0, WIDTH, 9.4, PETROL)
    after = sheet.text(4.4, 6.6, "居住证", 12.5, colour=PAPER, bold=True)
    sheet.text(after + 2.2, 6.5, "RESIDENCE PERMIT", 5.6, colour=PAPER)
    _office(sheet, face)
    left, top, width, height = PORTRAIT
    sheet.box(left - 0.4, top - 0.4, width + 0.8, height + 0.8, PAPER)
    sheet.pdf.image(_portrait(face.photo), left, top, width, height, keep_aspect_ratio=True)
    sheet.frame(left - 0.4, top - 0.4, width + 0.8, height + 0.8, colour=PETROL, thick=0.15)
    _data(sheet, face)
    sheet.text(left, 45.4, both(Word.CAN), _LABEL, colour=SOFT)
    sheet.face(Face.OCR_B, 11)
    sheet.pdf.set_text_color(*INK)
    sheet.pdf.text(left - 0.4, 50.2, face.can)


def _office(sheet: Sheet, face: CardFace) -> None:
    edge, width = WIDTH - 4.4, 38.0
    size = sheet_size(sheet, face.office, width, 5.4)
    sheet.fitted(
        edge - min(width, sheet.measure(face.office, size)),
        4.6 if face.office_en else 5.9,
        face.office,
        field="office",
        width=width,
        size=size,
        least=3.6,
        colour=PAPER,
    )
    if face.office_en:
        small = sheet_size(sheet, face.office_en, width, 3.8)
        sheet.right(edge, 7.2, face.office_en, small, colour=(206, 226, 230))


def sheet_size(sheet: Sheet, text: str, width: float, size: float) -> float:
    """The greatest size up to `size`, in quarters of a point, at which a line is no longer than `width`."""
    while size > 2.5 and sheet.measure(text, size) > width:
        size -= 0.25
    return size


def _data(sheet: Sheet, face: CardFace) -> None:
    x, right = 30.2, WIDTH - 4.4
    width = right - x
    _label(sheet, x, 13.6, Word.NAME)
    sheet.fitted(x, 18.2, face.name_native, field="name_native", width=width, size=11.5, least=5, bold=True)
    sheet.fitted(x, 21.7, face.name_latin, field="name_latin", width=width, size=7, least=4)
    second, third = x + 16, x + 35
    _pair(sheet, x, 25.4, Word.SEX, sex(face.sex), 15)
    _pair(sheet, second, 25.4, Word.BIRTH_DATE, _day(face.birth_date), 18)
    if face.ethnicity:
        _pair(sheet, third, 25.4, Word.ETHNICITY, face.ethnicity, right - third, field="ethnicity")
    else:
        _pair(sheet, third, 25.4, Word.NATIONALITY, face.nationality, right - third)
    if face.personal_number:
        _pair(sheet, x, 31.4, Word.PERSONAL_NUMBER, face.personal_number, 33, field="personal_number")
        _pair(sheet, third, 31.4, Word.PERMIT_CLASS, str(face.permit_class), right - third)
    else:
        _pair(sheet, x, 31.4, Word.PERMIT_CLASS, str(face.permit_class), 15)
    _label(sheet, x, 37.4, Word.ADDRESS)
    sheet.wrapped(
        x,
        40.2,
        face.address,
        field="address",
        width=width,
        sizes=((6, 1), (5.5, 1), (6, 2), (5, 2), (4.3, 3), (3.4, 4)),
    )
    _pair(sheet, x, 47.3, Word.PERMIT_NUMBER, face.permit_number, 22, field="permit_number")
    _pair(sheet, x + 23.4, 47.3, Word.ISSUED, _day(face.valid_from), 14)
    _pair(sheet, x + 37.6, 47.3, Word.EXPIRES, _day(face.expiry_date), right - x - 37.4)


def _back(sheet: Sheet, face: CardFace) -> None:
    sheet.page()
    top = HEIGHT - MRZ_HEIGHT
    _ground(sheet, 0, top)
    sheet.box(0, top, WIDTH, MRZ_HEIGHT, PAPER)
    sheet.box(0, 0, WIDTH, 1.3, PETROL)
    side = _code(sheet, face.code)
    x, width = 4.4, side - 4.4 - 1.6
    _label(sheet, x, 5.2, Word.DOCUMENT_NUMBER)
    sheet.fitted(x, 8.2, face.document_number, field="document_number", width=width / 2, size=_VALUE, least=4)
    _label(sheet, x + width * 0.55, 5.2, Word.COUNTRY)
    sheet.text(x + width * 0.55, 8.2, face.country, _VALUE)
    y = 12.0
    if face.hukou_address:
        _label(sheet, x, y, Word.HUKOU_ADDRESS)
        y = sheet.wrapped(
            x,
            y + 2.8,
            face.hukou_address,
            field="hukou_address",
            width=width,
            sizes=((5.4, 2), (4.6, 2), (4, 3), (3.2, 4)),
        )
        y += 0.4
    y = sheet.paragraph(x, max(y, 19.4), both(Word.ENDORSEMENT), width=width, size=4.1, leading=1.36)
    y = sheet.paragraph(x, y + 0.5, both(Word.FOUND), width=width, size=4.1, leading=1.36)
    sheet.paragraph(x, y + 0.5, both(Word.CODE_NOTE), width=width, size=3.6, leading=1.36, colour=SOFT)
    _zone(sheet, face.mrz)


def _code(sheet: Sheet, text: str) -> float:
    """The symbol in the upper right corner; gives where its quiet zone begins."""
    try:
        matrix = draw(text).matrix
    except ValueError as error:
        raise Refused(Refusal.CONTENT_TOO_LARGE, file="QR", size=len(text), limit=0) from error
    whole = (len(matrix) + 2 * QUIET) * MODULE_MM
    left = math.floor((WIDTH - 3.4 - whole) / DOT) * DOT
    top = math.ceil(2.9 / DOT) * DOT
    sheet.box(left, top, whole, whole, PAPER)
    sheet.modules(matrix, left + QUIET * MODULE_MM, top + QUIET * MODULE_MM, MODULE_MM)
    return left


def _zone(sheet: Sheet, zone: str) -> None:
    size = PITCH / _ADVANCE / POINT
    block = 2 * LINE_PITCH + CAPITAL
    first = HEIGHT - READING_ZONE_BOTTOM - (READING_ZONE_HEIGHT - block) / 2 - 2 * LINE_PITCH
    left = (WIDTH - mrz.LINE_LENGTH * PITCH) / 2
    sheet.face(Face.OCR_B, size)
    sheet.pdf.set_text_color(0, 0, 0)
    for number, line in enumerate(mrz.lines(zone)):
        sheet.pdf.text(left, first + number * LINE_PITCH, line)


def _pair(sheet: Sheet, x: float, y: float, word: Word, value: str, width: float, *, field: str | None = None) -> None:
    _label(sheet, x, y, word)
    sheet.fitted(x, y + 2.9, value, field=field or word.value, width=width, size=_VALUE, least=3.8)


def _label(sheet: Sheet, x: float, y: float, word: Word) -> None:
    sheet.text(x, y, both(word), _LABEL, colour=SOFT)


def _ground(sheet: Sheet, top: float, bottom: float) -> None:
    """A tint with fine waves, which a copy loses."""
    sheet.box(0, top, WIDTH, bottom - top, _TINT)
    with sheet.pdf.rect_clip(0, top, WIDTH, bottom - top):
        for number in range(30):
            phase = number * 0.29
            points = [
                (
                    x * 0.9 - 1,
                    HEIGHT * 0.55
                    + (number - 15) * 2.1
                    + 4.6 * math.sin(x * 0.085 + phase)
                    + 1.7 * math.sin(x * 0.23 - 2 * phase),
                )
                for x in range(99)
            ]
            sheet.stroke(points, _WAVE, 0.07)


def _portrait(raw: bytes) -> Image | io.BytesIO:
    """A JPEG goes in as it is; JPEG 2000, which not every printer's driver knows, as pixels."""
    import PIL.Image

    if raw.startswith(b"\xff\xd8"):
        return io.BytesIO(raw)
    try:
        with PIL.Image.open(io.BytesIO(raw), formats=("JPEG2000",)) as picture:
            return picture.convert("RGB")
    except Exception as error:  # the decoder fails with OSError, ValueError and more
        raise Refused(Refusal.PHOTO_UNREADABLE, error=error) from error


def _day(day: date) -> str:
    return day.isoformat()
