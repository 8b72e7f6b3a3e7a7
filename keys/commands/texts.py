"""What the commands on keys tell people, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from ..authority.backup import BackupReason
from ..registry.lifecycle import KeyEvent
from ..rotation.ceremony import CeremonyReason
from .messages import LANGUAGES


class Say(StrEnum):
    """Messages that are no error."""

    DONE = "done"
    RESUMED = "resumed"
    ALREADY = "already"
    NOTHING_DUE = "nothing_due"
    REPLACED = "replaced"
    FROM = "from"
    GAP = "gap"
    CHANGED = "changed"
    LIFE_HEADINGS = "life_headings"
    NEXT = "next"
    OVERDUE = "overdue"
    PICTURE = "picture"
    BACKED_UP = "backed_up"
    RESTORED = "restored"
    CAUGHT_UP = "caught_up"
    OTHER_PASSPHRASE = "other_passphrase"  # noqa: S105 - a message, not a secret
    NO_OTHER_PASSPHRASE = "no_other_passphrase"  # noqa: S105
    MINUTES = "minutes"
    MINUTES_GOOD = "minutes_good"
    CEREMONIES = "ceremonies"
    ROOT_RENEWED = "root_renewed"
    ROOT_LACKS = "root_lacks"
    BAD_SETTING = "bad_setting"
    BAD_DATE = "bad_date"
    NO_PURPOSE = "no_purpose"


_SAY: Mapping[Say, tuple[str, str]] = {
    Say.DONE: ("{key}：{event}。", "{key}: {event}."),
    Say.RESUMED: ("{key}：{event}（完成了上次中断的操作）。", "{key}: {event} (finished what was cut off)."),
    Say.ALREADY: ("{key}：{event}，此前已完成。", "{key}: {event} before; nothing to do."),
    Say.NOTHING_DUE: ("{purpose}：无到期事项，下次 {moment}。", "{purpose}: nothing is due; next on {moment}."),
    Say.REPLACED: ("{key} 此前已被替换。", "{key} was replaced before; nothing to do."),
    Say.FROM: ("  自 {begin} 起可签名，至 {until}。", "  signs from {begin} until {until}."),
    Say.GAP: (
        "  注意：现用密钥于 {until} 到期，此后至 {begin} 无法签名。"
        "如须避免，请运行 permit-keys rotate --replace {key}。",
        "  Note: the key in use ends at {until}; nothing can be signed from then until {begin}. To avoid that, run "
        "permit-keys rotate --replace {key}.",
    ),
    Say.CHANGED: (
        "发布的数据已变更。请运行 permit-keys publish，使柜台获知。",
        "What is published has changed. Run permit-keys publish, so that counters learn of it.",
    ),
    Say.LIFE_HEADINGS: (
        "密钥\t用途\t状态\tkid\t签名自\t签名至\t验证至\t签名数",
        "key\tpurpose\tstate\tkid\tsigns from\tsigns until\tchecked until\tsignatures",
    ),
    Say.NEXT: ("下一步：", "What to do next:"),
    Say.OVERDUE: ("（已逾期）", " (overdue)"),
    Say.PICTURE: ("时间表已写入 {path}。", "The timeline is in {path}."),
    Say.BACKED_UP: (
        "备份 {path}：{files} 个文件，{size} 字节，已重新打开核对。\nSHA-256 {fingerprint}",
        "Backup {path}: {files} files, {size} bytes, opened again and checked.\nSHA-256 {fingerprint}",
    ),
    Say.RESTORED: (
        "已将 {made} 的备份恢复到 {home}。",
        "The backup of {made} is restored to {home}.",
    ),
    Say.CAUGHT_UP: (
        "已按发布的数据补齐：吊销证书 {revocations} 份，状态列表 {statuses} 份，备份之后生成的密钥：{keys}。",
        "Caught up with what was published: {revocations} certificates revoked, {statuses} status lists, keys made "
        "since: {keys}.",
    ),
    Say.OTHER_PASSPHRASE: ("备份口令：", "Passphrase of the backup: "),
    Say.NO_OTHER_PASSPHRASE: (
        "没有备份口令。请用 --backup-passphrase-file 指定，或在终端中运行以便输入。它应与密钥口令不同。",
        "There is no passphrase for the backup. Give --backup-passphrase-file, or run in a terminal to type it. It "
        "should not be the one of the keys.",
    ),
    Say.MINUTES: ("纪要：{text}\n签名：{cose}", "Minutes: {text}\nSigned: {cose}"),
    Say.MINUTES_GOOD: ("纪要签名有效：{title}，{begun}。", "The minutes are genuine: {title}, {begun}."),
    Say.ROOT_RENEWED: (
        "根元数据第 {version} 版有效至 {until}。请运行 permit-keys publish，使柜台获知。",
        "Root {version} is valid until {until}. Run permit-keys publish, so that counters learn of it.",
    ),
    Say.ROOT_LACKS: (
        "根元数据第 {version} 版尚缺 {lacking} 个签名。请将 publication/{draft} 交给下一位根密钥持有人，"
        "并在其机器上运行同一命令。",
        "Root {version} lacks {lacking} signatures. Carry publication/{draft} to the next holder of a root key, and "
        "run the same command there.",
    ),
    Say.CEREMONIES: ("没有脚本 {name}。现有：{known}。", "There is no script {name}. These are here: {known}."),
    Say.BAD_SETTING: ("--set 的格式是 名称=值：{text}", "--set takes NAME=VALUE: {text}"),
    Say.BAD_DATE: (
        "{text} 不是日期。请写作 2026-11-21 或 2026-11-21T08:00Z。",
        "{text} is no date. Write 2026-11-21 or 2026-11-21T08:00Z.",
    ),
    Say.NO_PURPOSE: (
        "--replace 与用途不符：{detail}。",
        "--replace names a key of another purpose: {detail}.",
    ),
}

EVENTS: Mapping[KeyEvent, tuple[str, str]] = {
    KeyEvent.GENERATE: ("已生成", "generated"),
    KeyEvent.STAGE: ("已生成并提前发布", "made, and published ahead"),
    KeyEvent.ACTIVATE: ("已启用", "in use"),
    KeyEvent.RETIRE: ("已停用，仅供验证", "retired"),
    KeyEvent.DESTROY: ("私钥已销毁", "private key destroyed"),
    KeyEvent.COMPROMISE: ("已登记为泄露", "marked as compromised"),
}

_CEREMONY: Mapping[CeremonyReason, tuple[str, str]] = {
    CeremonyReason.SCRIPT: ("仪式脚本或记录有误：{detail}", "The ceremony's script or record is wrong: {detail}"),
    CeremonyReason.OTHER_SCRIPT: (
        "{detail} 是用另一脚本开始的。请用原脚本继续，或另选 --record 目录。",
        "{detail} was begun with another script. Go on with that one, or choose another --record directory.",
    ),
    CeremonyReason.SAME_PERSON: (
        "{detail} 不能担任两个角色。请由不同的人担任。",
        "{detail} cannot have two roles. They take two people.",
    ),
    CeremonyReason.NOT_CONFIRMED: (
        "步骤未确认（{detail}）。已完成的步骤已保存，再次运行即可继续。",
        "Not confirmed ({detail}). What was done is kept; run it again to go on.",
    ),
    CeremonyReason.STEP_FAILED: (
        "步骤 {detail} 的命令失败。请解决后再次运行，将从此处继续。",
        "The command of step {detail} failed. Put it right and run the ceremony again: it goes on from there.",
    ),
    CeremonyReason.FINISHED: (
        "{detail} 的仪式已结束。新的仪式请另选 --record 目录。",
        "The ceremony in {detail} is finished. Choose another --record directory for a new one.",
    ),
    CeremonyReason.NO_MINUTES: ("纪要签名无效：{detail}", "The minutes do not verify: {detail}"),
}

_BACKUP: Mapping[BackupReason, tuple[str, str]] = {
    BackupReason.EXISTS: (
        "{detail} 已存在，不会覆盖。请另选文件名。",
        "{detail} exists and is not overwritten. Choose another name.",
    ),
    BackupReason.UNREADABLE: ("无法读取备份 {detail}。", "Cannot read the backup {detail}."),
    BackupReason.NO_ARCHIVE: ("{detail} 不是备份文件。", "{detail} is no backup."),
    BackupReason.WRONG_PASSPHRASE: (
        "口令打不开备份 {detail}，或文件已损坏。请重新输入备份口令。",
        "The passphrase does not open the backup {detail}, or the file is damaged. Enter it again.",
    ),
    BackupReason.DAMAGED: (
        "备份 {detail} 已损坏。请使用其他备份。",
        "The backup {detail} is damaged. Use another one.",
    ),
    BackupReason.TOO_LARGE: ("内容过大，无法备份到 {detail}。", "There is too much for one backup ({detail})."),
    BackupReason.PUBLISHED_MISSING: (
        "请用 --published 指明最新发布的数据（发布目录、网站副本或U盘），以免已吊销的卡恢复有效；"
        "如从未发布过，请用 --override 说明理由。",
        "Name the newest publication (directory, copy of the web site, or stick) with --published, so that no revoked "
        "card comes back; if nothing was ever published, say so with --override.",
    ),
}


def say(what: Say | CeremonyReason | BackupReason, language: str, **values: object) -> str:
    """The text in a language of `LANGUAGES`."""
    half = LANGUAGES.index(language)
    match what:
        case Say():
            text = _SAY[what][half]
        case CeremonyReason():
            text = _CEREMONY[what][half]
        case BackupReason():
            text = _BACKUP[what][half]
    return text.format(**values)


def event_name(event: KeyEvent, language: str) -> str:
    """What has happened to a key, in words."""
    return EVENTS[event][LANGUAGES.index(language)]
