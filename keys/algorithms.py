"""Names and numbers of the algorithms in use: curves, hashes, COSE identifiers, purposes, object identifiers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


class Purpose(StrEnum):
    """What a key is for. A key has one purpose."""

    CSCA = "csca"
    LINK = "link"
    DOCUMENT_SIGNER = "document-signer"
    ENTITLEMENT_SIGNER = "entitlement-signer"
    STATUS_SIGNER = "status-signer"
    AUDIT_SIGNER = "audit-signer"
    MASTER_LIST_SIGNER = "master-list-signer"
    CARD_MASTER_KEY = "card-master-key"
    """Signs nothing: gives each card its own keys."""
    # Roles of the publication (TUF): which keys have them, its root metadata says.
    ROOT = "publication-root"
    TARGETS = "publication-targets"
    SNAPSHOT = "publication-snapshot"
    TIMESTAMP = "publication-timestamp"


class CoseAlgorithm(IntEnum):
    """COSE algorithm identifiers (RFC 9053 §2.1; the fully specified ones by RFC 9864)."""

    ES256 = -7
    ESP256 = -9
    ES384 = -35
    ESP384 = -51


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """A named curve: `size` is the length in bytes of a field element, and of r and of s in a raw signature."""

    name: str
    oid: str
    size: int
    hash: hashes.SHA256 | hashes.SHA384 | hashes.SHA512
    """The hash that goes with the curve in every signature we make."""


P256 = Curve(name="secp256r1", oid="1.2.840.10045.3.1.7", size=32, hash=hashes.SHA256())
P384 = Curve(name="secp384r1", oid="1.3.132.0.34", size=48, hash=hashes.SHA384())
P521 = Curve(name="secp521r1", oid="1.3.132.0.35", size=66, hash=hashes.SHA512())
BRAINPOOL_P256 = Curve(name="brainpoolP256r1", oid="1.3.36.3.3.2.8.1.1.7", size=32, hash=hashes.SHA256())
BRAINPOOL_P384 = Curve(name="brainpoolP384r1", oid="1.3.36.3.3.2.8.1.1.11", size=48, hash=hashes.SHA384())
BRAINPOOL_P512 = Curve(name="brainpoolP512r1", oid="1.3.36.3.3.2.8.1.1.13", size=64, hash=hashes.SHA512())

CURVES = {curve.name: curve for curve in (P256, P384, P521, BRAINPOOL_P256, BRAINPOOL_P384, BRAINPOOL_P512)}
"""Curves that certificates may use, by the name that `cryptography` gives them."""

COSE_CURVES: dict[int, Curve] = {
    CoseAlgorithm.ES256: P256,
    CoseAlgorithm.ESP256: P256,
    CoseAlgorithm.ES384: P384,
    CoseAlgorithm.ESP384: P384,
}
"""The one curve accepted with each COSE algorithm, so that an algorithm is never a choice of the signed message."""

# Key purposes. mdlDS is ISO/IEC 18013-5 Annex B.1.4: what independent mdoc verifiers look for.
EKU_ENTITLEMENT_SIGNER = "1.0.18013.5.1.2"
# id-kp-oauthStatusSigning of the Token Status List specification.
EKU_STATUS_SIGNER = "1.3.6.1.5.5.7.3.30"
# No registered purpose fits an audit log: an identifier under a UUID of our own (X.667; needs no registration).
EKU_AUDIT_SIGNER = "2.25.112614283316180531402935912146389714513"
# id-icao-mrtd-security-masterListSigningKey, Doc 9303-12 §9.
EKU_MASTER_LIST_SIGNER = "2.23.136.1.1.3"

EXTENDED_KEY_USAGE: dict[Purpose, str] = {
    Purpose.ENTITLEMENT_SIGNER: EKU_ENTITLEMENT_SIGNER,
    Purpose.STATUS_SIGNER: EKU_STATUS_SIGNER,
    Purpose.AUDIT_SIGNER: EKU_AUDIT_SIGNER,
    Purpose.MASTER_LIST_SIGNER: EKU_MASTER_LIST_SIGNER,
}
"""The extended key usage of each purpose; one that is not here must carry none (Doc 9303-12 §7.1.1)."""

OID_LDS_SECURITY_OBJECT = "2.23.136.1.1.1"
OID_CSCA_MASTER_LIST = "2.23.136.1.1.2"
OID_NAME_CHANGE = "2.23.136.1.1.6.1"
OID_DOCUMENT_TYPE_LIST = "2.23.136.1.1.6.2"


def curve_of(key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) -> Curve:
    """The table row of a key's curve; ValueError when the curve is not one we use."""
    try:
        return CURVES[key.curve.name]
    except KeyError:
        raise ValueError(f"curve {key.curve.name} is not in use") from None


def ecdsa(key: ec.EllipticCurvePublicKey | ec.EllipticCurvePrivateKey) -> ec.ECDSA:
    """ECDSA with the hash that goes with the key's curve."""
    return ec.ECDSA(curve_of(key).hash)
