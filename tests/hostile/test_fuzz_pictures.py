"""Pictures of printed codes, disturbed as cameras and pockets do: they decode as often as they should.

And never to another text. A small corpus; `make bench` has the large one and the figures.
"""

from __future__ import annotations

import pytest
from PIL import Image

from tests.benchmarks.bench_printed import DISTURBANCES, corpus, rate
from verifier import printed, scan
from verifier.read_failed import ReadFailed

COUNT = 6
FLOORS = dict.fromkeys(DISTURBANCES, 1.0) | {
    "scratches 1-4": 0.5,
    "all at full strength": 0.0,
    "torn corner 6-20 %": 0.5,
}
"""Of six pictures. Scratches may cross a finder pattern; everything at once is for the figures."""


@pytest.mark.parametrize("name", DISTURBANCES)
def test_decode_rates(name: str) -> None:
    assert rate(name, count=COUNT) >= FLOORS[name]


def test_another_code_in_the_picture_is_none_of_ours() -> None:
    """Noise alone, and a picture without a code, give no text at all."""
    for picture in (Image.effect_noise((400, 400), 80), Image.new("L", (400, 400), 255)):
        texts = scan.search(picture)
        with pytest.raises(ReadFailed):
            printed.envelope(texts)


def test_the_corpus_is_the_same_each_time() -> None:
    one, other = (next(corpus("photo-like, JPEG")).tobytes() for _ in range(2))
    assert one == other
