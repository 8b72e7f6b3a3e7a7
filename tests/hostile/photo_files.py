"""Picture files as nobody's camera writes them."""

from __future__ import annotations

import io
import struct
import zlib

from PIL import Image


def chunk(kind: bytes, data: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int, height: int, rows: bytes, *more: bytes) -> bytes:
    """A PNG in RGB that says it has this size, with `rows` for its picture."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), *more, chunk(b"IDAT", zlib.compress(rows, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_segment(raw: bytes, marker: int, data: bytes) -> bytes:
    """A JPEG with one more segment at its beginning."""
    return raw[:2] + bytes((0xFF, marker)) + (len(data) + 2).to_bytes(2) + data + raw[2:]


def with_exif_place(picture: Image.Image) -> bytes:
    """As a telephone writes it: whose, where, when."""
    exif = Image.Exif()
    exif[0x010F] = "ACME telephone of Kanazawa"
    exif[0x8825] = {1: "N", 2: (36.0, 33.0, 40.0), 3: "E", 4: (136.0, 39.0, 8.0)}
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=92, exif=exif, comment=b"at home")
    return stream.getvalue()


def jpeg_of_many_scans(width: int, height: int, count: int) -> bytes:
    """A progressive JPEG of one colour, a few kilobytes, whose last scan comes `count` times: each goes over the whole
    picture."""
    stream = io.BytesIO()
    Image.new("RGB", (width, height), (200, 200, 200)).save(stream, "JPEG", progressive=True, quality=30)
    raw = stream.getvalue()
    last = raw.rindex(b"\xff\xda")
    return raw[:-2] + raw[last:-2] * count + b"\xff\xd9"


def entity_svg() -> bytes:
    """An SVG with a script, and entities that grow."""
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    return (
        f'<?xml version="1.0"?><!DOCTYPE svg [<!ENTITY a0 "ha">{entities}]>'
        '<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script><text>&a11;</text></svg>'
    ).encode()
