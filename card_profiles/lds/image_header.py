"""Format and size of a portrait, from its own header: JPEG (ISO/IEC 10918-1) and JPEG 2000 (ISO/IEC 15444-1).

Nothing is decompressed. The walk over markers and boxes is strict and bounded: the image ends where the bytes end, so
nothing can hide behind it, and every other format is refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import IntEnum

from keys.errors import DecodeError

MAX_SIDE = 4096  # pixels
_MAX_SEGMENTS = 256  # JPEG markers, JPEG 2000 boxes

_SOI, _EOI, _SOS = 0xD8, 0xD9, 0xDA
_FRAMES = (0xC0, 0xC1, 0xC2)  # SOF0 baseline, SOF1 extended, SOF2 progressive: Huffman-coded DCT
_TABLES_AND_COMMENTS = (0xC4, 0xDB, 0xDD, 0xFE, *range(0xE0, 0xF0))  # DHT, DQT, DRI, COM, APPn
_AFTER_SCAN = re.compile(rb"\xFF[^\x00\xD0-\xD7]", re.DOTALL)  # no stuffing, no RSTn: those are in entropy-coded data

_JP2_SIGNATURE = bytes.fromhex("0000000C6A5020200D0A870A")  # 15444-1 I.5.1
_CODESTREAM = bytes.fromhex("FF4FFF51")  # SOC, SIZ: 15444-1 A.4.1 and A.5.1
_CODESTREAM_END = bytes.fromhex("FFD9")


class ImageFormat(IntEnum):
    """Image data type of ISO/IEC 19794-5 §5.7.2."""

    JPEG = 0
    JPEG2000 = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageHeader:
    """What the first bytes of an image say; sides in pixels, 1 to 4096."""

    format: ImageFormat
    width: int
    height: int


def read(image: bytes) -> ImageHeader:
    """The header of a whole image. Raises DecodeError for anything but one complete JPEG or JPEG 2000 image."""
    if image[:2] == b"\xff\xd8":
        width, height = _jpeg(image)
        image_format = ImageFormat.JPEG
    elif image[:12] == _JP2_SIGNATURE:
        width, height = _jp2(image)
        image_format = ImageFormat.JPEG2000
    elif image[:4] == _CODESTREAM:
        width, height = _codestream(image, 0)
        image_format = ImageFormat.JPEG2000
    else:
        raise DecodeError("neither JPEG nor JPEG 2000", path="image")
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise DecodeError(f"{width} x {height} pixels", path="image")
    return ImageHeader(format=image_format, width=width, height=height)


def _jpeg(image: bytes) -> tuple[int, int]:
    """10918-1 annex B: markers from SOI to EOI, with entropy-coded data after each SOS."""
    size: tuple[int, int] | None = None
    scans = 0
    at = 2
    for _ in range(_MAX_SEGMENTS):
        if image[at : at + 1] != b"\xff" or at + 2 > len(image):
            raise DecodeError("no JPEG marker", offset=at, path="image")
        marker = image[at + 1]
        if marker == _EOI:
            if not scans or size is None or at + 2 != len(image):
                raise DecodeError("the JPEG image ends early, or bytes follow it", offset=at, path="image")
            return size
        length = int.from_bytes(image[at + 2 : at + 4])
        body = image[at + 4 : at + 2 + length]
        if length < 2 or len(body) != length - 2:
            raise DecodeError("JPEG segment cut off", offset=at, path="image")
        if marker in _FRAMES:
            if size is not None:
                raise DecodeError("two frames", offset=at, path="image")
            size = _frame(body, at)
        elif marker == _SOS:
            if size is None:
                raise DecodeError("scan before the frame", offset=at, path="image")
            scans += 1
            at = _after_scan(image, at + 2 + length)
            continue
        elif marker not in _TABLES_AND_COMMENTS:
            raise DecodeError("a JPEG marker that portraits do not need", offset=at, path="image")
        at += 2 + length
    raise DecodeError("too many JPEG markers", offset=at, path="image")


def _frame(body: bytes, at: int) -> tuple[int, int]:
    """SOFn, 10918-1 B.2.2: precision, height, width, components of three bytes each. Grey or three colours."""
    if len(body) < 6 or body[0] != 8 or body[5] not in (1, 3) or len(body) != 6 + 3 * body[5]:
        raise DecodeError("not a frame of 8 bits in one or three components", offset=at, path="image")
    return int.from_bytes(body[3:5]), int.from_bytes(body[1:3])


def _after_scan(image: bytes, at: int) -> int:
    """Where the marker stands that ends the entropy-coded data beginning at `at`."""
    marker = _AFTER_SCAN.search(image, at)
    if marker is None:
        raise DecodeError("the JPEG scan does not end", offset=len(image), path="image")
    return marker.start()


def _jp2(image: bytes) -> tuple[int, int]:
    """15444-1 annex I: boxes; the image header must agree with the codestream, which is the last box."""
    declared: tuple[int, int] | None = None
    at = len(_JP2_SIGNATURE)
    for number in range(_MAX_SEGMENTS):
        kind, start, end = _box(image, at, len(image))
        if number == 0 and kind != b"ftyp":
            raise DecodeError("no file type box", offset=at, path="image")
        if kind == b"jp2h":
            inner, ihdr_start, ihdr_end = _box(image, start, end)
            if declared is not None or inner != b"ihdr" or ihdr_end - ihdr_start != 14:
                raise DecodeError("not one image header", offset=start, path="image")
            height, width = (int.from_bytes(image[i : i + 4]) for i in (ihdr_start, ihdr_start + 4))
            declared = (width, height)
        elif kind == b"jp2c":
            size = _codestream(image[start:end], start)
            if size != declared or end != len(image):
                raise DecodeError("the codestream is not what the header says", offset=start, path="image")
            return size
        at = end
    raise DecodeError("too many JPEG 2000 boxes", offset=at, path="image")


def _box(image: bytes, at: int, limit: int) -> tuple[bytes, int, int]:
    """Type, and begin and end of the content, of the box at `at` (15444-1 I.4). A length of 0 means: to the end."""
    if at + 8 > limit:
        raise DecodeError("no codestream, or a box cut off", offset=at, path="image")
    length = int.from_bytes(image[at : at + 4]) or limit - at
    if length < 8 or at + length > limit:
        raise DecodeError("box cut off", offset=at, path="image")
    return image[at + 4 : at + 8], at + 8, at + length


def _codestream(stream: bytes, base: int) -> tuple[int, int]:
    """SIZ, 15444-1 A.5.1: the image area is the reference grid less its offset. Grey or three colours of 8 bits."""
    if stream[:4] != _CODESTREAM or len(stream) < 44 or stream[-2:] != _CODESTREAM_END:
        raise DecodeError("not a whole JPEG 2000 codestream", offset=base, path="image")
    x_end, y_end, x_start, y_start = (int.from_bytes(stream[i : i + 4]) for i in (8, 12, 16, 20))
    components = int.from_bytes(stream[40:42])
    length = int.from_bytes(stream[4:6])
    if components not in (1, 3) or length != 38 + 3 * components or 4 + length > len(stream):
        raise DecodeError("not one or three components", offset=base + 4, path="image")
    # Ssiz 7: eight bits, unsigned; XRsiz and YRsiz 1: no subsampling.
    if stream[42 : 42 + 3 * components] != b"\x07\x01\x01" * components:
        raise DecodeError("not components of 8 bits", offset=base + 42, path="image")
    return x_end - x_start, y_end - y_start
