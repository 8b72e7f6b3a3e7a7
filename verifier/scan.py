"""From a file to the texts of the codes in it: what a scanner typed, or a picture of the card's back.

Pictures are decoded by zxing-cpp, and opened by Pillow, both of the extra `counter` and imported when a picture comes.
A counter with a scanner needs neither.
"""

from __future__ import annotations

import sys
from typing import Any

from keys.errors import DecodeError
from keys.files import read_regular

from .read_failed import ReadFailed
from .reason import Reason

MAX_FILE = 16 << 20
MAX_TEXT = 4096
MAX_PIXELS = 50_000_000
"""A camera of 48 megapixels; more is refused before it is unpacked."""
_FORMATS = ("PNG", "JPEG")
_MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
_READING = "3"


def file(path: str) -> tuple[str, ...]:
    """The texts in a file, by its first bytes a picture or the text itself. Raises ReadFailed."""
    raw = _read(path, MAX_FILE)
    return picture(raw) if raw.startswith(_MAGIC) else (_text(raw),)


def text_file(path: str) -> tuple[str, ...]:
    """The one text in a file, or on standard input for ``-``. Raises ReadFailed(CODE_UNREADABLE)."""
    return (_text(sys.stdin.buffer.readline(MAX_TEXT + 1) if path == "-" else _read(path, MAX_FILE)),)


def picture_file(path: str) -> tuple[str, ...]:
    """The texts of the QR codes in a PNG or JPEG file. Raises ReadFailed."""
    return picture(_read(path, MAX_FILE))


def picture(raw: bytes) -> tuple[str, ...]:
    """The texts of the QR codes in a PNG or JPEG. Raises ReadFailed: CODE_SUPPORT_MISSING, CODE_UNREADABLE."""
    image, failures = _pillow()
    from io import BytesIO

    try:
        with image.open(BytesIO(raw), formats=_FORMATS) as opened:
            if opened.width * opened.height > MAX_PIXELS:
                raise ReadFailed(Reason.CODE_UNREADABLE, _READING, f"more than {MAX_PIXELS} pixels")
            grey = opened.convert("L")
    except failures as error:
        raise ReadFailed(Reason.CODE_UNREADABLE, _READING, str(error)) from error
    return search(grey)


def search(grey: Any) -> tuple[str, ...]:
    """The texts of the QR codes in a grey Pillow image: as it is; and when that has none, with its contrast stretched,
    smoothed against noise and scratches, or at twice the size. Raises ReadFailed(CODE_SUPPORT_MISSING).
    """
    from PIL import ImageFilter, ImageOps

    if found := pixels(grey):
        return found
    stretched = ImageOps.autocontrast(grey, cutoff=2)
    if found := pixels(stretched) or pixels(stretched.filter(ImageFilter.GaussianBlur(1))):
        return found
    if grey.width * grey.height * 4 > MAX_PIXELS:
        return ()
    return pixels(stretched.resize((grey.width * 2, grey.height * 2)))


def pixels(grey: Any) -> tuple[str, ...]:
    """The texts of the QR codes in a picture in memory: grey, two dimensions (a Pillow image, an array, a memoryview).

    Raises ReadFailed(CODE_SUPPORT_MISSING).
    """
    try:
        import zxingcpp
    except ImportError as error:
        raise ReadFailed(Reason.CODE_SUPPORT_MISSING, _READING, str(error)) from error
    formats = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    found = zxingcpp.read_barcodes(grey, formats=formats, text_mode=zxingcpp.TextMode.Plain)
    return tuple(one.text for one in found)


def _pillow() -> tuple[Any, tuple[type[Exception], ...]]:
    try:
        from PIL import Image
    except ImportError as error:
        raise ReadFailed(Reason.CODE_SUPPORT_MISSING, _READING, str(error)) from error
    # What Pillow raises for a file that it cannot take: OSError is most of it, the rest comes from its parsers.
    bombs = (Image.DecompressionBombError, Image.DecompressionBombWarning)
    return Image, (OSError, ValueError, SyntaxError, EOFError, MemoryError, *bombs)


def _read(path: str, limit: int) -> bytes:
    try:
        raw, _ = read_regular(path, limit=limit)
    except (DecodeError, OSError) as error:
        raise ReadFailed(Reason.CODE_UNREADABLE, _READING, str(error)) from error
    return raw


def _text(raw: bytes) -> str:
    try:
        if len(raw) > MAX_TEXT:
            raise ValueError(f"more than {MAX_TEXT} characters")
        return raw.decode("ascii")
    except ValueError as error:
        raise ReadFailed(Reason.CODE_UNREADABLE, _READING, "not the text of a code") from error
