"""Light, sharpness, background and colour, in numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .findings import Box
from .limits import GOOD_EYE_DISTANCE

if TYPE_CHECKING:
    import numpy

    Pixels = numpy.ndarray[Any, numpy.dtype[Any]]

_BURNT = 253  # of 255: as white as can be


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Of 255: what the brightest twentieth of the frame reaches, and the span of the face. Shares of 1: of the face
    that is burnt out, and by how much its halves differ."""

    bright: float
    face_range: float
    burnt: float
    uneven: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Beside and above the head: mean lightness and its spread, of 255; distance of its colour from grey, CIE Lab."""

    lightness: float
    spread: float
    cast: float


def light(grey: Pixels, pixels: Pixels, face: Box, frame: Box) -> Light:
    """By the frame and the inner face, without hair and background."""
    import numpy

    whole = _cut(grey, frame)
    inner = _cut(grey, _inner(face))
    low, high = numpy.percentile(inner, (2, 98))
    half = inner.shape[1] // 2
    left, right = float(inner[:, :half].mean()), float(inner[:, half:].mean())
    return Light(
        bright=float(numpy.percentile(whole, 95)),
        face_range=float(high - low),
        burnt=float(((_cut(pixels, _inner(face)) >= _BURNT).sum(axis=2) >= 2).mean()),
        uneven=abs(left - right) / max(1.0, (left + right) / 2),
    )


def sharpness(grey: Pixels, face: Box, eye_distance: float) -> float:
    """Variance of the Laplacian over the inner face, at a size where the eyes are `GOOD_EYE_DISTANCE` apart: so that a
    large picture is not sharper than a small one."""
    import cv2

    inner = _cut(grey, _inner(face))
    scale = GOOD_EYE_DISTANCE / max(1.0, eye_distance)
    size = (max(8, round(inner.shape[1] * scale)), max(8, round(inner.shape[0] * scale)))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return float(cv2.Laplacian(cv2.resize(inner, size, interpolation=method), cv2.CV_64F).var())


def background(pixels: Pixels, frame: Box, face: Box) -> Background:
    """Of the frame's edge above the shoulders: a strip at the top, and the two sides down to the eyes. Hair may reach
    into a part of it; so the lightness is the median, and the spread that of the calmer two thirds."""
    import cv2
    import numpy

    picture = _cut(pixels, frame)
    height, width = picture.shape[:2]
    down = max(2, min(height, face.top + round(face.height * 0.4) - frame.top))
    side, top = max(2, round(width * 0.09)), max(2, round(height * 0.04))
    parts = (picture[:top, :], picture[:down, :side], picture[:down, -side:])
    lab = numpy.concatenate(
        [cv2.cvtColor(part, cv2.COLOR_RGB2LAB).reshape(-1, 3).astype(numpy.float32) for part in parts]
    )
    middle = numpy.median(lab[:, 0])
    apart = numpy.sort(numpy.abs(lab[:, 0] - middle))
    calm = apart[: max(1, len(apart) * 4 // 5)]
    chroma = numpy.median(lab[:, 1:], axis=0) - 128
    return Background(
        lightness=float(middle), spread=float(calm[-1]), cast=float(numpy.hypot(float(chroma[0]), float(chroma[1])))
    )


def chroma(pixels: Pixels, frame: Box) -> float:
    """Mean distance from grey, CIE Lab, over the frame."""
    import cv2
    import numpy

    lab = cv2.cvtColor(_cut(pixels, frame), cv2.COLOR_RGB2LAB).astype(numpy.float32)
    return float(numpy.hypot(lab[..., 1] - 128, lab[..., 2] - 128).mean())


def _inner(face: Box) -> Box:
    """From brow to mouth, cheek to cheek."""
    return Box(
        left=face.left + round(face.width * 0.18),
        top=face.top + round(face.height * 0.2),
        width=max(4, round(face.width * 0.64)),
        height=max(4, round(face.height * 0.62)),
    )


def _cut(pixels: Pixels, box: Box) -> Pixels:
    part = pixels[max(0, box.top) : box.bottom, max(0, box.left) : box.right]
    return part if part.size else pixels
