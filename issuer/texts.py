"""Every line that `permit-issuer` says, in Chinese and English. A refusal says in one line what to do."""

from __future__ import annotations

import string
from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Any

from card_profiles.errors import TransportFault

from .errors import ApplicationRefused, Mistake, Refused
from .journal import CardState
from .plan import StepKind
from .refusal_texts import FAULTS, ONE_MISTAKE, REFUSALS, Text
from .transport_texts import TRANSPORT


class Language(StrEnum):
    """Languages of the output."""

    ZH = "zh"
    EN = "en"


def language(wanted: str | None, environment: Mapping[str, str]) -> Language:
    """`wanted` if given, else what LC_ALL, LC_MESSAGES or LANG begin with; English for any other."""
    if wanted is not None:
        return Language(wanted)
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if environment.get(name):
            return Language.ZH if environment[name].lower().startswith("zh") else Language.EN
    return Language.EN


class _Filler(string.Formatter):
    """Blanks as `str.format` has them, and one kind more."""

    def format_field(self, value: Any, format_spec: str) -> Any:
        one, words, more = format_spec.partition("|")
        if not words:
            return super().format_field(value, format_spec)
        return one if str(value) == "1" else more


_FILLER = _Filler()
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def fill(text: str, facts: Mapping[str, Any]) -> str:
    """`text` with its {blanks} filled. ``{count:day|days}`` is the word that goes with a number: the first where
    `count` is 1, the second else. Raises KeyError for a blank that `facts` does not know."""
    return _FILLER.vformat(text, (), facts) if "|" in text else text.format_map(facts)


def day(when: date, lang: Language) -> str:
    """2027年3月31日, 31 Mar 2027: the one form of a date for people, wherever it is said."""
    if lang is Language.ZH:
        return f"{when.year}年{when.month}月{when.day}日"
    return f"{when.day} {_MONTHS[when.month - 1]} {when.year}"


def say(text: Text, lang: Language, details: Mapping[str, object] | None = None) -> str:
    """The half of `text` in `lang`, its blanks filled; the way to a card fails in words."""
    side = 0 if lang is Language.ZH else 1
    filled = {
        name: TRANSPORT[value][side] if isinstance(value, TransportFault) else value
        for name, value in (details or {}).items()
    }
    return fill(text[side], filled)


def refusal_lines(refused: Refused, lang: Language) -> tuple[str, ...]:
    """The line of a refusal; for an application with several mistakes, one more for each."""
    lines = [say(REFUSALS[refused.reason], lang, refused.details)]
    if isinstance(refused, ApplicationRefused):
        mistakes = [mistake_line(mistake, lang) for mistake in refused.mistakes]
        single = len(mistakes) == 1
        lines = [say(ONE_MISTAKE, lang, {"mistake": mistakes[0].strip()})] if single else lines + mistakes
    return tuple(map(_printable, lines))


def _printable(line: str) -> str:
    """One line, whatever was quoted in it: an application may name its fields as it likes."""
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def mistake_line(mistake: Mistake, lang: Language) -> str:
    """``field: what is wrong, what to do``."""
    line = say(FAULTS[mistake.fault], lang, mistake.details)
    return f"  {mistake.field}: {line}" if mistake.field else f"  {line}"


class Line(StrEnum):
    """What is said when nothing is refused."""

    CAN_FOR_FACE = "can-for-face"
    CAN_IN_FILE = "can-in-file"
    CODE_IN_FILE = "code-in-file"
    CODE_NOT_WRITTEN = "code-not-written"
    ISSUED = "issued"
    COMPLETED = "completed"
    RESUMED = "resumed"
    ENDORSED = "endorsed"
    UNCHANGED = "unchanged"
    NOT_WRITTEN = "not-written"
    DIFFERENCE = "difference"
    VOIDED = "voided"
    VOID_PENDING = "void-pending"
    PROGRESS = "progress"
    LEFT = "left"
    PLAN = "plan"
    PLAN_TOTAL = "plan-total"
    NO_PHOTO = "no-photo"
    CARDS = "cards"
    OPEN_INTENT = "open-intent"
    BALANCE = "balance"
    NOT_ENTERED = "not-entered"
    EVENTS = "events"
    ASK_PASSPHRASE = "ask-passphrase"  # noqa: S105 - a question
    ASK_CAN = "ask-can"
    INTERRUPTED = "interrupted"


LINES: dict[Line, Text] = {
    Line.CAN_FOR_FACE: ("卡面接入号（CAN）：{can}", "CAN for the face of the card: {can}"),
    Line.CAN_IN_FILE: ("卡面接入号（CAN）已写入 {path}", "The CAN for the face of the card is in {path}"),
    Line.CODE_IN_FILE: ("卡背面的条码已写入 {path}", "The code for the back of the card is in {path}"),
    Line.CODE_NOT_WRITTEN: (
        "卡已生效，但条码未能写入 {path}：请用 permit-issuer code 重新制作。",
        "The card is in force, but its code could not be written to {path}: make it with permit-issuer code.",
    ),
    Line.ISSUED: (
        "已签发并激活：居住证 {permit}，卡 {serial}，有效至 {until}；{size} 字节，{seconds} 秒。",
        "Issued and activated: permit {permit}, card {serial}, valid until {until}; "
        "{size} {size:byte|bytes} in {seconds} s.",
    ),
    Line.COMPLETED: (
        "上次已激活，日志现已补全：居住证 {permit}，卡 {serial}，有效至 {until}；接入号以上次显示的为准。",
        "The card was activated last time, the journal now says so: permit {permit}, card {serial}, valid until "
        "{until}; its CAN is the one shown then.",
    ),
    Line.RESUMED: ("（接着上次中断处完成）", "(resumed after an interruption)"),
    Line.ENDORSED: (
        "已签注：居住证 {permit}，卡 {serial}，有效至 {until}。",
        "Endorsed: permit {permit}, card {serial}, valid until {until}.",
    ),
    Line.UNCHANGED: ("卡上内容已是如此，无须写入。", "The card says so already; nothing was written."),
    Line.NOT_WRITTEN: ("仅预览，未写卡。", "Shown only; nothing was written."),
    Line.DIFFERENCE: ("  {name}：{old} → {new}", "  {name}: {old} → {new}"),
    Line.VOIDED: (
        "已注销：卡 {serial}，原因：{why}。",
        "Void: card {serial}, reason: {why}.",
    ),
    Line.VOID_PENDING: (
        "注意：状态列表尚未更新，下次运行时会补发。",
        "Note: the status list does not say so yet; the next run publishes it.",
    ),
    Line.PROGRESS: ("[{position}/{steps}] {what}", "[{position}/{steps}] {what}"),
    Line.LEFT: ("{done}/{total} 字节，约剩 {left} 秒", "{done}/{total} {total:byte|bytes}, {left} s left"),
    Line.PLAN: (
        "{commands:>3} 条命令 {length:>6} 字节",
        "{commands:>3} {commands:command|commands} {length:>6} {length:byte|bytes}",
    ),
    Line.PLAN_TOTAL: (
        "合计 {steps} 步，写入 {length} 字节。未写任何卡。",
        "{steps} {steps:step|steps}, {length} {length:byte|bytes} to write. Nothing was written.",
    ),
    Line.NO_PHOTO: ("（未给照片，DG2 按最小照片计）", "(no photo given: DG2 counts with the smallest one)"),
    Line.CARDS: ("状态\t卡序列号\t居住证\t有效至\t更新时间\t原因", "state\tcard\tpermit\tvalid until\tupdated\treason"),
    Line.OPEN_INTENT: (
        "未完成的操作：{kind}，居住证 {permit}，读卡器 {reader}，卡 {serial}，始于 {at}",
        "unfinished: {kind}, permit {permit}, reader {reader}, card {serial}, begun {at}",
    ),
    Line.BALANCE: (
        "结存：收到 {received} = 已激活 {activated} + 已注销 {void} + 未完成 {unresolved} + 剩余 {remaining}",
        "Balance: received {received} = activated {activated} + void {void} + unfinished {unresolved} "
        "+ remaining {remaining}",
    ),
    Line.NOT_ENTERED: (
        "有 {count} 张卡未入库登记：请用 `permit-issuer journal --received N` 补登收到的空白卡。",
        "{count} {count:card was|cards were} never entered as received: enter the delivery with "
        "`permit-issuer journal --received N`.",
    ),
    Line.EVENTS: ("时间\t事件\t居住证\t说明", "time\tevent\tpermit\tdetail"),
    Line.ASK_PASSPHRASE: ("密钥口令：", "Passphrase of the keys: "),
    Line.ASK_CAN: ("卡面接入号（CAN）：", "CAN on the face of the card: "),
    Line.INTERRUPTED: (
        "已中断：请放入同一张卡，再次运行同一命令继续。",
        "Interrupted: insert the same card and run the same command again.",
    ),
}

STEPS: dict[StepKind, Text] = {
    StepKind.OPEN: ("建立安全通道", "Open the secure channel"),
    StepKind.PUT_KEYS: ("更换卡密钥", "Put the authority's keys"),
    StepKind.CHIP_KEY: ("生成芯片密钥", "Make the chip key"),
    StepKind.ASSEMBLE: ("组卷、签名、核对", "Assemble, sign, cross-check"),
    StepKind.PASSWORD_CAN: ("写入卡接入号", "Put the CAN"),
    StepKind.PASSWORD_MRZ: ("写入机读区口令", "Put the MRZ password"),
    StepKind.WRITE: ("写入", "Write"),
    StepKind.READ_BACK: ("按柜台方式读回并检验", "Read back and check as a counter would"),
    StepKind.ACTIVATE: ("激活", "Activate"),
}

STATES: dict[CardState, Text] = {
    CardState.WRITING: ("写入中", "writing"),
    CardState.VERIFIED: ("已读回待激活", "verified"),
    CardState.ACTIVATED: ("已激活", "activated"),
    CardState.VOID: ("已注销", "void"),
}
