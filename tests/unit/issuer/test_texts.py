"""Every reason has its line in both languages, and both lines say the same things."""

from __future__ import annotations

import ast
import string
from pathlib import Path

import pytest

import issuer
from issuer.errors import ApplicationRefused, ExitCode, Fault, Mistake, Refusal, Refused
from issuer.journal import CardState
from issuer.plan import StepKind
from issuer.refusal_texts import FAULTS, REFUSALS, Text
from issuer.terminal import columns, pad, table
from issuer.texts import LINES, STATES, STEPS, Language, Line, language, refusal_lines

TABLES: tuple[tuple[type, dict[object, Text]], ...] = (
    (Refusal, REFUSALS),  # type: ignore[arg-type]
    (Fault, FAULTS),  # type: ignore[arg-type]
    (StepKind, STEPS),  # type: ignore[arg-type]
    (CardState, STATES),  # type: ignore[arg-type]
    (Line, LINES),  # type: ignore[arg-type]
)
ALL = [(key, text) for _, table_ in TABLES for key, text in table_.items()]


def blanks(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize(("kind", "known"), TABLES, ids=lambda value: getattr(value, "__name__", ""))
def test_nothing_is_without_words(kind: type, known: dict[object, Text]) -> None:
    assert set(known) == set(kind)  # type: ignore[call-overload]


@pytest.mark.parametrize(("key", "text"), ALL, ids=lambda value: str(value)[:30])
def test_both_languages_say_the_same(key: object, text: Text) -> None:
    zh, en = text
    assert blanks(zh) == blanks(en)
    assert "\n" not in zh + en
    assert not any("\u4e00" <= character <= "\u9fff" for character in en)
    if key is not Line.PROGRESS and key is not Line.DIFFERENCE:
        assert any("\u4e00" <= character <= "\u9fff" for character in zh)


def raised() -> dict[Refusal, list[set[str]]]:
    """The details with which each reason is raised anywhere in the package; None where they cannot be told."""
    found: dict[Refusal, list[set[str]]] = {}
    for path in Path(issuer.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Refused"):
                continue
            first = node.args[0]
            if isinstance(first, ast.Attribute) and isinstance(first.value, ast.Name) and first.value.id == "Refusal":
                found.setdefault(Refusal[first.attr], []).append({word.arg or "**" for word in node.keywords})
    return found


RAISED = raised()


@pytest.mark.parametrize("refusal", sorted(RAISED))
def test_whoever_refuses_fills_every_blank(refusal: Refusal) -> None:
    needed = blanks(REFUSALS[refusal][0])
    assert all(needed <= given for given in RAISED[refusal])


def test_every_refusal_is_raised_somewhere() -> None:
    by_hand = {
        Refusal.APPLICATION_MISTAKES,  # ApplicationRefused
        *(Refusal.CARD_TERMINATED, Refusal.HALF_WRITTEN, Refusal.NOT_PERSONALISED),  # a table in endorse
        *(Refusal.ALREADY_DONE, Refusal.ALREADY_PERSONALISED, Refusal.UNKNOWN_CARD, Refusal.DUPLICATE_SERIAL),  # resume
        *(
            Refusal.NO_READER_SERVICE,
            Refusal.NO_READER,
            Refusal.NO_CARD,
            Refusal.PERMIT_UNRESOLVED,
            Refusal.PERMIT_HAS_CARD,
        ),
    }
    assert set(Refusal) - set(RAISED) <= by_hand


def test_an_application_gets_a_line_for_each_mistake() -> None:
    mistakes = (
        Mistake(field="sex", fault=Fault.NOT_A_SEX, details={"value": "W"}),
        Mistake(field="address", fault=Fault.MISSING),
    )
    for lang in Language:
        first, *rest = refusal_lines(ApplicationRefused(mistakes), lang)
        assert first
        assert ["sex" in rest[0], "address" in rest[1]] == [True, True]


@pytest.mark.parametrize(
    ("wanted", "environment", "expected"),
    [
        ("zh", {"LANG": "en_GB.UTF-8"}, Language.ZH),
        (None, {"LANG": "zh_CN.UTF-8"}, Language.ZH),
        (None, {"LC_ALL": "C.UTF-8", "LANG": "zh_CN.UTF-8"}, Language.EN),
        (None, {"LC_ALL": "", "LC_MESSAGES": "zh_TW"}, Language.ZH),
        (None, {}, Language.EN),
    ],
)
def test_the_language(wanted: str | None, environment: dict[str, str], expected: Language) -> None:
    assert language(wanted, environment) is expected


def test_exit_codes() -> None:
    assert Refused(Refusal.NO_CARD).exit_code is ExitCode.REFUSED
    assert Refused(Refusal.TRANSPORT_FAILED).exit_code is ExitCode.CARD_FAILED
    assert Refused(Refusal.KEYS_EXPIRED).exit_code is ExitCode.KEYS_UNUSABLE
    assert Refused(Refusal.SPOILED).exit_code is ExitCode.CARD_SPOILED
    assert ExitCode.DONE not in {Refused(reason).exit_code for reason in Refusal}


def test_tables_line_up_whatever_the_script() -> None:
    text = table([["状态", "a"], ["x", "bb"]])
    assert [columns(line[: line.index(mark)]) for line, mark in zip(text.split("\n"), "ab", strict=True)] == [6, 6]
    assert columns(pad("状", 5)) == 5
