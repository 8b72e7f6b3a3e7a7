"""What the clerk reads about support files, in Chinese and English."""

from __future__ import annotations

from .support import SupportReason
from .texts import Text

REASONS: dict[SupportReason, Text] = {
    SupportReason.KEY_MISSING: (
        "信任数据中没有发证机关的支持密钥:请更新数据(sync),或请发证机关发布支持密钥。",
        "The trust data has no support key: run sync, or ask the authority to publish one.",
    ),
    SupportReason.KEY_UNTRUSTED: (
        "支持密钥不是发证机关签发的:请勿使用,并报告。",
        "The support key does not come from the authority: do not use it, and report it.",
    ),
    SupportReason.KEY_EXPIRED: (
        "支持密钥已过期:请更新数据(sync)。",
        "The support key has expired: run sync.",
    ),
    SupportReason.NOT_REFUSED: (
        "此卡没有被拒绝,不保存证据。",
        "The card was not refused: nothing is saved of it.",
    ),
    SupportReason.NOTE_TOO_LONG: (
        "备注过长:最多 400 个字符。",
        "The note is too long: 400 characters at most.",
    ),
    SupportReason.NOTE_HAS_DIGITS: (
        "备注中有六位以上的数字:请勿写入卡接入号、证号或电话。",
        "The note has six digits or more in a row: leave out card access numbers, document and telephone numbers.",
    ),
    SupportReason.TOO_LARGE: (
        "证据过大,无法保存。",
        "The evidence is too large for a support file.",
    ),
}

LABELS: dict[str, Text] = {
    "written": (
        "支持文件已保存(只有发证机关能打开): ",
        "Support file written (only the authority can open it): ",
    ),
    "remove": (
        "原证据文件未加密,请删除: ",
        "The evidence file itself is not encrypted, remove it: ",
    ),
    "counter_said": ("柜台当时的结论", "What the counter said"),
    "note": ("备注", "note"),
    "same": ("现在的结论与柜台当时一致。", "The verdict here is the one the counter gave."),
    "different": (
        "现在的结论与柜台当时不同:数据更新了,或柜台数据有问题。",
        "The verdict here differs from the counter's: data has changed since, or the counter's was at fault.",
    ),
}
