"""What to do on a page where the words of the API or of the command line would speak of requests and commands:
``problem.CODE`` for what the service refuses, ``refused.REASON.do`` for what a card or a reader has against it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_AGAIN = ("把同一张卡放回，再按一次“续写”。", "Put the same card back and press “go on” once more.")
_SPOIL = (
    "取一张空白卡重来；这张卡到“卡片库存”登记作废。",
    "Take another blank. Book this card as spoiled under “Card stock”.",
)

TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "problem.wrong-state": ("此件当前状态下不能这样办理", "Not possible as it stands now"),
        "problem.wrong-state.do": (
            "他人可能刚刚办理过；请重新打开此件查看。",
            "Somebody may have done it just now: open it again and look.",
        ),
        "problem.no-reader": ("这个读卡器现在不在", "This reader is not there now"),
        "problem.no-reader.do": (
            "请检查窗口代理是否在运行，再重新选择读卡器。",
            "See whether the desk agent runs, then choose a reader again.",
        ),
        "problem.reader-elsewhere": ("读卡器连在另一台服务上", "The reader is linked to another process"),
        "problem.reader-elsewhere.do": (
            "请打开 {process} 办理，或请管理员让代理同时连接本服务。",
            "Work at {process}, or let an administrator link the agent to this one too.",
        ),
        "problem.keys-unusable": ("签发密钥暂不可用", "The signing keys cannot be used"),
        "problem.keys-unusable.do": (
            "没有写任何卡。请告诉密钥管理员：{reason}。",
            "No card was touched. Tell the key administrator: {reason}.",
        ),
        "problem.rules-mistakes": ("规则文件有误", "The rule set has mistakes"),
        "problem.rules-mistakes.do": ("请按下列各项更正后重新提交。", "Correct what is listed and hand it in again."),
        "problem.rules-unsound": ("规则检查未通过", "The rule set must not be activated"),
        "problem.rules-unsound.do": ("请先更正检查列出的错误。", "Correct the errors that the check lists first."),
        "refused.no-reader-service.do": (
            "读卡服务没有运行；请管理员启动 pcscd。",
            "The card service does not run: have pcscd started.",
        ),
        "refused.no-reader.do": ("请插好读卡器后再试。", "Plug the reader in and try again."),
        "refused.no-card.do": ("请把卡放到读卡器上，再按一次。", "Put the card on the reader and press once more."),
        "refused.unknown-card.do": (
            "这张卡是别处开始写的：请送回原办理窗口。",
            "Another authority or desk began this card: send it back there.",
        ),
        "refused.already-personalised.do": (
            "这是一张写好的卡：制新证请换空白卡。",
            "This card is written already: take a blank one.",
        ),
        "refused.not-personalised.do": (
            "这是空白卡：请先从“写卡”制证。",
            "This card is blank: write it first, by its application.",
        ),
        "refused.half-written.do": (
            "这张卡写到一半：请从它的申请里续写。",
            "This card is half written: go on with it, by its application.",
        ),
        "refused.card-reserved.do": (
            "这张卡是为居住证另一件申请写的：请先完成那一件，或换空白卡。",
            "This card was begun for another permit: finish that one first, or take a blank.",
        ),
        "refused.card-failed.do": _AGAIN,
        "refused.transport-failed.do": _AGAIN,
        "refused.read-back.do": _AGAIN,
        "refused.not-endorsed.do": (
            "卡仍是原来的签注，可以照常使用；请再试一次，仍不行则补换卡。",
            "The card keeps its old endorsement and goes on working. Try again; if it stays so, replace it.",
        ),
        "refused.permit-unresolved.do": (
            "此证另有一张卡写到一半：放入那张卡续写，或先到“卡片库存”登记作废。",
            "Another card of this permit is half written: put that one on the reader, or book it as spoiled first.",
        ),
        "refused.permit-has-card.do": (
            "此证已有有效卡；要换卡请用“补换卡”。",
            "This permit has a card in force: to change it, use “Replace the card”.",
        ),
        "refused.trust-unusable.do": (
            "现在写的卡没有窗口会接受；请密钥管理员更新发布数据。",
            "No counter would take a card written now: the key administrator has to renew what is published.",
        ),
        "refused.keys-locked.do": ("请告诉密钥管理员。", "Tell the key administrator."),
        "refused.no-authority.do": ("请告诉密钥管理员。", "Tell the key administrator."),
        "refused.spoiled.do": _SPOIL,
    }
)
