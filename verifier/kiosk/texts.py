"""What the page says, in Chinese and English. Reasons, steps and facets are those of `verifier.texts`, save where that
speaks of the command line."""

from __future__ import annotations

from typing import Any

from ..reason import Reason
from ..texts import FACETS, OUTCOMES, REASONS, STEPS, Text
from .settings import Settings

AT_THE_PAGE: dict[Reason, Text] = {
    Reason.TRUST_MISSING: (
        "本机没有信任数据:请管理员导入发证机关的数据(permit-verifier sync),导入后本页自动恢复。",
        "This machine has no trust data: have the authority's data imported (permit-verifier sync); this page goes on"
        " by itself.",
    ),
    Reason.TRUST_DAMAGED: (
        "本机信任数据已损坏:请管理员重新导入发证机关的数据(permit-verifier sync)。",
        "This machine's trust data is damaged: have the authority's data imported again (permit-verifier sync).",
    ),
    Reason.CLOCK_SET_BACK: (
        "本机时钟比已知的时间更早,不能判断有效期:请管理员校准日期和时间,校准后本页自动恢复。",
        "This machine's clock runs behind a time that it has already seen, so nothing can be called valid: have date"
        " and time set; this page goes on by itself.",
    ),
    Reason.NO_READER_SERVICE: (
        "读卡器服务没有运行:请管理员启动 pcscd(sudo systemctl start pcscd.socket),启动后本页自动恢复。",
        "The smart-card service does not run: have pcscd started (sudo systemctl start pcscd.socket); this page"
        " goes on by itself.",
    ),
    Reason.NO_READER: (
        "没有读卡器:请插上读卡器,插上后本页自动恢复。",
        "There is no reader: plug it in; this page goes on by itself.",
    ),
    Reason.READER_AMBIGUOUS: (
        "有多个读卡器放了卡:请只留一张卡,或指定读卡器。",
        "There is a card on more than one reader: leave one card, or name the reader.",
    ),
    Reason.READER_BUSY: (
        "读卡器正被其他程序使用:请关闭该程序,取出卡再放上。",
        "Another program is using the reader: close it, take the card off and put it back.",
    ),
    Reason.TIMED_OUT: (
        "读卡超时:请把卡取下,稍等,再放正并保持不动。",
        "Reading took too long: take the card off, wait a moment, put it back squarely and keep it still.",
    ),
    Reason.CARD_REMOVED: (
        "读取时卡被移开:请把卡放好,保持不动。",
        "The card was taken away while being read: put it back and keep it still.",
    ),
    Reason.CARD_MUTE: (
        "卡没有应答:请取下,翻到正面朝上再放好。",
        "The card does not answer: take it off, turn its front up and put it back squarely.",
    ),
    Reason.WRONG_PASSWORD: (
        "号码与此卡不符:请核对卡正面的六位号码,再输入一次。",
        "The number is not this card's: compare the six digits on its front and type them again.",
    ),
    Reason.PASSWORD_MALFORMED: ("卡接入号是六位数字。", "The card access number has six digits."),
    Reason.CODE_UNREADABLE: (
        "无法读取这张图片:请选择 PNG 或 JPEG 图片。",
        "This picture cannot be read: choose a PNG or JPEG.",
    ),
    Reason.CODE_SUPPORT_MISSING: (
        "本机不能识别图片中的条码:请用扫描枪,或请管理员安装 residence-permit[counter]。",
        "Pictures cannot be decoded on this machine: use a scanner, or have residence-permit[counter] installed.",
    ),
}

PAGE: dict[str, Text] = {
    "title": ("居住证核验", "Residence permit check"),
    "other_language": ("English", "中文"),
    "language_label": ("Switch to English", "切换到中文"),
    "idle_title": ("请把居住证放在读卡器上", "Put the permit on the reader"),
    "idle_hint": ("或者用扫描枪扫描卡背面的条码", "or hold the code on its back before the scanner"),
    "picture": ("选择条码图片", "Choose a picture"),
    "camera": ("用摄像头扫描", "Use the camera"),
    "camera_stop": ("关闭摄像头", "Stop the camera"),
    "camera_hint": (
        "把卡背面的条码对准画面,保持不动。",
        "Hold the code on the back of the card into the picture, still.",
    ),
    "camera_none": (
        "摄像头无法使用:请检查连接和浏览器权限。",
        "The camera cannot be used: check its cable and the browser's permission.",
    ),
    "seen_title": ("检测到卡", "A card is there"),
    "seen_hint": ("请保持不动。", "Keep it still."),
    "ask_title": ("请输入卡正面的六位号码", "Type the six digits on the front of the card"),
    "ask_hint": ("或者扫描卡背面的条码,无需输入。", "Or scan the code on its back: nothing to type."),
    "can": ("卡接入号,六位数字", "Card access number, six digits"),
    "open": ("读取", "Read the card"),
    "erase": ("删除", "Erase"),
    "keypad": ("数字键盘", "Keypad"),
    "reading_title": ("正在读取,请勿移动卡", "Reading, keep the card still"),
    "down_title": ("现在不能读卡", "Cards cannot be read now"),
    "failed_title": ("没有结论", "No verdict"),
    "again": ("重试", "Try again"),
    "clear": ("清除屏幕", "Clear the screen"),
    "save": ("为发证机关保存证据", "Save for the authority"),
    "saved": ("已保存,只有发证机关能打开:", "Saved, only the authority can open it: "),
    "save_failed": ("未能保存:", "Could not be saved: "),
    "verdict_title": ("核验结果", "What the check says"),
    "printed": (
        "只查验了印刷码:保证程度较低,复印件看起来一样",
        "Only the printed code was checked: lower assurance, a copy looks the same",
    ),
    "chip_adds": ("读取芯片还能查验:", "The chip would add: "),
    "put_card": ("现在把卡放上读卡器,无需输入号码。", "Put the card on the reader now: nothing to type."),
    "genuine": ("是真卡吗?", "Is it genuine?"),
    "current": ("现在有效吗?", "Is it in force?"),
    "entitled": ("有可享受的服务吗?", "Entitled here?"),
    "data_age": ("本机数据够新吗?", "Is our own data fresh?"),
    "passed": ("是", "Yes"),
    "warning": ("是,需留意", "Yes, but"),
    "failed": ("否", "No"),
    "not-checked": ("未能判断", "Undecided"),
    "because_not_genuine": ("未查验:卡不是真的。", "Not looked at: the card is not genuine."),
    "data_failed": ("过旧或缺失", "Too old or missing"),
    "services": ("本部门的服务", "Services of this sector"),
    "services_held": (
        "卡上载明的服务。证件未通过核验,现在不得给予:",
        "On the card, but not to be given now: the permit did not pass",
    ),
    "copied_because": ("数据写着有效,但卡不是真的。", "So its data says, but the card is not genuine."),
    "held_because": ("卡上载明,但证件未通过核验。", "On the card, but the permit did not pass."),
    "services_another": ("不是持卡人本人,现在不得给予:", "Not to be given: this is not the holder"),
    "service_yes": ("可享受", "Granted"),
    "service_no": ("不可享受", "Not granted"),
    "service_held": ("暂不给予", "Withheld"),
    "until": ("至", "until "),
    "not_on_card": ("卡上没有的服务", "Not on this card"),
    "class": ("类别", "Class"),
    "endorsed": ("签注有效至", "Endorsed until"),
    "number": ("证号", "Number"),
    "born": ("出生", "Born"),
    "authority": ("发证机关", "Issued by"),
    "address": ("居住地址", "Resides at"),
    "sex": ("性别", "Sex"),
    "sex_F": ("女", "female"),
    "sex_M": ("男", "male"),
    "sex_X": ("未注明", "not stated"),
    "portrait": ("芯片中的照片", "Portrait from the chip"),
    "portrait_coming": ("正在读取照片", "The portrait is being read"),
    "portrait_none": ("没有可显示的照片", "No portrait can be shown"),
    "portrait_print": ("印刷码不含照片", "A printed code carries no portrait"),
    "compare": (
        "照片、卡面和面前的人,是同一人吗?",
        "Portrait, printed face and the person here: the same?",
    ),
    "same": ("是同一人", "The same"),
    "other": ("不是同一人", "Not the same"),
    "same_said": ("已核对:是同一人。", "Compared: the same person."),
    "other_said": (
        "不是同一人:请勿受理,并报告。",
        "Not the same person: do not accept the card, and report it.",
    ),
    "data": ("本机数据", "Own data"),
    "trust": ("信任数据", "trust data"),
    "status": ("状态名单", "status list"),
    "just_now": ("不到 1 小时前", "less than an hour old"),
    "hours": ("{n} 小时前", "{n} h old"),
    "days": ("{n} 天前", "{n} days old"),
    "missing": ("没有", "missing"),
    "fresh": ("是最新的", "fresh"),
    "stale": ("需要更新", "needs an update"),
    "reader": ("读卡器", "Reader"),
    "code": ("印刷码", "Printed code"),
    "readers": ("读卡位", "Places"),
    "phase_empty": ("空", "empty"),
    "phase_seen": ("有卡", "card"),
    "phase_ask": ("等待号码", "waits for digits"),
    "phase_reading": ("读取中", "reading"),
    "phase_verdict": ("有结果", "verdict"),
    "phase_failed": ("无结论", "no verdict"),
    "lost_title": ("与核验程序的连接中断", "The checking program does not answer"),
    "lost_hint": (
        "屏幕已清除。程序恢复后本页自动继续;若长时间不恢复,请管理员重新启动 permit-verifier kiosk。",
        "The screen was cleared. This page goes on by itself; if not, have permit-verifier kiosk started again.",
    ),
    "said_entitled": ("可享受 {n} 项服务", "{n} services granted"),
    "keys": ("F2 语言 · Esc 清除", "F2 language · Esc clears"),
}


def tree(settings: Settings, *, save: bool) -> dict[str, Any]:
    """All that the page needs to say, and the settings that it shows."""
    return {
        "languages": list(settings.languages),
        "sector": {"zh": settings.sector.zh, "en": settings.sector.en},
        "name": settings.name,
        "save": save,
        "page": PAGE,
        "reasons": {**REASONS, **AT_THE_PAGE},
        "steps": STEPS,
        "facets": FACETS,
        "outcomes": OUTCOMES,
    }
