"""The browser tests can fail: a bad page is found out."""

from __future__ import annotations

from .accessibility import serious
from .conftest import Look

GOOD = "<!doctype html><html lang=en><title>t</title><main><h1>Permit</h1><button>Go on</button></main></html>"
BAD = "<!doctype html><html><body><h1 style='color:#eee;background:#fff'>Permit</h1><img src=x><button></button>"


def test_a_good_page_has_nothing_serious(look: Look) -> None:
    page = look(lang="en")
    page.set_content(GOOD)
    assert serious(page) == []


def test_a_bad_page_is_found_out(look: Look) -> None:
    page = look(lang="en", size="tablet")
    page.set_content(BAD)
    found = {line.split(":")[0] for line in serious(page)}
    assert {"button-name", "color-contrast", "html-has-lang", "image-alt"} <= found
