"""SubjectPublicKeyInfo of an elliptic-curve key (RFC 5480; X9.62 ECParameters), as DG14 carries it.

Written with a named curve. Explicit parameters, which ICAO 9303-12 §4.1.6.3 asks for, are read when they equal a curve
of the table in every number, the generator above all: accepting a foreign generator is CVE-2020-0601.
"""

from __future__ import annotations

from card_profiles.iso7816 import tlv
from card_profiles.iso7816.tlv import Tlv
from card_profiles.protocols import der
from card_profiles.protocols.points import BY_OID, CURVES, Curve, Point, decode_point
from keys.errors import DecodeError

ID_EC_PUBLIC_KEY = "1.2.840.10045.2.1"  # RFC 5480 §2.1.1
ID_PRIME_FIELD = "1.2.840.10045.1.1"  # X9.62 §6.3
MAX_SEED_SIZE = 64

_PATH = "SubjectPublicKeyInfo"


def encode(point: Point) -> bytes:
    """SEQUENCE { SEQUENCE { id-ecPublicKey, named curve }, BIT STRING point }."""
    algorithm = tlv.encode(der.SEQUENCE, der.encode_oid(ID_EC_PUBLIC_KEY) + der.encode_oid(point.curve.oid))
    return tlv.encode(der.SEQUENCE, algorithm + tlv.encode(der.BIT_STRING, b"\0" + point.encode()))


def decode(element: Tlv) -> Point:
    """The key; DecodeError for another algorithm, an unknown curve or a point that is not on it."""
    algorithm, key = der.fields(element, der.SEQUENCE, _PATH, least=2, most=2)
    identifier, parameters = der.fields(algorithm, der.SEQUENCE, f"{_PATH}/algorithm", least=2, most=2)
    if der.decode_oid(identifier, f"{_PATH}/algorithm") != ID_EC_PUBLIC_KEY:
        raise DecodeError("not an elliptic-curve key", offset=identifier.offset, path=f"{_PATH}/algorithm")
    curve = _named(parameters) if parameters.tag == der.OBJECT_IDENTIFIER else _explicit(parameters)
    return decode_point(curve, der.decode_bit_string(key, f"{_PATH}/subjectPublicKey"))


def _named(parameters: Tlv) -> Curve:
    path = f"{_PATH}/namedCurve"
    oid = der.decode_oid(parameters, path)
    if oid not in BY_OID:
        raise DecodeError("unknown curve", offset=parameters.offset, path=path)
    return BY_OID[oid]


def _explicit(parameters: Tlv) -> Curve:
    """ECParameters { version 1, fieldID, curve { a, b, seed? }, base, order, cofactor? }."""
    path = f"{_PATH}/specifiedCurve"
    version, field, curve, base, order, *rest = der.fields(parameters, der.SEQUENCE, path, least=5, most=6)
    if der.decode_integer(version, f"{path}/version", most=3) != 1:
        raise DecodeError("ecpVer1 expected", offset=version.offset, path=f"{path}/version")
    kind, prime = der.fields(field, der.SEQUENCE, f"{path}/fieldID", least=2, most=2)
    if der.decode_oid(kind, f"{path}/fieldID") != ID_PRIME_FIELD:
        raise DecodeError("prime field expected", offset=kind.offset, path=f"{path}/fieldID")
    a, b, *seed = der.fields(curve, der.SEQUENCE, f"{path}/curve", least=2, most=3)
    if seed and len(der.decode_bit_string(seed[0], f"{path}/curve/seed")) > MAX_SEED_SIZE:
        raise DecodeError("seed too long", offset=seed[0].offset, path=f"{path}/curve/seed")
    found = tuple(der.expect(element, tag, path).value for element, tag in _tags(prime, a, b, base, order))
    for known in CURVES:
        if found == _contents(known):
            if rest and der.decode_integer(rest[0], f"{path}/cofactor", most=8) != 1:
                break
            return known
    raise DecodeError("parameters of no known curve", offset=parameters.offset, path=path)


def _tags(prime: Tlv, a: Tlv, b: Tlv, base: Tlv, order: Tlv) -> tuple[tuple[Tlv, int], ...]:
    octets = der.OCTET_STRING
    return (prime, der.INTEGER), (a, octets), (b, octets), (base, octets), (order, der.INTEGER)


def _contents(curve: Curve) -> tuple[bytes, ...]:
    """What the five values of `_explicit` must be, byte for byte."""
    size = curve.size
    prime, order = (tlv.parse(der.encode_integer(number)).value for number in (curve.p, curve.n))
    return prime, curve.a.to_bytes(size, "big"), curve.b.to_bytes(size, "big"), curve.generator.encode(), order
