"""The machine readable zone over a corpus of difficult names: its positions, its check digits, and what is printed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from card_profiles.lds import mrz
from issuer.assemble import zone
from issuer.paper import card_face
from tests.unit.paper import pages
from tests.unit.paper.names import NAMES, asked

_ORDER = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"


def digit(field: str) -> str:
    """9303-3 §4.9, written a second time: values by position, weights 7 3 1."""
    total = 0
    for position, character in enumerate(field):
        total += (7, 3, 1)[position % 3] * (0 if character == "<" else _ORDER.index(character))
    return str(total % 10)


@pytest.mark.parametrize("which", NAMES)
def test_positions_and_check_digits(which: str) -> None:
    name = NAMES[which]
    upper, middle, lower = mrz.lines(mrz.encode(zone(asked(name), pages.OFFICE)))
    assert lower == name.zone
    assert [len(line) for line in (upper, middle, lower)] == [30, 30, 30]
    assert middle[6] == digit(middle[:6])
    assert middle[14] == digit(middle[8:14])
    assert middle[29] == digit(upper[5:] + middle[:7] + middle[8:15] + middle[18:29])
    if len(name.number) <= 9:
        assert upper[14] == digit(upper[5:14])
    else:
        assert upper[14] == "<"
        assert upper[15:].startswith(name.number[9:] + digit(name.number) + "<")
    assert middle[7] == {"F": "F", "M": "M", "X": "<"}[name.sex]


def test_they_are_printed_as_they_are_on_the_chip() -> None:
    """Every zone of the corpus, from the text of the PDF."""
    for which in ("kazakh, truncated", "many given names", "sex not stated, long number", "umlauts"):
        of = asked(NAMES[which])
        face = replace(pages.face(text="A" * 419), mrz=mrz.encode(zone(of, pages.OFFICE)))
        printed = [line for line in pages.lines(card_face(face), 1) if len(line) == 30 and line.isupper()]
        assert mrz.encode(mrz.from_lines("\n".join(printed))) == face.mrz
