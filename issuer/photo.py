"""The portrait: taken as it is when it is a JPEG or JPEG 2000 that fits, less what it tells beyond the picture.

Nothing is scaled or encoded anew, so what the applicant approved is what the chip carries. Camera data (EXIF, XMP,
colour profiles, comments: place, time, device) is cut out; DG2 is read at every counter that asks for the photo.
"""

from __future__ import annotations

from io import BytesIO

from card_profiles.lds import dg2, image_header
from keys.errors import DecodeError

from .errors import Refusal, Refused

MAX_INPUT = 8 * 1024 * 1024  # bytes of a photo file that is looked at
MIN_WIDTH, MIN_HEIGHT = 90, 120  # pixels; below, no face can be compared
MAX_EFFORT = 100_000_000  # pixels times scans; a progressive JPEG goes over its picture some ten times

_KEPT_SEGMENTS = (0xE0, 0xEE)  # JPEG APP0 (JFIF) and APP14 (Adobe: how the colours are coded)
_DROPPED_BOXES = (b"uuid", b"xml ")
_ORIENTATION = 0x0112  # EXIF
_UPRIGHT = 1


def accept(raw: bytes, *, limit: int) -> bytes:
    """The image to put into DG2, whose whole file may have `limit` bytes.

    Raises Refused: PHOTO_UNREADABLE, PHOTO_KIND, PHOTO_TOO_LARGE, PHOTO_TOO_SMALL, PHOTO_PIXELS or PHOTO_ROTATED.
    """
    if len(raw) > MAX_INPUT:
        raise Refused(Refusal.PHOTO_TOO_LARGE, size=len(raw), limit=limit)
    if not raw.startswith((b"\xff\xd8", b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51")):
        raise Refused(Refusal.PHOTO_KIND)
    try:
        image = _stripped(raw)
        header = image_header.read(image)
    except DecodeError as error:
        raise Refused(Refusal.PHOTO_UNREADABLE, error=error) from error
    # Before anything is decompressed: the size in bytes is what most photos fail by.
    if (size := len(image) + _overhead()) > limit:
        raise Refused(Refusal.PHOTO_TOO_LARGE, size=size, limit=limit)
    if (effort := header.width * header.height * scans(image)) > MAX_EFFORT:
        raise Refused(Refusal.PHOTO_PIXELS, millions=effort // 1_000_000)
    _decompress(raw)
    if header.width < MIN_WIDTH or header.height < MIN_HEIGHT:
        raise Refused(Refusal.PHOTO_TOO_SMALL, width=header.width, height=header.height)
    return image


def _overhead() -> int:
    """Bytes of DG2 around an image of some thousand bytes: record, templates, lengths of two bytes."""
    return dg2.OVERHEAD + 48


def scans(raw: bytes) -> int:
    """Times that decoding a JPEG goes over its picture: each start of scan counts, wherever it stands. At least 1."""
    return max(1, raw.count(b"\xff\xda"))


def _decompress(raw: bytes) -> None:
    """Whether the picture really is one, all of it, and upright once its EXIF is gone."""
    from PIL import Image

    try:
        with Image.open(BytesIO(raw), formats=("JPEG", "JPEG2000")) as picture:
            orientation = picture.getexif().get(_ORIENTATION, _UPRIGHT)
            picture.load()
    except Exception as error:  # Pillow's decoders fail on damaged input with OSError, SyntaxError, ValueError and more
        raise Refused(Refusal.PHOTO_UNREADABLE, error=error) from error
    if orientation != _UPRIGHT:
        raise Refused(Refusal.PHOTO_ROTATED)


def _stripped(raw: bytes) -> bytes:
    if raw.startswith(b"\xff\xd8"):
        return _stripped_jpeg(raw)
    return _stripped_jp2(raw) if raw.startswith(b"\x00") else raw


def _stripped_jpeg(raw: bytes) -> bytes:
    """Without APPn other than JFIF and Adobe, without comments, without what follows the end (10918-1 annex B)."""
    kept = [raw[:2]]
    at = 2
    while raw[at : at + 1] == b"\xff" and at + 4 <= len(raw):
        marker, length = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4])
        if marker == 0xDA:  # start of scan: from here on picture only
            end = raw.rfind(b"\xff\xd9")
            if end < at:
                raise DecodeError("the JPEG image has no end", offset=len(raw), path="image")
            return b"".join(kept) + raw[at : end + 2]
        if length < 2 or at + 2 + length > len(raw):
            raise DecodeError("JPEG segment cut off", offset=at, path="image")
        if marker in _KEPT_SEGMENTS or not (0xE0 <= marker <= 0xEF or marker == 0xFE):
            kept.append(raw[at : at + 2 + length])
        at += 2 + length
    raise DecodeError("no JPEG marker", offset=at, path="image")


def _stripped_jp2(raw: bytes) -> bytes:
    """Without UUID (EXIF, XMP) and XML boxes (15444-1 annex I)."""
    kept = []
    at = 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + 4]) or len(raw) - at
        if length < 8 or at + length > len(raw):
            raise DecodeError("JPEG 2000 box cut off", offset=at, path="image")
        if raw[at + 4 : at + 8] not in _DROPPED_BOXES:
            kept.append(raw[at : at + length])
        at += length
    return b"".join(kept)
