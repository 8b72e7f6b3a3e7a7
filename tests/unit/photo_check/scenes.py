"""What a camera might have seen instead of a good portrait: drawn people in disturbed pictures."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy
from PIL import Image, ImageDraw, ImageFilter

from issuer.samples import draw
from issuer.samples.faces import FACES

Disturbance = Callable[[Image.Image], Image.Image]
LIMIT = 15_360


@cache
def drawn(index: int = 0) -> Image.Image:
    """A sample person, 300 by 400 pixels."""
    return draw.portrait(FACES[index])


def jpeg(picture: Image.Image, **options: Any) -> bytes:
    return encoded(picture, "JPEG", quality=92, **options)


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    picture.save(stream, kind, **options)
    return stream.getvalue()


def padded(picture: Image.Image, *, left: int = 0, right: int = 0, top: int = 0, bottom: int = 0) -> Image.Image:
    """More room: the edges go on."""
    pixels = numpy.pad(numpy.asarray(picture), ((top, bottom), (left, right), (0, 0)), mode="edge")
    return Image.fromarray(pixels)


def moved(*, right: int = 0, down: int = 0) -> Disturbance:
    """The person elsewhere in a frame of the same size."""

    def change(picture: Image.Image) -> Image.Image:
        width, height = picture.size
        wide = padded(picture, left=width, right=width, top=height, bottom=height)
        return wide.crop((width - right, height - down, 2 * width - right, 2 * height - down))

    return change


def turned(degrees: float) -> Disturbance:
    def change(picture: Image.Image) -> Image.Image:
        if degrees % 90 == 0:
            return picture.rotate(degrees, expand=True)
        wide = padded(picture, left=60, right=60, top=60, bottom=60)
        return wide.rotate(degrees, Image.Resampling.BICUBIC, fillcolor=(228, 234, 240))

    return change


def lit(factor: float, offset: float = 0) -> Disturbance:
    return lambda picture: picture.point(lambda value: max(0, min(255, value * factor + offset)))


def shadowed(picture: Image.Image) -> Image.Image:
    """Light from one side only."""
    pixels = numpy.asarray(picture).astype(float)
    ramp = numpy.linspace(1.05, 0.25, pixels.shape[1])[None, :, None]
    return Image.fromarray(numpy.clip(pixels * ramp, 0, 255).astype(numpy.uint8))


def blurred(radius: float) -> Disturbance:
    return lambda picture: picture.filter(ImageFilter.GaussianBlur(radius))


def behind(texture: Callable[[tuple[int, int]], Image.Image]) -> Disturbance:
    """Another background, where the drawn one was."""

    def change(picture: Image.Image) -> Image.Image:
        pixels = numpy.asarray(picture).astype(int)
        ramp = numpy.linspace(0, 1, picture.height)[:, None, None]
        plain = numpy.array(draw.BACKGROUND_TOP) * (1 - ramp) + numpy.array(draw.BACKGROUND_BOTTOM) * ramp
        mask = (numpy.abs(pixels - plain).max(axis=2) < 9).astype(numpy.uint8) * 255
        whole = picture.copy()
        whole.paste(texture(picture.size), (0, 0), Image.fromarray(mask))
        return whole

    return change


def shelves(size: tuple[int, int]) -> Image.Image:
    """Books, in bands of all colours."""
    picture = Image.new("RGB", size, (90, 60, 40))
    pen = ImageDraw.Draw(picture)
    for number in range(0, size[0], 11):
        for row in range(0, size[1], 62):
            colour = tuple(40 + (number * part + row * 3) % 200 for part in (7, 13, 29))
            pen.rectangle((number, row + 4, number + 8, row + 56), fill=colour)
    return picture


def wall(red: int, green: int, blue: int) -> Callable[[tuple[int, int]], Image.Image]:
    return lambda size: Image.new("RGB", size, (red, green, blue))


def two(picture: Image.Image) -> Image.Image:
    """Somebody else in the frame."""
    both = Image.new("RGB", (600, 400))
    both.paste(picture, (0, 0))
    both.paste(drawn(5), (300, 0))
    return both


def nobody(picture: Image.Image) -> Image.Image:
    return Image.new("RGB", picture.size, (220, 226, 232))


def far(picture: Image.Image) -> Image.Image:
    return padded(picture, left=500, right=500, top=500, bottom=60)


def coarse(picture: Image.Image) -> Image.Image:
    return picture.resize((150, 200), Image.Resampling.LANCZOS)


def close(picture: Image.Image) -> Image.Image:
    return picture.crop((70, 115, 230, 312)).resize((480, 591), Image.Resampling.LANCZOS)


def grey(picture: Image.Image) -> Image.Image:
    return picture.convert("L").convert("RGB")


def tinted(picture: Image.Image) -> Image.Image:
    """Under a lamp of the wrong colour."""
    red, green, blue = picture.split()
    return Image.merge("RGB", (red, green.point(lambda v: v * 0.86), blue.point(lambda v: v * 0.5)))


def blindfolded(picture: Image.Image) -> Image.Image:
    covered = picture.copy()
    ImageDraw.Draw(covered).rectangle((86, 196, 214, 221), fill=(200, 160, 140))
    return covered
