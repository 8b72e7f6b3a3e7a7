"""Good portraits have no findings, and each disturbance has the one that says what to change."""

from __future__ import annotations

import pytest
from PIL import Image

from issuer import photo_check
from issuer.photo_check import Flaw, Severity
from issuer.samples.faces import FACES
from tests.unit.photo_check import scenes
from tests.unit.photo_check.scenes import LIMIT, Disturbance

TABLE: dict[str, tuple[Disturbance, Flaw, Severity]] = {
    "a quarter to the left": (scenes.turned(90), Flaw.SIDEWAYS, Severity.RETAKE),
    "a quarter to the right": (scenes.turned(270), Flaw.SIDEWAYS, Severity.RETAKE),
    "upside down": (scenes.turned(180), Flaw.SIDEWAYS, Severity.RETAKE),
    "leaning": (scenes.turned(12), Flaw.TILTED, Severity.RETAKE),
    "leaning the other way": (scenes.turned(-12), Flaw.TILTED, Severity.RETAKE),
    "leaning far": (scenes.turned(33), Flaw.TILTED, Severity.RETAKE),
    "to the left": (scenes.moved(right=-65), Flaw.TOO_FAR_LEFT, Severity.RETAKE),
    "to the right": (scenes.moved(right=65), Flaw.TOO_FAR_RIGHT, Severity.RETAKE),
    "at the top": (scenes.moved(down=-110), Flaw.TOO_HIGH, Severity.RETAKE),
    "at the bottom": (scenes.moved(down=75), Flaw.TOO_LOW, Severity.RETAKE),
    "far away": (scenes.far, Flaw.TOO_FAR, Severity.RETAKE),
    "too close": (scenes.close, Flaw.TOO_CLOSE, Severity.RETAKE),
    "coarse": (scenes.coarse, Flaw.FEW_PIXELS, Severity.RETAKE),
    "dark": (scenes.lit(0.3), Flaw.DARK, Severity.RETAKE),
    "bright": (scenes.lit(1.1, 70), Flaw.BRIGHT, Severity.RETAKE),
    "pale": (scenes.lit(0.25, 100), Flaw.FLAT, Severity.LOOK),
    "light from one side": (scenes.shadowed, Flaw.UNEVEN_LIGHT, Severity.RETAKE),
    "blurred": (scenes.blurred(3), Flaw.BLURRED, Severity.RETAKE),
    "two people": (scenes.two, Flaw.SEVERAL_FACES, Severity.RETAKE),
    "nobody": (scenes.nobody, Flaw.NO_FACE, Severity.RETAKE),
    "eyes covered": (scenes.blindfolded, Flaw.EYES_HIDDEN, Severity.LOOK),
    "before a shelf": (scenes.behind(scenes.shelves), Flaw.BACKGROUND_BUSY, Severity.RETAKE),
    "before a dark wall": (scenes.behind(scenes.wall(70, 76, 84)), Flaw.BACKGROUND_DARK, Severity.LOOK),
    "grey": (scenes.grey, Flaw.NO_COLOUR, Severity.RETAKE),
    "in yellow light": (scenes.tinted, Flaw.COLOUR_CAST, Severity.LOOK),
}


def flaws(picture: Image.Image) -> dict[Flaw, Severity]:
    report = photo_check.check(scenes.jpeg(picture), limit=LIMIT)
    for finding in report.findings:
        print(finding)
    return {finding.flaw: finding.severity for finding in report.findings}


@pytest.mark.parametrize("index", range(len(FACES)), ids=[face.file for face in FACES])
def test_the_drawn_portraits_are_good(index: int) -> None:
    assert flaws(scenes.drawn(index)) == {}


@pytest.mark.parametrize("name", TABLE)
@pytest.mark.parametrize("index", [0, 4])
def test_a_disturbance_is_found(name: str, index: int) -> None:
    disturb, expected, severity = TABLE[name]
    assert flaws(disturb(scenes.drawn(index))).get(expected) is severity
