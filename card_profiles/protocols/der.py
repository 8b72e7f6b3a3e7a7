"""The few DER primitives that SecurityInfos need (X.690 §8, §10): no ASN.1 library at a counter.

Read over `iso7816.tlv`; written by `keys.der`, under the names that say what they do beside these readers.
"""

from __future__ import annotations

from card_profiles.iso7816.tlv import Tlv
from keys.der import BIT_STRING, INTEGER, OBJECT_IDENTIFIER, OCTET_STRING, SEQUENCE, SET, oid_content
from keys.der import integer as encode_integer
from keys.der import object_identifier as encode_oid
from keys.errors import DecodeError

__all__ = [
    "BIT_STRING",
    "INTEGER",
    "OBJECT_IDENTIFIER",
    "OCTET_STRING",
    "SEQUENCE",
    "SET",
    "decode_bit_string",
    "decode_integer",
    "decode_oid",
    "encode_integer",
    "encode_oid",
    "expect",
    "fields",
    "oid_content",
    "oid_text",
]

MAX_OID_SIZE = 64
MAX_ARC_SIZE = 16  # bytes of one arc; a UUID (2.25.x) takes 19 and no protocol here has one


def expect(element: Tlv, tag: int, path: str) -> Tlv:
    """`element` itself when it carries `tag`, else DecodeError."""
    if element.tag != tag:
        raise DecodeError(f"tag {element.tag:X} in place of {tag:X}", offset=element.offset, path=path)
    return element


def fields(element: Tlv, tag: int, path: str, *, least: int, most: int) -> tuple[Tlv, ...]:
    """The children of a SEQUENCE or SET with `tag`, `least` to `most` of them."""
    children = expect(element, tag, path).children()
    if not least <= len(children) <= most:
        raise DecodeError(f"{len(children)} elements, {least} to {most} expected", offset=element.offset, path=path)
    return children


def decode_integer(element: Tlv, path: str, *, most: int) -> int:
    """An INTEGER in [0, most], minimal two's complement (X.690 §8.3.2)."""
    content = expect(element, INTEGER, path).value
    if not content or (len(content) > 1 and content[0] == 0 and content[1] < 0x80):
        raise DecodeError("INTEGER not minimal", offset=element.offset, path=path)
    value = int.from_bytes(content, "big", signed=True)
    if not 0 <= value <= most:
        raise DecodeError("INTEGER out of range", offset=element.offset, path=path)
    return value


def decode_oid(element: Tlv, path: str) -> str:
    """Dotted notation; arcs must be minimal and complete (X.690 §8.19)."""
    content = expect(element, OBJECT_IDENTIFIER, path).value
    return oid_text(content, offset=element.value_offset, path=path)


def oid_text(content: bytes, *, offset: int = 0, path: str = "") -> str:
    """Dotted notation of content octets; DecodeError."""
    if not 0 < len(content) <= MAX_OID_SIZE or content[-1] & 0x80:
        raise DecodeError("OBJECT IDENTIFIER empty, too long or cut off", offset=offset, path=path)
    arcs: list[int] = []
    arc = size = 0
    for at, byte in enumerate(content):
        if size == 0 and byte == 0x80:
            raise DecodeError("arc not minimal", offset=offset + at, path=path)
        arc, size = arc << 7 | byte & 0x7F, size + 1
        if size > MAX_ARC_SIZE:
            raise DecodeError("arc too long", offset=offset + at, path=path)
        if not byte & 0x80:
            arcs.append(arc)
            arc = size = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(number) for number in (first, arcs[0] - 40 * first, *arcs[1:]))


def decode_bit_string(element: Tlv, path: str) -> bytes:
    """The octets of a BIT STRING without unused bits."""
    content = expect(element, BIT_STRING, path).value
    if content[:1] != b"\0":
        raise DecodeError("BIT STRING of whole octets expected", offset=element.offset, path=path)
    return content[1:]
