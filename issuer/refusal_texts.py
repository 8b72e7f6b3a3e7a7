"""One line for each reason to refuse and for each mistake in an application: what is wrong, and what to do."""

from __future__ import annotations

from .errors import Fault, Refusal

Text = tuple[str, str]
"""(Chinese, English), with {blanks} for details."""

REFUSALS: dict[Refusal, Text] = {
    Refusal.NO_SUCH_FILE: (
        "无法读取文件 {path}：请检查文件名和权限。",
        "The file {path} cannot be read: check its name and permissions.",
    ),
    Refusal.APPLICATION_MISTAKES: (
        "申请有 {count} 处错误，请一次改正后重试：",
        "The application has {count} {count:mistake|mistakes}; correct all that is listed and try again:",
    ),
    Refusal.PHOTO_UNREADABLE: (
        "照片无法解码：请重新保存为 JPEG 或 JPEG 2000 后重试。",
        "The photo cannot be decoded: save it again as JPEG or JPEG 2000.",
    ),
    Refusal.PHOTO_KIND: (
        "照片格式不支持：请提供 JPEG 或 JPEG 2000 文件。",
        "The photo is neither JPEG nor JPEG 2000: save it in one of these formats.",
    ),
    Refusal.PHOTO_TOO_LARGE: (
        "照片太大（{size} 字节，最多 {limit} 字节）：请缩小尺寸或提高压缩率后重试。",
        "The photo takes {size} {size:byte|bytes} on the card, at most {limit} fit: make it smaller or "
        "compress it more.",
    ),
    Refusal.PHOTO_TOO_SMALL: (
        "照片太小（{width}x{height} 像素）：请提供至少 90x120 像素的照片。",
        "The photo has only {width}x{height} pixels: provide one of at least 90x120.",
    ),
    Refusal.PHOTO_ROTATED: (
        "照片靠方向标记才显示为正向：请旋正后重新保存。",
        "The photo is upright only by its EXIF mark: turn it upright and save it again.",
    ),
    Refusal.PHOTO_PIXELS: (
        "照片解码量过大（{millions} 百万像素）：请用普通相机设置重新拍摄。",
        "Decoding this photo would take too much ({millions} million {millions:pixel|pixels}): take it with a "
        "camera's usual settings.",
    ),
    Refusal.PHOTO_ANIMATED: (
        "这是动画而不是照片：请提供单张照片。",
        "This is an animation: provide a single picture.",
    ),
    Refusal.FONT_MISSING: (
        "缺少打印字体 {path}：请安装 Debian 软件包 {package}。",
        "The font {path} is missing: install the Debian package {package}.",
    ),
    Refusal.NO_GLYPHS: (
        "{field} 中有打印字体没有或不能正确排印的字符（{characters}）：请按规定改用可打印的写法。",
        "{field} has characters that the fonts lack or cannot set right ({characters}): use a printable form.",
    ),
    Refusal.TEXT_TOO_LONG: (
        "{field} 太长（{count} 个字符），卡面或单据上放不下：请按规定缩写。",
        "{field} is too long to be printed ({count} {count:character|characters}): shorten it by the rules.",
    ),
    Refusal.BAD_ADDRESS: (
        "地址不能写入卡片（{why}）：请更正 --address。",
        "This address cannot go onto the card ({why}): correct --address.",
    ),
    Refusal.BAD_CAN: (
        "卡接入号（CAN）必须是 6 位数字：请更正 --can。",
        "A CAN has exactly six digits: correct --can.",
    ),
    Refusal.BAD_DATE: (
        "日期 {value} 无法识别：请写成 2027-03-31 或 +1y。",
        "{value} is not a date: write 2027-03-31 or +1y.",
    ),
    Refusal.BAD_REASON: (
        "请用 --reason 写明注销原因（1 至 80 个字符）。",
        "Give the reason with --reason (1 to 80 characters).",
    ),
    Refusal.BAD_SERIAL: (
        "卡序列号应为 20 位十六进制数：请从“permit-issuer journal”中抄录。",
        "A card serial has 20 hexadecimal digits: copy it from `permit-issuer journal`.",
    ),
    Refusal.BAD_COUNT: (
        "数量必须是不为零的整数：请更正 --received。",
        "The count must be a whole number other than zero: correct --received.",
    ),
    Refusal.UNKNOWN_SERVICE: (
        "没有服务代码 {value}：请检查代码（相近的有 {nearest}）。",
        "There is no service {value}: check the code (near it: {nearest}).",
    ),
    Refusal.DATE_PAST: (
        "日期 {value} 已过：请给出今天以后的日期。",
        "{value} has passed: give a date from today on.",
    ),
    Refusal.AFTER_EXPIRY: (
        "日期 {value} 晚于卡的有效期 {expiry}：请给出更早的日期，或换发新卡。",
        "{value} is after the card expires ({expiry}): give an earlier date, or issue a new card.",
    ),
    Refusal.OUTPUT_UNWRITABLE: (
        "无法写入 {path}：请另选文件。未激活任何卡。",
        "{path} cannot be written: choose another file. No card was activated.",
    ),
    Refusal.CONTENT_TOO_LARGE: (
        "{file} 的内容有 {size} 字节，卡上最多 {limit} 字节：请减少服务项目或缩短文字。",
        "{file} would take {size} {size:byte|bytes}, the card has room for {limit}: fewer services or shorter texts.",
    ),
    Refusal.READ_CODE_MISSING: (
        "读卡需要卡接入号：请加 --can（印在卡面）、--mrz 或 --application。",
        "Reading the card needs its code: add --can (printed on the card), --mrz or --application.",
    ),
    Refusal.OTHER_PERMIT: (
        "此卡属于居住证 {permit}，不是 {wanted}：请换上正确的卡或申请。",
        "This card is of permit {permit}, not {wanted}: take the right card, or the right application.",
    ),
    Refusal.NO_READER_SERVICE: (
        "智能卡服务没有运行（{error}）：请启动 pcscd 后重试。",
        "The smart-card service does not run ({error}): start pcscd, then try again.",
    ),
    Refusal.NO_READER: (
        "没有可用的读卡器（{error}）：请连接读卡器，或用 --reader 指明。",
        "No usable card reader ({error}): connect one, or name it with --reader.",
    ),
    Refusal.NO_CARD: (
        "读不到卡（{error}）：请放入卡后重试。",
        "No card can be reached ({error}): insert one and try again.",
    ),
    Refusal.FOREIGN_CARD: (
        "这不是居住证卡：请取出，换上居住证空白卡。",
        "This is another kind of card: take it out and insert a residence-permit card.",
    ),
    Refusal.FOREIGN_KEYS: (
        "此卡 {serial} 的密钥不属于本机关：请取出并退回发卡方，换一张卡。",
        "The keys of card {serial} are not this authority's: put it aside for its supplier and take another.",
    ),
    Refusal.UNKNOWN_CARD: (
        "此卡 {serial} 已开始写入，但不在本日志中：请回到原办理台，或用“permit-issuer void”注销。",
        "Card {serial} was begun, but not in this journal: go to the desk that began it, or use `permit-issuer void`.",
    ),
    Refusal.ALREADY_PERSONALISED: (
        "此卡 {serial} 已制成：制新证请换空白卡，签注请用“permit-issuer endorse”。",
        "Card {serial} is already personalised: take a blank card, or endorse this one with `permit-issuer endorse`.",
    ),
    Refusal.ALREADY_DONE: (
        "此卡 {serial} 已为居住证 {permit} 制成并激活，无须再写；未作任何改动。",
        "Card {serial} was already issued and activated for permit {permit}; nothing was written.",
    ),
    Refusal.NOT_PERSONALISED: (
        "此卡 {serial} 尚未制证，不能签注：请先用“permit-issuer issue”制证。",
        "Card {serial} is blank and cannot be endorsed: issue it first with `permit-issuer issue`.",
    ),
    Refusal.HALF_WRITTEN: (
        "此卡 {serial} 尚未写完：请先用同一份申请再次运行“permit-issuer issue”。",
        "Card {serial} is half written: run `permit-issuer issue` again with the same application first.",
    ),
    Refusal.CARD_TERMINATED: (
        "此卡 {serial} 已终止使用：请换一张卡。",
        "Card {serial} has been terminated: take another card.",
    ),
    Refusal.CARD_VOID: (
        "此卡 {serial} 已注销（{why}）：请销毁，并换一张卡。",
        "Card {serial} is void ({why}): destroy it and take another card.",
    ),
    Refusal.CARD_RESERVED: (
        "此卡 {serial} 已为居住证 {permit} 开始写入：请先完成该证，或用“permit-issuer void”注销此卡。",
        "Card {serial} was begun for permit {permit}: finish that first, or void the card with `permit-issuer void`.",
    ),
    Refusal.DUPLICATE_SERIAL: (
        "另一张卡已用序列号 {serial} 签发：请扣下此卡并报告密钥管理员。",
        "Another card was issued under serial {serial}: keep this one and report it to the key administrator.",
    ),
    Refusal.WRONG_READ_CODE: (
        "卡接入号或机读区与此卡不符：请对照卡面重新输入。",
        "The CAN or MRZ does not belong to this card: read it again from the card.",
    ),
    Refusal.CARD_NOT_GENUINE: (
        "此卡 {serial} 未通过检验（{why}）：不予签注，请扣下并报告。",
        "Card {serial} fails the check ({why}): it is not endorsed; keep it and report it.",
    ),
    Refusal.CARD_FAILED: (
        "卡在“{step}”时拒绝（{error}）：请再次运行同一命令；若仍失败，用“permit-issuer void”注销此卡。",
        "The card refused at step {step} ({error}): run the same command again; "
        "if it fails again, void the card with `permit-issuer void`.",
    ),
    Refusal.TRANSPORT_FAILED: (
        "与卡的连接中断（{error}）：请重新放入同一张卡，再次运行同一命令继续。",
        "The connection to the card broke ({error}): insert the same card and run the same command again to resume.",
    ),
    Refusal.PERMIT_UNRESOLVED: (
        "居住证 {permit} 的卡 {serial} 尚未写完：请放入该卡重试；"
        "若已丢失或损坏，运行“permit-issuer void --serial {serial} --reason …”。",
        "Card {serial} for permit {permit} is unfinished: insert that card; "
        "if it is lost or broken, run `permit-issuer void --serial {serial} --reason …`.",
    ),
    Refusal.PERMIT_HAS_CARD: (
        "居住证 {permit} 已有有效卡 {serial}：补换前请收回旧卡并用“permit-issuer void”注销。",
        "Permit {permit} already has card {serial}: to replace it, take it back and use `permit-issuer void`.",
    ),
    Refusal.CARD_NOT_IN_JOURNAL: (
        "日志中没有卡 {serial}：请检查序列号，或到签发此卡的机关办理。",
        "Card {serial} is not in this journal: check the serial, or go to the office that issued it.",
    ),
    Refusal.JOURNAL_UNUSABLE: (
        "制卡日志 {path} 不可用（{error}）：请检查磁盘和权限；在此之前不要写卡。",
        "The journal {path} cannot be used ({error}): check disk and permissions; write no card before.",
    ),
    Refusal.NO_STATUS_INDEX: (
        "状态列表连续给出 {size} 个已被其他卡占用的位置：请密钥管理员检查机关目录是否由备份恢复。",
        "{size} {size:place|places} in a row in the status lists {size:belongs|belong} to cards already: have the key "
        "administrator look whether "
        "the authority's home came out of a backup.",
    ),
    Refusal.NO_AUTHORITY: (
        "{path} 中没有可用的发证机关（{error}）：请先运行“permit-keys init”，或用 --home 指明目录。",
        "There is no usable authority in {path} ({error}): run `permit-keys init` first, or name its --home.",
    ),
    Refusal.KEYS_LOCKED: (
        "密钥口令缺失或不正确：请设置 {variable} 后重试。",
        "The passphrase of the keys is missing or wrong: set {variable} and try again.",
    ),
    Refusal.KEYS_EXPIRED: (
        "{purpose} 密钥现在不能签发（{error}）：请由密钥管理员更换密钥。",
        "The {purpose} key may not sign now ({error}): have the key administrator renew it.",
    ),
    Refusal.TRUST_UNUSABLE: (
        "本机关发布的信任数据不能使用（{error}）：柜台将拒收新卡；请由密钥管理员运行“permit-keys refresh”。",
        "What the authority publishes cannot be used ({error}): no counter would take the card; "
        "have the key administrator run `permit-keys refresh`.",
    ),
    Refusal.OPENSSL_MISSING: (
        "找不到 openssl，无法用第二种实现核对签名：请安装 openssl（apt-get install openssl）。未写入卡内容。",
        "openssl is not there, so nothing can cross-check the signatures: apt-get install openssl.",
    ),
    Refusal.EXTRA_MISSING: (
        "本机没有安装此命令所需的部分：请安装 residence-permit[{extra}]。",
        "What this command needs is not installed: install residence-permit[{extra}].",
    ),
    Refusal.CROSS_CHECK: (
        "写卡前核对未通过（{checker}：{error}）：未写入卡内容，请报告密钥管理员。",
        "The check before writing failed ({checker}: {error}): no file was written; tell the key administrator.",
    ),
    Refusal.READ_BACK: (
        "写后读回不符（{file}）：卡 {serial} 未激活；请再次运行同一命令，仍不符则用“permit-issuer void”注销。",
        "Reading back differs ({file}): card {serial} was not activated; run the same command again, "
        "and if it stays so, void the card with `permit-issuer void`.",
    ),
    Refusal.NOT_ENDORSED: (
        "新签注读回不符（{file}）：卡 {serial} 仍保持原签注；请再次运行同一命令，仍不符则换发新卡。",
        "The new endorsement does not read back ({file}): card {serial} keeps the old one; run the same command again, "
        "and if it stays so, replace the card.",
    ),
    Refusal.SPOILED: (
        "卡 {serial} 已作废（{why}），并记入日志：请销毁此卡，换空白卡再次运行同一命令。",
        "Card {serial} is void ({why}) and entered as such: destroy it, take a blank and run the same command again.",
    ),
}

ONE_MISTAKE: Text = ("申请有一处错误：{mistake}", "One mistake in the application: {mistake}")

FAULTS: dict[Fault, Text] = {
    Fault.NOT_JSON: ("不是有效的 JSON（{where}）：请重新导出", "not valid JSON ({where}): export it again"),
    Fault.NOT_AN_OBJECT: ("应为 JSON 对象 {{…}}", "must be a JSON object {{…}}"),
    Fault.TOO_LARGE: (
        "文件超过 {limit} 字节：这不是申请文件",
        "more than {limit} {limit:byte|bytes}: this is no application",
    ),
    Fault.DUPLICATE: ("出现两次：请只保留一个", "stands twice: keep one"),
    Fault.UNKNOWN_FIELD: (
        "未知字段：请删除或更正（可用：{known}）",
        "unknown field: remove or correct it (known: {known})",
    ),
    Fault.MISSING: ("缺失：请补填", "missing: fill it in"),
    Fault.NOT_TEXT: ("应为文字（加引号）", "must be a text in quotes"),
    Fault.EMPTY: ("为空：请填写", "empty: fill it in"),
    Fault.TOO_LONG: ("太长：最多 {limit} 字节（UTF-8）", "too long: at most {limit} {limit:byte|bytes} of UTF-8"),
    Fault.CONTROL_CHARACTER: ("含不可见字符：请重新输入", "has invisible characters: type it again"),
    Fault.NOT_A_PERMIT_NUMBER: (
        "“{value}”不是证号：请用 4 至 20 位大写字母和数字",
        "{value!r} is not a permit number: 4 to 20 capital letters and digits",
    ),
    Fault.NOT_A_DOCUMENT_NUMBER: (
        "“{value}”不是证件号：请用 1 至 9 位大写字母和数字",
        "{value!r} is not a document number: 1 to 9 capital letters and digits",
    ),
    Fault.NOT_A_COUNTRY: (
        "“{value}”不是国籍代码：请用三个大写字母，如 CHN",
        "{value!r} is not a nationality: three capital letters such as CHN",
    ),
    Fault.NOT_A_SEX: ("“{value}”不可用：请填 F、M 或 X", "{value!r} is not allowed: write F, M or X"),
    Fault.NOT_A_CLASS: ("“{value}”不可用：请填数字 1、2 或 3", "{value!r} is not allowed: write the number 1, 2 or 3"),
    Fault.NOT_A_DATE: (
        "“{value}”不是日期：请写成 2027-03-31（部分字段可用 today、+1y）",
        "{value!r} is not a date: write 2027-03-31 (some fields also take today and +1y)",
    ),
    Fault.NOT_A_PERSONAL_NUMBER: (
        "“{value}”不是有效的公民身份号码：请核对每一位",
        "{value!r} is not a sound identification number: check every digit",
    ),
    Fault.PERSONAL_NUMBER_BIRTH_DATE: (
        "号码中的生日 {value} 与 birth_date {birth_date} 不符：请核对两者",
        "its birth date {value} is not birth_date {birth_date}: check both",
    ),
    Fault.NO_TRANSLITERATION: (
        "“{value}”中的 {characters} 不能写成 A-Z：请填拼音或护照上的拉丁字母",
        "{characters} in {value!r} cannot be written in A-Z: give pinyin, or the spelling of the passport",
    ),
    Fault.NAME_TOO_LONG: (
        "姓名太长，机读区容纳不下：请缩写",
        "the name does not fit the machine readable zone: abbreviate it",
    ),
    Fault.BORN_IN_THE_FUTURE: ("在今天之后：请更正", "is in the future: correct it"),
    Fault.NOT_AFTER_START: (
        "{value} 不晚于起始日：请给出更晚的日期",
        "{value} is not after the start: give a later date",
    ),
    Fault.AFTER_EXPIRY: ("{value} 晚于有效期 {expiry}：请更正", "{value} is after expiry_date {expiry}: correct it"),
    Fault.IN_THE_PAST: ("{value} 已过：请给出今天以后的日期", "{value} has passed: give a date from today on"),
    Fault.TOO_FAR_AHEAD: ("太远：请检查年份", "too far ahead: check the year"),
    Fault.UNKNOWN_SERVICE: (
        "没有服务代码“{value}”：请检查（相近的有 {nearest}）",
        "there is no service {value!r}: check the code (near it: {nearest})",
    ),
}
