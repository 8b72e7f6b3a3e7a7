"""Commands as values, and the two loops above them: reading and writing a transparent file.

Clauses are those of ISO/IEC 7816-4:2020 (interindustry commands), 7816-8:2021 (keys), 7816-9:2017 (life cycle) and
the GlobalPlatform Card Specification 2.3.1.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from card_profiles.errors import CardFault, CardMisbehaved
from card_profiles.iso7816 import tlv
from card_profiles.iso7816.apdu import CLA_CHAINING, EXTENDED_NE, SHORT_NE, CommandApdu, ResponseApdu
from card_profiles.iso7816.connection import Channel
from card_profiles.iso7816.status import StatusWord, describe
from keys.errors import DecodeError

MAX_SHORT_OFFSET = 0x7FFF  # P1-P2 of READ BINARY without SFI; beyond it the odd instruction
MAX_SFI = 30
FID_MASTER_FILE = b"\x3f\x00"

P2_NO_DATA = 0x0C  # SELECT: no response data, and so no Le; some cards refuse one
P2_FCP = 0x04  # SELECT: file control parameters, template 62

DO_OFFSET = 0x54  # 11.3.1: offset data object of the odd instructions
DO_DISCRETIONARY = 0x53
DO_SIGNATURE_TEMPLATE = 0xB6  # 7816-4, 10.4: control reference template; names the chip key
DO_KEY_REFERENCE = 0x84
DO_PUBLIC_KEY = 0x7F49  # 7816-8, 5.5: public key template
DO_EC_POINT = 0x86

# What cards answer when Le is more than they can send, seen in the field.
LE_TOO_LARGE = frozenset(
    {
        StatusWord.WRONG_LENGTH,
        StatusWord.WRONG_P1_P2,
        StatusWord.END_OF_FILE,
        StatusWord.SECURE_MESSAGING_OBJECT_INCORRECT,
    }
)
_B1_OVERHEAD = 4  # 53 with a length of up to three bytes


def expect_ok(response: ResponseApdu, what: str) -> ResponseApdu:
    """The response itself when it is 9000; CardMisbehaved(STATUS_WORD) otherwise, with `what` in its text."""
    if response.sw != StatusWord.OK:
        raise CardMisbehaved(f"{what}: {describe(response.sw)}", fault=CardFault.STATUS_WORD, sw=response.sw)
    return response


# --- files (7816-4, 11.2 and 11.3) ---------------------------------------------------------------------------


def select_application(aid: bytes, *, fcp: bool = False) -> CommandApdu:
    """SELECT by DF name of 5..16 bytes; with `fcp` the response is template 62, else empty."""
    if not 5 <= len(aid) <= 16:
        raise ValueError("an AID has 5 to 16 bytes")
    return CommandApdu(ins=0xA4, p1=0x04, p2=P2_FCP if fcp else P2_NO_DATA, data=aid, ne=SHORT_NE if fcp else 0)


def select_master_file(*, fcp: bool = False) -> CommandApdu:
    """SELECT the MF by its identifier 3F00."""
    return CommandApdu(
        ins=0xA4, p1=0x00, p2=P2_FCP if fcp else P2_NO_DATA, data=FID_MASTER_FILE, ne=SHORT_NE if fcp else 0
    )


def select_file(fid: int) -> CommandApdu:
    """SELECT an EF under the current DF."""
    return CommandApdu(ins=0xA4, p1=0x02, p2=P2_NO_DATA, data=fid.to_bytes(2, "big"))


def read_binary(*, ne: int, sfi: int | None = None, offset: int = 0) -> CommandApdu:
    """READ BINARY: by SFI (1..30) with an offset of at most 255, or from the current EF.

    Beyond 32,767 it takes the odd instruction B1, whose answer is `53 L data`; see `read_binary_data`.
    """
    p1, p2, odd = _place(sfi, offset)
    if not odd:
        return CommandApdu(ins=0xB0, p1=p1, p2=p2, ne=ne)
    return CommandApdu(ins=0xB1, data=_offset_object(offset), ne=min(ne + _B1_OVERHEAD, EXTENDED_NE))


def read_binary_data(command: CommandApdu, response: ResponseApdu) -> bytes:
    """The file bytes in the answer to `command`. CardMisbehaved(MALFORMED_RESPONSE) for a bad `53`."""
    if command.ins == 0xB0 or not response.data:
        return response.data
    try:
        return tlv.unwrap(response.data, DO_DISCRETIONARY).value
    except DecodeError as error:
        fault = CardFault.MALFORMED_RESPONSE
        raise CardMisbehaved("READ BINARY answered no data object 53", fault=fault, sw=response.sw) from error


def update_binary(*, data: bytes, sfi: int | None = None, offset: int = 0) -> CommandApdu:
    """UPDATE BINARY, with the same addressing as `read_binary`."""
    p1, p2, odd = _place(sfi, offset)
    if not odd:
        return CommandApdu(ins=0xD6, p1=p1, p2=p2, data=data)
    return CommandApdu(ins=0xD7, data=_offset_object(offset) + tlv.encode(DO_DISCRETIONARY, data))


def _place(sfi: int | None, offset: int) -> tuple[int, int, bool]:
    if sfi is not None:
        if not 1 <= sfi <= MAX_SFI or not 0 <= offset <= 0xFF:
            raise ValueError("SFI 1..30 with an offset of at most 255")
        return 0x80 | sfi, offset, False
    if not 0 <= offset <= 0xFFFFFF:
        raise ValueError("offset out of range")
    return offset >> 8 & 0x7F, offset & 0xFF, offset > MAX_SHORT_OFFSET


def _offset_object(offset: int) -> bytes:
    return tlv.encode(DO_OFFSET, offset.to_bytes(2 if offset <= 0xFFFF else 3, "big"))


# --- data objects, security, keys, life cycle ------------------------------------------------------------------


def get_data(tag: int, *, ne: int = SHORT_NE) -> CommandApdu:
    """GET DATA (11.4.3), tag of one or two bytes in P1-P2."""
    return CommandApdu(ins=0xCA, p1=tag >> 8, p2=tag & 0xFF, ne=ne)


def put_data(tag: int, data: bytes) -> CommandApdu:
    """PUT DATA (11.4.6), tag of one or two bytes in P1-P2."""
    return CommandApdu(ins=0xDA, p1=tag >> 8, p2=tag & 0xFF, data=data)


def get_challenge(ne: int = 8) -> CommandApdu:
    """GET CHALLENGE (11.5.3)."""
    return CommandApdu(ins=0x84, ne=ne)


def mutual_authenticate(data: bytes, *, ne: int) -> CommandApdu:
    """EXTERNAL (or mutual) AUTHENTICATE (11.5.4)."""
    return CommandApdu(ins=0x82, data=data, ne=ne)


def mse_set_at(p1: int, data: bytes) -> CommandApdu:
    """MANAGE SECURITY ENVIRONMENT, Set AT (11.5.11): P1 C1 for PACE, 41 for Chip Authentication."""
    return CommandApdu(ins=0x22, p1=p1, p2=0xA4, data=data)


def general_authenticate(data: bytes, *, last: bool = True) -> CommandApdu:
    """GENERAL AUTHENTICATE (11.5.5) with dynamic authentication data `7C`; not `last` sets the chaining bit."""
    return CommandApdu(cla=0 if last else CLA_CHAINING, ins=0x86, data=data, ne=SHORT_NE)


def generate_key_pair(key_id: int) -> CommandApdu:
    """GENERATE ASYMMETRIC KEY PAIR (7816-8, 11.1): a new key; the answer is `7F49{86 point}`."""
    return CommandApdu(ins=0x47, p1=0x80, data=_key_reference(key_id), ne=SHORT_NE)


def read_public_key(key_id: int) -> CommandApdu:
    """The same command with P1 81: the public key that is there, `7F49{86 point}`."""
    return CommandApdu(ins=0x47, p1=0x81, data=_key_reference(key_id), ne=SHORT_NE)


def _key_reference(key_id: int) -> bytes:
    return tlv.encode(DO_SIGNATURE_TEMPLATE, tlv.encode(DO_KEY_REFERENCE, bytes((key_id,))))


def key_reference(data: bytes) -> int:
    """The key id in the data of the two commands above, `B6{84 id}`. DecodeError."""
    parts = tlv.unwrap(data, DO_SIGNATURE_TEMPLATE).children()
    if len(parts) != 1 or parts[0].tag != DO_KEY_REFERENCE or len(parts[0].value) != 1:
        raise DecodeError("not one key reference", path="B6")
    return parts[0].value[0]


def encode_public_key(point: bytes) -> bytes:
    """`7F49{86 point}`."""
    return tlv.encode(DO_PUBLIC_KEY, tlv.encode(DO_EC_POINT, point))


def public_key_point(data: bytes) -> bytes:
    """The point in `7F49{86 point}`, as it stands there. DecodeError."""
    parts = tlv.unwrap(data, DO_PUBLIC_KEY).children()
    if len(parts) != 1 or parts[0].tag != DO_EC_POINT:
        raise DecodeError("not one point", path="7F49")
    return parts[0].value


def put_key(data: bytes, *, replaces: int = 0) -> CommandApdu:
    """PUT KEY (GlobalPlatform 11.8): three keys from key id 1 on; `replaces` is the key version that goes, or 0."""
    return CommandApdu(cla=0x80, ins=0xD8, p1=replaces, p2=0x81, data=data, ne=SHORT_NE)


def activate() -> CommandApdu:
    """ACTIVATE FILE (7816-9, 11.2.3) without data: the whole card."""
    return CommandApdu(ins=0x44)


def terminate_card_usage() -> CommandApdu:
    """TERMINATE CARD USAGE (7816-9, 11.2.6)."""
    return CommandApdu(ins=0xFE)


# --- whole files -----------------------------------------------------------------------------------------------


def read_file(channel: Channel, sfi: int, length: int, *, progress: Callable[[int], None] | None = None) -> bytes:
    """Exactly `length` bytes of the EF `sfi` in the current application: first by SFI, then by offset.

    No header is read and no byte too many: on contactless readers the number of commands is the time. When the card
    cannot answer as much as its limits say, the reads become shorter and the channel's `on_limits` hears what works.
    `progress` hears the number of bytes read so far. Where a connection carries commands together, the first read shows
    how long they may be.

    CardMisbehaved: TOO_SHORT when the file ends early, TOO_LONG when an answer is longer than asked for, STATUS_WORD,
    and whatever the secure layer raises (then with shorter reads already in force for the next session).
    """
    content = bytearray()
    while len(content) < length:
        at = len(content)
        content += _read(channel, sfi if at == 0 else None, at, length - at)
        if progress is not None:
            progress(len(content))
        size = len(content) - at
        while channel.max_batch > 1 and len(content) < length:
            several = _read_several(channel, len(content), length - len(content), size)
            content += several
            if progress is not None:
                progress(len(content))
            if len(several) % size:
                break
    return bytes(content)


def read_files(channel: Channel, files: Mapping[int, int]) -> dict[int, bytes]:
    """The EFs of the current application by SFI, each with exactly that many bytes; raises as `read_file`.

    Where a connection carries commands together, the longest comes first: what card and reader can carry is known
    then, and the files that fit one answer follow together.
    """
    found: dict[int, bytes] = {}
    short: list[int] = []
    order = sorted(files, key=lambda sfi: files[sfi], reverse=True) if channel.max_batch > 1 else list(files)
    for sfi in order:
        if not files[sfi]:
            found[sfi] = b""
        elif found and channel.max_batch > 1 and files[sfi] <= channel.max_read():
            short.append(sfi)
        else:
            found[sfi] = read_file(channel, sfi, files[sfi])
    while short:
        together, short = short[: channel.max_batch], short[channel.max_batch :]
        responses = channel.send_all([read_binary(sfi=sfi, ne=files[sfi]) for sfi in together])
        for sfi, response in zip(together, responses, strict=False):
            data = expect_ok(response, "READ BINARY").data
            if len(data) > files[sfi]:
                raise CardMisbehaved("more than was asked for", fault=CardFault.TOO_LONG, sw=response.sw)
            found[sfi] = data if len(data) == files[sfi] else read_file(channel, sfi, files[sfi])
    return {sfi: found[sfi] for sfi in files}


def _read_several(channel: Channel, offset: int, remaining: int, size: int) -> bytes:
    """Reads of `size` bytes, as many as are carried together; at least one byte. A shorter answer ends what counts."""
    reads: list[tuple[int, CommandApdu]] = []
    while remaining > 0 and len(reads) < channel.max_batch:
        count = min(size, remaining, channel.max_read() - (_B1_OVERHEAD if offset > MAX_SHORT_OFFSET else 0))
        reads.append((count, read_binary(ne=count, offset=offset)))
        offset, remaining = offset + count, remaining - count
    content = bytearray()
    responses = channel.send_all([command for _, command in reads])
    for number, ((count, command), response) in enumerate(zip(reads, responses, strict=False)):
        data = read_binary_data(command, response)
        if len(data) > count:
            raise CardMisbehaved("more than was asked for", fault=CardFault.TOO_LONG, sw=response.sw)
        last = number == len(reads) - 1
        if not data or not (response.ok or (last and response.sw == StatusWord.END_OF_FILE)):
            if response.ok or response.sw in (StatusWord.END_OF_FILE, StatusWord.WRONG_P1_P2):
                raise CardMisbehaved("the file ends early", fault=CardFault.TOO_SHORT, sw=response.sw)
            expect_ok(response, "READ BINARY")
        content += data
        if len(data) < count:
            break
    return bytes(content)


def _read(channel: Channel, sfi: int | None, offset: int, remaining: int) -> bytes:
    """At least one byte. Steps the length down for this one read, and keeps what worked."""
    limits = channel.limits
    while True:
        overhead = _B1_OVERHEAD if offset > MAX_SHORT_OFFSET else 0
        count = min(remaining, channel.max_read() - overhead)
        command = read_binary(ne=count, sfi=sfi, offset=offset)
        try:
            response = channel.send(command)
        except CardMisbehaved as error:
            if error.sw in LE_TOO_LARGE and _lower_below(channel, count):
                channel.report_limits()
            raise
        data = read_binary_data(command, response)
        if len(data) > count:
            raise CardMisbehaved("more than was asked for", fault=CardFault.TOO_LONG, sw=response.sw)
        if data and (response.ok or response.sw == StatusWord.END_OF_FILE):
            if channel.limits is not limits:
                channel.report_limits()
            return data
        if response.sw in LE_TOO_LARGE and _lower_below(channel, count):
            continue
        channel.limits = limits  # shorter reads did not help: the length was not what it disliked
        if response.ok or response.sw in (StatusWord.END_OF_FILE, StatusWord.WRONG_P1_P2):
            raise CardMisbehaved("the file ends early", fault=CardFault.TOO_SHORT, sw=response.sw)
        expect_ok(response, "READ BINARY")


def _lower_below(channel: Channel, count: int) -> bool:
    """Step down until reads are shorter than `count`; False, with nothing changed, when they cannot get there."""
    before = channel.limits
    while channel.max_read() >= count:
        if not channel.lower_limits():
            channel.limits = before
            return False
    return True


def update_commands(sfi: int, content: bytes, room: int) -> Iterator[CommandApdu]:
    """UPDATE BINARY commands of at most `room` data bytes that write `content` from offset 0: a pure plan."""
    if room < 1:
        raise ValueError("no room for data")
    for offset in range(0, len(content), room):
        part = content[offset : offset + room]
        yield update_binary(data=part, sfi=sfi if offset == 0 else None, offset=offset)


def write_file(channel: Channel, sfi: int, content: bytes, *, progress: Callable[[int], None] | None = None) -> None:
    """Write `content` from offset 0 of the EF `sfi`. CardMisbehaved(STATUS_WORD) at the first refusal."""
    written = 0
    for command in update_commands(sfi, content, channel.max_write()):
        expect_ok(channel.send(command), "UPDATE BINARY")
        written += len(command.data)
        if progress is not None:
            progress(written)
