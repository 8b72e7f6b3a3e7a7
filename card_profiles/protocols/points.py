"""Points of prime-order elliptic curves: the arithmetic that PACE's generic mapping needs and `cryptography` lacks.

`cryptography` multiplies a point and tells the x coordinate only (ECDH). With x(kP) and x((k+1)P), the y coordinate of
kP follows from one rational formula (Brier and Joye, "Weierstraß Elliptic Curves and Side-Channel Attacks", PKC 2002):
no square root, no sign to guess, no second library. The scalar multiplications run in OpenSSL, in constant time; what
runs in Python's integers are coordinates of points that are used once.

A `Point` is on its curve and is never the identity: its constructor checks the equation (which also catches a fault in
the formula above), and functions whose result may be the identity return None for it. All curves of the table have
cofactor 1, so an affine point on the curve has the full order.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.asymmetric import ec

from keys.errors import DecodeError

MAX_DRAWS = 64  # the worst curve of the table rejects 45 % of all candidates: 64 in a row are a broken source


class NotOnCurve(DecodeError):
    """Well-formed coordinates that do not satisfy the equation of the curve."""


class IdentityEncoded(DecodeError):
    """The encoding 00 of the point at infinity (SEC 1 §2.3.3), which no protocol of ours may accept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """y² = x³ + ax + b over GF(p), cofactor 1, generator (g_x, g_y) of prime order n.

    `parameter_id` is the standardised domain parameter of ICAO 9303-11 §9.5.1; `oid` the named curve.
    """

    name: str
    parameter_id: int
    oid: str
    group: ec.EllipticCurve = field(repr=False)
    p: int = field(repr=False)
    a: int = field(repr=False)
    b: int = field(repr=False)
    n: int = field(repr=False)
    g_x: int = field(repr=False)
    g_y: int = field(repr=False)

    @property
    def size(self) -> int:
        """Bytes of a field element and of a scalar, always written in full."""
        return (self.p.bit_length() + 7) // 8

    @property
    def generator(self) -> Point:
        return Point(curve=self, x=self.g_x, y=self.g_y)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """An affine point; constructing one that is not on `curve` raises `NotOnCurve`."""

    curve: Curve
    x: int = field(repr=False)  # a mapped generator is secret
    y: int = field(repr=False)

    def __post_init__(self) -> None:
        c, x, y = self.curve, self.x, self.y
        if not (0 <= x < c.p and 0 <= y < c.p):
            raise NotOnCurve("a coordinate is not a field element", path=c.name)
        if (y * y - (x * x + c.a) * x - c.b) % c.p:
            raise NotOnCurve("not a point of the curve", path=c.name)

    def encode(self) -> bytes:
        """04 ‖ x ‖ y, 1 + 2 * `curve.size` bytes (BSI TR-03111 §3.2.1)."""
        size = self.curve.size
        return b"\x04" + self.x.to_bytes(size, "big") + self.y.to_bytes(size, "big")


def decode_point(curve: Curve, data: bytes) -> Point:
    """Read an uncompressed point; `DecodeError` for another form, `NotOnCurve`, or `IdentityEncoded`."""
    if data == b"\x00":
        raise IdentityEncoded("the point at infinity", path=curve.name)
    size = curve.size
    if len(data) != 1 + 2 * size or data[0] != 0x04:
        raise DecodeError(f"an uncompressed point has {1 + 2 * size} bytes and begins with 04", path=curve.name)
    return Point(curve=curve, x=int.from_bytes(data[1 : 1 + size], "big"), y=int.from_bytes(data[1 + size :], "big"))


def random_scalar(curve: Curve, random: Callable[[int], bytes]) -> int:
    """A uniform scalar in [1, n-1] by testing candidates of `curve.size` bytes (FIPS 186-5 A.2.2).

    Raises ValueError when `random` yields no candidate in `MAX_DRAWS` draws: a source that is stuck, not bad luck.
    """
    excess = 8 * curve.size - curve.n.bit_length()
    for _ in range(MAX_DRAWS):
        candidate = int.from_bytes(random(curve.size), "big") >> excess
        if 0 < candidate < curve.n:
            return candidate
    raise ValueError("the source of randomness yields no scalar")


def base_multiply(curve: Curve, scalar: int) -> Point:
    """scalar * G for 0 < scalar < n (ValueError otherwise)."""
    numbers = _private_key(curve, scalar).public_key().public_numbers()
    return Point(curve=curve, x=numbers.x, y=numbers.y)


def multiply(point: Point, scalar: int) -> Point | None:
    """scalar * point, any scalar >= 0; None for the identity."""
    curve = point.curve
    scalar %= curve.n
    if scalar == 0:
        return None
    if scalar == curve.n - 1:  # (scalar + 1) * point has no x coordinate
        return Point(curve=curve, x=point.x, y=curve.p - point.y)
    peer = _public_key(point)
    x = _ecdh_x(curve, scalar, peer)
    x_next = _ecdh_x(curve, scalar + 1, peer)
    # y = (2b + (a + x₀x)(x₀ + x) - x'(x₀ - x)²) / 2y₀; y₀ is not 0, as no point of odd prime order has y = 0.
    numerator = 2 * curve.b + (curve.a + point.x * x) * (point.x + x) - x_next * (point.x - x) ** 2
    return Point(curve=curve, x=x, y=numerator * pow(2 * point.y, -1, curve.p) % curve.p)


def add(left: Point, right: Point) -> Point | None:
    """left + right; None for the identity. Points of two curves raise ValueError."""
    curve = left.curve
    if right.curve is not curve:
        raise ValueError("points of two curves")
    p = curve.p
    if left.x != right.x:
        slope = (right.y - left.y) * pow(right.x - left.x, -1, p) % p
    elif left.y == right.y:
        slope = (3 * left.x * left.x + curve.a) * pow(2 * left.y, -1, p) % p
    else:
        return None
    x = (slope * slope - left.x - right.x) % p
    return Point(curve=curve, x=x, y=(slope * (left.x - x) - left.y) % p)


def shared_x(point: Point, scalar: int) -> bytes:
    """x of scalar * point, `curve.size` bytes: the shared secret of ECDH (BSI TR-03111 §4.3.1), 0 < scalar < n."""
    return _private_key(point.curve, scalar).exchange(ec.ECDH(), _public_key(point))


def _private_key(curve: Curve, scalar: int) -> ec.EllipticCurvePrivateKey:
    if not 0 < scalar < curve.n:
        raise ValueError("a scalar lies in [1, n-1]")
    return ec.derive_private_key(scalar, curve.group)


def _public_key(point: Point) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicNumbers(point.x, point.y, point.curve.group).public_key()


def _ecdh_x(curve: Curve, scalar: int, peer: ec.EllipticCurvePublicKey) -> int:
    return int.from_bytes(_private_key(curve, scalar).exchange(ec.ECDH(), peer), "big")


def _curve(
    *,
    name: str,
    parameter_id: int,
    oid: str,
    group: ec.EllipticCurve,
    p: str,
    a: str,
    b: str,
    n: str,
    g_x: str,
    g_y: str,
) -> Curve:
    numbers = {"p": p, "a": a, "b": b, "n": n, "g_x": g_x, "g_y": g_y}
    return Curve(
        name=name, parameter_id=parameter_id, oid=oid, group=group, **{k: int(v, 16) for k, v in numbers.items()}
    )


P_256 = _curve(  # SEC 2 §2.4.2
    name="P-256",
    parameter_id=12,
    oid="1.2.840.10045.3.1.7",
    group=ec.SECP256R1(),
    p="FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFF",
    a="FFFFFFFF00000001000000000000000000000000FFFFFFFFFFFFFFFFFFFFFFFC",
    b="5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B",
    n="FFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551",
    g_x="6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296",
    g_y="4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5",
)
BRAINPOOL_P256R1 = _curve(  # RFC 5639 §3.4
    name="brainpoolP256r1",
    parameter_id=13,
    oid="1.3.36.3.3.2.8.1.1.7",
    group=ec.BrainpoolP256R1(),
    p="A9FB57DBA1EEA9BC3E660A909D838D726E3BF623D52620282013481D1F6E5377",
    a="7D5A0975FC2C3057EEF67530417AFFE7FB8055C126DC5C6CE94A4B44F330B5D9",
    b="26DC5C6CE94A4B44F330B5D9BBD77CBF958416295CF7E1CE6BCCDC18FF8C07B6",
    n="A9FB57DBA1EEA9BC3E660A909D838D718C397AA3B561A6F7901E0E82974856A7",
    g_x="8BD2AEB9CB7E57CB2C4B482FFC81B7AFB9DE27E1E3BD23C23A4453BD9ACE3262",
    g_y="547EF835C3DAC4FD97F8461A14611DC9C27745132DED8E545C1D54C72F046997",
)
P_384 = _curve(  # SEC 2 §2.5.1
    name="P-384",
    parameter_id=15,
    oid="1.3.132.0.34",
    group=ec.SECP384R1(),
    p="FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFF",
    a="FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEFFFFFFFF0000000000000000FFFFFFFC",
    b="B3312FA7E23EE7E4988E056BE3F82D19181D9C6EFE8141120314088F5013875AC656398D8A2ED19D2A85C8EDD3EC2AEF",
    n="FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973",
    g_x="AA87CA22BE8B05378EB1C71EF320AD746E1D3B628BA79B9859F741E082542A385502F25DBF55296C3A545E3872760AB7",
    g_y="3617DE4A96262C6F5D9E98BF9292DC29F8F41DBD289A147CE9DA3113B5F0B8C00A60B1CE1D7E819D7A431D7C90EA0E5F",
)
BRAINPOOL_P384R1 = _curve(  # RFC 5639 §3.6
    name="brainpoolP384r1",
    parameter_id=16,
    oid="1.3.36.3.3.2.8.1.1.11",
    group=ec.BrainpoolP384R1(),
    p="8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B412B1DA197FB71123ACD3A729901D1A71874700133107EC53",
    a="7BC382C63D8C150C3C72080ACE05AFA0C2BEA28E4FB22787139165EFBA91F90F8AA5814A503AD4EB04A8C7DD22CE2826",
    b="04A8C7DD22CE28268B39B55416F0447C2FB77DE107DCD2A62E880EA53EEB62D57CB4390295DBC9943AB78696FA504C11",
    n="8CB91E82A3386D280F5D6F7E50E641DF152F7109ED5456B31F166E6CAC0425A7CF3AB6AF6B7FC3103B883202E9046565",
    g_x="1D1C64F068CF45FFA2A63A81B7C13F6B8847A3E77EF14FE3DB7FCAFE0CBD10E8E826E03436D646AAEF87B2E247D4AF1E",
    g_y="8ABE1D7520F9C2A45CB1EB8E95CFD55262B70B29FEEC5864E19C054FF99129280E4646217791811142820341263C5315",
)
BRAINPOOL_P512R1 = _curve(  # RFC 5639 §3.7
    name="brainpoolP512r1",
    parameter_id=17,
    oid="1.3.36.3.3.2.8.1.1.13",
    group=ec.BrainpoolP512R1(),
    p="AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330871"
    "7D4D9B009BC66842AECDA12AE6A380E62881FF2F2D82C68528AA6056583A48F3",
    a="7830A3318B603B89E2327145AC234CC594CBDD8D3DF91610A83441CAEA9863BC"
    "2DED5D5AA8253AA10A2EF1C98B9AC8B57F1117A72BF2C7B9E7C1AC4D77FC94CA",
    b="3DF91610A83441CAEA9863BC2DED5D5AA8253AA10A2EF1C98B9AC8B57F1117A7"
    "2BF2C7B9E7C1AC4D77FC94CADC083E67984050B75EBAE5DD2809BD638016F723",
    n="AADD9DB8DBE9C48B3FD4E6AE33C9FC07CB308DB3B3C9D20ED6639CCA70330870"
    "553E5C414CA92619418661197FAC10471DB1D381085DDADDB58796829CA90069",
    g_x="81AEE4BDD82ED9645A21322E9C4C6A9385ED9F70B5D916C1B43B62EEF4D0098E"
    "FF3B1F78E2D0D48D50D1687B93B97D5F7C6D5047406A5E688B352209BCB9F822",
    g_y="7DDE385D566332ECC0EABFA9CF7822FDF209F70024A57B1AA000C55B881F8111"
    "B2DCDE494A5F485E5BCA4BD88A2763AED1CA2B2FA8F0540678CD1E0F3AD80892",
)
P_521 = _curve(  # SEC 2 §2.6.1
    name="P-521",
    parameter_id=18,
    oid="1.3.132.0.35",
    group=ec.SECP521R1(),
    p="01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF",
    a="01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
    "FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC",
    b="0051953EB9618E1C9A1F929A21A0B68540EEA2DA725B99B315F3B8B489918EF109"
    "E156193951EC7E937B1652C0BD3BB1BF073573DF883D2C34F1EF451FD46B503F00",
    n="01FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF"
    "FA51868783BF2F966B7FCC0148F709A5D03BB5C9B8899C47AEBB6FB71E91386409",
    g_x="00C6858E06B70404E9CD9E3ECB662395B4429C648139053FB521F828AF606B4D3D"
    "BAA14B5E77EFE75928FE1DC127A2FFA8DE3348B3C1856A429BF97E7E31C2E5BD66",
    g_y="011839296A789A3BC0045C8A5FB42C7D1BD998F54449579B446817AFBD17273E66"
    "2C97EE72995EF42640C550B9013FAD0761353C7086A272C24088BE94769FD16650",
)

CURVES: tuple[Curve, ...] = (P_256, BRAINPOOL_P256R1, P_384, BRAINPOOL_P384R1, BRAINPOOL_P512R1, P_521)
BY_PARAMETER_ID: dict[int, Curve] = {curve.parameter_id: curve for curve in CURVES}
BY_OID: dict[str, Curve] = {curve.oid: curve for curve in CURVES}
