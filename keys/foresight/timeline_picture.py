"""The life of an authority's keys as a picture: SVG, with nothing but text in it.

One row a key: pale while it is published ahead, full while it signs, thin while what it signed can be checked. What is
to be done next stands below, numbered as in the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from ..commands.messages import LANGUAGES, purpose_name
from ..registry.lifecycle import ROLE_RULES, RULES, KeyState
from ..registry.registry import KeyRecord
from .timeline import Task, TaskKind

_PAST, _FUTURE = timedelta(days=100), timedelta(days=420)
_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 1264, 344, 84, 24, 78
_KEPT = 3
"""Keys of a purpose that sign no more and are drawn all the same."""

_COLOURS: Mapping[KeyState, str] = {
    KeyState.GENERATED: "#9aa5b1",
    KeyState.STAGED: "#3d7ea6",
    KeyState.ACTIVE: "#1f7a4d",
    KeyState.RETIRED: "#8a8f98",
    KeyState.DESTROYED: "#8a8f98",
    KeyState.COMPROMISED: "#b3261e",
}
STATES: Mapping[KeyState, tuple[str, str]] = {
    KeyState.GENERATED: ("已生成", "generated"),
    KeyState.STAGED: ("待启用", "staged"),
    KeyState.ACTIVE: ("使用中", "active"),
    KeyState.RETIRED: ("仅供验证", "retired"),
    KeyState.DESTROYED: ("已销毁", "destroyed"),
    KeyState.COMPROMISED: ("已泄露", "compromised"),
}
TASKS: Mapping[TaskKind, tuple[str, str]] = {
    TaskKind.RESUME: ("完成中断的操作", "finish what was cut off"),
    TaskKind.STAGE: ("生成并提前发布", "stage"),
    TaskKind.ACTIVATE: ("启用", "activate"),
    TaskKind.REPLACE: ("立即换用新密钥", "replace at once"),
    TaskKind.RECOUNT: ("恢复后换用新密钥", "replace after a restore"),
    TaskKind.DESTROY: ("销毁私钥", "destroy"),
    TaskKind.PUBLISH: ("发布", "publish"),
    TaskKind.REPLACE_ROLE_KEY: ("换用新的发布密钥", "replace a key of the publication"),
    TaskKind.RENEW_ROOT: ("更新发布的根元数据", "renew the root"),
    TaskKind.SIGN_CRL: ("重签吊销列表", "sign the CRL"),
    TaskKind.SIGN_STATUS: ("重签状态列表", "sign the status list"),
    TaskKind.FINISH_CRL: ("吊销列表不完整", "complete the CRL"),
}
_WORDS = {
    "title": ("密钥时间表", "Keys over time"),
    "today": ("今天", "today"),
    "next": ("下一步", "What to do next"),
    "overdue": ("已逾期", "overdue"),
    "nothing": ("一年内无事项。", "Nothing within a year."),
    "legend": (
        "浅色：提前发布 · 深色：可签名 · 细线：可验证 · ◆：应办事项",
        "pale: published ahead · full: signs · thin: can be checked · ◆: something to do",
    ),
    "more": ("另有 {count} 个旧密钥仅供验证", "{count} older keys, verify only"),
}


def draw(keys: Sequence[KeyRecord], tasks: Sequence[Task], *, now: datetime, name: str, language: str) -> str:
    """An SVG document of the keys around `now`; `name` is the authority's."""
    picture = _Picture(now, language)
    rows = _rows(keys)
    listed = [task for task in tasks if task.due <= now + _FUTURE]
    numbers = {id(task): number for number, task in enumerate(listed, 1)}
    height = _TOP + (len(rows) + 1) * _ROW + 30 + max(len(listed), 1) * 20 + 46
    picture.head(height, name)
    picture.months(_TOP + len(rows) * _ROW)
    last = None
    for place, (key, more) in enumerate(rows):
        y = _TOP + place * _ROW
        if key.purpose is not last:
            picture.line(12, y, _WIDTH - 12, y, "#d7dbe0")
            picture.text(16, y + 16, purpose_name(key.purpose, language), size=12, weight="bold")
            last = key.purpose
        if more:
            picture.text(_LEFT, y + 16, picture.say("more").format(count=more), size=11, colour="#5c6670")
            continue
        picture.key(key, y)
        for task in listed:
            if key.name in task.subjects or _carries(key, task, rows):
                picture.mark(task.due, y, numbers[id(task)], overdue=task.is_overdue(now))
    picture.today(_TOP + len(rows) * _ROW)
    picture.list(listed, _TOP + (len(rows) + 1) * _ROW + 22)
    return picture.done()


def _rows(keys: Sequence[KeyRecord]) -> list[tuple[KeyRecord, int]]:
    """Keys to draw in order; with a count, the row stands for that many older ones."""
    rows: list[tuple[KeyRecord, int]] = []
    for purpose in (*RULES, *ROLE_RULES):
        of_purpose = [key for key in keys if key.purpose is purpose]
        gone = [key for key in of_purpose if key.state in {KeyState.RETIRED, KeyState.DESTROYED}]
        hidden = {key.name for key in gone[:-_KEPT]}
        if hidden:
            rows.append((of_purpose[0], len(hidden)))
        rows.extend((key, 0) for key in of_purpose if key.name not in hidden)
    return rows


def _carries(key: KeyRecord, task: Task, rows: Sequence[tuple[KeyRecord, int]]) -> bool:
    """A task for a key that is not made yet is drawn on the newest one of its purpose."""
    names = [row.name for row, more in rows if not more and row.purpose is key.purpose]
    return task.purpose is key.purpose and task.subjects[0] not in names and key.name == names[-1]


def _short(names: Sequence[str], most: int = 5) -> str:
    return " ".join(names[:most]) + (" …" if len(names) > most else "")


class _Picture:
    """SVG elements, in the order in which they are drawn."""

    def __init__(self, now: datetime, language: str) -> None:
        self._now, self._half = now, LANGUAGES.index(language)
        self._begin, self._end = now - _PAST, now + _FUTURE
        self._parts: list[str] = []

    def say(self, word: str) -> str:
        return _WORDS[word][self._half]

    def x(self, moment: datetime) -> float:
        share = (moment - self._begin) / (self._end - self._begin)
        return _LEFT + max(0.0, min(1.0, share)) * (_WIDTH - _LEFT - _RIGHT)

    def head(self, height: int, name: str) -> None:
        self._parts.append(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" '
            f'viewBox="0 0 {_WIDTH} {height}" font-family="Noto Sans CJK SC, Noto Sans, DejaVu Sans, sans-serif">'
        )
        self._parts.append(f'<rect width="{_WIDTH}" height="{height}" fill="#ffffff"/>')
        self.text(16, 28, f"{self.say('title')} — {name}", size=17, weight="bold")
        self.text(16, 48, f"{self._now:%Y-%m-%d %H:%MZ} · {self.say('legend')}", size=11, colour="#5c6670")

    def months(self, bottom: float) -> None:
        moment = datetime(self._begin.year, self._begin.month, 1, tzinfo=UTC)
        while moment < self._end:
            if moment > self._begin:
                place = self.x(moment)
                self.line(place, _TOP - 4, place, bottom, "#eceff2")
                label = f"{moment:%Y}" if moment.month == 1 else f"{moment:%m}"
                self.text(place + 2, _TOP - 8, label, size=10, colour="#5c6670")
            moment = (moment + timedelta(days=32)).replace(day=1)

    def key(self, key: KeyRecord, y: float) -> None:
        colour, middle = _COLOURS[key.state], y + _ROW / 2
        state = STATES[key.state][self._half]
        self.text(_LEFT - 176, y + 16, key.name, size=12)
        self.text(_LEFT - 92, y + 16, state, size=10, colour=colour)
        begin, until = key.active_from or key.generated_at, key.active_until or key.generated_at
        stopped = min((at for at in (until, key.retired_at, key.compromised_at) if at), default=until)
        self._bar(key.staged_at or key.generated_at, begin, middle, 10, colour, opacity=0.3)
        if key.activated_at or key.state is KeyState.STAGED:
            self._bar(begin, max(stopped, begin), middle, 12, colour)
        if key.expires_at and key.state is not KeyState.COMPROMISED:
            self._bar(max(stopped, begin), key.expires_at, middle, 3, colour, opacity=0.7)
            if key.expires_at > self._end:
                self.text(_WIDTH - _RIGHT + 6, y + 16, f"→ {key.expires_at:%Y-%m}", size=10, colour="#5c6670")
        elif until > self._end:
            self.text(_WIDTH - _RIGHT + 6, y + 16, f"→ {until:%Y-%m}", size=10, colour="#5c6670")
        if self._begin < until <= self._end and key.state in {KeyState.ACTIVE, KeyState.STAGED}:
            self.text(self.x(until) + 3, y + 9, f"{until:%m-%d}", size=9, colour="#5c6670")

    def mark(self, moment: datetime, y: float, number: int, *, overdue: bool) -> None:
        place, middle, colour = max(self.x(moment), _LEFT + 10), y + _ROW / 2, "#b3261e" if overdue else "#c77700"
        self._parts.append(
            f'<path d="M{place:.1f} {middle - 9:.1f} l9 9 l-9 9 l-9 -9 z" fill="{colour}" stroke="#ffffff"/>'
        )
        self.text(place, middle + 3, str(number), size=8, colour="#ffffff", anchor="middle")

    def today(self, bottom: float) -> None:
        place = self.x(self._now)
        self.line(place, _TOP - 18, place, bottom + 4, "#b3261e", dash="4 3")
        self.text(place, bottom + 16, self.say("today"), size=10, colour="#b3261e", anchor="middle")

    def list(self, tasks: Iterable[Task], y: float) -> None:
        self.text(16, y, self.say("next"), size=13, weight="bold")
        number = 0
        for number, task in enumerate(tasks, 1):
            late = task.is_overdue(self._now)
            colour = "#b3261e" if late else "#20262d"
            when = f"{task.due:%Y-%m-%d}" + (f" ({self.say('overdue')})" if late else "")
            line = y + 20 * number
            self.text(30, line, str(number), size=11, colour=colour, anchor="end")
            self.text(40, line, when, size=11, colour=colour)
            self.text(190, line, TASKS[task.kind][self._half], size=11, colour=colour)
            self.text(_LEFT + 10, line, _short(task.subjects), size=11, colour=colour)
            self.text(_LEFT + 300, line, _short(task.command.split(), 8), size=11, colour=colour, family="monospace")
        if not number:
            self.text(40, y + 20, self.say("nothing"), size=11)

    def line(self, x1: float, y1: float, x2: float, y2: float, colour: str, *, dash: str = "") -> None:
        extra = f' stroke-dasharray="{dash}"' if dash else ""
        self._parts.append(f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"{extra}/>')

    def text(
        self,
        x: float,
        y: float,
        text: str,
        *,
        size: int,
        colour: str = "#20262d",
        weight: str = "normal",
        anchor: str = "start",
        family: str = "",
    ) -> None:
        extra = f' font-family="{family}"' if family else ""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" fill="{colour}" font-weight="{weight}" '
            f'text-anchor="{anchor}"{extra}>{escape(text)}</text>'
        )

    def done(self) -> str:
        return "\n".join([*self._parts, "</svg>", ""])

    def _bar(
        self, begin: datetime, end: datetime, middle: float, height: float, colour: str, *, opacity: float = 1.0
    ) -> None:
        left, right = self.x(begin), self.x(end)
        if end <= self._begin or begin >= self._end or right - left < 0.5:
            return
        self._parts.append(
            f'<rect x="{left:.1f}" y="{middle - height / 2:.1f}" width="{right - left:.1f}" height="{height:g}" '
            f'rx="2" fill="{colour}" fill-opacity="{opacity:g}"/>'
        )
