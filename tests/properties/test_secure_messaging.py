"""Both sides of secure messaging and of SCP03 understand each other, and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from card_profiles.errors import CardMisbehaved
from card_profiles.iso7816.apdu import CommandApdu, ResponseApdu
from card_profiles.iso7816.exchange import run
from card_profiles.iso7816.secure_messaging import (
    BlockCipher,
    CardSecureMessaging,
    SecureMessaging,
    max_plain_command,
    max_plain_response,
    pad,
    unpad,
)
from card_profiles.iso7816.status import Refused, is_error
from card_profiles.protocols import scp03
from card_profiles.protocols.scp03 import CardScp03, Scp03Session, StaticKeys
from card_profiles.protocols.scp03 import max_plain as scp03_max_plain
from keys.errors import DecodeError
from tests.wire import counter_bytes

KEYS = {
    "3DES": (bytes(range(16)), bytes(range(16, 32))),
    "AES-128": (bytes(range(16)), bytes(range(16, 32))),
    "AES-192": (bytes(range(24)), bytes(range(24, 48))),
    "AES-256": (bytes(range(32)), bytes(range(32, 64))),
}
BYTE = st.integers(0, 255)
# Status words of a card: success, warnings and errors; 61xx and 6Cxx belong to the transport.
SW = st.one_of(st.just(0x9000), st.integers(0x6200, 0x6BFF), st.integers(0x6D00, 0x6FFF))
COMMAND = st.builds(
    CommandApdu,
    cla=st.sampled_from([0x00, 0x10, 0x80]),
    ins=BYTE,
    p1=BYTE,
    p2=BYTE,
    data=st.binary(max_size=300),
    ne=st.one_of(st.sampled_from([0, 1, 223, 224, 255, 256, 257, 65_535, 65_536]), st.integers(0, 65_536)),
)
RESPONSE = st.builds(ResponseApdu, data=st.binary(max_size=300), sw=SW)


def _pair(kind: str, ssc: int = 0) -> tuple[SecureMessaging, CardSecureMessaging]:
    cipher = "3DES" if kind == "3DES" else "AES"
    counter = ssc.to_bytes(8 if kind == "3DES" else 16, "big")
    return SecureMessaging(cipher, *KEYS[kind], counter), CardSecureMessaging(cipher, *KEYS[kind], counter)


def _scp03(size: int) -> tuple[Scp03Session, CardScp03]:
    keys = StaticKeys(enc=bytes(range(size)), mac=bytes(range(1, size + 1)), dek=bytes(range(2, size + 2)), version=1)
    card = CardScp03({0: keys, 1: keys}.get, serial=b"0123456789", sequence_counter=0, aid=b"\xf0RESP")

    def send(command: CommandApdu) -> ResponseApdu:
        return (card.initialize_update if command.ins == 0x50 else card.external_authenticate)(command)

    return run(scp03.terminal(lambda _: keys, counter_bytes(), aid=b"\xf0RESP"), send), card


@pytest.mark.parametrize("kind", KEYS)
@given(st.lists(st.tuples(COMMAND, RESPONSE), min_size=1, max_size=3), st.integers(0, 2**64 - 1))
def test_conversation(kind: str, turns: list[tuple[CommandApdu, ResponseApdu]], ssc: int) -> None:
    terminal, card = _pair(kind, ssc)
    for command, response in turns:
        wrapped = terminal.wrap(command, extended=True)
        raw = wrapped.encode(extended=not wrapped.fits_short)
        assert card.unwrap_command(CommandApdu.parse(raw)) == command
        answer = card.wrap_response(response).encode()
        assert terminal.unwrap(ResponseApdu.parse(answer)) == response
        assert terminal.ssc == card.ssc


@pytest.mark.parametrize("size", [16, 24, 32])
@given(st.lists(st.tuples(COMMAND, RESPONSE), min_size=1, max_size=3))
def test_scp03_conversation(size: int, turns: list[tuple[CommandApdu, ResponseApdu]]) -> None:
    terminal, card = _scp03(size)
    for command, response in turns:
        wrapped = terminal.wrap(command, extended=True)
        raw = wrapped.encode(extended=not wrapped.fits_short)
        plain = card.unwrap_command(CommandApdu.parse(raw))
        assert (plain.header, plain.data) == (command.header, command.data)
        assert (plain.ne > 0) == (command.ne > 0)
        answer = card.wrap_response(response).encode()
        heard = terminal.unwrap(ResponseApdu.parse(answer))
        assert heard == (ResponseApdu(sw=response.sw) if is_error(response.sw) else response)


@pytest.mark.parametrize("kind", KEYS)
@given(RESPONSE, st.data())
def test_no_changed_response_is_believed(kind: str, response: ResponseApdu, data: st.DataObject) -> None:
    terminal, card = _pair(kind)
    card.unwrap_command(terminal.wrap(CommandApdu(ins=0xB0, ne=256)))
    raw = bytearray(card.wrap_response(response).encode())
    position = data.draw(st.integers(0, len(raw) - 1))
    raw[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises((CardMisbehaved, DecodeError)):
        terminal.unwrap(ResponseApdu.parse(bytes(raw)))


@pytest.mark.parametrize("kind", KEYS)
@given(RESPONSE, st.data())
def test_no_cut_response_is_believed(kind: str, response: ResponseApdu, data: st.DataObject) -> None:
    terminal, card = _pair(kind)
    card.unwrap_command(terminal.wrap(CommandApdu(ins=0xB0, ne=256)))
    wrapped = card.wrap_response(response)
    cut = wrapped.data[: data.draw(st.integers(0, len(wrapped.data) - 1))]
    with pytest.raises(CardMisbehaved):
        terminal.unwrap(ResponseApdu(data=cut, sw=wrapped.sw))


@pytest.mark.parametrize("kind", KEYS)
@given(COMMAND, st.data())
def test_no_changed_command_is_executed(kind: str, command: CommandApdu, data: st.DataObject) -> None:
    terminal, card = _pair(kind)
    wrapped = terminal.wrap(command, extended=True)
    authenticated = bytearray(wrapped.header + wrapped.data)  # the outer lengths are the transport's business
    position = data.draw(st.integers(0, len(authenticated) - 1))
    authenticated[position] ^= data.draw(st.integers(1, 255))
    cla, ins, p1, p2 = authenticated[:4]
    changed = CommandApdu(cla=cla, ins=ins, p1=p1, p2=p2, data=bytes(authenticated[4:]), ne=wrapped.ne)
    with pytest.raises(Refused):
        card.unwrap_command(changed)


@given(RESPONSE.filter(lambda response: not is_error(response.sw)), st.data())
def test_scp03_no_changed_response_is_believed(response: ResponseApdu, data: st.DataObject) -> None:
    terminal, card = _scp03(16)
    card.unwrap_command(terminal.wrap(CommandApdu(ins=0xCA, ne=256)))
    wrapped = card.wrap_response(response)
    changed = bytearray(wrapped.data)
    position = data.draw(st.integers(0, len(changed) - 1))
    changed[position] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CardMisbehaved):
        terminal.unwrap(ResponseApdu(data=bytes(changed), sw=wrapped.sw))


@given(COMMAND, st.data())
def test_scp03_no_changed_command_is_executed(command: CommandApdu, data: st.DataObject) -> None:
    terminal, card = _scp03(16)
    wrapped = terminal.wrap(command, extended=True)
    authenticated = bytearray(wrapped.header + wrapped.data)
    position = data.draw(st.integers(0, len(authenticated) - 1))
    authenticated[position] ^= data.draw(st.integers(1, 255))
    cla, ins, p1, p2 = authenticated[:4]
    changed = CommandApdu(
        cla=cla, ins=ins, p1=p1, p2=p2, data=bytes(authenticated[4:]), ne=wrapped.ne, extended=wrapped.extended
    )
    with pytest.raises(Refused):
        card.unwrap_command(changed)
    assert not card.open


@given(st.binary(max_size=80), st.sampled_from([8, 16]))
def test_padding(data: bytes, block: int) -> None:
    padded = pad(data, block)
    assert len(padded) % block == 0
    assert len(data) < len(padded) <= len(data) + block
    assert unpad(padded) == data


@given(st.sampled_from(list(BlockCipher)), st.integers(1, 70_000))
def test_stated_room_is_exact(cipher: BlockCipher, limit: int) -> None:
    """The stated plaintext fits, one block more does not: else a whole command is lost on every file."""
    kind = "3DES" if cipher is BlockCipher.TRIPLE_DES else "AES-128"
    block = 8 if kind == "3DES" else 16
    terminal, card = _pair(kind)
    room = max_plain_response(cipher, limit)
    if room:
        assert len(card.wrap_response(ResponseApdu(data=bytes(room), sw=0x9000)).data) <= limit
    assert len(card.wrap_response(ResponseApdu(data=bytes(room + block), sw=0x9000)).data) > limit
    room, ne = max_plain_command(cipher, limit), 256 if limit <= 255 else 257
    if room:
        assert len(terminal.wrap(CommandApdu(ins=0xD6, data=bytes(room), ne=ne)).data) <= limit
    assert len(terminal.wrap(CommandApdu(ins=0xD6, data=bytes(room + block), ne=ne)).data) > limit


@given(st.integers(24, 65_000))
def test_scp03_stated_room_is_exact(limit: int) -> None:
    terminal, card = _scp03(16)
    room = scp03_max_plain(limit)
    assert len(terminal.wrap(CommandApdu(ins=0xD6, data=bytes(room))).data) <= limit
    assert len(terminal.wrap(CommandApdu(ins=0xD6, data=bytes(room + 1))).data) > limit
    assert len(card.wrap_response(ResponseApdu(data=bytes(room), sw=0x9000)).data) <= limit
