"""From an uploaded file to what is said of it, and to the picture for the card."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from card_profiles.lds import dg2

from .. import photo
from ..errors import Refusal, Refused
from . import faces, framing, limits, measures, upload
from .findings import Box, Eyes, Finding, Flaw, PhotoReport, Severity

if TYPE_CHECKING:
    from PIL.Image import Image

_RETAKE, _LOOK = Severity.RETAKE, Severity.LOOK


def check(raw: bytes, *, limit: int) -> PhotoReport:
    """What to change in an uploaded photo, and the picture it gives for a DG2 of `limit` bytes.

    Raises Refused as `upload.opened` does, and PHOTO_TOO_LARGE where no quality makes it fit.
    """
    return _looked_at(upload.opened(raw), raw, limit)


def for_card(raw: bytes, *, limit: int) -> bytes:
    """The picture for the chip. A JPEG or JPEG 2000 that is exactly what a chip takes stays as it is, byte for byte;
    anything else is cut, turned upright and encoded anew. Raises Refused."""
    return _untouched(raw, limit) or check(raw, limit=limit).picture


def _untouched(raw: bytes, limit: int) -> bytes | None:
    """`raw`, when there is nothing in it that must not be on a chip."""
    import PIL.Image

    try:
        if photo.accept(raw, limit=limit) != raw:
            return None
    except Refused:
        return None
    with PIL.Image.open(io.BytesIO(raw)) as picture:
        plain = picture.mode == "RGB" and "icc_profile" not in picture.info
        frame_fits = abs(picture.width / picture.height - limits.ASPECT) < 0.02
    return raw if plain and frame_fits else None


def _looked_at(picture: Image, raw: bytes, limit: int) -> PhotoReport:
    import numpy

    pixels = numpy.asarray(picture)
    grey = numpy.asarray(picture.convert("L"))
    seen = faces.look(grey)
    size = picture.size
    if not seen.faces:
        return _report(picture, tuple(_nobody(grey)), None, None, framing.middle(size), raw, limit)
    face = seen.faces[0]
    frame = framing.wanted(face, seen.eyes)
    crop = framing.within(frame, size)
    found = [
        *_who(seen, face, size),
        *_where(frame, crop, size),
        *_light(grey, pixels, face, crop, seen.eyes),
        *_colour(pixels, face, crop),
    ]
    return _report(picture, tuple(found), face, seen.eyes, crop, raw, limit)


def _nobody(grey: Any) -> Iterator[Finding]:
    """Why no upright face is seen."""
    if turn := faces.turned(grey):
        yield Finding(flaw=Flaw.SIDEWAYS, severity=_RETAKE, measured=turn, limit=0, unit="°")
    elif lean := faces.leaning(grey):
        yield Finding(flaw=Flaw.TILTED, severity=_RETAKE, measured=abs(lean), limit=limits.MOST_ROLL, unit="°")
    elif faces.profile(grey):
        yield Finding(flaw=Flaw.TURNED_AWAY, severity=_RETAKE, measured=1, limit=limits.MOST_YAW, unit="")
    else:
        yield Finding(flaw=Flaw.NO_FACE, severity=_RETAKE, measured=0, limit=1, unit="")


def _who(seen: faces.Seen, face: Box, size: tuple[int, int]) -> Iterator[Finding]:
    if len(seen.faces) > 1:
        yield Finding(flaw=Flaw.SEVERAL_FACES, severity=_RETAKE, measured=len(seen.faces), limit=1, unit="")
    eyes = seen.eyes
    share = framing.head_height(face, eyes) / size[1]
    if share < limits.LEAST_HEAD_SHARE:
        yield _below(Flaw.TOO_FAR, share * 100, limits.LEAST_HEAD_SHARE * 100, "%")
    elif share > limits.MOST_HEAD_SHARE:
        yield _above(Flaw.TOO_CLOSE, share * 100, limits.MOST_HEAD_SHARE * 100, "%")
    if eyes is None:
        yield Finding(flaw=Flaw.EYES_HIDDEN, severity=_LOOK, measured=0, limit=2, unit="")
        return
    if eyes.distance < limits.LEAST_EYE_DISTANCE:
        yield _below(Flaw.FEW_PIXELS, eyes.distance, limits.LEAST_EYE_DISTANCE, "px")
    elif eyes.distance < limits.GOOD_EYE_DISTANCE:
        yield _below(Flaw.FEW_PIXELS, eyes.distance, limits.GOOD_EYE_DISTANCE, "px", _LOOK)
    roll = math.degrees(math.atan2(eyes.right[1] - eyes.left[1], eyes.right[0] - eyes.left[0]))
    if abs(roll) > limits.MOST_ROLL:
        yield _above(Flaw.TILTED, abs(roll), limits.MOST_ROLL, "°")
    yaw = abs(eyes.middle[0] - face.middle[0]) / face.width
    if yaw > limits.MOST_YAW and abs(roll) <= limits.MOST_ROLL:  # a leaning head is not in the middle of its face
        yield _above(Flaw.TURNED_AWAY, yaw * 100, limits.MOST_YAW * 100, "%", _LOOK)


def _where(frame: tuple[float, float, float, float], crop: Box, size: tuple[int, int]) -> Iterator[Finding]:
    """What of the best frame lies beyond the picture, on each side; a picture smaller than the frame has its own
    finding."""
    left, top, width, height = frame
    if width > size[0] * 1.25 or height > size[1] * 1.25:
        return
    beyond = (
        (Flaw.TOO_FAR_LEFT, -left / width),
        (Flaw.TOO_FAR_RIGHT, (left + width - size[0]) / width),
        (Flaw.TOO_HIGH, -top / height),
        (Flaw.TOO_LOW, (top + height - size[1]) / height),
    )
    for (flaw, cut), (_, opposite) in zip(beyond, (beyond[1], beyond[0], beyond[3], beyond[2]), strict=True):
        # On both sides alike the picture is only narrow; what counts is by how much one side lacks more.
        if cut - max(0.0, opposite) > limits.MOST_CUT + limits.MOST_CUT:
            severity = _RETAKE if cut > 0.08 else _LOOK
            yield _above(flaw, cut * 100, limits.MOST_CUT * 200, "%", severity)


def _light(grey: Any, pixels: Any, face: Box, crop: Box, eyes: Eyes | None) -> Iterator[Finding]:
    light = measures.light(grey, pixels, face, crop)
    if light.bright < limits.LEAST_BRIGHT:
        yield _below(Flaw.DARK, light.bright, limits.LEAST_BRIGHT, "")
    elif light.burnt > limits.MOST_BURNT:
        yield _above(Flaw.BRIGHT, light.burnt * 100, limits.MOST_BURNT * 100, "%")
    elif light.face_range < limits.LEAST_FACE_RANGE:
        yield _below(Flaw.FLAT, light.face_range, limits.LEAST_FACE_RANGE, "", _LOOK)
    if light.uneven > limits.MOST_UNEVEN:
        yield _above(Flaw.UNEVEN_LIGHT, light.uneven * 100, limits.MOST_UNEVEN * 100, "%")
    apart = face.width * 0.4 if eyes is None else eyes.distance
    sharp = measures.sharpness(grey, face, apart)
    if sharp < limits.LEAST_SHARP:
        yield _below(Flaw.BLURRED, sharp, limits.LEAST_SHARP, "")


def _colour(pixels: Any, face: Box, crop: Box) -> Iterator[Finding]:
    behind = measures.background(pixels, crop, face)
    if behind.spread > limits.MOST_BUSY:
        yield _above(Flaw.BACKGROUND_BUSY, behind.spread, limits.MOST_BUSY, "")
    if behind.lightness < limits.LEAST_BACKGROUND:
        yield _below(Flaw.BACKGROUND_DARK, behind.lightness, limits.LEAST_BACKGROUND, "", _LOOK)
    if (chroma := measures.chroma(pixels, crop)) < limits.LEAST_CHROMA:
        yield _below(Flaw.NO_COLOUR, chroma, limits.LEAST_CHROMA, "")
    elif behind.cast > limits.MOST_CAST:
        yield _above(Flaw.COLOUR_CAST, behind.cast, limits.MOST_CAST, "", _LOOK)


def _below(flaw: Flaw, measured: float, limit: float, unit: str, severity: Severity = _RETAKE) -> Finding:
    """Too little; rounded so that what is shown is below what is shown as the limit."""
    return Finding(flaw=flaw, severity=severity, measured=math.floor(measured * 10) / 10, limit=limit, unit=unit)


def _above(flaw: Flaw, measured: float, limit: float, unit: str, severity: Severity = _RETAKE) -> Finding:
    return Finding(flaw=flaw, severity=severity, measured=math.ceil(measured * 10) / 10, limit=limit, unit=unit)


def _report(
    picture: Image,
    findings: tuple[Finding, ...],
    face: Box | None,
    eyes: Eyes | None,
    crop: Box,
    raw: bytes,
    limit: int,
) -> PhotoReport:
    encoded, size = _encoded(picture.crop((crop.left, crop.top, crop.right, crop.bottom)), limit)
    kept = _untouched(raw, limit)
    if kept is not None:  # what would be stored is what is shown
        encoded, size, crop = kept, picture.size, Box(left=0, top=0, width=picture.width, height=picture.height)
    return PhotoReport(
        findings=tuple(sorted(findings, key=lambda finding: finding.severity is _LOOK)),
        width=picture.width,
        height=picture.height,
        face=face,
        eyes=eyes,
        crop=crop,
        picture=encoded,
        picture_width=size[0],
        picture_height=size[1],
    )


def _encoded(cut: Image, limit: int) -> tuple[bytes, tuple[int, int]]:
    """A baseline JPEG with nothing but the picture, as good as fits. Raises Refused: PHOTO_TOO_LARGE or _TOO_SMALL."""
    import PIL.Image

    room = limit - dg2.OVERHEAD - 48
    if cut.width < photo.MIN_WIDTH or cut.height < photo.MIN_HEIGHT:
        raise Refused(Refusal.PHOTO_TOO_SMALL, width=cut.width, height=cut.height)
    most = min(1.0, limits.PICTURE_WIDTH / cut.width, limits.PICTURE_HEIGHT / cut.height)
    written = b""
    for smaller in limits.SMALLER:
        size = (
            max(photo.MIN_WIDTH, round(cut.width * most * smaller)),
            max(photo.MIN_HEIGHT, round(cut.height * most * smaller)),
        )
        scaled = cut if size == cut.size else cut.resize(size, PIL.Image.Resampling.LANCZOS)
        for quality in limits.QUALITIES:
            stream = io.BytesIO()
            scaled.save(stream, "JPEG", quality=quality, optimize=True)
            written = stream.getvalue()
            if len(written) <= room:
                return written, size
    raise Refused(Refusal.PHOTO_TOO_LARGE, size=len(written), limit=room)
