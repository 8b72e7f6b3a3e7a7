"""What `permit-keys publish` tells people, in Chinese and English."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from .errors import PublicationReason, Rule


class Text(StrEnum):
    """Messages that are no error."""

    SET_UP = "set_up"
    PUBLISHED = "published"
    DRY_RUN = "dry_run"
    CHANGES = "changes"
    STICK = "stick"


REASONS: Mapping[PublicationReason, tuple[str, str]] = {
    PublicationReason.NOT_SET_UP: (
        "尚未设置发布：请先运行 permit-keys publication。",
        "Publication is not set up: run permit-keys publication first.",
    ),
    PublicationReason.NOT_INSTALLED: (
        "发布需要 TUF 支持：请安装 residence-permit[sync]。",
        "Publishing needs TUF: install residence-permit[sync].",
    ),
    PublicationReason.EXISTS: (
        "{detail} 已设置发布，不会覆盖。",
        "Publication is set up at {detail} already and is not overwritten.",
    ),
    PublicationReason.BUSY: (
        "另一个进程正在向 {detail} 发布。请等它结束后再试。",
        "Another run is publishing to {detail}. Try again when it has ended.",
    ),
    PublicationReason.DAMAGED: (
        "{detail} 已损坏，无法使用。请从备份恢复；如是发布目录，可另选空目录重新发布。",
        "{detail} is damaged and cannot be used. Restore it from a backup; or publish to a new, empty directory.",
    ),
    PublicationReason.CLOCK: (
        "本机时钟早于上次发布的时间（{detail}）。请校正时钟后再试。",
        "This machine's clock is behind the last release ({detail}). Set the clock and try again.",
    ),
    PublicationReason.LINT: (
        "此次发布不符合规则，未发布：{detail}",
        "Not published, because the release breaks these rules: {detail}",
    ),
    PublicationReason.ROOT_THRESHOLD: (
        "根元数据的签名不够（旧根尚缺、新根尚缺：{detail}）。请让更多根密钥持有人签名。",
        "The root lacks signatures (by the old root, by itself: {detail}). Have more holders of root keys sign it.",
    ),
    PublicationReason.ROOT_EXPIRED: (
        "根元数据已于 {detail} 到期。请召集根密钥持有人签发新的根。",
        "The root expired at {detail}. Call the holders of the root keys to sign a new one.",
    ),
    PublicationReason.KEY_MISSING: (
        "缺少 {detail} 的密钥，签名不够。请检查密钥存放处。",
        "Too few keys of {detail} are at hand. Check where they are kept.",
    ),
    PublicationReason.SECOND_PATH: (
        "未发布：复核不认可刚签名的内容（{detail}）。请报告此问题。",
        "Not published: the second check refused what had just been signed ({detail}). Report this.",
    ),
    PublicationReason.NO_OPENSSL: (
        "未发布：复核需要 OpenSSL。请安装 openssl 后再试。",
        "Not published: the second check needs OpenSSL. Install openssl and try again.",
    ),
}

RULES: Mapping[Rule, tuple[str, str]] = {
    Rule.NAME: ("文件名不允许", "not an allowed name"),
    Rule.TOO_LARGE: ("为空或过大", "empty or too large"),
    Rule.TOO_MANY: ("文件过多", "too many files"),
    Rule.MALFORMED: ("格式有误", "malformed"),
    Rule.MISSING: ("缺少", "missing"),
    Rule.VANISHED: ("已发布而尚需要的内容不见了", "was published, is still needed, and is gone"),
    Rule.STATUS_SIGNATURE: ("状态名单签名无效", "wrong signature on a status list"),
    Rule.STATUS_FILE_NAME: ("状态名单的文件名与其地址不符", "a status list under the name of another"),
    Rule.STATUS_REVIVED: ("已注销的卡又变为有效", "a revoked card comes back"),
    Rule.STATUS_SHRUNK: ("状态名单变短", "a status list lost entries"),
    Rule.STATUS_OLDER: ("状态名单比已发布的旧", "a status list older than the published one"),
    Rule.STATUS_EXPIRED: ("状态名单已过期", "an expired status list"),
    Rule.CRL_SIGNATURE: ("吊销列表签名无效", "wrong signature on a revocation list"),
    Rule.CRL_NUMBER: ("吊销列表的编号没有增加", "the number of the revocation list did not rise"),
    Rule.CRL_OLDER: ("吊销列表比已发布的旧", "a revocation list older than the published one"),
    Rule.CRL_EXPIRED: ("吊销列表已过期", "an expired revocation list"),
    Rule.CRL_ENTRY_GONE: ("已吊销的证书又变为有效", "a revoked certificate comes back"),
    Rule.CRL_DATE_CHANGED: ("吊销日期被推后", "a revocation was moved to a later date"),
    Rule.ROOT_RETURNS: ("已泄露的根证书又被信任", "a compromised root comes back"),
    Rule.CATALOGUE_OLDER: ("服务目录比已发布的旧", "a catalogue older than the published one"),
}

TEXTS: Mapping[Text, tuple[str, str]] = {
    Text.SET_UP: (
        "发布已设置。请将 {anchor} 当面交给每个查验点，作为信任起点。"
        "警告：根密钥与其他密钥放在一起，只可用于演示；正式使用请分别离线保管。",
        "Publication is set up. Hand {anchor} to every counter in person: it is where their trust begins. "
        "Warning: the root keys lie with the others, which is for demonstrations only; keep them offline and apart.",
    ),
    Text.PUBLISHED: (
        "已发布第 {number} 版到 {directory}，须在 {until} 之前再次发布。",
        "Release {number} is out at {directory}. The next one must follow before {until}.",
    ),
    Text.DRY_RUN: (
        "试运行：未签名，未发布。将是第 {number} 版。",
        "Dry run: nothing was signed or published. It would be release {number}.",
    ),
    Text.CHANGES: (
        "新增 {added}，更改 {changed}，移除 {removed}。",
        "{added} added, {changed} changed, {removed} removed.",
    ),
    Text.STICK: ("已复制到 {stick} 并复核。", "Copied to {stick} and checked there."),
}
