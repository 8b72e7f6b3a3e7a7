"""An uploaded file becomes pixels: upright, eight bits, RGB, and nothing else of it is kept.

Whoever uploads chooses every byte, so what decoding costs is known before anything is decoded: the header's pixels, and
for a JPEG its scans (each goes over all of the picture again). Only the decoders named here are ever asked.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from ..errors import Refusal, Refused
from ..photo import MAX_INPUT, MIN_HEIGHT, MIN_WIDTH, scans

if TYPE_CHECKING:
    from PIL.Image import Image

MAX_PIXELS = 40_000_000  # of a JPEG: what cameras of telephones give
MAX_PIXELS_OTHERS = 16_000_000  # PNG and JPEG 2000 cannot be decoded at a smaller size
MAX_EFFORT = 400_000_000  # pixels times scans: a progressive JPEG has some ten
MAX_PROFILE = 1 << 20  # bytes of a colour profile that is looked at
LONGEST_SIDE = 2000  # pixels kept; more than any crop needs

_KINDS = (  # first bytes, decoder
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG2000"),
    (b"\xff\x4f\xff\x51", "JPEG2000"),
)
MEDIA_TYPES = ("image/jpeg", "image/png", "image/jp2")
_OPAQUE = ("RGB", "L", "CMYK", "YCbCr", "LAB", "1")
_SIXTEEN = ("I;16", "I;16B", "I;16L", "I", "F")


def opened(raw: bytes) -> Image:
    """The picture, at most `LONGEST_SIDE` long. Raises Refused: PHOTO_KIND, PHOTO_UNREADABLE, PHOTO_TOO_LARGE (bytes),
    PHOTO_TOO_SMALL, PHOTO_PIXELS (it costs too much to decode), PHOTO_ANIMATED."""
    import PIL.Image

    if len(raw) > MAX_INPUT:
        raise Refused(Refusal.PHOTO_TOO_LARGE, size=len(raw), limit=MAX_INPUT)
    kind = next((kind for start, kind in _KINDS if raw.startswith(start)), None)
    if kind is None:
        raise Refused(Refusal.PHOTO_KIND)
    try:
        with PIL.Image.open(io.BytesIO(raw), formats=(kind,)) as picture:
            _affordable(picture, kind, raw)
            if kind == "JPEG":
                picture.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))
            picture.load()
            return _plain(picture)
    except Refused:
        raise
    except (PIL.Image.DecompressionBombError, PIL.Image.DecompressionBombWarning) as error:
        raise Refused(Refusal.PHOTO_PIXELS, millions=f">{(PIL.Image.MAX_IMAGE_PIXELS or 0) // 1_000_000}") from error
    # Pillow's decoders fail on what was made to harm with OSError, SyntaxError, ValueError, MemoryError and more.
    except Exception as error:
        raise Refused(Refusal.PHOTO_UNREADABLE, error=type(error).__name__) from error


def _affordable(picture: Image, kind: str, raw: bytes) -> None:
    width, height = picture.size
    pixels = width * height
    effort = pixels * (scans(raw) if kind == "JPEG" else 1)
    if pixels > (MAX_PIXELS if kind == "JPEG" else MAX_PIXELS_OTHERS) or effort > MAX_EFFORT:
        raise Refused(Refusal.PHOTO_PIXELS, millions=effort // 1_000_000)
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        raise Refused(Refusal.PHOTO_TOO_SMALL, width=width, height=height)
    if kind == "PNG" and getattr(picture, "n_frames", 1) > 1:
        raise Refused(Refusal.PHOTO_ANIMATED)


def _plain(picture: Image) -> Image:
    """RGB in sRGB on white, turned as its EXIF says, small enough to work with."""
    import PIL.Image
    from PIL import ImageOps

    profile = picture.info.get("icc_profile")
    upright = ImageOps.exif_transpose(picture)
    if upright.mode in _SIXTEEN:
        upright = _eight_bits(upright)
    elif upright.mode not in _OPAQUE:  # palettes and transparency: as on white paper
        layer = upright.convert("RGBA")
        paper = PIL.Image.new("RGBA", layer.size, (255, 255, 255, 255))
        upright = PIL.Image.alpha_composite(paper, layer)
    colours = _standard_colours(upright, profile)
    colours.thumbnail((LONGEST_SIDE, LONGEST_SIDE), PIL.Image.Resampling.LANCZOS)
    clean = PIL.Image.new("RGB", colours.size)  # a new picture has no `info`: nothing can be written along
    clean.paste(colours)
    return clean


def _eight_bits(picture: Image) -> Image:
    import numpy
    import PIL.Image

    values = numpy.asarray(picture)
    return PIL.Image.fromarray((numpy.clip(values, 0, 65_535).astype(numpy.uint32) >> 8).astype(numpy.uint8))


def _standard_colours(picture: Image, profile: bytes | None) -> Image:
    """By its colour profile where it has a usable one; a camera's wide colours would look pale without."""
    from PIL import ImageCms

    if profile and len(profile) <= MAX_PROFILE and picture.mode in ("RGB", "CMYK", "L"):
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(picture, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            return picture.convert("RGB")
        if converted is not None:
            return converted
    return picture.convert("RGB")
