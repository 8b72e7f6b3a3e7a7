"""What the agent shows: one line for each change, in Chinese or English, or as JSON for a program that watches it.

No line holds a byte of what a card was told or said, a token, or anything of a person.
"""

from __future__ import annotations

import json
import threading
from datetime import datetime
from enum import StrEnum
from typing import TextIO

from .messages import ReaderCondition, ReaderStatus


class Event(StrEnum):
    """What may change."""

    CONNECTED = "connected"
    LOST = "link-lost"
    UNREACHABLE = "unreachable"
    UNTRUSTED = "untrusted"
    REFUSED = "token-refused"
    ENDED = "token-ended"
    REPLACED = "replaced"
    STRANGE = "not-our-service"
    READER = "reader"
    RUN_BEGUN = "run-begun"
    RUN_ENDED = "run-ended"
    STOPPED = "stopped"


Text = tuple[str, str]

TEXTS: dict[Event, Text] = {
    Event.CONNECTED: ("已连接 {server}", "connected to {server}"),
    Event.LOST: (
        "与 {server} 的连接中断，{seconds} 秒后重连；正在写的卡请留在读卡器上，在页面上重新开始即可续写",
        "the link to {server} broke, trying again in {seconds} s; leave a card that was being written in the reader "
        "and begin again on the page: it goes on",
    ),
    Event.UNREACHABLE: (
        "连不上 {server}（{why}），{seconds} 秒后重试",
        "cannot reach {server} ({why}), trying again in {seconds} s",
    ),
    Event.UNTRUSTED: (
        "{server} 的证书不可信（{why}）：请用 --ca 指定签发它的证书；{seconds} 秒后重试",
        "the certificate of {server} is not trusted ({why}): give the one that signed it by --ca; trying again in "
        "{seconds} s",
    ),
    Event.REFUSED: (
        "{server} 不认此令牌（已撤销、过期或有误）：请向管理员领取新令牌；{seconds} 秒后重试",
        "{server} refuses the token (revoked, expired or wrong): ask an administrator for a new one; trying again in "
        "{seconds} s",
    ),
    Event.ENDED: (
        "令牌已被撤销或过期：请向管理员领取新令牌；{seconds} 秒后重试",
        "the token was revoked or has expired: ask an administrator for a new one; trying again in {seconds} s",
    ),
    Event.REPLACED: (
        "另一台机器正用同一令牌：每张窗口一个令牌，请停掉其中一个；{seconds} 秒后重试",
        "another machine uses the same token: each desk has its own, stop one of them; trying again in {seconds} s",
    ),
    Event.STRANGE: (
        "{server} 的应答不是本系统的服务（{why}）：请检查 --server；{seconds} 秒后重试",
        "{server} does not answer like our service ({why}): check --server; trying again in {seconds} s",
    ),
    Event.READER: ("", ""),
    Event.RUN_BEGUN: ("正在写卡或读卡：请勿取走卡片", "a card is being written or read: leave it in the reader"),
    Event.RUN_ENDED: ("卡片操作结束", "done with the card"),
    Event.STOPPED: ("已停止", "stopped"),
}

CONDITIONS: dict[ReaderCondition, Text] = {
    ReaderCondition.NO_SERVICE: (
        "智能卡服务未运行：请启动 pcscd",
        "the smart-card service does not run: start pcscd",
    ),
    ReaderCondition.NO_READER: ("没有读卡器：请插上", "no reader: plug one in"),
    ReaderCondition.SEVERAL: (
        "不止一个读卡器里有卡：请取走一张，或用 --reader 指明",
        "cards in several readers: take one out, or name the reader by --reader",
    ),
    ReaderCondition.EMPTY: ("{reader}：无卡", "{reader}: no card"),
    ReaderCondition.CARD: ("{reader}：有卡", "{reader}: a card"),
    ReaderCondition.BUSY: ("{reader}：使用中", "{reader}: in use"),
}


class Screen:
    """Lines to `out`, from any thread; a line that says the same as the last of its server or reader is not said."""

    def __init__(self, out: TextIO, *, chinese: bool, as_json: bool) -> None:
        self._out, self._side, self._json = out, 0 if chinese else 1, as_json
        self._lock = threading.Lock()
        self._last: dict[str, tuple[object, ...]] = {}

    def say(self, event: Event, *, server: str = "", why: str = "", seconds: int | None = None) -> None:
        """A change of the link to `server`, or of the run through it."""
        same = (event, why)
        if event not in (Event.RUN_BEGUN, Event.RUN_ENDED):
            with self._lock:
                if self._last.get(server) == same:
                    return
                self._last[server] = same
        text = TEXTS[event][self._side].format(server=server, why=why, seconds=seconds)
        self._line({"event": event.value, "server": server, "why": why, "retry_seconds": seconds}, text)

    def reader(self, status: ReaderStatus) -> None:
        """A change of the reader. That it is in use is told by the run."""
        if status.condition is ReaderCondition.BUSY:
            return
        with self._lock:
            same = (status.condition, status.name)
            if self._last.get("") == same:
                return
            self._last[""] = same
        text = CONDITIONS[status.condition][self._side].format(reader=status.name or "?")
        self._line({"event": Event.READER.value, "condition": status.condition.value, "reader": status.name}, text)

    def _line(self, fields: dict[str, object], text: str) -> None:
        at = datetime.now().astimezone()
        if self._json:
            said = {name: value for name, value in fields.items() if value not in ("", None)}
            line = json.dumps({"at": at.isoformat(timespec="milliseconds")} | said | {"text": text}, ensure_ascii=False)
        else:
            line = f"{at:%H:%M:%S} {text}"
        with self._lock:
            print(line, file=self._out, flush=True)
