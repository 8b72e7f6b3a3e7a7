"""The fonts of a sheet, from Debian's packages, and which of them has which character.

A character that no font has, or that cannot be set right letter by letter (Arabic joins, Tibetan stacks), is refused
by name: a sheet with an empty box in a name, or with the letters of a name torn apart, must not leave the printer.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path
from types import MappingProxyType

from ..errors import Refusal, Refused


class Face(StrEnum):
    """The fonts, by what they are for."""

    LATIN = "latin"
    LATIN_BOLD = "latin-bold"
    HAN = "han"
    OCR_B = "ocr-b"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A file of a Debian package."""

    path: Path
    package: str


_DEJAVU = Path("/usr/share/fonts/truetype/dejavu")
SOURCES: Mapping[Face, Source] = MappingProxyType(
    {
        Face.LATIN: Source(path=_DEJAVU / "DejaVuSans.ttf", package="fonts-dejavu-core"),
        Face.LATIN_BOLD: Source(path=_DEJAVU / "DejaVuSans-Bold.ttf", package="fonts-dejavu-core"),
        Face.HAN: Source(path=Path("/usr/share/fonts/truetype/wqy/wqy-zenhei.ttc"), package="fonts-wqy-zenhei"),
        Face.OCR_B: Source(path=Path("/usr/share/fonts/opentype/ocr-b/OCRB.otf"), package="fonts-ocr-b"),
    }
)
_SETTABLE = frozenset({"L", "EN", "ES", "ET", "AN", "CS", "ON", "WS", "BS"})  # of bidirectional classes: left to right
_ALONE = ("LATIN", "CJK", "GREEK", "CYRILLIC", "ARMENIAN", "GEORGIAN", "HIRAGANA", "KATAKANA", "HANGUL", "BOPOMOFO")
"""Scripts whose letters stand by themselves; the others need shaping, which is not done here."""


@cache
def coverage(face: Face) -> frozenset[int]:
    """The characters that a font has. Raises Refused(FONT_MISSING) with the package to install."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]

    source = require(face)
    with TTFont(source.path, fontNumber=0, lazy=True) as font:
        best = font.getBestCmap()
        return frozenset(best or ())


def require(face: Face) -> Source:
    """Where a font is. Raises Refused(FONT_MISSING)."""
    source = SOURCES[face]
    if not source.path.is_file():
        raise Refused(Refusal.FONT_MISSING, package=source.package, path=source.path)
    return source


def check(field: str, text: str) -> None:
    """Whether `text` can be set. Raises Refused(NO_GLYPHS) with the field and every character that cannot."""
    wrong = [character for character in dict.fromkeys(text) if not _settable(character)]
    if wrong:
        named = ", ".join(f"{character} U+{ord(character):04X}" for character in wrong[:8])
        raise Refused(Refusal.NO_GLYPHS, field=field, characters=named)


def runs(text: str, *, bold: bool = False) -> Iterator[tuple[Face, str]]:
    """Pieces of `text`, each with the font that it is set in: Latin letters where that font has them, else Han."""
    latin = Face.LATIN_BOLD if bold else Face.LATIN
    piece, current = "", latin
    for character in text:
        # Marks that both have stand in the font of what is around them: a full stop between Han is a Han one.
        face = current if piece and character == " " else latin if _is_latin(character, latin) else Face.HAN
        if face is not current and piece:
            yield current, piece
            piece = ""
        current = face
        piece += character
    if piece:
        yield current, piece


def quiet() -> None:
    """fontTools tells of tables that it leaves out of a subset, at every sheet."""
    for name in ("fontTools", "fpdf"):
        logging.getLogger(name).setLevel(logging.ERROR)


def _is_latin(character: str, face: Face) -> bool:
    return unicodedata.east_asian_width(character) not in ("W", "F") and ord(character) in coverage(face)


def _settable(character: str) -> bool:
    if character == " ":
        return True
    if unicodedata.bidirectional(character) not in _SETTABLE or unicodedata.category(character)[0] in "MCZ":
        return False
    if unicodedata.category(character)[0] == "L" and not unicodedata.name(character, "?").startswith(_ALONE):
        return unicodedata.name(character, "?").startswith(
            ("MODIFIER", "FULLWIDTH", "IDEOGRAPHIC", "FEMININE", "MASCULINE", "KELVIN", "ANGSTROM")
        )
    return ord(character) in coverage(Face.LATIN) or ord(character) in coverage(Face.HAN)
