"""A portrait for a browser. Called only for one whose digest the authority signed.

JPEG goes out as it is on the chip. Browsers show no JPEG 2000: Pillow turns it into PNG.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from io import BytesIO

from card_profiles.lds import dg2
from card_profiles.lds.image_header import ImageFormat
from keys.errors import DecodeError


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image file with its media type, of which a browser shows any."""

    media_type: str
    image: bytes = field(repr=False)


def picture(file: bytes) -> Picture | None:
    """From the content of DG2; None for one that cannot be shown."""
    try:
        portrait = dg2.decode(file)
    except DecodeError:
        return None
    if portrait.header.format is ImageFormat.JPEG:
        return Picture(media_type="image/jpeg", image=portrait.image)
    try:
        from PIL import Image

        out = BytesIO()
        with Image.open(BytesIO(portrait.image), formats=("JPEG2000",)) as opened:
            opened.save(out, "PNG")
    except (ImportError, OSError, ValueError, SyntaxError):
        return None
    return Picture(media_type="image/png", image=out.getvalue())
