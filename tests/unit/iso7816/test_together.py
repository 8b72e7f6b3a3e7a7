"""Commands that are carried together: the same bytes to the card, in fewer trips, and no more trust."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from card_profiles.errors import CardFault, CardMisbehaved, Misuse, TransportFailed, TransportFault
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.commands import read_binary, read_file, read_files, update_binary
from card_profiles.iso7816.connection import Channel, CountingConnection, Limits, SecureLayer
from card_profiles.iso7816.exchange import run
from card_profiles.iso7816.secure_messaging import CardSecureMessaging, SecureMessaging
from card_profiles.protocols.scp03 import CardScp03, StaticKeys, identify, terminal
from tests.together import TogetherConnection
from tests.wire import Answer, FunctionConnection, file_card, plain_card, scripted, secure_card

KEY, AID = bytes(range(16)), bytes.fromhex("A000000151000000")
KEYS = StaticKeys(enc=KEY, mac=KEY[::-1], dek=KEY, version=1)
PHOTO = bytes(range(251)) * 60  # 15,060 bytes
LONG = Limits(extended=True, max_response=2048, max_command=2048)


def messaging(connection: object, limits: Limits | None = None) -> Channel:
    channel = Channel(connection, limits or Limits())  # type: ignore[arg-type]
    channel.secure = SecureMessaging("AES", KEY, KEY)
    return channel


def sm_card(answer: Answer) -> FunctionConnection:
    return secure_card(CardSecureMessaging("AES", KEY, KEY), answer)


def scp03_card(answer: Answer) -> FunctionConnection:
    """A card with a GlobalPlatform secure channel."""
    card = CardScp03(lambda _: KEYS, serial=bytes(10), sequence_counter=0, aid=AID)

    def reply(raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        if command.ins == 0x50:
            return card.initialize_update(command).encode()
        if command.ins == 0x82:
            return card.external_authenticate(command).encode()
        return card.wrap_response(answer(card.unwrap_command(command))).encode()

    return FunctionConnection(reply)


def scp03(connection: object, limits: Limits | None = None) -> Channel:
    channel = Channel(connection, limits or Limits())  # type: ignore[arg-type]
    channel.secure = run(terminal(lambda _: KEYS, bytes), channel.send)
    return channel


@pytest.mark.parametrize("limits", [Limits(), LONG], ids=["short", "extended"])
def test_a_file_under_secure_messaging(limits: Limits) -> None:
    """The same commands as one by one, byte for byte."""
    alone, carried = sm_card(file_card(PHOTO)), sm_card(file_card(PHOTO))
    assert read_file(messaging(alone, limits), 2, len(PHOTO)) == PHOTO
    told: list[int] = []
    together = TogetherConnection(carried)
    assert read_file(messaging(together, limits), 2, len(PHOTO), progress=told.append) == PHOTO
    assert carried.sent == alone.sent
    assert together.trips == 1 + -(-(len(alone.sent) - 1) // together.max_batch)
    assert told == sorted(told)
    assert told[-1] == len(PHOTO)


def test_a_file_without_protection() -> None:
    together = TogetherConnection(plain_card(file_card(PHOTO)))
    assert read_file(Channel(together, Limits()), 2, len(PHOTO)) == PHOTO
    assert together.trips < 5


@pytest.mark.parametrize("at_most", [1, 3, 100])
def test_writing_under_scp03(at_most: int) -> None:
    """However many the link brings back at a time."""
    steps = [
        update_binary(data=PHOTO[at : at + 200], sfi=2 if at == 0 else None, offset=at) for at in range(0, 4000, 200)
    ]
    written: list[CommandApdu] = []

    def keep(command: CommandApdu) -> ResponseApdu:
        written.append(command)
        return ResponseApdu(sw=0x9000, data=b"ok" if len(written) % 3 == 0 else b"")

    alone, card = scp03_card(lambda _: ResponseApdu(sw=0x9000)), scp03_card(keep)
    one_by_one, together = scp03(alone), TogetherConnection(card, at_most=at_most)
    for step in steps:
        one_by_one.send(step)
    channel = scp03(together)
    before = together.trips
    responses = channel.send_all(steps)
    assert [response.data for response in responses] == [b"ok" if n % 3 == 2 else b"" for n in range(20)]
    assert [command.data for command in written] == [step.data for step in steps]
    assert card.sent == alone.sent
    assert together.trips - before == -(-20 // min(at_most, 20))
    # The session goes on.
    assert channel.send(read_binary(ne=4)).ok


def test_a_refusal_in_the_middle_ends_there_and_ends_the_session() -> None:
    """What was wrapped ahead was seen by the link: nothing may take its place."""
    seen: list[CommandApdu] = []

    def answer(command: CommandApdu) -> ResponseApdu:
        seen.append(command)
        return ResponseApdu(sw=0x6A84 if len(seen) == 3 else 0x9000)

    for open_, card in ((messaging, sm_card(answer)), (scp03, scp03_card(answer))):
        seen.clear()
        channel = open_(TogetherConnection(card))
        responses = channel.send_all([update_binary(data=b"x", offset=at) for at in range(6)])
        assert [response.sw for response in responses] == [0x9000, 0x9000, 0x6A84]
        assert len(seen) == 3
        with pytest.raises(Misuse):
            channel.send(read_binary(ne=1))


def test_a_refusal_of_the_last_one_leaves_the_session_up() -> None:
    card = sm_card(lambda command: ResponseApdu(sw=0x9000 if command.p2 < 2 else 0x6A82))
    channel = messaging(TogetherConnection(card))
    assert [r.sw for r in channel.send_all([read_binary(ne=1, offset=at) for at in range(3)])][-1] == 0x6A82
    assert channel.send(read_binary(ne=1)).ok


def test_an_attacker_cannot_answer_one_command_with_the_response_to_another() -> None:
    """The link answers the second read with what the card said to the third, which it was given ahead."""
    card = sm_card(file_card(PHOTO))

    class Liar(TogetherConnection):
        def transmit_all(self, commands, *, stop_unless=0x9000):  # type: ignore[no-untyped-def]
            answers = super().transmit_all(commands)
            return [answers[0], answers[2], answers[1]]

    with pytest.raises(CardMisbehaved) as caught:
        messaging(Liar(card)).send_all([read_binary(ne=8, offset=at) for at in (0, 8, 16)])
    assert caught.value.fault is CardFault.BAD_MAC


@pytest.mark.parametrize(
    "answers",
    [[], ["9000"] * 4, ["6A82", "9000"], ["00"], ["9000", ""]],
    ids=["none", "too-many", "after-a-refusal", "half", "half-later"],
)
def test_a_link_that_lies_about_answers(answers: list[str]) -> None:
    class Liar(TogetherConnection):
        def transmit_all(self, commands, *, stop_unless=0x9000):  # type: ignore[no-untyped-def]
            return [bytes.fromhex(answer) for answer in answers]

    channel = Channel(Liar(scripted()), Limits())
    with pytest.raises(CardMisbehaved) as caught:
        channel.send_all([read_binary(ne=1)] * 3)
    assert caught.value.fault is CardFault.MALFORMED_RESPONSE


def test_a_cut_ends_the_session() -> None:
    class Cut(TogetherConnection):
        def transmit_all(self, commands, *, stop_unless=0x9000):  # type: ignore[no-untyped-def]
            raise TransportFailed("gone", fault=TransportFault.TORN)

    channel = messaging(Cut(sm_card(file_card(PHOTO))))
    with pytest.raises(TransportFailed):
        channel.send_all([read_binary(ne=1)] * 2)
    with pytest.raises(Misuse):
        channel.send(read_binary(ne=1))


def test_more_to_say_and_another_le_are_asked_for_at_once() -> None:
    """61xx and 6Cxx in the middle: the command is completed before the next one goes."""
    card = scripted("9000", "AA6102", "BBCC9000", "6C03", "0102039000", "9000")
    together = TogetherConnection(card)
    responses = Channel(together, Limits()).send_all([read_binary(ne=9, offset=at) for at in range(4)])
    assert [response.data.hex() for response in responses] == ["", "aabbcc", "010203", ""]
    assert [raw[:2].hex() for raw in card.sent] == ["00b0", "00b0", "00c0", "00b0", "00b0", "00b0"]
    assert card.sent[4][-1] == 3


def test_a_card_that_answers_less_than_it_is_asked_for() -> None:
    """192 bytes at most, silently, or in its last answers only."""
    card = sm_card(file_card(PHOTO, at_most=192))
    assert read_file(messaging(TogetherConnection(card)), 2, len(PHOTO)) == PHOTO

    def shrinking(command: CommandApdu) -> ResponseApdu:
        offset = command.p1 << 8 | command.p2 if command.p1 < 0x80 else 0
        return file_card(PHOTO, at_most=100 if offset > 1000 else 1000)(command)

    assert read_file(messaging(TogetherConnection(sm_card(shrinking))), 2, len(PHOTO)) == PHOTO


def test_a_file_that_ends_early() -> None:
    for connection in (sm_card(file_card(PHOTO[:3000])), sm_card(file_card(PHOTO[:3000], at_most=150))):
        with pytest.raises(CardMisbehaved) as caught:
            read_file(messaging(TogetherConnection(connection)), 2, len(PHOTO))
        assert caught.value.fault is CardFault.TOO_SHORT


def test_beyond_32767_bytes() -> None:
    large = PHOTO * 3
    card = sm_card(file_card(large))
    assert read_file(messaging(TogetherConnection(card), LONG), 2, len(large)) == large


def files_card(files: dict[int, bytes], wanting: Callable[[CommandApdu], ResponseApdu | None]) -> Answer:
    current = [0]

    def answer(command: CommandApdu) -> ResponseApdu:
        if command.p1 & 0x80:
            current[0] = command.p1 & 0x1F
        return wanting(command) or file_card(files[current[0]])(command)

    return answer


def test_several_files() -> None:
    files = {2: PHOTO[:700], 3: PHOTO[:40], 4: b"", 5: PHOTO[:90], 6: PHOTO[:3], 7: PHOTO[7:400]}
    lengths = {sfi: len(content) for sfi, content in files.items()}
    together = TogetherConnection(sm_card(files_card(files, lambda _: None)))
    assert list(read_files(messaging(together), lengths).items()) == list(files.items())
    assert together.trips == 1 + 1 + 1 + 1 + 1  # 700 in two, 393 in two, three short ones at once
    assert read_files(messaging(sm_card(files_card(files, lambda _: None))), lengths) == files


def test_several_files_of_a_card_that_dislikes_long_reads() -> None:
    """A bare 6700 steps the first read down; what follows together is as short."""
    files = {sfi: PHOTO[sfi : sfi + 200] for sfi in range(2, 9)}
    card = CardSecureMessaging("AES", KEY, KEY)
    inner = secure_card(card, files_card(files, lambda _: None))

    def picky(raw: bytes) -> bytes:
        command = CommandApdu.parse(raw)
        wanted = command.data[command.data.index(b"\x97\x01") + 2]
        return b"\x67\x00" if wanted > 150 else inner.transmit(raw)

    together = TogetherConnection(FunctionConnection(picky))
    channel = messaging(together)
    assert read_files(channel, dict.fromkeys(files, 200)) == files
    assert channel.max_read() <= 150


def test_what_does_not_fit_goes_one_by_one() -> None:
    """Command chaining needs the answer before; a single command needs no company."""
    card = plain_card(lambda _: ResponseApdu(sw=0x9000))
    together = TogetherConnection(card)
    channel = Channel(together, Limits())
    assert len(channel.send_all([update_binary(data=bytes(300)), update_binary(data=b"x")])) == 2
    assert together.trips == 3
    assert channel.send_all([]) == []


def test_counted_is_what_was_answered() -> None:
    counting = CountingConnection(TogetherConnection(scripted("9000", "6A82")))
    Channel(counting, Limits()).send_all([read_binary(ne=1)] * 5)
    assert (counting.commands, counting.bytes_sent, counting.bytes_received) == (2, 10, 4)
    assert CountingConnection(scripted()).max_batch == 1


def test_identify_is_no_secure_layer() -> None:
    """The layers of both protocols are `SecureLayer`s, `ahead` included."""
    layer: SecureLayer = SecureMessaging("AES", KEY, KEY)
    assert isinstance(layer, SecureLayer)
    assert isinstance(scp03(scp03_card(lambda _: ResponseApdu(sw=0x9000))).secure, SecureLayer)
    assert run(identify(bytes), Channel(scp03_card(lambda _: ResponseApdu(sw=0x9000)), Limits()).send)
