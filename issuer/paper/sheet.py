"""A page of a PDF in millimetres from its upper left corner, with text in the right font and never beyond its place."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any

from ..errors import Refusal, Refused
from . import fonts
from .fonts import Face

if TYPE_CHECKING:
    from fpdf import FPDF

Colour = tuple[int, int, int]
POINT = 25.4 / 72  # millimetres
INK: Colour = (26, 32, 40)
SOFT: Colour = (96, 108, 122)
PETROL: Colour = (12, 78, 96)
LINE: Colour = (176, 190, 200)
PAPER: Colour = (255, 255, 255)


class Sheet:
    """A document. `title` tells the kind of sheet and nobody's name; `day` is the time in its metadata."""

    def __init__(self, width: float, height: float, *, title: str, day: date) -> None:
        from fpdf import FPDF

        fonts.quiet()
        self.width, self.height = width, height
        self.pdf: FPDF = FPDF(unit="mm", format=(width, height))
        self.pdf.set_margin(0)
        self.pdf.set_auto_page_break(False)
        self.pdf.c_margin = 0
        self.pdf.set_title(title)
        self.pdf.set_lang("zh-CN")
        self.pdf.set_creator("permit-issuer")
        self.pdf.set_producer("permit-issuer")
        self.pdf.set_creation_date(datetime.combine(day, time(), UTC))
        self._loaded: set[Face] = set()

    def __enter__(self) -> Sheet:
        return self

    def __exit__(self, *_: object) -> None:
        """Close the fonts, which stay open where a sheet was refused half way."""
        for font in self.pdf.fonts.values():
            if isinstance(opened := getattr(font, "ttfont", None), object) and hasattr(opened, "close"):
                opened.close()

    def page(self) -> None:
        """The next one."""
        self.pdf.add_page()

    def done(self) -> bytes:
        """The file."""
        return bytes(self.pdf.output())

    # --- text

    def face(self, face: Face, size: float) -> None:
        """Use a font at `size` points."""
        if face not in self._loaded:
            self.pdf.add_font(face.value, fname=fonts.require(face).path)
            self._loaded.add(face)
        self.pdf.set_font(face.value, size=size)

    def measure(self, text: str, size: float, *, bold: bool = False) -> float:
        """Millimetres that it takes."""
        total = 0.0
        for face, piece in fonts.runs(text, bold=bold):
            self.face(face, size)
            total += self.pdf.get_string_width(piece)
        return total

    def text(self, x: float, y: float, text: str, size: float, *, colour: Colour = INK, bold: bool = False) -> float:
        """One line with its baseline at `y`; gives the x after it."""
        self.pdf.set_text_color(*colour)
        for face, piece in fonts.runs(text, bold=bold):
            self.face(face, size)
            heavy = bold and face is Face.HAN  # the font has no bold: its outline is drawn too
            if heavy:
                with self.pdf.local_context(text_mode="FILL_STROKE", line_width=size * 0.009, draw_color=colour):
                    self.pdf.text(x, y, piece)
            else:
                self.pdf.text(x, y, piece)
            x += self.pdf.get_string_width(piece)
        return x

    def right(self, x: float, y: float, text: str, size: float, *, colour: Colour = INK, bold: bool = False) -> None:
        """One line that ends at `x`."""
        self.text(x - self.measure(text, size, bold=bold), y, text, size, colour=colour, bold=bold)

    def centred(self, x: float, y: float, text: str, size: float, *, colour: Colour = INK, bold: bool = False) -> None:
        """One line with its middle at `x`."""
        self.text(x - self.measure(text, size, bold=bold) / 2, y, text, size, colour=colour, bold=bold)

    def fitted(
        self,
        x: float,
        y: float,
        text: str,
        *,
        field: str,
        width: float,
        size: float,
        least: float,
        colour: Colour = INK,
        bold: bool = False,
    ) -> float:
        """A datum in one line, smaller down to `least` points where it is long; gives the size.

        Raises Refused: NO_GLYPHS, TEXT_TOO_LONG.
        """
        fonts.check(field, text)
        while self.measure(text, size, bold=bold) > width:
            size -= 0.25
            if size < least:
                raise Refused(Refusal.TEXT_TOO_LONG, field=field, count=len(text))
        self.text(x, y, text, size, colour=colour, bold=bold)
        return size

    def wrapped(
        self,
        x: float,
        y: float,
        text: str,
        *,
        field: str,
        width: float,
        sizes: Sequence[tuple[float, int]],
        leading: float = 1.28,
        colour: Colour = INK,
    ) -> float:
        """A datum in as many lines as it takes, at the first of `sizes` (points, most lines) that holds it; gives the
        baseline after the last. Raises Refused: NO_GLYPHS, TEXT_TOO_LONG."""
        fonts.check(field, text)
        for size, most in sizes:
            lines = self.lines(text, width, size)
            if len(lines) <= most:
                for line in lines:
                    self.text(x, y, line, size, colour=colour)
                    y += size * POINT * leading
                return y
        raise Refused(Refusal.TEXT_TOO_LONG, field=field, count=len(text))

    def paragraph(
        self, x: float, y: float, text: str, *, width: float, size: float, leading: float = 1.5, colour: Colour = INK
    ) -> float:
        """Words of ours; gives the baseline after the last line."""
        for line in self.lines(text, width, size):
            self.text(x, y, line, size, colour=colour)
            y += size * POINT * leading
        return y

    def lines(self, text: str, width: float, size: float) -> list[str]:
        """Broken at spaces and between Han, never before a closing mark."""
        found, line = [], ""
        for word in self._short(_words(text), width, size):
            if line and self.measure((line + word).rstrip(), size) > width and word not in _CLOSING:
                found.append(line.rstrip())
                line = word.lstrip()
            else:
                line += word
        return [*found, line.rstrip()] if line.strip() else found

    def _short(self, words: Sequence[str], width: float, size: float) -> Iterator[str]:
        """Words, those that are longer than a line letter by letter."""
        for word in words:
            if len(word) > 1 and self.measure(word.rstrip(), size) > width:
                yield from word
            else:
                yield word

    # --- shapes

    def box(self, x: float, y: float, width: float, height: float, colour: Colour) -> None:
        """Filled."""
        self.pdf.set_fill_color(*colour)
        self.pdf.rect(x, y, width, height, style="F")

    def frame(
        self,
        x: float,
        y: float,
        width: float,
        height: float,
        *,
        colour: Colour = LINE,
        thick: float = 0.2,
        corner: float = 0,
    ) -> None:
        """Its outline."""
        self.pdf.set_draw_color(*colour)
        self.pdf.set_line_width(thick)
        self.pdf.rect(x, y, width, height, style="D", round_corners=corner > 0, corner_radius=corner)

    def rule(self, x: float, y: float, right: float, *, colour: Colour = LINE, thick: float = 0.2) -> None:
        """A line across."""
        self.pdf.set_draw_color(*colour)
        self.pdf.set_line_width(thick)
        self.pdf.line(x, y, right, y)

    def stroke(self, points: Sequence[tuple[float, float]], colour: Colour, thick: float) -> None:
        """A line through points."""
        self.pdf.set_draw_color(*colour)
        self.pdf.set_line_width(thick)
        self.pdf.polyline(list(points))

    def modules(self, matrix: Sequence[Sequence[Any]], x: float, y: float, module: float) -> None:
        """A matrix symbol as rectangles, each as long as its run in the row."""
        self.pdf.set_fill_color(0, 0, 0)
        for row, cells in enumerate(matrix):
            start = None
            for column, dark in enumerate([*cells, 0]):
                if dark and start is None:
                    start = column
                elif not dark and start is not None:
                    self.pdf.rect(x + start * module, y + row * module, (column - start) * module, module, style="F")
                    start = None


_CLOSING = frozenset("，。、；：！？）》”’…％%,.;:!?)")


def _words(text: str) -> list[str]:
    words: list[str] = []
    latin = ""
    for character in text:
        if ord(character) >= 0x2E80:
            if latin:
                words.append(latin)
                latin = ""
            words.append(character)
        elif character == " ":
            words.append(latin + " ")
            latin = ""
        else:
            latin += character
    return [*words, latin] if latin else words
