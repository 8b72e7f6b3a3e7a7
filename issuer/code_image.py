"""A printed code as a picture for the card printer, or as its text. The one symbol size, at its print size.

24.7 mm with the quiet zone: 65 modules and 4 on each side, 4 dots of 300 dpi each. Segno writes PNG and SVG by itself,
refuses what does not fit the version, and draws in the mode it is told; `qrcode` is as fast and needs Pillow.
"""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING

from card_profiles.printed_code import QR_ERROR, QR_VERSION

if TYPE_CHECKING:
    from segno import QRCode

DPI = 300
DOTS = 4
"""Printer dots of a module."""
QUIET = 4
"""Modules of the quiet zone (ISO/IEC 18004 §9.1)."""
MODULE_MM = DOTS * 25.4 / DPI
SUFFIXES = (".png", ".svg", ".txt")
MASK = 4
"""Fixed: trying all eight takes five times as long and decodes no better (`make bench`, printed)."""


def draw(text: str, *, mask: int | None = MASK) -> QRCode:
    """The symbol. Raises ValueError for a text that does not fit it, or has a character outside its mode."""
    import segno

    return segno.make_qr(
        text, version=QR_VERSION, error=QR_ERROR, mode="alphanumeric", mask=mask, boost_error=False, encoding="ascii"
    )


def render(text: str, suffix: str) -> bytes:
    """The file: ``.png`` (1 bit, 292 × 292), ``.svg`` (in millimetres) or ``.txt``. ValueError for another suffix."""
    if suffix not in SUFFIXES:
        raise ValueError(f"a code is written as {', '.join(SUFFIXES)}")
    if suffix == ".txt":
        return text.encode("ascii") + b"\n"
    out = BytesIO()
    if suffix == ".png":
        draw(text).save(out, kind="png", scale=DOTS, border=QUIET, dpi=DPI)
    else:
        draw(text).save(out, kind="svg", scale=MODULE_MM, border=QUIET, unit="mm", xmldecl=False)
    return out.getvalue()
