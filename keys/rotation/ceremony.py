"""Ceremonies: scripts of steps that people go through together, one after the other, and what comes out of each.

A script is data (JSON): who takes part, what is asked, which commands run. Every answer is on disk before the next step
begins, so a ceremony that breaks off, for a power cut or for lunch, goes on where it stopped: same script, same people.
At the end stand the minutes (`minutes`).

    {"name": "founding", "title": {"zh": …, "en": …},
     "roles": {"operator": {…}, "witness": {…}},            who takes part; both of these, always
     "parameters": {"authority": {…}},                      asked once, before the first step
     "steps": [{"id": "room", "who": ["operator", "witness"], "text": {…}, "kind": "confirm"},
               {"id": "init", "who": […], "text": {…}, "kind": "run", "command": ["init", "--authority", "{authority}"]}
              ]}
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from ..errors import DecodeError
from ..files import PRIVATE, read_regular, replace

MAX_SCRIPT = 1 << 18
MAX_ANSWER = 200
REQUIRED_ROLES = ("operator", "witness")
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_-]{0,39}")


class CeremonyReason(StrEnum):
    """Why a ceremony does not go on."""

    SCRIPT = "script"
    """The script cannot be read."""
    OTHER_SCRIPT = "other_script"
    """The ceremony in this directory was begun by another script."""
    SAME_PERSON = "same_person"
    """One name for two roles."""
    NOT_CONFIRMED = "not_confirmed"
    STEP_FAILED = "step_failed"
    """A command ended with an error: put it right, and go on."""
    FINISHED = "finished"
    NO_MINUTES = "no_minutes"
    """The minutes do not verify."""


class CeremonyError(Exception):
    """The ceremony stops, for `reason`; what was answered so far is kept."""

    def __init__(self, message: str, *, reason: CeremonyReason, detail: str = "") -> None:
        super().__init__(message)
        self.reason = reason
        self.detail = detail


class Kind(StrEnum):
    """What a step wants."""

    CONFIRM = "confirm"
    """Those present say yes."""
    RECORD = "record"
    """Something is written down, such as the number of a seal."""
    RUN = "run"
    """A command of permit-keys."""


Bilingual = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step."""

    id: str
    who: tuple[str, ...]
    text: Bilingual
    kind: Kind
    command: tuple[str, ...] = ()
    pattern: str = ""
    """What an answer to be recorded looks like; anything when empty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """A whole ceremony."""

    name: str
    title: Bilingual
    roles: Mapping[str, Bilingual]
    parameters: Mapping[str, Bilingual]
    steps: tuple[Step, ...]
    digest: str
    """SHA-256 of the file, in hex."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came out of a step."""

    step: str
    at: datetime
    present: tuple[str, ...]
    """Names."""
    answer: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """How far a ceremony got."""

    script: str
    """Digest."""
    begun: datetime
    event: int
    """Number of the last event in the registry before it began; 0 without a registry."""
    people: Mapping[str, str]
    parameters: Mapping[str, str]
    answers: tuple[Answer, ...] = ()
    finished: datetime | None = None


class Console:
    """How a ceremony talks with the people: replaced in tests."""

    def __init__(
        self, ask: Callable[[str], str], tell: Callable[[str], None], run: Callable[[tuple[str, ...]], int]
    ) -> None:
        self.ask, self.tell, self.run = ask, tell, run


def parse(raw: bytes) -> Script:
    """Read a script; `CeremonyError` (SCRIPT) names what is wrong."""
    try:
        members = json.loads(raw)
        roles = {_identifier(name): _bilingual(text) for name, text in members["roles"].items()}
        parameters = {_identifier(name): _bilingual(text) for name, text in members.get("parameters", {}).items()}
        script = Script(
            name=_identifier(members["name"]),
            title=_bilingual(members["title"]),
            roles=roles,
            parameters=parameters,
            steps=tuple(_step(step, roles, parameters) for step in members["steps"]),
            digest=sha256(raw).hexdigest(),
        )
        identifiers = [step.id for step in script.steps]
        if len(set(identifiers)) != len(identifiers) or not identifiers:
            raise ValueError("each step has an id of its own")
        if missing := set(REQUIRED_ROLES) - set(roles):
            raise ValueError(f"no role {', '.join(sorted(missing))}")
        return script
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, re.error) as error:
        raise CeremonyError(f"script: {error}", reason=CeremonyReason.SCRIPT, detail=str(error)[:200]) from error


class Ceremony:
    """One ceremony, whose record is the file `path`."""

    def __init__(
        self, script: Script, path: str, console: Console, *, language: str, clock: Callable[[], datetime]
    ) -> None:
        self.script, self._path, self._console = script, path, console
        self._language, self._clock = language, clock

    def record(self) -> Record | None:
        """How far it got; None before the first answer. `CeremonyError` (OTHER_SCRIPT)."""
        try:
            raw, _ = read_regular(self._path, limit=MAX_SCRIPT * 4)
        except FileNotFoundError:
            return None
        except DecodeError as error:
            raise CeremonyError(str(error), reason=CeremonyReason.SCRIPT, detail=self._path) from error
        record = _read_record(raw, self._path)
        if record.script != self.script.digest:
            raise CeremonyError("begun by another script", reason=CeremonyReason.OTHER_SCRIPT, detail=self._path)
        return record

    def run(self, *, event: int, people: Mapping[str, str], parameters: Mapping[str, str]) -> Record:
        """Go on until the last step is answered; returns the record, not finished yet.

        `people` and `parameters` are those known already; the others are asked. `CeremonyError`; whatever was answered
        until then is kept.
        """
        record = self.record() or self._begin(event, people, parameters)
        if record.finished is not None:
            raise CeremonyError("is finished", reason=CeremonyReason.FINISHED, detail=self._path)
        answered = {answer.step for answer in record.answers}
        for number, step in enumerate(self.script.steps, 1):
            if step.id not in answered:
                record = self._take(record, step, number)
        return record

    def finish(self, record: Record) -> Record:
        """The minutes are written: nothing is asked any more."""
        return self._keep(
            Record(
                script=record.script,
                begun=record.begun,
                event=record.event,
                people=record.people,
                parameters=record.parameters,
                answers=record.answers,
                finished=self._clock(),
            )
        )

    def _begin(self, event: int, people: Mapping[str, str], parameters: Mapping[str, str]) -> Record:
        self._console.tell(self.script.title[self._language])
        named: dict[str, str] = {}
        for role, text in self.script.roles.items():
            named[role] = people.get(role) or self._answer(f"{text[self._language]}: ", "")
            if list(named.values()).count(named[role]) > 1:
                raise CeremonyError("one name for two roles", reason=CeremonyReason.SAME_PERSON, detail=named[role])
        given = {
            name: parameters.get(name) or self._answer(f"{text[self._language]}: ", "")
            for name, text in self.script.parameters.items()
        }
        begun = Record(script=self.script.digest, begun=self._clock(), event=event, people=named, parameters=given)
        return self._keep(begun)

    def _take(self, record: Record, step: Step, number: int) -> Record:
        values = {**record.parameters, **record.people}
        text = filled(step.text[self._language], values)
        present = tuple(record.people[role] for role in step.who)
        self._console.tell(f"\n[{number}/{len(self.script.steps)}] {' + '.join(present)}\n{text}")
        if step.kind is Kind.CONFIRM:
            answer = self._console.ask("yes? ").strip().lower()
            if answer not in {"yes", "y", "是"}:
                raise CeremonyError("not confirmed", reason=CeremonyReason.NOT_CONFIRMED, detail=step.id)
            answer = "yes"
        elif step.kind is Kind.RECORD:
            answer = self._answer("> ", step.pattern)
        else:
            command = tuple(filled(part, values) for part in step.command)
            self._console.tell(f"$ permit-keys {' '.join(command)}")
            code = self._console.run(command)
            if code:
                raise CeremonyError(f"exit code {code}", reason=CeremonyReason.STEP_FAILED, detail=step.id)
            answer = f"permit-keys {' '.join(command)}"
        taken = Answer(step=step.id, at=self._clock(), present=present, answer=answer)
        return self._keep(
            Record(
                script=record.script,
                begun=record.begun,
                event=record.event,
                people=record.people,
                parameters=record.parameters,
                answers=(*record.answers, taken),
            )
        )

    def _answer(self, prompt: str, pattern: str) -> str:
        for _ in range(3):
            answer = self._console.ask(prompt).strip()
            if 0 < len(answer) <= MAX_ANSWER and answer.isprintable() and re.fullmatch(pattern or ".*", answer):
                return answer
        raise CeremonyError("no answer that fits", reason=CeremonyReason.NOT_CONFIRMED, detail=prompt.strip())

    def _keep(self, record: Record) -> Record:
        members = {
            "script": record.script,
            "begun": record.begun.isoformat(),
            "event": record.event,
            "people": dict(record.people),
            "parameters": dict(record.parameters),
            "answers": [
                {"step": one.step, "at": one.at.isoformat(), "present": list(one.present), "answer": one.answer}
                for one in record.answers
            ],
            "finished": record.finished.isoformat() if record.finished else None,
        }
        os.makedirs(os.path.dirname(self._path) or ".", mode=0o700, exist_ok=True)
        replace(self._path, (json.dumps(members, ensure_ascii=False, indent=1) + "\n").encode(), mode=PRIVATE)
        return record


def _read_record(raw: bytes, path: str) -> Record:
    try:
        members: dict[str, Any] = json.loads(raw)
        return Record(
            script=members["script"],
            begun=datetime.fromisoformat(members["begun"]),
            event=int(members["event"]),
            people=members["people"],
            parameters=members["parameters"],
            answers=tuple(
                Answer(
                    step=one["step"],
                    at=datetime.fromisoformat(one["at"]),
                    present=tuple(one["present"]),
                    answer=one["answer"],
                )
                for one in members["answers"]
            ),
            finished=datetime.fromisoformat(members["finished"]) if members["finished"] else None,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise CeremonyError(f"{path}: {error}", reason=CeremonyReason.SCRIPT, detail=path) from error


def _step(members: Mapping[str, Any], roles: Mapping[str, Any], parameters: Mapping[str, Any]) -> Step:
    step = Step(
        id=_identifier(members["id"]),
        who=tuple(_identifier(role) for role in members["who"]),
        text=_bilingual(members["text"]),
        kind=Kind(members["kind"]),
        command=tuple(str(part) for part in members.get("command", ())),
        pattern=str(members.get("pattern", "")),
    )
    if unknown := set(step.who) - set(roles):
        raise ValueError(f"step {step.id}: no role {', '.join(sorted(unknown))}")
    if not step.who or (step.kind is Kind.RUN) != bool(step.command):
        raise ValueError(f"step {step.id}: who is there, and what runs?")
    for part in (*step.command, *step.text.values()):
        for name in re.findall(r"\{([^{}]*)\}", part):
            if name not in {*roles, *parameters}:
                raise ValueError(f"step {step.id}: no role or parameter {name}")
    re.compile(step.pattern)
    return step


def filled(text: str, values: Mapping[str, str]) -> str:
    """The text with its {names} replaced."""
    # Not `format`: what people typed is not looked into again.
    return re.sub(r"\{([^{}]*)\}", lambda match: values[match[1]], text)


def _identifier(value: Any) -> str:
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise ValueError(f"{value!r:.40} is no name")
    return value


def _bilingual(value: Any) -> Bilingual:
    if not isinstance(value, dict) or set(value) != {"zh", "en"} or not all(isinstance(x, str) for x in value.values()):
        raise ValueError("texts are zh and en")
    return dict(value)
