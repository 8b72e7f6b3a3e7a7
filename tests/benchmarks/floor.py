"""The fewest commands and bytes that the protocols allow, computed from the standards and not from our code.

A `Wire` is what crosses between reader and card. Every figure below is the size of an APDU with nothing to spare: the
tags, lengths, MACs and paddings that ICAO Doc 9303-11 and GlobalPlatform Amendment D demand.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import starmap

POINT = 65  # uncompressed point on P-256
OID_OBJECT = 12  # 80 0A, ten bytes
SHORT_PLAIN = 223  # largest AES-SM plaintext in a short response or command
SCP03_SHORT_PLAIN = 239
SCP03_MAC = 8


@dataclass(frozen=True, slots=True)
class Wire:
    """Commands, bytes sent and bytes received."""

    commands: int = 0
    sent: int = 0
    received: int = 0

    def __add__(self, other: Wire) -> Wire:
        return Wire(self.commands + other.commands, self.sent + other.sent, self.received + other.received)

    @property
    def total(self) -> int:
        """Bytes both ways."""
        return self.sent + self.received


def total(parts: Iterable[Wire]) -> Wire:
    """All of them."""
    return sum(parts, Wire())


def plain(data: int, answer: int, *, le: bool) -> Wire:
    """An unprotected short command with `data` bytes and a response with `answer` bytes."""
    return Wire(1, 4 + (1 + data if data else 0) + le, answer + 2)


def _length_field(size: int) -> int:
    return 1 if size < 0x80 else 2 if size < 0x100 else 3


def _cryptogram(size: int) -> int:
    """Data object 87 over `size` bytes: tag, length, indicator, whole blocks of padded data."""
    if not size:
        return 0
    padded = (size // 16 + 1) * 16
    return 1 + _length_field(padded + 1) + 1 + padded


def secured(data: int, answer: int, *, le: bool) -> Wire:
    """The same under AES secure messaging (9303-11 §9.8): 87, 97, 8E out; 87, 99, 8E back."""
    long = data > SHORT_PLAIN or answer > SHORT_PLAIN
    body = _cryptogram(data) + (2 + (2 if answer > 256 else 1) if le else 0) + 10
    return Wire(1, 4 + (3 if long else 1) + body + (2 if long else 1), _cryptogram(answer) + 4 + 10 + 2)


def secured_read(size: int, *, extended: bool) -> Wire:
    """Exact READ BINARY commands for `size` bytes."""
    if extended:
        return secured(0, size, le=True)
    whole, rest = divmod(size, SHORT_PLAIN)
    parts = [SHORT_PLAIN] * whole + ([rest] if rest else [])
    return total(secured(0, part, le=True) for part in parts)


PACE = total(
    starmap(
        lambda data, answer, le: plain(data, answer, le=le),
        (
            (OID_OBJECT + 3 + 3, 0, False),  # MSE:Set AT: OID, password, domain parameters
            (2, 2 + 2 + 16, True),  # 7C{}: nonce
            (2 + 2 + POINT, 2 + 2 + POINT, True),  # mapping
            (2 + 2 + POINT, 2 + 2 + POINT, True),  # key agreement
            (2 + 2 + 8, 2 + 2 + 8, True),  # tokens
        ),
    )
)
CHIP_AUTHENTICATION = secured(OID_OBJECT + 3, 0, le=False) + secured(2 + 2 + POINT, 2, le=True)


def select(aid: int) -> Wire:
    """SELECT by an AID of `aid` bytes, no control information asked for."""
    return secured(aid, 0, le=False)


def check(*, card_access: int, aid: int, files: Iterable[int], sector: int, extended: bool) -> Wire:
    """A sector check: EF.CardAccess, PACE, the permit application and its files, chip, the own sector's file."""
    before = total(secured_read(size, extended=extended) for size in files)
    own = secured_read(sector, extended=extended)
    return plain(0, card_access, le=True) + PACE + select(aid) + before + CHIP_AUTHENTICATION + own


def portrait(*, aid: int, size: int, extended: bool) -> Wire:
    """The portrait afterwards: select the identity application, read DG2."""
    return select(aid) + secured_read(size, extended=extended)


# --- writing under SCP03 (level 33) ----------------------------------------------------------------------------


def scp03_session(aid: int) -> Wire:
    """SELECT, INITIALIZE UPDATE, EXTERNAL AUTHENTICATE."""
    return plain(aid, 0, le=False) + plain(8, 32, le=True) + plain(16, 0, le=False)


def scp03(data: int, answer: int, *, le: bool) -> Wire:
    """A command under C-MAC and C-ENC, its answer under R-MAC and R-ENC."""
    padded = (data // 16 + 1) * 16 if data else 0
    body = padded + SCP03_MAC
    back = ((answer // 16 + 1) * 16 if answer else 0) + SCP03_MAC
    return Wire(1, 4 + (3 if body > 255 else 1) + body + ((2 if body > 255 else 1) if le else 0), back + 2)


def scp03_write(size: int, *, room: int) -> Wire:
    """UPDATE BINARY commands for `size` bytes, `room` plaintext bytes each at the most."""
    whole, rest = divmod(size, room)
    return total(scp03(part, 0, le=False) for part in [room] * whole + ([rest] if rest else []))
