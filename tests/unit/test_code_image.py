"""The symbol as it is drawn: one version, one mode, print size; and that a disturbed one still decodes."""

from __future__ import annotations

import pytest

from card_profiles.printed_code import MAX_TEXT, QR_ERROR, QR_VERSION
from issuer import code_image
from tests.benchmarks import bench_printed
from tests.printed_codes import text

TEXT = text()


def test_the_symbol() -> None:
    symbol = code_image.draw(TEXT)
    assert (symbol.version, symbol.error, symbol.mode, symbol.mask) == (
        QR_VERSION,
        QR_ERROR,
        "alphanumeric",
        code_image.MASK,
    )
    assert symbol.symbol_size(code_image.DOTS, code_image.QUIET) == (292, 292)
    assert round(292 * 25.4 / code_image.DPI, 1) == 24.7


def test_the_longest_text_fits_and_one_more_does_not() -> None:
    code_image.draw("A" * MAX_TEXT)
    with pytest.raises(ValueError):
        code_image.draw("A" * (MAX_TEXT + 1))
    with pytest.raises(ValueError):
        code_image.draw(TEXT.lower())


def test_files() -> None:
    assert code_image.render(TEXT, ".txt") == TEXT.encode() + b"\n"
    svg = code_image.render(TEXT, ".svg").decode()
    assert 'width="24.7' in svg
    with pytest.raises(ValueError):
        code_image.render(TEXT, ".gif")


@pytest.mark.parametrize("name", sorted(set(bench_printed.DISTURBANCES) - {"all at full strength"}))
def test_disturbed_codes_decode(name: str) -> None:
    """A few of the corpus of `make bench`; the rates there are the measure, this tells when something broke."""
    assert bench_printed.rate(name, count=5) >= (0.6 if name.startswith("scratches") else 1)
