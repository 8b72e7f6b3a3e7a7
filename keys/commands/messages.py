"""What `permit-keys` tells people, in Chinese and English: what happened, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from ..algorithms import Purpose
from ..custody import CustodyReason, CustodyWarning
from ..registry.registry import AuthorityReason


class Text(StrEnum):
    """Messages that are no error of a library."""

    AUTHORITY_FILE = "authority_file"
    UNREADABLE = "unreadable"
    NO_PASSPHRASE = "no_passphrase"  # noqa: S105 - a message, not a secret
    SHORT_PASSPHRASE = "short_passphrase"  # noqa: S105
    PASSPHRASE_DIFFERS = "passphrase_differs"  # noqa: S105
    ASK_PASSPHRASE = "ask_passphrase"  # noqa: S105
    ASK_AGAIN = "ask_again"
    CREATED = "created"
    TEST_KEYS = "test_keys"
    REFRESHED = "refreshed"
    HEADINGS = "headings"
    LISTS = "lists"
    ENDED = "ended"


Reason = AuthorityReason | CustodyReason | CustodyWarning | Text

# A table for each, not one for all: members of two StrEnum classes with one value are one key to a dict.
_AUTHORITY: Mapping[AuthorityReason, tuple[str, str]] = {
    AuthorityReason.EXISTS: (
        "{detail} 已存在，不会覆盖。请另选目录，或先将其移走。",
        "{detail} exists and is not overwritten. Choose another directory, or move it away first.",
    ),
    AuthorityReason.NOT_FOUND: (
        "{detail} 中没有签发机关。请检查 --home，或先运行 permit-keys init。",
        "There is no authority at {detail}. Check --home, or run permit-keys init first.",
    ),
    AuthorityReason.BUSY: (
        "{detail} 正被另一个进程使用。请等它结束后再试。",
        "{detail} is in use by another run. Try again when it has ended.",
    ),
    AuthorityReason.DAMAGED: (
        "{detail} 已损坏，无法使用。请从备份恢复该文件。",
        "{detail} is damaged and cannot be used. Restore it from a backup.",
    ),
    AuthorityReason.CLOCK: (
        "本机时钟早于上次签名的时间（{detail}）。请校正时钟后再试。",
        "This machine's clock is behind what was signed last ({detail}). Set the clock and try again.",
    ),
    AuthorityReason.STATUS_FINAL: (
        "状态 {detail} 已永久失效，不能恢复。",
        "Status {detail} is invalid for good and cannot be restored.",
    ),
    AuthorityReason.STATUS_INDEX: (
        "状态列表中没有序号 {detail}。请检查该序号。",
        "The status list has no index {detail}. Check the index.",
    ),
    AuthorityReason.ROLLED_BACK: (
        "{detail} 比已发布的版本旧，可能来自旧备份。请运行 permit-keys catch-up 并用 --published 指明最新发布的数据。",
        "{detail} is older than what was published, as from an old backup. Run permit-keys catch-up and name the "
        "newest publication with --published.",
    ),
    AuthorityReason.NO_KEY: (
        "没有密钥 {detail}。请用 permit-keys status 查看现有密钥。",
        "There is no key {detail}. permit-keys status lists them.",
    ),
    AuthorityReason.NO_ACTIVE_KEY: (
        "没有使用中的{detail}密钥。请用 permit-keys status 查看，并运行 permit-keys rotate --replace。",
        "No {detail} key is in use. See permit-keys status, and run permit-keys rotate --replace.",
    ),
    AuthorityReason.KEY_STATE: (
        "该密钥的状态不允许此操作（{detail}）。",
        "The state of this key does not allow that ({detail}).",
    ),
    AuthorityReason.KEY_PERIOD_NOT_BEGUN: (
        "该密钥的使用期尚未开始（{detail}），柜台会拒绝它的签名。"
        "如须立即使用新密钥，请运行 permit-keys rotate --replace。",
        "The signing period of this key has not begun ({detail}): counters would refuse what it signs. For a new key "
        "at once, run permit-keys rotate --replace.",
    ),
    AuthorityReason.KEY_PERIOD_ENDED: (
        "密钥的使用期已结束，不能再签名（{detail}）。请运行 permit-keys rotate 换用新密钥。",
        "The signing period of the {detail} key has ended. Run permit-keys rotate for a new key.",
    ),
    AuthorityReason.KEY_CAP_REACHED: (
        "密钥的签名数量已达上限（{detail}）。请运行 permit-keys rotate 换用新密钥。",
        "The {detail} key has signed as many documents as a key may. Run permit-keys rotate for a new key.",
    ),
    AuthorityReason.NOT_CERTIFIED: (
        "密钥还没有证书（{detail}）。请先运行 permit-keys stage。",
        "The {detail} key has no certificate. Run permit-keys stage first.",
    ),
    AuthorityReason.NOT_PUBLISHED: (
        "{detail} 从未发布，柜台不认识它。请先运行 permit-keys publish 并等待柜台同步；"
        "如须立即启用，请用 --override 说明理由（将被记录）。",
        "{detail} was never published: no counter knows it. Run permit-keys publish, and let the counters sync; to go "
        "ahead, give a reason with --override, which is recorded.",
    ),
    AuthorityReason.NOT_PUBLISHED_AHEAD: (
        "柜台可能还不认识新密钥，最早可在 {detail} 启用。如须提前，请用 --override 说明理由（将被记录）。",
        "Counters may not know the new key yet; the earliest date is {detail}. To go ahead, give a reason with "
        "--override, which is recorded.",
    ),
    AuthorityReason.NOT_COVERED: (
        "认识新密钥的柜台太少（{detail}）。请等待，或用 --override 说明理由（将被记录）。",
        "Too few counters know the new key ({detail}). Wait, or give a reason with --override, which is recorded.",
    ),
    AuthorityReason.NO_SUCCESSOR: (
        "没有可接替的密钥（{detail}），停用后将无法签名。请先运行 permit-keys rotate，或用 --override 说明理由。",
        "No other {detail} key is in use: nothing could be signed. Run permit-keys rotate first, or give a reason with "
        "--override.",
    ),
    AuthorityReason.STILL_NEEDED: (
        "仍有卡片需要该密钥，直至 {detail}。如确认已全部换发，请用 --override 说明理由。",
        "Cards still need this key until {detail}. If all have been moved, say so with --override.",
    ),
    AuthorityReason.NO_WITNESS: (
        "此操作须两人在场（{detail}）。请用 --operator 和 --witness 写明两个不同的姓名。",
        "This takes two people ({detail}). Name both with --operator and --witness.",
    ),
    AuthorityReason.NO_VERSION_LEFT: (
        "卡片密钥版本号已用尽（{detail}）。",
        "The versions of card keys are used up ({detail}).",
    ),
    AuthorityReason.ROOT_DECIDES: (
        "{detail} 由发布用的根元数据决定。请运行 permit-keys renew-root --replace {detail}。",
        "The publication's root decides about {detail}. Run permit-keys renew-root --replace {detail}.",
    ),
    AuthorityReason.NOT_REVOCABLE: (
        "{detail} 不能列入证书吊销列表。如已泄露，请运行 permit-keys compromise。",
        "{detail} can be in no CRL of ours. If it leaked, run permit-keys compromise.",
    ),
}

_CUSTODY: Mapping[CustodyReason, tuple[str, str]] = {
    CustodyReason.NOT_FOUND: (
        "找不到密钥 {detail}。请从备份恢复。",
        "There is no key {detail}. Restore it from a backup.",
    ),
    CustodyReason.ALREADY_EXISTS: (
        "密钥 {detail} 已存在，不会覆盖。",
        "Key {detail} exists and is not overwritten.",
    ),
    CustodyReason.WRONG_PASSPHRASE: (
        "口令打不开密钥 {detail}。请重新输入口令。",
        "The passphrase does not open key {detail}. Enter it again.",
    ),
    CustodyReason.DAMAGED: (
        "密钥 {detail} 已损坏。请从备份恢复。",
        "Key {detail} is damaged. Restore it from a backup.",
    ),
    CustodyReason.OPEN_PERMISSIONS: (
        "其他用户可以读取密钥 {detail}。请运行 chmod 600，并查明谁可能读过它。",
        "Other users can read key {detail}. Run chmod 600 on it, and find out who may have read it.",
    ),
    CustodyReason.UNSUPPORTED_URI: (
        "此处不能存放密钥 {detail}。",
        "Key {detail} cannot be kept here.",
    ),
    CustodyReason.STILL_THERE: (
        "密钥 {detail} 仍未删除。请用设备厂商的工具删除并再次确认。",
        "Key {detail} is still there. Delete it with the vendor's tool and look again.",
    ),
    CustodyReason.INCOMPLETE: (
        "密钥 {detail} 不完整（生成时可能中断）。请销毁后重新生成。",
        "Key {detail} is not whole, as after a break-off. Destroy it and make it anew.",
    ),
    CustodyReason.SELF_TEST_FAILED: (
        "密钥 {detail} 自检失败。请停止使用该设备并查明原因。",
        "Key {detail} failed its self-test. Stop using the token and find out why.",
    ),
    CustodyReason.DRIVER_MISSING: (
        "无法使用 {detail}：缺少 python-pkcs11。请运行 pip install 'residence-permit[hsm]'。",
        "Cannot use {detail}: python-pkcs11 is missing. Run pip install 'residence-permit[hsm]'.",
    ),
    CustodyReason.MODULE_MISSING: (
        "无法使用 {detail}：缺少 PKCS#11 模块。请安装（SoftHSM：apt-get install softhsm2）"
        "或更正 PERMIT_PKCS11_MODULE。",
        "Cannot use {detail}: there is no PKCS#11 module. Install it (SoftHSM: apt-get install softhsm2) or correct "
        "PERMIT_PKCS11_MODULE.",
    ),
    CustodyReason.MODULE_FAILED: (
        "无法使用 {detail}：PKCS#11 模块不能启动。请检查其配置（SoftHSM：SOFTHSM2_CONF）。",
        "Cannot use {detail}: the PKCS#11 module does not start. Check its configuration (SoftHSM: SOFTHSM2_CONF).",
    ),
    CustodyReason.TOKEN_MISSING: (
        "找不到 {detail} 所在的密码设备。请接好设备，或核对名称。",
        "The token of {detail} is not there. Plug it in, or check its label.",
    ),
    CustodyReason.TOKEN_AMBIGUOUS: (
        "有多个设备与 {detail} 同名。请在 URI 中加上 serial=…。",
        "Several tokens fit {detail}. Add serial=… to the URI.",
    ),
    CustodyReason.TOKEN_REMOVED: (
        "{detail} 所在的密码设备已被移除。请接回后再试。",
        "The token of {detail} is gone. Put it back and try again.",
    ),
    CustodyReason.TOKEN_FAILED: (
        "{detail} 所在的密码设备出错。请查看其日志后再试。",
        "The token of {detail} failed. Look into its log, then try again.",
    ),
    CustodyReason.MECHANISM_MISSING: (
        "密码设备不支持 {detail} 所需的算法或用途。请换用其他设备或重新生成密钥。",
        "The token cannot do what {detail} needs. Use another token, or make a new key.",
    ),
    CustodyReason.SESSION_LOST: (
        "与 {detail} 所在设备的会话已中断。请再试一次。",
        "The session with the token of {detail} was lost. Try again.",
    ),
    CustodyReason.LOGIN_TAKEN: (
        "本进程的其他部分已登录 {detail} 所在的设备。请只在一处使用。",
        "Another part of this process is logged in to the token of {detail}. Use it from one place only.",
    ),
    CustodyReason.FORKED: (
        "无法使用 {detail}：本进程由正在使用该设备的进程派生。请作为新程序启动。",
        "Cannot use {detail}: this process was forked from one that uses the token. Start it as a new program.",
    ),
    CustodyReason.PIN_MISSING: (
        "没有 {detail} 所在设备的 PIN。请设置 PERMIT_PKCS11_PIN_FILE。",
        "There is no PIN for the token of {detail}. Set PERMIT_PKCS11_PIN_FILE.",
    ),
    CustodyReason.WRONG_PIN: (
        "{detail} 所在的设备拒绝该 PIN。请先更正再试，多次错误会锁定设备。",
        "The token of {detail} refuses the PIN. Correct it before trying again: a token locks after a few.",
    ),
    CustodyReason.PIN_LOCKED: (
        "{detail} 所在设备的 PIN 已锁定。须由安全官重新设置。",
        "The token of {detail} takes no PIN. Its security officer must set a new one.",
    ),
    CustodyReason.NOT_EXTRACTABLE: (
        "密钥 {detail} 不能离开密码设备。",
        "Key {detail} never leaves its token.",
    ),
    CustodyReason.UNPROTECTED: (
        "密钥 {detail} 曾在设备之外，或可被导出。请在设备内重新生成并销毁此密钥。",
        "Key {detail} was outside of its token or may leave it. Make a new one inside, and destroy this one.",
    ),
    CustodyReason.WORKER_LOST: (
        "使用 {detail} 的签名进程意外结束。请查明原因后再试。",
        "The process that signs with {detail} ended. Find out why, then try again.",
    ),
    CustodyReason.TIMED_OUT: (
        "{detail} 所在的设备没有及时应答。请检查设备后再试。",
        "The token of {detail} did not answer in time. Check it, then try again.",
    ),
}

_WARNINGS: Mapping[CustodyWarning, tuple[str, str]] = {
    CustodyWarning.KEYS_ON_DISK: (
        "警告：私钥以文件形式存放在本机磁盘上。获得文件和口令的人即可签名；正式使用请改用密码设备（pkcs11:）。",
        "Warning: private keys are kept in files on this disk. Whoever copies them and learns the passphrase can sign; "
        "use a token (pkcs11:) for real permits.",
    ),
}

_TEXTS: Mapping[Text, tuple[str, str]] = {
    Text.AUTHORITY_FILE: (
        "签发机关文件 {path} 有误：{detail}。请改正后再试。",
        "Authority file {path} is wrong: {detail}. Correct it and try again.",
    ),
    Text.UNREADABLE: (
        "无法使用 {path}：{detail}。",
        "Cannot use {path}: {detail}.",
    ),
    Text.NO_PASSPHRASE: (
        "没有口令。请用 --passphrase-file 指定，或在终端中运行以便输入。",
        "There is no passphrase. Give --passphrase-file, or run in a terminal to type it.",
    ),
    Text.SHORT_PASSPHRASE: (
        "口令太短，至少 8 个字符。",
        "The passphrase is too short: at least 8 characters.",
    ),
    Text.PASSPHRASE_DIFFERS: (
        "两次输入的口令不同。请重试。",
        "The two passphrases differ. Try again.",
    ),
    Text.ASK_PASSPHRASE: ("密钥口令：", "Passphrase of the keys: "),
    Text.ASK_AGAIN: ("再输入一次：", "Once more: "),
    Text.CREATED: (
        "{name} 已在 {home} 建立。请备份此目录，口令须另行保管：没有口令，密钥无法恢复。",
        "{name} is set up at {home}. Back the directory up and keep the passphrase elsewhere: "
        "without it the keys are lost.",
    ),
    Text.TEST_KEYS: (
        "警告：空白卡使用公开的 GlobalPlatform 测试密钥，只可用于演示。正式使用请在签发机关文件中设置 transport_keys。",
        "Warning: blank cards are taken to carry the published GlobalPlatform test key, which is for demonstrations "
        "only. Set transport_keys in the authority file for real use.",
    ),
    Text.REFRESHED: (
        "证书吊销列表第 {number} 号有效至 {crl}；状态列表有效至 {status}。",
        "CRL number {number} is valid until {crl}; the status list until {status}.",
    ),
    Text.HEADINGS: (
        "用途\t代\tkid\t可签名至\t可验证至",
        "purpose\tgeneration\tkid\tsigns until\tchecked until",
    ),
    Text.LISTS: (
        "证书吊销列表：第 {number} 号，有效至 {crl}，吊销 {revoked} 份证书。\n"
        "状态列表：签于 {signed}，有效至 {status}，失效 {invalid}，暂停 {suspended}。",
        "CRL: number {number}, valid until {crl}, {revoked} certificates revoked.\n"
        "Status list: signed {signed}, valid until {status}, {invalid} invalid, {suspended} suspended.",
    ),
    Text.ENDED: ("（已到期）", " (ended)"),
}

PURPOSES: Mapping[Purpose, tuple[str, str]] = {
    Purpose.CSCA: ("国家签名根（CSCA）", "country signing CA"),
    Purpose.LINK: ("根证书衔接", "link"),
    Purpose.DOCUMENT_SIGNER: ("证件签名", "document signer"),
    Purpose.ENTITLEMENT_SIGNER: ("权益签名", "entitlement signer"),
    Purpose.STATUS_SIGNER: ("状态签名", "status signer"),
    Purpose.AUDIT_SIGNER: ("审计签名", "audit signer"),
    Purpose.MASTER_LIST_SIGNER: ("主列表签名", "master list signer"),
    Purpose.CARD_MASTER_KEY: ("卡片主密钥", "card master key"),
    Purpose.ROOT: ("发布：根", "publication: root"),
    Purpose.TARGETS: ("发布：内容", "publication: targets"),
    Purpose.SNAPSHOT: ("发布：快照", "publication: snapshot"),
    Purpose.TIMESTAMP: ("发布：时间戳", "publication: timestamp"),
}

LANGUAGES = ("zh", "en")


def message(reason: Reason, language: str, **values: object) -> str:
    """The message for `reason` in a language of `LANGUAGES`."""
    match reason:
        case AuthorityReason():
            texts = _AUTHORITY[reason]
        case CustodyReason():
            texts = _CUSTODY[reason]
        case CustodyWarning():
            texts = _WARNINGS[reason]
        case Text():
            texts = _TEXTS[reason]
    return texts[LANGUAGES.index(language)].format(**values)


def purpose_name(purpose: Purpose, language: str) -> str:
    """What people call a key."""
    return PURPOSES[purpose][LANGUAGES.index(language)]


def language_of(environment: Mapping[str, str]) -> str:
    """The language that the environment asks for (POSIX: LC_ALL before LC_MESSAGES before LANG); English by default."""
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        if value := environment.get(name):
            return "zh" if value.lower().startswith("zh") else "en"
    return "en"
