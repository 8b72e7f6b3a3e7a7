"""`permit-issuer rules`: show a rule set, explain what it gives a holder, compare versions, look for mistakes.

`mount` adds the commands to the parser of `permit-issuer`; each takes the parsed options and the terminal, and returns
the exit code. Nothing is written but the answer.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from card_profiles.entitlements import catalogue
from card_profiles.entitlements.catalogue import ServiceStatus

from ..assemble import civil_date
from ..errors import ExitCode
from ..terminal import Terminal
from ..texts import Language, language, say
from . import assessment, bulk, facts, parser, rule_set, texts
from . import effect as effects
from .changes import Kind, changes
from .evaluate import evaluate
from .facts import Facts, Row
from .faults import Fault, Mistake, RulesRefused
from .lint import Severity
from .lint import lint as find_flaws
from .normal import ELIGIBLE
from .phrases import CHANGES, Phrase
from .rule_set import RuleSet

MAX_LINE = 64 * 1024  # characters of one holder
_Command = Callable[[argparse.Namespace, Terminal], ExitCode]


def mount(commands: argparse._SubParsersAction[Any]) -> argparse.ArgumentParser:
    """Add ``rules`` with its five commands; their function lands in `rules_command`, `run` calls it."""
    rules: argparse.ArgumentParser = commands.add_parser("rules", help="classes and services by rules 分类与服务规则")
    known = rules.add_subparsers(required=True, metavar="COMMAND")
    for name, (command, line) in _COMMANDS.items():
        one = known.add_parser(name, help=line)
        one.set_defaults(rules_command=command)
        one.add_argument("--rules", metavar="V", help="a version or a file; else the newest 规则版本或文件")
        if name in ("show", "explain", "effect"):
            one.add_argument("--json", action="store_true", help="for programs 机器可读")
        if name in ("explain", "effect"):
            one.add_argument("--today", metavar="DATE", help="as if it were that day 假定日期")
        if name == "explain":
            one.add_argument("--facts", type=Path, required=True, metavar="FILE", help="facts in JSON 事实")
            one.add_argument("--endorsed-until", metavar="DATE", help="next endorsement 下次签注")
        if name in ("effect", "compare"):
            one.add_argument("--new", required=True, metavar="V", help="the version to come 新版本")
        if name == "effect":
            holders = 'lines of {"id": …, "facts": {…}} 持证人'
            one.add_argument("--holders", type=Path, required=True, metavar="FILE", help=holders)
    return rules


def run(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    """The command that was chosen; every mistake in what it reads is told at once, on standard error."""
    command: _Command = options.rules_command
    try:
        return command(options, screen)
    except RulesRefused as refused:
        for mistake in refused.mistakes:
            _aside(texts.mistake_line(mistake, screen.lang))
        return ExitCode.REFUSED


def show(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    """The ways to each class and service."""
    found = chosen(options.rules)
    known = catalogue.load()
    if options.json:
        goals = {goal: [assessment.way_record(way) for way in ways] for goal, ways in found.goals.items()}
        _json({"version": found.version, "digest": found.digest, "goals": goals}, screen)
        return ExitCode.DONE
    name = found.rules.zh if screen.lang == "zh" else found.rules.en
    header = {"version": found.version, "name": name, "effective": found.effective_from, "digest": found.digest[:16]}
    screen.write(say(Phrase.RULE_SET.text, screen.lang, header))
    for goal, ways in found.goals.items():
        screen.write(texts.title(goal, known, screen.lang))
        for way in ways:
            screen.write("  - " + texts.way_text(way, screen.lang))
    for code, service in known.services.items():
        if service.status is ServiceStatus.PROPOSED and code not in found.services:
            head = f"{texts.title(code, known, screen.lang)}{texts.colon(screen.lang)}"
            screen.write(head + say(Phrase.NOT_IN_FORCE.text, screen.lang))
    return ExitCode.DONE


def explain(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    """What a holder gets, why, and what is short of the rest."""
    found = chosen(options.rules)
    today = _day(options.today, "--today") or civil_date(datetime.now(UTC))
    until = _day(options.endorsed_until, "--endorsed-until")
    if until is not None and until < today:
        raise RulesRefused((_mistake("--endorsed-until", Fault.OUT_OF_RANGE, f">= {today}"),))
    answer = evaluate(found, read_facts(options.facts), today, endorsed_until=until)
    if options.json:
        _json(assessment.record(answer), screen)
        return ExitCode.DONE
    known = catalogue.load()
    screen.write(texts.standing_line(answer, screen.lang))
    for goal, refusal in answer.better.items():
        if goal == ELIGIBLE or answer.eligible:
            screen.write("\n".join(texts.refusal_lines(goal, refusal, known, screen.lang)))
    for code, grant in answer.grants.items():
        screen.write("+ " + texts.grant_line(code, grant, known, screen.lang))
        for item in grant.explanation:
            screen.write("    " + texts.finding_line(item, screen.lang))
    for code, refusal in answer.refusals.items():
        screen.write("- " + "\n  ".join(texts.refusal_lines(code, refusal, known, screen.lang)))
    return ExitCode.DONE


def effect(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    """What another version changes over all holders of a file, with progress on standard error."""
    old, new = chosen(options.rules), chosen(options.new)
    today = _day(options.today, "--today") or civil_date(datetime.now(UTC))

    def progress(done: int) -> None:
        _aside(say(Phrase.PROGRESS.text, screen.lang, {"done": f"{done:,}"}))

    found = effects.effect(old, new, bulk.batches(read_holders(options.holders)), today, progress)
    if options.json:
        places = {place or "": effects.part_record(found.places[place]) for place in effects.ranked(found.places)}
        _json(effects.record(found) | {"districts": places}, screen)
        return ExitCode.DONE
    for line in texts.effect_lines(found, catalogue.load(), screen.lang):
        screen.write(line)
    return ExitCode.DONE


def compare(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    """What another version says otherwise, rule by rule."""
    known = catalogue.load()
    for item in changes(chosen(options.rules), chosen(options.new)):
        head = texts.title(item.goal, known, screen.lang) + texts.colon(screen.lang)
        screen.write(head + say(CHANGES[item.kind], screen.lang))
        for mark, rule in (("-", item.before), ("+", item.after)):
            if rule is not None and item.kind is not Kind.INDIRECT:
                lines = [texts.condition_text(condition.node, screen.lang) for condition in rule.conditions]
                screen.write(f"  {mark} {texts.joined(lines, screen.lang, one_of=rule.one_of)}")
    return ExitCode.DONE


def lint(options: argparse.Namespace, screen: Terminal) -> ExitCode:
    """What is wrong with a rule set. REFUSED if there is any error."""
    found = chosen(options.rules)
    flaws = find_flaws(found, catalogue.load())
    for flaw in flaws:
        screen.write(texts.lint_line(flaw, screen.lang))
    if not flaws:
        screen.write(say(Phrase.NO_FLAW.text, screen.lang, {"version": found.version}))
    return ExitCode.REFUSED if any(flaw.severity is Severity.ERROR for flaw in flaws) else ExitCode.DONE


# --- what the commands read


def chosen(name: str | None) -> RuleSet:
    """A bundled version, a file, or the newest bundled version. Raises RulesRefused."""
    known = rule_set.versions()
    if name is None or name in known:
        return rule_set.load(name or known[-1])
    path = Path(name)
    return rule_set.parse(_read(path, parser.MAX_SIZE, known=", ".join(known)))


def read_facts(path: Path) -> Facts:
    """Facts of one holder. Raises RulesRefused."""
    return facts.from_record(_object(_read(path, MAX_LINE).decode("utf-8-sig", "replace"), str(path)))


def read_holders(path: Path) -> Iterator[tuple[str, Row]]:
    """One holder a line, as it is asked for. Raises RulesRefused, which names the line."""
    try:
        with path.open(encoding="utf-8", errors="replace") as stream:
            for number, line in enumerate(iter(lambda: stream.readline(MAX_LINE), ""), start=1):
                tree = _object(line, f"{path}:{number}")
                if set(tree) != {"id", "facts"} or not isinstance(tree["id"], str) or type(tree["facts"]) is not dict:
                    raise RulesRefused((_mistake(f"{path}:{number}", Fault.WRONG_FORMAT, '{"id": "…", "facts": {…}}'),))
                try:
                    yield tree["id"], facts.from_record(tree["facts"]).row()
                except RulesRefused as refused:
                    raise RulesRefused(
                        tuple(
                            Mistake(path=f"{path}:{number}/{item.path}", fault=item.fault, details=item.details)
                            for item in refused.mistakes
                        )
                    ) from refused
    except OSError as error:
        raise RulesRefused((_mistake(str(path), Fault.NO_SUCH_FILE, "-"),)) from error


def _read(path: Path, limit: int, known: str = "-") -> bytes:
    try:
        with path.open("rb") as stream:
            raw = stream.read(limit + 1)
    except OSError as error:
        raise RulesRefused((_mistake(str(path), Fault.NO_SUCH_FILE, known),)) from error
    if len(raw) > limit:
        raise RulesRefused((_mistake(str(path), Fault.TOO_LARGE, str(limit)),))
    return raw


def _object(text: str, path: str) -> dict[str, Any]:
    try:
        tree = json.loads(text, object_pairs_hook=_unique)
    except (ValueError, RecursionError) as error:
        mistake = Mistake(path=path, fault=Fault.NOT_JSON, details={"value": str(error)})
        raise RulesRefused((mistake,)) from error
    if not isinstance(tree, dict):
        raise RulesRefused((_mistake(path, Fault.NOT_AN_OBJECT, "-"),))
    return tree


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        names = [name for name, _ in pairs]
        twice = ", ".join(sorted({name for name in names if names.count(name) > 1}))
        raise RulesRefused((Mistake(path=twice, fault=Fault.DUPLICATE, details={"value": twice}),))
    return tree


def _day(text: str | None, option: str) -> date | None:
    if text is None:
        return None
    try:
        return facts.parse_date(text)
    except ValueError as error:
        raise RulesRefused((Mistake(path=option, fault=Fault.NOT_A_DATE, details={"value": text}),)) from error


def _mistake(path: str, fault: Fault, known: str) -> Mistake:
    return Mistake(path=path, fault=fault, details={"known": known, "value": path})


def _aside(line: str) -> None:
    """To standard error."""
    print(line, file=sys.stderr, flush=True)


def _json(tree: object, screen: Terminal) -> None:
    screen.write(json.dumps(tree, ensure_ascii=False, indent=2))


_COMMANDS: dict[str, tuple[_Command, str]] = {
    "show": (show, "the ways to each class and service 查看规则"),
    "explain": (explain, "what a holder gets, and what is short 解释结果"),
    "effect": (effect, "what a new version changes over all holders 新版影响"),
    "compare": (compare, "what a new version says otherwise, rule by rule 与新版逐条比较"),
    "lint": (lint, "look for mistakes in a rule set 检查规则"),
}


def main(arguments: Sequence[str]) -> int:
    """`permit-issuer rules …` by itself: it needs neither card nor database. `--lang` may stand anywhere."""
    tongue = argparse.ArgumentParser(add_help=False)
    tongue.add_argument("--lang", choices=[one.value for one in Language], help="else LANG decides 语言")
    chosen_language, rest = tongue.parse_known_args(arguments)
    top = argparse.ArgumentParser(prog="permit-issuer", parents=[tongue])
    mount(top.add_subparsers(required=True, metavar="COMMAND"))
    return run(top.parse_args(rest), Terminal(language(chosen_language.lang, os.environ), sys.stdout, sys.stderr))
