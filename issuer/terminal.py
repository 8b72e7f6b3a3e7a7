"""What the person at the desk sees: lines in their language, progress, tables. Progress goes to standard error."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from io import BytesIO
from typing import TextIO

from . import plan
from .errors import Refused
from .journal import Event, Journal
from .photo import MIN_HEIGHT, MIN_WIDTH
from .plan import Step, StepKind
from .progress import Progress
from .texts import LINES, STATES, STEPS, Language, Line, refusal_lines, say

_WIDTH = 79  # columns of a progress line that is overwritten


class Terminal:
    """Lines to `out`; progress, warnings and refusals to `err`."""

    def __init__(self, lang: Language, out: TextIO, err: TextIO) -> None:
        self.lang = lang
        self._out = out
        self._err = err
        self._last: tuple[StepKind, str, str] | None = None
        self._open_line = False

    def text(self, line: Line, **details: object) -> str:
        """A line in the language."""
        return say(LINES[line], self.lang, details)

    def say(self, line: Line, **details: object) -> None:
        """To standard output, at once: a CAN must be seen before the next command goes out."""
        self.end_progress()
        self.write(self.text(line, **details))

    def write(self, text: str) -> None:
        """A finished line to standard output."""
        print(text, file=self._out, flush=True)

    def warn(self, line: Line, **details: object) -> None:
        """To standard error."""
        self.end_progress()
        print(self.text(line, **details), file=self._err, flush=True)

    def refuse(self, program: str, refused: Refused) -> None:
        """The line of a refusal, or several for an application."""
        self.end_progress()
        first, *more = refusal_lines(refused, self.lang)
        print(f"{program}: {first}", *more, sep="\n", file=self._err, flush=True)

    def progress(self, progress: Progress) -> None:
        """On a terminal one line that is overwritten; else one line for each file or other step."""
        step = progress.step
        text = self.text(
            Line.PROGRESS, position=progress.position, steps=progress.steps, what=step_text(step, self.lang)
        )
        if progress.seconds_left is not None:
            left = f"{max(progress.seconds_left, 0):.0f}"
            text += "  " + self.text(Line.LEFT, done=progress.bytes_done, total=progress.bytes_total, left=left)
        if self._err.isatty():
            print("\r" + pad(text, _WIDTH), end="", file=self._err, flush=True)
            self._open_line = True
        elif (key := (step.kind, step.application, step.file)) != self._last:
            self._last = key
            print(text, file=self._err, flush=True)

    def end_progress(self) -> None:
        """Leave the line that was overwritten."""
        if self._open_line:
            self._open_line = False
            print(file=self._err, flush=True)


def step_text(step: Step, lang: Language) -> str:
    """``Write DG2``."""
    return f"{say(STEPS[step.kind], lang)} {step.file or step.application}".strip()


def show_journal(journal: Journal, screen: Terminal) -> None:
    """Cards, what is unfinished, balance."""
    rows = [screen.text(Line.CARDS).split("\t")]
    for card in journal.cards():
        rows.append(
            [
                say(STATES[card.state], screen.lang),
                card.serial.hex(),
                card.permit_number or "-",
                str(card.endorsed_until or "-"),
                f"{card.updated_at:%Y-%m-%d %H:%M}",
                card.reason,
            ]
        )
    screen.write(table(rows))
    for intent in journal.open_intents():
        screen.say(
            Line.OPEN_INTENT,
            kind=intent.kind,
            permit=intent.permit_number or "-",
            reader=intent.reader,
            serial="-" if intent.serial is None else intent.serial.hex(),
            at=f"{intent.opened_at:%Y-%m-%d %H:%M}",
        )
    balance = journal.balance()
    screen.say(
        Line.BALANCE,
        received=balance.received,
        activated=balance.activated,
        void=balance.void,
        unresolved=balance.unresolved,
        remaining=balance.remaining,
    )
    if balance.remaining < 0:
        screen.say(Line.NOT_ENTERED, count=-balance.remaining)


def show_events(events: Iterable[Event], screen: Terminal) -> None:
    """The history of a card."""
    rows = [screen.text(Line.EVENTS).split("\t")]
    rows += [
        [f"{event.at:%Y-%m-%d %H:%M:%S}", event.kind, event.permit_number or "-", event.detail] for event in events
    ]
    screen.write(table(rows))


def show_plan(steps: tuple[Step, ...], size: int, screen: Terminal) -> None:
    """A line for each file or other step, and the sum."""
    rows = []
    for line in plan.summary(steps):
        step = Step(kind=line.kind, application=line.application, file=line.file)
        rows.append([step_text(step, screen.lang), screen.text(Line.PLAN, commands=line.commands, length=line.length)])
    screen.write(table(rows))
    screen.say(Line.PLAN_TOTAL, steps=len(steps), length=size)


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns of equal width, whatever the script."""
    widths = [max(columns(row[at]) for row in rows) for at in range(len(rows[0]))]
    return "\n".join(
        "  ".join(pad(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def pad(text: str, width: int) -> str:
    """`text` filled up to `width` columns."""
    return text + " " * (width - columns(text))


def columns(text: str) -> int:
    """Columns on a terminal: a Chinese character takes two."""
    return sum(2 if unicodedata.east_asian_width(character) in "WF" else 1 for character in text)


def smallest_photo() -> bytes:
    """A grey JPEG, for a plan without a photo."""
    from PIL import Image

    picture = BytesIO()
    Image.new("L", (MIN_WIDTH, MIN_HEIGHT), 128).save(picture, "JPEG")
    return picture.getvalue()
