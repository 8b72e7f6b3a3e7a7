"""What `permit-keys` tells people, in Chinese and English: what happened, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .algorithms import Purpose
from .custody import CustodyReason
from .registry import AuthorityReason


class Text(StrEnum):
    """Messages that are no error of a library."""

    AUTHORITY_FILE = "authority_file"
    UNREADABLE = "unreadable"
    NO_PASSPHRASE = "no_passphrase"  # noqa: S105 - a message, not a secret
    SHORT_PASSPHRASE = "short_passphrase"  # noqa: S105
    PASSPHRASE_DIFFERS = "passphrase_differs"  # noqa: S105
    ASK_PASSPHRASE = "ask_passphrase"  # noqa: S105
    ASK_AGAIN = "ask_again"
    CREATED = "created"
    TEST_KEYS = "test_keys"
    REFRESHED = "refreshed"
    HEADINGS = "headings"
    LISTS = "lists"
    ENDED = "ended"


Reason = AuthorityReason | CustodyReason | Text

# Three tables, not one: members of two StrEnum classes with one value are one key to a dict.
_AUTHORITY: Mapping[AuthorityReason, tuple[str, str]] = {
    AuthorityReason.EXISTS: (
        "{detail} 已存在，不会覆盖。请另选目录，或先将其移走。",
        "{detail} exists and is not overwritten. Choose another directory, or move it away first.",
    ),
    AuthorityReason.NOT_FOUND: (
        "{detail} 中没有签发机关。请检查 --home，或先运行 permit-keys init。",
        "There is no authority at {detail}. Check --home, or run permit-keys init first.",
    ),
    AuthorityReason.BUSY: (
        "{detail} 正被另一个进程使用。请等它结束后再试。",
        "{detail} is in use by another run. Try again when it has ended.",
    ),
    AuthorityReason.DAMAGED: (
        "{detail} 已损坏，无法使用。请从备份恢复该文件。",
        "{detail} is damaged and cannot be used. Restore it from a backup.",
    ),
    AuthorityReason.CLOCK: (
        "本机时钟早于上次签名的时间（{detail}）。请校正时钟后再试。",
        "This machine's clock is behind what was signed last ({detail}). Set the clock and try again.",
    ),
    AuthorityReason.KEY_PERIOD_ENDED: (
        "{detail} 的密钥使用期已结束，不能再签名。需要换用新密钥。",
        "The signing period of the {detail} key has ended. It must be replaced by a new key.",
    ),
    AuthorityReason.STATUS_FINAL: (
        "状态 {detail} 已永久失效，不能恢复。",
        "Status {detail} is invalid for good and cannot be restored.",
    ),
    AuthorityReason.STATUS_INDEX: (
        "状态列表中没有序号 {detail}。请检查该序号。",
        "The status list has no index {detail}. Check the index.",
    ),
}

_CUSTODY: Mapping[CustodyReason, tuple[str, str]] = {
    CustodyReason.NOT_FOUND: (
        "找不到密钥 {detail}。请从备份恢复。",
        "There is no key {detail}. Restore it from a backup.",
    ),
    CustodyReason.ALREADY_EXISTS: (
        "密钥 {detail} 已存在，不会覆盖。",
        "Key {detail} exists and is not overwritten.",
    ),
    CustodyReason.WRONG_PASSPHRASE: (
        "口令打不开密钥 {detail}。请重新输入口令。",
        "The passphrase does not open key {detail}. Enter it again.",
    ),
    CustodyReason.DAMAGED: (
        "密钥 {detail} 已损坏。请从备份恢复。",
        "Key {detail} is damaged. Restore it from a backup.",
    ),
    CustodyReason.OPEN_PERMISSIONS: (
        "其他用户可以读取密钥 {detail}。请运行 chmod 600，并查明谁可能读过它。",
        "Other users can read key {detail}. Run chmod 600 on it, and find out who may have read it.",
    ),
    CustodyReason.UNSUPPORTED_URI: (
        "此处不能存放密钥 {detail}。",
        "Key {detail} cannot be kept here.",
    ),
}

_TEXTS: Mapping[Text, tuple[str, str]] = {
    Text.AUTHORITY_FILE: (
        "签发机关文件 {path} 有误：{detail}。请改正后再试。",
        "Authority file {path} is wrong: {detail}. Correct it and try again.",
    ),
    Text.UNREADABLE: (
        "无法使用 {path}：{detail}。",
        "Cannot use {path}: {detail}.",
    ),
    Text.NO_PASSPHRASE: (
        "没有口令。请用 --passphrase-file 指定，或在终端中运行以便输入。",
        "There is no passphrase. Give --passphrase-file, or run in a terminal to type it.",
    ),
    Text.SHORT_PASSPHRASE: (
        "口令太短，至少 8 个字符。",
        "The passphrase is too short: at least 8 characters.",
    ),
    Text.PASSPHRASE_DIFFERS: (
        "两次输入的口令不同。请重试。",
        "The two passphrases differ. Try again.",
    ),
    Text.ASK_PASSPHRASE: ("密钥口令：", "Passphrase of the keys: "),
    Text.ASK_AGAIN: ("再输入一次：", "Once more: "),
    Text.CREATED: (
        "{name} 已在 {home} 建立。请备份此目录，口令须另行保管：没有口令，密钥无法恢复。",
        "{name} is set up at {home}. Back the directory up and keep the passphrase elsewhere: "
        "without it the keys are lost.",
    ),
    Text.TEST_KEYS: (
        "警告：空白卡使用公开的 GlobalPlatform 测试密钥，只可用于演示。正式使用请在签发机关文件中设置 transport_keys。",
        "Warning: blank cards are taken to carry the published GlobalPlatform test key, which is for demonstrations "
        "only. Set transport_keys in the authority file for real use.",
    ),
    Text.REFRESHED: (
        "证书吊销列表第 {number} 号有效至 {crl}；状态列表有效至 {status}。",
        "CRL number {number} is valid until {crl}; the status list until {status}.",
    ),
    Text.HEADINGS: (
        "用途\t代\tkid\t可签名至\t可验证至",
        "purpose\tgeneration\tkid\tsigns until\tchecked until",
    ),
    Text.LISTS: (
        "证书吊销列表：第 {number} 号，有效至 {crl}，吊销 {revoked} 份证书。\n"
        "状态列表：签于 {signed}，有效至 {status}，失效 {invalid}，暂停 {suspended}。",
        "CRL: number {number}, valid until {crl}, {revoked} certificates revoked.\n"
        "Status list: signed {signed}, valid until {status}, {invalid} invalid, {suspended} suspended.",
    ),
    Text.ENDED: ("（已到期）", " (ended)"),
}

PURPOSES: Mapping[Purpose, tuple[str, str]] = {
    Purpose.CSCA: ("国家签名根（CSCA）", "country signing CA"),
    Purpose.LINK: ("根证书衔接", "link"),
    Purpose.DOCUMENT_SIGNER: ("证件签名", "document signer"),
    Purpose.ENTITLEMENT_SIGNER: ("权益签名", "entitlement signer"),
    Purpose.STATUS_SIGNER: ("状态签名", "status signer"),
    Purpose.AUDIT_SIGNER: ("审计签名", "audit signer"),
    Purpose.MASTER_LIST_SIGNER: ("主列表签名", "master list signer"),
}

LANGUAGES = ("zh", "en")


def message(reason: Reason, language: str, **values: object) -> str:
    """The message for `reason` in a language of `LANGUAGES`."""
    match reason:
        case AuthorityReason():
            texts = _AUTHORITY[reason]
        case CustodyReason():
            texts = _CUSTODY[reason]
        case Text():
            texts = _TEXTS[reason]
    return texts[LANGUAGES.index(language)].format(**values)


def purpose_name(purpose: Purpose, language: str) -> str:
    """What people call a key."""
    return PURPOSES[purpose][LANGUAGES.index(language)]


def language_of(environment: Mapping[str, str]) -> str:
    """The language that the environment asks for (POSIX: LC_ALL before LC_MESSAGES before LANG); English by default."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"
