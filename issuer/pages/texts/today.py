"""What the page of today's work says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "today.title": ("今日工作", "Today’s work"),
        "today.date": ("{day}，{place}", "{day}, {place}"),
        "today.next.register": (
            "有人来办理？从登记开始，约两分钟。",
            "Somebody is at your desk? Begin with the registration; it takes two minutes.",
        ),
        "today.next.register.button": ("登记新的申请人", "Register a person"),
        "today.next.decide": (
            "{count} 件申请等您审批，最急的在最前。",
            "{count} {count:application waits|applications wait} for your decision, the most urgent first.",
        ),
        "today.next.decide.button": ("打开最急的一件", "Open the most urgent"),
        "today.next.nothing-to-decide": ("没有待审批的申请。", "Nothing waits for your decision."),
        "today.next.audit": (
            "抽查最近的办理记录，或校验整条记录链。",
            "Look at what was done last, or verify the whole chain.",
        ),
        "today.next.audit.button": ("打开审计记录", "Open the audit trail"),
        "today.next.keys": (
            "查看密钥的有效期与下一项应办事项。",
            "See how long the keys serve, and what is to be done next.",
        ),
        "today.next.keys.button": ("打开密钥时间表", "Open the keys"),
        "today.queue": ("办理中", "Under way"),
        "today.queue.empty": ("没有办理中的申请。", "Nothing is under way."),
        "today.waiting": ("等您继续", "Waiting for you"),
        "today.deadlines": (
            "法定期限（受理后15日，延长后30日）",
            "Legal deadlines: 15 days from acceptance, 30 when extended",
        ),
        "today.deadlines.empty": ("没有在途期限。", "No deadline is running."),
        "today.left": ("剩 {count} 天", "{count} {count:day|days} left"),
        "today.left.0": ("今天到期", "due today"),
        "today.late": ("逾期 {count} 天", "{count} {count:day|days} late"),
        "today.stock": ("本窗口卡片", "Cards in this drawer"),
        "today.stock.blanks": ("张空白卡", "{count:blank card|blank cards}"),
        "today.stock.low": ("空白卡不多了，请从库房领取。", "Few blanks are left: fetch some from the vault."),
        "today.stock.unresolved": (
            "{count} 张卡写到一半，请放回读卡器续写或作废。",
            "{count} {count:card is|cards are} half written: put {count:it|them} back and go on,"
            " or spoil {count:it|them}.",
        ),
        "today.stock.open": ("打开库存", "Open the stock"),
        "today.stock.closed": ("今日已结账", "Closed for today"),
        "today.reminders": ("年度签注", "Yearly endorsements"),
        "today.reminders.due": (
            "本月可办签注，尚未提醒 {count} 人。",
            "{count} {count:holder|holders} whose endorsement is open {count:was|were} not reminded yet.",
        ),
        "today.reminders.none": ("一个月内无人需签注。", "No endorsement is open."),
        "today.reminders.open": ("打开签注名单", "Open the list"),
        "today.more": ("全部", "All of them"),
        "today.more-than": ("{count} 以上", "more than {count}"),
        "today.locked": ("被锁定的账户", "Locked accounts"),
        "today.pending": ("待发布的证件状态变更", "Changes of status not published yet"),
        "today.records": ("审计记录", "Audit records"),
        "today.checkpoint": ("最近签名", "Last signed checkpoint"),
        "do.documents": ("核对材料", "Documents"),
        "do.photo": ("采集照片", "Photo"),
        "do.entitlements": ("说明待遇并受理", "Explain and accept"),
        "do.decide": ("审批", "Decide"),
        "do.card": ("制卡", "Write the card"),
        "do.handover": ("发卡", "Hand over"),
        "do.look": ("查看", "Look"),
    }
)
