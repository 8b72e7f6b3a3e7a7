"""What the pages of acts on a permit say."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "endorse.title": ("年度签注", "Yearly endorsement"),
        "endorse.lead": (
            "下面左边是现在的内容，右边是签注后的内容。核对无误后签注，再写卡。",
            "On the left what holds now, on the right what will. If it is right, endorse; the card is written next.",
        ),
        "endorse.item": ("项目", "Item"),
        "endorse.old": ("原来", "Now"),
        "endorse.new": ("签注后", "After it"),
        "endorse.extended": ("{count} 项服务随签注顺延", "{count} {count:service lasts|services last} as much longer"),
        "endorse.address": ("地址变了？", "The address has changed?"),
        "endorse.new-address": ("新居住地址", "New address"),
        "endorse.since": ("入住日期", "Living there since"),
        "endorse.preview": ("按新地址重新计算", "Work it out with the new address"),
        "endorse.button": ("签注", "Endorse"),
        "endorse.none": ("现在没有可签注的内容。", "There is nothing to endorse now."),
        "endorse.window": ("可签注期自 {day} 起", "It may be endorsed from {day}"),
        "endorse.empty": ("无", "none"),
        "update.title": ("更新卡片", "Write the card anew"),
        "update.lead": (
            "把持卡人的卡放到读卡器上：卡上内容会更新为登记内容，写前先核对真伪。",
            "Put the holder’s card on the reader. It is checked first, then made to say what the register says.",
        ),
        "update.not-due": ("卡上内容已是最新。", "The card says all of it already."),
        "update.button": ("更新并读回", "Write it and read it back"),
        "update.can-hint": (
            "一般不用填：登记内容即可打开卡片",
            "Usually not needed: the register knows how to open the card",
        ),
        "act.report-lost.title": ("挂失", "Report of loss"),
        "act.report-lost.lead": (
            "立即停用，各窗口最迟 18 小时内知道；电话即可挂失，恢复须本人到场。",
            "The permit is suspended at once, and every counter knows within 18 hours. A call is enough; to restore it"
            " the holder has to come.",
        ),
        "act.report-lost.button": ("挂失，立即停用", "Suspend it now"),
        "act.suspend.title": ("停用", "Suspend"),
        "act.suspend.lead": ("经决定停用，写明理由。", "By an officer’s order; say why."),
        "act.suspend.button": ("停用", "Suspend"),
        "act.restore.title": ("恢复", "Restore"),
        "act.restore.lead": (
            "持卡人本人带卡到场，才能恢复。",
            "Only when the holder is here, with the card.",
        ),
        "act.restore.button": ("恢复使用", "Restore it"),
        "act.replace.title": ("补换卡", "Replace the card"),
        "act.replace.lead": (
            "旧卡从现在起作废，另开一件补换领申请；旧卡请收回。",
            "The old card counts for nothing from now on; an application for another is opened. Take the old one back.",
        ),
        "act.replace.button": ("作废旧卡，申请新卡", "Void the old card, apply for a new one"),
        "act.revoke.title": ("注销", "Revoke"),
        "act.revoke.lead": (
            "注销后不能恢复；各窗口最迟 18 小时内知道。",
            "For good: it cannot be restored. Every counter knows within 18 hours.",
        ),
        "act.revoke.button": ("注销这张居住证", "Revoke this permit"),
        "act.terminate.title": ("终止", "End the permit"),
        "act.terminate.lead": ("居住证到此结束，写明原因。", "The permit comes to its end here; say why."),
        "act.terminate.button": ("终止这张居住证", "End this permit"),
        "act.holder": ("持证人", "Holder"),
        "act.permit": ("居住证", "Permit"),
        "act.standing": ("状态", "State"),
        "act.until": ("签注有效至", "Endorsed until"),
        "act.card": ("卡序号", "Card serial"),
        "act.back": ("返回居住证", "Back to the permit"),
        "in_person": ("持卡人本人带卡到场", "The holder is here, with the card"),
        "where": ("怎样提出", "How was it said"),
        "where.desk": ("本人到场", "The holder is here"),
        "where.phone": ("电话", "By telephone"),
        "reason": ("理由", "Reason"),
        "replacement": ("为什么换", "Why"),
        "replacement.damaged": ("损坏", "Damaged"),
        "replacement.lost": ("遗失", "Lost"),
        "replacement.changed": ("信息变更", "What it says has changed"),
        "ending": ("终止原因", "Why it ends"),
        "ending.no-longer-eligible": ("不再符合条件", "No longer eligible"),
        "ending.local-registration": ("已落户本地", "Registered as a local household"),
        "ending.death": ("死亡", "Death"),
        "ending.false-material": ("材料虚假", "False papers"),
        "card_back": ("旧卡已收回，放入本窗口抽屉", "The old card is here, and goes into this drawer"),
        "change.district": ("所属区域", "District"),
        "done.endorse": ("已签注。下一步：更新卡片。", "Endorsed. Next: write the card."),
        "done.report-lost": ("已挂失，居住证停用。", "The loss is reported; the permit is suspended."),
        "done.suspend": ("已停用。", "Suspended."),
        "done.restore": ("已恢复使用。", "Restored."),
        "done.replace": (
            "旧卡已作废，补换领申请已开；请由另一位审批。",
            "The old card is void and an application is open; a second officer decides.",
        ),
        "done.revoke": ("已注销。", "Revoked."),
        "done.terminate": ("已终止。", "Ended."),
    }
)
