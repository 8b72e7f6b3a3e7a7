"""Portraits for browsers, the board, the words of the page."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import resources
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from card_profiles.lds import dg2
from tests.factory import jpeg
from verifier.kiosk import texts
from verifier.kiosk.board import Board
from verifier.kiosk.portrait import picture
from verifier.reason import Reason


def test_portraits() -> None:
    out = BytesIO()
    Image.linear_gradient("L").resize((120, 150)).save(out, "JPEG2000")
    shown = picture(dg2.encode(dg2.Portrait(image=out.getvalue())))
    assert shown is not None
    assert shown.media_type == "image/png"
    assert Image.open(BytesIO(shown.image)).size == (120, 150)
    plain = picture(dg2.encode(dg2.Portrait(image=jpeg(90))))
    assert plain is not None
    assert (plain.media_type, plain.image) == ("image/jpeg", jpeg(90))
    assert picture(b"\x75\x00") is None
    assert "\\x" not in repr(plain)


def test_the_board_tells_in_order_and_forgets() -> None:
    board, heard = Board(), list[tuple[str, Any]]()
    board.put("a", {"n": 1})
    end = board.listen(lambda topic, word: heard.append((topic, word["n"] if word else None)))
    board.put("a", {"n": 2})
    board.take_away("a")
    end()
    board.put("a", {"n": 3})
    assert heard == [("a", 1), ("a", 2), ("a", None)]
    assert board.listeners == 0


@pytest.mark.parametrize("name", ["main.js", "views.js"])
def test_every_word_of_the_page_is_there(name: str) -> None:
    source = resources.files("verifier.kiosk").joinpath("page", name).read_text()
    said = set(re.findall(r'say\("([a-z_-]+)"\)', source))
    assert said
    assert said <= texts.PAGE.keys()


def test_the_counter_itself_needs_no_framework() -> None:
    """Readers, lanes and codes load neither the page's libraries nor an event loop."""
    code = "import sys, verifier.kiosk.kiosk; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"starlette", "uvicorn", "asyncio", "PIL", "smartcard"}
    assert "verifier.kiosk.lane" in loaded


def test_words_are_in_both_languages() -> None:
    for table in (texts.PAGE, texts.AT_THE_PAGE):
        for key, (zh, en) in table.items():
            assert zh, key
            assert en, key
            assert en.replace("·", "").isascii() or key in ("other_language", "language_label"), key
    # what the page says of a reason never speaks of the command line's options
    shown = {reason: (texts.AT_THE_PAGE.get(reason) or texts.REASONS[reason]) for reason in Reason}
    for reason in (Reason.NO_READER, Reason.READER_AMBIGUOUS, Reason.TRUST_MISSING, Reason.PASSWORD_MALFORMED):
        assert "--" not in "".join(shown[reason])
