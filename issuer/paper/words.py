"""The fixed words of what is printed: every sheet carries both languages, because whoever reads it may know one."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from ..domain.checklist import Item


class Word(StrEnum):
    """Labels and sentences."""

    NAME = "name"
    SEX = "sex"
    BIRTH_DATE = "birth-date"
    ETHNICITY = "ethnicity"
    NATIONALITY = "nationality"
    PERSONAL_NUMBER = "personal-number"
    PERMIT_CLASS = "permit-class"
    ADDRESS = "address"
    HUKOU_ADDRESS = "hukou-address"
    PERMIT_NUMBER = "permit-number"
    DOCUMENT_NUMBER = "document-number"
    COUNTRY = "country"
    ISSUED = "issued"
    EXPIRES = "expires"
    CAN = "can"
    ENDORSEMENT = "endorsement"
    FOUND = "found"
    CODE_NOTE = "code-note"
    SLIP_TITLE = "slip-title"
    NOTICE_TITLE = "notice-title"
    RECEIPT_TITLE = "receipt-title"
    SLIP_NUMBER = "slip-number"
    SLIP_KEEP = "slip-keep"
    APPLICATION = "application"
    KIND = "kind"
    FIRST = "first"
    REPLACEMENT = "replacement"
    DISTRICT = "district"
    ACCEPTED_ON = "accepted-on"
    READY_BY = "ready-by"
    READY_BY_EXTENDED = "ready-by-extended"
    DEADLINE = "deadline"
    TOLD_ON = "told-on"
    CHECKLIST = "checklist"
    PRESENT = "present"
    MISSING = "missing"
    TOLD_ONCE = "told-once"
    NOTHING_MISSING = "nothing-missing"
    COLLECT = "collect"
    CARD_SERIAL = "card-serial"
    HANDED_OVER = "handed-over"
    ENDORSED_UNTIL = "endorsed-until"
    WINDOW = "window"
    CONFIRM = "confirm"
    DUTIES = "duties"
    APPLICANT = "applicant"
    OFFICER = "officer"
    STAMP = "stamp"


WORDS: Mapping[Word, tuple[str, str]] = MappingProxyType(
    {
        Word.NAME: ("姓名", "Name"),
        Word.SEX: ("性别", "Sex"),
        Word.BIRTH_DATE: ("出生日期", "Date of birth"),
        Word.ETHNICITY: ("民族", "Ethnicity"),
        Word.NATIONALITY: ("国籍", "Nationality"),
        Word.PERSONAL_NUMBER: ("公民身份号码", "Personal number"),
        Word.PERMIT_CLASS: ("类别", "Class"),
        Word.ADDRESS: ("居住地住址", "Residence"),
        Word.HUKOU_ADDRESS: ("常住户口所在地住址", "Registered address"),
        Word.PERMIT_NUMBER: ("居住证编号", "Permit no."),
        Word.DOCUMENT_NUMBER: ("证件号码", "Document no."),
        Word.COUNTRY: ("签发国", "State"),
        Word.ISSUED: ("签发日期", "Issued"),
        Word.EXPIRES: ("有效期至", "Expires"),
        Word.CAN: ("卡接入号", "CAN"),
        Word.ENDORSEMENT: (
            "每年签注一次，未签注即停用。",
            "Endorsed yearly; without endorsement its use is suspended.",
        ),
        Word.FOUND: ("拾到此证请交公安机关。", "If found, hand it to the police."),
        Word.CODE_NOTE: (
            "二维码由签发机关签名，可复印，核验级别低于芯片。",
            "The code is signed by the issuer but can be copied: less assurance than the chip.",
        ),
        Word.SLIP_TITLE: ("受理回执", "Acceptance slip"),
        Word.NOTICE_TITLE: ("一次性告知书", "Notice of what is missing"),
        Word.RECEIPT_TITLE: ("领证回执", "Handover receipt"),
        Word.SLIP_NUMBER: ("领证号", "Slip number"),
        Word.SLIP_KEEP: (
            "凭此号领证，请勿告诉他人。",
            "Whoever shows this number is given the card: keep it to yourself.",
        ),
        Word.APPLICATION: ("申请编号", "Application"),
        Word.KIND: ("办理事项", "Applied for"),
        Word.FIRST: ("首次申领", "First permit"),
        Word.REPLACEMENT: ("换领、补领", "Replacement card"),
        Word.DISTRICT: ("受理地", "Office"),
        Word.ACCEPTED_ON: ("受理日期", "Accepted on"),
        Word.READY_BY: ("制发期限", "Ready by"),
        Word.READY_BY_EXTENDED: ("制发期限（已延长）", "Ready by (extended)"),
        Word.DEADLINE: (
            "自受理之日起 15 日内制发；特殊情况最长 30 日，另行告知。（国务院令第 663 号第九条）",
            "Ready within 15 days of acceptance, 30 at most, of which you are told. (Decree 663, art. 9)",
        ),
        Word.TOLD_ON: ("告知日期", "Told on"),
        Word.CHECKLIST: ("材料清单", "Documents"),
        Word.PRESENT: ("已收", "received"),
        Word.MISSING: ("未交", "missing"),
        Word.TOLD_ONCE: (
            "以上未交的材料已一次性全部告知，此后不再要求其他材料。（国务院令第 663 号第九条）",
            "This is everything that is missing: nothing else will be asked for later. (Decree 663, art. 9)",
        ),
        Word.NOTHING_MISSING: ("材料齐全。", "Nothing is missing."),
        Word.COLLECT: (
            "领证时请本人携带身份证件和本回执。首次办理和签注不收费。",
            "Come in person with your identity document and this slip. The first card and endorsements are free.",
        ),
        Word.CARD_SERIAL: ("卡片序列号", "Card"),
        Word.HANDED_OVER: ("领证日期", "Handed over on"),
        Word.ENDORSED_UNTIL: ("签注有效期至", "Endorsed until"),
        Word.WINDOW: ("下次签注起始日", "Next endorsement from"),
        Word.CONFIRM: (
            "本人已领取居住证一张，已当面核对卡面与芯片所载内容无误。",
            "I have been given the card; what is printed on it and what its chip says was shown to me and is right.",
        ),
        Word.DUTIES: (
            "住址变更请在 10 日内申报；遗失请立即电话挂失；未按期签注，居住证停用，补办签注后恢复。",
            "Report a new address within 10 days, and a lost card by telephone at once. "
            "A missed endorsement suspends the permit; a late one restores it.",
        ),
        Word.APPLICANT: ("领证人（签名）", "Holder, signature"),
        Word.OFFICER: ("经办人（签名）", "Officer, signature"),
        Word.STAMP: ("受理机关（盖章）", "Office, stamp"),
    }
)

ITEMS: Mapping[Item, tuple[str, str]] = MappingProxyType(
    {
        Item.IDENTITY_DOCUMENT: ("居民身份证或其他身份证件", "Identity document"),
        Item.PROOF_OF_ADDRESS: ("居住地住址证明（租赁合同、房产证等）", "Proof of address (lease, title)"),
        Item.PROOF_OF_GROUND: ("就业、住所或就读证明", "Proof of employment, of a home or of study"),
        Item.PHOTO: ("本人相片（可当场拍摄）", "Photo (may be taken at the desk)"),
    }
)
_SEXES = {"F": "女 F", "M": "男 M", "X": "未说明 X"}


def both(word: Word) -> str:
    """Chinese, then English, in one line."""
    return " ".join(WORDS[word])


def sex(code: str) -> str:
    """As it is printed."""
    return _SEXES[code]
