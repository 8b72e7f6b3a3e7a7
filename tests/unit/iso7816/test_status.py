"""Status words."""

from __future__ import annotations

import pytest

from card_profiles.iso7816.status import StatusWord, describe, is_error


def test_every_known_status_word_has_a_description_of_its_own() -> None:
    texts = {describe(sw) for sw in StatusWord}
    assert len(texts) == len(StatusWord)
    assert all(text.startswith(f"{sw:04X} ") for sw, text in zip(StatusWord, map(describe, StatusWord), strict=True))


def test_unknown_ones_fall_back_to_their_class() -> None:
    assert describe(0x6AFF).split(" ", 1)[1] == describe(0x6AFE).split(" ", 1)[1]
    assert describe(0x63C2) != describe(0x63C1)
    assert describe(0x1234).startswith("1234 ")


@pytest.mark.parametrize(
    ("sw", "error"),
    [(0x9000, False), (0x6110, False), (0x6282, False), (0x63C1, False), (0x6400, True), (0x6F00, True)],
)
def test_errors_are_64_to_6f(sw: int, error: bool) -> None:
    assert is_error(sw) is error
