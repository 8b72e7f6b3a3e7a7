"""`permit-issuer rules`, as the issuer's command line mounts it."""

from __future__ import annotations

import argparse
import io
import json
from pathlib import Path
from typing import Any

import pytest

from issuer.cli import main
from issuer.errors import ExitCode
from issuer.rules import cli
from issuer.terminal import Terminal
from issuer.texts import Language

from .material import WORKER, sample, small


def run(*arguments: str, lang: Language = Language.EN) -> tuple[ExitCode, str]:
    top = argparse.ArgumentParser()
    cli.mount(top.add_subparsers())
    out = io.StringIO()
    code = cli.run(top.parse_args(["rules", *arguments]), Terminal(lang, out, io.StringIO()))
    return code, out.getvalue()


BROKEN = [
    b"",
    b"[]",
    b"{",
    b"\xff\xfe",
    b'{"points": -1}',
    b'{"points": 1, "points": 2}',
    b'{"marital_status": 1}',
]


def written(path: Path, tree: Any) -> str:
    path.write_text(json.dumps(tree, ensure_ascii=False), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize("lang", Language)
def test_show(lang: Language) -> None:
    code, text = run("show", lang=lang)
    assert code is ExitCode.DONE
    assert "2026-1" in text
    assert "H08" in text


def test_show_for_programs() -> None:
    tree = json.loads(run("show", "--json")[1])
    assert set(tree["goals"]) > {"eligible", "class-1", "E02"}


def test_explain(tmp_path: Path) -> None:
    facts = written(tmp_path / "facts.json", WORKER)
    code, text = run("explain", "--facts", facts, "--today", "2026-11-21")
    assert code is ExitCode.DONE
    assert "- E02" in text
    tree = json.loads(run("explain", "--facts", facts, "--today", "2026-11-21", "--json")[1])
    assert tree["refusals"]["E02"]["shortfalls"][0]["met_on"] == "2027-05-01"
    until = run("explain", "--facts", facts, "--today", "2026-11-21", "--endorsed-until", "2026-12-31", "--json")[1]
    assert json.loads(until)["grants"]["H01"]["valid_until"] == "2026-12-31"


def test_effect(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tree = sample()
    tree["version"] = "2027-1"
    tree["services"]["E03"]["when"] = {"points": {"at_least": 90}}
    new = written(tmp_path / "new.json", tree)
    holders = tmp_path / "holders.jsonl"
    holders.write_text("".join(json.dumps({"id": f"RP{at}", "facts": WORKER}) + "\n" for at in range(3)))
    arguments = ("effect", "--new", new, "--holders", str(holders), "--today", "2026-11-21")
    assert run(*arguments)[0] is ExitCode.DONE
    assert "3" in capsys.readouterr().err
    found = json.loads(run(*arguments, "--json")[1])
    assert found["services"]["E03"]["lost"] == {"count": 3, "examples": ["RP0", "RP1", "RP2"]}


def test_effect_by_district(tmp_path: Path) -> None:
    """The twenty most affected by name, the others in one line; they add up."""
    tree = sample()
    tree["version"] = "2027-1"
    tree["services"]["E03"]["when"] = {"points": {"at_least": 90}}
    holders = tmp_path / "holders.jsonl"
    districts = [*range(990101, 990123)]
    crowd = [{"id": f"RP{at}", "facts": WORKER | {"district": str(at)}} for at in districts for _ in range(at % 3 + 1)]
    crowd += [{"id": "X", "facts": {name: cell for name, cell in WORKER.items() if name != "district"}}]
    holders.write_text("".join(json.dumps(one) + "\n" for one in crowd))
    new = written(tmp_path / "new.json", tree)
    arguments = ("effect", "--new", new, "--holders", str(holders), "--today", "2026-11-21")
    found = json.loads(run(*arguments, "--json")[1])
    assert sum(part["affected"]["count"] for part in found["districts"].values()) == found["affected"]["count"]
    assert sum(part["losing"] for part in found["districts"].values()) == found["losing"] == len(crowd)
    assert found["districts"]["990101"]["services"]["E03"]["lost"]["examples"] == ["RP990101"] * (990101 % 3 + 1)
    assert found["districts"][""]["holders"] == 1
    lines = [line for line in run(*arguments)[1].splitlines() if "district" in line]
    assert len(lines) == 21
    assert "and 3 more" in lines[-1]


def test_compare(tmp_path: Path) -> None:
    tree = sample()
    tree["version"] = "2027-1"
    tree["classes"]["2"]["all_of"][0] = {"residence": {"at_least": 24}}
    tree["services"]["E03"]["when"] = {"any_of": [{"points": {"at_least": 90}}, {"permit_class": {"at_most": 1}}]}
    code, text = run("compare", "--new", written(tmp_path / "new.json", tree))
    assert code is ExitCode.DONE
    assert "+ points: 90 points or more or class 1 or better" in text
    assert "- residence: 36 months or more and" in text
    assert run("compare", "--new", "2026-1") == (ExitCode.DONE, "")


def test_lint(tmp_path: Path) -> None:
    assert run("lint")[0] is ExitCode.DONE
    code, text = run("lint", "--rules", written(tmp_path / "small.json", small()))
    assert code is ExitCode.REFUSED
    assert "E02" in text


@pytest.mark.parametrize("content", BROKEN)
def test_facts_that_cannot_be_used(tmp_path: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "facts.json"
    path.write_bytes(content)
    assert run("explain", "--facts", str(path))[0] is ExitCode.REFUSED
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "--rules", "1999-1"),
        ("lint", "--rules", "/nowhere.json"),
        ("explain", "--facts", "/nowhere.json"),
        ("effect", "--new", "2026-1", "--holders", "/nowhere.jsonl"),
    ],
)
def test_files_that_are_not_there(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments)[0] is ExitCode.REFUSED
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("option", ["--today", "--endorsed-until"])
@pytest.mark.parametrize("text", ["tomorrow", "2020-01-01"])
def test_dates_that_cannot_be_used(tmp_path: Path, option: str, text: str) -> None:
    facts = written(tmp_path / "facts.json", WORKER)
    code = run("explain", "--facts", facts, option, text)[0]
    assert code is (ExitCode.DONE if (option, text) == ("--today", "2020-01-01") else ExitCode.REFUSED)


@pytest.mark.parametrize("line", ["{}", '{"id": 1, "facts": {}}', '{"id": "A", "facts": {"birth": 1}}', "x"])
def test_a_wrong_line_of_holders_is_named(tmp_path: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "holders.jsonl"
    path.write_text('{"id": "A", "facts": {}}\n' + line + "\n")
    assert run("effect", "--new", "2026-1", "--holders", str(path))[0] is ExitCode.REFUSED
    assert f"{path}:2" in capsys.readouterr().err


def test_it_is_a_command_of_permit_issuer(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rules", "show", "--lang", "zh"]) == ExitCode.DONE
    assert "办理条件" in capsys.readouterr().out
    assert main(["rules", "lint", "--lang", "en"]) == ExitCode.DONE
