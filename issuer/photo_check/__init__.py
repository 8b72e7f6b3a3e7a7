"""What is wrong with a portrait and what to change, and the picture that goes onto the card.

`check` takes an uploaded file to a `PhotoReport`: findings, a passport-like crop and the picture for the chip, cropped,
encoded anew and without anything but the picture. `for_card` is that picture alone; a file that is already exactly what
the chip takes is left as it is, so what was seen is what is stored.

Findings advise. A detector that does not see a face must not keep anybody from a permit: the officer decides.

OpenCV and its cascades are loaded at the first picture, by this package only.
"""

from __future__ import annotations

from .checking import check, for_card
from .findings import Box, Finding, Flaw, PhotoReport, Severity

__all__ = ["Box", "Finding", "Flaw", "PhotoReport", "Severity", "check", "for_card"]
