"""The tables of `issuer.rules.texts`: (Chinese, English), with {blanks} for details."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

from ..refusal_texts import Text
from .assessment import Cure
from .changes import Kind
from .faults import Fault
from .lint import Flaw

FACT_NAMES: Mapping[str, Text] = {
    "residence": ("居住时间", "residence"),
    "employment": ("合法稳定就业", "lawful employment"),
    "social_insurance": ("社会保险缴费时间", "social insurance"),
    "study": ("连续就读", "continuous study"),
    "home": ("合法稳定住所", "lawful stable home"),
    "home_kind": ("住所类型", "kind of home"),
    "education": ("学历", "education"),
    "skill": ("职业技能等级", "skill level"),
    "skill_test": ("技能证书取得时间", "time since the skill certificate"),
    "business": ("本地经营", "own business here"),
    "investment": ("本地投资", "investment here"),
    "birth": ("年龄", "age"),
    "children": ("随同居住的子女", "children living here"),
    "points": ("积分", "points"),
    "hardship": ("家庭经济困难认定", "certified hardship"),
    "district": ("居住区县", "district of residence"),
}

DOCUMENTS: Mapping[str, Text] = {
    "residence": ("居住登记证明", "proof of residence"),
    "employment": ("劳动合同或用工证明", "the employment contract"),
    "social_insurance": ("社会保险缴费凭证", "the social-insurance statement"),
    "study": ("学籍或就读证明", "the certificate of enrolment"),
    "home": ("租赁合同、房产证或住宿证明", "the lease, deed or housing certificate"),
    "home_kind": ("租赁合同、房产证或住宿证明", "the lease, deed or housing certificate"),
    "education": ("毕业证书", "the diploma"),
    "skill": ("职业技能等级证书", "the skill certificate"),
    "skill_test": ("职业技能等级证书", "the skill certificate"),
    "business": ("营业执照", "the business licence"),
    "investment": ("投资或验资证明", "proof of the investment"),
    "birth": ("身份证件", "the identity document"),
    "children": ("子女的出生证明或户口簿", "the children's birth certificates or household register"),
    "points": ("积分核定书", "the points certificate"),
    "hardship": ("家庭经济困难认定书", "the certificate of hardship"),
    "district": ("居住登记证明", "proof of residence"),
}

_MONTHS: Text = ("{number}个月", "{number} {number:month|months}")
UNITS: Mapping[str, Text] = {
    "residence": _MONTHS,
    "employment": _MONTHS,
    "social_insurance": _MONTHS,
    "study": _MONTHS,
    "home": _MONTHS,
    "skill_test": _MONTHS,
    "business": _MONTHS,
    "hardship": _MONTHS,
    "investment": ("{number}元", "{number} yuan"),
    "birth": ("{number}岁", "{number} {number:year|years}"),
    "points": ("{number}分", "{number} {number:point|points}"),
}

CHOICES: Mapping[str, Mapping[str, Text]] = {
    "home_kind": {
        "owned": ("自有", "owned"),
        "rented": ("租赁", "rented"),
        "employer": ("单位宿舍", "employer's"),
        "school": ("学校宿舍", "school's"),
        "relatives": ("亲友家", "relatives'"),
        "public": ("公共租赁", "public rental"),
    },
    "education": {
        "none": ("无学历", "none"),
        "primary": ("小学", "primary"),
        "junior": ("初中", "junior secondary"),
        "senior": ("高中或中专", "senior secondary"),
        "college": ("大专", "college"),
        "bachelor": ("本科", "bachelor"),
        "master": ("硕士", "master"),
        "doctor": ("博士", "doctor"),
    },
    "skill": {
        "none": ("无等级", "none"),
        "elementary": ("初级工", "elementary"),
        "intermediate": ("中级工", "intermediate"),
        "advanced": ("高级工", "advanced"),
        "technician": ("技师", "technician"),
        "senior-technician": ("高级技师", "senior technician"),
    },
}

NEEDS: Mapping[str, Text] = {
    "at_least": ("{low}以上", "{low} or more"),
    "at_most": ("不超过{high}", "at most {high}"),
    "between": ("{low}至{high}", "{low} to {high}"),
    "running": ("目前持续有效", "in force now"),
    "not_running": ("目前已终止", "not in force now"),
    "in": ("为{names}", "{names}"),
    "not_in": ("不为{names}", "not {names}"),
    "any_aged": ("有{low}至{high}岁的子女", "a child aged {low} to {high}"),
    "none_aged": ("没有{low}至{high}岁的子女", "no child aged {low} to {high}"),
}

CURES: Mapping[Cure, Text] = {
    Cure.TIME: ("，{when}届满，届时请带{document}", ", met on {when}; then bring {document}"),
    Cure.DOCUMENT: ("，请带{document}", "; bring {document}"),
    Cure.CHANGE: ("，情况变化后请带{document}", "; if that changes, bring {document}"),
    Cure.NONE: ("，无法补足", "; this cannot be made up for"),
}


CHANGES: Mapping[Kind, Text] = {
    Kind.ADDED: ("新增规则", "new rule"),
    Kind.REMOVED: ("取消规则", "rule removed"),
    Kind.CHANGED: ("规则有变", "rule changed"),
    Kind.INDIRECT: (
        "规则文字未变，但所引用的类别或办理条件有变",
        "says the same, but a class that it names or eligibility has changed",
    ),
}


class Phrase(Enum):
    """What is said around the facts. The value names it; `text` is what is said."""

    ENDORSED = "endorsed"
    ENDED = "ended"
    FOUND = "found"
    NEVER = "never"
    BY_ITSELF = "by-itself"
    OR = "or"
    UNKNOWN = "unknown"
    SHORT = "short"
    UNMET = "unmet"
    CLASS = "class"
    UNDECIDED = "undecided"
    NOT_ELIGIBLE = "not-eligible"
    CLASS_GOAL = "class-goal"
    ELIGIBLE_GOAL = "eligible-goal"
    NEVER_WAS = "never-was"
    SINCE = "since"
    FROM_TO = "from-to"
    BORN = "born"
    NO_CHILD = "no-child"
    ERROR = "error"
    WARNING = "warning"
    NO_FLAW = "no-flaw"
    RULE_SET = "rule-set"
    NOT_IN_FORCE = "not-in-force"
    PROGRESS = "progress"
    EFFECT = "effect"
    EFFECT_CLASS = "effect-class"
    EFFECT_SERVICE = "effect-service"
    EFFECT_DISTRICT = "effect-district"
    NO_DISTRICT = "no-district"
    REST = "rest"
    NO_CLASS = "no-class"
    EVERYONE = "everyone"
    ALSO = "also"
    EITHER = "either"
    UNLESS = "unless"

    @property
    def text(self) -> Text:
        return _PHRASES[self]


_PHRASES: Mapping[Phrase, Text] = {
    Phrase.ENDORSED: ("有效至{until}（下次签注）", "until {until}, the next endorsement"),
    Phrase.ENDED: ("有效至{until}（因{fact}届时变化）", "until {until}, because of: {fact}"),
    Phrase.FOUND: ("{fact}：{have}（要求：{need}）", "{fact}: {have} (needed: {need})"),
    Phrase.NEVER: ("按现行规则无人可享受", "nobody can have it by these rules"),
    Phrase.BY_ITSELF: ("其他条件不变，{when}起可享受", "granted from {when} if nothing else changes"),
    Phrase.OR: ("或者：", "or: "),
    Phrase.UNKNOWN: ("{fact}未知（要求：{need}）", "{fact} not known (needed: {need})"),
    Phrase.SHORT: ("{fact}还差{short}（要求：{need}）", "{fact} {short} short (needed: {need})"),
    Phrase.UNMET: ("{fact}不符合：{have}（要求：{need}）", "{fact} does not meet it: {have} (needed: {need})"),
    Phrase.CLASS: ("符合条件，第{number}类，有效至{until}", "eligible, class {number}, until {until}"),
    Phrase.UNDECIDED: ("尚不能确定是否符合条件，请补材料", "not decided whether eligible; documents are missing"),
    Phrase.NOT_ELIGIBLE: ("不符合办理条件", "not eligible"),
    Phrase.CLASS_GOAL: ("第{number}类或更高", "class {number} or better"),
    Phrase.ELIGIBLE_GOAL: ("办理条件", "eligibility"),
    Phrase.NEVER_WAS: ("无", "none"),
    Phrase.SINCE: ("自{since}起", "since {since}"),
    Phrase.FROM_TO: ("{since}至{until}", "{since} to {until}"),
    Phrase.BORN: ("出生于{born}", "born {born}"),
    Phrase.NO_CHILD: ("无子女", "no child"),
    Phrase.ERROR: ("错误", "error"),
    Phrase.WARNING: ("提示", "warning"),
    Phrase.NO_FLAW: ("规则 {version}：未发现问题", "rules {version}: nothing found"),
    Phrase.RULE_SET: (
        "规则 {version}，{name}，{effective}起施行，摘要 {digest}",
        "rules {version}, {name}, in force from {effective}, digest {digest}",
    ),
    Phrase.NOT_IN_FORCE: ("尚未开办", "not in force"),
    Phrase.PROGRESS: ("已计算 {done} 人", "{done} {done:holder|holders} done"),
    Phrase.EFFECT: (
        "规则 {old} → {new}：共 {holders} 人，{affected} 人受影响",
        "rules {old} -> {new}: {holders} {holders:holder|holders}, {affected} affected",
    ),
    Phrase.EFFECT_CLASS: (
        "类别 {old} → {new}：{count} 人，例如 {examples}",
        "class {old} -> {new}: {count}, such as {examples}",
    ),
    Phrase.EFFECT_SERVICE: (
        "{name}：新增 {gained}，失去 {lost}，不变 {kept}；例如 {examples}",
        "{name}: {gained} gained, {lost} lost, {kept} kept; such as {examples}",
    ),
    Phrase.EFFECT_DISTRICT: (
        "区县 {name}：{holders} 人中 {affected} 人受影响，{gaining} 人有所得，{losing} 人有所失",
        "district {name}: {affected} of {holders} affected, {gaining} gain, {losing} lose",
    ),
    Phrase.NO_DISTRICT: ("未知", "not known"),
    Phrase.REST: ("其余 {count} 个", "and {count} more"),
    Phrase.NO_CLASS: ("无", "none"),
    Phrase.EVERYONE: ("所有人", "everybody"),
    Phrase.ALSO: ("，并且", " and "),
    Phrase.EITHER: ("，或者", " or "),
    Phrase.UNLESS: ("不属于：{condition}", "not: {condition}"),
}

FLAWS: Mapping[Flaw, Text] = {
    Flaw.NO_RULE: (
        "已开办的服务 {subject} 没有规则：请添加",
        "service {subject} is in force and has no rule: add one",
    ),
    Flaw.UNKNOWN_SERVICE: ("目录中没有 {subject}：请改正代码", "{subject} is not in the catalogue: correct the code"),
    Flaw.NOT_IN_FORCE: ("{subject} 尚未开办：请删除其规则", "{subject} is only proposed: remove its rule"),
    Flaw.NEVER_GRANTED: ("无人能达到 {subject} 的条件", "nobody can ever meet the conditions of {subject}"),
    Flaw.CONTRADICTION: ("条件互相矛盾（用于 {subject}）", "these conditions contradict one another (in {subject})"),
    Flaw.NO_EFFECT: ("去掉后结果不变：请删除（{subject}）", "it changes nothing: remove it ({subject})"),
    Flaw.CLASS_UNREACHABLE: (
        "第{subject}类无人：都已属于更高类别",
        "nobody is in class {subject}: all are in a better one",
    ),
    Flaw.WITHOUT_CLASS: ("有符合条件的人不属于任何类别", "somebody eligible would be in no class"),
    Flaw.FALLS: (
        "{subject} 增加反而可能失去：请改正，或在 falling 中声明",
        "more of {subject} may lose it: correct it, or declare it under falling",
    ),
    Flaw.FALLING_NEEDLESS: (
        "{subject} 增加不会失去：请删除声明",
        "more of {subject} never loses it: remove the declaration",
    ),
    Flaw.UNUSED_DEFINITION: ("未使用的定义：请删除", "a definition that nothing uses: remove it"),
}

FAULTS: Mapping[Fault, Text] = {
    Fault.NO_SUCH_FILE: (
        "无法读取：请检查文件名和权限（规则版本可用 {known}）",
        "cannot be read: check name and permissions (versions of the rules: {known})",
    ),
    Fault.NOT_JSON: ("不是有效的 JSON：{value}", "not JSON: {value}"),
    Fault.TOO_LARGE: ("文件过大：最多 {known} 字节", "too large: at most {known} {known:byte|bytes}"),
    Fault.TOO_DEEP: (
        "嵌套过深：最多 {known} 层，请用定义简化",
        "too deep: at most {known} {known:level|levels}; use definitions",
    ),
    Fault.DUPLICATE: ("“{value}”重复：请保留一个", "{value} stands twice: keep one"),
    Fault.NOT_AN_OBJECT: ("应为对象 {{…}}", "must be an object {{…}}"),
    Fault.NOT_A_LIST: ("应为列表 […]", "must be a list […]"),
    Fault.NOT_TEXT: ("应为 1 至 400 个可显示字符的文字", "must be text of 1 to 400 printable characters"),
    Fault.NOT_A_NUMBER: ("“{value}”不是整数", "{value} is not a whole number"),
    Fault.NOT_A_DATE: ("“{value}”不是日期：请写作 2026-03-31", "{value} is not a date: write 2026-03-31"),
    Fault.NOT_A_PERIOD: (
        "“{value}”不是期间：请写作 2024-03-01/..、2024-03-01/2026-02-28 或 never",
        "{value} is not a period: write 2024-03-01/.., 2024-03-01/2026-02-28 or never",
    ),
    Fault.OUT_OF_RANGE: ("超出范围：可用 {known}", "out of range: {known}"),
    Fault.MISSING: ("缺少此项", "is missing"),
    Fault.UNKNOWN_FIELD: ("没有“{value}”这一项：可用 {known}", "there is no field {value}: {known}"),
    Fault.WRONG_FORMAT: ("格式不符：{value}，应为 {known}", "wrong format: {value}; must be {known}"),
    Fault.NOT_A_VERSION: ("版本号应如 2026-1：{value}", "a version is written 2026-1, not {value}"),
    Fault.UNKNOWN_FACT: ("没有事实“{value}”：可用 {known}", "there is no fact {value}: {known}"),
    Fault.FORBIDDEN_FACT: (
        "“{value}”不得作为事实：犯罪、治安标签、婚姻和孕情信息一律不用",
        "{value} must not be a fact: no criminal, policing, marital or pregnancy data",
    ),
    Fault.UNKNOWN_COMPARISON: (
        "此事实不能用“{value}”比较：可用 {known}",
        "this fact cannot be compared by {value}: {known}",
    ),
    Fault.UNKNOWN_CHOICE: ("没有“{value}”：可用 {known}", "there is no {value}: {known}"),
    Fault.NOT_A_CODE: ("“{value}”不是代码", "{value} is not a code"),
    Fault.NOT_ONE_KEY: ("应恰好有一个条件，现为：{value}", "must hold exactly one condition, not: {value}"),
    Fault.EMPTY: ("不得为空", "must not be empty"),
    Fault.UNKNOWN_DEFINITION: ("没有定义“{value}”：已有 {known}", "there is no definition {value}: {known}"),
    Fault.CIRCULAR: ("定义循环：{value}", "definitions in a circle: {value}"),
    Fault.CLASS_HERE: (
        "此处不能问类别：只能在服务中，不能在 not 或定义中",
        "a class cannot be asked here: only in a service, never under not or in a definition",
    ),
    Fault.TOO_COMPLEX: (
        "过于复杂（{value}）：每项最多 {known} 条途径",
        "too complex ({value}): at most {known} {known:way|ways} each",
    ),
}
