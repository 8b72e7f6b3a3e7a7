"""What a hostile card, or somebody between it and us, may try on the wire; and a hostile terminal at the card."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time

import pytest

from card_profiles.errors import CardFault, CardMisbehaved, Misuse
from card_profiles.iso7816 import tlv
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.commands import read_file
from card_profiles.iso7816.connection import MAX_PARTS, MAX_RESPONSE, Channel, Limits
from card_profiles.iso7816.exchange import run
from card_profiles.iso7816.secure_messaging import CardSecureMessaging, SecureMessaging
from card_profiles.iso7816.status import Refused
from card_profiles.iso7816.tracing import TracingConnection
from card_profiles.protocols import scp03
from card_profiles.protocols.scp03 import CardScp03, Scp03Session, StaticKeys
from keys.errors import DecodeError
from tests.wire import FunctionConnection, counter_bytes, file_card, fixed, plain_card, scripted

KEY = bytes(range(16))
READ = CommandApdu(ins=0xB0, ne=100)
LONG = Limits(extended=True, max_response=65_536, max_command=65_544)


def _fault(action: Callable[[], object]) -> tuple[CardFault, int | None]:
    with pytest.raises(CardMisbehaved) as error:
        action()
    return error.value.fault, error.value.sw


def _secure(connection: FunctionConnection, limits: Limits = LONG) -> Channel:
    channel = Channel(connection, limits)
    channel.secure = SecureMessaging("AES", KEY, KEY)
    return channel


def _ended(channel: Channel, connection: FunctionConnection) -> bool:
    """No command goes out any more, and least of all in the clear."""
    before = len(connection.sent)
    with pytest.raises(Misuse):
        channel.send(READ)
    return len(connection.sent) == before


# --- responses that never end, or are none --------------------------------------------------------------------


@pytest.mark.parametrize("part", [b"", b"x", bytes(256)])
def test_response_chaining_without_end(part: bytes) -> None:
    card = FunctionConnection(lambda _: part + b"\x61\x00")
    assert _fault(lambda: Channel(card, LONG).send(READ)) == (CardFault.ENDLESS, 0x6100)
    assert len(card.sent) <= MAX_PARTS + 1
    assert len(card.sent) * len(part) <= MAX_RESPONSE + 2 * 256


def test_large_parts_are_capped_by_size() -> None:
    card = FunctionConnection(lambda _: bytes(65_000) + b"\x61\x00")
    assert _fault(lambda: Channel(card, LONG).send(READ))[0] is CardFault.ENDLESS
    assert len(card.sent) == 2


def test_wrong_le_without_end() -> None:
    card = FunctionConnection(lambda _: b"\x6c\x01")
    assert Channel(card, LONG).send(READ).sw == 0x6C01
    assert len(card.sent) == 2


@pytest.mark.parametrize("answer", [b"", b"\x90", b"\x12\x34", b"\x60\x00", bytes(70_000) + b"\x90\x00"])
@pytest.mark.parametrize("secure", [True, False])
def test_answers_that_are_none(answer: bytes, secure: bool) -> None:
    card = FunctionConnection(lambda _: answer)
    channel = _secure(card) if secure else Channel(card, LONG)
    assert _fault(lambda: channel.send(READ)) == (CardFault.MALFORMED_RESPONSE, None)
    if secure:
        assert _ended(channel, card)


def test_a_chain_of_commands_refused_under_way_sends_no_more() -> None:
    card = scripted("9000", "6982")
    assert Channel(card, Limits()).send(CommandApdu(ins=0x86, data=bytes(1000))).sw == 0x6982
    assert len(card.sent) == 2


# --- secure messaging: unprotected answers ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        ("9000", CardFault.NAKED_RESPONSE),  # "it went well"
        ("6282", CardFault.NAKED_RESPONSE),
        ("63C3", CardFault.NAKED_RESPONSE),
        ("60145F019000", CardFault.NAKED_RESPONSE),  # file content in the clear
        ("A7299000", CardFault.NAKED_RESPONSE),
        ("60146982", CardFault.NAKED_RESPONSE),  # an error with data
        ("990290009000", CardFault.NAKED_RESPONSE),  # the data objects without a MAC
        ("9902900099029000" + "8E08" + "00" * 8 + "9000", CardFault.MALFORMED_RESPONSE),
        ("8E08" + "00" * 8 + "990290009000", CardFault.MALFORMED_RESPONSE),  # wrong order
        ("99029000" + "8E08" + "00" * 8 + "9000", CardFault.BAD_MAC),
        ("99029000" + "8E00" + "9000", CardFault.BAD_MAC),  # an empty MAC
        ("99029000" + "8E0100" + "9000", CardFault.BAD_MAC),
        ("8E08" + "00" * 8 + "9000", CardFault.BAD_MAC),
        ("87" + "9000", CardFault.MALFORMED_RESPONSE),
        ("6982", CardFault.STATUS_WORD),
        ("6988", CardFault.STATUS_WORD),
        ("6A82", CardFault.STATUS_WORD),
        ("6F00", CardFault.STATUS_WORD),
    ],
)
def test_unprotected_answers_end_the_session(answer: str, fault: CardFault) -> None:
    card = FunctionConnection(lambda _: bytes.fromhex(answer))
    channel = _secure(card)
    assert _fault(lambda: channel.send(CommandApdu(ins=0xA4, p1=4, data=b"12345"))) == (fault, int(answer[-4:], 16))
    assert _ended(channel, card)


def _man_in_the_middle(tamper: Callable[[int, bytes], bytes], content: bytes = KEY * 40) -> FunctionConnection:
    """A good card behind somebody who sees and changes every answer; the number counts them from 0."""
    messaging, answer, turn = CardSecureMessaging("AES", KEY, KEY), file_card(content), iter(range(1 << 20))

    def reply(raw: bytes) -> bytes:
        try:
            honest = messaging.wrap_response(answer(messaging.unwrap_command(CommandApdu.parse(raw)))).encode()
        except Refused as refusal:
            honest = ResponseApdu(sw=refusal.sw).encode()
        return tamper(next(turn), honest)

    return FunctionConnection(reply)


def test_the_status_word_outside_must_be_the_one_inside() -> None:
    """6282 made 9000 on the way would hide that a file ended early."""
    card = _man_in_the_middle(lambda _, honest: honest[:-2] + b"\x90\x00", content=b"short")
    assert _fault(lambda: _secure(card).send(READ)) == (CardFault.MALFORMED_RESPONSE, 0x9000)


def test_a_replayed_answer() -> None:
    kept: list[bytes] = []

    def replay(number: int, honest: bytes) -> bytes:
        kept.append(honest)
        return kept[0]

    card = _man_in_the_middle(replay)
    channel = _secure(card)
    assert channel.send(READ).ok
    assert _fault(lambda: channel.send(READ)) == (CardFault.BAD_MAC, 0x9000)
    assert _ended(channel, card)


def test_answers_in_another_order() -> None:
    kept: list[bytes] = []

    def late(number: int, honest: bytes) -> bytes:
        kept.append(honest)
        return kept[max(number - 1, 0)] if number else honest

    channel = _secure(_man_in_the_middle(late))
    channel.send(READ)
    assert _fault(lambda: channel.send(READ))[0] is CardFault.BAD_MAC


def test_the_terminals_own_command_sent_back() -> None:
    card = FunctionConnection(lambda raw: CommandApdu.parse(raw).data + b"\x90\x00")
    assert _fault(lambda: _secure(card).send(READ))[0] is CardFault.NAKED_RESPONSE


def test_a_held_back_answer_after_a_forged_6700() -> None:
    """Roll-back reuses counters, so the answer to the first read fits the second one too: it is the same file from the
    same offset, and longer than the second read allows."""
    kept: list[bytes] = []

    def hold_back(number: int, honest: bytes) -> bytes:
        kept.append(honest)
        return b"\x67\x00" if number == 0 else kept[0]

    card = _man_in_the_middle(hold_back)
    channel = _secure(card)
    assert _fault(lambda: channel.send(CommandApdu(ins=0xB0, ne=600))) == (CardFault.TOO_LONG, 0x9000)
    assert _ended(channel, card)


@pytest.mark.parametrize(
    "command", [CommandApdu(ins=0xA4, p1=4, data=b"12345"), CommandApdu(ins=0xB0, ne=20), CommandApdu(ins=0x44)]
)
def test_no_roll_back_where_a_smaller_le_cannot_be_the_cure(command: CommandApdu) -> None:
    """Else the held-back answer would serve for whatever command comes next."""
    card = FunctionConnection(lambda _: b"\x67\x00")
    channel = _secure(card)
    assert _fault(lambda: channel.send(command)) == (CardFault.STATUS_WORD, 0x6700)
    assert len(card.sent) == 1
    assert _ended(channel, card)


def test_6700_for_ever() -> None:
    card = FunctionConnection(lambda _: b"\x67\x00")
    channel = _secure(card)
    assert _fault(lambda: read_file(channel, 2, 60_000)) == (CardFault.STATUS_WORD, 0x6700)
    assert len(card.sent) <= 11
    assert _ended(channel, card)


# --- files -------------------------------------------------------------------------------------------------------


def test_a_file_longer_than_asked_for() -> None:
    card = plain_card(lambda command: ResponseApdu(data=bytes(command.ne + 1), sw=0x9000))
    assert _fault(lambda: read_file(Channel(card, LONG), 2, 100)) == (CardFault.TOO_LONG, 0x9000)


def test_a_part_that_runs_over_the_end() -> None:
    card = plain_card(lambda command: ResponseApdu(data=bytes(200), sw=0x9000))
    assert _fault(lambda: read_file(Channel(card, Limits()), 2, 300)) == (CardFault.TOO_LONG, 0x9000)


@pytest.mark.parametrize("end", [0x9000, 0x6282, 0x6B00])
def test_a_file_that_ends_early(end: int) -> None:
    def answer(command: CommandApdu) -> ResponseApdu:
        first = bool(command.p1 & 0x80)
        return ResponseApdu(data=bytes(50) if first else b"", sw=0x9000 if first else end)

    assert _fault(lambda: read_file(Channel(plain_card(answer), Limits()), 2, 100)) == (CardFault.TOO_SHORT, end)


def test_one_byte_at_a_time_ends_with_the_file() -> None:
    card = plain_card(lambda command: ResponseApdu(data=b"x", sw=0x9000))
    assert read_file(Channel(card, LONG), 2, 500) == b"x" * 500
    assert len(card.sent) == 500


def test_an_error_in_the_middle_of_a_file() -> None:
    card = scripted(bytes(256) + b"\x90\x00", "6581")
    assert _fault(lambda: read_file(Channel(card, Limits()), 2, 400)) == (CardFault.STATUS_WORD, 0x6581)


# --- data objects -------------------------------------------------------------------------------------------------


def test_a_length_of_four_gigabytes() -> None:
    for data in ("6184FFFFFFFF", "6183FFFFFF", "6180", "61FF"):
        with pytest.raises(DecodeError):
            tlv.parse(bytes.fromhex(data))


def _innermost(element: tlv.Tlv) -> tlv.Tlv:
    while element.value:
        (element,) = element.children()
    return element


def test_a_bomb_of_nested_objects_costs_nothing() -> None:
    bomb = b"\x30\x80" * 50_000
    deep = b""
    for _ in range(3000):
        deep = tlv.encode(0x30, deep)
    started = process_time()
    for data in (bomb, b"\x30\x00" * 50_000):
        with pytest.raises(DecodeError):
            tlv.parse_sequence(data)
    with pytest.raises(DecodeError) as error:
        _innermost(tlv.parse(deep))
    assert error.value.offset < tlv.MAX_DEPTH * 4
    assert process_time() - started < 1.0


# --- SCP03: a hostile card or wire ----------------------------------------------------------------------------------

KEYS = StaticKeys(enc=bytes(16), mac=bytes(range(16)), dek=bytes(range(16, 32)), version=0x30)
SERIAL = b"0123456789"
AID = b"\xf0RESPERM\x01"


def _card(keys: StaticKeys = KEYS, counter: int = 0) -> CardScp03:
    return CardScp03({0: keys, keys.version: keys}.get, serial=SERIAL, sequence_counter=counter, aid=AID)


def _answer(card: CardScp03, command: CommandApdu) -> ResponseApdu:
    try:
        return (card.initialize_update if command.ins == 0x50 else card.external_authenticate)(command)
    except Refused as refusal:
        return ResponseApdu(sw=refusal.sw)


def _open(card: CardScp03, keys: StaticKeys = KEYS) -> Scp03Session:
    return run(scp03.terminal(lambda _: keys, counter_bytes(), aid=AID), lambda command: _answer(card, command))


def test_a_card_without_the_keys_hears_no_cryptogram_of_ours() -> None:
    impostor = _card(StaticKeys(enc=KEYS.enc, mac=bytes(16), dek=KEYS.dek, version=0x30))
    heard: list[CommandApdu] = []

    def send(command: CommandApdu) -> ResponseApdu:
        heard.append(command)
        return _answer(impostor, command)

    assert _fault(lambda: run(scp03.terminal(lambda _: KEYS, counter_bytes()), send))[0] is CardFault.BAD_CRYPTOGRAM
    assert [command.ins for command in heard] == [0x50]


def test_a_challenge_that_does_not_belong_to_its_counter() -> None:
    """A card with the keys, whose counter was set back to replay a session."""
    card = CardScp03({0: KEYS}.get, serial=SERIAL, sequence_counter=0, aid=b"another")
    assert _fault(lambda: _open(card))[0] is CardFault.BAD_CRYPTOGRAM


@pytest.mark.parametrize("change", [(11, 0x02), (12, 0x00), (12, 0x60), (12, 0x71), (10, None), (0, None)])
def test_answers_of_other_protocols(change: tuple[int, int | None]) -> None:
    position, value = change

    def send(command: CommandApdu) -> ResponseApdu:
        answer = bytearray(_answer(_card(), command).data)
        if value is None:
            answer = answer[:28]
        else:
            answer[position] = value
        return ResponseApdu(data=bytes(answer), sw=0x9000)

    assert _fault(lambda: run(scp03.terminal(lambda _: KEYS, counter_bytes()), send))[0] is CardFault.UNKNOWN_CARD


def test_keys_of_another_version_are_not_tried() -> None:
    other = StaticKeys(enc=KEYS.enc, mac=KEYS.mac, dek=KEYS.dek, version=0x01)
    with pytest.raises(Misuse):
        run(scp03.terminal(lambda _: other, counter_bytes()), lambda command: _answer(_card(), command))


@pytest.mark.parametrize(("ins", "sw"), [(0x50, 0x6A88), (0x82, 0x6300)])
def test_refusals_are_reported(ins: int, sw: int) -> None:
    card = _card()

    def send(command: CommandApdu) -> ResponseApdu:
        return ResponseApdu(sw=sw) if command.ins == ins else _answer(card, command)

    action = scp03.terminal(lambda _: KEYS, counter_bytes())
    assert _fault(lambda: run(action, send)) == (CardFault.STATUS_WORD, sw)


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (ResponseApdu(sw=0x9000), CardFault.NAKED_RESPONSE),
        (ResponseApdu(sw=0x6310), CardFault.NAKED_RESPONSE),
        (ResponseApdu(data=b"1234567", sw=0x9000), CardFault.NAKED_RESPONSE),
        (ResponseApdu(data=b"12345678", sw=0x9000), CardFault.BAD_MAC),
        (ResponseApdu(data=b"12345678", sw=0x6A82), CardFault.BAD_MAC),
    ],
)
def test_scp03_unprotected_success(answer: ResponseApdu, fault: CardFault) -> None:
    card = FunctionConnection(lambda _: answer.encode())
    channel = Channel(card, Limits())
    channel.secure = _open(_card())
    assert _fault(lambda: channel.send(CommandApdu(ins=0xD6, data=b"x"))) == (fault, answer.sw)
    assert _ended(channel, card)


def test_scp03_errors_leave_the_session_up_and_never_roll_back() -> None:
    """6700 comes from the application behind the secure channel: the command counted."""
    card, answers = _card(), iter([0x6700, 0x9000])
    session = _open(card)

    def reply(raw: bytes) -> bytes:
        plain = card.unwrap_command(CommandApdu.parse(raw))
        return card.wrap_response(ResponseApdu(data=plain.data, sw=next(answers))).encode()

    connection = FunctionConnection(reply)
    channel = Channel(connection, Limits())
    channel.secure = session
    assert channel.send(CommandApdu(ins=0xB0, ne=200)).sw == 0x6700
    assert channel.send(CommandApdu(ins=0xE2, data=b"again", ne=200)).data == b"again"
    assert len(connection.sent) == 2
    with pytest.raises(Misuse):
        session.restore(session.snapshot())


def test_scp03_does_not_chain() -> None:
    channel = Channel(scripted(), Limits())
    channel.secure = _open(_card())
    with pytest.raises(Misuse):
        channel.send(CommandApdu(ins=0xDA, data=bytes(channel.max_write() + 1)))


# --- SCP03: a hostile terminal ------------------------------------------------------------------------------------


def _recorded(counter: int = 0) -> list[CommandApdu]:
    """A whole session as seen on the wire: opening, and one command."""
    card, heard = _card(counter=counter), []

    def send(command: CommandApdu) -> ResponseApdu:
        heard.append(command)
        return _answer(card, command)

    session = run(scp03.terminal(lambda _: KEYS, counter_bytes()), send)
    return [*heard, session.wrap(CommandApdu(ins=0xFE))]


def _refusal(action: Callable[[], object]) -> int:
    with pytest.raises(Refused) as refusal:
        action()
    return refusal.value.sw


def test_a_recorded_session_does_not_open_the_card_again() -> None:
    card = _card()
    initialize, authenticate, command = _recorded()
    card.initialize_update(initialize)
    card.external_authenticate(authenticate)
    card.unwrap_command(command)
    card.initialize_update(initialize)
    assert _refusal(lambda: card.external_authenticate(authenticate)) == 0x6982
    assert _refusal(lambda: card.unwrap_command(command)) == 0x6982
    assert card.sequence_counter == 1


def test_a_command_counts_once() -> None:
    card = _card()
    initialize, authenticate, command = _recorded()
    card.initialize_update(initialize)
    card.external_authenticate(authenticate)
    card.unwrap_command(command)
    assert _refusal(lambda: card.unwrap_command(command)) == 0x6982
    assert not card.open


@pytest.mark.parametrize("level", [0x00, 0x01, 0x03, 0x11, 0x13])
def test_no_lower_security_level(level: int) -> None:
    card = _card()
    initialize, authenticate, _ = _recorded()
    card.initialize_update(initialize)
    lower = CommandApdu(cla=0x84, ins=0x82, p1=level, data=authenticate.data)
    assert _refusal(lambda: card.external_authenticate(lower)) == 0x6A86
    assert not card.open


def test_authenticate_without_or_twice() -> None:
    card = _card()
    initialize, authenticate, _ = _recorded()
    assert _refusal(lambda: card.external_authenticate(authenticate)) == 0x6985
    card.initialize_update(initialize)
    short = CommandApdu(cla=0x84, ins=0x82, p1=0x33, data=authenticate.data[:8])
    assert _refusal(lambda: card.external_authenticate(short)) == 0x6700
    assert _refusal(lambda: card.external_authenticate(authenticate)) == 0x6985  # one try for each challenge


def test_a_plain_command_closes_the_session() -> None:
    card = _card()
    _open(card)
    assert _refusal(lambda: card.unwrap_command(CommandApdu(ins=0xFE))) == 0x6982
    assert not card.open
    assert card.wrap_response(ResponseApdu(sw=0x6982)) == ResponseApdu(sw=0x6982)


@pytest.mark.parametrize(
    ("command", "sw"),
    [
        (CommandApdu(cla=0x80, ins=0x50, p2=1, data=bytes(8)), 0x6A86),
        (CommandApdu(cla=0x80, ins=0x50, data=bytes(7)), 0x6700),
        (CommandApdu(cla=0x80, ins=0x50, p1=0x31, data=bytes(8)), 0x6A88),
    ],
)
def test_initialize_update_refused(command: CommandApdu, sw: int) -> None:
    assert _refusal(lambda: _card().initialize_update(command)) == sw


def test_a_used_up_counter_opens_nothing() -> None:
    assert _open(_card(counter=0xFFFFFE)).identification.sequence_counter == 0xFFFFFF
    command = CommandApdu(cla=0x80, ins=0x50, data=bytes(8))
    assert _refusal(lambda: _card(counter=0xFFFFFF).initialize_update(command)) == 0x6985


def test_wrong_host_cryptogram_under_a_right_mac() -> None:
    card = _card()
    answer = card.initialize_update(scp03.initialize_update(bytes(8)))
    session = Scp03Session(KEYS, scp03.CardIdentification.parse(answer.data), bytes(8))
    session.host_cryptogram = bytes(8)
    assert _refusal(lambda: card.external_authenticate(session.external_authenticate())) == 0x6300
    assert not card.open


# --- PUT KEY --------------------------------------------------------------------------------------------------------

NEW = {
    size: StaticKeys(enc=bytes(range(size)), mac=b"\1" * size, dek=b"\2" * size, version=0x31) for size in (16, 24, 32)
}


@pytest.mark.parametrize("size", [16, 24, 32])
def test_put_key(size: int) -> None:
    card = _card()
    session = _open(card)
    data = scp03.put_key_data(NEW[size], session)
    assert NEW[size].enc not in data
    assert card.decrypt_put_key(data) == NEW[size]
    assert len(scp03.put_key_answer(NEW[size])) == 10


@pytest.mark.parametrize("size", [16, 32])
def test_put_key_without_the_length_of_the_clear_key(size: int) -> None:
    """As yubikit writes it."""
    card = _card()
    session, data = _open(card), bytes((NEW[size].version,))
    for key in (NEW[size].enc, NEW[size].mac, NEW[size].dek):
        data += bytes((0x88, size)) + session.encrypt_dek(key) + b"\x03" + scp03.key_check_value(key)
    assert card.decrypt_put_key(data) == NEW[size]


def test_put_key_changed_anywhere() -> None:
    card = _card()
    good = scp03.put_key_data(NEW[24], _open(card))
    for position in range(1, len(good)):
        for bit in (0x01, 0x80):
            bad = bytearray(good)
            bad[position] ^= bit
            assert _refusal(lambda bad=bad: card.decrypt_put_key(bytes(bad))) in (0x6A80, 0x6300)
    for cut in range(len(good)):
        assert _refusal(lambda cut=cut: card.decrypt_put_key(good[:cut])) in (0x6A80, 0x6300)
    assert _refusal(lambda: card.decrypt_put_key(good + b"\0")) == 0x6A80
    assert _refusal(lambda: card.decrypt_put_key(b"\x80" + good[1:])) == 0x6A80  # key version out of range


def test_put_key_without_a_session() -> None:
    card = _card()
    data = scp03.put_key_data(NEW[16], _open(card))
    card.end()
    assert _refusal(lambda: card.decrypt_put_key(data)) == 0x6982


def test_keys_of_mixed_or_odd_sizes() -> None:
    for enc, mac in ((bytes(16), bytes(32)), (bytes(15), bytes(15))):
        with pytest.raises(ValueError):
            StaticKeys(enc=enc, mac=mac, dek=mac, version=1)
    with pytest.raises(ValueError):
        StaticKeys(enc=KEY, mac=KEY, dek=KEY, version=0)


# --- secrets ----------------------------------------------------------------------------------------------------


def test_no_key_shows_in_a_trace_or_a_repr() -> None:
    card, lines = _card(), []

    def reply(raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        if command.ins in (0x50, 0x82):
            return _answer(card, command).encode()
        plain = card.unwrap_command(command)
        return card.wrap_response(ResponseApdu(data=plain.data, sw=0x9000)).encode()

    channel = Channel(TracingConnection(FunctionConnection(reply), lines.append), Limits())
    session = run(scp03.terminal(lambda _: KEYS, fixed([b"hostchal"])), channel.send)
    channel.secure = session
    secret = b"123456 the CAN"
    assert channel.send(CommandApdu(ins=0xDA, data=secret, ne=100)).data == secret
    channel.secure = None
    assert channel.send(CommandApdu(cla=0x80, ins=0x50, data=b"hostchal", ne=256)).ok
    shown = "\n".join([*lines, repr(KEYS), repr(session)]).upper().replace(" ", "")
    for hidden in (secret, b"hostchal", SERIAL, KEYS.mac, KEYS.dek):
        assert hidden.hex().upper() not in shown
        assert repr(hidden).upper() not in shown
