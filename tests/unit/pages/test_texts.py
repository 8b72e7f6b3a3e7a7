"""Texts and templates agree: every key that a template or a page names is there, in both languages, blanks and all."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

from issuer.domain.application_life import ApplicationState
from issuer.domain.card_stock import StockEvent, StockState
from issuer.domain.checklist import Ground, Item
from issuer.domain.permit_life import Standing
from issuer.domain.roles import Act, Role
from issuer.pages.app import HERE, environment
from issuer.pages.parts.permits import ACTIONS
from issuer.pages.steps import STEPS
from issuer.pages.texts import TEXTS
from issuer.service.problem_texts import TEXTS as API_TEXTS

_NAMED = re.compile(r"""(?<![\w.])(?:t|say)\(\s*"([a-z0-9_.-]+)\"\s*[,)]""")
TEMPLATES = sorted((HERE / "templates").glob("*.html"))
MODULES = sorted([*(HERE / "parts").glob("*.py"), *HERE.glob("*.py")])


def _blanks(text: str) -> set[str]:
    """Those that are shown; a word that goes with a number is another in each language, or the same in all."""
    return {name for _, name, form, _ in string.Formatter().parse(text) if name and "|" not in (form or "")}


@pytest.mark.parametrize("path", [*TEMPLATES, *MODULES], ids=lambda path: path.name)
def test_every_named_text_is_there(path: Path) -> None:
    named = set(_NAMED.findall(path.read_text("utf-8")))
    assert named <= TEXTS.keys()


def test_both_languages_say_something_with_the_same_blanks() -> None:
    for key, (zh, en) in TEXTS.items():
        assert zh.strip(), key
        assert en.strip(), key
        assert _blanks(zh) == _blanks(en), key
        assert re.search(r"[一-鿿]", zh) or key in {"app.other-language", "today.date"}, key


def test_every_value_that_a_template_names_by_its_kind_is_there() -> None:
    kinds = {
        "application": ApplicationState,
        "stock": StockState,
        "event": StockEvent,
        "ground": Ground,
        "item": Item,
        "standing": Standing,
        "role": Role,
        "act": Act,
    }
    for prefix, values in kinds.items():
        assert {f"{prefix}.{value.value}" for value in values} <= TEXTS.keys(), prefix
    assert {f"{word}.{name}" for name in STEPS for word in ("step", "do") if (word, name) != ("do", "register")} <= (
        TEXTS.keys()
    )
    assert {f"action.{action.path}" for action in ACTIONS} <= TEXTS.keys()


def test_problems_are_said_in_words_of_the_page_and_not_of_the_wire() -> None:
    for key, texts in TEXTS.items():
        if key.startswith("problem."):
            assert key.removeprefix("problem.").removesuffix(".do") in API_TEXTS, key
            for text in texts:
                assert not re.search(r"If-Match|Idempotency|JSON|X-CSRF|GET |POST |`", text), key


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_templates_compile_and_hold_no_inline_script_or_style(path: Path) -> None:
    environment().get_template(path.name)
    text = path.read_text("utf-8")
    assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son[a-z]+=|javascript:|\|\s*safe", text), path.name
