"""What the page of the registration says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

TEXTS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "register.title": ("登记", "Register a person"),
        "register.lead": (
            "请申请人出示身份证件，照证件填写。只填一次，以后各部门共用。",
            "Ask for the identity document and copy from it. It is entered once, for every department.",
        ),
        "register.document": ("证件上的内容", "As on the document"),
        "register.here": ("在本地", "Here"),
        "register.name_native": ("姓名（本民族文字）", "Name in its own script"),
        "register.latin_surname": ("姓（拉丁字母）", "Surname in Latin letters"),
        "register.latin_given": ("名（拉丁字母）", "Given names in Latin letters"),
        "register.latin-hint": ("照护照或拼音", "As in the passport, or pinyin"),
        "register.sex": ("性别", "Sex"),
        "register.birth_date": ("出生日期", "Date of birth"),
        "register.nationality": ("国籍代码", "Nationality"),
        "register.nationality-hint": ("三个字母，如 CHN", "Three letters, such as CHN"),
        "register.ethnicity": ("民族", "Ethnicity"),
        "register.personal_number": ("公民身份号码", "Identity number"),
        "register.personal_number-hint": (
            "填入后自动带出出生日期和性别",
            "Fills in birth date and sex by itself",
        ),
        "register.hukou_address": ("户籍地址", "Registered (hukou) address"),
        "register.district": ("居住辖区", "District"),
        "register.address": ("居住地址", "Address here"),
        "register.residence_since": ("居住登记日期", "Living here since"),
        "register.residence_since-hint": (
            "满六个月后方可受理",
            "After six full months an application can be accepted",
        ),
        "register.ground": ("居住理由", "On what ground"),
        "register.facts": ("待遇依据", "What entitlements rest on"),
        "register.facts-lead": (
            "有证明的才填；不填的以后可补。",
            "Only what a document proves; the rest can follow later.",
        ),
        "register.since": ("起始日期", "since"),
        "register.until": ("截止（仍有效则留空）", "until (empty: still running)"),
        "register.proof": ("凭{document}", "by {document}"),
        "register.child": ("子女 {number} 出生日期", "Child {number}: date of birth"),
        "register.unknown": ("未说明", "not stated"),
        "register.button": ("登记，下一步核对材料", "Register, then the documents"),
        "register.duplicates": ("查重", "Is this person registered already?"),
        "register.duplicates.wait": (
            "填写姓名、性别、出生日期后自动查找，包括其他辖区和其他文字写法。",
            "Once name, sex and birth date are there, all districts and scripts are searched by themselves.",
        ),
        "register.duplicates.none": ("未发现相同人员。", "Nobody like this is registered."),
        "register.duplicates.some": ("可能是同一人，请核对：", "Perhaps the same person; compare:"),
        "register.duplicates.certain": (
            "该身份号码已登记，请使用已有记录。",
            "This identity number is registered: use that record.",
        ),
        "register.duplicates.away": (
            "暂时无法查重；提交时会再次检查。",
            "Cannot look now; it is checked when you send it.",
        ),
        "register.open-record": ("打开记录", "Open the record"),
        "register.not-the-same": ("已核对，不是同一人", "Compared: this is somebody else"),
        "facts.work": ("就业与社保", "Work and insurance"),
        "facts.home": ("住所", "Home"),
        "facts.study": ("学习与技能", "Study and skills"),
        "facts.business": ("经营、投资与积分", "Business, investment, points"),
        "facts.family": ("家庭", "Family"),
        "step.register": ("登记", "Register"),
        "step.documents": ("材料", "Documents"),
        "step.photo": ("照片", "Photo"),
        "step.entitlements": ("说明与受理", "Explain, accept"),
        "step.decide": ("审批", "Approval"),
        "step.card": ("制卡", "Card"),
        "step.handover": ("领取", "Handover"),
        "step.label": ("办理进度", "The way of this application"),
        "step.over": ("已完成", "done"),
        "done.register": ("已登记。", "Registered."),
    }
)
