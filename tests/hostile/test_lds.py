"""Files that a hostile chip could answer with: each is refused, with a DecodeError, and soon."""

from __future__ import annotations

import io
from datetime import date

import pytest
from PIL import Image

from card_profiles.iso7816 import tlv
from card_profiles.lds import com, dg1, dg2, dg11, dg12, image_header, mrz, sod
from card_profiles.lds.com import Com
from card_profiles.lds.dg2 import Portrait
from card_profiles.lds.dg11 import Dg11
from card_profiles.lds.dg12 import Dg12
from card_profiles.lds.mrz import Mrz
from card_profiles.lds.sod import LdsSecurityObject
from keys.errors import DecodeError

ZONE = mrz.encode(
    Mrz(
        issuing_state="UTO",
        document_number="X1234567A",
        birth_date="910417",
        sex="F",
        expiry_date="311121",
        nationality="UTO",
        primary="CHEN",
        secondary="XIAOWEN",
    )
)


def with_digits(upper: str, middle: str, name: str) -> str:
    """A zone whose composite check digit is right."""
    composite = mrz.check_digit(upper[5:] + middle[0:7] + middle[8:15] + middle[18:29])
    return upper + middle[:29] + composite + name


UPPER, MIDDLE, NAME = mrz.lines(ZONE)


@pytest.mark.parametrize(
    "zone",
    [
        "",
        ZONE[:-1],
        ZONE + "<",
        ZONE.lower(),
        ZONE.replace("<", " "),
        ZONE[:30] + "\n" + ZONE[31:],
        ZONE.replace("X1234567A7", "X1234567A8"),
        with_digits(UPPER.replace("X1234567A7", "X1234567A8"), MIDDLE, NAME),  # composite right, number wrong
        with_digits("P" + UPPER[1:], MIDDLE, NAME),
        with_digits("IV" + UPPER[2:], MIDDLE, NAME),
        with_digits("I<" + "<" * 3 + UPPER[5:], MIDDLE, NAME),
        with_digits("IRU<O" + UPPER[5:], MIDDLE, NAME),
        with_digits("IRUTO" + "<" * 9 + "0" + "<" * 15, MIDDLE, NAME),  # no number
        with_digits("IRUTO<1234567A" + mrz.check_digit("<1234567A") + "<" * 15, MIDDLE, NAME),
        with_digits("IRUTOX1234567A<" + "<" * 15, MIDDLE, NAME),  # long number without its end
        with_digits("IRUTOX1234567A<7" + "<" * 14, MIDDLE, NAME),  # only a check digit
        with_digits("IRUTOX1234567A<" + "1" * 15, MIDDLE, NAME),  # no filler
        with_digits("IRUTOX12345678<1" + mrz.check_digit("X123456782") + "<" * 13, MIDDLE, NAME),
        with_digits("IRUTOX12<4567A<1" + mrz.check_digit("X12<4567A1") + "<" * 13, MIDDLE, NAME),
        with_digits(UPPER, "911317" + mrz.check_digit("911317") + MIDDLE[7:], NAME),
        with_digits(UPPER, "9104<7" + mrz.check_digit("9104<7") + MIDDLE[7:], NAME),
        with_digits(UPPER, "910417<" + MIDDLE[7:], NAME),  # a filler for the check digit
        with_digits(UPPER, MIDDLE[:7] + "X" + MIDDLE[8:], NAME),
        with_digits(UPPER, MIDDLE[:8] + "31<<<<" + mrz.check_digit("31<<<<") + MIDDLE[15:], NAME),
        with_digits(UPPER, MIDDLE[:15] + "<<<" + MIDDLE[18:], NAME),
        with_digits(UPPER, MIDDLE, "<" * 30),
        with_digits(UPPER, MIDDLE, "<<XIAOWEN".ljust(30, "<")),
        with_digits(UPPER, MIDDLE, "CHEN<<<XIAOWEN".ljust(30, "<")),
        with_digits(UPPER, MIDDLE, "CHEN<<XIAO<<WEN".ljust(30, "<")),
        with_digits(UPPER, MIDDLE, "CHEN<<XIAOWEN2".ljust(30, "<")),
        "１" * 90,
    ],
)
def test_zones(zone: str) -> None:
    with pytest.raises(DecodeError):
        mrz.decode(zone)


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x61\x00",
        tlv.encode(0x61, tlv.encode(0x5F1F, ZONE.encode()) * 2),
        tlv.encode(0x61, tlv.encode(0x5F1F, ZONE.encode())) + b"\x00",
        tlv.encode(0x61, tlv.encode(0x5F1F, b"\xff" + ZONE[1:].encode())),
        tlv.encode(0x61, tlv.encode(0x5F1E, ZONE.encode())),
        b"\x61\x81\x5d" + tlv.encode(0x5F1F, ZONE.encode()),  # length not minimal
    ],
)
def test_dg1(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        dg1.decode(raw)


def test_offsets_point_into_the_file() -> None:
    raw = bytearray(dg1.encode(mrz.decode(ZONE)))
    raw[5 + 60] = ord("1")
    with pytest.raises(DecodeError) as caught:
        dg1.decode(bytes(raw))
    assert caught.value.offset == 65


COM = com.encode(Com(data_groups=(1, 2)))


@pytest.mark.parametrize(
    "raw",
    [
        COM[:-1],
        COM.replace(b"\x61\x75", b"\x75\x61"),
        COM.replace(b"\x61\x75", b"\x61\x61"),
        COM.replace(b"\x61\x75", b"\x61\x77"),
        COM.replace(b"0108", b"01 8"),
        COM.replace(b"040000", b"\xc3\x9f0000"),
        tlv.encode(0x60, tlv.encode(0x5C, b"\x61") * 3),
        tlv.encode(0x60, bytes(100)),
    ],
)
def test_com(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        com.decode(raw)


def jpeg(size: tuple[int, int] = (30, 40)) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", size, (200, 180, 160)).save(buffer, "JPEG")
    return buffer.getvalue()


def jpeg2000(**options: object) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (30, 40), (200, 180, 160)).save(buffer, "JPEG2000", **options)
    return buffer.getvalue()


JPEG, JP2, J2K = jpeg(), jpeg2000(), jpeg2000(no_jp2=True)
SOF = JPEG.index(b"\xff\xc0")
SOS = JPEG.index(b"\xff\xda")
SIZ = JP2.index(b"\xff\x4f\xff\x51")
CODESTREAM_BOX = JP2.index(b"jp2c") - 4


@pytest.mark.parametrize(
    "image",
    [
        b"",
        b"\xff\xd8",
        b"\xff\xd8\xff\xd9",
        JPEG[:-1],
        JPEG[:-2],
        JPEG + b"\x00",  # bytes behind the image
        JPEG + JPEG,
        JPEG[:SOF] + JPEG[SOS:],  # no frame
        JPEG[:SOF] + JPEG[SOF : SOF + 19] + JPEG[SOF:],  # two frames
        JPEG[:SOS] + b"\xff\xd9",  # no scan
        JPEG[: SOF + 5] + bytes(4) + JPEG[SOF + 9 :],  # 0 x 0
        JPEG[: SOF + 5] + b"\xff" * 4 + JPEG[SOF + 9 :],  # 65535 x 65535
        JPEG[: SOF + 4] + b"\x0c" + JPEG[SOF + 5 :],  # 12 bits
        JPEG[: SOF + 9] + b"\x04" + JPEG[SOF + 10 :],  # four components in the place of three
        JPEG[: SOF + 1] + b"\xc9" + JPEG[SOF + 2 :],  # arithmetic coding
        JPEG[: SOF + 2] + b"\xff\xff" + JPEG[SOF + 4 :],  # longer than the image
        JPEG[: SOF + 2] + b"\x00\x01" + JPEG[SOF + 4 :],  # shorter than its own length
        b"\xff\xd8" + b"\xff\xfe\x00\x02" * 300 + JPEG[2:],  # endless comments
        b"\xff\xd8" + b"\xff\xd8" * 1000,
        JP2[:-1],
        JP2 + b"\x00",
        JP2[:12],
        JP2[:12] + JP2[CODESTREAM_BOX:],  # no file type
        JP2[:CODESTREAM_BOX],  # no codestream
        JP2[:CODESTREAM_BOX] + b"\x00\x00\x00\x01" + JP2[CODESTREAM_BOX + 4 :],  # 64-bit length
        JP2[:CODESTREAM_BOX] + b"\xff\xff\xff\xff" + JP2[CODESTREAM_BOX + 4 :],
        JP2[: JP2.index(b"ihdr") + 4] + b"\x00\x01\x00\x00" + JP2[JP2.index(b"ihdr") + 8 :],  # another height
        JP2[:12] + JP2[12:CODESTREAM_BOX] + (b"\x00\x00\x00\x08free" * 300) + JP2[CODESTREAM_BOX:],
        JP2[: SIZ + 40] + b"\x40\x00" + JP2[SIZ + 42 :],  # 16384 components
        J2K[:-2],
        J2K + b"\x00",
        J2K[:20],
        J2K[:16] + J2K[8:16] + J2K[24:],  # the area begins where it ends
        J2K[:16] + b"\xff\xff\xff\xff" + J2K[20:],  # negative width
    ],
)
def test_images(image: bytes) -> None:
    with pytest.raises(DecodeError):
        image_header.read(image)


DG2 = dg2.encode(Portrait(image=JPEG))
RECORD = DG2.index(b"FAC\x00")


def patched(at: int, value: bytes) -> bytes:
    """DG2 with other bytes at an offset of its facial record."""
    return DG2[: RECORD + at] + value + DG2[RECORD + at + len(value) :]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (0, b"FIR\x00"),
        (4, b"030\x00"),  # 19794-5:2011
        (8, b"\xff\xff\xff\xff"),  # record length
        (12, b"\x00\x02"),  # two images
        (12, b"\x00\x00"),
        (14, bytes(4)),  # block length
        (18, b"\xff\xff"),  # feature points
        (20, b"\x07"),  # gender
        (21, b"\x01"),  # eye colour
        (34, b"\x09"),  # image type
        (35, b"\x01"),  # says JPEG 2000, is JPEG
        (36, b"\x00\x01"),  # another width
        (38, b"\x00\x01"),
        (40, b"\x77"),  # colour space
        (41, b"\x77"),
        (42, b"\x00\x01"),  # device
        (46, b"\x89PNG"),
    ],
)
def test_dg2_record(at: int, value: bytes) -> None:
    with pytest.raises(DecodeError):
        dg2.decode(patched(at, value))


@pytest.mark.parametrize(
    "raw",
    [
        DG2[:-1],
        DG2 + b"\x00",
        DG2.replace(b"\x02\x01\x01\x7f\x60", b"\x02\x01\x02\x7f\x60"),
        DG2.replace(b"\x88\x02\x00\x08", b"\x88\x02\x00\x09"),
        DG2.replace(b"\x5f\x2e", b"\x7f\x2e"),
        tlv.encode(0x75, b""),
        tlv.encode(0x75, tlv.encode(0x7F61, b"")),
        tlv.encode(0x75, tlv.encode(0x5F2E, JPEG)),
        tlv.encode(0x75, bytes(40_000)),
    ],
)
def test_dg2_templates(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        dg2.decode(raw)


DG11 = dg11.encode(Dg11(name="晓", other_names=("A", "B"), birth_date=date(1991, 4, 17)))
DG12 = dg12.encode(Dg12(authority="A", issue_date=date(2026, 11, 1)))


def template(tag: int, listed: str, *elements: tuple[int, bytes]) -> bytes:
    """A DG11 or DG12 by hand."""
    return tlv.encode(tag, tlv.encode_sequence(((0x5C, bytes.fromhex(listed)), *elements)))


@pytest.mark.parametrize(
    "raw",
    [
        DG11[:-1],
        template(0x6B, ""),  # empty
        tlv.encode(0x6B, b""),
        tlv.encode(0x6B, tlv.encode(0x5F0E, b"A")),  # no list
        template(0x6B, "5F0E"),  # listed, not there
        template(0x6B, "", (0x5F0E, b"A")),  # there, not listed
        template(0x6B, "5F0E5F0E", (0x5F0E, b"A"), (0x5F0E, b"B")),
        template(0x6B, "5F105F0E", (0x5F10, b"A"), (0x5F0E, b"B")),  # out of order
        template(0x6B, "5F0E5F16", (0x5F0E, b"A"), (0x5F16, b"B")),  # not for us
        template(0x6B, "5F0E", (0x5F0E, b"")),
        template(0x6B, "5F0E", (0x5F0E, b"\xc3")),
        template(0x6B, "5F0E", (0x5F0E, b"A\x00")),
        template(0x6B, "5F0E", (0x5F0E, b"\xed\xa0\x80")),  # a surrogate in UTF-8
        template(0x6B, "5F2B", (0x5F2B, b"\x19\x91\x04\x17")),  # BCD
        template(0x6B, "5F2B", (0x5F2B, b"19910231")),
        template(0x6B, "5F2B", (0x5F2B, b"00000101")),
        template(0x6B, "5F2B", (0x5F2B, b" 1991041")),
        template(0x6B, "5F0F", (0xA0, b"")),
        template(0x6B, "5F0F", (0xA0, b"\x02\x01\x00")),
        template(0x6B, "5F0F", (0xA0, b"\x02\x01\x02\x5f\x0f\x01A")),  # two announced, one there
        template(0x6B, "5F0F", (0xA0, b"\x02\x01\x01\x5f\x0e\x01A")),
        template(0x6B, "5F0F", (0xA0, b"\x5f\x0f\x01A\x02\x01\x01")),
        template(0x6B, "A0", (0xA0, b"\x02\x01\x01\x5f\x0f\x01A")),  # the list has the inner tag
        template(0x6B, "5F0E", (0x5F0E, b"A" * 5000)),
    ],
)
def test_dg11(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        dg11.decode(raw)


@pytest.mark.parametrize(
    "raw",
    [
        DG12 + DG12,
        template(0x6C, "5F19", (0x5F19, b"A")),
        template(0x6C, "5F26", (0x5F26, b"20261101")),
        template(0x6C, "5F195F26", (0x5F19, b"A"), (0x5F26, b"20261301")),
        template(0x6C, "5F195F265F55", (0x5F19, b"A"), (0x5F26, b"20261101"), (0x5F55, b"20261101250000")),
        template(0x6C, "5F195F265F55", (0x5F19, b"A"), (0x5F26, b"20261101"), (0x5F55, b"2026110125000")),
    ],
)
def test_dg12(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        dg12.decode(raw)


LDS = sod.encode(LdsSecurityObject(hash_algorithm="sha256", data_group_hashes={1: bytes(32), 2: bytes(32)}))
SHA256 = bytes.fromhex("300b0609608648016503040201")
VERSIONS = bytes.fromhex("300e130430313038") + bytes.fromhex("1306303430303030")


def security_object(version: str, algorithm: bytes, digests: bytes, tail: bytes = b"") -> bytes:
    """An LDSSecurityObject by hand."""
    return tlv.encode(0x30, bytes.fromhex(version) + algorithm + tlv.encode(0x30, digests) + tail)


def digest(number: bytes, value: bytes = bytes(32)) -> bytes:
    """One DataGroupHash by hand."""
    return tlv.encode(0x30, tlv.encode(0x02, number) + tlv.encode(0x04, value))


ONE = digest(b"\x01")


@pytest.mark.parametrize(
    "raw",
    [
        LDS[:-1],
        LDS + b"\x00",
        b"\x30\x80" + LDS[2:] + b"\x00\x00",
        security_object("020100", SHA256, ONE, VERSIONS),  # version 0 has no versions
        security_object("020101", SHA256, ONE),  # version 1 has them
        security_object("020102", SHA256, ONE, VERSIONS),
        security_object("02020001", SHA256, ONE, VERSIONS),  # not minimal
        security_object("020101", SHA256, b"", VERSIONS),
        security_object("020101", SHA256, ONE + ONE, VERSIONS),
        security_object("020101", SHA256, digest(b"\x02") + ONE, VERSIONS),
        security_object("020101", SHA256, digest(b"\x00"), VERSIONS),
        security_object("020101", SHA256, digest(b"\x11"), VERSIONS),
        security_object("020101", SHA256, digest(b"\xff"), VERSIONS),
        security_object("020101", SHA256, digest(b"\x00\x01"), VERSIONS),
        security_object("020101", SHA256, digest(b"\x01", bytes(20)), VERSIONS),
        security_object("020101", SHA256, tlv.encode(0x31, ONE[2:]), VERSIONS),
        security_object("020101", bytes.fromhex("300706052b0e03021a"), digest(b"\x01", bytes(20)), VERSIONS),  # SHA-1
        security_object("020101", bytes.fromhex("300d06096086480165030402010500")[:-2] + b"\x04\x00", ONE, VERSIONS),
        security_object("020101", SHA256, ONE, VERSIONS + VERSIONS),
        security_object("020101", SHA256, ONE, VERSIONS.replace(b"\x13\x04", b"\x0c\x04")),  # UTF8String
        security_object("020101", SHA256, ONE, VERSIONS.replace(b"0108", b"01.8")),
        security_object("020101", SHA256, ONE, VERSIONS.replace(b"0108", b"01\xff8")),
        tlv.encode(0x30, bytes(3000)),
    ],
)
def test_security_objects(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        sod.decode(raw)


def test_null_parameters_of_the_hash_are_accepted() -> None:
    with_null = bytes.fromhex("300d06096086480165030402010500")
    raw = security_object("020101", with_null, ONE + digest(b"\x02"), VERSIONS)
    assert sod.decode(raw) == sod.decode(LDS)


@pytest.mark.parametrize(
    "raw",
    [b"", b"\x77\x00", b"\x77\x80\x30\x00\x00\x00", b"\x77\x02\x30\x00\x00", b"\x78\x02\x30\x00", b"\x77\x02\x31\x00"],
)
def test_sod(raw: bytes) -> None:
    with pytest.raises(DecodeError):
        sod.unwrap(raw)


def test_too_large_a_sod() -> None:
    with pytest.raises(DecodeError):
        sod.unwrap(tlv.encode(0x77, tlv.encode(0x30, bytes(sod.MAX_SIZE))))
