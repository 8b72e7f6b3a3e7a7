"""Where the faces are and where their eyes, by the cascades that OpenCV brings along."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .findings import Box, Eyes
from .limits import LEAST_FACE

if TYPE_CHECKING:
    import numpy

    Pixels = numpy.ndarray[Any, numpy.dtype[numpy.uint8]]

WORKING_SIDE = 640  # pixels of the longer side when faces are looked for
SEARCHING_SIDE = 320  # when it is only asked why none is seen: seven more searches
_FACES = ("haarcascade_frontalface_alt2.xml", "haarcascade_frontalface_default.xml")
_EYES = ("haarcascade_eye.xml", "haarcascade_eye_tree_eyeglasses.xml")
_PROFILE = "haarcascade_profileface.xml"
_SMALLER_FACE = 0.35  # a face this much narrower than the first is no second person but a print, or chance


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """Faces, largest first, and the eyes of the first."""

    faces: tuple[Box, ...]
    eyes: Eyes | None


def look(grey: Pixels) -> Seen:
    """Upright frontal faces in an 8-bit grey picture."""
    small, scale = _reduced(grey, WORKING_SIDE)
    boxes = _frontal(small, _FACES[0])
    eyes = _eyes(small, boxes[0]) if boxes else None
    if not boxes:  # the second cascade sees more, and also what is no face: it counts where there are eyes in it
        boxes = _frontal(small, _FACES[1])
        eyes = _eyes(small, boxes[0]) if boxes else None
        if eyes is None:
            return Seen(faces=(), eyes=None)
    return Seen(
        faces=tuple(_scaled(box, scale) for box in boxes),
        eyes=None
        if eyes is None
        else Eyes(
            left=(eyes.left[0] * scale, eyes.left[1] * scale), right=(eyes.right[0] * scale, eyes.right[1] * scale)
        ),
    )


def turned(grey: Pixels) -> int:
    """By how many degrees clockwise the picture must be turned so that a face is upright: 90, 180, 270; 0 for none."""
    import cv2

    small, _ = _reduced(grey, SEARCHING_SIDE)
    ways = ((90, cv2.ROTATE_90_CLOCKWISE), (270, cv2.ROTATE_90_COUNTERCLOCKWISE), (180, cv2.ROTATE_180))
    for degrees, way in ways:
        if _frontal(cv2.rotate(small, way), _FACES[0]):  # type: ignore[arg-type]
            return degrees
    return 0


def leaning(grey: Pixels) -> int:
    """Degrees by which the head leans, where a face is only seen after straightening it; 0 for none. To the right in
    the picture is positive."""
    import cv2

    small, _ = _reduced(grey, SEARCHING_SIDE)
    height, width = small.shape
    for degrees in (20, -20, 35, -35):
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        straight = cv2.warpAffine(small, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
        if _frontal(straight, _FACES[0]):  # type: ignore[arg-type]
            return degrees
    return 0


def profile(grey: Pixels) -> bool:
    """Whether a face is seen from its side."""
    import cv2

    small, _ = _reduced(grey, SEARCHING_SIDE)
    cascade = _cascade(_PROFILE)
    least = _least(small)
    return any(len(cascade.detectMultiScale(way, 1.1, 4, 0, least)) for way in (small, cv2.flip(small, 1)))


def _reduced(grey: Pixels, side: int) -> tuple[Pixels, float]:
    import cv2

    scale = max(1.0, max(grey.shape) / side)
    if scale == 1.0:
        return grey, scale
    size = (round(grey.shape[1] / scale), round(grey.shape[0] / scale))
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA), scale  # type: ignore[return-value]


@cache
def _cascade(name: str) -> Any:
    import cv2
    import cv2.data

    loaded = cv2.CascadeClassifier(str(Path(cv2.data.haarcascades) / name))
    if loaded.empty():
        raise RuntimeError(f"OpenCV came without {name}")
    return loaded


def _least(grey: Pixels) -> tuple[int, int]:
    side = max(24, round(min(grey.shape) * LEAST_FACE))
    return side, side


def _frontal(grey: Pixels, name: str) -> list[Box]:
    """Distinct faces, largest first."""
    found = [_box(row) for row in _cascade(name).detectMultiScale(grey, 1.1, 4, 0, _least(grey))]
    found.sort(key=lambda box: box.width, reverse=True)
    kept: list[Box] = []
    for box in found:
        if not any(_overlap(box, other) for other in kept) and box.width >= _SMALLER_FACE * found[0].width:
            kept.append(box)
    return kept


def _eyes(grey: Pixels, face: Box) -> Eyes | None:
    """The pair that lies best in the upper part of a face: one on each side, of a size, nearly level."""
    upper = grey[
        face.top + round(face.height * 0.12) : face.top + round(face.height * 0.62), face.left : face.left + face.width
    ]
    offset = (face.left, face.top + round(face.height * 0.12))
    least = max(8, round(face.width * 0.13))
    for name in _EYES:
        rows = _cascade(name).detectMultiScale(upper, 1.05, 4, 0, (least, least))
        pair = _pair([_box(row) for row in rows], face)
        if pair is not None:
            (left, right) = pair
            return Eyes(
                left=(left[0] + offset[0], left[1] + offset[1]), right=(right[0] + offset[0], right[1] + offset[1])
            )
    return None


def _pair(boxes: Sequence[Box], face: Box) -> tuple[tuple[float, float], tuple[float, float]] | None:
    best, pair = None, None
    for one in boxes:
        for other in boxes:
            (left, left_row), (right, right_row) = one.middle, other.middle
            apart = (right - left) / face.width
            if not 0.22 <= apart <= 0.65 or abs(left_row - right_row) > 0.5 * (right - left):
                continue
            unlike = abs(one.width - other.width) / face.width + abs(apart - 0.36)
            if best is None or unlike < best:
                best, pair = unlike, ((left, left_row), (right, right_row))
    return pair


def _box(row: Sequence[int]) -> Box:
    left, top, width, height = (int(value) for value in row)
    return Box(left=left, top=top, width=width, height=height)


def _scaled(box: Box, scale: float) -> Box:
    return Box(
        left=round(box.left * scale),
        top=round(box.top * scale),
        width=round(box.width * scale),
        height=round(box.height * scale),
    )


def _overlap(one: Box, other: Box) -> bool:
    width = min(one.right, other.right) - max(one.left, other.left)
    height = min(one.bottom, other.bottom) - max(one.top, other.top)
    return width > 0 and height > 0 and width * height > 0.3 * min(one.width, other.width) ** 2
