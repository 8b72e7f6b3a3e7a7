"""docs/DOMAIN.md shows what the program does."""

from __future__ import annotations

from pathlib import Path

import pytest

from issuer.store.base import Base
from issuer.store.picture import drawings, redraw

PAGE = Path(__file__).parents[3] / "docs" / "DOMAIN.md"


def test_the_pictures_are_those_of_the_program() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert redraw(page) == page, "run: python -m issuer.store.picture docs/DOMAIN.md"


def test_every_table_is_in_the_picture() -> None:
    drawn = drawings()["entities"]
    for name in Base.metadata.tables:
        assert f"    {name} {{" in drawn


def test_a_page_without_a_place_for_them() -> None:
    with pytest.raises(ValueError):
        redraw("# Nothing here\n")
