"""Objects on a token, as python-pkcs11 hands them over, and what is demanded of them before they are used."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from .. import der
from ..algorithms import CURVES, Curve
from ..errors import DecodeError
from . import CustodyError, CustodyReason
from .token_session import TokenSession
from .token_uri import TokenUri

APPLICATION = "residence-permit card keys"
"""CKA_APPLICATION of the data objects that hold transport keys."""

_BY_OID = {der.object_identifier(curve.oid): curve for curve in CURVES.values()}
_EC_CURVES: dict[str, type[ec.EllipticCurve]] = {
    kind.name: kind
    for kind in (
        ec.SECP256R1,
        ec.SECP384R1,
        ec.SECP521R1,
        ec.BrainpoolP256R1,
        ec.BrainpoolP384R1,
        ec.BrainpoolP512R1,
    )
}


class SigningKey:
    """A private key object, valid for one session, with the public key that it was tested against."""

    __slots__ = ("_private", "curve", "public_key", "session")

    def __init__(self, session: TokenSession, private: Any, public_key: ec.EllipticCurvePublicKey) -> None:
        self.session = session
        self.public_key = public_key
        self.curve: Curve = CURVES[public_key.curve.name]
        self._private = private

    def sign(self, digest: bytes) -> bytes:
        """r ‖ s. Tokens differ in how they take a digest longer than the order: it is cut here (FIPS 186-5 §6.4)."""
        from pkcs11 import Mechanism

        return bytes(self._private.sign(digest[: self.curve.size], mechanism=Mechanism.ECDSA))


def public_key_of(thing: Any, key: TokenUri) -> ec.EllipticCurvePublicKey:
    """The key of a public key object, its point checked to be on a curve in use; `CustodyError` (DAMAGED)."""
    from pkcs11 import Attribute

    curve = _curve(thing)
    raw = bytes(thing[Attribute.EC_POINT])
    try:
        if curve is None:
            raise ValueError("a curve that is not in use")
        if len(raw) != 1 + 2 * curve.size:
            # PKCS #11 v2.40 mechanisms §2.3.3: DER OCTET STRING around the point; some tokens leave it out.
            outer = der.Reader(raw)
            raw = outer.content(der.OCTET_STRING)
            outer.finish()
        return ec.EllipticCurvePublicKey.from_encoded_point(_EC_CURVES[curve.name](), raw)
    except (ValueError, DecodeError) as error:
        raise CustodyError(f"public key on the token: {error}", reason=CustodyReason.DAMAGED, uri=str(key)) from error


def is_protected(thing: Any) -> bool:
    """Whether the token says that the key was made inside, and never could be read or taken out."""
    from pkcs11 import Attribute

    good = (Attribute.SENSITIVE, Attribute.ALWAYS_SENSITIVE, Attribute.NEVER_EXTRACTABLE, Attribute.LOCAL)
    return all(thing[attribute] is True for attribute in good) and thing[Attribute.EXTRACTABLE] is False


def require_protected(thing: Any, key: TokenUri) -> None:
    """`CustodyError`: UNPROTECTED for a key that was outside or may leave, MECHANISM_MISSING if it cannot sign."""
    from pkcs11 import Attribute

    if not is_protected(thing):
        raise CustodyError(
            "the token says that this key was outside or may leave it; make a new one inside and destroy this",
            reason=CustodyReason.UNPROTECTED,
            uri=str(key),
        )
    if thing[Attribute.SIGN] is not True:
        raise CustodyError(
            "the key on the token was not made for signing; make a new one",
            reason=CustodyReason.MECHANISM_MISSING,
            uri=str(key),
        )


def class_of(thing: Any) -> int:
    """CKA_CLASS. The attribute, since python-pkcs11 knows no class of its own for data objects."""
    from pkcs11 import Attribute

    return int(thing[Attribute.CLASS])


def is_key(thing: Any) -> bool:
    """Whether an object is of a kind that a custody makes."""
    from pkcs11 import Attribute, ObjectClass

    if class_of(thing) == ObjectClass.DATA:
        return bool(thing[Attribute.APPLICATION] == APPLICATION)
    return class_of(thing) in {ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY, ObjectClass.SECRET_KEY}


def secret_first(thing: Any) -> bool:
    """Sort key: public halves come last, so that what breaks off leaves no private key."""
    from pkcs11 import ObjectClass

    return bool(class_of(thing) == ObjectClass.PUBLIC_KEY)


def missing(key: TokenUri) -> CustodyError:
    """NOT_FOUND."""
    line = "there is no such key on the token; list the keys and check the URI"
    return CustodyError(line, reason=CustodyReason.NOT_FOUND, uri=str(key))


def exists(key: TokenUri) -> CustodyError:
    """ALREADY_EXISTS."""
    line = "the token has a key of this name; choose another name"
    return CustodyError(line, reason=CustodyReason.ALREADY_EXISTS, uri=str(key))


def wrong(key: TokenUri) -> CustodyError:
    """SELF_TEST_FAILED."""
    line = "the key's self-test failed; stop using this token and find out why"
    return CustodyError(line, reason=CustodyReason.SELF_TEST_FAILED, uri=str(key))


def curve_name(thing: Any) -> str:
    """The name of a public key object's curve; empty when it is not one in use."""
    curve = _curve(thing)
    return curve.name if curve else ""


def _curve(thing: Any) -> Curve | None:
    from pkcs11 import Attribute

    return _BY_OID.get(bytes(thing[Attribute.EC_PARAMS]))
