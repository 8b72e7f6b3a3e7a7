"""How the picture is cut: like a passport's, with eyes and head where ISO/IEC 19794-5 has them."""

from __future__ import annotations

from .findings import Box, Eyes
from .limits import ASPECT, EYE_LINE, HEAD_SHARE, HEAD_TO_EYES


def head_height(face: Box, eyes: Eyes | None) -> float:
    """Crown to chin, in pixels. By the eyes where both are seen; else by the face, which goes from brow to chin."""
    return face.height * 1.18 if eyes is None else max(HEAD_TO_EYES * eyes.distance, face.height * 1.1)


def wanted(face: Box, eyes: Eyes | None) -> tuple[float, float, float, float]:
    """Left, top, width and height of the best frame, which may lie beyond the picture."""
    height = head_height(face, eyes) / HEAD_SHARE
    width = height * ASPECT
    across, row = (face.middle[0], face.top + 0.38 * face.height) if eyes is None else eyes.middle
    return across - width / 2, row - EYE_LINE * height, width, height


def within(frame: tuple[float, float, float, float], size: tuple[int, int]) -> Box:
    """That frame moved into a picture of `size`, and made smaller where it is larger than the picture."""
    left, top, width, height = frame
    shrink = min(1.0, size[0] / width, size[1] / height)
    centre = (left + width / 2, top + height * EYE_LINE)  # what stays in its place is the line of the eyes
    width, height = width * shrink, height * shrink
    left, top = centre[0] - width / 2, centre[1] - height * EYE_LINE
    whole = (max(1, int(width)), max(1, int(height)))
    return Box(
        left=round(min(max(left, 0), size[0] - whole[0])),
        top=round(min(max(top, 0), size[1] - whole[1])),
        width=whole[0],
        height=whole[1],
    )


def middle(size: tuple[int, int]) -> Box:
    """The largest frame in the middle: for a picture in which nobody was found."""
    width = min(size[0], int(size[1] * ASPECT))
    height = min(size[1], int(width / ASPECT))
    return Box(left=(size[0] - width) // 2, top=(size[1] - height) // 2, width=width, height=height)
