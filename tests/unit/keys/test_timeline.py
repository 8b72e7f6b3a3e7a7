"""What is due and overdue, and the picture of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from keys.algorithms import Purpose
from keys.commands.messages import LANGUAGES
from keys.foresight.timeline import Task, TaskKind, tasks
from keys.foresight.timeline_picture import STATES, TASKS, draw
from keys.registry.lifecycle import RULES
from tests.key_home import DAY, NOW, TWO, Home


def todo(home: Home) -> dict[tuple[TaskKind, str], Task]:
    return {(task.kind, name): task for task in tasks(home.open(), home.now) for name in task.subjects}


def overdue(home: Home) -> set[tuple[TaskKind, str]]:
    return {name for name, task in todo(home).items() if task.is_overdue(home.now)}


def test_on_the_first_day_nothing_presses(tmp_path: Path) -> None:
    home = Home(tmp_path)
    found = todo(home)
    assert overdue(home) == set()
    names = {"CSCA-2", "DS-2", "ES-2", "SS-2", "AS-2", "ML-2", "CMK-2"}
    assert {name for kind, name in found if kind is TaskKind.STAGE} == names
    assert found[TaskKind.STAGE, "DS-2"].due == NOW + 69 * DAY
    assert found[TaskKind.STAGE, "DS-2"].overdue == NOW + 76 * DAY  # later, no counter could learn of it in time
    assert found[TaskKind.SIGN_CRL, "CRL 1"].due == NOW + 60 * DAY
    assert all(task.command.startswith("permit-keys ") for task in found.values())


def _nothing(home: Home) -> None:
    pass


def _stage_documents(home: Home) -> None:
    home.days(70).rotation().rotate(Purpose.DOCUMENT_SIGNER)
    home.now = NOW


def _replaced(home: Home) -> None:
    home.rotation().replace("AS-1", override="test")


def _worn(home: Home) -> None:
    home.open().document_signer.count_ahead(100_000)


def _unfinished(home: Home) -> None:
    home.open().registry.begin("stage", {}, at=home.now)


def _lost(home: Home) -> None:
    home.rotation().compromise("ES-1")


def _incomplete(home: Home) -> None:
    home.open().registry.add_revocation(77, home.now)


# What happened, the day after founding, and what must be overdue then.
CASES: dict[str, tuple[Callable[[Home], None], float, tuple[TaskKind, str], bool]] = {
    "a signer is to be staged": (_nothing, 70, (TaskKind.STAGE, "DS-2"), False),
    "a signer was not staged in time": (_nothing, 76, (TaskKind.STAGE, "DS-2"), True),
    "a root was not staged in time": (_nothing, 1461 - 60, (TaskKind.STAGE, "CSCA-2"), True),
    "a staged signer waits for its day": (_stage_documents, 83, (TaskKind.ACTIVATE, "DS-2"), False),
    "a staged signer, and the other has ended": (_stage_documents, 90, (TaskKind.ACTIVATE, "DS-2"), True),
    "a private key is not needed any more": (_replaced, 29, (TaskKind.DESTROY, "AS-1"), False),
    "a private key lies about": (_replaced, 30, (TaskKind.DESTROY, "AS-1"), True),
    "a cap is reached": (_worn, 0, (TaskKind.STAGE, "DS-2"), True),
    "a command was cut off": (_unfinished, 0, (TaskKind.RESUME, "stage"), True),
    "no key is in use": (_lost, 0, (TaskKind.REPLACE, "ES-2"), True),
    "the status list runs out": (_nothing, 27, (TaskKind.SIGN_STATUS, "https://permits.utopia.example/status/1"), True),
    "the CRL runs out": (_nothing, 81, (TaskKind.SIGN_CRL, "CRL 1"), True),
    "the CRL lacks an entry": (_incomplete, 0, (TaskKind.FINISH_CRL, "CRL 1"), True),
}


@pytest.mark.parametrize("name", CASES)
def test_what_is_overdue(tmp_path: Path, name: str) -> None:
    prepare, days, task, late = CASES[name]
    home = Home(tmp_path)
    prepare(home)
    home.now = NOW + days * DAY
    assert task in todo(home)
    assert (task in overdue(home)) == late


def test_doing_what_is_told_leaves_nothing_overdue(tmp_path: Path) -> None:
    """Whoever follows the list once a week for two years is never late."""
    home = Home(tmp_path)
    for _ in range(104):
        assert overdue(home) == set()
        for task in tasks(home.open(), home.now):
            if task.due > home.now:
                continue
            if task.kind in {TaskKind.STAGE, TaskKind.ACTIVATE}:
                assert task.purpose is not None
                home.rotation().rotate(task.purpose)
            elif task.kind is TaskKind.DESTROY:
                for name in task.subjects:
                    home.rotation(TWO).destroy(name)
            else:
                home.open().refresh()
        home.days(7)
    assert home.open().registry.active(Purpose.DOCUMENT_SIGNER).generation == 9


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_picture_shows_every_key_and_task(tmp_path: Path, language: str) -> None:
    home = Home(tmp_path)
    for _ in range(40):
        for purpose in RULES:
            home.rotation().rotate(purpose)
        if home.open().published_crl().next_update - home.now < 30 * DAY:
            home.open().refresh()
        home.days(7)
    home.rotation().compromise("ES-2")
    authority = home.open()
    todo = tasks(authority, home.now)
    half = LANGUAGES.index(language)
    drawing = draw(authority.registry.keys, todo, now=home.now, name="<A & B>", language=language)
    picture = ElementTree.fromstring(drawing)
    shown = ["".join(text.itertext()) for text in picture.iter("{http://www.w3.org/2000/svg}text")]
    for key in authority.registry.keys:
        if key.purpose is not Purpose.DOCUMENT_SIGNER or key.generation > 1:
            assert key.name in shown
    assert any("<A & B>" in text for text in shown)
    assert {STATES[key.state][half] for key in authority.registry.keys} <= set(shown)
    assert {TASKS[task.kind][half] for task in todo if task.due < home.now + 400 * DAY} <= set(shown)
    width, height = float(picture.attrib["width"]), float(picture.attrib["height"])
    for element in picture.iter():
        x, y = float(element.get("x", 0)), float(element.get("y", 0))
        assert 0 <= x <= width
        assert 0 <= y <= height
        assert x + float(element.get("width", 0)) <= width


def test_every_state_and_task_has_words() -> None:
    for words in (*STATES.values(), *TASKS.values()):
        assert len(set(words)) == 2
    assert set(TASKS) == set(TaskKind)
