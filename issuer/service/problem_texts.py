"""What the service says when it does not do something: for each code a title, and what to do, in Chinese and English.

Codes are those of `domain.reasons`, and some that only a service can have (`Code`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..domain.reasons import Reason


class Code(StrEnum):
    """Problems of the service itself."""

    MALFORMED = "malformed"
    NOT_SIGNED_IN = "not-signed-in"
    CSRF = "csrf"
    NO_SUCH_RESOURCE = "no-such-resource"
    METHOD = "method-not-allowed"
    MEDIA_TYPE = "media-type"
    NOT_ACCEPTABLE = "not-acceptable"
    TOO_LARGE = "too-large"
    PRECONDITION = "precondition"
    WEAK_PASSWORD = "weak-password"  # noqa: S105
    PHOTO = "photo"
    NO_READER = "no-reader"
    READER_BUSY = "reader-busy"
    READER_ELSEWHERE = "reader-elsewhere"
    AGENT_TOKEN = "agent-token"  # noqa: S105 - a code
    NO_RUN = "no-run"
    NO_RULE_SET = "no-rule-set"
    RULES_MISTAKES = "rules-mistakes"
    RULES_UNSOUND = "rules-unsound"
    NO_CAPTURE = "no-capture"
    KEYS_UNUSABLE = "keys-unusable"
    CHAIN_BROKEN = "chain-broken"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """(Chinese, English) of what happened and of what to do."""

    title: tuple[str, str]
    action: tuple[str, str]


def _text(zh: str, zh_action: str, en: str, en_action: str) -> Text:
    return Text(title=(zh, en), action=(zh_action, en_action))


TEXTS: dict[str, Text] = {
    Reason.INVALID_VALUE: _text(
        "提交的内容不合要求",
        "请按 errors 逐项更正后重新提交。",
        "What was handed in makes no sense",
        "Correct what `errors` or `detail` names, and send it again.",
    ),
    Reason.ROLE: _text(
        "您的角色无权办理此事",
        "请由有相应职责的人员办理。",
        "Your role does not allow this",
        "Ask a colleague who is appointed for it.",
    ),
    Reason.DISTRICT: _text(
        "该事项不属于您的辖区",
        "请由所属辖区的窗口办理。",
        "This belongs to another district",
        "Send the person to an office of that district.",
    ),
    Reason.FOUR_EYES: _text(
        "登记人不得审批本人受理的申请",
        "请由另一位审批人员审批。",
        "Whoever registered an application cannot approve it",
        "Ask another officer to decide.",
    ),
    Reason.CREDENTIALS: _text(
        "用户名或密码不正确",
        "请检查后重试；多次失败将暂时锁定。",
        "Name or password is wrong",
        "Check both and try again; after several failures the account is locked for a while.",
    ),
    Reason.LOCKED_OUT: _text(
        "登录失败次数过多，暂时锁定",
        "请在 Retry-After 所示秒数后重试，或联系管理员。",
        "Too many failed attempts: locked for a while",
        "Wait as many seconds as Retry-After says, or ask an administrator.",
    ),
    Reason.NO_HOLDER: _text(
        "没有此持证人", "请检查编号，或重新检索。", "There is no such holder", "Check the id, or search."
    ),
    Reason.NO_APPLICATION: _text(
        "没有此申请", "请检查申请编号。", "There is no such application", "Check the id of the application."
    ),
    Reason.NO_PERMIT: _text(
        "没有此居住证", "请检查证件编号。", "There is no such permit", "Check the number of the permit."
    ),
    Reason.NO_CARD: _text(
        "没有可用的卡",
        "请检查卡序列号，或先完成制卡。",
        "There is no such card, or none in force yet",
        "Check the serial, or finish the card first.",
    ),
    Reason.NO_DISTRICT: _text(
        "没有此辖区", "请检查辖区编号。", "There is no such district", "Check the district's id."
    ),
    Reason.NO_OPERATOR: _text(
        "没有此操作员", "请检查操作员编号。", "There is no such operator", "Check the operator's id."
    ),
    Reason.NO_AGENT: _text(
        "没有此窗口代理", "请检查代理编号。", "There is no such desk agent", "Check the agent's id."
    ),
    Reason.WRONG_STATE: _text(
        "当前状态下不能办理",
        "请刷新后查看当前状态。",
        "Not possible in the present state",
        "Look at it again: `detail` names the state it is in.",
    ),
    Reason.CHANGED_MEANWHILE: _text(
        "内容已被他人更改",
        "请重新读取后再办理。",
        "Somebody else changed it meanwhile",
        "Read it again, and decide on what it says now.",
    ),
    Reason.CARD_TAKEN: _text(
        "此卡已用于其他证件", "请换一张空白卡。", "This card is taken for another permit", "Take another blank."
    ),
    Reason.CARD_KNOWN: _text(
        "该卡序列号已入库",
        "请核对入库清单。",
        "A card with this serial is in the ledger already",
        "Compare the delivery with its list.",
    ),
    Reason.PERMIT_HAS_CARD: _text(
        "此证件已有一张在用或在制的卡",
        "请完成或作废那张卡后再试。",
        "This permit has a live card already",
        "Finish that card, or spoil it, before another is taken.",
    ),
    Reason.HOLDER_KNOWN: _text(
        "该身份号码已登记",
        "请检索并使用已有记录。",
        "Somebody with this identity number is registered",
        "Search for the person and use that record.",
    ),
    Reason.HOLDER_HAS_PERMIT: _text(
        "此人已持有居住证",
        "如需换证，请办理补换领。",
        "This person has a permit already",
        "For another card ask for a replacement.",
    ),
    Reason.APPLICATION_OPEN: _text(
        "此人有未办结的申请",
        "请先办结或撤回该申请。",
        "This person has an open application",
        "Finish or withdraw that one first.",
    ),
    Reason.POSSIBLE_DUPLICATE: _text(
        "可能与已登记人员重复",
        "请核对候选记录；确认不是同一人后，在 not_the_same 中列出其编号并重新提交。",
        "Perhaps this person is registered already",
        "Compare the candidates; where none is the same person, list their ids in `not_the_same` and send it again.",
    ),
    Reason.KEY_REUSED: _text(
        "Idempotency-Key 已用于另一请求",
        "每次新的办理请使用新的键。",
        "This Idempotency-Key was used for another request",
        "Use a new key for each new act.",
    ),
    Reason.DAY_CLOSED: _text(
        "当日库存已结账", "请在下一工作日登记。", "The day is closed for this drawer", "Enter it on the next day."
    ),
    Reason.NAME_TAKEN: _text("名称已被使用", "请换一个名称。", "This name is taken", "Choose another."),
    Reason.CARD_OUTDATED: _text(
        "卡内信息不是最新",
        "请先写卡更新后再办理。",
        "The card says something older than the register",
        "Write the card first, then try again.",
    ),
    Reason.CHECKLIST_INCOMPLETE: _text(
        "材料不齐", "请补齐告知单所列材料。", "Documents are missing", "Bring what the checklist names, all of it."
    ),
    Reason.CHECKLIST_TOLD: _text(
        "材料已一次性告知",
        "不得再要求告知单以外的材料。",
        "The checklist was told already",
        "Nothing can be asked for that was not on it.",
    ),
    Reason.NOT_ELIGIBLE: _text(
        "尚不符合申领条件",
        "居住满六个月并有合法稳定就业、住所或连续就读后方可申领。",
        "Not eligible yet",
        "Six months of residence, with a job, a home or studies, are required.",
    ),
    Reason.DEADLINE_AT_MAXIMUM: _text(
        "期限已延长至最长",
        "请在三十日内办结。",
        "The deadline was extended already",
        "Decide within the thirty days.",
    ),
    Reason.WRONG_SLIP: _text(
        "受理凭证不符",
        "请出示该申请的受理凭证。",
        "This is not the slip of this application",
        "Ask for the right slip, or identify the person.",
    ),
    Reason.NO_BLANK: _text(
        "抽屉内没有空白卡", "请从库房领取。", "There is no blank in the drawer", "Fetch some from the vault."
    ),
    Reason.NOT_IN_THIS_DRAWER: _text(
        "此卡不在该抽屉",
        "请核对卡片所在位置。",
        "This card lies in another drawer",
        "Check where it is, and transfer it first.",
    ),
    Reason.TOO_EARLY: _text(
        "未到签注期",
        "签注在每满一年之日前一个月内办理。",
        "Too early for the endorsement",
        "It is done in the month before each full year.",
    ),
    Reason.RE_REGISTER: _text(
        "逾期过久，需重新登记",
        "请办理终止后重新申领。",
        "The endorsement was missed for too long",
        "End this permit, and let the person apply anew.",
    ),
    Reason.EXPIRED: _text("居住证已到期", "请重新申领。", "The permit has expired", "Let the person apply anew."),
    Reason.IN_PERSON_ONLY: _text(
        "必须本人到窗口办理",
        "请持有效身份证明到窗口。",
        "Only in person",
        "Ask the holder to come to the desk with an identity document.",
    ),
    Reason.BY_ORDER: _text(
        "居住证经决定停用",
        "须由审批人员决定恢复。",
        "Suspended by an officer's order",
        "An approver must decide to lift it.",
    ),
    Reason.OLD_CARD_MISSING: _text(
        "未交回旧卡",
        "请收回旧卡，或登记挂失。",
        "The old card is missing",
        "Take it back, or record it as lost.",
    ),
    Reason.STOCK_DIFFERS: _text(
        "库存与清点不符",
        "请复核并注明原因。",
        "The count differs from the ledger",
        "Count again, or give the reason in `note`.",
    ),
    Reason.CARDS_UNRESOLVED: _text(
        "有未完成的卡",
        "请先续写或作废这些卡。",
        "There are cards begun and not finished",
        "Finish or spoil them before the day is closed.",
    ),
    Code.MALFORMED: _text(
        "请求无法读取", "请检查请求格式。", "The request cannot be read", "Check its form: JSON in UTF-8."
    ),
    Code.NOT_SIGNED_IN: _text(
        "未登录或会话已结束",
        "请登录后重试。",
        "Not signed in, or the session has ended",
        "Sign in: POST /api/v1/session.",
    ),
    Code.CSRF: _text(
        "缺少或错误的 X-CSRF-Token",
        "请使用登录时返回的令牌。",
        "X-CSRF-Token is missing or wrong",
        "Send the token that signing in, or GET /api/v1/session, gave.",
    ),
    Code.NO_SUCH_RESOURCE: _text(
        "没有此地址", "请查阅 /api/v1/openapi.json。", "There is nothing at this address", "See /api/v1/openapi.json."
    ),
    Code.METHOD: _text(
        "不支持此方法", "可用方法见 Allow。", "This method is not possible here", "`Allow` names those that are."
    ),
    Code.MEDIA_TYPE: _text(
        "不支持此内容类型",
        "请使用接口说明中的内容类型。",
        "This kind of content is not taken here",
        "Send the media type that the description names.",
    ),
    Code.NOT_ACCEPTABLE: _text(
        "无法提供所要求的格式",
        "请接受 application/json。",
        "It cannot be given in this form",
        "Accept application/json.",
    ),
    Code.TOO_LARGE: _text(
        "请求内容过大", "请减小后重试。", "The request is too large", "Send less: `detail` names the limit."
    ),
    Code.PRECONDITION: _text(
        "If-Match 与当前版本不符",
        "请重新读取后再办理。",
        "If-Match names another version than the present one",
        "Read it again, and decide on what it says now.",
    ),
    Code.WEAK_PASSWORD: _text(
        "密码不合要求",
        "请使用 12 至 128 个字符且不含用户名的密码。",
        "This password is too weak",
        "Use 12 to 128 characters, without the name of the operator.",
    ),
    Code.PHOTO: _text(
        "照片不合要求", "请按 detail 所示重新采集。", "This photo cannot be used", "Take it again, as `detail` says."
    ),
    Code.NO_READER: _text(
        "没有此读卡器",
        "请从 GET /api/v1/readers 中选择。",
        "There is no such reader here",
        "Choose one of GET /api/v1/readers.",
    ),
    Code.READER_BUSY: _text(
        "读卡器正在使用", "请等待当前写卡完成。", "The reader is in use", "Wait until the run at it has ended."
    ),
    Code.READER_ELSEWHERE: _text(
        "该读卡器连在另一个服务进程上",
        "请在所示地址办理，或让窗口代理也连接本进程（--server 可重复）。",
        "That reader is linked to another process of the service",
        "Ask the process at the address given, or let the desk agent link to this one too (--server, once for each).",
    ),
    Code.AGENT_TOKEN: _text(
        "窗口代理的令牌无效",
        "请由管理员签发新令牌，并放入该窗口的令牌文件。",
        "The desk agent's token counts for nothing",
        "Let an administrator make a new one, and put it into the desk's token file.",
    ),
    Code.NO_RUN: _text(
        "没有此写卡任务",
        "请查看申请或卡片的状态。",
        "There is no such run on this process",
        "Look at the application or the card: what counts stands there.",
    ),
    Code.NO_RULE_SET: _text("没有此规则版本", "请检查版本号。", "There is no such rule set", "Check the version."),
    Code.RULES_MISTAKES: _text(
        "规则文件有误", "请按 errors 逐项更正。", "The rule set has mistakes", "Correct what `errors` names, all of it."
    ),
    Code.RULES_UNSOUND: _text(
        "规则检查未通过",
        "请更正 errors 中列出的错误后再启用。",
        "The rule set must not be activated",
        "Correct the errors that the check names.",
    ),
    Code.NO_CAPTURE: _text("没有照片", "请先采集照片。", "There is no photo", "Take the photo first."),
    Code.KEYS_UNUSABLE: _text(
        "签发机关的密钥不可用",
        "请联系密钥管理员。",
        "The authority's keys cannot be used here",
        "Ask the key administrator: `detail` says what lacks.",
    ),
    Code.CHAIN_BROKEN: _text(
        "审计链不完整",
        "请保留现场并通知审计人员。",
        "The audit chain does not hold",
        "Change nothing, and call the auditor.",
    ),
    Code.UNAVAILABLE: _text(
        "服务暂不可用",
        "请稍后重试。",
        "The service cannot answer now",
        "Try again in a moment; a repeated request is harmless.",
    ),
    Code.INTERNAL: _text(
        "服务内部错误",
        "请记下请求编号并联系管理员。",
        "Something is wrong in the service",
        "Note the request id and tell an administrator.",
    ),
}
