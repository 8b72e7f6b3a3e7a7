"""What people read about a synchronisation: one line per reason that says what to do, in zh and en."""

from __future__ import annotations

from .sync_reason import SyncReason
from .texts import Text

REASONS: dict[SyncReason, Text] = {
    SyncReason.NOT_INSTALLED: (
        "本机没有安装同步支持:请安装 residence-permit[sync]。",
        "Support for synchronisation is not installed: install residence-permit[sync].",
    ),
    SyncReason.NO_ANCHOR: (
        "首次同步需要发证机关当面交付的根文件:请用 --trust-anchor 指定。",
        "The first synchronisation needs the root file that the authority hands over in person: name it with "
        "--trust-anchor.",
    ),
    SyncReason.ANCHOR_INVALID: (
        "指定的根文件无效:请向发证机关重新领取。",
        "The root file is not valid: get it from the authority again.",
    ),
    SyncReason.CLOCK_SET_BACK: (
        "本机时钟早于已知的时间,过期的数据会显得有效:请校准日期和时间后再同步。",
        "This machine's clock is behind what it has already seen, and expired data would look fresh: set date and "
        "time, then synchronise again.",
    ),
    SyncReason.STORE_BUSY: (
        "另一个同步正在进行:请等它结束后再试。",
        "Another synchronisation is under way: try again when it has ended.",
    ),
    SyncReason.STORE_DAMAGED: (
        "本机数据已损坏:请移走该目录,并用 --trust-anchor 重新同步。",
        "This machine's store is damaged: move it away and synchronise anew with --trust-anchor.",
    ),
    SyncReason.STORE_UNWRITABLE: (
        "无法写入本机数据:请检查磁盘空间和权限。",
        "The store cannot be written: check disk space and permissions.",
    ),
    SyncReason.UNREACHABLE: (
        "无法读取来源:请检查网络或 U 盘后重试。",
        "The source cannot be read: check the network or the stick, then try again.",
    ),
    SyncReason.NOT_A_REPOSITORY: (
        "该处没有发证机关发布的数据:请检查地址或目录。",
        "There is no published data at that place: check the address or the directory.",
    ),
    SyncReason.INCOMPLETE: (
        "来源不完整:请重新复制整个目录后再试。",
        "The source is incomplete: copy the whole directory again.",
    ),
    SyncReason.TRUNCATED: (
        "有文件不完整(被截断):请重新复制或重试。",
        "A file was cut short: copy it again, or try again.",
    ),
    SyncReason.ALTERED: (
        "有文件与签名不符:请勿使用此来源,换一份再试;仍然如此,请报告。",
        "A file is not the one that was signed: do not use this source; try another, and report it if it stays so.",
    ),
    SyncReason.MIXED: (
        "来源混有不同版本的文件:请重新复制整个目录;仍然如此,请报告。",
        "The source mixes files of different releases: copy the whole directory again, and report it if it stays so.",
    ),
    SyncReason.TOO_LARGE: (
        "有文件大得不合理:请勿使用此来源,并报告。",
        "A file is larger than any good one: do not use this source, and report it.",
    ),
    SyncReason.MALFORMED: (
        "来源的格式有误:请勿使用此来源,并报告。",
        "The source is malformed: do not use it, and report it.",
    ),
    SyncReason.ROOT_UNTRUSTED: (
        "新的根没有得到原有根密钥的足够签名:请勿使用此来源,并立即报告。",
        "The new root is not signed by enough keys of the root that is trusted: do not use this source, and report it "
        "at once.",
    ),
    SyncReason.ROOT_EXPIRED: (
        "发证机关的根已到期:请核对本机日期;日期无误,请联系发证机关。",
        "The authority's root has expired: check this machine's date; if it is right, call the authority.",
    ),
    SyncReason.TOO_FEW_SIGNATURES: (
        "签名不够或无效:请勿使用此来源,并报告。",
        "Too few valid signatures: do not use this source, and report it.",
    ),
    SyncReason.FROZEN: (
        "来源已过期,可能有人扣下了较新的版本:请换一个来源;仍然如此,请联系发证机关。",
        "The source has expired, and somebody may be holding back a newer one: try another; if it stays so, call the "
        "authority.",
    ),
    SyncReason.OLDER: (
        "来源比本机已有的数据旧:无需更新,请换较新的一份。",
        "The source is older than what this machine has: nothing to update; get a newer one.",
    ),
    SyncReason.ROLLED_BACK: (
        "来源用新的签名掩盖旧的内容:请勿使用此来源,并立即报告。",
        "The source puts new signatures over old content: do not use it, and report it at once.",
    ),
    SyncReason.FORKED: (
        "警报:同一版本号下有两份签名有效而内容不同的数据,签名密钥可能已被他人使用。请勿使用此来源,保留原样,并立即报告发证机关。",
        "ALARM: this source has a version that this machine has, well signed, with other content: somebody may be "
        "using the signing keys. Do not use it, keep it as it is, and report it to the authority at once.",
    ),
    SyncReason.TRUST_INVALID: (
        "来源的证书无法使用:请报告发证机关。",
        "The certificates in the source cannot be used: report it to the authority.",
    ),
    SyncReason.REVOCATION_INVALID: (
        "来源的吊销列表无效:请报告发证机关。",
        "A revocation list in the source is not valid: report it to the authority.",
    ),
    SyncReason.STATUS_INVALID: (
        "来源的状态名单无效:请报告发证机关。",
        "A status list in the source is not valid: report it to the authority.",
    ),
    SyncReason.STATUS_BOMB: (
        "来源的状态名单解压后大得不合理:请勿使用此来源,并立即报告。",
        "A status list in the source would inflate beyond all measure: do not use it, and report it at once.",
    ),
    SyncReason.STATUS_MISPLACED: (
        "来源的状态名单放错位置:请勿使用此来源,并立即报告。",
        "A status list in the source stands in the place of another: do not use it, and report it at once.",
    ),
    SyncReason.REVOCATION_TAKEN_BACK: (
        "来源使已注销的卡或证书重新生效:请勿使用此来源,并立即报告。",
        "The source brings back what had been revoked: do not use it, and report it at once.",
    ),
}

LABELS: dict[str, Text] = {
    "watching": ("等待 U 盘: ", "Waiting for a stick below: "),
    "synced": ("已同步", "Synchronised"),
    "release": ("版本", "release"),
    "published": ("发布于", "published"),
    "valid_until": ("来源有效至", "good until"),
    "changed": ("项更改", "changed"),
    "bytes": ("字节", "bytes"),
    "unchanged": ("本机数据保持不变。", "What this machine had is unchanged."),
}
