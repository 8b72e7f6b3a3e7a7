"""Ceremonies: every answer kept, two people, minutes that can be checked."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from keys import cli
from keys.commands.messages import LANGUAGES
from keys.rotation import minutes
from keys.rotation.ceremony import Ceremony, CeremonyReason, Console, Kind, Script, parse
from tests.key_home import MEMBERS, NOW, PASSPHRASE, Home, reason_of

BUNDLED = sorted(entry.name for entry in files("keys.ceremonies").iterdir() if entry.name.endswith(".json"))
BOTH = {"zh": "甲", "en": "A"}
STEPS: list[dict[str, Any]] = [
    {"id": "room", "who": ["operator", "witness"], "kind": "confirm", "text": BOTH},
    {
        "id": "seal",
        "who": ["operator"],
        "kind": "record",
        "text": {"zh": "{safe}", "en": "{safe}"},
        "pattern": "S-[0-9]+",
    },
    {"id": "look", "who": ["witness"], "kind": "run", "text": BOTH, "command": ["status", "{safe}", "{operator}"]},
]
SCRIPT: dict[str, Any] = {
    "name": "test",
    "title": BOTH,
    "roles": {"operator": BOTH, "witness": BOTH},
    "parameters": {"safe": BOTH},
    "steps": STEPS,
}


def script(**changes: Any) -> Script:
    return parse(json.dumps({**SCRIPT, **changes}).encode())


class People:
    """Answers from a list; an empty list is a power cut."""

    def __init__(self, *answers: str, codes: tuple[int, ...] = (0,)) -> None:
        self.answers, self.codes = list(answers), list(codes)
        self.told: list[str] = []
        self.ran: list[tuple[str, ...]] = []

    def console(self) -> Console:
        return Console(self.ask, self.told.append, self.run)

    def ask(self, prompt: str) -> str:
        if not self.answers:
            raise KeyboardInterrupt
        return self.answers.pop(0)

    def run(self, command: tuple[str, ...]) -> int:
        self.ran.append(command)
        return self.codes.pop(0)


def ceremony(folder: Path, people: People, what: Script | None = None) -> Ceremony:
    return Ceremony(what or script(), str(folder / "record.json"), people.console(), language="en", clock=lambda: NOW)


ANSWERS = ("Li", "Wang", "blue safe", "yes", "S-1")


def go(folder: Path, people: People, what: Script | None = None) -> object:
    return ceremony(folder, people, what).run(event=0, people={}, parameters={})


def test_from_end_to_end(tmp_path: Path) -> None:
    people = People(*ANSWERS)
    record = ceremony(tmp_path, people).run(event=5, people={}, parameters={})
    assert people.ran == [("status", "blue safe", "Li")]
    assert record.people == {"operator": "Li", "witness": "Wang"}
    assert [(one.step, one.present, one.answer) for one in record.answers] == [
        ("room", ("Li", "Wang"), "yes"),
        ("seal", ("Li",), "S-1"),
        ("look", ("Wang",), "permit-keys status blue safe Li"),
    ]
    done = ceremony(tmp_path, people).finish(record)
    assert done.finished == NOW
    assert reason_of(lambda: go(tmp_path, people)) is CeremonyReason.FINISHED


@pytest.mark.parametrize("answered", range(len(ANSWERS)))
def test_broken_off_at_any_question_it_goes_on_there(tmp_path: Path, answered: int) -> None:
    """People are asked again for their names only while no step was taken."""
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, People(*ANSWERS[:answered]))
    kept = 0 if answered < 3 else answered
    people = People(*ANSWERS[kept:])
    go(tmp_path, people)
    assert people.answers == []
    assert len(people.ran) == 1


def test_a_failing_command_is_run_again(tmp_path: Path) -> None:
    people = People(*ANSWERS, codes=(1, 0))
    assert reason_of(lambda: go(tmp_path, people)) is CeremonyReason.STEP_FAILED
    go(tmp_path, people)
    assert len(people.ran) == 2


def test_what_is_not_confirmed_stops(tmp_path: Path) -> None:
    assert reason_of(lambda: go(tmp_path, People("Li", "Wang", "x", "no"))) is CeremonyReason.NOT_CONFIRMED
    assert reason_of(lambda: go(tmp_path, People(""))) is CeremonyReason.NOT_CONFIRMED
    people = People("是", "S-x", "s-1", "1")
    assert reason_of(lambda: go(tmp_path, people)) is CeremonyReason.NOT_CONFIRMED  # no answer fits the pattern


@pytest.mark.parametrize("answer", ["", " ", "x" * 201, "a\x1b[2J"])
def test_answers_that_are_none(tmp_path: Path, answer: str) -> None:
    assert reason_of(lambda: go(tmp_path, People(answer, answer, answer))) is CeremonyReason.NOT_CONFIRMED


def test_one_person_is_not_two(tmp_path: Path) -> None:
    assert reason_of(lambda: go(tmp_path, People("Li", "Li"))) is CeremonyReason.SAME_PERSON


def test_what_people_typed_is_not_looked_into(tmp_path: Path) -> None:
    people = People("{witness}", "Wang", "{operator}", "yes", "S-1")
    go(tmp_path, people)
    assert people.ran == [("status", "{operator}", "{witness}")]


def test_another_script_does_not_go_on_with_it(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        go(tmp_path, People(*ANSWERS[:4]))
    other = script(title={"zh": "乙", "en": "B"})
    assert reason_of(lambda: go(tmp_path, People(), other)) is CeremonyReason.OTHER_SCRIPT
    (tmp_path / "record.json").write_text("{}")
    assert reason_of(lambda: go(tmp_path, People())) is CeremonyReason.SCRIPT


def _step(**changes: Any) -> dict[str, Any]:
    return {"steps": [{**STEPS[0], **changes}]}


WRONG: dict[str, dict[str, Any]] = {
    "no steps": {"steps": []},
    "no witness": {"roles": {"operator": BOTH}},
    "a step twice": {"steps": [STEPS[0], STEPS[0]]},
    "one language": {"title": {"en": "A"}},
    "a text that is none": {"title": {"en": "A", "zh": 1}},
    "nobody there": _step(who=[]),
    "a stranger there": _step(who=["stranger"]),
    "an unknown kind": _step(kind="dance"),
    "nothing to run": _step(kind="run"),
    "something to run": _step(command=["status"]),
    "an unknown name in a text": _step(text={"zh": "{key}", "en": "x"}),
    "a name that is none": {"name": "../x"},
    "a pattern that is none": {"steps": [{**STEPS[1], "pattern": "("}]},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_scripts(name: str) -> None:
    assert reason_of(lambda: script(**WRONG[name])) is CeremonyReason.SCRIPT


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_what_is_no_script(raw: bytes) -> None:
    assert reason_of(lambda: parse(raw)) is CeremonyReason.SCRIPT


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_scripts(name: str) -> None:
    """Each can be read, is named like its file, and its commands are ones that permit-keys has."""
    known = parse((files("keys.ceremonies") / name).read_bytes())
    assert f"{known.name}.json" == name
    for step in known.steps:
        if step.kind is Kind.RUN:
            arguments = [*step.command, "--home", "x"]
            assert cli._parser(lambda: NOW).parse_args(arguments).home == "x"
            assert any("{witness}" in part for part in step.command) or step.command[0] in {
                "status",
                "publication",
                "publish",
            }


# The command, for real.


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    (tmp_path / "authority.json").write_text(json.dumps(MEMBERS))
    (tmp_path / "passphrase").write_bytes(PASSPHRASE)
    (tmp_path / "other").write_bytes(b"another horse")
    return tmp_path


def run(desk: Path, *arguments: str) -> int:
    files = ["--passphrase-file", str(desk / "passphrase"), "--backup-passphrase-file", str(desk / "other")]
    home = ["--home", str(desk / "home"), "--lang", "en"]
    return cli.main(["ceremony", *arguments, *home, *files], clock=lambda: NOW)


@pytest.mark.parametrize("language", LANGUAGES)
def test_founding(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], language: str
) -> None:
    answers = ["Li Wei", "Wang Fang", str(desk / "authority.json"), str(desk / "b.bak"), *["yes"] * 5]
    monkeypatch.setattr("builtins.input", lambda prompt: answers.pop(0) if answers else exit_now())
    with pytest.raises(KeyboardInterrupt):
        run(desk, "founding")  # a power cut when the backup is to be put away
    assert (desk / "home" / "registry.db").exists()
    assert (desk / "b.bak").exists()
    answers += ["S-17", "E-3"]
    assert run(desk, "founding") == 0
    (signed,) = (desk / "home" / "minutes").glob("*.cose")
    text = signed.with_suffix(".txt").read_text()
    home = Home.__new__(Home)
    home.path, home.now = desk / "home", NOW
    members = minutes.verify(home.open(), signed.read_bytes())
    assert members["people"] == {"operator": "Li Wei", "witness": "Wang Fang"}
    assert json.loads(signed.with_suffix(".json").read_text()) == members
    assert [key["name"] for key in members["keys"]] == [
        *("CSCA-1", "DS-1", "ES-1", "SS-1", "AS-1", "ML-1", "CMK-1"),
        *("ROOT-1", "ROOT-2", "ROOT-3", "ROOT-4", "ROOT-5", "TARGETS-1", "TARGETS-2", "SNAPSHOT-1", "TIMESTAMP-1"),
    ]
    assert all(key["kid"] in text for key in members["keys"])
    assert members["events"][0]["witness"] == "Wang Fang"
    assert members["history"] == home.open().registry.events()[len(members["events"]) - 1].digest.hex()
    assert len(members["software"]["sha256"]) == len(members["anchor"]) == 64
    assert all(word in text for word in ("Li Wei", "Wang Fang", "S-17", "E-3"))
    capsys.readouterr()
    arguments = ["ceremony", "--home", str(desk / "home"), "--lang", language, "--verify"]
    assert cli.main([*arguments, str(signed)], clock=lambda: NOW) == 0
    raw = bytearray(signed.read_bytes())
    raw[len(raw) // 2] ^= 1
    (desk / "forged").write_bytes(raw)
    assert cli.main([*arguments, str(desk / "forged")], clock=lambda: NOW) == 1


def exit_now() -> str:
    raise KeyboardInterrupt


def test_erasure(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    home = Home(tmp_path)
    home.rotation().replace("DS-1", override="test")
    answers = ["Li", "Wang", "DS-1", "yes", "yes", "yes"]
    monkeypatch.setattr("builtins.input", lambda prompt: answers.pop(0))
    assert run(desk, "erasure") == 0
    assert home.open().registry.by_name("DS-1").destroyed_at == NOW


def test_settings_are_not_asked(desk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Home(tmp_path).rotation().replace("DS-1", override="test")
    answers = ["yes", "yes", "yes"]
    monkeypatch.setattr("builtins.input", lambda prompt: answers.pop(0))
    given = [word for pair in ("operator=Li", "witness=Wang", "key=DS-1") for word in ("--set", pair)]
    assert run(desk, "erasure", *given) == 0
    assert run(desk, "erasure", "--set", "x") == 1
    assert run(desk, "no-such-script") == 1


def test_minutes_of_another_authority(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    ours, theirs = Home(tmp_path), Home(tmp_path / "other")
    theirs.rotation().replace("AS-1", override="a key of their own")
    record = ceremony(tmp_path, People(*ANSWERS)).run(event=0, people={}, parameters={})
    written = minutes.write(theirs.open(), script(), record, ended=NOW)
    signed = Path(written.cose).read_bytes()
    assert minutes.verify(theirs.open(), signed)["ceremony"] == "test"
    assert reason_of(lambda: minutes.verify(ours.open(), signed)) is CeremonyReason.NO_MINUTES
    assert reason_of(lambda: minutes.verify(ours.open(), b"")) is CeremonyReason.NO_MINUTES
