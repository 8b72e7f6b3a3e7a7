"""What the doctor says: for each part a name, for each ailment what is wrong and what to do, in Chinese and English."""

from __future__ import annotations

from .doctor_findings import Ailment, Health, Part
from .texts import Text

PARTS: dict[Part, Text] = {
    Part.DAEMON: ("读卡器服务", "smart-card service"),
    Part.READER: ("读卡器", "reader"),
    Part.CARD: ("卡", "card"),
    Part.TRUST: ("信任数据", "trust data"),
    Part.STATUS: ("状态名单", "status list"),
    Part.SYNC: ("数据更新", "synchronisation"),
    Part.SUPPORT: ("支持密钥", "support key"),
    Part.CLOCK: ("时钟", "clock"),
    Part.DISK: ("磁盘", "disk"),
    Part.PERMISSIONS: ("权限", "permissions"),
    Part.USAGE: ("使用记录", "usage log"),
    Part.LANGUAGE: ("语言与字体", "language and fonts"),
    Part.EXTRAS: ("附加组件", "extras"),
}

HEALTH: dict[Health, Text] = {
    Health.GOOD: ("正常", "good"),
    Health.NOTE: ("请留意", "take note"),
    Health.WRONG: ("有问题", "wrong"),
}

AILMENTS: dict[Ailment, Text] = {
    Ailment.FINE: ("", ""),
    Ailment.NO_READER_SUPPORT: (
        "没有安装读卡器支持:请安装 Debian 软件包 pcscd libpcsclite-dev gcc python3-dev 和 residence-permit[pcsc]。",
        "Support for readers is not installed: install the Debian packages pcscd, libpcsclite-dev, gcc and python3-dev,"
        " then residence-permit[pcsc].",
    ),
    Ailment.NO_DAEMON_INSTALLED: (
        "没有安装 pcscd:请运行 apt install pcscd libccid。",
        "pcscd is not installed: apt install pcscd libccid.",
    ),
    Ailment.DAEMON_DEAD: (
        "pcscd 没有运行:请运行 systemctl enable --now pcscd.socket。",
        "pcscd does not run: systemctl enable --now pcscd.socket.",
    ),
    Ailment.DAEMON_FORBIDDEN: (
        "本用户无权使用 pcscd:请在本机登录,或由管理员在 polkit 中允许 org.debian.pcsc-lite.access_pcsc。",
        "This user may not use pcscd: log in at this machine, or have polkit allow org.debian.pcsc-lite.access_pcsc.",
    ),
    Ailment.NO_READER: (
        "没有读卡器:请插好读卡器,换一个 USB 口再试。",
        "There is no reader: plug it in, try another USB port.",
    ),
    Ailment.NO_DRIVER: (
        "USB 上有读卡器,但 pcscd 没有它的驱动:请运行 apt install libccid(或安装厂商驱动),然后重启 pcscd。",
        "A reader is on USB, but pcscd has no driver for it: apt install libccid (or the maker's driver), then restart"
        " pcscd.",
    ),
    Ailment.NOT_LOOKED_AT: ("先解决前面的问题。", "Not looked at: mend what is wrong before it."),
    Ailment.NO_CARD: ("没有卡:放一张卡可以一并测试。", "No card: put one on the reader to have it tested as well."),
    Ailment.CARD_MUTE: (
        "卡没有应答:请放正,或换一张卡;仍然如此,请检查读卡器。",
        "The card does not answer: place it squarely, or try another; if it stays so, look at the reader.",
    ),
    Ailment.CARD_BUSY: (
        "卡正被其他程序使用(例如窗口页面),没有测试。",
        "Another program is using the card (the page, for one): not tested.",
    ),
    Ailment.OTHER_CARD: ("读卡器上是另一种卡。", "There is another kind of card on the reader."),
    Ailment.CARD_UNUSABLE: (
        "这张居住证卡尚未启用或已作废:请用另一张卡测试。",
        "This residence permit is not activated, or was terminated: test with another.",
    ),
    Ailment.PERMIT_CARD: ("居住证卡,可以读取。", "a residence permit that can be read"),
    Ailment.TRUST_MISSING: (
        "没有信任数据:请运行 permit-verifier sync --from URL|目录 --trust-anchor 文件。",
        "There is no trust data: run permit-verifier sync --from URL|DIR --trust-anchor FILE.",
    ),
    Ailment.TRUST_DAMAGED: (
        "信任数据已损坏:请再次运行 permit-verifier sync;仍然如此,请检查磁盘。",
        "The trust data is damaged: run permit-verifier sync again; if it stays so, check the disk.",
    ),
    Ailment.TRUST_FORBIDDEN: (
        "本用户不能读取信任数据:请以 root 运行 chmod -R a+rX 该目录。",
        "This user cannot read the trust data: as root, chmod -R a+rX the directory.",
    ),
    Ailment.TRUST_AGEING: ("信任数据较旧:请尽快更新(sync)。", "The trust data is getting old: run sync soon."),
    Ailment.TRUST_TOO_OLD: (
        "信任数据过旧,不能再给予服务:请立即更新(sync)。",
        "The trust data is too old to grant services: run sync now.",
    ),
    Ailment.STATUS_MISSING: (
        "没有状态名单:请更新(sync);不更新将拒绝所有卡。",
        "There is no status list: run sync; until then every card is refused.",
    ),
    Ailment.STATUS_DAMAGED: (
        "状态名单损坏或签名无效:请再次更新(sync)。",
        "A status list is damaged or wrongly signed: run sync again.",
    ),
    Ailment.STATUS_AGEING: (
        "状态名单较旧:请尽快更新(sync),新挂失的卡本机还不知道。",
        "The status list is getting old: run sync soon, cards reported lost since are not known here.",
    ),
    Ailment.STATUS_TOO_OLD: (
        "状态名单过旧,不能再给予服务:请立即更新(sync)。",
        "The status list is too old to grant services: run sync now.",
    ),
    Ailment.NEVER_SYNCED: (
        "信任数据是手工放入的,没有同步记录:请改用 permit-verifier sync,以防回退。",
        "The trust data was put there by hand: use permit-verifier sync, which notices old data in the place of new.",
    ),
    Ailment.RELEASE_EXPIRED: (
        "发证机关应当已发布更新的数据:请检查网络或更新 U 盘,运行 systemctl status permit-verifier-sync.timer。",
        "The authority should have published newer data by now: check the network or the stick, and systemctl status"
        " permit-verifier-sync.timer.",
    ),
    Ailment.SUPPORT_KEY: (
        "没有可用的支持密钥:不能保存被拒绝的卡的证据。请更新(sync)。",
        "There is no support key to use: evidence of refused cards cannot be saved. Run sync.",
    ),
    Ailment.CLOCK_BEHIND: (
        "本机时钟比已知的时间慢:请校准日期和时间(timedatectl set-time),否则拒绝所有卡。",
        "The clock is behind times that are known for sure: set it (timedatectl set-time), or every card is refused.",
    ),
    Ailment.CLOCK_UNREADABLE: (
        "时钟水位文件损坏:请核对本机时间,然后删除状态目录中的 watermark 文件。",
        "The clock watermark is damaged: check the time, then remove the file watermark from the state directory.",
    ),
    Ailment.CLOCK_AHEAD: (
        "按本机时钟,数据已一年没有更新:请核对日期。",
        "By this clock no data has come for a year: check the date.",
    ),
    Ailment.DISK_FULL: (
        "磁盘已满:不能更新数据,不能保存记录。请清理磁盘。",
        "The disk is full: nothing can be updated or kept. Make room.",
    ),
    Ailment.DISK_LITTLE: ("磁盘空间不多:请清理磁盘。", "There is little room on the disk: make some."),
    Ailment.STATE_UNWRITABLE: (
        "本用户不能写状态目录:请改变目录的所有者,或用 --state 指定其他目录。",
        "This user cannot write to the state directory: change its owner, or name another with --state.",
    ),
    Ailment.STATE_OPEN: (
        "其他用户可以写状态目录:请运行 chmod 700。",
        "Others can write to the state directory: chmod 700.",
    ),
    Ailment.TRUST_OPEN: (
        "任何用户都可以改动信任数据:请运行 chmod -R o-w,并重新更新(sync)。",
        "Anybody can change the trust data: chmod -R o-w, then run sync again.",
    ),
    Ailment.USAGE_BROKEN: (
        "使用记录不完整:详见 permit-verifier usage verify。",
        "The usage log is not whole: see permit-verifier usage verify.",
    ),
    Ailment.NO_UTF8: (
        "终端不是 UTF-8,不能显示中文:请设置 LANG=zh_CN.UTF-8 或 C.UTF-8。",
        "The terminal is not UTF-8 and cannot show Chinese: set LANG=C.UTF-8 or zh_CN.UTF-8.",
    ),
    Ailment.NO_CHINESE_FONT: (
        "没有中文字体,柜台页面不能显示姓名:请运行 apt install fonts-wqy-zenhei。",
        "There is no Chinese font, the page cannot show names: apt install fonts-wqy-zenhei.",
    ),
    Ailment.EXTRAS_MISSING: (
        "有未安装的附加组件(按需安装 residence-permit[名称]):",
        "Extras that are not installed (install residence-permit[NAME] where needed):",
    ),
}

LABELS: dict[str, Text] = {
    "ready": ("本机可以查验。", "This counter is ready."),
    "not_ready": (
        "本机还不能查验:请从第一个标 [x] 的开始解决。",
        "This counter is NOT ready: begin with the first [x].",
    ),
}
