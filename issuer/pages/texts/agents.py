"""What the pages of desk agents say."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "agents.title": ("窗口代理", "Desk agents"),
        "agents.lead": (
            "窗口代理把窗口的读卡器借给本服务；一窗一令牌。",
            "A desk agent lends the reader of its desk to this service. One token for each desk.",
        ),
        "agents.next": (
            "新窗口：先签发令牌，再在读卡器旁启动窗口代理。",
            "A new desk: make its token, then start the agent beside the reader.",
        ),
        "agents.new": ("签发令牌", "Make a token for a desk"),
        "agents.new-lead": (
            "令牌只显示一次，请在该窗口的电脑旁签发，或备好安全的传递方式。",
            "The token is shown once: be at that machine, or have a safe way to it.",
        ),
        "agents.list": ("已登记的窗口代理", "Agents that were enrolled"),
        "agents.find": ("查找名称、窗口或辖区", "Find a name, a desk or a place"),
        "agents.more": ("另有 {count} 个，请缩小查找范围。", "{count} more: narrow it down."),
        "agents.none": ("没有窗口代理。", "There is no desk agent."),
        "agents.name": ("名称", "Name"),
        "agents.name-hint": (
            "写卡时按此名称选读卡器；字母、数字、连字符，如 window-3",
            "Whoever writes a card chooses the reader by it; letters, digits, hyphens: window-3",
        ),
        "agents.desk": ("窗口编号", "Desk"),
        "agents.desk-hint": (
            "与登录时填写的窗口一致，如 desk-3；届时自动选中此读卡器",
            "As at the sign-in there, such as desk-3: then this reader is chosen by itself",
        ),
        "agents.district": ("辖区", "Place"),
        "agents.days": ("有效天数", "Days until it ends"),
        "agents.days-hint": ("1 至 800 天", "1 to 800"),
        "agents.until": ("有效至", "Until"),
        "agents.state": ("状态", "State"),
        "agents.linked": ("已连接", "linked"),
        "agents.away": ("未连接", "not linked"),
        "agents.expired": ("已过期", "ended"),
        "agents.revoked": ("已撤销", "revoked"),
        "agents.revoked-on": ("{day} 撤销", "revoked on {day}"),
        "agents.do": ("办理", "To do"),
        "agents.button": ("签发令牌", "Make the token"),
        "agents.made": ("令牌已签发", "The token is made"),
        "agents.token": ("{name} 的令牌", "The token of {name}"),
        "agents.once": (
            "令牌只显示这一次，服务不保存。离开本页之前请放入窗口电脑的文件；遗失则撤销并重新签发。",
            "It is shown this one time; the service keeps none. Put it into the file before you leave this page. If it"
            " is lost, revoke it and make another.",
        ),
        "agents.again": (
            "此表已提交过，令牌当时显示过一次。没有记下的话，请撤销 {name} 并重新签发。",
            "This form was sent before, and the token was shown then. If it is lost, revoke {name} and make another.",
        ),
        "agents.step.file": (
            "在窗口的电脑上以 root 身份执行，粘贴令牌后按回车、再按 Ctrl-D：文件只有 root 可读，令牌不出现在命令行上",
            "On the desk’s machine, as root. Paste the token, then Enter and Ctrl-D: root alone reads the file, and the"
            " token is on no command line",
        ),
        "agents.step.start": (
            "以 root 身份启动窗口代理（长期运行的系统服务见安装手册 DESK.md 第 4 节）",
            "Start the agent, as root (as a service of the system: DESK.md, section 4)",
        ),
        "agents.step.look": (
            "显示“已连接”后，此读卡器即可在写卡页面选用。",
            "When it says “connected”, the reader can be chosen on the page of the card.",
        ),
        "agents.to-list": ("已放好，回到列表", "It is in its place: back to the list"),
        "agents.revoke": ("撤销窗口代理", "Revoke a desk agent"),
        "agents.revoke-lead": (
            "令牌立即失效，已建立的连接随即断开；不能恢复，只能重新签发。",
            "The token counts no more, and a link that is up ends at once. There is no way back but a new token.",
        ),
        "agents.revoke-link": ("撤销", "Revoke"),
        "agents.revoke-name": ("撤销 {name}", "Revoke {name}"),
        "agents.revoke-linked": (
            "此窗口现在连接着，可能正在写卡；写到一半的卡不会丢失，可续写。",
            "This desk is linked now and may be writing a card. A card that is half written is not lost: it goes on.",
        ),
        "done.create-agent": ("窗口代理已登记。", "The desk agent is enrolled."),
        "done.revoke-agent": ("窗口代理已撤销。", "The desk agent is revoked."),
    }
)
