"""Limits, channel, and the connections that count and trace."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from card_profiles.errors import CardFault, CardMisbehaved, Misuse, TransportFailed, TransportFault
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.commands import read_file, write_file
from card_profiles.iso7816.connection import Channel, CountingConnection, Limits
from card_profiles.iso7816.secure_messaging import CardSecureMessaging, SecureMessaging
from card_profiles.iso7816.tracing import TracingConnection
from keys.errors import DecodeError
from tests.wire import FunctionConnection, file_card, plain_card, scripted, secure_card

KEY = bytes(range(16))
LONG = Limits(extended=True, max_response=65_536, max_command=65_544)
PHOTO = bytes(range(251)) * 60  # 15,060 bytes, no two parts alike


# --- limits ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("atr", "extended"),
    [
        ("3B8A80018031B8738401C06452505631E5", True),  # capabilities in the third software function byte
        ("3B8A80018031B8738401806452505631A5", False),  # command chaining only
        ("3B88800100738401C0000090009C", True),  # category 00: a status of three bytes at the end
        ("3B8080 0101", False),
        ("3B", False),
        ("", False),
        ("3BFF1300FF10000031FE4580", False),  # cut off
        ("3B84FF", False),
        ("3BF" + "F" * 60, False),
    ],
)
def test_limits_from_the_atr(atr: str, extended: bool) -> None:
    text = atr.replace(" ", "")
    limits = Limits.from_atr(bytes.fromhex(text[: len(text) // 2 * 2]))
    assert limits.extended is extended
    assert limits.max_response == (2048 if extended else 256)


def test_limits_from_ef_atr_info() -> None:
    content = bytes.fromhex("7F66080202080002027FFF")
    limits = Limits.from_atr_info(content)
    assert limits == Limits(extended=True, max_command=2048, max_response=32_765)
    assert limits.max_data == 2048 - 9
    assert Limits.from_atr_info(bytes.fromhex("430101")) == Limits()
    wide = Limits.from_atr_info(bytes.fromhex("7F660A0203010000020301FFFF"))
    assert (wide.max_command, wide.max_response) == (65_536, 65_536)
    for bad in ("7F6600", "7F6604020208 00", "7F660802020080020 27FFF", "7F66080302080002027FFF", "7F6608"):
        with pytest.raises(DecodeError):
            Limits.from_atr_info(bytes.fromhex(bad.replace(" ", "")))


def test_impossible_limits() -> None:
    for values in ({"max_response": 257}, {"max_response": 0}, {"max_command": 262}, {"max_command": 15}):
        with pytest.raises(ValueError):
            Limits(**values)


def test_limits_step_down_to_a_floor() -> None:
    steps, limits = [], Limits(extended=True, max_response=65_536, max_command=2048)
    while (lower := limits.lower()) is not None:
        steps.append(lower.max_response)
        limits = lower
    assert steps == [4096, 2048, 1024, 512, 256, 192, 128, 96, 64]


@pytest.mark.parametrize(("cipher", "size"), [("AES", 223), ("3DES", 231)])
def test_room_in_short_apdus(cipher: str, size: int) -> None:
    channel = Channel(scripted(), Limits())
    assert (channel.max_read(), channel.max_write()) == (256, 255)
    channel.secure = SecureMessaging(cipher, KEY, KEY)
    assert (channel.max_read(), channel.max_write()) == (size, size)


# --- form and chaining ----------------------------------------------------------------------------------------


def test_the_short_form_where_it_will_do() -> None:
    card = scripted("9000", "9000")
    channel = Channel(card, LONG)
    channel.send(CommandApdu(ins=0xD6, data=bytes(255)))
    channel.send(CommandApdu(ins=0xD6, data=bytes(256)))
    assert [command.extended for command in card.commands] == [False, True]


def test_long_data_becomes_a_chain() -> None:
    card = scripted("9000", "9000", "AABB9000")
    response = Channel(card, Limits()).send(CommandApdu(ins=0x86, data=bytes(600), ne=256))
    assert response == ResponseApdu(data=b"\xaa\xbb", sw=0x9000)
    assert [(one.cla, len(one.data), one.ne) for one in card.commands] == [(0x10, 255, 0), (0x10, 255, 0), (0, 90, 256)]


def test_a_chain_ends_at_the_first_refusal() -> None:
    card = scripted("6884")
    assert Channel(card, Limits()).send(CommandApdu(ins=0x86, data=bytes(600))).sw == 0x6884
    assert len(card.sent) == 1


def test_a_chain_under_secure_messaging() -> None:
    received = []

    def answer(command: CommandApdu) -> ResponseApdu:
        received.append(command)
        return ResponseApdu(sw=0x9000)

    channel = Channel(secure_card(CardSecureMessaging("AES", KEY, KEY), answer), Limits())
    channel.secure = SecureMessaging("AES", KEY, KEY)
    channel.send(CommandApdu(ins=0xDA, data=bytes(300)))
    assert [(one.cla, len(one.data)) for one in received] == [(0x10, 223), (0x00, 77)]


def test_a_long_response_without_extended_length_is_our_mistake() -> None:
    with pytest.raises(Misuse):
        Channel(scripted(), Limits()).send(CommandApdu(ins=0xB0, ne=257))


def test_get_response_collects_the_parts() -> None:
    card = scripted("01026103", "0304056101", "069000")
    assert Channel(card, Limits()).send(CommandApdu(ins=0xCA, ne=256)).data == b"\1\2\3\4\5\6"
    assert [raw.hex() for raw in card.sent[1:]] == ["00c0000003", "00c0000001"]


def test_an_error_after_some_parts_is_the_answer() -> None:
    assert Channel(scripted("01026103", "6F00"), Limits()).send(CommandApdu(ins=0xCA, ne=256)).sw == 0x6F00


def test_wrong_le_is_corrected_once() -> None:
    card = scripted("6C05", "01020304059000")
    assert Channel(card, Limits()).send(CommandApdu(ins=0xB0, ne=256)).data == b"\1\2\3\4\5"
    assert card.commands[1].ne == 5
    card = scripted("6C05", "6C06")
    assert Channel(card, Limits()).send(CommandApdu(ins=0xB0, ne=256)).sw == 0x6C06
    assert len(card.sent) == 2


# --- secure messaging in the channel ----------------------------------------------------------------------------


def _secure(answer: Callable[[CommandApdu], ResponseApdu], limits: Limits = LONG) -> tuple[Channel, FunctionConnection]:
    card = secure_card(CardSecureMessaging("AES", KEY, KEY), answer)
    channel = Channel(card, limits)
    channel.secure = SecureMessaging("AES", KEY, KEY)
    return channel, card


def test_protected_errors_leave_the_session_up() -> None:
    channel, _ = _secure(lambda command: ResponseApdu(sw=0x6A82))
    assert channel.send(CommandApdu(ins=0xA4)).sw == 0x6A82
    assert channel.send(CommandApdu(ins=0xA4)).sw == 0x6A82


def test_wrong_outer_le_under_secure_messaging() -> None:
    """T=0 cards answer 6Cxx to the transport length; the very same protected bytes go out again."""
    messaging, turn = CardSecureMessaging("AES", KEY, KEY), iter(range(9))

    def reply(raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        if next(turn) == 0:
            return b"\x6c\x20"
        messaging.unwrap_command(command)
        return messaging.wrap_response(ResponseApdu(data=b"ok", sw=0x9000)).encode()

    card = FunctionConnection(reply)
    channel = Channel(card, Limits())
    channel.secure = SecureMessaging("AES", KEY, KEY)
    assert channel.send(CommandApdu(ins=0xB0, ne=2)).data == b"ok"
    assert card.commands[0].data == card.commands[1].data
    assert [one.ne for one in card.commands] == [256, 0x20]
    assert channel.send(CommandApdu(ins=0xB0, ne=2)).data == b"ok"


def test_protected_answers_in_parts() -> None:
    messaging, waiting = CardSecureMessaging("AES", KEY, KEY), bytearray()

    def reply(raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        if command.ins != 0xC0:
            messaging.unwrap_command(command)
            waiting[:] = messaging.wrap_response(ResponseApdu(data=b"x" * 100, sw=0x9000)).data
        part, rest = bytes(waiting[:50]), waiting[50:]
        waiting[:] = rest
        return part + (b"\x61" + bytes((min(len(rest), 50),)) if rest else b"\x90\x00")

    channel = Channel(FunctionConnection(reply), Limits())
    channel.secure = SecureMessaging("AES", KEY, KEY)
    assert channel.send(CommandApdu(ins=0xB0, ne=100)).data == b"x" * 100


def test_a_failed_transport_ends_the_session() -> None:
    """Nobody knows whether the card counted the command."""

    def fail(raw: bytes) -> bytes:
        raise TransportFailed("gone", fault=TransportFault.TIMED_OUT)

    channel = Channel(FunctionConnection(fail), Limits())
    channel.secure = SecureMessaging("AES", KEY, KEY)
    with pytest.raises(TransportFailed):
        channel.send(CommandApdu(ins=0xB0, ne=1))
    with pytest.raises(Misuse):
        channel.send(CommandApdu(ins=0xB0, ne=1))
    channel.secure = None
    with pytest.raises(TransportFailed):
        channel.send(CommandApdu(ins=0xB0, ne=1))


# --- whole files ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("limits", "reads"), [(LONG, 1), (Limits(extended=True, max_response=2048, max_command=2048), 8), (Limits(), 68)]
)
def test_read_file_in_as_few_commands_as_can_be(limits: Limits, reads: int) -> None:
    channel, card = _secure(file_card(PHOTO), limits)
    heard: list[int] = []
    assert read_file(channel, 2, len(PHOTO), progress=heard.append) == PHOTO
    assert len(card.sent) == reads
    assert (heard[-1], len(heard)) == (len(PHOTO), reads)
    assert card.commands[0].p1 == 0x82


def test_read_nothing() -> None:
    assert read_file(Channel(scripted(), Limits()), 2, 0) == b""


@pytest.mark.parametrize("limits", [LONG, Limits()])
def test_files_beyond_the_short_offset(limits: Limits) -> None:
    content = PHOTO * 3  # 45,180 bytes: the last part by the odd instruction, data object 53 and cryptogram in 85
    channel, card = _secure(file_card(content, at_most=20_000), limits)
    assert read_file(channel, 2, len(content)) == content
    assert 0xB1 in {command.ins for command in card.commands}


def test_a_card_that_answers_192_bytes_silently() -> None:
    channel, card = _secure(file_card(PHOTO, at_most=192), Limits())
    assert read_file(channel, 2, len(PHOTO)) == PHOTO
    assert len(card.sent) == 79


@pytest.mark.parametrize("sw", [0x6700, 0x6B00, 0x6282, 0x6988])
@pytest.mark.parametrize("secure", [True, False])
def test_a_card_that_dislikes_a_large_le(sw: int, secure: bool) -> None:
    inner = file_card(PHOTO)

    def answer(command: CommandApdu) -> ResponseApdu:
        return ResponseApdu(sw=sw) if command.ne > 200 else inner(command)

    learnt: list[Limits] = []
    connection = secure_card(CardSecureMessaging("AES", KEY, KEY), answer) if secure else plain_card(answer)
    channel = Channel(connection, LONG, on_limits=learnt.append)
    channel.secure = SecureMessaging("AES", KEY, KEY) if secure else None
    assert read_file(channel, 2, len(PHOTO)) == PHOTO
    assert [limits.max_response for limits in learnt] == [192]


def test_a_bare_6700_rolls_back_and_asks_for_less() -> None:
    messaging = CardSecureMessaging("AES", KEY, KEY)
    inner = file_card(PHOTO)
    refused = []

    def reply(raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        if command.extended:  # the transport layer of the card says no before anything is counted
            refused.append(command)
            return b"\x67\x00"
        plain = messaging.unwrap_command(command)
        return messaging.wrap_response(inner(plain)).encode()

    learnt: list[Limits] = []
    channel = Channel(FunctionConnection(reply), LONG, on_limits=learnt.append)
    channel.secure = SecureMessaging("AES", KEY, KEY)
    assert read_file(channel, 2, len(PHOTO)) == PHOTO
    assert learnt[-1].max_response == 256
    assert len(refused) == 5  # 4096, 2048, 1024 and 512 after the first


def test_a_bare_6988_ends_the_session_and_is_remembered() -> None:
    learnt: list[Limits] = []
    channel = Channel(scripted("6988"), LONG, on_limits=learnt.append)
    channel.secure = SecureMessaging("AES", KEY, KEY)
    with pytest.raises(CardMisbehaved) as error:
        read_file(channel, 2, len(PHOTO))
    assert (error.value.fault, error.value.sw) == (CardFault.STATUS_WORD, 0x6988)
    assert [limits.max_response for limits in learnt] == [4096]


def test_limits_come_back_when_shorter_reads_did_not_help() -> None:
    learnt: list[Limits] = []
    card = plain_card(lambda command: ResponseApdu(sw=0x6700))
    channel = Channel(card, LONG, on_limits=learnt.append)
    with pytest.raises(CardMisbehaved) as error:
        read_file(channel, 2, len(PHOTO))
    assert (error.value.fault, error.value.sw) == (CardFault.STATUS_WORD, 0x6700)
    assert (channel.limits, learnt) == (LONG, [])


def test_write_file() -> None:
    content = bytearray(len(PHOTO))

    def answer(command: CommandApdu) -> ResponseApdu:
        offset = command.p2 if command.p1 & 0x80 else command.p1 << 8 | command.p2
        content[offset : offset + len(command.data)] = command.data
        return ResponseApdu(sw=0x9000)

    channel, card = _secure(answer, Limits(extended=True, max_response=2048, max_command=2048))
    write_file(channel, 2, PHOTO)
    assert content == PHOTO
    assert len(card.sent) == 8
    channel, card = _secure(lambda command: ResponseApdu(sw=0x6982))
    with pytest.raises(CardMisbehaved) as error:
        write_file(channel, 2, PHOTO)
    assert error.value.sw == 0x6982


# --- counting and tracing ---------------------------------------------------------------------------------------


def test_counting() -> None:
    counting = CountingConnection(scripted("01029000", "6A82"))
    channel = Channel(counting, Limits())
    channel.send(CommandApdu(ins=0xB0, ne=2))
    channel.send(CommandApdu(ins=0xA4, data=b"\1\2"))
    assert (counting.commands, counting.bytes_sent, counting.bytes_received) == (2, 12, 6)
    assert counting.reset() == counting.atr
    counting.close()


def test_tracing_shows_header_lengths_and_status_but_no_data() -> None:
    lines: list[str] = []
    secret = "C0FFEE5EC2E7"
    tracing = TracingConnection(scripted(secret + "9000", "6982", "9000"), lines.append)
    channel = Channel(tracing, Limits())
    channel.send(CommandApdu(ins=0xB0, p1=0x83, ne=6))
    channel.send(CommandApdu(cla=0x80, ins=0xD8, p2=0x81, data=bytes.fromhex(secret), ne=256))
    channel.send(CommandApdu(ins=0xA4, p1=4, p2=12, data=bytes.fromhex("A0000002471001")))
    tracing.reset()
    tracing.close()
    text = "\n".join(lines)
    assert secret not in text.replace(" ", "")
    for shown in ("00 B0 83 00", "Ne 6", "6 bytes", "9000", "80 D8 00 81", "Nc 6", "6982", "A0000002471001"):
        assert shown in text


def test_tracing_a_failure() -> None:
    def fail(raw: bytes) -> bytes:
        raise TransportFailed("gone", fault=TransportFault.CARD_REMOVED)

    lines: list[str] = []
    tracing = TracingConnection(FunctionConnection(fail), lines.append)
    with pytest.raises(TransportFailed):
        tracing.transmit(b"\x00\xb0")
    assert lines[-1] == "<< TransportFailed"
    assert TracingConnection(scripted(b""), lines.append).transmit(b"\0\0\0\0") == b""
