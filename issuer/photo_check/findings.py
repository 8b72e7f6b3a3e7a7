"""What is found out about a photo: records without pixels."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Severity(StrEnum):
    """What a finding asks of the officer."""

    RETAKE = "retake"  # take it again: the picture would not do on a card
    LOOK = "look"  # look at it: often still good


class Flaw(StrEnum):
    """Everything that can be wrong. `finding_texts` has a title and what to do for each of them, in two languages."""

    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    SIDEWAYS = "sideways"  # the whole picture is turned by a quarter or a half
    TILTED = "tilted"  # the head leans: the eyes are not level
    TURNED_AWAY = "turned-away"  # not frontal
    EYES_HIDDEN = "eyes-hidden"
    TOO_FAR = "too-far"
    TOO_CLOSE = "too-close"
    TOO_FAR_LEFT = "too-far-left"  # as seen in the picture
    TOO_FAR_RIGHT = "too-far-right"
    TOO_HIGH = "too-high"
    TOO_LOW = "too-low"
    DARK = "dark"
    BRIGHT = "bright"
    FLAT = "flat"  # neither light nor shade in the face
    UNEVEN_LIGHT = "uneven-light"
    BLURRED = "blurred"
    BACKGROUND_BUSY = "background-busy"
    BACKGROUND_DARK = "background-dark"
    FEW_PIXELS = "few-pixels"
    NO_COLOUR = "no-colour"
    COLOUR_CAST = "colour-cast"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to change. `measured` is beyond `limit`, both in `unit`."""

    flaw: Flaw
    severity: Severity
    measured: float
    limit: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A rectangle in pixels of the upright picture, from its upper left corner."""

    left: int
    top: int
    width: int
    height: int

    @property
    def right(self) -> int:
        """The column after the last."""
        return self.left + self.width

    @property
    def bottom(self) -> int:
        """The row after the last."""
        return self.top + self.height

    @property
    def middle(self) -> tuple[float, float]:
        """The centre."""
        return self.left + self.width / 2, self.top + self.height / 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Eyes:
    """The centres of the eyes, left and right as seen in the picture."""

    left: tuple[float, float]
    right: tuple[float, float]

    @property
    def middle(self) -> tuple[float, float]:
        """Half way between them."""
        return (self.left[0] + self.right[0]) / 2, (self.left[1] + self.right[1]) / 2

    @property
    def distance(self) -> float:
        """From one to the other."""
        return float(((self.right[0] - self.left[0]) ** 2 + (self.right[1] - self.left[1]) ** 2) ** 0.5)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoReport:
    """A photo that was looked at. `width` and `height` are those of the upright upload; `crop` lies within it.

    `picture` is a JPEG (or the upload itself, see `for_card`) for the chip, of `picture_width` × `picture_height`.
    """

    findings: tuple[Finding, ...]
    width: int
    height: int
    face: Box | None
    eyes: Eyes | None
    crop: Box
    picture: bytes = field(repr=False)
    picture_width: int
    picture_height: int

    @property
    def good(self) -> bool:
        """Whether nothing asks for another photo."""
        return all(finding.severity is not Severity.RETAKE for finding in self.findings)
