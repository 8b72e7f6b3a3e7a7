"""What `permit-verifier usage` says, in Chinese and English."""

from __future__ import annotations

from .texts import Text
from .usage_report import Fault

FAULTS: dict[Fault, Text] = {
    Fault.MALFORMED: (
        "记录被改动或损坏:请保留文件并报告。",
        "A record was changed or is damaged: keep the file, and report it.",
    ),
    Fault.LINK: (
        "记录不接续前一条:有记录被改动、插入或删除,请保留文件并报告。",
        "A record does not follow the one before: something was changed, put in or removed; keep the file, report it.",
    ),
    Fault.GAP: (
        "记录编号不连续:有记录缺失,请报告。",
        "Numbers are missing or come twice: records are gone; report it.",
    ),
    Fault.LOST: (
        "本机曾丢失一段计数(断电、磁盘或删除文件):合计偏少。",
        "Counts were lost here once (power, disk, or a removed file): the sums are too low.",
    ),
    Fault.HEAD: (
        "已知的记录不在其中:日志被截断或替换,请报告。",
        "A record that was known is not in it: the log was cut or replaced; report it.",
    ),
}

LABELS: dict[str, Text] = {
    "whole": ("日志完整", "The log is whole"),
    "broken": ("日志不完整", "The log is NOT whole"),
    "records": ("条记录", "records"),
    "head": ("末条记录的摘要(请保存,下次用 --head 核对)", "Hash of the last record (keep it; next time give --head)"),
    "none": ("本机没有使用记录。", "There is no usage log here."),
    "unreadable": ("无法读取: ", "Cannot be read: "),
    "written": ("已保存: ", "Written: "),
    "district": ("地区", "district"),
    "month": ("月份", "month"),
    "sector": ("部门", "sector"),
    "checks": ("查验次数", "checks"),
    "accepted": ("受理", "accepted"),
    "refused": ("拒绝", "refused"),
    "not-read": ("未读出", "not read"),
    "own-data": ("本机数据", "own data"),
    "printed": ("印刷码", "printed"),
}
