"""Command and response APDUs in short and extended form (ISO/IEC 7816-4:2020, 5.2 and 5.3)."""

from __future__ import annotations

from dataclasses import dataclass, field

from keys.errors import DecodeError

SHORT_DATA = 255  # largest Nc of the short form
SHORT_NE = 256  # largest Ne of the short form; Le = 00
EXTENDED_DATA = 65_535
EXTENDED_NE = 65_536

CLA_CHAINING = 0x10  # 5.4.1: more commands of the chain follow
CLA_SECURE = 0x0C  # 5.4.1: secure messaging, command header authenticated
CLA_SECURE_GLOBALPLATFORM = 0x04  # GlobalPlatform Card Specification, 11.1.4


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandApdu:
    """One command: header, `data` of 0..65535 bytes, and `ne`, the number of response bytes expected, 0..65536.

    `ne` 0 means no Le field; 256 is the short Le 00 ("as many as there are, up to 256"), 65536 the extended 0000.
    `extended` asks for the extended form even where the short one would do, and tells which form was parsed: SCP03 MACs
    the Lc field as it was sent. It does not count in comparisons.
    """

    cla: int = 0
    ins: int
    p1: int = 0
    p2: int = 0
    data: bytes = b""
    ne: int = 0
    extended: bool = field(default=False, compare=False)

    @property
    def header(self) -> bytes:
        """CLA INS P1 P2."""
        return bytes((self.cla, self.ins, self.p1, self.p2))

    @property
    def fits_short(self) -> bool:
        """Whether the short form can carry it, and is not ruled out."""
        return not self.extended and len(self.data) <= SHORT_DATA and self.ne <= SHORT_NE

    def encode(self, *, extended: bool = False) -> bytes:
        """The bytes on the wire; ValueError when a field does not fit the form.

        A command with neither data nor Le has one form only.
        """
        data, ne = self.data, self.ne
        count = len(data)
        if not (extended or self.extended):
            if count > SHORT_DATA or not 0 <= ne <= SHORT_NE:
                raise ValueError("does not fit the short form")
            le = bytes((ne & 0xFF,)) if ne else b""
            return self.header + bytes((count,)) + data + le if count else self.header + le
        if count > EXTENDED_DATA or not 0 <= ne <= EXTENDED_NE:
            raise ValueError("does not fit the extended form")
        le = (ne & 0xFFFF).to_bytes(2, "big") if ne else b""
        if count:
            return self.header + b"\0" + count.to_bytes(2, "big") + data + le
        return self.header + b"\0" + le if ne else self.header

    @classmethod
    def parse(cls, raw: bytes) -> CommandApdu:
        """Read either form; DecodeError unless the lengths add up to exactly `raw`."""
        size = len(raw)
        if size < 4:
            raise DecodeError("command shorter than its header", offset=size, path="CommandApdu")
        data, ne = _body(raw, size)
        extended = size > 5 and raw[4] == 0
        return cls(cla=raw[0], ins=raw[1], p1=raw[2], p2=raw[3], data=data, ne=ne, extended=extended)


def _body(raw: bytes, size: int) -> tuple[bytes, int]:
    if size == 4:
        return b"", 0
    first = raw[4]
    if size == 5:
        return b"", first or SHORT_NE
    if first:
        rest = size - 5 - first
        if rest == 0:
            return raw[5:], 0
        if rest == 1:
            return raw[5:-1], raw[-1] or SHORT_NE
    elif size >= 7:
        number = int.from_bytes(raw[5:7], "big")
        if size == 7:
            return b"", number or EXTENDED_NE
        rest = size - 7 - number
        if number and rest == 0:
            return raw[7:], 0
        if number and rest == 2:
            return raw[7:-2], int.from_bytes(raw[-2:], "big") or EXTENDED_NE
    raise DecodeError("Lc and Le do not add up to the command", offset=4, path="CommandApdu")


@dataclass(frozen=True, slots=True, kw_only=True)
class ResponseApdu:
    """One response: `data` and the status word `sw`."""

    data: bytes = b""
    sw: int

    @property
    def ok(self) -> bool:
        """Whether the status word is 9000."""
        return self.sw == 0x9000

    def encode(self) -> bytes:
        """Data, then SW1 SW2."""
        return self.data + self.sw.to_bytes(2, "big")

    @classmethod
    def parse(cls, raw: bytes) -> ResponseApdu:
        """DecodeError when there are not even two bytes, or more than 65536 + 2, or SW1 is not 6X or 9X."""
        size = len(raw)
        if not 2 <= size <= EXTENDED_NE + 2:
            raise DecodeError("response of an impossible length", offset=size, path="ResponseApdu")
        sw = raw[-2] << 8 | raw[-1]
        if sw >> 12 not in (0x6, 0x9) or sw == 0x6000:  # 5.6; 60 is the NULL procedure byte of ISO/IEC 7816-3
            raise DecodeError("not a status word", offset=size - 2, path="ResponseApdu")
        return cls(data=raw[:-2], sw=sw)
