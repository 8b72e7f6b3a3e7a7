"""What people read: one line per reason that says what to do, and the names of steps and facets, in zh and en."""

from __future__ import annotations

from enum import StrEnum

from .reason import Reason
from .verdict import Outcome


class Language(StrEnum):
    """Languages of the output."""

    ZH = "zh"
    EN = "en"


Text = tuple[str, str]
"""(Chinese, English)."""


def text(pair: Text, language: Language) -> str:
    """The half of `pair` in `language`."""
    return pair[0 if language is Language.ZH else 1]


REASONS: dict[Reason, Text] = {
    Reason.MALFORMED: (
        "卡内数据格式有误:请勿受理,请持卡人到发证机关换卡。",
        "The card's data is malformed: do not accept it; send the holder to the issuing office.",
    ),
    Reason.SIGNER_UNKNOWN: (
        "签发者未知:请先更新信任数据;更新后仍然如此,请勿受理。",
        "The signer is not known: update the trust data; if it stays so, do not accept the card.",
    ),
    Reason.SIGNER_UNTRUSTED: (
        "签发者证书不能追溯到受信任的根证书:请勿受理,并报告。",
        "The signer leads to no trusted authority: do not accept the card, and report it.",
    ),
    Reason.SIGNER_WRONG_PURPOSE: (
        "签发证书无权签发此类数据:请勿受理,并报告。",
        "The signer is not allowed to sign this: do not accept the card, and report it.",
    ),
    Reason.SIGNER_NOT_IN_PERIOD: (
        "签发时证书不在有效期内:请勿受理,并报告。",
        "Signed outside the validity of the signer's certificate: do not accept the card, and report it.",
    ),
    Reason.SIGNER_KEY_PERIOD: (
        "签发时间不在签发密钥使用期内:请勿受理,并报告。",
        "Signed outside the period in which this key may sign: do not accept the card, and report it.",
    ),
    Reason.SIGNER_REVOKED: (
        "签发证书已被吊销:请勿受理,请持卡人到发证机关换卡。",
        "The signer has been revoked: do not accept the card; send the holder to the issuing office.",
    ),
    Reason.SIGNATURE_INVALID: (
        "签名无效,数据被改动过:请勿受理,并报告。",
        "The signature is wrong, the data has been altered: do not accept the card, and report it.",
    ),
    Reason.DOC_TYPE_MISMATCH: (
        "此卡不是居住证:请持卡人出示居住证。",
        "This is not a residence permit: ask for the permit card.",
    ),
    Reason.DIGEST_MISMATCH: (
        "卡内文件与签名不符:请勿受理,并报告。",
        "A file on the card is not the one that was signed: do not accept the card, and report it.",
    ),
    Reason.ELEMENT_NOT_LISTED: (
        "卡内有未经签发的数据:请勿受理,并报告。",
        "The card carries data that was never signed: do not accept it, and report it.",
    ),
    Reason.ELEMENT_MISPLACED: (
        "卡内文件放错位置:请勿受理,并报告。",
        "A file of the card holds another file's data: do not accept the card, and report it.",
    ),
    Reason.CHIP_NOT_PROVEN: (
        "芯片不能证明是原卡,可能是复制卡:请勿受理,并报告。",
        "The chip cannot prove that it is the original, it may be a copy: do not accept the card, and report it.",
    ),
    Reason.CHIP_NAKED_RESPONSE: (
        "芯片的应答没有保护:请重试一次;仍然如此,请勿受理。",
        "The chip answered without protection: try once more; if it stays so, do not accept the card.",
    ),
    Reason.CHIP_TRANSCRIPT_MISMATCH: (
        "芯片验证记录与所出示的数据不符:请勿受理,并报告。",
        "The proof of the chip is not about this data: do not accept the card, and report it.",
    ),
    Reason.PORTRAIT_MISMATCH: (
        "照片不是此证签发的照片:请勿受理,并报告。",
        "The portrait is not the one of this permit: do not accept the card, and report it.",
    ),
    Reason.SECURITY_OBJECT_INVALID: (
        "身份数据的签名无效:请勿受理,并报告。",
        "The signature of the identity data is wrong: do not accept the card, and report it.",
    ),
    Reason.DATA_GROUP_MISMATCH: (
        "身份数据被改动过:请勿受理,并报告。",
        "Identity data is not what was signed: do not accept the card, and report it.",
    ),
    Reason.DATA_GROUP_NOT_LISTED: (
        "有未经签发的身份数据:请勿受理,并报告。",
        "The card carries identity data that was never signed: do not accept it, and report it.",
    ),
    Reason.DATA_GROUP_MISSING: (
        "缺少已签发的身份数据:请勿受理,请持卡人到发证机关换卡。",
        "Signed identity data is missing: do not accept the card; send the holder to the issuing office.",
    ),
    Reason.CHIP_KEY_MISMATCH: (
        "身份应用与居住证应用的芯片密钥不同:请勿受理,并报告。",
        "Identity and permit name two different chips: do not accept the card, and report it.",
    ),
    Reason.CARD_ACCESS_MISMATCH: (
        "卡片公布的协议与签发的不同:请勿受理,并报告。",
        "The card announces other protocols than were signed: do not accept it, and report it.",
    ),
    Reason.COUNTRY_MISMATCH: (
        "签发国与证件所载国家不同:请勿受理,并报告。",
        "The signer's country is not the document's: do not accept the card, and report it.",
    ),
    Reason.HOLDER_MISMATCH: (
        "身份数据与居住证数据不是同一人:请勿受理,并报告。",
        "Identity and permit are about two persons: do not accept the card, and report it.",
    ),
    Reason.COPY_NOT_EXCLUDED: (
        "只查验了印刷码,复印件与原件无法区分:办理重要事项请读取芯片。",
        "Only the printed code was checked, and a copy looks the same: for anything of value, read the chip.",
    ),
    Reason.PERMIT_NOT_YET_VALID: (
        "居住证尚未生效:请核对本机日期,或请持卡人在生效日之后再来。",
        "The permit is not valid yet: check this machine's date, or ask the holder to come back then.",
    ),
    Reason.ENDORSEMENT_MISSED: (
        "居住证逾期未签注,使用已中止:请持卡人到发证机关补办签注。",
        "The endorsement was missed, so use is suspended: send the holder to the issuing office to have it endorsed.",
    ),
    Reason.PRINTED_CODE_EXPIRED: (
        "印刷码已过期,卡可能已重新签注:请读取芯片。",
        "The printed code has run out, but the card may have been endorsed since: read the chip.",
    ),
    Reason.STATUS_REVOKED: (
        "居住证已注销:请勿受理。",
        "The permit has been revoked: do not accept it.",
    ),
    Reason.STATUS_SUSPENDED: (
        "居住证已中止使用(例如已挂失):请持卡人到发证机关办理。",
        "The permit is suspended (reported lost, for one): send the holder to the issuing office.",
    ),
    Reason.STATUS_UNKNOWN: (
        "状态名单中没有此证:请更新数据;更新后仍然如此,请勿受理。",
        "The status list does not know this permit: update the data; if it stays so, do not accept the card.",
    ),
    Reason.TRUST_MISSING: (
        "本机没有信任数据:请导入发证机关的信任数据包,或用 --trust 指定目录。",
        "This machine has no trust data: import the authority's bundle, or name its directory with --trust.",
    ),
    Reason.TRUST_DAMAGED: (
        "本机信任数据已损坏:请重新导入发证机关的信任数据包。",
        "This machine's trust data is damaged: import the authority's bundle again.",
    ),
    Reason.TRUST_AGEING: (
        "信任数据较旧:请尽快更新。",
        "The trust data is getting old: update it soon.",
    ),
    Reason.TRUST_TOO_OLD_FOR_SERVICES: (
        "信任数据较旧,不再给予服务:请更新后再查验。",
        "The trust data is too old to grant services: update it, then check again.",
    ),
    Reason.TRUST_TOO_OLD: (
        "信任数据过旧:请更新后再查验。",
        "The trust data is too old: update it, then check again.",
    ),
    Reason.REVOCATION_UNKNOWN: (
        "没有有效的证书吊销列表:请更新信任数据后再查验。",
        "There is no current revocation list for the signer: update the trust data, then check again.",
    ),
    Reason.STATUS_LIST_MISSING: (
        "本机没有此证的状态名单:请更新数据后再查验。",
        "This machine has no status list for this permit: update the data, then check again.",
    ),
    Reason.STATUS_LIST_INVALID: (
        "状态名单损坏或签名无效:请重新更新数据。",
        "The status list is damaged or wrongly signed: update the data again.",
    ),
    Reason.STATUS_LIST_EXPIRED: (
        "状态名单已过期:请更新数据后再查验。",
        "The status list has expired: update the data, then check again.",
    ),
    Reason.STATUS_LIST_AGEING: (
        "状态名单较旧:请尽快更新。",
        "The status list is getting old: update it soon.",
    ),
    Reason.STATUS_LIST_TOO_OLD_FOR_SERVICES: (
        "状态名单较旧,不再给予服务:请更新后再查验。",
        "The status list is too old to grant services: update it, then check again.",
    ),
    Reason.STATUS_LIST_TOO_OLD: (
        "状态名单过旧:请更新后再查验。",
        "The status list is too old: update it, then check again.",
    ),
    Reason.CLOCK_SET_BACK: (
        "本机时钟被调回:请校准日期和时间后再查验。",
        "This machine's clock runs behind what it has already seen: set date and time, then check again.",
    ),
    Reason.NO_SERVICES: (
        "此卡在本部门没有可享受的服务。",
        "The card is entitled to no service of this sector now.",
    ),
    Reason.SERVICE_EXPIRED: (
        "此项服务已到期:请持卡人到发证机关续办。",
        "This service has ended: the holder may renew it at the issuing office.",
    ),
    Reason.SERVICE_NOT_IN_CATALOGUE: (
        "本机服务目录中没有此项服务:请更新数据。",
        "This machine's catalogue does not know this service: update the data.",
    ),
    Reason.SERVICE_OF_OTHER_SECTOR: (
        "此项服务属于其他部门。",
        "This service belongs to another sector.",
    ),
    Reason.SERVICES_ON_CHIP_ONLY: (
        "印刷码不载明本部门的全部服务:请读取芯片。",
        "The printed code does not carry all services of this sector: read the chip.",
    ),
    Reason.NOT_CHECKED: (
        "有必须的检查没有进行:请重试;仍然如此,请勿受理。",
        "A required check did not run: try again; if it stays so, do not accept the card.",
    ),
    Reason.READER_SUPPORT_MISSING: (
        "本机没有安装读卡器支持:请安装 Debian 软件包 pcscd libpcsclite-dev gcc python3-dev 和 residence-permit[pcsc]。",
        "Support for card readers is not installed: install the Debian packages pcscd, libpcsclite-dev, gcc and"
        " python3-dev, then residence-permit[pcsc].",
    ),
    Reason.IDENTITY_SUPPORT_MISSING: (
        "本机没有安装完整身份核验支持:请安装 residence-permit[identity],或不用 --identity。",
        "Support for checking the full identity is not installed: install residence-permit[identity], or leave out"
        " --identity.",
    ),
    Reason.NO_READER_SERVICE: (
        "读卡器服务没有运行:请启动 pcscd 后重试。",
        "The smart-card service does not run: start pcscd, then try again.",
    ),
    Reason.NO_READER: (
        "找不到读卡器:请连接读卡器,用 permit-verifier readers 查看名称。",
        "No such reader: connect it, and see its name with permit-verifier readers.",
    ),
    Reason.READER_AMBIGUOUS: (
        "有多个读卡器符合:请用 --reader 指定其中一个的名称。",
        "Several readers fit: name one with --reader.",
    ),
    Reason.READER_BUSY: (
        "读卡器正被其他程序使用:请关闭该程序后重试。",
        "Another program is using the reader: close it, then try again.",
    ),
    Reason.NO_CARD: (
        "没有卡:请将卡放在读卡器上后重试。",
        "There is no card: put the card on the reader, then try again.",
    ),
    Reason.CARD_REMOVED: (
        "读取时卡被移开:请放好卡并保持不动,然后重试。",
        "The card was taken away while being read: put it back, keep it still, try again.",
    ),
    Reason.CARD_SWAPPED: (
        "读取时换了卡:请只放一张卡,然后重试。",
        "The card was swapped while being read: present one card only, then try again.",
    ),
    Reason.CARD_RESET: (
        "卡被其他程序复位:请关闭该程序后重试。",
        "Another program reset the card: close it, then try again.",
    ),
    Reason.CARD_MUTE: (
        "卡没有应答:请将卡放正后重试。",
        "The card does not answer: place it squarely on the reader, then try again.",
    ),
    Reason.TIMED_OUT: (
        "读卡超时:请将卡放正并保持不动,然后重试。",
        "Reading took too long: place the card squarely, keep it still, try again.",
    ),
    Reason.OTHER_CARD: (
        "这不是居住证卡:请持卡人出示居住证卡。",
        "This is another kind of card: ask for the residence permit.",
    ),
    Reason.PACE_REQUIRED: (
        "此卡不提供要求的安全访问协议 (PACE):请勿受理,并报告。",
        "The card does not offer the required access protocol (PACE): do not accept it, and report it.",
    ),
    Reason.WRONG_PASSWORD: (
        "卡接入号 (CAN) 或机读码与此卡不符:请核对卡面上的六位号码后重试。",
        "The CAN or MRZ is not this card's: compare the six digits printed on the card, then try again.",
    ),
    Reason.PASSWORD_MISSING: (
        "缺少卡接入号:请用 --can 输入卡面上的六位号码,或扫描卡背面的条码。",
        "No card access number: give the six digits on the card with --can, or scan the code on its back.",
    ),
    Reason.PASSWORD_MALFORMED: (
        "卡接入号应为六位数字,--mrz 应为“证号,出生日期,有效期”(日期为 YYMMDD)。",
        "A CAN has six digits; --mrz takes DOCUMENT-NUMBER,YYMMDD,YYMMDD (birth, expiry).",
    ),
    Reason.NOT_ACTIVATED: (
        "此卡尚未启用:请退回发证机关。",
        "The card has not been activated: return it to the issuing office.",
    ),
    Reason.TERMINATED: (
        "此卡已作废:请勿受理,请退回发证机关。",
        "The card has been terminated: do not accept it; return it to the issuing office.",
    ),
    Reason.CARD_FAULT: (
        "读卡出错:请重试一次;仍然如此,请持卡人到发证机关检查此卡。",
        "The card could not be read: try once more; if it stays so, have the issuing office look at the card.",
    ),
    Reason.IMAGE_UNREADABLE: (
        "无法读取卡映像文件:请检查 --image 的路径。",
        "The card image cannot be read: check the path given with --image.",
    ),
    Reason.EVIDENCE_UNREADABLE: (
        "无法读取证据文件:请检查 --evidence 的路径,或重新查验。",
        "The evidence file cannot be read: check the path given with --evidence, or check the card again.",
    ),
    Reason.CODE_UNREADABLE: (
        "无法读取条码文件:请检查路径;图片应为 PNG 或 JPEG。",
        "The file with the code cannot be read: check its path; a picture is PNG or JPEG.",
    ),
    Reason.CODE_NOT_FOUND: (
        "图片中没有找到条码:请平放卡片,避免反光,再拍一次。",
        "There is no code in the picture: lay the card flat, avoid glare, take it again.",
    ),
    Reason.CODE_OF_OTHER_KIND: (
        "这不是居住证背面的条码:请扫描卡背面的条码。",
        "This is not the code of a residence permit: scan the one on the back of the card.",
    ),
    Reason.CODE_SUPPORT_MISSING: (
        "本机没有安装条码识别:请安装 residence-permit[counter],或用 --text 输入扫描枪读出的文字。",
        "Pictures cannot be decoded here: install residence-permit[counter], or give a scanner's text with --text.",
    ),
}

# Numbers as in docs/VERIFICATION.md.
STEPS: dict[str, Text] = {
    "1": ("读取 EF.CardAccess", "read EF.CardAccess"),
    "2": ("PACE 建立安全通道", "PACE"),
    "3": ("读取居住证文件", "read the permit files"),
    "4": ("签名与签发者", "signature and signer"),
    "5": ("文件摘要", "digests"),
    "6": ("有效期与签注", "validity and endorsement"),
    "7": ("状态名单", "status list"),
    "8": ("芯片验证与本部门文件", "chip and own sector"),
    "9a": ("照片", "portrait"),
    "9b": ("身份数据", "identity"),
    "10": ("可享受的服务", "services"),
    "11": ("数据新旧", "data age"),
}

FACETS: dict[str, Text] = {
    "genuine": ("真伪", "genuine"),
    "current": ("是否有效", "current"),
    "entitled": ("可享受服务", "entitled"),
    "data_age": ("数据新旧", "data age"),
}

OUTCOMES: dict[Outcome, Text] = {
    Outcome.PASSED: ("通过", "yes"),
    Outcome.WARNING: ("通过,需留意", "yes, with a warning"),
    Outcome.FAILED: ("不通过", "no"),
    Outcome.NOT_CHECKED: ("未能判断", "could not be decided"),
}

LABELS: dict[str, Text] = {
    "accepted": ("受理:居住证真实有效", "ACCEPTED: genuine and current"),
    "refused": ("拒绝", "REFUSED"),
    "printed": (
        "印刷码:保证程度较低,复印件看起来一样",
        "PRINTED CODE: lower assurance, a copy looks the same",
    ),
    "chip_adds": ("读取芯片还可查验:", "The chip would add: "),
    "own_data": ("无法判断:本机数据或时钟有问题", "UNDECIDED: this machine's own data or clock is at fault"),
    "class": ("类别", "class"),
    "endorsed": ("签注有效至", "endorsed until"),
    "address": ("居住地住址", "resides at"),
    "until": ("至", "until"),
    "trust": ("信任数据", "trust data"),
    "status": ("状态名单", "status list"),
    "missing": ("没有", "missing"),
    "hour": ("小时前", "hour old"),
    "hours": ("小时前", "hours old"),
    "days": ("天前", "days old"),
    "steps": ("步骤(编号见 docs/VERIFICATION.md)", "Steps (numbers as in docs/VERIFICATION.md)"),
    "commands": ("条指令", "commands"),
    "bytes": ("字节(发送 + 接收)", "bytes (sent + received)"),
    "ask_can": ("卡接入号(卡面六位数字): ", "Card access number (six digits on the card): "),
    "waiting": ("请将卡放在读卡器上。按 Ctrl-C 结束。", "Put a card on the reader. Ctrl-C ends."),
    "no_readers": ("没有连接读卡器。", "No reader is connected."),
    "card": ("有卡", "card present"),
    "empty": ("无卡", "empty"),
    "photo_written": ("照片已保存: ", "Portrait written: "),
    "evidence_written": ("证据已保存: ", "Evidence written: "),
    "not_written": ("未能保存: ", "Could not be written: "),
    "watermark_kept": ("时钟水位未能保存: ", "The clock watermark could not be saved: "),
}
